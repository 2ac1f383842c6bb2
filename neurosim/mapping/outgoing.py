"""Limits of what a core sends, which are known only when all cores are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurosim.machine import Int64Array
from neurosim.mapping.axons import AxonTable, Partition, Slice, axon_table, row_cores
from neurosim.mapping.core_filling import Limits
from neurosim.mapping.limits import core_axons_out, exceeded, shared_bits
from neurosim.mapping.resources import Demand


class Cut(NamedTuple):
    """A partition, and what follows from it: `axons.axon_table` and `axons.row_cores`."""

    partition: Partition
    axons: AxonTable
    source_core: Int64Array


def within_outgoing(demand: Demand, partition: Partition, limits: Limits, n_given: int = 0) -> Partition:
    """Return the partition of `cut_outgoing`."""
    return cut_outgoing(demand, partition, limits, n_given).partition


def cut_outgoing(demand: Demand, partition: Partition, limits: Limits, n_given: int = 0) -> Cut:
    """Cut cores until none has too many outgoing axons; every cut adds destinations for others, so look again.

    n_given : the first cores, which are given and not cut
    """
    while True:
        axons, source_core = axon_table(demand, partition), row_cores(demand, partition)
        over = _over(demand, partition, axons, source_core, limits)
        if not over or partition.n_cores > demand.chip.n_grid_cores:
            _check_fan_out(demand, axons, limits)
            return Cut(partition, axons, source_core)
        for core, (resource, need, have) in over.items():
            slices = partition.cores[core]
            name = demand.network.populations[slices[0].population].name
            if core < n_given:
                raise exceeded(resource, need, have, f"population {name!r}, neurons {slices[0].start} to "
                                                     f"{slices[0].stop - 1} (mapping.cores)")
            if sum(cut.size for cut in slices) == 1:
                raise exceeded(resource, need, have, f"population {name!r}, neuron {slices[0].start} alone on a core")
        parts = [_cut_core(slices, -(-over[core][1] // over[core][2])) if core in over else [slices]
                 for core, slices in enumerate(partition.cores)]
        partition = Partition(tuple(slices for part in parts for slices in part))


def _over(demand: Demand, partition: Partition, axons: AxonTable, source_core: Int64Array,
          limits: Limits) -> dict[int, tuple[str, int, int]]:
    """Return the cores whose outgoing axons, or a pool that holds them, exceed a limit: (resource, need, have)."""
    axons_out = core_axons_out(axons, source_core, partition, demand.chip)
    over: dict[int, tuple[str, int, int]] = {}
    pool = limits["shared_bits"]
    if pool is not None and demand.chip.core.axon_out_bits:
        axons_in = np.bincount(axons.core, minlength=partition.n_cores)
        for core, slices in enumerate(partition.cores):
            used = {"axons_in": int(axons_in[core]), "axons_out": int(axons_out[core]),
                    "synapse_words": int(axons.core_words[core]),
                    "state_bits": sum(cut.size * int(demand.state_bits[cut.population]) for cut in slices)}
            if (need := shared_bits(used, demand.chip)) > pool:
                over[core] = "shared_bits", need, pool
    have = limits["axons_out"]
    assert have is not None
    over.update({int(core): ("axons_out", int(axons_out[core]), have) for core in np.flatnonzero(axons_out > have)})
    return over


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
