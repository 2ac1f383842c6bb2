"""Network + chip -> Machine: schedule, capabilities, partition, placement, lowering.

The only place where the network and the chip meet. Nothing here changes a spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hw_models.schema import Chip
from hw_models.unpublished import core_costs
from neurosim.errors import CapabilityError, OptionError
from neurosim.graph import Network
from neurosim.machine import Int64Array, Machine
from neurosim.mapping.advance import check_free_running, plan_advance, without_intervals
from neurosim.mapping.axons import Partition, axon_table, row_cores
from neurosim.mapping.bits import check_formats
from neurosim.mapping.capabilities import check_capabilities
from neurosim.mapping.describe import describe, render
from neurosim.mapping.fan_out import with_splitters
from neurosim.mapping.join import is_joined
from neurosim.mapping.layers import place_layers
from neurosim.mapping.lower import lower
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.outgoing import Cut
from neurosim.mapping.partition import cut_network
from neurosim.mapping.place import Placement, place_cores
from neurosim.mapping.resources import Demand, measure_demand
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.schedule import Staging, stage_free_running, stage_network
from neurosim.mapping.synapse_lists import Fitted

__all__ = [
    "MappingOptions", "MappingResult", "check_operations", "describe", "map_network", "map_with_details", "render",
]


@dataclass(frozen=True)
class MappingResult:
    """A machine, and how it came about."""

    machine: Machine
    staging: Staging
    partition: Partition
    placement: Placement
    fitted: Fitted


def map_network(network: Network, chip: Chip, options: MappingOptions | None = None,
                rates: Mapping[str, float] | None = None) -> Machine:
    """Return `network` placed on `chip`.

    Parameters
    ----------
    rates : population -> packets per neuron output and time step, for the placement; 1 where not given

    Raises
    ------
    NetworkError           if projections without delay form a cycle
    CapabilityError        if the chip lacks an operation
    CapacityError          if a limit of the chip is exceeded, bits of a format included
    OptionError            if an option does not suit network and chip
    ConfigError            if the chip has no published figures (`mapping.capacity` tells how a network fits it)
    """
    return map_with_details(network, chip, options, rates).machine


def map_with_details(network: Network, chip: Chip, options: MappingOptions | None = None,
                     rates: Mapping[str, float] | None = None) -> MappingResult:
    """Return what `map_network` does, together with schedule, partition and placement."""
    options = options or MappingOptions()
    network, staging = _able(network, chip, options)
    check_formats(network, chip)
    fitted = with_splitters(network, staging, chip, options)
    if fitted.copied:
        staging = _staged(fitted.network, chip, options)
        check_capabilities(fitted.network, chip, staging)
        check_formats(fitted.network, chip)
        rates = {**rates, **{name: rates[source] for name, source in fitted.copied.items()
                             if source in rates}} if rates else rates
    demand = measure_demand(fitted.network, chip, staging)
    (partition, axons, source_core), physical = _partitioned(demand, options, fitted)
    placement = place_cores(demand, partition, axons, source_core, options, rates, physical)
    machine = lower(demand, partition, axons, source_core, placement, options, fitted.copied)
    return MappingResult(machine, staging, partition, placement, fitted)


def check_operations(network: Network, chip: Chip, options: MappingOptions) -> None:
    """Raise CapabilityError where the chip cannot compute what the network needs, whatever its formats and limits."""
    _able(network, chip, options)


def _able(network: Network, chip: Chip, options: MappingOptions) -> tuple[Network, Staging]:
    """Return the network as the chip will compute it, and its schedule; raise where the chip cannot."""
    core_costs(chip)        # raises where none are published
    is_joined(chip, options)        # raises where the chip cannot
    network = rewritten(network, options, chip)
    if chip.sync == "free_running":
        check_free_running(network, chip, options)
        network = _without_intervals(network, chip, options)
    staging = _staged(network, chip, options)
    check_capabilities(network, chip, staging)
    return network, staging


def _partitioned(demand: Demand, options: MappingOptions, fitted: Fitted) -> tuple[Cut, Int64Array | None]:
    """Return the partition, and the physical cores where the cores differ."""
    if demand.chip.core.layer_memory is not None:
        partition, physical = place_layers(demand, options)
        return Cut(partition, axon_table(demand, partition), row_cores(demand, partition)), physical
    return cut_network(demand, options, fitted.blocks), None


def _without_intervals(network: Network, chip: Chip, options: MappingOptions) -> Network:
    """Return the network of a free-running chip, whose neurons know by themselves how much time has gone by."""
    staging = _staged(network, chip, options)       # raises where no order can be found, before it is planned by
    try:
        advance = plan_advance(network, chip, options)
    except CapabilityError:
        check_capabilities(network, chip, staging)      # what cores cannot compute at all is the plainer reason
        raise
    return without_intervals(network, advance)


def _staged(network: Network, chip: Chip, options: MappingOptions) -> Staging:
    """Return the schedule; on a free-running chip only an order of the populations."""
    if chip.sync == "free_running":
        return stage_free_running(network, options.tokens_in_flight if is_joined(chip, options) else 0)
    staging = stage_network(network, options.schedule, options.sequence_length or 0)
    if staging.schedule.n_phases > 1 and not staging.schedule.sequence_length:
        raise OptionError("mapping.sequence_length is missing", allowed="integer from 1",
                          mend="say how many tokens the buffers of schedule whole_sequence have to hold")
    return staging
