"""A network on given cores at given places: the mapping of the other simulator, or of silicon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hw_models.schema import Chip
from neurosim.graph import Network
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions
from neurosim.mapping.axons import axon_table, row_cores
from neurosim.mapping.lower import lower
from neurosim.mapping.partition import partition_network
from neurosim.mapping.place import Placement
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.schedule import stage_network


def map_to_places(network: Network, chip: Chip, cores: dict[str, int | list[int]], places: Sequence[int]) -> Machine:
    """Return `network` on `chip`, with core i of the partition on core `places[i]` of the chip.

    Parameters
    ----------
    cores : as `mapping.cores`; must name every population that is not an input
    places : one core of the chip for each core of the partition, all different

    Raises
    ------
    MappingError           as `mapping.map_network`
    """
    options = MappingOptions(cores=cores, placement="naive")
    demand = measure_demand(network, chip, stage_network(network, options.schedule))
    partition = partition_network(demand, options)
    assert len(places) == partition.n_cores == len(set(places)), "a place for each core"
    placement = Placement(np.asarray(places, np.int64), 0.0, 0.0)
    return lower(demand, partition, axon_table(demand, partition), row_cores(demand, partition), placement, options)
