"""Relay neurons that add up parts of a sum, where a neuron has more synapses or sources than its core can serve.

The sources of a projection are cut into groups; a population of `linear` relays adds up each, and sends its partial
sums with weight 1. The sum is the same, up to the order of additions and the rounding of the relays' payloads. It
costs a relay for each group and target, their packets, and a time step; groups of groups follow where one level is not
enough. Spikes carry no partial sums: on chips whose packets carry none, nothing is split.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError, OptionError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Int64Array
from neurosim.mapping.synapse_lists import Listed, free_name, list_synapses, sparse_projection


def split_fan_in(network: Network, chip: Chip) -> Network:
    """Return `network` with relays in front of every population whose neurons have too many inputs.

    Raises
    ------
    CapacityError          if the chip's packets carry no values, or what is joined cannot be taken apart
    OptionError            if the network has formats, which were made without relays
    """
    limits = [limit for limit in (chip.core.max_fan_in, chip.core.max_axons_in) if limit is not None]
    most, skips_zeros = min(limits), chip.core.pipeline.skip_zero_weights
    waiting = [item.name for item in network.populations if item.model != "input"]
    while waiting:
        population = network.population(waiting.pop())
        widths = {number: _width(item, skips_zeros) for number, item in enumerate(network.projections)
                  if item.target == population.name}
        if sum(widths.values()) > most:
            _check_splits(network, population, sum(widths.values()), most, chip)
            network, relays = _with_relays(network, population, widths, most, skips_zeros)
            waiting += [population.name, *relays]
    return network


def _width(projection: Projection, skips_zeros: bool) -> int:
    """Return the most synapses of one target."""
    weights = projection.weights
    if isinstance(weights, DenseWeights):
        return int(np.count_nonzero(weights.values, axis=0).max()) if skips_zeros else weights.shape[0]
    return int(np.bincount(list_synapses(projection).target, minlength=1).max())


def _check_splits(network: Network, population: Population, need: int, most: int, chip: Chip) -> None:
    where = f"population {population.name!r}"
    limit = "core.max_fan_in" if chip.core.max_fan_in == most else "core.max_axons_in"
    able = chip.core.capabilities
    if not (able.graded_output and chip.noc.payload_bits > 0):
        raise CapacityError(limit, need=need, have=most, where=where, unit="inputs",
                            mend=f"raise {limit} to {need}, or prune its inputs: the packets of chip {chip.name} carry "
                                 "spikes, and relay neurons cannot send partial sums")
    if most < 2:
        raise CapacityError(limit, need=2, have=most, where=where, unit="inputs",
                            mend=f"raise {limit} to 2: a relay has to add up two values at least")
    if network.is_quantised:
        raise OptionError(f"mapping.allow_fan_in_split with population {population.name!r}, which has formats already",
                          allowed="a network that is not quantised, or whose neurons have few enough inputs",
                          mend="quantise the network with its relays: neurosim quantize --set "
                               "mapping.allow_fan_in_split=true")


def _with_relays(network: Network, population: Population, widths: dict[int, int], most: int,
                 skips_zeros: bool) -> tuple[Network, list[str]]:
    """Return the network with the widest projection into a population taken apart, and the names of the relays."""
    at = max(widths, key=lambda number: widths[number])
    projection = network.projections[at]
    # What the others take at least, once they are taken apart too.
    others = sum(1 if _is_sum(population, network.projections[number]) else width
                 for number, width in widths.items() if number != at)
    n_parts = min(most - others, -(-widths[at] // most))
    if n_parts < 1 or widths[at] < 2 or not _is_sum(population, projection):
        raise CapacityError("core.max_fan_in", need=others + 1, have=most, unit="inputs",
                            where=f"population {population.name!r}, port {projection.port!r}",
                            mend=f"raise the inputs of a neuron to {others + max(1, widths[at])}: maxima and single "
                                 "synapses are not taken apart")
    relays, into, out, taken = [], [], [], network
    for number, part in enumerate(_parts(projection, -(-widths[at] // n_parts), skips_zeros)):
        relay = Population(free_name(taken, f"{population.name}.{projection.port}.part{number}"), "linear",
                           population.size, direction=population.direction, period=population.period)
        taken = replace(taken, populations=(*taken.populations, relay), projections=(), readouts=())
        relays.append(relay)
        into.append(replace(part, target=relay.name, port="input", name=f"{projection.name}.part{number}"))
        out.append(Projection(relay.name, population.name, OneToOneWeights(np.ones(population.size)),
                              port=projection.port, name=f"{projection.name}.sum{number}"))
    place = network.populations.index(population)
    populations = (*network.populations[:place], *relays, *network.populations[place:])
    projections = (*network.projections[:at], *into, *out, *network.projections[at + 1:])
    return replace(network, populations=populations, projections=projections), [item.name for item in relays]


def _is_sum(population: Population, projection: Projection) -> bool:
    return population.spec.ports[population.spec.port_index(projection.port)].operator == "sum"


def _parts(projection: Projection, most: int, skips_zeros: bool) -> list[Projection]:
    """Return the projection in parts of consecutive sources, in which no target has more than `most` synapses."""
    weights = projection.weights
    if isinstance(weights, DenseWeights) and skips_zeros:
        part = (np.cumsum(weights.values != 0, axis=0) - 1) // most
        return [replace(projection, weights=DenseWeights(np.where(part == number, weights.values, 0.0)))
                for number in range(int(part.max()) + 1)]
    listed = list_synapses(projection)
    rank = _rank_of_target(listed.target) // most
    source = Population(projection.source, "input", weights.shape[0])
    return [replace(sparse_projection(projection, source, Listed(*(column[rank == number] for column in listed))),
                    output=projection.output) for number in range(int(rank.max()) + 1)]


def _rank_of_target(target: Int64Array) -> Int64Array:
    """Return how many synapses of the same target come before each."""
    order = np.argsort(target, kind="stable")
    counts = np.bincount(target)
    rank = np.empty(len(target), np.int64)
    rank[order] = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
