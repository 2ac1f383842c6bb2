"""What is known of the tensors of a running module: where they come from, and what a layer reads in them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from importers.live.neurons import RefusedError
from importers.live.origin import NOWHERE, Call, IntArray, Layer, Read, Registry, Source, UnclearError
from importers.live.torch_shadow import CannotFollowError, Lost, Shadow, is_zero

OUTSIDE = "outside"


class Known:
    """Shadows of tensors, for as long as these live, and the calls that their numbers stand for.

    Parameters
    ----------
    n_samples : items of the batch
    """

    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples
        self.registry = Registry()
        self._outside: dict[tuple[int, ...], Layer] = {}
        self._known: Any = WeakTensorKeyDictionary()

    def __contains__(self, tensor: Tensor) -> bool:
        return tensor in self._known

    def __getitem__(self, tensor: Tensor) -> Shadow | Lost | None:
        """Return what is known of a tensor; None: nothing."""
        found: Shadow | Lost | None = self._known.get(tensor)
        return found

    def __setitem__(self, tensor: Tensor, known: Shadow | Lost) -> None:
        self._known[tensor] = known

    def shadow(self, tensor: Tensor) -> Shadow | None:
        """Return the shadow of a tensor; None of one without, or lost."""
        known = self._known.get(tensor)
        return known if isinstance(known, Shadow) else None

    def register(self, tensor: Tensor, call: Call) -> None:
        """Take a tensor for the output of a call."""
        first = self.registry.add(call)
        numbers = torch.arange(first, first + tensor.numel()).view(tensor.shape)
        self._known[tensor] = Shadow(((numbers, 1.0),), call.layer.kind == OUTSIDE)

    def send_outside(self, tensor: Tensor, samples: IntArray) -> None:
        """Take a tensor for values from outside, [position …, element …]; `samples` [position …]."""
        positions, shape = samples.reshape(-1), tuple(tensor.shape[samples.ndim:])
        layer = self._outside.setdefault(shape, Layer(OUTSIDE, OUTSIDE, shape))
        values = tensor.detach().to(torch.float64).numpy().reshape(len(positions), -1)
        self.register(tensor, Call(layer, positions, np.full(len(positions), NOWHERE), (), values))

    def derive(self, tensor: Tensor, given: Tensor) -> None:
        """Take a tensor for values from outside that were made of `given`, which comes from there.

        Positions stay as fine as they were, although a single sample would not tell.
        """
        shadow = self.shadow(given)
        assert shadow is not None
        numbers, shape = shadow.terms[0][0].numpy(), tuple(tensor.shape)
        samples, more = self.registry.samples(numbers), len(shape) - numbers.ndim
        try:
            n_leading = self.registry.read(numbers, None, 1.0)[0] + more
            self.send_outside(tensor, self.samples_like(samples, shape, n_leading))
        except (UnclearError, CannotFollowError, ValueError):
            self.send_outside(tensor, self.samples_like(samples, shape))

    def read(self, tensor: Tensor, n_leading: int | None) -> tuple[int, tuple[Read, ...]]:
        """Return how many dimensions of a layer's input are positions, and what it reads."""
        known = self._known.get(tensor)
        if isinstance(known, Lost):
            raise RefusedError(f"its input cannot be followed: {known.reason}" if known.reason else "")
        if known is None:
            if not is_zero(tensor):
                raise RefusedError("reads a tensor that comes neither from the inputs nor from a layer: a constant, or "
                                  "what an autograd.Function of your own made")
            return (min(1, tensor.ndim) if n_leading is None else n_leading), ()
        if known.is_outside:
            return self._read_outside(tensor, known, n_leading)
        reads: list[Read] = []
        for numbers, factor in known.terms:
            n_leading, more = self.registry.read(numbers.numpy(), n_leading, factor)
            reads += more
        assert n_leading is not None
        if any(read.source.is_like(other.source) for index, read in enumerate(reads) for other in reads[:index]):
            raise UnclearError("adds the same values twice")
        for read in reads:
            for call in np.unique(read.call[read.call >= 0]).tolist():
                self.registry.calls[call].is_used = True
        return n_leading, tuple(reads)

    def _read_outside(self, tensor: Tensor, known: Shadow, n_leading: int | None) -> tuple[int, tuple[Read, ...]]:
        """Read values from outside as they are here, whatever was done to them on the way."""
        numbers = known.terms[0][0].numpy()
        if n_leading is None:
            with suppress(UnclearError):
                n_leading = self.registry.read(numbers, None, 1.0)[0]
        samples = self.samples_like(self.registry.samples(numbers), tuple(tensor.shape), n_leading)
        first = len(self.registry.calls)
        self.send_outside(tensor, samples)
        order = np.arange(samples.size)
        layer = self.registry.calls[first].layer
        source = Source(layer, np.arange(int(np.prod(layer.shape, dtype=np.int64))), 1.0)
        return samples.ndim, (Read(source, np.full(len(order), first), order),)

    def samples(self, reads: tuple[Read, ...], given: Tensor, n_leading: int) -> IntArray:
        """Return the sample at each position."""
        n_positions = int(np.prod(given.shape[:n_leading], dtype=np.int64))
        found = np.full(n_positions, NOWHERE, np.int64)
        for read in reads:
            for call in np.unique(read.call[read.call >= 0]).tolist():
                here = read.call == call
                samples = self.registry.calls[call].sample[read.position[here]]
                if np.any((found[here] >= 0) & (found[here] != samples)):
                    raise UnclearError("samples are mixed")
                found[here] = samples
        if np.all(found < 0) and n_positions == self.n_samples:
            return np.arange(self.n_samples)
        if np.any(found < 0):
            raise UnclearError("cannot tell the samples apart")
        return found

    def samples_like(self, samples: IntArray, shape: tuple[int, ...], n_leading: int | None = None) -> IntArray:
        """Return the samples of the leading positions of a tensor of `shape`, made of one with `samples`.

        n_leading : how many dimensions are positions; None: as few as will do
        """
        alike = next((n for n in range(min(samples.ndim, len(shape)), -1, -1) if samples.shape[:n] == shape[:n]), 0)
        try:
            whole = np.broadcast_to(samples, shape)
        except ValueError:
            rows = samples.reshape(*shape[:alike], -1)
            if not rows.shape[-1] or np.any(rows != rows[..., :1]):
                raise CannotFollowError("mixes samples of the batch") from None
            whole = np.broadcast_to(rows[..., 0].reshape(*shape[:alike], *(1,) * (len(shape) - alike)), shape)
        for leading in range(len(shape) + 1) if n_leading is None else (n_leading,):
            rows = whole.reshape(*shape[:leading], -1)
            if np.all(rows == rows[..., :1]):
                return np.array(rows[..., 0])
        raise CannotFollowError("mixes samples of the batch")
