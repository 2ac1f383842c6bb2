"""The limits of a core, and the error that names one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError
from neurosim.machine import UNLIMITED
from neurosim.mapping.axons import AxonTable, Partition, Slice
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand


class Resource(NamedTuple):
    """A limit of a core.

    field : its name in a chip file
    unit, mend : for messages; `{need}` stands for the need
    """

    field: str
    unit: str
    mend: str


RESOURCES: dict[str, Resource] = {
    "neurons": Resource("core.max_neurons", "neurons", "raise core.max_neurons to {need}"),
    "axons_in": Resource("core.max_axons_in", "axons",
                         "raise core.max_axons_in to {need}, or prune the inputs of the neuron"),
    "axons_out": Resource("core.max_axons_out", "axons",
                          "raise core.max_axons_out to {need}, or let the targets share fewer cores"),
    "fan_in": Resource("core.max_fan_in", "synapses",
                       "raise core.max_fan_in to {need}, or prune the inputs of the neuron (splitting fan-in over "
                       "relay neurons is not built)"),
    "fan_out": Resource("core.max_fan_out", "destination cores",
                        "raise core.max_fan_out to {need}, or let the targets share fewer cores"),
    "synapse_words": Resource("core.synapse_memory.words", "words",
                              "raise core.synapse_memory.words to {need}, or lower core.weight_bits"),
    "state_bits": Resource("core.state_memory_bits", "bits",
                           "raise core.state_memory_bits to {need}, or use fewer modes, delays or state bits"),
    "shared_bits": Resource("core.shared_memory_bits", "bits", "raise core.shared_memory_bits to {need}"),
    "delay_steps": Resource("core.max_delay_steps", "time steps",
                            "raise core.max_delay_steps to {need}, or relay the projection over populations between"),
    "profiles": Resource("core.capabilities.parameter_profiles", "parameter sets",
                         "raise core.capabilities.parameter_profiles to {need}"),
}


def core_limits(chip: Chip, options: MappingOptions) -> dict[str, int | None]:
    """Return the limit of each resource; None where there is none."""
    core = chip.core
    neurons = min(core.max_neurons, options.max_neurons_per_core or core.max_neurons)
    return {
        "neurons": neurons, "axons_in": core.max_axons_in, "axons_out": core.max_axons_out,
        "fan_in": core.max_fan_in, "fan_out": core.max_fan_out, "synapse_words": core.synapse_memory.words,
        "state_bits": core.state_memory_bits, "shared_bits": core.shared_memory_bits,
        "delay_steps": core.max_delay_steps, "profiles": core.capabilities.parameter_profiles,
    }


def exceeded(resource: str, need: int, have: int, where: str) -> CapacityError:
    """Return the error for a core limit."""
    entry = RESOURCES[resource]
    return CapacityError(entry.field, need=need, have=have, where=where, mend=entry.mend.format(need=need),
                         unit=entry.unit)


def core_axons_out(axons: AxonTable, source_core: np.ndarray, partition: Partition) -> np.ndarray:
    """Return the outgoing axons of each core, the output port's included; int64[core]."""
    return np.bincount(source_core[axons.row], minlength=partition.n_cores + 2)[:partition.n_cores]


def utilisation(demand: Demand, partition: Partition, axons: AxonTable, source_core: np.ndarray,
                options: MappingOptions) -> tuple[dict[str, tuple[int, int]], ...]:
    """Return what each core uses of each resource: resource -> (used, limit); limit −1 where there is none.

    A resource without limit whose use is not counted (`profiles`) is left out.
    """
    limits = core_limits(demand.chip, options)
    n_cores = partition.n_cores
    axons_out = core_axons_out(axons, source_core, partition)
    axons_in = np.bincount(axons.core, minlength=n_cores)
    fan_out = _fan_out(axons, source_core, n_cores)
    rows = []
    for core, slices in enumerate(partition.cores):
        used = _slice_use(demand, slices)
        used.update(axons_in=int(axons_in[core]), axons_out=int(axons_out[core]), fan_out=int(fan_out[core]),
                    synapse_words=int(axons.core_words[core]))
        used["shared_bits"] = used["synapse_words"] * demand.chip.core.synapse_memory.word_bits + used["state_bits"]
        if limits["profiles"] is None:
            del used["profiles"]
        rows.append({name: (used[name], UNLIMITED if (limit := limits[name]) is None else limit)
                     for name in RESOURCES if name in used})
    return tuple(rows)


def _slice_use(demand: Demand, slices: tuple[Slice, ...]) -> dict[str, int]:
    profiles = [demand.profile[cut.population][cut.start:cut.stop] for cut in slices]
    return {
        "neurons": sum(cut.size for cut in slices),
        "fan_in": max(int(demand.fan_in[cut.population][cut.start:cut.stop].max()) for cut in slices),
        "state_bits": sum(cut.size * int(demand.state_bits[cut.population]) for cut in slices),
        "delay_steps": max(int(demand.delay_steps[cut.population]) for cut in slices),
        "profiles": len(np.unique(np.concatenate(profiles))),
    }


def _fan_out(axons: AxonTable, source_core: np.ndarray, n_cores: int) -> np.ndarray:
    destinations = np.bincount(axons.row, minlength=len(source_core))
    widest = np.zeros(n_cores + 2, np.int64)
    np.maximum.at(widest, source_core, destinations)
    return widest
