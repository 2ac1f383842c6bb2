"""Populations to cores, within every limit of the chip.

Cores are filled one after the other in stage order; a slice is as long as bisection finds room for. Where the
destinations are known, cores with too many outgoing axons are cut further.
"""

from __future__ import annotations

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError, OptionError, check_choice
from neurosim.machine import Int64Array
from neurosim.mapping.axons import AxonTable, Partition, Slice, axon_table, row_cores
from neurosim.mapping.limits import core_axons_out, core_limits, exceeded
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand

Limits = dict[str, int | None]


def partition_network(demand: Demand, options: MappingOptions) -> Partition:
    """Return the slices of each core.

    Raises
    ------
    CapacityError          if a limit of the chip is exceeded whatever the cut
    OptionError            if `options.n_cores` are too few
    """
    limits = core_limits(demand.chip, options)
    _check_neurons(demand, limits)
    given = _given(demand, limits, options)
    rest = [number for number in demand.on_cores if demand.network.populations[number].name not in options.cores]
    whole = Partition((*given, *_pack(demand, limits, rest).cores))
    packed = _within_axons_out(demand, whole, limits, len(given))
    if options.strategy == "balanced":
        packed = _balance(demand, limits, packed, options)
    _check_chip(packed, demand.chip)
    return packed


def _check_neurons(demand: Demand, limits: Limits) -> None:
    """Check the limits that no cut can mend: fan-in and delay."""
    for number, population in enumerate(demand.network.populations):
        have = limits["fan_in"]
        need = int(demand.fan_in[number].max())
        if have is not None and need > have:
            neuron = int(demand.fan_in[number].argmax())
            raise exceeded("fan_in", need, have, f"population {population.name!r}, neuron {neuron}")
        have = limits["delay_steps"]
        need = int(demand.delay_steps[number])
        if have is not None and need > have:
            raise exceeded("delay_steps", need, have, f"projections into population {population.name!r}")


def _given(demand: Demand, limits: Limits, options: MappingOptions) -> tuple[tuple[Slice, ...], ...]:
    """Return the cores of the populations whose cores are given, in stage order."""
    named = {demand.network.populations[number].name: number for number in demand.on_cores}
    for name in options.cores:
        check_choice("mapping.cores", name, named)
    cores = []
    for name, number in named.items():
        for cut in _given_slices(demand, number, options.cores[name]) if name in options.cores else []:
            found = _Core(demand, limits).first_exceeded(cut)
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


class _Core:
    """The core being filled: what it holds so far, and whether a slice still fits."""

    def __init__(self, demand: Demand, limits: Limits) -> None:
        self.demand, self.limits = demand, limits
        self.slices: list[Slice] = []
        self.holds_row = np.zeros(demand.n_rows, bool)
        self.profiles: Int64Array = np.zeros(0, np.int64)
        self.used = dict.fromkeys(("neurons", "axons_in", "synapse_words", "state_bits", "soma_ps", "profiles"), 0)

    def room(self, population: int, start: int) -> int:
        """Return how many neurons of `population`, from `start` on, still fit."""
        size = self.demand.network.populations[population].size
        low, high = 0, min(size - start, self._simple_room(population))
        if high and self.first_exceeded(Slice(population, start, start + high)) is None:
            return high
        high -= 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.first_exceeded(Slice(population, start, start + middle)) is None:
                low = middle
            else:
                high = middle - 1
        return max(low, 0)

    def first_exceeded(self, cut: Slice) -> tuple[str, int, int] | None:
        """Return (resource, need, have) of the first limit that `cut` would exceed, or None."""
        used, _, _ = self._with(cut)
        for resource, have in self.limits.items():
            if have is not None and used.get(resource, 0) > have:
                return resource, used[resource], have
        return None

    def add(self, cut: Slice) -> None:
        """Put `cut` on the core."""
        self.used, rows, self.profiles = self._with(cut)
        self.holds_row[rows] = True
        self.slices.append(cut)

    def _simple_room(self, population: int) -> int:
        """Return the room that limits proportional to the number of neurons leave."""
        room = [limit - self.used["neurons"] for limit in [self.limits["neurons"]] if limit is not None]
        for resource, each in (("state_bits", self.demand.state_bits), ("soma_ps", self.demand.soma_ps)):
            limit = self.limits.get(resource)
            if limit is not None and each[population] > 0:
                room.append((limit - self.used[resource]) // int(each[population]))
        return max(0, min(room))

    def _with(self, cut: Slice) -> tuple[dict[str, int], Int64Array, Int64Array]:
        """Return what would be used with `cut`, the rows it adds, and all profiles."""
        demand = self.demand
        axons = [item.axons(cut.start, cut.stop) for item in demand.incoming[cut.population]]
        rows = np.unique(np.concatenate([np.zeros(0, np.int64), *(item.rows for item in axons)]))
        rows = rows[~self.holds_row[rows]]
        profiles = np.union1d(self.profiles, demand.profile[cut.population][cut.start:cut.stop])
        used = {
            "neurons": self.used["neurons"] + cut.size,
            "axons_in": self.used["axons_in"] + len(rows),
            "synapse_words": self.used["synapse_words"] + sum(item.stored for item in axons),
            "state_bits": self.used["state_bits"] + cut.size * int(demand.state_bits[cut.population]),
            "soma_ps": self.used["soma_ps"] + cut.size * int(demand.soma_ps[cut.population]),
            "profiles": len(profiles),
        }
        used["shared_bits"] = (used["synapse_words"] * demand.chip.core.synapse_memory.word_bits
                               + used["state_bits"])
        return used, rows, profiles


def _pack(demand: Demand, limits: Limits, populations: list[int]) -> Partition:
    """Fill core after core with the populations in their order."""
    cores: list[tuple[Slice, ...]] = []
    core = _Core(demand, limits)
    for population in populations:
        start, size = 0, demand.network.populations[population].size
        while start < size:
            room = core.room(population, start)
            if room:
                core.add(Slice(population, start, start + room))
                start += room
            elif core.slices:
                cores.append(tuple(core.slices))
                core = _Core(demand, limits)
            else:
                raise _neuron_too_large(core, population, start)
    return Partition((*cores, tuple(core.slices)) if core.slices else tuple(cores))


def _neuron_too_large(core: _Core, population: int, neuron: int) -> CapacityError:
    found = core.first_exceeded(Slice(population, neuron, neuron + 1))
    assert found is not None, "an empty core refused a neuron that fits"
    name = core.demand.network.populations[population].name
    return exceeded(*found, where=f"population {name!r}, neuron {neuron} alone on a core")


def _within_axons_out(demand: Demand, partition: Partition, limits: Limits, n_given: int = 0) -> Partition:
    """Cut cores until none has too many outgoing axons; every cut adds destinations for others, so look again.

    n_given : the first cores, which are given and not cut
    """
    have = limits["axons_out"]
    assert have is not None
    while True:
        axons, source_core = axon_table(demand, partition), row_cores(demand, partition)
        need = core_axons_out(axons, source_core, partition)
        full = np.flatnonzero(need > have)
        if not len(full) or partition.n_cores > demand.chip.n_grid_cores:
            _check_fan_out(demand, axons, limits)
            return partition
        for core in full:
            if core < n_given:
                cut = partition.cores[core][0]
                name = demand.network.populations[cut.population].name
                raise exceeded("axons_out", int(need[core]), have,
                               f"population {name!r}, neurons {cut.start} to {cut.stop - 1} (mapping.cores)")
            if sum(cut.size for cut in partition.cores[core]) == 1:
                name = demand.network.populations[partition.cores[core][0].population].name
                raise exceeded("axons_out", int(need[core]), have,
                               f"population {name!r}, neuron {partition.cores[core][0].start} alone on a core")
        too_full = set(full.tolist())
        parts = [_cut_core(slices, -(-int(need[core]) // have)) if core in too_full else [slices]
                 for core, slices in enumerate(partition.cores)]
        partition = Partition(tuple(slices for part in parts for slices in part))


def _check_fan_out(demand: Demand, axons: AxonTable, limits: Limits) -> None:
    have = limits["fan_out"]
    if have is None or not len(axons.row):
        return
    destinations = np.bincount(axons.row, minlength=demand.n_rows)
    row = int(destinations.argmax())
    if destinations[row] > have:
        number = int(np.searchsorted(demand.first_row, row, side="right")) - 1
        population = demand.network.populations[number]
        neuron = (row - int(demand.first_row[number])) // len(population.spec.outputs)
        raise exceeded("fan_out", int(destinations[row]), have, f"population {population.name!r}, neuron {neuron}")


def _cut_core(slices: tuple[Slice, ...], n_parts: int) -> list[tuple[Slice, ...]]:
    """Cut the neurons of a core into `n_parts` about equal parts, in order."""
    n_neurons = sum(cut.size for cut in slices)
    bounds = sorted({round(part * n_neurons / n_parts) for part in range(n_parts + 1)})
    parts = []
    for low, high in zip(bounds, bounds[1:], strict=False):
        part, passed = [], 0
        for cut in slices:
            start, stop = max(cut.start, cut.start + low - passed), min(cut.stop, cut.start + high - passed)
            if start < stop:
                part.append(Slice(cut.population, start, stop))
            passed += cut.size
        parts.append(tuple(part))
    return parts


def _balance(demand: Demand, limits: Limits, packed: Partition, options: MappingOptions) -> Partition:
    """Return a partition into at most as many cores whose largest soma time is about the smallest possible."""
    if options.n_cores is not None and options.n_cores < packed.n_cores:
        raise OptionError(f"n_cores = {options.n_cores}", allowed=f"integer from {packed.n_cores}",
                          mend=f"the network needs {packed.n_cores} cores")
    n_cores = options.n_cores or packed.n_cores
    best = packed
    low = max((int(demand.soma_ps[number]) for number in demand.on_cores), default=0)
    high = max((_soma_ps(demand, slices) for slices in packed.cores), default=0)
    while low < high:
        middle = (low + high) // 2
        tried = _evened(demand, limits, middle)
        if tried is not None and tried.n_cores <= n_cores:
            best, high = tried, middle
        else:
            low = middle + 1
    return best


def _evened(demand: Demand, limits: Limits, soma_ps: int) -> Partition | None:
    """Return a partition whose cores spend at most `soma_ps`, or None where that breaks another limit."""
    try:
        return _within_axons_out(demand, _pack(demand, {**limits, "soma_ps": soma_ps}, demand.on_cores), limits)
    except CapacityError:
        return None


def _soma_ps(demand: Demand, slices: tuple[Slice, ...]) -> int:
    return sum(cut.size * int(demand.soma_ps[cut.population]) for cut in slices)
