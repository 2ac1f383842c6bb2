# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""What all ways to carry packets share: a packet enters, crosses a link, is copied, arrives, and leaves its load."""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, part
from neurosim.machine import BETWEEN_CHIPS, EAST, NORTH, SOUTH, WEST
from neurosim.noc.state_kernels import (
    ARRIVED_NEXT,
    BRANCH_DESTINATION,
    BUSIEST,
    BUSIEST_LINK,
    C_FIRST,
    C_LAST,
    COLUMNS,
    CYCLE,
    DESTINATION,
    EJECT_LINK,
    FLITS,
    FREE_FLIGHT,
    HOP,
    L_BUSY,
    L_FREE,
    L_PACKETS,
    LOAD_BUSY,
    LOAD_PACKETS,
    N_FLIGHT_COLUMNS,
    N_FREE,
    N_TILES,
    N_USED,
    NONE,
    OCCUPANCY,
    PACKET,
    POSITION,
    QUIET_TIME,
    ROWS,
    SINK,
    SINK_ARRIVAL,
    TARGET,
    TILE,
    TORUS,
    TREE,
    Y_FIRST,
)
from neurosim.noc.wheel import EMPTY


@inlined
def place_packet(tables, traffic, flight, packet, core):
    """Put a packet at the router of its source core."""
    packet = np.uint32(packet)
    flight[packet, PACKET] = packet
    flight[packet, OCCUPANCY] = traffic.packet[packet, FLITS] * tables.scalar[CYCLE]
    target = traffic.packet[packet, TARGET]
    if target >= 0:
        flight[packet, POSITION] = tables.core_tile[core]
        flight[packet, TILE] = tables.core_tile[target]
        flight[packet, EJECT_LINK] = 4 * tables.scalar[N_TILES] + target
    else:
        flight[packet, POSITION] = traffic.packet[packet, TREE]
        flight[packet, TILE] = NONE


@inlined
def crossing(tables, traffic, flight, number, link):
    """Return for how many ticks a flight occupies a link, and after how many it is behind it."""
    kind = tables.link_kind[link]
    occupancy, delay = np.int64(flight[number, OCCUPANCY]), tables.scalar[HOP + kind]
    if kind >= BETWEEN_CHIPS:       # or into a core: the last flit must have come
        if kind == BETWEEN_CHIPS:
            occupancy = traffic.packet[flight[number, PACKET], FLITS] * tables.scalar[CYCLE + BETWEEN_CHIPS]
        delay += occupancy - tables.scalar[CYCLE + kind]
    return occupancy, delay


@inlined
def next_link(tables, position, tile):
    """Return the link that leads from router `position` towards `tile`, another one."""
    if tables.route.shape[0] > 0:
        return np.uint32(4 * position + tables.route[position, tile])
    return np.uint32(4 * np.int64(position) + way(tables.scalar, np.int64(position), np.int64(tile)))


@part
def way(scalar, position, tile):
    """Return the direction from router `position` towards `tile`, another one, out of their coordinates."""
    columns, rows = scalar[COLUMNS], scalar[ROWS]
    along_x = tile % columns - position % columns
    along_y = tile // columns - position // columns
    if scalar[TORUS] != 0:
        # From −(n − 1) // 2 to n // 2: the shorter way round, east or south where both are equally long.
        along_x = (along_x + columns + (columns - 1) // 2) % columns - (columns - 1) // 2
        along_y = (along_y + rows + (rows - 1) // 2) % rows - (rows - 1) // 2
    if along_x != 0 and (along_y == 0 or scalar[Y_FIRST] == 0):
        return EAST if along_x > 0 else WEST
    return SOUTH if along_y > 0 else NORTH


@part
def copy_flight(state, number):
    """Return a copy of a flight, for another branch of a multicast packet."""
    if state.stack[N_FREE] > 0:
        state.stack[N_FREE] -= 1
        copy = state.lists[state.stack[N_FREE], FREE_FLIGHT]
    else:
        copy = np.uint32(state.stack[N_USED])
        state.stack[N_USED] += 1
    for column in range(N_FLIGHT_COLUMNS):
        state.flight[copy, column] = state.flight[number, column]
    return copy


@part
def drop_copy(state, number):
    """Give back the flight of a copy that has arrived."""
    state.lists[state.stack[N_FREE], FREE_FLIGHT] = number
    state.stack[N_FREE] += 1


@part
def branch_sink(tables, traffic, packet, branch):
    """Return where an ejecting branch of a multicast packet notes its arrival."""
    index = tables.branch[branch, BRANCH_DESTINATION] - traffic.packet[packet, DESTINATION]
    return traffic.packet[packet, SINK] + index


@inlined
def note_arrival(tables, state, sinks, link, sink, time):
    """Write an arrival; the arrivals of one ejection link come in order of time."""
    core = np.uint32(link - 4 * tables.scalar[N_TILES])
    sink = np.uint32(sink)
    sinks[sink, SINK_ARRIVAL] = time
    state.lists[sink, ARRIVED_NEXT] = EMPTY
    if state.core[core, C_FIRST] < 0:
        state.core[core, C_FIRST] = sink
    else:
        state.lists[np.uint32(state.core[core, C_LAST]), ARRIVED_NEXT] = sink
    state.core[core, C_LAST] = sink


@part
def add_loads(state, loads):
    """Add this step's packets and busy ticks of every link; the network is quiet when the last link is idle."""
    state.stack[BUSIEST], state.stack[BUSIEST_LINK] = 0, -1
    for link in range(loads.shape[0]):
        loads[link, LOAD_PACKETS] += state.link[link, L_PACKETS]
        loads[link, LOAD_BUSY] += state.link[link, L_BUSY]
        if state.link[link, L_BUSY] > state.stack[BUSIEST]:
            state.stack[BUSIEST], state.stack[BUSIEST_LINK] = state.link[link, L_BUSY], link
        state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], state.link[link, L_FREE])
