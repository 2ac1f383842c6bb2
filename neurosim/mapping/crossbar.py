"""Networks on cores with crossbars, as TrueNorth has them.

An axon of a core is a row of bits, one for each neuron, and has one of a few types; a neuron keeps one weight for each
type. A neuron sends to one axon of one core. So

* a neuron's weights must be few: as many distinct ones as there are types, each with a type of its own, or integers of
  as many bits, whose bits are types: a weight of k bits takes up to k axons, of 1, 2, 4, ... and -2**(k - 1);
* each (source, projection, delay, type) is an axon of every core that it reaches, and a source with several axons is
  copied by splitters (`mapping.copies`), one for each;
* a sum cannot be split over relay neurons, since spikes carry no partial sums: what needs more axons than a core has
  is refused.

A conversion of the sum to the potential's scale, of a quantised network, stands for weights and thresholds multiplied
alike. Source: Merolla et al., Science 345:668 (2014); Akopyan et al., IEEE TCAD 34(10):1537 (2015).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError
from neurosim.graph import Network, Projection
from neurosim.machine import Float64Array, Int64Array
from neurosim.mapping.copies import Splitter, check_copies, feed, from_copies, make_splitter, source_blocks
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.synapse_lists import Fitted, Listed, list_synapses, sparse_projection


class _Typed(NamedTuple):
    """Synapses of one projection, each with the type of its axon; `key`: the axon among those of its source."""

    listed: Listed
    type: Int64Array


@dataclass
class _Plan:
    """What is sent by each population: projection -> synapses, and the axon (key) that each takes."""

    typed: dict[int, _Typed]
    key: dict[int, Int64Array]
    blocks: dict[str, list[int]]


def onto_crossbars(network: Network, chip: Chip, options: MappingOptions) -> Fitted:
    """Return `network` with axons of one type each, and splitters where a neuron needs several.

    Raises
    ------
    CapacityError          if a neuron needs more weights or axons than it can have
    """
    n_types = chip.core.synapse_memory.axon_types
    assert n_types is not None, "hw_models.checks asks for axon_types"
    plan = _Plan({}, {}, {})
    for population in network.populations:
        if population.model != "input":
            numbers = [n for n, item in enumerate(network.projections) if item.target == population.name]
            plan.typed.update(_typed(network, population.name, numbers, n_types))
            plan.blocks[population.name] = _target_blocks(plan, population.name, population.size, numbers, chip,
                                                          options)
            _add_keys(plan, numbers, plan.blocks[population.name], n_types)
    return _with_splitters(network, plan, chip, options)


def _typed(network: Network, target: str, numbers: list[int], n_types: int) -> dict[int, _Typed]:
    """Return the synapses of the projections into `target`, with types: by value, or by bit."""
    found = {number: list_synapses(network.projections[number]) for number in numbers}
    columns = [(item.target, item.value) for item in found.values()]
    # One type for each value serves all neurons alike; where values are too many, each neuron counts its own.
    rank = _ranks([(np.zeros_like(item[0]), item[1]) for item in columns])
    if max((int(item.max(initial=-1)) for item in rank), default=-1) >= n_types:
        rank = _ranks(columns)
    n_values = max((int(item.max(initial=-1)) for item in rank), default=-1) + 1
    if n_values <= n_types:
        return {number: _Typed(item, rank[place]) for place, (number, item) in enumerate(found.items())}
    return _by_bit(network, target, found, n_types, n_values)


def _ranks(columns: list[tuple[Int64Array, Float64Array]]) -> list[Int64Array]:
    """Return, for each synapse, the place of its value among the distinct values of its target."""
    target = np.concatenate([np.zeros(0, np.int64), *(item[0] for item in columns)])
    value = np.concatenate([np.zeros(0), *(item[1] for item in columns)])
    order = np.lexsort((value, target))
    new_target = np.diff(target[order], prepend=-1) != 0
    new_value = new_target | (np.diff(value[order], prepend=np.nan) != 0)
    count = np.cumsum(new_value)
    first = np.maximum.accumulate(np.where(new_target, count, 0))
    rank = np.empty(len(order), np.int64)
    rank[order] = count - first
    return np.split(rank, np.cumsum([len(item[0]) for item in columns])[:-1])


def _by_bit(network: Network, target: str, found: dict[int, Listed], n_types: int, n_values: int) -> dict[int, _Typed]:
    """Return an axon for each bit of the weights' integers, which all projections must count in the same steps."""
    where = f"population {target!r}"
    projections = [network.projections[number] for number in found]
    if any(item.coding is None for item in projections):
        raise _too_many_weights(where, n_values, n_types, "quantise the network to weights of "
                                f"{n_types} bits: neurosim quantize with core.weight_bits = {n_types}")
    scales = [np.broadcast_to(item.coding.scale, 1) for item in projections if item.coding is not None]
    if any(len(scale) != len(scales[0]) or not np.array_equal(scale, scales[0]) for scale in scales):
        raise _too_many_weights(where, n_values, n_types, "quantise its projections with one scale, or join them")
    bits = max(int(np.maximum(item.integer, -item.integer - 1).max(initial=0)).bit_length() + 1
               for item in found.values())
    if bits > n_types:
        raise CapacityError("core.synapse_memory.axon_types", need=bits, have=n_types, unit="types", where=where,
                            mend=f"quantise its weights to {n_types} bits (they have {bits}): an axon type for each "
                                 "bit")
    return {number: _planes(item, bits) for number, item in found.items()}


def _too_many_weights(where: str, need: int, have: int, mend: str) -> CapacityError:
    return CapacityError("core.synapse_memory.axon_types", need=need, have=have, unit="distinct weights of a neuron",
                         where=where, mend=mend)


def _planes(listed: Listed, bits: int) -> _Typed:
    """Return a synapse for each bit that is set; the last bit of two's complement counts down."""
    integer = listed.integer.astype(np.int64)
    step = listed.value / listed.integer
    at, plane = np.nonzero((integer[:, None] >> np.arange(bits)) & 1)
    worth = np.where(plane == bits - 1, -1, 1) * (1 << plane)
    return _Typed(Listed(listed.source[at], listed.target[at], step[at] * worth, listed.delay[at],
                         worth.astype(np.float64)), plane.astype(np.int64))


def _target_blocks(plan: _Plan, name: str, size: int, numbers: list[int], chip: Chip,
                   options: MappingOptions) -> list[int]:
    """Return the neurons of consecutive pieces of a population, each as long as axons and neurons allow."""
    most = min(chip.core.max_neurons, options.max_neurons_per_core or chip.core.max_neurons)
    axon, pointer = _axons_by_target(plan, numbers, size)
    blocks, start = [], 0
    while start < size:
        low, high = 0, min(most, size - start)
        while low < high:
            middle = (low + high + 1) // 2
            if len(np.unique(axon[pointer[start]:pointer[start + middle]])) <= chip.core.max_axons_in:
                low = middle
            else:
                high = middle - 1
        if low == 0:
            raise _too_many_axons(plan, name, start, numbers, axon[pointer[start]:pointer[start + 1]], chip)
        blocks.append(low)
        start += low
    return blocks


def _too_many_axons(plan: _Plan, name: str, neuron: int, numbers: list[int], axon: Int64Array,
                    chip: Chip) -> CapacityError:
    need, have = len(np.unique(axon)), chip.core.max_axons_in
    n_sources = sum(len(np.unique(plan.typed[number].listed.source[plan.typed[number].listed.target == neuron]))
                    for number in numbers)
    return CapacityError("core.max_axons_in", need=need, have=have, unit="axons",
                         where=f"population {name!r}, neuron {neuron} alone on a core ({n_sources} sources)",
                         mend=f"prune its inputs by {need - have} axons, give its weights fewer bits, or raise "
                              f"core.max_axons_in to {need}; a sum cannot be split over relay neurons, since spikes "
                              "carry no partial sums")


def _axons_by_target(plan: _Plan, numbers: list[int], size: int) -> tuple[Int64Array, Int64Array]:
    """Return the axon of each synapse sorted by target, and where each target's begin."""
    items = [plan.typed[number] for number in numbers]
    columns = [np.stack([np.full_like(item.type, place), item.listed.source, item.listed.delay, item.type])
               for place, item in enumerate(items)]
    joined = np.concatenate([np.zeros((4, 0), np.int64), *columns], axis=1)
    axon = np.unique(joined, axis=1, return_inverse=True)[1].reshape(-1) if joined.size else np.zeros(0, np.int64)
    target = np.concatenate([np.zeros(0, np.int64), *(item.listed.target for item in items)])
    pointer = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=size), dtype=np.int64)])
    return axon[np.argsort(target, kind="stable")], pointer


def _add_keys(plan: _Plan, numbers: list[int], blocks: list[int], n_types: int) -> None:
    """Number the axons that each synapse may take: by projection, delay, block of the target, type."""
    ends = np.cumsum(blocks)
    for number in numbers:
        listed, types = plan.typed[number]
        block = np.searchsorted(ends, listed.target, side="right")
        n_delays = int(listed.delay.max(initial=0)) + 1
        plan.key[number] = ((number * n_delays + listed.delay) * len(blocks) + block) * n_types + types


def _with_splitters(network: Network, plan: _Plan, chip: Chip, options: MappingOptions) -> Fitted:
    projections = list(network.projections)
    populations, feeds = [], []
    blocks, copied, axon_type = dict(plan.blocks), {}, {}
    most = min(chip.core.max_neurons, options.max_neurons_per_core or chip.core.max_neurons)
    for population in network.populations:
        populations.append(population)
        numbers = [n for n, item in enumerate(network.projections) if item.source == population.name]
        key = _joined_keys(plan, numbers)
        source = _joined([plan.typed[number].listed.source for number in numbers])
        types = _joined([plan.typed[number].type for number in numbers])
        pairs, first = np.unique(np.stack([source, key]), axis=1, return_index=True)
        if not len(source) or np.bincount(pairs[0]).max() <= 1:
            axon_type[population.name] = np.zeros(population.size, np.int64)
            axon_type[population.name][source] = types
            for number in numbers:
                projections[number] = _by_type(network.projections[number], plan.typed[number], network)
            continue
        if not options.allow_fan_out_split:
            raise CapacityError("core.max_fan_out", need=int(np.bincount(pairs[0]).max()), have=1, unit="axons",
                                where=f"population {population.name!r}, neuron {np.bincount(pairs[0]).argmax()}",
                                mend="write mapping.allow_fan_out_split=true: splitter neurons copy the spike")
        splitter = make_splitter(network, population, "", source, key)
        check_copies(splitter, population.name, most)
        populations.append(splitter.population)
        feeds.append(feed(population, "", splitter, network.is_quantised))
        _send(plan, projections, numbers, key, splitter)
        name = splitter.population.name
        blocks[name] = source_blocks(splitter, most, chip.core.max_axons_in)
        copied[name] = population.name
        axon_type[name], axon_type[population.name] = types[first], np.zeros(population.size, np.int64)
    fitted = replace(network, populations=tuple(populations), projections=(*projections, *feeds))
    return Fitted(fitted, blocks, copied, axon_type)


def _send(plan: _Plan, projections: list[Projection], numbers: list[int], key: Int64Array, splitter: Splitter) -> None:
    """Let the copies send what their population sent."""
    starts = np.cumsum([0, *(len(plan.key[number]) for number in numbers)])
    for place, number in enumerate(numbers):
        part = key[starts[place]:starts[place + 1]]
        projections[number] = from_copies(projections[number], splitter, plan.typed[number].listed, part)


def _by_type(projection: Projection, typed: _Typed, network: Network) -> Projection:
    """Return the projection as its axons have it; as it was where no weight was taken apart."""
    listed = list_synapses(projection)
    if len(listed.value) == len(typed.listed.value) and np.array_equal(listed.value, typed.listed.value):
        return projection
    return sparse_projection(projection, network.population(projection.source), typed.listed)


def _joined_keys(plan: _Plan, numbers: list[int]) -> Int64Array:
    """Return the keys of all projections, numbered from 0 in their order."""
    keys = _joined([np.stack([np.full_like(plan.key[n], n), plan.key[n]]) for n in numbers], (2, 0))
    if not keys.size:
        return np.zeros(0, np.int64)
    return np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _joined(parts: list[Int64Array], shape: tuple[int, ...] = (0,)) -> Int64Array:
    return np.concatenate([np.zeros(shape, np.int64), *parts], axis=-1)
