"""The limits of a core, and the error that names one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapacityError
from neurosim.machine import UNLIMITED, Int64Array
from neurosim.mapping.axons import AxonTable, Partition, Slice
from neurosim.mapping.incoming import Incoming
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
                         "raise core.max_axons_in to {need}, prune the inputs of the neuron, or, where packets carry "
                         "values, write mapping.allow_fan_in_split=true: relay neurons add up partial sums"),
    "axons_out": Resource("core.max_axons_out", "axons",
                          "raise core.max_axons_out to {need}, or let the targets share fewer cores"),
    "fan_in": Resource("core.max_fan_in", "synapses",
                       "raise core.max_fan_in to {need}, prune the inputs of the neuron, or, where packets carry "
                       "values, write mapping.allow_fan_in_split=true: relay neurons add up partial sums"),
    "fan_out": Resource("core.max_fan_out", "destination cores",
                        "raise core.max_fan_out to {need}, let the targets share fewer cores, or write "
                        "mapping.allow_fan_out_split=true"),
    "fan_out_synapses": Resource("core.max_fan_out_synapses", "synapses",
                                 "raise core.max_fan_out_synapses to {need}, or prune the outputs of the neuron"),
    "synapse_words": Resource("core.synapse_memory.words", "words",
                              "raise core.synapse_memory.words to {need}, or lower core.weight_bits"),
    "state_bits": Resource("core.state_memory_bits", "bits",
                           "raise core.state_memory_bits to {need}, or use fewer modes, delays or state bits"),
    "synapse_formats": Resource("core.synapse_memory.max_formats", "formats",
                                "raise core.synapse_memory.max_formats to {need}, or quantise the projections alike"),
    "shared_bits": Resource("core.shared_memory_bits", "bits", "raise core.shared_memory_bits to {need}"),
    "delay_steps": Resource("core.max_delay_steps", "time steps",
                            "raise core.max_delay_steps to {need}, or relay the projection over populations between"),
    "profiles": Resource("core.capabilities.parameter_profiles", "parameter sets",
                         "raise core.capabilities.parameter_profiles to {need}"),
    "thresholds": Resource("core.capabilities.threshold_profiles", "thresholds",
                           "raise core.capabilities.threshold_profiles to {need}"),
}
# Not counted where there is no limit.
_COUNTED_IF_LIMITED = ("profiles", "thresholds", "fan_out_synapses", "synapse_formats")


def core_limits(chip: Chip, options: MappingOptions) -> dict[str, int | None]:
    """Return the limit of each resource; None where there is none."""
    core = chip.core
    neurons = min(core.max_neurons, options.max_neurons_per_core or core.max_neurons)
    return {
        "neurons": neurons, "axons_in": core.max_axons_in, "axons_out": core.max_axons_out,
        "fan_in": core.max_fan_in, "fan_out": core.max_fan_out, "fan_out_synapses": core.max_fan_out_synapses,
        "synapse_words": core.synapse_memory.words, "synapse_formats": core.synapse_memory.max_formats,
        "state_bits": core.state_memory_bits, "shared_bits": core.shared_memory_bits,
        "delay_steps": core.max_delay_steps, "profiles": core.capabilities.parameter_profiles,
        "thresholds": core.capabilities.threshold_profiles,
    }


def exceeded(resource: str, need: int, have: int, where: str) -> CapacityError:
    """Return the error for a core limit."""
    entry = RESOURCES[resource]
    return CapacityError(entry.field, need=need, have=have, where=where, mend=entry.mend.format(need=need),
                         unit=entry.unit)


def core_axons_out(axons: AxonTable, source_core: np.ndarray, partition: Partition, chip: Chip) -> Int64Array:
    """Return the places that the outgoing axons of each core take, the output port's included; int64[core]."""
    places = np.where(axons.conv > 0, chip.core.shared_axon_slots, 1)
    found = np.zeros(partition.n_cores + 2, np.int64)
    np.add.at(found, source_core[axons.row], places)
    return found[:partition.n_cores]


def shared_bits(used: Mapping[str, int], chip: Chip) -> int:
    """Return the bits of the shared pool that synapses, state and axon tables take; axons not yet known count 0."""
    core = chip.core
    return (used["synapse_words"] * core.synapse_memory.word_bits + used["state_bits"]
            + used.get("axons_in", 0) * core.axon_in_bits + used.get("axons_out", 0) * core.axon_out_bits)


def synapse_format(incoming: Incoming) -> tuple[int, int, bool]:
    """Return what distinguishes synapses in memory: bits and fraction of their weights, and whether they are listed."""
    return incoming.rows.weight_bits, incoming.rows.fraction, incoming.kind == "sparse"


def utilisation(demand: Demand, partition: Partition, axons: AxonTable, source_core: np.ndarray,
                options: MappingOptions) -> tuple[dict[str, tuple[int, int]], ...]:
    """Return what each core uses of each resource: resource -> (used, limit); limit −1 where there is none.

    A resource without limit whose use is then not counted is left out.
    """
    limits = core_limits(demand.chip, options)
    n_cores = partition.n_cores
    axons_out = core_axons_out(axons, source_core, partition, demand.chip)
    axons_in = np.bincount(axons.core, minlength=n_cores)
    fan_out = _fan_out(axons, source_core, n_cores)
    rows = []
    for core, slices in enumerate(partition.cores):
        used = _slice_use(demand, slices)
        used.update(axons_in=int(axons_in[core]), axons_out=int(axons_out[core]), fan_out=int(fan_out[core]),
                    synapse_words=int(axons.core_words[core]))
        used["shared_bits"] = shared_bits(used, demand.chip)
        for name in _COUNTED_IF_LIMITED:
            if limits[name] is None:
                del used[name]
        rows.append({name: (used[name], UNLIMITED if (limit := limits[name]) is None else limit)
                     for name in RESOURCES if name in used})
    return tuple(rows)


def _slice_use(demand: Demand, slices: tuple[Slice, ...]) -> dict[str, int]:
    formats = {synapse_format(item) for cut in slices for item in demand.incoming[cut.population]}
    return {
        "neurons": sum(cut.size for cut in slices),
        "fan_in": max(int(demand.fan_in[cut.population][cut.start:cut.stop].max()) for cut in slices),
        "state_bits": sum(cut.size * int(demand.state_bits[cut.population]) for cut in slices),
        "delay_steps": max(int(demand.delay_steps[cut.population]) for cut in slices),
        "profiles": _n_distinct(demand.profile, slices), "thresholds": _n_distinct(demand.threshold, slices),
        "synapse_formats": len(formats),
        "fan_out_synapses": max(int(demand.fan_out[cut.population][cut.start:cut.stop].max()) for cut in slices),
    }


def _n_distinct(numbers: tuple[Int64Array, ...], slices: tuple[Slice, ...]) -> int:
    return len(np.unique(np.concatenate([numbers[cut.population][cut.start:cut.stop] for cut in slices])))


def _fan_out(axons: AxonTable, source_core: np.ndarray, n_cores: int) -> np.ndarray:
    destinations = np.bincount(axons.row, minlength=len(source_core))
    widest = np.zeros(n_cores + 2, np.int64)
    np.maximum.at(widest, source_core, destinations)
    return widest
