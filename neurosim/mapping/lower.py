"""Network + schedule + partition + placement + chip -> Machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from hw_models.load import barrier_latency_ns, to_mapping
from hw_models.schema import Chip
from neurosim.machine import Int64Array, Machine
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.chip_block import chip_link_weight
from neurosim.mapping.connections import connections
from neurosim.mapping.join import find_channels, token_flow, tokens_in_words, with_markers
from neurosim.mapping.layers import layer_use
from neurosim.mapping.limits import utilisation
from neurosim.mapping.lower_fixed import formats_of, lower_fixed
from neurosim.mapping.lower_free import lower_free_running
from neurosim.mapping.lower_function import lower_outputs, lower_populations, lower_projections
from neurosim.mapping.lower_time import lower_cores, lower_noc, lower_slices, lower_traffic
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.place import Placement
from neurosim.mapping.resources import Demand
from neurosim.units import ns_to_ps


def lower(demand: Demand, partition: Partition, axons: AxonTable, source_core: Int64Array, placement: Placement,
          options: MappingOptions, copied: Mapping[str, str] | None = None) -> Machine:
    """Return the placed network as arrays.

    Parameters
    ----------
    axons, source_core : from `axons.axon_table` and `axons.row_cores`
    copied : population of copies -> population that it copies
    """
    network, chip, staging = demand.network, demand.chip, demand.staging
    found = connections(network, staging)
    projections, synapses = lower_projections(network, found)
    outputs = lower_outputs(network)
    cores = lower_cores(chip, partition, placement)
    noc = lower_noc(chip, placement.chips, partition.n_cores + 2)
    slices = lower_slices(demand, partition)
    # Nobody can say which token is the last one of a chip without steps: its read-outs send whenever they change.
    every_token = options.readout_every_token or chip.free_running is not None
    sent, row_core, tokens = axons, source_core, None
    if staging.tokens_in_flight:
        channels = find_channels(demand, partition, axons, slices, found)
        sent, tokens = with_markers(axons, channels, demand.n_rows), token_flow(demand, axons, slices, found, channels)
        row_core = np.append(source_core, slices.core)
    traffic = lower_traffic(demand, partition, sent, row_core, cores, noc, outputs)
    names = tuple(population.name for population in network.populations)
    return Machine(
        schedule=staging.schedule, populations=lower_populations(network, staging, every_token),
        projections=projections, synapses=synapses, slices=slices, cores=cores,
        packets=traffic.packets, destinations=traffic.destinations, trees=traffic.trees, noc=noc,
        population_names=names, output_names=outputs.names, output_kind=outputs.kind,
        output_population=outputs.population, readouts=tuple(names.index(name) for name in network.readouts),
        n_inputs=sum(population.size for population in network.inputs), barrier_ps=_barrier_ps(chip, placement),
        nominal_step_ps=_tick_ps(chip) or _nominal_step_ps(chip), tick_ps=_tick_ps(chip),
        late_steps=chip.tick is None or chip.tick.overrun == "late", fixed=lower_fixed(network, found, demand.integers),
        free=lower_free_running(network, chip, options, projections, slices, partition.n_cores + 2, tokens),
        provenance=_provenance(demand, placement, options) | ({"copies": json.dumps(dict(copied))} if copied else {})
        | ({} if tokens is None else {"tokens": json.dumps(tokens_in_words(network, slices, traffic.packets, tokens))}),
        utilisation=_utilisation(demand, partition, axons, source_core, placement, options))


def _nominal_step_ps(chip: Chip) -> int:
    assert chip.nominal_step_ns is not None     # `core_costs` has refused chips that leave figures out
    return ns_to_ps(chip.nominal_step_ns.value)


def _utilisation(demand: Demand, partition: Partition, axons: AxonTable, source_core: Int64Array,
                 placement: Placement, options: MappingOptions) -> tuple[dict[str, tuple[int, int]], ...]:
    """Return what each core uses of each resource; kernel entries take the place of words where cores hold layers."""
    used = utilisation(demand, partition, axons, source_core, options)
    layers = layer_use(demand, partition, placement.physical)
    return tuple({name: item for name, item in {**core, **layer}.items() if not layer or name != "synapse_words"}
                 for core, layer in zip(used, layers, strict=True))


def _barrier_ps(chip: Chip, placement: Placement) -> int:
    if chip.sync == "free_running":
        return 0
    n_tiles = len(np.unique(placement.physical // chip.noc.cores_per_tile))
    n_columns, n_rows = placement.chips
    return ns_to_ps(barrier_latency_ns(chip, max(1, n_tiles), n_columns * n_rows)[0])


def _tick_ps(chip: Chip) -> int:
    return 0 if chip.tick is None else ns_to_ps(chip.tick.period_ns.value)


def _provenance(demand: Demand, placement: Placement, options: MappingOptions) -> dict[str, str]:
    schedule = demand.staging.schedule
    formats = {"formats": json.dumps(formats_of(demand.network))} if demand.network.is_quantised else {}
    return formats | {
        "network": demand.network.name,
        "n_synapses": str(demand.network.n_synapses),
        "network_metadata": json.dumps(dict(demand.network.metadata), sort_keys=True),
        "chip_name": demand.chip.name,
        "chip": json.dumps(to_mapping(demand.chip), sort_keys=True),
        "mapping_options": json.dumps(asdict(options), sort_keys=True),
        "schedule": json.dumps(asdict(schedule), sort_keys=True),
        "placement": json.dumps({"cost": placement.cost, "naive_cost": placement.naive_cost,
                                 "chip_link_weight": chip_link_weight(demand.chip)}),
    }
