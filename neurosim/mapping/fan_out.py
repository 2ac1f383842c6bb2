"""Splitters where neurons would send to more cores than the chip lets them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hw_models.schema import Chip
from neurosim.graph import Network, Population, Projection
from neurosim.machine import Int64Array
from neurosim.mapping.axons import Partition
from neurosim.mapping.copies import check_copies, feed, from_copies, make_splitter, source_blocks
from neurosim.mapping.crossbar import onto_crossbars
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.partition import partition_network
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.schedule import Staging
from neurosim.mapping.synapse_lists import Fitted, list_synapses


def with_splitters(network: Network, staging: Staging, chip: Chip, options: MappingOptions) -> Fitted:
    """Return `network` with splitters where neurons have too many targets, and pieces that must not be cut.

    Raises
    ------
    CapacityError          if a limit is exceeded that no splitter mends
    """
    if chip.core.synapse_memory.packing == "crossbar":
        return onto_crossbars(network, chip, options)
    if chip.core.max_fan_out is None or chip.core.layer_memory is not None or not options.allow_fan_out_split:
        return Fitted(network, {}, {}, {})
    return _within_fan_out(network, staging, chip, options, chip.core.max_fan_out)


def _within_fan_out(network: Network, staging: Staging, chip: Chip, options: MappingOptions, most: int) -> Fitted:
    """Cut the populations as if there were no such limit, then give each source copies for `most` pieces each."""
    loose = chip.model_copy(update={"core": chip.core.model_copy(update={"max_fan_out": None})})
    pieces = _pieces(network, partition_network(measure_demand(network, loose, staging), options))
    populations, projections, feeds = [], list(network.projections), []
    copied: dict[str, str] = {}
    blocks = dict(pieces)
    for population in network.populations:
        populations.append(population)
        for output in population.spec.outputs:
            numbers = [number for number, item in enumerate(network.projections)
                       if (item.source, item.output) == (population.name, output.name)]
            keys = _keys(network, population, numbers, pieces, most)
            if keys is None:
                continue
            listed = {number: list_synapses(network.projections[number]) for number in numbers}
            splitter = make_splitter(network, population, output.name if len(population.spec.outputs) > 1 else "",
                                     np.concatenate([listed[number].source for number in numbers]),
                                     np.concatenate([keys[number] for number in numbers]))
            check_copies(splitter, population.name, chip.core.max_neurons)
            for number in numbers:
                projections[number] = from_copies(projections[number], splitter, listed[number], keys[number])
            populations.append(splitter.population)
            feeds.append(feed(population, output.name, splitter, network.is_quantised))
            copied[splitter.population.name] = population.name
            blocks[splitter.population.name] = source_blocks(splitter, chip.core.max_neurons, chip.core.max_axons_in)
    if not copied:
        return Fitted(network, {}, {}, {})
    return Fitted(replace(network, populations=tuple(populations), projections=(*projections, *feeds)), blocks, copied,
                  {})


def _pieces(network: Network, partition: Partition) -> dict[str, list[int]]:
    """Return the neurons of the consecutive pieces into which each population is cut."""
    cuts = sorted(cut for core in partition.cores for cut in core)
    found: dict[str, list[int]] = {}
    for cut in cuts:
        found.setdefault(network.populations[cut.population].name, []).append(cut.size)
    return found


def _keys(network: Network, population: Population, numbers: list[int], pieces: dict[str, list[int]],
          most: int) -> dict[int, Int64Array] | None:
    """Return which copy of its source each synapse is served by; None where all sources reach few enough pieces.

    A piece counts as a core of its own, whatever shares the core with it.
    """
    listed = {number: list_synapses(network.projections[number]) for number in numbers}
    if not any(len(item.source) for item in listed.values()):
        return None
    place = {number: _piece(network.projections[number], listed[number].target, pieces) for number in numbers}
    source = np.concatenate([listed[number].source for number in numbers])
    piece = np.concatenate([place[number] for number in numbers])
    pairs, where = np.unique(np.stack([source, piece]), axis=1, return_inverse=True)
    counts = np.bincount(pairs[0])
    if counts.max() + (population.name in network.readouts) <= most:
        return None
    first = np.cumsum(counts) - counts
    rank = np.arange(pairs.shape[1]) - first[pairs[0]]
    key = (rank // most)[where.reshape(-1)]
    starts = np.cumsum([len(listed[number].source) for number in numbers])[:-1]
    return dict(zip(numbers, np.split(key, starts), strict=True))


def _piece(projection: Projection, target: Int64Array, pieces: dict[str, list[int]]) -> Int64Array:
    """Return the piece of the network that each target is in, as a number."""
    order = sorted(pieces)
    before = sum(len(pieces[name]) for name in order[:order.index(projection.target)])
    return before + np.searchsorted(np.cumsum(pieces[projection.target]), target, side="right")
