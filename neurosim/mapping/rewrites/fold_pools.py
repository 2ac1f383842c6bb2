"""Sums over blocks of an image folded into what they feed, for cores that pool what they send.

A pool is a `linear` population that a convolution with one value, a group for each channel and a stride as long as its
kernel feeds. What it feeds, a convolution or a dense projection, becomes one with each tap repeated over the block: the
same sum, in another order, and one time step sooner. `mapping.layers` finds the pool in the kernel again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, Projection, Weights
from neurosim.machine import Int64Array


def fold_pools(network: Network, sizes: list[int]) -> Network:
    """Return `network` without the pools whose size is among `sizes`; one that is quantised stays as it is."""
    if network.is_quantised:
        return network
    for population in network.populations:
        into = [item for item in network.projections if item.target == population.name]
        out = [item for item in network.projections if item.source == population.name]
        if _is_pool(network, population, into, out, sizes):
            kept = [item for item in network.projections if item not in into and item not in out]
            folded = {item.name: _folded(into[0], item) for item in out}
            projections = tuple(folded.get(item.name, item) for item in network.projections
                                if item in kept or item.name in folded)
            populations = tuple(item for item in network.populations if item is not population)
            network = replace(network, populations=populations, projections=projections)
    return network


def _is_pool(network: Network, population: Population, into: list[Projection], out: list[Projection],
             sizes: list[int]) -> bool:
    if population.model != "linear" or np.any(population.parameters["bias"] != 0) or len(into) != 1 or not out \
            or population.name in network.readouts or population.period != 1 \
            or population.change_threshold is not None:
        return False
    weights = into[0].weights
    return (isinstance(weights, ConvolutionWeights) and _is_sum(weights, sizes)
            and all(_takes_pool(item) for item in out) and np.ndim(into[0].delay_steps) == 0)


def _is_sum(weights: ConvolutionWeights, sizes: list[int]) -> bool:
    """Return whether a convolution adds blocks that tile its input, each channel for itself."""
    channels, rows, columns = weights.input_shape
    size = weights.values.shape[2]
    return (size in sizes and size > 1 and weights.values.shape == (channels, 1, size, size)
            and weights.stride == (size, size) and weights.padding == (0, 0) and weights.dilation == (1, 1)
            and weights.output_shape == (channels, rows // size, columns // size)
            and rows % size == 0 and columns % size == 0 and bool(np.all(weights.values == weights.values.flat[0])))


def _takes_pool(projection: Projection) -> bool:
    weights = projection.weights
    whole = isinstance(weights, DenseWeights) or (isinstance(weights, ConvolutionWeights)
                                                  and weights.dilation == (1, 1))
    return whole and np.ndim(projection.delay_steps) == 0


def _folded(pool: Projection, projection: Projection) -> Projection:
    """Return `projection` from the source of its pool."""
    assert isinstance(pool.weights, ConvolutionWeights)
    size, value = pool.weights.values.shape[2], float(pool.weights.values.flat[0])
    weights: Weights
    if isinstance(projection.weights, ConvolutionWeights):
        shape = pool.weights.input_shape
        weights = projection.weights
        weights = replace(weights, values=value * weights.values.repeat(size, axis=2).repeat(size, axis=3),
                          input_shape=shape, stride=(weights.stride[0] * size, weights.stride[1] * size),
                          padding=(weights.padding[0] * size, weights.padding[1] * size))
    else:
        assert isinstance(projection.weights, DenseWeights)
        weights = DenseWeights(value * projection.weights.values[_block_of(pool.weights, size)])
    delay = int(np.asarray(pool.delay_steps)) + int(np.asarray(projection.delay_steps))
    return replace(projection, source=pool.source, output=pool.output, weights=weights, delay_steps=delay)


def _block_of(weights: ConvolutionWeights, size: int) -> Int64Array:
    """Return the pooled neuron that each neuron of the input is added to; int64[neuron]."""
    channel, row, column = np.indices(weights.input_shape)
    into, out = weights.strides(weights.input_shape), weights.strides(weights.output_shape)
    neuron = channel * into[0] + row * into[1] + column * into[2]
    found = np.empty(neuron.size, np.int64)
    found[neuron.reshape(-1)] = (channel * out[0] + row // size * out[1] + column // size * out[2]).reshape(-1)
    return found
