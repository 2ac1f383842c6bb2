"""Projections synapse by synapse, for rewrites that sort synapses anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.formats import Coding
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.machine import Float64Array, Int64Array
from neurosim.scales import by_neuron, integer_weights


class Listed(NamedTuple):
    """The synapses of one projection whose weights are not 0, in order of the sources.

    integer : the weights as integers of their coding; of a projection without one, the weights themselves
    """

    source: Int64Array
    target: Int64Array
    value: Float64Array
    delay: Int64Array
    integer: NDArray[np.float64]


def list_synapses(projection: Projection) -> Listed:
    """Return the synapses of `projection`; a weight that rounds to 0 in its coding is none."""
    weights, coding = projection.weights, projection.coding
    stored = weights.values if coding is None else integer_weights(weights, coding, projection.name)
    if isinstance(weights, ConvolutionWeights):
        source, target, values = _columns(weights.unrolled())
        stored = replace(weights, values=np.asarray(stored, np.float64)).unrolled().values
    else:
        source, target, values = _columns(weights)
        stored = np.asarray(stored, np.float64).reshape(-1)
    delay = np.broadcast_to(np.asarray(projection.delay_steps, np.int64), values.shape)
    kept = stored != 0
    return Listed(source[kept], target[kept], values[kept], delay[kept], np.asarray(stored[kept], np.float64))


def sparse_projection(projection: Projection, source: Population, listed: Listed) -> Projection:
    """Return `projection` with the synapses of `listed` from `source`, its output the first one of `source`."""
    order = np.lexsort((listed.target, listed.delay, listed.source))
    counts = np.bincount(listed.source, minlength=source.size)
    pointer = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    weights = SparseWeights(pointer, listed.target[order], listed.value[order], projection.weights.shape[1])
    delays = np.unique(listed.delay)
    steps: int | Int64Array = listed.delay[order] if len(delays) > 1 else int(delays[0]) if len(delays) else 0
    return replace(projection, source=source.name, output="", weights=weights, delay_steps=steps,
                   coding=_coding_by_neuron(projection))


def free_name(network: Network, name: str) -> str:
    """Return `name`, or what follows from it and no population has."""
    taken = {population.name for population in network.populations}
    while name in taken:
        name += "'"
    return name


def _columns(weights: Weights) -> tuple[Int64Array, Int64Array, Float64Array]:
    n_pre, n_post = weights.shape
    if isinstance(weights, DenseWeights):
        source, target = np.divmod(np.arange(n_pre * n_post, dtype=np.int64), n_post)
        return source, target, weights.values.reshape(-1)
    if isinstance(weights, OneToOneWeights):
        neurons = np.arange(n_pre, dtype=np.int64)
        return neurons, neurons, weights.values
    assert isinstance(weights, SparseWeights), "a convolution is unrolled"
    return np.repeat(np.arange(n_pre, dtype=np.int64), np.diff(weights.row_pointer)), weights.targets, weights.values


def _coding_by_neuron(projection: Projection) -> Coding | None:
    """Return the coding with gains by target neuron, where it had them by output channel."""
    coding = projection.coding
    return None if coding is None else replace(coding, gain=by_neuron(projection.weights, coding.gain))


@dataclass(frozen=True)
class Fitted:
    """A network made to fit a chip.

    blocks : population -> neurons of the consecutive pieces that must not be cut
    copied : population of copies -> population that it copies
    axon_type : population -> int64[neuron] type of the axons it sends to; of crossbars alone
    """

    network: Network
    blocks: dict[str, list[int]]
    copied: dict[str, str]
    axon_type: dict[str, Int64Array]
