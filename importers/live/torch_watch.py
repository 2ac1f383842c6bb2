"""Runs a PyTorch module once and writes down what each layer of neurons reads and sends.

Layers of neurons are watched by hooks. Between them every function of PyTorch passes through `Watch`
(a `TorchFunctionMode`), which knows the operations that become synapses, those that only move elements, sums and
factors; see `torch_shadow`. Nothing of the module is changed: hooks are taken off, and states of its neurons reset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from importers.live import torch_shadow as shadows
from importers.live.neurons import RefusedError, Rule
from importers.live.origin import NOWHERE, Call, IntArray, Layer, Read, Source, UnclearError
from importers.live.record import NeuronLayer
from importers.live.torch_known import Known
from importers.live.torch_operations import Operation, are_same, operation, operation_or_none
from importers.live.torch_shadow import CannotFollowError, Lost, Shadow, place, tensors_in

MATRICES = ("linear", "convolution")


class Watch(TorchFunctionMode):  # type: ignore[misc]
    """Follows tensors from layer to layer.

    Parameters
    ----------
    n_samples : items of the batch
    rules : module -> what its neurons do, or why they cannot be simulated
    """

    def __init__(self, module: nn.Module, n_samples: int, rules: dict[nn.Module, Rule | RefusedError]) -> None:
        super().__init__()
        self.n_samples, self.rules = n_samples, rules
        self.names = {item: name or "network" for name, item in module.named_modules()}
        self.known = Known(n_samples)
        self.registry = self.known.registry
        self.neurons: dict[nn.Module, NeuronLayer] = {}
        self.operations: list[tuple[Layer, tuple[Any, ...]]] = []
        self.problems: dict[str, None] = {}
        self._path: list[str] = []
        self._within = 0                    # depth of layers of neurons that are running
        self._stack = ExitStack()

    # -- beginning and end -----------------------------------------------------------------------------------------

    def __enter__(self) -> Watch:
        for item, name in self.names.items():
            before, after = ((self._enter_neurons, self._leave_neurons) if item in self.rules
                             else (self._enter(name), self._leave))
            hooks = (item.register_forward_pre_hook(before, with_kwargs=True),
                     item.register_forward_hook(after, with_kwargs=True))
            for hook in hooks:
                self._stack.callback(hook.remove)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._stack.close()

    def give(self, tensor: Tensor, samples: IntArray) -> Tensor:
        """Declare a tensor to come from outside: [position …, element …], `samples` [position …]."""
        self.known.send_outside(tensor, samples)
        return tensor

    # -- hooks -----------------------------------------------------------------------------------------------------

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(*_: Any) -> None:
            self._path.append(name)
        return enter

    def _leave(self, *_: Any) -> None:
        self._path.pop()

    def _enter_neurons(self, *_: Any) -> None:
        self._within += 1

    def _leave_neurons(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        try:
            if self._within == 1:           # not a part of another layer of neurons
                self._take_call(module, args, kwargs, output)
        finally:
            self._within -= 1

    def _take_call(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        name, rule = self.names[module], self.rules[module]
        try:
            if isinstance(rule, RefusedError):
                raise rule
            self._fire(module, name, rule, args, kwargs, output)
        except (RefusedError, UnclearError, CannotFollowError) as error:
            if str(error):
                self.problems[f"{name} ({type(module).__name__}): {error}"] = None
            for tensor in tensors_in(output):
                self.known[tensor] = Lost("")

    def _fire(self, module: nn.Module, name: str, rule: Rule, args: Any, kwargs: Any, output: Any) -> None:
        """Write down one call of a layer of neurons."""
        given, states = rule.arguments(args, kwargs)
        sent, returned = rule.results(output)
        n_leading, reads = self.known.read(given, self._leading(given, rule))
        layer = self.neurons.get(module)
        shape = tuple(given.shape[n_leading:])
        if layer is None:
            layer = self.neurons[module] = NeuronLayer(Layer(name, "neurons", shape), rule)
        self._check_states(layer, states)
        layer.check_shape(shape)
        sample = self.known.samples(reads, given, n_leading)
        step = layer.steps_of(sample, given.shape, self.n_samples)
        number = layer.n_calls - 1
        layer.take(self.registry, reads, sample, step, sent.detach().double().numpy().reshape(len(sample), -1))
        self.known.register(sent, Call(layer.layer, sample, step))
        for tensor in returned:
            self.known[tensor] = Lost(f"is a state of {name}, which only its own neurons can read", (layer, number))

    def _leading(self, given: Tensor, rule: Rule) -> int | None:
        """Return how many dimensions are positions where neurons read values from outside; None: it shows by itself."""
        known, axes = self.known[given], (0,) if rule.time_axis is None else (0, 1)
        if not isinstance(known, Shadow) or not known.is_outside or given.ndim < len(axes):
            return None
        n_steps = 1 if rule.time_axis is None else given.shape[rule.time_axis]
        n_positions = int(np.prod(given.shape[:len(axes)]))
        return len(axes) if n_positions == n_steps * self.n_samples else None

    def _check_states(self, layer: NeuronLayer, states: Iterable[Any]) -> None:
        for tensor in tensors_in(list(states)):
            known = self.known[tensor]
            came_back = isinstance(known, Lost) and known.state == (layer, layer.n_calls - 1)
            begins = layer.n_calls == 0 and layer.rule.is_rest(tensor)
            if not (came_back or begins or self._is_last_of(layer, known)):
                raise RefusedError("is given a state that is neither at rest nor the one that it returned before: "
                                       "give each layer a module of its own, and hand its state on as it came")

    def _is_last_of(self, layer: NeuronLayer, known: Any) -> bool:
        """Return whether a tensor is what the neurons sent last, as layers with recurrences of their own take it."""
        if not isinstance(known, Shadow) or len(known.terms) != 1:
            return False
        _, reads = self.registry.read(known.terms[0][0].numpy(), None, 1.0)
        steps = [self.registry.calls[call].step.max() for read in reads for call in np.unique(read.call).tolist()]
        return {id(read.source.layer) for read in reads} == {id(layer.layer)} and min(steps) == layer.n_steps - 1

    # -- functions -------------------------------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self._within or func.__name__ in shadows.FRESH:
            return result
        if func.__name__ == "__iter__":
            result = tuple(result)
            self._note(func, args, kwargs, result)
            return iter(result)
        self._note(func, args, kwargs, result)
        return result

    def _note(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Write down where the results of a function come from."""
        known = [self.known[tensor] for tensor in tensors_in((args, kwargs)) if tensor in self.known]
        results = list(tensors_in(result))
        if func.__name__ == "__setitem__" and known:
            self.known[args[0]] = Lost(f"{self._where(func)} writes into a tensor; collect values by stack or cat")
        if not results or not (known or self._is_of_zeros(func.__name__, args, kwargs)):
            return
        lost = next((item for item in known if isinstance(item, Lost)), None)
        if lost is not None:
            self._lose(func, args, kwargs, results, lost)
            return
        try:
            self._follow(func, args, kwargs, results, [item for item in known if isinstance(item, Shadow)])
        except CannotFollowError as error:
            self._all(results, Lost(f"{self._where(func)} {error}"))
        except (UnclearError, RefusedError) as error:
            self._all(results, Lost(f"{self._where(func)}: {error}"))

    def _is_of_zeros(self, name: str, args: Any, kwargs: Any) -> bool:
        """Return whether this is an operation on the zeros that a recurrence begins with."""
        found = operation_or_none(name, args, kwargs)
        return (found is not None and found.n_trailing is not None and found.given not in self.known
                and found.given.shape[:found.given.ndim - found.n_trailing] == (self.n_samples,)
                and shadows.is_zero(found.given))

    def _lose(self, func: Any, args: Any, kwargs: Any, results: list[Tensor], lost: Lost) -> None:
        """Mark what is made of a lost tensor; synapses that read one would be missing, which is told."""
        found = operation_or_none(func.__name__, args, kwargs)
        if found is not None and found.kind in MATRICES and lost.reason:
            name = self._path[-1] if self._path else "network"
            self.problems[f"{name} ({func.__name__}): cannot be followed: {lost.reason}"] = None
            lost = Lost("")
        self._all(results, Lost(lost.reason, lost.state if func.__name__ in shadows.SAME else None))

    def _where(self, func: Any) -> str:
        """Return what is done, where: `sigmoid (net.py:12 in block1)`."""
        inside = f" in {self._path[-1]}" if self._path else ""
        return f"{func.__name__.strip('_')} ({place()}{inside})"

    def _all(self, results: list[Tensor], known: Any) -> None:
        for tensor in results:
            self.known[tensor] = known

    def readouts(self) -> list[NeuronLayer]:
        """Return the synapses that nobody reads, as layers that send what they receive."""
        found: dict[int, NeuronLayer] = {}
        for number, call in enumerate(self.registry.calls):
            if call.is_used or call.layer.kind not in MATRICES:
                continue
            step = self.registry.last_step(call)
            if np.all(step < 0):
                continue                    # of the inputs alone
            size = int(np.prod(call.layer.shape, dtype=np.int64))
            layer = found.setdefault(id(call.layer), NeuronLayer(
                Layer(call.layer.name, "neurons", call.layer.shape), Rule("linear", {})))
            order = np.arange(len(step))
            read = Read(Source(call.layer, np.arange(size), 1.0), np.full(len(step), number), order)
            layer.take(self.registry, (read,), call.sample, step, None)
        return list(found.values())

    def _follow(self, func: Any, args: Any, kwargs: Any, results: list[Tensor], known: list[Shadow]) -> None:
        """Give the results of a function their shadows; raise CannotFollowError."""
        name = func.__name__
        if name in shadows.SAME or (name in shadows.DROPOUTS and self._is_idle_dropout(func, args, kwargs)):
            self._all(results, known[0])
        elif name in shadows.MOVES:
            for tensor, shadow in zip(results, shadows.moved(func, args, kwargs, self.known.shadow), strict=True):
                if tensor.shape != shadow.terms[0][0].shape:
                    raise CannotFollowError("changes the shape in an unknown way")
                self.known[tensor] = shadow
        elif (found := operation(name, args, kwargs)) is not None:
            self._operate(found, results[0])
        elif all(shadow.is_outside for shadow in known):
            self._derive(results, args, kwargs)
        elif name in shadows.ADD | shadows.SUBTRACT and not set(kwargs) - {"other"}:
            sign = -1.0 if name in shadows.SUBTRACT else 1.0
            self.known[results[0]] = shadows.added(args[0], _second(args, kwargs), sign, self.known.shadow)
        elif name in shadows.MULTIPLY | shadows.DIVIDE and not set(kwargs) - {"other"}:
            self.known[results[0]] = shadows.scaled(args[0], _second(args, kwargs), self.known.shadow,
                                                     divides=name in shadows.DIVIDE)
        else:
            raise CannotFollowError("is no operation that neurons and synapses can do")

    def _is_idle_dropout(self, func: Any, args: Any, kwargs: Any) -> bool:
        chance = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        training = kwargs.get("training", args[2] if len(args) > 2 else True)
        if training and chance > 0:
            raise CannotFollowError(f"drops values at random (p = {chance}): call module.eval() first")
        return True

    def _operate(self, found: Operation, result: Tensor) -> None:
        """Write down an operation that becomes synapses or a population."""
        kind, given, n_trailing, settings, raw = found
        name = self._path[-1] if self._path else "network"
        n_leading, reads = self.known.read(given, None if n_trailing is None else given.ndim - n_trailing)
        sample = self.known.samples(reads, given, n_leading)
        sources = tuple(read.source for read in reads)
        shape = tuple(result.shape[n_leading:])
        layer = self._operation_layer(name, kind, shape, sources, settings, raw)
        layer.settings.setdefault("input_shape", tuple(given.shape[n_leading:]))
        self.known.register(result, Call(layer, sample, np.full(len(sample), NOWHERE), reads))

    def _operation_layer(self, name: str, kind: str, shape: tuple[int, ...], sources: tuple[Source, ...],
                         settings: Callable[[], dict[str, Any]], raw: tuple[Any, ...]) -> Layer:
        """Return the layer of an operation: the one of an earlier step, or a new one."""
        for layer, known in self.operations:
            if layer.name == name and layer.kind == kind and layer.shape == shape and are_same(known, raw) and (
                    not layer.sources or not sources or _are_like(layer.sources, sources)):
                layer.sources = layer.sources or sources
                return layer
        layer = Layer(name, kind, shape, settings(), sources)
        self.operations.append((layer, raw))
        return layer

    def _derive(self, results: list[Tensor], args: Any, kwargs: Any) -> None:
        """Take what a function makes of values from outside for other values from outside."""
        given = next(item for item in tensors_in((args, kwargs)) if item in self.known)
        for tensor in results:
            # What mixes samples, such as a mean, is a constant to all that follows.
            with suppress(CannotFollowError):
                self.known.derive(tensor, given)


def _second(args: Any, kwargs: Any) -> Any:
    return args[1] if len(args) > 1 else kwargs["other"]


def _are_like(left: tuple[Source, ...], right: tuple[Source, ...]) -> bool:
    return len(left) == len(right) and all(a.is_like(b) for a, b in zip(left, right, strict=True))
