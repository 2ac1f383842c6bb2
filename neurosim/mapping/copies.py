"""Splitters: neurons that copy what a neuron sends, so that each copy goes to fewer places.

A copy sends the same one time step later; the schedule balances the delay. The copies of one neuron lie side by side,
so that they fit one core and the neuron itself sends to that core alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neurosim.errors import CapabilityError, CapacityError
from neurosim.formats import Coding, Format
from neurosim.graph import Network, Population, Projection, SparseWeights
from neurosim.machine import Int64Array
from neurosim.mapping.synapse_lists import Listed, free_name, sparse_projection

# Formats of a neuron that repeats a spike: every quantity is 0 or 1.
_BIT = Coding(Format(2, 0))
_LEAK = Coding(Format(1, 0, signed=False))
_SPIKE_CODINGS = {name: Coding(Format(3, 0, rounding="toward_zero" if name == "potential" else "floor"))
                  for name in ("input", "potential", "threshold", "reset_value", "bias")} | {"leak": _LEAK}


class Splitter(NamedTuple):
    """A population of copies.

    source : int64[copy] the neuron that each copies, ascending
    key : int64[copy] what each copy is for, ascending among those of a neuron
    """

    population: Population
    source: Int64Array
    key: Int64Array


def make_splitter(network: Network, population: Population, output: str, source: Int64Array,
                  key: Int64Array) -> Splitter:
    """Return the copies of `population` for the distinct (source, key).

    Raises
    ------
    CapabilityError        if the output is one that no model repeats
    """
    pairs = np.unique(np.stack([source, key], axis=1), axis=0)
    kind = population.output_kind(output or population.spec.outputs[0].name)
    if kind == "ternary":
        raise CapabilityError(f"population {population.name!r}: signed spikes would have to be copied to reach "
                              "all targets", mend="a chip with a larger fan-out, or binary spikes")
    name = free_name(network, f"{population.name}.{output + '.' if output else ''}copies")
    made = Population(name, "lif", len(pairs), {"leak": 0.0}) if kind == "spike" else \
        Population(name, "linear", len(pairs))
    if network.is_quantised:
        made = replace(made, codings=_SPIKE_CODINGS if kind == "spike" else
                       _graded_codings(population, output, pairs[:, 0]))
    # What comes as changes goes on as changes, every one of them.
    changes = 0.0 if population.change_threshold is not None and kind == "graded" else None
    made = replace(made, direction=population.direction, period=population.period, change_threshold=changes)
    return Splitter(made, pairs[:, 0], pairs[:, 1])


def check_copies(splitter: Splitter, name: str, most: int) -> None:
    """Raise CapacityError where a neuron of population `name` has more copies than one core holds."""
    counts = np.bincount(splitter.source)
    neuron = int(counts.argmax())
    if counts[neuron] > most:
        raise CapacityError("core.max_neurons", need=int(counts[neuron]), have=most, unit="copies on one core",
                            where=f"population {name!r}, neuron {neuron}",
                            mend="give it fewer targets, or weights of fewer bits; copies of copies are not made")


def feed(population: Population, output: str, splitter: Splitter, quantised: bool) -> Projection:
    """Return the projection from a population to its copies."""
    counts = np.bincount(splitter.source, minlength=population.size)
    pointer = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    n_copies = splitter.population.size
    weights = SparseWeights(pointer, np.arange(n_copies, dtype=np.int64), np.ones(n_copies), n_copies)
    return Projection(population.name, splitter.population.name, weights, output=output,
                      name=f"{splitter.population.name}.feed", coding=_BIT if quantised else None)


def from_copies(projection: Projection, splitter: Splitter, listed: Listed, key: Int64Array) -> Projection:
    """Return `projection` as sent by the copies that serve the synapses' keys."""
    n_keys = int(max(splitter.key.max(initial=0), key.max(initial=0))) + 1
    at = np.searchsorted(splitter.source * n_keys + splitter.key, listed.source * n_keys + key)
    return sparse_projection(projection, splitter.population, listed._replace(source=at))


def source_blocks(splitter: Splitter, most_copies: int, most_sources: int) -> list[int]:
    """Return the copies of consecutive pieces that do not tear those of one neuron apart, as long as they fit.

    A neuron with more copies than `most_copies` is a piece of its own, which will not fit.
    """
    sizes: list[int] = []
    n_sources = 0
    for count in np.unique(splitter.source, return_counts=True)[1].tolist():
        if sizes and sizes[-1] + count <= most_copies and n_sources < most_sources:
            sizes[-1] += count
            n_sources += 1
        else:
            sizes.append(count)
            n_sources = 1
    return sizes


def _graded_codings(population: Population, output: str, source: Int64Array) -> dict[str, Coding]:
    """Return the codings of a `linear` neuron that repeats a value: all in the scale of the payload."""
    payload = population.codings[output or population.spec.outputs[0].name]
    gain = payload.gain[source] if payload.gain.ndim else payload.gain
    payload = replace(payload, gain=gain)
    return {"input": payload, "bias": payload, "graded": payload}
