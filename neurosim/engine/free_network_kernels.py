# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Routers and links of a free-running chip, event by event: the compiled twin of `reference_network.Routers`.

Slower per hop than `noc.kernels`, which carries all packets of a time step at once: here a packet may leave at any
moment, whenever a core has done what came before. The semantics are the same, and so are the tables.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.free_state_kernels import (
    ARRIVAL,
    BUSY,
    CREDIT,
    GRANT,
    IDLE,
    K_FLITS,
    K_TREE,
    L_BUSY,
    L_FIRST,
    L_FREE,
    L_LAST,
    L_MARK,
    L_PACKETS,
    L_SLOTS,
    N_BEHIND,
    N_FIFO,
    N_LINK,
    N_NEXT,
    N_NODE_COLUMNS,
    N_PACKET,
    N_PORT,
    N_POSITION,
    N_PREVIOUS,
    N_SINCE,
    N_SINK,
    ON_CREDIT,
    ON_EJECT,
    ON_GRANT,
    ON_HOP,
    ON_READY,
    P_BRANCH,
    P_COUNT,
    P_FIRST,
    P_LAST,
    P_PEAK,
    P_STATUS,
    REQUESTING,
    is_before,
    push,
    take_node,
)
from neurosim.engine.tables import D_CORE
from neurosim.kernel import part
from neurosim.machine import BETWEEN_CHIPS
from neurosim.noc.kernels import (
    BRANCH_CHILD,
    BRANCH_DESTINATION,
    BRANCH_LINK,
    BUFFER_PACKETS,
    CYCLE,
    HOP,
    N_TILES,
    next_link,
)
from neurosim.noc.kernels import CREDIT as CREDIT_TIME


@part
def enter(tables, destination, state, node, port, now):
    """The head of a packet is at a router: into the FIFO of `port`, or (unlimited buffers) into the queues of links."""
    if tables.scalar[BUFFER_PACKETS] >= 0:
        _append(tables, destination, state, node, port, now)
        return
    n_branches = _count_branches(tables, state, node)
    for branch in range(n_branches - 1, -1, -1):        # the node itself takes the first, when all copies are made
        moved = node if branch == 0 else _copy(state, node)
        _set_branch(tables, destination, state, moved, branch)
        _request(state, moved, now)


@part
def _count_branches(tables, state, node):
    """Return how many ways on a packet takes from where it is."""
    if state.packet[state.node[node, N_PACKET], K_TREE] < 0:
        return np.int64(1)
    position = state.node[node, N_POSITION]
    return tables.branch_start[position + 1] - tables.branch_start[position]


@part
def _copy(state, node):
    """Return a copy of a node."""
    copy = take_node(state.node, state.counter)
    for column in range(N_NODE_COLUMNS):
        state.node[copy, column] = state.node[node, column]
    return copy


@part
def _set_branch(tables, destination, state, node, branch):
    """Write the way on into a node: link, and what lies behind it."""
    place = state.node[node]
    if state.packet[place[N_PACKET], K_TREE] >= 0:
        at = tables.branch_start[place[N_POSITION]] + branch
        place[N_LINK], place[N_BEHIND] = tables.branch[at, BRANCH_LINK], tables.branch[at, BRANCH_CHILD]
        place[N_SINK] = tables.branch[at, BRANCH_DESTINATION]
        return
    core = destination[place[N_SINK], D_CORE]
    tile = tables.core_tile[core]
    if tile == place[N_POSITION]:
        place[N_LINK], place[N_BEHIND] = 4 * tables.scalar[N_TILES] + core, -1
    else:
        link = np.int64(next_link(tables, place[N_POSITION], tile))
        place[N_LINK], place[N_BEHIND] = link, tables.link_target[link]


@part
def _request(state, node, now):
    """Ask for a link: its requests stand in order of (time, packet id)."""
    nodes, link = state.node, state.node[node, N_LINK]
    nodes[node, N_SINCE] = now
    before = state.link[link, L_LAST]
    while (before >= 0 and nodes[before, N_SINCE] == now
           and is_before(state.packet, nodes[node, N_PACKET], nodes[before, N_PACKET])):
        before = nodes[before, N_PREVIOUS]
    following = state.link[link, L_FIRST] if before < 0 else nodes[before, N_NEXT]
    nodes[node, N_PREVIOUS], nodes[node, N_NEXT] = before, following
    if before < 0:
        state.link[link, L_FIRST] = node
    else:
        nodes[before, N_NEXT] = node
    if following < 0:
        state.link[link, L_LAST] = node
    else:
        nodes[following, N_PREVIOUS] = node
    poke(state, link, now)


@part
def poke(state, link, now):
    """Have a link looked at when this picosecond grants."""
    if state.link[link, L_MARK] != now:
        state.link[link, L_MARK] = now
        push(state.heap, state.counter, now, GRANT, ON_GRANT, link)


@part
def take_credit(state, link, now):
    """A slot behind a link is free again."""
    state.link[link, L_SLOTS] += 1
    poke(state, link, now)


@part
def grant(tables, state, link, now):
    """Let the first request of a link start, if the link and a slot behind it are free."""
    nodes, node = state.node, state.link[link, L_FIRST]
    if node < 0 or now < state.link[link, L_FREE] or state.link[link, L_SLOTS] == 0:
        return
    following = nodes[node, N_NEXT]
    state.link[link, L_FIRST] = following
    if following < 0:
        state.link[link, L_LAST] = -1
    else:
        nodes[following, N_PREVIOUS] = -1
    kind = tables.link_kind[link]
    occupancy = state.packet[nodes[node, N_PACKET], K_FLITS] * tables.scalar[CYCLE + kind]
    behind_time = now + tables.scalar[HOP + kind]
    if kind >= BETWEEN_CHIPS:       # or into a core: the last flit must have come
        behind_time += occupancy - tables.scalar[CYCLE + kind]
    state.link[link, L_FREE] = now + occupancy
    state.link[link, L_SLOTS] -= 1
    state.link[link, L_PACKETS] += 1
    state.link[link, L_BUSY] += occupancy
    push(state.heap, state.counter, now + occupancy, GRANT, ON_GRANT, link)
    moved = node
    if tables.scalar[BUFFER_PACKETS] >= 0:
        moved = _leave(tables, state, nodes[node, N_PORT], node, now, occupancy)
    if nodes[moved, N_BEHIND] < 0:
        push(state.heap, state.counter, behind_time, ARRIVAL, ON_EJECT, moved)
        return
    nodes[moved, N_POSITION], nodes[moved, N_PORT] = nodes[moved, N_BEHIND], link
    push(state.heap, state.counter, behind_time, ARRIVAL, ON_HOP, moved)


@part
def _append(tables, destination, state, node, port, now):
    """Put a packet into a FIFO; its reader looks at it if it is idle."""
    state.node[node, N_PORT], state.node[node, N_FIFO] = port, -1
    ports = state.port
    if ports[port, P_COUNT] == 0:
        ports[port, P_FIRST] = node
    else:
        state.node[ports[port, P_LAST], N_FIFO] = node
    ports[port, P_LAST] = node
    ports[port, P_COUNT] += 1
    ports[port, P_PEAK] = max(ports[port, P_PEAK], ports[port, P_COUNT])
    if ports[port, P_STATUS] == IDLE:
        _read(tables, destination, state, port, now)


@part
def _read(tables, destination, state, port, now):
    """Have the head of a FIFO, in its due branch, request its link."""
    state.port[port, P_STATUS] = REQUESTING
    _set_branch(tables, destination, state, state.port[port, P_FIRST], state.port[port, P_BRANCH])
    _request(state, state.port[port, P_FIRST], now)


@part
def read_next(tables, destination, state, port, now):
    """The reader of a FIFO is done with the last start: the next branch or the next head, if there is one."""
    if state.port[port, P_COUNT] > 0:
        _read(tables, destination, state, port, now)
    else:
        state.port[port, P_STATUS] = IDLE


@part
def _leave(tables, state, port, node, now, occupancy):
    """The head of a FIFO starts; return the node that moves: itself with its last branch, else a copy."""
    state.port[port, P_STATUS] = BUSY
    push(state.heap, state.counter, now + occupancy, ARRIVAL, ON_READY, port)
    if state.port[port, P_BRANCH] + 1 < _count_branches(tables, state, node):
        state.port[port, P_BRANCH] += 1
        return _copy(state, node)
    state.port[port, P_BRANCH] = 0
    state.port[port, P_FIRST] = state.node[node, N_FIFO]
    state.port[port, P_COUNT] -= 1
    if port < 4 * tables.scalar[N_TILES]:
        push(state.heap, state.counter, now + tables.scalar[CREDIT_TIME], CREDIT, ON_CREDIT, port)
    return node
