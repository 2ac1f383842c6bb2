"""Shapes of the values between NIR nodes, from the Input on, and the geometry of convolutions and pools.

A shape has no batch and no time. Leading dimensions of 1 that a node has no use for are taken for a batch.
"""

from __future__ import annotations

from collections import deque
from math import prod
from typing import Any

import numpy as np

from importers.nir.file import Value
from importers.nir.flat import FlatGraph, FlatNode
from neurosim.errors import DataError, NetworkError
from neurosim.graph import ConvolutionWeights

Shape = tuple[int, ...]
MAX_NEURONS = 2**31 - 1
ELEMENTWISE = ("tau", "tau_mem", "tau_syn", "r", "w_in", "v_leak", "v_threshold", "v_reset", "threshold", "scale",
               "delay")


class Shapes:
    """The shape that leaves each node; `notes` says what was taken for a batch."""

    def __init__(self, graph: FlatGraph, weight_layout: str) -> None:
        self.graph, self.is_transposed = graph, weight_layout == "in,out"
        self.notes: dict[str, None] = {}
        self.out: dict[str, Shape] = {}
        self.into: dict[str, Shape] = {}
        self._infer()

    def size(self, name: str) -> int:
        """Return how many values leave a node."""
        return prod(self.out[name])

    def matrix(self, node: FlatNode) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the weights of an Affine or Linear as float64[in, out]."""
        weight = np.asarray(_numbers(self.graph, node, "weight"), np.float64)
        if weight.ndim != 2 or not weight.size:
            raise _wrong(self.graph, node, f"weight has shape {weight.shape}", "two dimensions (out, in)")
        return np.ascontiguousarray(weight if self.is_transposed else weight.T)

    def _infer(self) -> None:
        targets, sources = self.graph.targets(), self.graph.sources()
        waiting = deque(name for name, node in self.graph.nodes.items() if node.role == "input")
        for name in waiting:
            self.out[name] = self.into[name] = self._input(self.graph.nodes[name])
        while waiting:
            name = waiting.popleft()
            for target in targets[name]:
                if target not in self.out:
                    self.into[target], self.out[target] = self._after(self.graph.nodes[target], self.out[name])
                    waiting.append(target)
        for name in self.graph.nodes:
            if name not in self.out:
                raise DataError(f"{self.graph.path}: node {name!r} is not reached from any Input",
                                allowed="nodes that lie behind an Input", mend="add the edge, or take the node out")
            for source in sources[name]:
                if prod(self.out[source]) != prod(self.into[name]):
                    raise DataError(f"{self.graph.path}: edge {source} -> {name}: {self.out[source]} values come, "
                                    f"{self.into[name]} are awaited", allowed="the same number on all edges of a node",
                                    mend="check the weights' shapes")

    def _input(self, node: FlatNode) -> Shape:
        shape = _integers(self.graph, node, "shape")
        if not shape or min(shape) < 1 or prod(shape) > MAX_NEURONS:
            raise _wrong(self.graph, node, f"shape = {shape}", "whole numbers from 1")
        return shape

    def _after(self, node: FlatNode, given: Shape) -> tuple[Shape, Shape]:
        """Return (shape in, shape out) of a node that gets values of shape `given`."""
        if node.kind in ("Affine", "Linear"):
            matrix = self.matrix(node)
            if prod(given) != matrix.shape[0]:
                raise _wrong(self.graph, node, f"weight takes {matrix.shape[0]} values, but {given} come",
                             "as many as come", mend="weights are (out, in); Rockpool wrote them (in, out): "
                             "weight_layout='in,out'")
            return self._fitted(node, given, 1), (matrix.shape[1],)
        if node.kind in ("Conv1d", "Conv2d", "SumPool2d", "AvgPool2d"):
            image = self._fitted(node, given, 2 if node.kind == "Conv1d" else 3)
            weights = convolution(self.graph, node, image)
            out = weights.output_shape
            return image, (out[0], out[2]) if node.kind == "Conv1d" else out
        if node.kind == "Flatten":
            return given, self._flattened(node, given)
        if node.role in ("neuron", "light"):
            return self._elementwise(node, given)
        return given, given

    def _elementwise(self, node: FlatNode, given: Shape) -> tuple[Shape, Shape]:
        dimensions = max((np.ndim(value) for name, value in node.fields.items()
                          if name in ELEMENTWISE and np.size(value) > 1), default=len(given))
        shape = self._fitted(node, given, dimensions)
        if len(shape) == 1 and dimensions > 1:      # an image behind a flat layer
            whole = [np.shape(value) for name, value in node.fields.items()
                     if name in ELEMENTWISE and np.ndim(value) == dimensions and np.size(value) == prod(shape)]
            shape = whole[0] if whole else shape
        for name in node.fields:
            if name in ELEMENTWISE:
                values(self.graph, node, name, shape)
        return shape, shape

    def _flattened(self, node: FlatNode, given: Shape) -> Shape:
        start = _integer(self.graph, node, "start_dim", 1)
        end = _integer(self.graph, node, "end_dim", -1)
        first, last = (number + len(given) if number < 0 else number for number in (start, end))
        if len(given) == 1 and first in (0, 1):
            return given
        if not 0 <= first <= last < len(given):
            raise _wrong(self.graph, node, f"start_dim = {start}, end_dim = {end} for a shape {given}",
                         f"dimensions from 0 to {len(given) - 1}")
        return (*given[:first], prod(given[first:last + 1]), *given[last + 1:])

    def _fitted(self, node: FlatNode, given: Shape, dimensions: int) -> Shape:
        """Return a shape without the leading ones that `node` has no use for."""
        shape = given
        while len(shape) > dimensions and shape[0] == 1:
            shape = shape[1:]
        if shape != given:
            self.notes[f"{node.name}: of the shape {given} that comes, the leading 1 is taken for a batch"] = None
        return shape


def convolution(graph: FlatGraph, node: FlatNode, image: Shape) -> ConvolutionWeights:
    """Return a Conv1d, Conv2d, SumPool2d or AvgPool2d over an image of shape (channels, [height,] width)."""
    n_axes = 1 if node.kind == "Conv1d" else 2
    if len(image) == n_axes:
        image = (1, *image)
    if len(image) != n_axes + 1:
        raise _wrong(graph, node, f"gets values of shape {image}", f"channels and {n_axes} dimensions of an image",
                     mend="check the shape of the Input")
    kernel, groups = _kernel(graph, node, image)
    stride, dilation = (_per_axis(graph, node, name, n_axes) if name in node.fields else (1,) * n_axes
                        for name in ("stride", "dilation"))
    if kernel.ndim != n_axes + 2 or min(*stride, *dilation, *kernel.shape) < 1:
        raise _wrong(graph, node, f"kernel {kernel.shape}, stride {stride}, dilation {dilation}",
                     f"a kernel of {n_axes + 2} dimensions, numbers from 1")
    before, size = _padded(graph, node, image[1:], kernel.shape[2:], stride, dilation)
    if n_axes == 1:
        kernel, image = kernel[:, :, None], (image[0], 1, image[1])
        stride, dilation, before, size = (1, *stride), (1, *dilation), (0, *before), (1, *size)
    if kernel.shape[0] * prod(size) > MAX_NEURONS:
        raise _wrong(graph, node, f"makes {kernel.shape[0]} x {size} values", f"at most {MAX_NEURONS}")
    try:
        return ConvolutionWeights(np.ascontiguousarray(kernel, np.float64), (image[0], image[1], image[2]),
                                  (kernel.shape[0], size[0], size[1]), (stride[0], stride[1]), (before[0], before[1]),
                                  (dilation[0], dilation[1]), groups)
    except NetworkError as error:
        raise _wrong(graph, node, str(error).splitlines()[0], error.allowed or "", mend=error.mend) from error


def _kernel(graph: FlatGraph, node: FlatNode, image: Shape) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
    """Return the kernel and the number of groups; a pool is a kernel of equal values in a group per channel."""
    if node.kind in ("Conv1d", "Conv2d"):
        groups = _integer(graph, node, "groups", 1)
        stored = _integers(graph, node, "input_shape") if _is_given(node, "input_shape") else ()
        if stored and stored != image[1:]:
            raise _wrong(graph, node, f"input_shape = {stored}, but an image of {image[1:]} comes", "the same shape")
        return np.asarray(_numbers(graph, node, "weight"), np.float64), groups
    size = _per_axis(graph, node, "kernel_size", 2)
    if min(size) < 1 or prod(size) > max(1, 16 * prod(image[1:]) + 4096):
        raise _wrong(graph, node, f"kernel_size = {size}", f"numbers from 1 that suit an image of {image[1:]}")
    value = 1.0 if node.kind == "SumPool2d" else 1.0 / prod(size)
    return np.full((image[0], 1, *size), value), image[0]


def _padded(graph: FlatGraph, node: FlatNode, image: Shape, kernel: Shape, stride: Shape, dilation: Shape
            ) -> tuple[Shape, Shape]:
    """Return the padding before the image and the size of the result, along each axis."""
    reach = tuple(step * (taps - 1) for step, taps in zip(dilation, kernel, strict=True))
    padding = node.fields["padding"]
    if isinstance(padding, str) and padding == "same":
        if max(stride) > 1:
            raise _wrong(graph, node, f"padding = 'same' with stride {stride}", "stride 1 with padding 'same'")
        return tuple(span // 2 for span in reach), image
    if isinstance(padding, str):
        if padding != "valid":
            raise _wrong(graph, node, f"padding = {padding!r}", "numbers, 'same' or 'valid'")
        before: Shape = (0,) * len(image)
    else:
        before = _per_axis(graph, node, "padding", len(image))
    size = tuple((length + 2 * pad - span - 1) // step + 1
                 for length, pad, span, step in zip(image, before, reach, stride, strict=True))
    if min(size) < 1 or min(before) < 0:
        raise _wrong(graph, node, f"kernel {kernel} with padding {before} on an image of {image}",
                     "a kernel that fits into the padded image")
    return before, size


def values(graph: FlatGraph, node: FlatNode, name: str, shape: Shape) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a parameter of a neuron, a scale or a delay as float64[value]; one number stands for all."""
    stored = np.asarray(_numbers(graph, node, name), np.float64)
    if stored.size == 1:
        return np.full(prod(shape), float(stored.reshape(-1)[0]))
    if stored.size == prod(shape) and stored.shape in (shape, (prod(shape),)):
        return np.ascontiguousarray(stored.reshape(-1))
    try:
        return np.ascontiguousarray(np.broadcast_to(stored, shape).reshape(-1))
    except ValueError:
        raise _wrong(graph, node, f"{name} has shape {stored.shape}, but values of shape {shape} come",
                     f"one number, or shape {shape}") from None


def _numbers(graph: FlatGraph, node: FlatNode, name: str) -> Any:
    stored: Value = node.fields[name]
    if isinstance(stored, str):
        raise _wrong(graph, node, f"{name} = {stored!r}", "numbers")
    return stored


def _is_given(node: FlatNode, name: str) -> bool:
    stored = node.fields.get(name)
    return stored is not None and not isinstance(stored, str) and stored.size > 0 and bool(np.all(stored > 0))


def _integers(graph: FlatGraph, node: FlatNode, name: str) -> Shape:
    stored = np.asarray(_numbers(graph, node, name)).reshape(-1)
    if stored.size > 8 or not np.all(stored == np.floor(stored)) or not np.all(np.abs(stored.astype(float)) < 2**31):
        raise _wrong(graph, node, f"{name} = {stored[:8].tolist()}", "whole numbers")
    return tuple(int(number) for number in stored)


def _integer(graph: FlatGraph, node: FlatNode, name: str, default: int) -> int:
    if name not in node.fields:
        return default
    found = _integers(graph, node, name)
    if len(found) != 1:
        raise _wrong(graph, node, f"{name} = {found}", "one whole number")
    return found[0]


def _per_axis(graph: FlatGraph, node: FlatNode, name: str, n_axes: int) -> Shape:
    found = _integers(graph, node, name)
    if len(found) not in (1, n_axes):
        raise _wrong(graph, node, f"{name} = {found}", f"one number, or {n_axes}")
    return found if len(found) == n_axes else found * n_axes


def _wrong(graph: FlatGraph, node: FlatNode, what: str, allowed: str, mend: str | None = None) -> DataError:
    return DataError(f"{graph.path}: node {node.name!r} ({node.kind}): {what}", allowed=allowed, mend=mend)
