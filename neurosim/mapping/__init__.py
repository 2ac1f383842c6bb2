"""Network + chip -> Machine: schedule, capabilities, partition, placement, lowering.

The only place where the network and the chip meet. Nothing here changes a spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.graph import Network
from neurosim.machine import Machine
from neurosim.mapping.axons import Partition, axon_table, row_cores
from neurosim.mapping.bits import check_formats
from neurosim.mapping.capabilities import check_capabilities
from neurosim.mapping.describe import describe, render
from neurosim.mapping.lower import lower
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.partition import partition_network
from neurosim.mapping.place import Placement, place_cores
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.schedule import Staging, stage_network

__all__ = ["MappingOptions", "MappingResult", "describe", "map_network", "map_with_details", "render"]


@dataclass(frozen=True)
class MappingResult:
    """A machine, and how it came about."""

    machine: Machine
    staging: Staging
    partition: Partition
    placement: Placement


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
    """
    return map_with_details(network, chip, options, rates).machine


def map_with_details(network: Network, chip: Chip, options: MappingOptions | None = None,
                     rates: Mapping[str, float] | None = None) -> MappingResult:
    """Return what `map_network` does, together with schedule, partition and placement."""
    options = options or MappingOptions()
    network = rewritten(network, options, chip)
    staging = stage_network(network, options.schedule, options.sequence_length or 0)
    _check_sequence_length(staging)
    check_capabilities(network, chip, staging)
    check_formats(network, chip)
    demand = measure_demand(network, chip, staging)
    partition = partition_network(demand, options)
    axons, source_core = axon_table(demand, partition), row_cores(demand, partition)
    placement = place_cores(demand, partition, axons, source_core, options, rates)
    machine = lower(demand, partition, axons, source_core, placement, options)
    return MappingResult(machine, staging, partition, placement)


def _check_sequence_length(staging: Staging) -> None:
    if staging.schedule.n_phases > 1 and not staging.schedule.sequence_length:
        raise OptionError("mapping.sequence_length is missing", allowed="integer from 1",
                          mend="say how many tokens the buffers of schedule whole_sequence have to hold")
