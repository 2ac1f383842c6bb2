"""A convolution over many samples at once: tap by tap, each a matrix product over channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import (
    GEOMETRY_DILATION,
    GEOMETRY_GROUPS,
    GEOMETRY_IN_SHAPE,
    GEOMETRY_IN_STRIDE,
    GEOMETRY_KERNEL,
    GEOMETRY_OUT_SHAPE,
    GEOMETRY_OUT_STRIDE,
    GEOMETRY_PADDING,
    GEOMETRY_STEP,
    Int64Array,
)

Product = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


class Convolution:
    """The shape of one convolution.

    n_weights : numbers of its kernel
    n_held : numbers per sample that a tap holds beside its arguments
    """

    def __init__(self, geometry: Int64Array) -> None:
        def numbers(first: int, count: int) -> tuple[int, ...]:
            return tuple(int(number) for number in geometry[first:first + count])

        self.in_shape, self.out_shape = numbers(GEOMETRY_IN_SHAPE, 3), numbers(GEOMETRY_OUT_SHAPE, 3)
        self.in_order = _order(numbers(GEOMETRY_IN_STRIDE, 3), self.in_shape)
        self.out_order = _order(numbers(GEOMETRY_OUT_STRIDE, 3), self.out_shape)
        self.kernel, self.step = numbers(GEOMETRY_KERNEL, 2), numbers(GEOMETRY_STEP, 2)
        self.padding, self.dilation = numbers(GEOMETRY_PADDING, 2), numbers(GEOMETRY_DILATION, 2)
        self.groups = int(geometry[GEOMETRY_GROUPS])
        self.n_in, self.n_out = self.in_shape[0] // self.groups, self.out_shape[0] // self.groups
        self.n_weights = prod(self.kernel) * self.n_in * self.out_shape[0]
        self.n_held = 3 * prod(self.out_shape) + 2 * prod(self.in_shape) + self.in_shape[0] * prod(self.out_shape[1:])

    def sums(self, values: NDArray[Any], kernel: NDArray[Any], product: Product) -> NDArray[Any]:
        """Return what values [sample, pre] bring to each target neuron; kernel as `machine.Projections` says."""
        image, total = self._image(values), np.zeros((len(values), *self.out_shape[1:], self.out_shape[0]),
                                                     values.dtype)
        weights = kernel.reshape(*self.kernel, self.n_in, self.out_shape[0])
        for tap, under, places in self._taps():
            seen = np.ascontiguousarray(image[:, under[0][:, None], under[1]])
            for group in range(self.groups):
                ins = slice(group * self.n_in, (group + 1) * self.n_in)
                outs = slice(group * self.n_out, (group + 1) * self.n_out)
                found = product(seen[..., ins].reshape(-1, self.n_in), weights[tap][:, outs])
                total[:, places[0], places[1], outs] += found.reshape(*seen.shape[:3], self.n_out)
        return self._flat(total)

    def largest(self, values: NDArray[Any], kernel: NDArray[Any],
                resting: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """Return the largest product at each target neuron, as `resting` makes it."""
        image, total = self._image(values), np.zeros((len(values), *self.out_shape[1:], self.out_shape[0]),
                                                     values.dtype)
        weights = kernel.reshape(*self.kernel, self.n_in, self.out_shape[0])
        for tap, under, places in self._taps():
            seen = image[:, under[0][:, None], under[1]]
            for channel in range(self.n_in):
                firsts = np.repeat(np.arange(self.groups) * self.n_in + channel, self.n_out)
                found = total[:, places[0], places[1]]
                np.maximum(found, resting(seen[..., firsts] * weights[tap][channel]), out=found)
        return self._flat(total)

    def _taps(self) -> Iterator[tuple[tuple[int, int], tuple[NDArray[Any], NDArray[Any]], tuple[slice, slice]]]:
        """Yield each tap, the input rows and columns under it, and the output places that it serves."""
        axes = [[self._under(axis, tap) for tap in range(self.kernel[axis])] for axis in (0, 1)]
        for row_tap, (rows, row_places) in enumerate(axes[0]):
            for column_tap, (columns, column_places) in enumerate(axes[1]):
                if len(rows) and len(columns):
                    yield (row_tap, column_tap), (rows, columns), (row_places, column_places)

    def _under(self, axis: int, tap: int) -> tuple[NDArray[Any], slice]:
        at = np.arange(self.out_shape[1 + axis]) * self.step[axis] + tap * self.dilation[axis] - self.padding[axis]
        inside = np.flatnonzero((at >= 0) & (at < self.in_shape[1 + axis]))
        return at[inside], slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)

    def _image(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values [sample, neuron] as [sample, row, column, channel]."""
        image = values.reshape(len(values), *(self.in_shape[axis] for axis in self.in_order))
        return image.transpose(0, *(1 + self.in_order.index(axis) for axis in (1, 2, 0)))

    def _flat(self, total: NDArray[Any]) -> NDArray[Any]:
        """Return [sample, row, column, channel] as [sample, neuron]."""
        ordered = total.transpose(0, *(1 + (1, 2, 0).index(axis) for axis in self.out_order))
        return np.ascontiguousarray(ordered).reshape(len(total), -1)


def _order(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes (channel, row, column) from slowest to fastest; axes of length 1 have no say."""
    return tuple(sorted(range(3), key=lambda axis: (-strides[axis], shape[axis] > 1)))
