"""Populations to cores, within every limit of the chip.

Cores are filled one after the other in stage order; a slice is as long as bisection finds room for. Where the
destinations are known, cores with too many outgoing axons are cut further.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError, OptionError, check_choice
from neurosim.mapping.axons import Partition, Slice, axon_table, row_cores
from neurosim.mapping.core_filling import CoreFilling, Limits
from neurosim.mapping.limits import core_limits, exceeded
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.outgoing import Cut, cut_outgoing, within_outgoing
from neurosim.mapping.resources import Demand

Blocks = Mapping[str, list[int]]


def partition_network(demand: Demand, options: MappingOptions, blocks: Blocks | None = None) -> Partition:
    """Return the slices of each core; see `cut_network`."""
    return cut_network(demand, options, blocks).partition


def cut_network(demand: Demand, options: MappingOptions, blocks: Blocks | None = None) -> Cut:
    """Return the slices of each core, and who sends to whom.

    Parameters
    ----------
    blocks : population -> neurons of consecutive pieces that must not be cut; of the others every neuron is one

    Raises
    ------
    CapacityError          if a limit of the chip is exceeded whatever the cut
    OptionError            if `options.n_cores` are too few
    """
    limits = core_limits(demand.chip, options)
    _check_neurons(demand, limits)
    _check_network(demand)
    given = _given(demand, limits, options)
    rest = [number for number in demand.on_cores if demand.network.populations[number].name not in options.cores]
    whole = Partition((*given, *_pack(demand, limits, rest, blocks or {}).cores))
    cut = cut_outgoing(demand, whole, limits, len(given))
    if options.strategy == "balanced":
        balanced = _balance(demand, limits, cut.partition, options, blocks or {})
        cut = Cut(balanced, axon_table(demand, balanced), row_cores(demand, balanced))
    _check_chip(cut.partition, demand.chip)
    return cut


def _check_neurons(demand: Demand, limits: Limits) -> None:
    """Check the limits that no cut can mend: fan-in, fan-out and delay."""
    for number, population in enumerate(demand.network.populations):
        for resource, each in (("fan_in", demand.fan_in), ("fan_out_synapses", demand.fan_out)):
            have = limits[resource]
            need = int(each[number].max())
            if have is not None and need > have:
                neuron = int(each[number].argmax())
                raise exceeded(resource, need, have, f"population {population.name!r}, neuron {neuron}")
        have = limits["delay_steps"]
        need = int(demand.delay_steps[number])
        if have is not None and need > have:
            raise exceeded("delay_steps", need, have, f"projections into population {population.name!r}")


def _check_network(demand: Demand) -> None:
    """Check the neurons of the whole network, on chips that are made for one."""
    have = demand.chip.network_limits
    if have is None:
        return
    network = demand.network
    need = {"input_neurons": sum(item.size for item in network.inputs),
            "readout_neurons": sum(item.size for item in network.populations if item.name in network.readouts)}
    need["hidden_neurons"] = network.n_neurons - sum(need.values())
    for name, n_neurons in need.items():
        if n_neurons > getattr(have, name):
            raise CapacityError(f"network_limits.{name}", need=n_neurons, have=getattr(have, name), unit="neurons",
                                where=f"network {network.name!r}",
                                mend=f"raise network_limits.{name} to {n_neurons}, or make the network smaller")


def _given(demand: Demand, limits: Limits, options: MappingOptions) -> tuple[tuple[Slice, ...], ...]:
    """Return the cores of the populations whose cores are given, in stage order."""
    named = {demand.network.populations[number].name: number for number in demand.on_cores}
    for name in options.cores:
        check_choice("mapping.cores", name, named)
    cores = []
    for name, number in named.items():
        for cut in _given_slices(demand, number, options.cores[name]) if name in options.cores else []:
            found = CoreFilling(demand, limits).first_exceeded(cut)
            if found is not None:
                raise exceeded(*found, where=f"population {name!r}, neurons {cut.start} to {cut.stop - 1} "
                                             "(mapping.cores)")
            cores.append((cut,))
    return tuple(cores)


def _given_slices(demand: Demand, number: int, given: int | list[int]) -> list[Slice]:
    population = demand.network.populations[number]
    size, name = population.size, f"mapping.cores.{population.name}"
    if isinstance(given, int):
        if given > size:
            raise OptionError(f"{name} = {given}", allowed=f"at most {size}: it has no more neurons")
        bounds = [round(core * size / given) for core in range(given + 1)]
    else:
        bounds = [0, *np.cumsum(given).tolist()]
        if bounds[-1] != size:
            raise OptionError(f"{name}: {len(given)} cores with {bounds[-1]} neurons", allowed=f"{size} neurons in all")
    return [Slice(number, low, high) for low, high in zip(bounds, bounds[1:], strict=False)]


def _check_chip(partition: Partition, chip: Chip) -> None:
    need, noc = partition.n_cores, chip.noc
    if chip.grid is not None and need > chip.n_grid_cores:
        n_chips = -(-need // chip.n_cores)
        raise CapacityError(
            "chip.n_grid_cores", need=need, have=chip.n_grid_cores, unit="cores",
            where=f"chip {chip.name}, {chip.n_chips} chips of {chip.n_cores} cores",
            mend=f"use a grid of {n_chips} chips, e.g. grid.rows = {-(-n_chips // chip.grid.columns)}, or cores that "
                 "hold more")
    if chip.grid is None and need > chip.n_cores:
        rows = -(-need // (noc.columns * noc.cores_per_tile))
        raise CapacityError("chip.n_cores", need=need, have=chip.n_cores, where=f"chip {chip.name}", unit="cores",
                            mend=f"use a chip with {need} cores, e.g. noc.rows = {rows}, or cores that hold more")


def _pack(demand: Demand, limits: Limits, populations: list[int], blocks: Blocks) -> Partition:
    """Fill core after core with the populations in their order."""
    cores: list[tuple[Slice, ...]] = []
    core = CoreFilling(demand, limits)
    for population in populations:
        item = demand.network.populations[population]
        pieces = list(reversed(blocks.get(item.name, [])))
        start = room_before = 0
        while start < item.size:
            piece = Slice(population, start, start + (pieces[-1] if pieces else 1))
            room = core.room_for(piece) if pieces else core.room(population, start, room_before)
            if room:
                room_before = 0 if core.slices else room
                core.add(Slice(population, start, start + room))
                start += room
                pieces = pieces[:-1]
            if not room and not core.slices:
                raise _too_large(core, piece)
            if not room or (start < item.size and not pieces):      # full: the room was as large as possible
                cores.append(tuple(core.slices))
                core = CoreFilling(demand, limits)
    return Partition((*cores, tuple(core.slices)) if core.slices else tuple(cores))


def _too_large(core: CoreFilling, cut: Slice) -> CapacityError:
    found = core.first_exceeded(cut)
    assert found is not None, "an empty core refused what fits"
    neurons = f"neuron {cut.start} alone" if cut.size == 1 else f"neurons {cut.start} to {cut.stop - 1} alone"
    name = core.demand.network.populations[cut.population].name
    return exceeded(*found, where=f"population {name!r}, {neurons} on a core")


def _balance(demand: Demand, limits: Limits, packed: Partition, options: MappingOptions,
             blocks: Blocks) -> Partition:
    """Return a partition into at most as many cores whose largest soma time is about the smallest possible."""
    if options.n_cores is not None and options.n_cores < packed.n_cores:
        raise OptionError(f"n_cores = {options.n_cores}", allowed=f"integer from {packed.n_cores}",
                          mend=f"the network needs {packed.n_cores} cores")
    n_cores = options.n_cores or packed.n_cores
    best = packed
    longest = {number: max(blocks.get(demand.network.populations[number].name, [1])) for number in demand.on_cores}
    low = max((int(demand.soma_ps[number]) * longest[number] for number in demand.on_cores), default=0)
    high = max((_soma_ps(demand, slices) for slices in packed.cores), default=0)
    while low < high:
        middle = (low + high) // 2
        tried = _evened(demand, limits, middle, blocks)
        if tried is not None and tried.n_cores <= n_cores:
            best, high = tried, middle
        else:
            low = middle + 1
    return best


def _evened(demand: Demand, limits: Limits, soma_ps: int, blocks: Blocks) -> Partition | None:
    """Return a partition whose cores spend at most `soma_ps`, or None where that breaks another limit."""
    try:
        packed = _pack(demand, {**limits, "soma_ps": soma_ps}, demand.on_cores, blocks)
        return within_outgoing(demand, packed, limits)
    except CapacityError:
        return None


def _soma_ps(demand: Demand, slices: tuple[Slice, ...]) -> int:
    return sum(cut.size * int(demand.soma_ps[cut.population]) for cut in slices)
