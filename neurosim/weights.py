"""Synaptic weights between two populations: all to all, listed, one to one, or one shared convolution kernel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class DenseWeights:
    """All-to-all weights.

    values : float64[pre, post]
    """

    values: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """(pre, post)"""
        return self.values.shape[0], self.values.shape[1]

    @property
    def n_synapses(self) -> int:
        """Synapses stored, zero weights included."""
        return int(self.values.size)


@dataclass(frozen=True)
class SparseWeights:
    """Rows of synapses by source neuron (CSR).

    row_pointer : int64[pre + 1], ascending from 0
    targets : int64[synapse], ascending within a row and delay
    values : float64[synapse]
    n_post : neurons of the target population
    """

    row_pointer: IntArray
    targets: IntArray
    values: FloatArray
    n_post: int

    @property
    def shape(self) -> tuple[int, int]:
        """(pre, post)"""
        return len(self.row_pointer) - 1, self.n_post

    @property
    def n_synapses(self) -> int:
        """Synapses stored, zero weights included."""
        return int(self.values.size)


@dataclass(frozen=True)
class OneToOneWeights:
    """Neuron i to neuron i.

    values : float64[neuron]
    """

    values: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """(pre, post)"""
        return len(self.values), len(self.values)

    @property
    def n_synapses(self) -> int:
        """Synapses stored, zero weights included."""
        return int(self.values.size)


@dataclass(frozen=True)
class ConvolutionWeights:
    """One kernel, shared by all places of the source's image: cross-correlation in two dimensions, as in PyTorch.

        out[o, y, x] = sum over c, i, j of values[o, c, i, j] in[g + c, y s_y + i d_y - p_y, x s_x + j d_x - p_x]

    with g the first input channel of the group of o. One dimension is a height of 1; pooling is a kernel of equal
    values in as many groups as channels. Source and target populations are images whose neurons stand in `order`.

    values : float64[output channel, input channel / groups, kernel height, kernel width]
    input_shape, output_shape : (channels, height, width)
    stride, padding, dilation : (vertical, horizontal); padding before row 0 and column 0, that behind the image
        follows from output_shape
    order : which index runs slowest to fastest; "cyx" numbers neurons as PyTorch flattens an image, "xyc" as Lava does
    """

    values: FloatArray
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    order: str = "cyx"

    def __post_init__(self) -> None:
        _check_convolution(self)

    @property
    def shape(self) -> tuple[int, int]:
        """(pre, post)"""
        return prod(self.input_shape), prod(self.output_shape)

    @property
    def n_synapses(self) -> int:
        """Synapses that the kernel stands for: every tap that lands inside the input, zero weights included."""
        return int(self.taps().sum()) * int(self.values.shape[1]) * self.output_shape[0]

    def taps(self) -> IntArray:
        """Return how many rows and columns of the kernel land inside the input; int64[output y, output x]."""
        rows, columns = (self.inside(axis).sum(axis=1) for axis in (0, 1))
        return np.outer(rows, columns).astype(np.int64)

    def inside(self, axis: int) -> NDArray[np.bool_]:
        """Return whether a tap lands inside the input's rows (axis 0) or columns (1); bool[output place, tap]."""
        at = self.source_places(axis)
        return np.asarray((at >= 0) & (at < self.input_shape[1 + axis]))

    def source_places(self, axis: int) -> IntArray:
        """Return the input row (axis 0) or column (1) under each tap, inside or not; int64[output place, tap]."""
        places, taps = np.arange(self.output_shape[1 + axis]), np.arange(self.values.shape[2 + axis])
        at: IntArray = (places[:, None] * self.stride[axis] + taps * self.dilation[axis] - self.padding[axis])
        return at

    def strides(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return by how much a neuron's number rises per channel, row and column of an image of `shape`."""
        step, found = 1, {}
        for axis in reversed(self.order):
            found[axis] = step
            step *= shape["cyx".index(axis)]
        return found["c"], found["y"], found["x"]

    def by_neuron(self, values: NDArray[np.float64]) -> FloatArray:
        """Return values[output channel] for each neuron of the target."""
        channel = np.arange(self.shape[1]) // self.strides(self.output_shape)[0] % self.output_shape[0]
        return np.asarray(values[channel], np.float64)

    def unrolled(self) -> SparseWeights:
        """Return every synapse by itself, zero weights included, in the order of source neurons."""
        n_out, n_in = self.output_shape[0], self.values.shape[1]
        source_strides, target_strides = self.strides(self.input_shape), self.strides(self.output_shape)
        first = np.arange(n_out) // (n_out // self.groups) * n_in
        out, channel = np.arange(n_out)[:, None], first[:, None] + np.arange(n_in)
        y_out, y_tap = np.nonzero(self.inside(0))
        x_out, x_tap = np.nonzero(self.inside(1))
        y_in, x_in = self.source_places(0)[y_out, y_tap], self.source_places(1)[x_out, x_tap]
        source = (channel[:, :, None, None] * source_strides[0] + (y_in * source_strides[1])[:, None]
                  + x_in * source_strides[2])
        target = (out[:, :, None, None] * target_strides[0] + (y_out * target_strides[1])[:, None]
                  + x_out * target_strides[2])
        values = self.values[:, :, y_tap[:, None], x_tap]
        pre, post = source.reshape(-1), np.broadcast_to(target, source.shape).reshape(-1)
        order = np.lexsort((post, pre))
        counts = np.bincount(pre, minlength=self.shape[0])
        return SparseWeights(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), post[order],
                             np.ascontiguousarray(values.reshape(-1)[order]), self.shape[1])


Weights = DenseWeights | SparseWeights | OneToOneWeights | ConvolutionWeights


def _check_convolution(weights: ConvolutionWeights) -> None:
    """Raise NetworkError where the numbers of a convolution do not go together."""
    for name in ("input_shape", "output_shape", "stride", "dilation"):
        if any(number < 1 for number in getattr(weights, name)):
            raise NetworkError(f"convolution: {name} = {getattr(weights, name)}", allowed="integers from 1")
    if any(number < 0 for number in weights.padding):
        raise NetworkError(f"convolution: padding = {weights.padding}", allowed="integers from 0")
    if sorted(weights.order) != ["c", "x", "y"]:
        raise NetworkError(f"convolution: order = {weights.order!r}", allowed="the letters c, y, x once each")
    n_in, n_out, groups = weights.input_shape[0], weights.output_shape[0], weights.groups
    if groups < 1 or n_in % groups or n_out % groups:
        raise NetworkError(f"convolution: groups = {groups}",
                           allowed=f"a number that divides {n_in} input channels and {n_out} output channels")
    if weights.values.ndim != 4 or weights.values.shape[:2] != (n_out, n_in // groups) or not weights.values.size:
        raise NetworkError(f"convolution: the kernel has shape {weights.values.shape}",
                           allowed=f"({n_out}, {n_in // groups}, height, width)")
    for axis in (0, 1):
        # The last place must look at the input with its first tap; behind it there is only padding.
        last = (weights.output_shape[1 + axis] - 1) * weights.stride[axis] - weights.padding[axis]
        if last >= weights.input_shape[1 + axis]:
            raise NetworkError(f"convolution: output_shape = {weights.output_shape} with stride {weights.stride} and "
                               f"padding {weights.padding}", allowed=f"places inside the input {weights.input_shape}",
                               mend="output = (input + 2 padding - dilation (kernel - 1) - 1) // stride + 1")
