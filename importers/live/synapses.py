"""Operations between layers as synapses: what is folded into weights, and what needs a population of its own.

`Way` is one projection in the making: from a population to the elements of what is being computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.live.neurons import RefusedError
from importers.live.origin import IntArray, Layer
from neurosim.graph import ConvolutionWeights, DenseWeights, OneToOneWeights, SparseWeights, Weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """Synapses from a population to what is being computed.

    delay_steps : how long ago the population sent it
    is_positive : the population sends nothing below 0
    """

    population: str
    weights: Weights
    delay_steps: int
    is_positive: bool


def selection(n_pre: int, neurons: IntArray, values: FloatArray) -> Weights:
    """Return weights that give element e the value of neuron neurons[e], -1 nothing, times `values` [element]."""
    if len(neurons) == n_pre and np.array_equal(neurons, np.arange(n_pre)):
        return OneToOneWeights(np.ascontiguousarray(values, np.float64))
    elements = np.flatnonzero(neurons >= 0)
    order = elements[np.lexsort((elements, neurons[elements]))]
    pointer = np.concatenate([[0], np.cumsum(np.bincount(neurons[elements], minlength=n_pre))])
    return SparseWeights(pointer.astype(np.int64), order.astype(np.int64),
                         np.ascontiguousarray(values[order], np.float64), len(neurons))


def selected(weights: Weights) -> tuple[IntArray, FloatArray] | None:
    """Return (neurons, values) [element] of weights that give each element at most one neuron; None of others."""
    if isinstance(weights, OneToOneWeights):
        return np.arange(len(weights.values)), weights.values
    if not isinstance(weights, SparseWeights) or len(np.unique(weights.targets)) < len(weights.targets):
        return None
    neurons, values = np.full(weights.n_post, -1, np.int64), np.zeros(weights.n_post)
    neurons[weights.targets] = np.repeat(np.arange(weights.shape[0]), np.diff(weights.row_pointer))
    values[weights.targets] = weights.values
    return neurons, values


def times(weights: Weights, factor: FloatArray | float) -> Weights:
    """Return weights with what arrives at each element multiplied; factor [element] or one number."""
    factors = np.broadcast_to(np.asarray(factor, np.float64), (weights.shape[1],))
    if np.all(factors == 1):
        return weights
    if isinstance(weights, SparseWeights):
        return replace(weights, values=weights.values * factors[weights.targets])
    if isinstance(weights, ConvolutionWeights):
        image = factors.reshape(weights.output_shape)
        if np.all(image == image[:, :1, :1]):
            return replace(weights, values=weights.values * image[:, :1, :1, None])
        return times(weights.unrolled(), factors)
    return replace(weights, values=weights.values * factors)


def rows_of(weights: Weights, matrix: FloatArray) -> DenseWeights | None:
    """Return `weights`, which choose one neuron for each element, followed by `matrix` [element, post]."""
    found = selected(weights)
    if found is None:
        return None
    neurons, values = found
    dense = np.zeros((weights.shape[0], matrix.shape[1]))
    np.add.at(dense, neurons[neurons >= 0], (values[:, None] * matrix)[neurons >= 0])
    return DenseWeights(dense)


def over_image(weights: Weights, kernel: ConvolutionWeights) -> ConvolutionWeights | None:
    """Return one-to-one `weights` with one factor per channel, followed by a convolution; None of others."""
    if not isinstance(weights, OneToOneWeights):
        return None
    image = weights.values.reshape(kernel.input_shape)
    if np.any(image != image[:, :1, :1]):
        return None
    n_out, n_in = kernel.values.shape[:2]
    channel = (np.arange(n_out) // (n_out // kernel.groups) * n_in)[:, None] + np.arange(n_in)
    return replace(kernel, values=np.ascontiguousarray(kernel.values * image[:, 0, 0][channel][:, :, None, None]))


def pooled(weights: Weights, layer: Layer, pool: ConvolutionWeights) -> ConvolutionWeights | None:
    """Return a convolution followed by an average without padding as one convolution; None of others."""
    if layer.kind != "average" or not isinstance(weights, ConvolutionWeights) or any(layer.settings["padding"]):
        return None
    (height, width), (rows, columns) = pool.values.shape[2:], weights.values.shape[2:]
    (down, right), (apart_y, apart_x) = weights.stride, weights.dilation
    values = np.zeros((*weights.values.shape[:2], (height - 1) * down + (rows - 1) * apart_y + 1,
                       (width - 1) * right + (columns - 1) * apart_x + 1))
    for y in range(height):
        for x in range(width):
            values[:, :, y * down:y * down + (rows - 1) * apart_y + 1:apart_y,
                   x * right:x * right + (columns - 1) * apart_x + 1:apart_x] += (
                       weights.values * pool.values[:, :, y, x][:, :, None, None])
    return ConvolutionWeights(values, weights.input_shape, pool.output_shape,
                              (down * pool.stride[0], right * pool.stride[1]), weights.padding, (1, 1), weights.groups)


def kernel_of(layer: Layer) -> ConvolutionWeights:
    """Return the weights of a convolution or of a pool."""
    settings = layer.settings
    given, made = _image(settings["input_shape"]), _image(layer.shape)
    if layer.kind == "convolution":
        values, groups = settings["weights"], settings["groups"]
    else:
        height, width = settings["kernel"]
        share = 1.0 if layer.kind == "maximum" else 1.0 / settings.get("divisor", height * width)
        values, groups = np.full((given[0], 1, height, width), share), given[0]
    padding = list(settings["padding"])
    for axis, (stride, dilation) in enumerate(zip(settings["stride"], settings["dilation"], strict=True)):
        # A place that lies in the padding as a whole must still look at the input: with a tap of weight 0 before.
        beyond = (made[1 + axis] - 1) * stride - padding[axis] - given[1 + axis] + 1
        n_taps = max(0, -(-beyond // dilation))
        values = np.concatenate([np.zeros((*values.shape[:2 + axis], n_taps, *values.shape[3 + axis:])), values],
                                axis=2 + axis)
        padding[axis] += n_taps * dilation
    return ConvolutionWeights(np.ascontiguousarray(values, np.float64), given, made, settings["stride"],
                              (padding[0], padding[1]), settings["dilation"], groups)


def per_channel(values: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return float64[element] of values per channel, the first of the dimensions of `shape`."""
    column = np.asarray(values, np.float64).reshape(-1, *(1,) * (len(shape) - 1))
    return np.ascontiguousarray(np.broadcast_to(column, shape)).reshape(-1)


def reach(weights: Weights) -> float:
    """Return the largest magnitude that any element can receive from sources of 1 and -1."""
    magnitudes = np.abs(weights.values)
    if isinstance(weights, DenseWeights):
        return float(magnitudes.sum(axis=0).max(initial=0.0))
    if isinstance(weights, ConvolutionWeights):
        return float(magnitudes.sum(axis=(1, 2, 3)).max(initial=0.0))
    if isinstance(weights, SparseWeights):
        return float(np.bincount(weights.targets, magnitudes, minlength=1).max(initial=0.0))
    return float(magnitudes.max(initial=0.0))


def applied(kernel: ConvolutionWeights, image: FloatArray) -> FloatArray:
    """Return the convolution of one image, float64[element]."""
    if not image.any():
        return np.zeros(kernel.shape[1])
    synapses = kernel.unrolled()
    sent = np.repeat(image, np.diff(synapses.row_pointer)) * synapses.values
    return np.asarray(np.bincount(synapses.targets, sent, minlength=kernel.shape[1]), np.float64)


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (channels, height, width); one dimension is the width."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], 1, shape[1]
    raise RefusedError(f"of shape {shape} is no image")


def size_of(layer: Layer) -> int:
    """Return how many elements a layer sends for one sample and step."""
    return prod(layer.shape)
