"""The time half of a machine: slices, cores, packets, destinations, trees, routers.

Every latency of the chip is turned into whole picoseconds before it is multiplied or added.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hw_models.figures import Figure
from hw_models.schema import Chip
from hw_models.unpublished import core_costs
from neurosim.events import CORE_EVENT_INDEX
from neurosim.graph import Network
from neurosim.machine import (
    GRADED,
    SPIKE,
    TERNARY,
    UNLIMITED,
    Cores,
    Destinations,
    Int64Array,
    Noc,
    Packets,
    Slices,
    Trees,
)
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.bits import payload_bits
from neurosim.mapping.chip_block import chip_grid, tile_of_first_chip
from neurosim.mapping.lower_function import Outputs
from neurosim.mapping.place import Placement
from neurosim.mapping.resources import Demand
from neurosim.mapping.trees import packet_trees
from neurosim.noc.topology import count_hops, grid_of, link_kinds, link_targets
from neurosim.units import ns_to_ps


class Traffic(NamedTuple):
    """What is sent, and how it travels."""

    packets: Packets
    destinations: Destinations
    trees: Trees


def lower_slices(demand: Demand, partition: Partition) -> Slices:
    """Return all slices; each input population is one slice at the input port."""
    rows = [(cut.population, cut.start, cut.stop, core)
            for core, slices in enumerate(partition.cores) for cut in slices]
    rows += [(number, 0, item.size, partition.input_port)
             for number, item in enumerate(demand.network.populations) if item.model == "input"]
    population, start, stop, core = np.array(sorted(rows), np.int64).reshape(-1, 4).T.copy()
    active, inactive = _update_events(demand.network)
    n_populations = len(demand.network.populations)
    return Slices(population, start, stop, core, demand.soma_ps[population], demand.idle_ps[population],
                  active[population], inactive[population],
                  np.searchsorted(population, np.arange(n_populations + 1)).astype(np.int64))


def lower_cores(chip: Chip, partition: Partition, placement: Placement) -> Cores:
    """Return the used cores, then the input port and the output port."""
    costs, n_cores, grid = core_costs(chip), partition.n_cores, chip_grid(chip, placement.chips)
    ports = [tile_of_first_chip(chip, grid, port.tile) for port in (chip.input_port, chip.output_port)]
    tile = placement.physical // chip.noc.cores_per_tile
    overlapped = int(chip.core.pipeline.kind == "overlapped")
    return Cores(
        physical=_with_ports(placement.physical, -1, -1),
        tile=_with_ports(tile, *ports),
        is_port=_with_ports(np.zeros(n_cores), 1, 1).astype(np.int8),
        overlapped=_with_ports(np.full(n_cores, overlapped), 0, 0).astype(np.int8),
        spike_out_ps=_with_ports(np.full(n_cores, _ps(costs.spike_out.latency_ns)), 0, 0),
        packet_out_ps=_with_ports(np.full(n_cores, _ps(costs.packet_out.latency_ns)),
                                  _ps(chip.input_port.packet_latency_ns), 0))


def lower_noc(chip: Chip, chips: tuple[int, int], n_cores: int) -> Noc:
    """Return routers and links of `chips` (columns, rows); `n_cores` includes the ports."""
    noc, grid = chip.noc, chip_grid(chip, chips)
    cycle, across = _ps(noc.link_cycle_ns), noc.link_latency_ew_ns
    chip_cycle = cycle
    if chip.grid is not None and chips != (1, 1):
        # Flits come to a link between chips over the mesh, so it takes them no faster.
        across, chip_cycle = chip.grid.link_latency_ns, max(cycle, _ps(chip.grid.link_cycle_ns))
    latencies = (noc.link_latency_ew_ns, noc.link_latency_ns_ns, across, noc.eject_latency_ns)     # by kind of link
    return Noc(
        n_tiles=grid.n_tiles, columns=grid.columns, rows=grid.rows, cores_per_tile=noc.cores_per_tile,
        chip_columns=noc.columns, chip_rows=noc.rows, torus=int(noc.topology == "torus"),
        y_first=int(noc.routing == "yx"), link_target=link_targets(grid, n_cores),
        link_kind=link_kinds(grid, n_cores),
        hop_ps=np.array([_ps(noc.router_latency_ns) + _ps(latency) for latency in latencies], np.int64),
        cycle_ps=np.array([cycle, cycle, chip_cycle, cycle], np.int64), credit_ps=_ps(noc.credit_latency_ns),
        buffer_packets=_slots(noc.buffer_packets), core_in_packets=_slots(chip.core.core_in_packets))


def lower_traffic(demand: Demand, partition: Partition, axons: AxonTable, source_core: Int64Array, cores: Cores,
                  noc: Noc, outputs: Outputs) -> Traffic:
    """Return packets, destinations and multicast trees.

    Without multicast there is one packet per output row and destination core; with `tree` one per output row. A
    packet with more than one destination has a tree; a destination that is delivered without the network (`local`)
    is no branch of it. Output rows behind those of neurons are those of markers (`mapping.join`): no payload.
    """
    chip, n_rows = demand.chip, len(source_core)
    local = (source_core[axons.row] == axons.core) & (chip.noc.self_delivery == "skip")
    n_axons = np.bincount(axons.row, minlength=n_rows)
    row_flits = _row_flits(demand, chip, outputs, n_rows)
    if chip.noc.multicast == "none":
        first, row = np.arange(len(axons.row) + 1), axons.row
        row_start = _pointer(n_axons)
    else:
        row = np.flatnonzero(n_axons)
        first = _pointer(n_axons[row])
        row_start = _pointer(n_axons > 0)
    hops = _unicast_hops(noc, axons, source_core, cores, local, first[:-1])
    trees = packet_trees(first, cores.tile[source_core[row]], axons.core, cores.tile, local, noc)
    hops_ew, hops_ns, hops_chip = np.where(trees.root >= 0, trees.hops, hops).astype(np.int32)
    packets = Packets(row_start, first.astype(np.int64), row_flits[row], hops_ew, hops_ns, hops_chip, trees.root)
    return Traffic(packets, _destinations(chip, partition, axons, local), trees.trees)


def _unicast_hops(noc: Noc, axons: AxonTable, source_core: Int64Array, cores: Cores, local: np.ndarray,
                  entry: Int64Array) -> Int64Array:
    """Return the links from source to the first destination of each packet, 0 where that is local.

    int64[3, packet]: east-west, north-south, between chips.
    """
    source, target = cores.tile[source_core[axons.row[entry]]], cores.tile[axons.core[entry]]
    hops = np.stack(count_hops(grid_of(noc), source, target))
    return np.where(local[entry], 0, hops).astype(np.int64)


def _destinations(chip: Chip, partition: Partition, axons: AxonTable, local: np.ndarray) -> Destinations:
    costs = core_costs(chip)
    fetch = axons.words * _ps(costs.synapse_read.latency_ns)
    work = (axons.dense * _ps(costs.synapse_dense.latency_ns) + axons.sparse * _ps(costs.synapse_sparse.latency_ns)
            + axons.conv * _ps(costs.synapse_conv.latency_ns)
            + (axons.dense + axons.sparse + axons.conv) * _ps(costs.dendrite.latency_ns))
    both = fetch + work if chip.core.pipeline.row_fetch == "serial" else np.maximum(fetch, work)
    service = _ps(costs.packet_in.latency_ns) + both
    at_port = axons.core == partition.output_port
    service = np.where(at_port, _ps(chip.output_port.packet_latency_ns), service)
    service = np.where(axons.core == partition.input_port, _ps(chip.input_port.packet_latency_ns), service)
    return Destinations(axons.core, service, axons.words.astype(np.int32), axons.dense.astype(np.int32),
                        axons.sparse.astype(np.int32), axons.conv.astype(np.int32), local.astype(np.int8))


def _row_flits(demand: Demand, chip: Chip, outputs: Outputs, n_rows: int) -> Int64Array:
    """Return the flits of a packet of each output row."""
    noc = chip.noc
    specs = [(item, output.name) for item in demand.network.populations for output in item.spec.outputs]
    payload = [{SPIKE: 0, TERNARY: min(2, noc.payload_bits), GRADED: payload_bits(item, name, chip)}[int(kind)]
               for (item, name), kind in zip(specs, outputs.kind, strict=True)]
    flits = np.array([-(-(noc.header_bits + bits) // noc.flit_bits) for bits in payload], np.int64)
    per_row = [np.tile(flits[outputs.population == number], item.size)
               for number, item in enumerate(demand.network.populations)]
    return np.concatenate([*per_row, np.full(n_rows - demand.n_rows, -(-noc.header_bits // noc.flit_bits))])


def _update_events(network: Network) -> tuple[Int64Array, Int64Array]:
    """Return the events of an active and of an inactive update of each population; -1 for inputs."""
    classes = [item.spec.cost_class for item in network.populations]
    active = [CORE_EVENT_INDEX.get(f"{name}_active", -1) for name in classes]
    inactive = [CORE_EVENT_INDEX.get(f"{name}_inactive", -1) for name in classes]
    return np.array(active, np.int64), np.array(inactive, np.int64)


def _with_ports(values: np.ndarray, input_port: int, output_port: int) -> Int64Array:
    return np.concatenate([values, [input_port, output_port]]).astype(np.int64)


def _pointer(counts: np.ndarray) -> Int64Array:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _slots(packets: int | str) -> int:
    return packets if isinstance(packets, int) else UNLIMITED


def _ps(figure: Figure | None) -> int:
    assert figure is not None       # `core_costs` has refused chips that leave figures out
    return ns_to_ps(figure.value)


