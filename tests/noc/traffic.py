"""Traffic for the network kernels: from the oracle's words to the kernels' tables and back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from neurosim.engine.compiled import network_tables
from neurosim.machine import UNLIMITED, Trees
from neurosim.noc.kernels import (
    LOAD_BUSY,
    LOAD_PACKETS,
    N_PACKET_COLUMNS,
    N_SINK_COLUMNS,
    QUIET_TIME,
    SINK_ARRIVAL,
    SINK_CORE,
    SINK_SERVICE,
    NetworkState,
    NetworkTables,
    Traffic,
    make_state,
    run_buffered,
    run_unlimited,
)
from neurosim.noc.topology import Grid, Tree, link_kinds, link_targets, multicast_tree
from tests.oracle.network import Network, Packet


class Carried(NamedTuple):
    """What the kernels say of a step's packets. `arrival` and `core` are per destination, packet by packet."""

    n_arrived: int
    arrival: np.ndarray
    core: np.ndarray
    packets: np.ndarray      # [link]
    busy: np.ndarray         # [link]
    queue_peak: np.ndarray   # [core]
    quiet: int


@njit
def new_state(n_links, n_cores, n_flights, n_slots, buffer_packets, core_in_packets):
    """Return scratch for the kernels: `make_state` can be called from compiled code only."""
    return make_state(n_links, n_cores, n_flights, n_slots, buffer_packets, core_in_packets)


def grid_of(network: Network) -> Grid:
    return Grid("torus" if network.torus else "mesh", network.routing, network.columns, network.rows, *network.chip)


def tables_of(network: Network, flits: np.ndarray, trees: Trees | None = None) -> NetworkTables:
    """Return the tables of `network` for packets of so many `flits`, in ticks of 1."""
    grid, n_cores = grid_of(network), len(network.core_tile)
    none = np.zeros(0, np.int64)
    noc = SimpleNamespace(
        n_tiles=grid.n_tiles, columns=grid.columns, rows=grid.rows, chip_columns=network.chip[0],
        chip_rows=network.chip[1], torus=int(network.torus), y_first=int(network.routing == "yx"),
        link_target=link_targets(grid, n_cores), link_kind=link_kinds(grid, n_cores),
        hop_ps=np.array([network.hop_ew, network.hop_ns, network.hop_chip, network.eject]),
        cycle_ps=np.array([network.cycle, network.cycle, network.cycle_chip, network.cycle]),
        credit_ps=network.credit, buffer_packets=_slots(network.buffer_packets),
        core_in_packets=_slots(network.core_in_packets))
    cores = SimpleNamespace(tile=np.array(network.core_tile, np.int64))
    no_trees = Trees(none, np.zeros(1, np.int64), none, none, none)
    machine: Any = SimpleNamespace(noc=noc, cores=cores, packets=SimpleNamespace(flits=flits), trees=trees or no_trees)
    return network_tables(machine, 1)


def unicast(network: Network, inject: np.ndarray, core: np.ndarray, target: np.ndarray,
            flits: int = 1) -> tuple[Traffic, np.ndarray]:
    """Return traffic and its table of destinations, from arrays in order of packet id."""
    n_packets = len(inject)
    packet = np.zeros((n_packets, N_PACKET_COLUMNS), np.int64)
    first_of_core = np.full(len(network.core_tile), -1, np.int64)
    by_core = np.argsort(core, kind="stable")
    follows = np.full(n_packets, -1, np.int64)
    same = core[by_core[1:]] == core[by_core[:-1]]
    follows[by_core[:-1]] = np.where(same, by_core[1:], -1)
    starts = np.flatnonzero(np.concatenate([[True], ~same])) if n_packets else np.zeros(0, np.int64)
    first_of_core[core[by_core[starts]]] = by_core[starts]
    packet[:] = np.stack([inject, core, follows, target, np.full(n_packets, -1), np.full(n_packets, flits),
                          np.arange(n_packets), np.arange(n_packets)], axis=1)
    sinks = np.zeros((n_packets, N_SINK_COLUMNS), np.int64)
    sinks[:, SINK_ARRIVAL], sinks[:, SINK_CORE] = -1, target
    return Traffic(packet, first_of_core), sinks


def run_kernels(network: Network, tables: NetworkTables, traffic: Traffic, sinks: np.ndarray, n_wheel_slots: int = 256,
                state: NetworkState | None = None) -> Carried:
    """Carry one step's packets; `sinks` is written."""
    n_links, n_cores = len(tables.link_target), len(network.core_tile)
    state = state or new_state(n_links, n_cores, max(len(sinks), 1), n_wheel_slots, _slots(network.buffer_packets),
                               _slots(network.core_in_packets))
    loads, queue_peak = np.zeros((n_links, 2), np.int64), np.zeros(n_cores, np.int64)
    if network.buffer_packets is None:
        n_arrived = run_unlimited(tables, traffic, len(traffic.packet), state, sinks, loads, queue_peak)
    else:
        n_arrived = run_buffered(tables, traffic, len(traffic.packet), state, sinks, loads, queue_peak)
    return Carried(n_arrived, sinks[:, SINK_ARRIVAL], sinks[:, SINK_CORE], loads[:, LOAD_PACKETS], loads[:, LOAD_BUSY],
                   queue_peak, int(state.stack[QUIET_TIME]))


def carry(network: Network, packets: list[Packet], n_wheel_slots: int = 256, *, by_table: bool = True) -> Carried:
    """Carry packets, some with many targets, by the kernels; `by_table` False: ways are computed on the way."""
    targets = [target for packet in packets for target in packet.targets]
    first = np.concatenate([[0], np.cumsum([len(packet.targets) for packet in packets])]).astype(np.int64)
    columns = [np.array([getattr(packet, name) for packet in packets], np.int64) for name in ("inject", "core")]
    traffic, _ = unicast(network, *columns, np.array([packet.targets[0] for packet in packets], np.int64))
    trees, roots = _trees(network, packets, first)
    traffic.packet[:, 3] = [packet.targets[0] if len(packet.targets) == 1 else -1 for packet in packets]
    traffic.packet[:, 4] = roots
    traffic.packet[:, 5] = [packet.flits for packet in packets]
    traffic.packet[:, 6] = traffic.packet[:, 7] = first[:-1]
    sinks = np.zeros((len(targets), N_SINK_COLUMNS), np.int64)
    sinks[:, SINK_ARRIVAL], sinks[:, SINK_CORE] = -1, targets
    sinks[:, SINK_SERVICE] = [packet.service for packet in packets for _ in packet.targets]
    tables = tables_of(network, traffic.packet[:, 5], trees)
    if not by_table:
        tables = tables._replace(route=np.zeros((0, 0), np.uint8))
    return run_kernels(network, tables, traffic, sinks, n_wheel_slots)


def _trees(network: Network, packets: list[Packet], first: np.ndarray) -> tuple[Trees, list[int]]:
    grid = grid_of(network)
    target = link_targets(grid, len(network.core_tile))
    columns: list[list[int]] = [[], [0], [], [], []]
    roots = []
    for number, packet in enumerate(packets):
        if len(packet.targets) == 1:
            roots.append(-1)
            continue
        tree: Tree = multicast_tree(grid, target, network.core_tile[packet.core],
                                    [network.core_tile[core] for core in packet.targets], packet.targets)
        roots.append(len(columns[0]))
        starts = (tree.branch_start[1:] + len(columns[2])).tolist()
        children = [child + roots[-1] if child >= 0 else -1 for child in tree.child.tolist()]
        sinks = [sink + int(first[number]) if sink >= 0 else -1 for sink in tree.destination.tolist()]
        for column, values in zip(columns, (tree.router.tolist(), starts, tree.link.tolist(), children, sinks),
                                  strict=True):
            column.extend(values)
    return Trees(*(np.array(column, np.int64) for column in columns)), roots


def _slots(packets: int | None) -> int:
    return UNLIMITED if packets is None else packets
