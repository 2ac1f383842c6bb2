"""The network-on-chip, compiled: packets of one time step through routers and links, in whole ticks.

Semantics (the readable twin is `neurosim.engine.reference`): input-buffered virtual cut-through.

* A packet of f flits occupies a link for f * cycle from its start T; its head requests at the next router at
  T + hop; at the end it has arrived at T + hop + (f − 1) * cycle, as it does behind a link between two chips: such a
  link hands a packet on when the last flit has come.
* Finite buffers: each link feeds a FIFO of `buffer_packets` slots, each core has an unbounded injection FIFO. Only the
  head of a FIFO requests; it starts when the link is free and the next FIFO has a slot, reserved then and given back
  `credit` after the packet began to leave. The FIFO is read at the pace of the link, so its next head (or the next
  branch of a multicast packet) requests f * cycle after the last start.
* Unlimited buffers: one unbounded queue per output link; a packet joins all its branches' queues when its head comes.
  Requests of one link in one tick are grouped and sorted by packet id. Where all packets have the same length, links
  between routers serve them at once instead, and a packet that comes later in the same tick with a smaller id changes
  places with those before it.
* Within a tick: credits, then arrivals, then grants by (request time, packet id); a packet has at most one request per
  link, its branches go in order of direction, then core.

* A step begins with an idle network: it ends when all links are idle and all credits are back (QUIET_TIME).

Times are relative to the start of the time step, in ticks. Every kernel writes only the state and output arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined, kernel, maker, part
from neurosim.machine import BETWEEN_CHIPS, EAST, NORTH, SOUTH, WEST
from neurosim.noc.wheel import EMPTY, Wheel, advance, make_wheel, push, take_slot


class NetworkTables(NamedTuple):
    """What does not change during a run. Links and routers as in machine.Noc; durations in ticks.

    Few wide tables instead of many arrays: Numba's compile time grows with the arrays that a call passes on.
    """

    scalar: NDArray[np.int64]            # N_TILES … CYCLE + kind
    route: NDArray[np.uint8]             # [tile, destination tile] direction; none in networks too large for it
    link_target: NDArray[np.int64]       # [link]
    link_kind: NDArray[np.uint8]         # [link]
    core_tile: NDArray[np.int64]         # [core]
    input_start: NDArray[np.int64]       # [router + 1] its input ports in `input_port`
    input_port: NDArray[np.int64]        # link number of the feeding link, or 4 * n_tiles + core for injection
    branch_start: NDArray[np.int64]      # [node + 1] multicast trees, as in machine.Trees
    branch: NDArray[np.int64]            # [branch, 3] BRANCH_LINK, BRANCH_CHILD, BRANCH_DESTINATION


# NetworkTables.scalar. UNIFORM is 1 where all packets have the same number of flits. HOP + kind of link, CYCLE + kind;
# within a chip all links have one cycle.
N_TILES, COLUMNS, ROWS, TORUS, Y_FIRST, CREDIT, BUFFER_PACKETS, CORE_IN_PACKETS, UNIFORM = 0, 1, 2, 3, 4, 5, 6, 7, 8
HOP, CYCLE = 9, 13
# NetworkTables.branch
BRANCH_LINK, BRANCH_CHILD, BRANCH_DESTINATION = 0, 1, 2


class Traffic(NamedTuple):
    """The packets of one time step, by packet id."""

    packet: NDArray[np.int64]            # [packet, 8] INJECT … DESTINATION
    first_of_core: NDArray[np.int64]     # [core] −1: the core injects nothing


# Traffic.packet: time of injection; source core; the next packet of that core (−1 at the end); destination core of a
# unicast packet (−1: follow `tree`); root node; flits; index of its sink (unicast) or of destination 0 (multicast);
# its first entry in machine.Destinations.
INJECT, CORE, NEXT, TARGET, TREE, FLITS, SINK, DESTINATION = 0, 1, 2, 3, 4, 5, 6, 7
N_PACKET_COLUMNS = 8
# Table of destinations of the step's packets, int64[sink, 4]: ticks the core spends on it; arrival; core; next of the
# sinks that its core sends to itself. Table of loads, int64[link, 2].
SINK_SERVICE, SINK_ARRIVAL, SINK_CORE, SINK_NEXT_LOCAL = 0, 1, 2, 3
N_SINK_COLUMNS = 4
LOAD_PACKETS, LOAD_BUSY = 0, 1


class NetworkState(NamedTuple):
    """Scratch of one run, sized by `make_state`."""

    wheel: Wheel
    flight: NDArray[np.uint32]           # [flight, 8] POSITION … BEHIND; packets first, then copies
    port: NDArray[np.int64]              # [port, 8] finite buffers: input ports of routers
    link: NDArray[np.int64]              # [link, 8]
    core: NDArray[np.int64]              # [core, 5]
    fifo: NDArray[np.uint32]             # [port, slot] buffered flights (ports fed by links)
    slot_free: NDArray[np.int64]         # [link, slot] when the slot behind the link is free again
    lists: NDArray[np.uint32]            # [flight, 3] MARKED (links or flights), FREE_FLIGHT (stack), ARRIVED_NEXT
    stack: NDArray[np.int64]             # [5] N_FREE (size of that stack), N_USED (first flight never used), …


# NetworkState.flight: where a packet (or a copy of a multicast packet) is and what it needs, in one cache line.
# POSITION is a router, for multicast a tree node; TILE is NONE for multicast; LINK is the last link taken (finite
# buffers) or the one requested (unlimited); NEXT_REQUEST and BEHIND belong to that request: the next one of the same
# link by packet id (or, where requests are served at once, the one served before it in the same tick), and the router
# or node behind the link, or the sink where it ejects.
# OCCUPANCY is that of a link within a chip.
POSITION, TILE, EJECT_LINK, OCCUPANCY, PACKET, LINK, NEXT_REQUEST, BEHIND = 0, 1, 2, 3, 4, 5, 6, 7
N_FLIGHT_COLUMNS = 8
FRESH, NONE = EMPTY, EMPTY               # POSITION of a packet still at its source; TILE of a multicast packet
# NetworkState.port: FIFO (first slot, count; for injection ports the head packet); when it can read its next head;
# the link that its head requests (−1: none), since when; branch of the head that is due; the head and its packet id
P_FIRST, P_COUNT, P_BUSY, P_LINK, P_SINCE, P_BRANCH, P_HEAD, P_PACKET = 0, 1, 2, 3, 4, 5, 6, 7
# NetworkState.link: end of the last occupation; packets and busy ticks of this step; unlimited: tick and head of its
# group of requests; finite: tick at which it was marked for evaluation, ports that request it, the next slots behind it
# to be reserved and to be released (slots go round), what it waits for
L_FREE, L_PACKETS, L_BUSY, L_GROUP_TIME, L_GROUP_HEAD = 0, 1, 2, 3, 4
L_MARKED, L_REQUESTS, L_RESERVED, L_RELEASED, L_WAITS = 3, 4, 5, 6, 7
UNKNOWN_RELEASE, WAKE_PENDING = 1, 2     # L_WAITS
UNKNOWN = np.int64(1) << np.int64(62)    # slot_free of a slot whose packet has not begun to leave
# NetworkState.core: first packet not yet counted as injected and packets in the queue, for queue peaks; end of the last
# service (finite input queues); arrivals in order of time as a list of sinks: first, last
C_INJECTED, C_QUEUE, C_SERVER_FREE, C_FIRST, C_LAST = 0, 1, 2, 3, 4
# NetworkState.lists and stack
MARKED, FREE_FLIGHT, ARRIVED_NEXT = 0, 1, 2
# QUIET_TIME: when all links are idle and all credits are back. BUSIEST_LINK: the one that was occupied longest in this
# step, the first of equals (−1: none was), for BUSIEST ticks.
N_FREE, N_USED, QUIET_TIME, BUSIEST, BUSIEST_LINK = 0, 1, 2, 3, 4


@maker
def make_state(n_links, n_cores, n_flights, n_slots, buffer_packets, core_in_packets):
    """Return the scratch for up to `n_flights` packets and copies (at most: all destinations of a step)."""
    depth = max(1, buffer_packets)
    slots = max(depth, core_in_packets)
    # Ports fed by links and injection ports share the numbering of links and ejection links.
    return NetworkState(
        make_wheel(n_slots, n_flights + 2 * n_links), np.zeros((n_flights, N_FLIGHT_COLUMNS), np.uint32),
        np.zeros((n_links, 8), np.int64), np.zeros((n_links, 8), np.int64),
        np.zeros((n_cores, 5), np.int64), np.zeros((n_links, depth), np.uint32), np.zeros((n_links, slots), np.int64),
        np.zeros((max(n_flights, n_links), 3), np.uint32), np.zeros(5, np.int64))


@kernel
def run_unlimited(tables, traffic, n_packets, state, sinks, loads):
    """Carry the packets through routers with unbounded output queues.

    Writes the arrivals into `sinks`, adds to `loads` [link, 2] packets and busy ticks; returns the arrivals.
    """
    wheel, flight, links = state.wheel, state.flight, state.link
    n_links_between = 4 * tables.scalar[N_TILES]
    links[:] = 0
    links[:, L_GROUP_TIME] = -1
    links[:, L_GROUP_HEAD] = EMPTY
    state.core[:, C_FIRST] = -1
    state.stack[N_FREE], state.stack[N_USED], state.stack[QUIET_TIME] = 0, n_packets, 0
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        if first >= 0:
            flight[first, POSITION] = FRESH
            push(wheel, np.int64(0), traffic.packet[first, INJECT], first)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            _add_loads(state, loads)
            return n_arrived
        n_requests = _collect_requests(tables, traffic, state, time)
        for index in range(n_requests):
            link = flight[state.lists[index, MARKED], LINK]
            number = np.uint32(links[link, L_GROUP_HEAD])
            if number == EMPTY:
                continue  # its group is done
            links[link, L_GROUP_HEAD] = EMPTY
            start = max(links[link, L_FREE], time)
            while number != EMPTY:
                occupancy, delay = _crossing(tables, traffic, flight, number, link)
                following = flight[number, NEXT_REQUEST]
                links[link, L_PACKETS] += 1
                links[link, L_BUSY] += occupancy
                if link < n_links_between:
                    flight[number, POSITION] = flight[number, BEHIND]
                    push(wheel, time, start + delay, number)
                else:
                    _note_arrival(tables, state, sinks, np.int64(link), flight[number, BEHIND], start + delay)
                    n_arrived += 1
                    if number >= n_packets:
                        _drop_copy(state, number)
                start += occupancy
                number = following
            links[link, L_FREE] = start


@part
def _add_loads(state, loads):
    """Add this step's packets and busy ticks of every link; the network is quiet when the last link is idle."""
    state.stack[BUSIEST], state.stack[BUSIEST_LINK] = 0, -1
    for link in range(loads.shape[0]):
        loads[link, LOAD_PACKETS] += state.link[link, L_PACKETS]
        loads[link, LOAD_BUSY] += state.link[link, L_BUSY]
        if state.link[link, L_BUSY] > state.stack[BUSIEST]:
            state.stack[BUSIEST], state.stack[BUSIEST_LINK] = state.link[link, L_BUSY], link
        state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], state.link[link, L_FREE])


@inlined
def _note_arrival(tables, state, sinks, link, sink, time):
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


@inlined
def _collect_requests(tables, traffic, state, time):
    """Empty the slot of `time` into per-link groups of requests, each by packet id; return the requests."""
    wheel, flight = state.wheel, state.flight
    n_requests = 0
    event = take_slot(wheel, time)
    while event != EMPTY:
        following = wheel.next_event[event]
        if flight[event, POSITION] == FRESH:
            # The next packets of the same core enter behind this one, perhaps in the same tick.
            core = np.uint32(traffic.packet[event, CORE])
            successor = traffic.packet[event, NEXT]
            while successor >= 0 and traffic.packet[successor, INJECT] == time:
                _place(tables, traffic, flight, successor, core)
                n_requests = _request_branches(tables, traffic, state, successor, time, n_requests)
                successor = traffic.packet[successor, NEXT]
            if successor >= 0:
                flight[successor, POSITION] = FRESH
                push(wheel, time, traffic.packet[successor, INJECT], successor)
            _place(tables, traffic, flight, event, core)
        n_requests = _request_branches(tables, traffic, state, event, time, n_requests)
        event = following
    return n_requests


@inlined
def _place(tables, traffic, flight, packet, core):
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
def _crossing(tables, traffic, flight, number, link):
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
def _copy(state, number):
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
def _drop_copy(state, number):
    """Give back the flight of a copy that has arrived."""
    state.lists[state.stack[N_FREE], FREE_FLIGHT] = number
    state.stack[N_FREE] += 1


@part
def _branch_sink(tables, traffic, packet, branch):
    """Return where an ejecting branch of a multicast packet notes its arrival."""
    index = tables.branch[branch, BRANCH_DESTINATION] - traffic.packet[packet, DESTINATION]
    return traffic.packet[packet, SINK] + index


@inlined
def _request_branches(tables, traffic, state, number, time, n_requests):
    """Enter the requests of a flight at its router into the groups of this tick."""
    flight = state.flight
    number = np.uint32(number)
    position = flight[number, POSITION]
    tile = flight[number, TILE]
    if tile != NONE:
        if tile == position:
            sink = np.uint32(traffic.packet[flight[number, PACKET], SINK])
            return _group(tables, traffic, state, number, flight[number, EJECT_LINK], sink, time, n_requests)
        link = next_link(tables, position, tile)
        return _group(tables, traffic, state, number, link, np.uint32(tables.link_target[link]), time, n_requests)
    packet = flight[number, PACKET]
    first = tables.branch_start[position]
    # Copies first: once the flight itself is served it may carry another packet. Branches take different links.
    for branch in range(tables.branch_start[np.int64(position) + 1] - 1, first - 1, -1):
        moved = number if branch == first else _copy(state, number)
        behind = tables.branch[branch, BRANCH_CHILD]
        if behind < 0:
            behind = _branch_sink(tables, traffic, packet, branch)
        link = np.uint32(tables.branch[branch, BRANCH_LINK])
        n_requests = _group(tables, traffic, state, moved, link, np.uint32(behind), time, n_requests)
    return n_requests


@inlined
def _serve_at_once(tables, traffic, state, number, link, behind, time):
    """Let a flight start across a link between routers; all packets have the same length."""
    flight, links = state.flight, state.link
    occupancy, delay = _crossing(tables, traffic, flight, number, link)
    start = links[link, L_FREE]
    before = EMPTY
    if start <= time:
        start = time
    elif links[link, L_GROUP_TIME] == time:
        before = np.uint32(links[link, L_GROUP_HEAD])
    links[link, L_FREE] = start + occupancy
    links[link, L_PACKETS] += 1
    links[link, L_BUSY] += occupancy
    links[link, L_GROUP_TIME] = time
    links[link, L_GROUP_HEAD] = number
    flight[number, NEXT_REQUEST] = before
    flight[number, POSITION] = behind
    push(state.wheel, time, start + delay, number)
    while before != EMPTY and flight[before, PACKET] > flight[number, PACKET]:
        # The two are on the same link and of the same length: they change contents instead of places in the wheel.
        for column in range(PACKET + 1):
            kept = flight[before, column]
            flight[before, column] = flight[number, column]
            flight[number, column] = kept
        number = before
        before = flight[before, NEXT_REQUEST]


@inlined
def _group(tables, traffic, state, number, link, behind, time, n_requests):
    """Insert a request into its link's group, which is kept in order of packet id; return the requests."""
    if tables.scalar[UNIFORM] != 0 and link < 4 * tables.scalar[N_TILES]:
        _serve_at_once(tables, traffic, state, number, link, behind, time)
        return n_requests
    flight, links = state.flight, state.link
    flight[number, LINK] = link
    flight[number, BEHIND] = behind
    state.lists[n_requests, MARKED] = number
    if links[link, L_GROUP_TIME] != time:
        links[link, L_GROUP_TIME] = time
        links[link, L_GROUP_HEAD] = number
        flight[number, NEXT_REQUEST] = EMPTY
        return n_requests + 1
    packet = flight[number, PACKET]
    before = EMPTY
    after = np.uint32(links[link, L_GROUP_HEAD])
    while after != EMPTY and flight[after, PACKET] < packet:
        before = after
        after = flight[after, NEXT_REQUEST]
    flight[number, NEXT_REQUEST] = after
    if before == EMPTY:
        links[link, L_GROUP_HEAD] = number
    else:
        flight[before, NEXT_REQUEST] = number
    return n_requests + 1


@kernel
def run_buffered(tables, traffic, n_packets, state, sinks, loads, queue_peak):
    """Carry the packets through routers with finite input FIFOs and back-pressure.

    Writes the arrivals into `sinks` (and reads services there, where `core_in_packets` is finite), adds to `loads`
    [link, 2] packets and busy ticks, raises `queue_peak` [core]; returns the arrivals: fewer than destinations mean a
    deadlock.
    """
    wheel = state.wheel
    n_flights = state.flight.shape[0]
    n_ports = state.port.shape[0]
    _clear(tables, traffic, n_packets, state)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            _add_loads(state, loads)
            return n_arrived
        n_marked = 0
        event = take_slot(wheel, time)
        while event != EMPTY:
            following = wheel.next_event[event]
            if event < n_flights:
                n_marked = _arrive(tables, traffic, state, event, time, n_marked)
            elif event < n_flights + n_ports:
                n_marked = _open_request(tables, traffic, state, np.uint32(event - n_flights), time, n_marked)
            else:
                link = np.uint32(event - n_flights - n_ports)
                state.link[link, L_WAITS] = 0
                n_marked = _mark(state, link, time, n_marked)
            event = following
        for index in range(n_marked):
            link = state.lists[index, MARKED]
            n_requests = state.link[link, L_REQUESTS]
            port = _winner(tables, state, link, time)
            if port != EMPTY:
                n_arrived += _grant(tables, traffic, n_packets, state, sinks, queue_peak, link, port, time)
                if n_requests > 1:
                    _wake(state, link, state.link[link, L_FREE], time)


@part
def _clear(tables, traffic, n_packets, state):
    """Empty all queues and let the first packet of each core request at its injection."""
    first_injection = 4 * tables.scalar[N_TILES]
    state.link[:] = 0
    state.link[:, L_MARKED] = -1
    state.port[:] = 0
    state.port[:, P_LINK] = -1
    state.slot_free[:] = 0
    state.core[:] = 0
    state.core[:, C_FIRST] = -1
    state.stack[N_FREE], state.stack[N_USED], state.stack[QUIET_TIME] = 0, n_packets, 0
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        state.core[core, C_INJECTED] = first
        if first >= 0:
            state.port[first_injection + core, P_FIRST] = first
            event = state.flight.shape[0] + first_injection + core
            push(state.wheel, np.int64(0), traffic.packet[first, INJECT], event)


@inlined
def _mark(state, link, time, n_marked):
    """Note that `link` is to be evaluated in this tick, once."""
    if state.link[link, L_MARKED] == time:
        return n_marked
    state.link[link, L_MARKED] = time
    state.lists[n_marked, MARKED] = link
    return n_marked + 1


@inlined
def _arrive(tables, traffic, state, number, time, n_marked):
    """The head of a flight reaches the FIFO behind its last link."""
    port = state.flight[number, LINK]
    count = state.port[port, P_COUNT]
    capacity = state.fifo.shape[1]
    at = np.uint32(state.port[port, P_FIRST] + count)
    state.fifo[port, np.uint32(at - capacity) if at >= capacity else at] = number
    state.port[port, P_COUNT] = count + 1
    if count > 0:
        return n_marked
    if state.port[port, P_BUSY] > time:
        push(state.wheel, time, state.port[port, P_BUSY], state.flight.shape[0] + port)
        return n_marked
    return _open_request(tables, traffic, state, port, time, n_marked)


@inlined
def _open_request(tables, traffic, state, port, time, n_marked):
    """The head of a port (its due branch) begins to request its link."""
    flight = state.flight
    if port < 4 * tables.scalar[N_TILES]:
        number = state.fifo[port, np.uint32(state.port[port, P_FIRST])]
    else:
        number = np.uint32(state.port[port, P_FIRST])
        if state.port[port, P_BRANCH] == 0:
            _place(tables, traffic, flight, number, np.uint32(port - 4 * tables.scalar[N_TILES]))
    position = flight[number, POSITION]
    tile = flight[number, TILE]
    if tile == NONE:
        link = np.uint32(tables.branch[tables.branch_start[position] + state.port[port, P_BRANCH], BRANCH_LINK])
    elif tile == position:
        link = flight[number, EJECT_LINK]
    else:
        link = next_link(tables, position, tile)
    state.port[port, P_HEAD] = number
    state.port[port, P_PACKET] = flight[number, PACKET]
    state.port[port, P_LINK] = link
    state.port[port, P_SINCE] = time
    state.link[link, L_REQUESTS] += 1
    return _mark(state, link, time, n_marked)


@inlined
def _winner(tables, state, link, time):
    """Return the port that may start across `link` now, or EMPTY; see to it that a blocked link is woken."""
    if state.link[link, L_WAITS] != 0 or state.link[link, L_REQUESTS] == 0:
        return EMPTY
    between = link < 4 * tables.scalar[N_TILES]
    wake = state.link[link, L_FREE]
    if between or tables.scalar[CORE_IN_PACKETS] >= 0:
        free = state.slot_free[link, np.uint32(state.link[link, L_RESERVED])]
        if free == UNKNOWN:
            state.link[link, L_WAITS] = UNKNOWN_RELEASE
            return EMPTY
        wake = max(wake, free)
    if wake > time:
        _wake(state, link, wake, time)
        return EMPTY
    router = np.uint32(link >> 2 if between else tables.core_tile[np.uint32(link - 4 * tables.scalar[N_TILES])])
    best = EMPTY
    best_time, best_packet = np.int64(0), np.int64(0)
    left = state.link[link, L_REQUESTS]
    for index in range(tables.input_start[router], tables.input_start[np.uint32(router + 1)]):
        port = np.uint32(tables.input_port[np.uint32(index)])
        if state.port[port, P_LINK] == link:
            since = state.port[port, P_SINCE]
            packet = state.port[port, P_PACKET]
            if best == EMPTY or since < best_time or (since == best_time and packet < best_packet):
                best, best_time, best_packet = port, since, packet
            left -= 1
            if left == 0:
                break
    return best


@inlined
def _wake(state, link, wake, time):
    """Have `link` evaluated again at `wake`."""
    state.link[link, L_WAITS] = WAKE_PENDING
    push(state.wheel, time, wake, state.flight.shape[0] + state.port.shape[0] + link)


@inlined
def _grant(tables, traffic, n_packets, state, sinks, queue_peak, link, port, time):
    """Start the head of `port` (its due branch) across `link`; return 1 if it leaves the network."""
    flight = state.flight
    number = np.uint32(state.port[port, P_HEAD])
    occupancy, delay = _crossing(tables, traffic, flight, number, link)
    packet = flight[number, PACKET]
    ejected = link >= 4 * tables.scalar[N_TILES]
    if flight[number, TILE] != NONE:
        last, child, sink = True, np.int64(0), traffic.packet[packet, SINK]
        if not ejected:
            child = tables.link_target[link]
    else:
        position = np.int64(flight[number, POSITION])
        branch = tables.branch_start[position] + state.port[port, P_BRANCH]
        last = branch + 1 == tables.branch_start[position + 1]
        child, sink = tables.branch[branch, BRANCH_CHILD], _branch_sink(tables, traffic, packet, branch)
    state.link[link, L_FREE] = time + occupancy
    state.link[link, L_PACKETS] += 1
    state.link[link, L_BUSY] += occupancy
    state.link[link, L_REQUESTS] -= 1
    state.port[port, P_BUSY] = time + occupancy
    state.port[port, P_LINK] = -1
    moved = number if last else _copy(state, number)
    if ejected:
        _note_arrival(tables, state, sinks, link, sink, time + delay)
        if tables.scalar[CORE_IN_PACKETS] >= 0:
            _reserve_core(tables, state, link, time + delay, sinks[sink, SINK_SERVICE])
    else:
        slot = np.uint32(state.link[link, L_RESERVED])
        state.slot_free[link, slot] = UNKNOWN
        state.link[link, L_RESERVED] = 0 if slot + 1 == tables.scalar[BUFFER_PACKETS] else slot + 1
        flight[moved, POSITION] = child
        flight[moved, LINK] = link
        push(state.wheel, time, time + delay, moved)
    if last:
        _leave_port(tables, traffic, state, queue_peak, port, number, time)
    else:
        state.port[port, P_BRANCH] += 1
        push(state.wheel, time, state.port[port, P_BUSY], flight.shape[0] + port)
    if ejected and moved >= n_packets:
        _drop_copy(state, moved)
    return 1 if ejected else 0


@part
def _reserve_core(tables, state, link, arrived, service_ticks):
    """Reserve a slot of a core's finite input queue; it is free again once the core has begun to serve the packet."""
    core = np.uint32(link - 4 * tables.scalar[N_TILES])
    start = max(arrived, state.core[core, C_SERVER_FREE])
    state.core[core, C_SERVER_FREE] = start + service_ticks
    slot = np.uint32(state.link[link, L_RESERVED])
    state.slot_free[link, slot] = start + tables.scalar[CREDIT]
    state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], start + tables.scalar[CREDIT])
    state.link[link, L_RESERVED] = 0 if slot + 1 == tables.scalar[CORE_IN_PACKETS] else slot + 1


@inlined
def _leave_port(tables, traffic, state, queue_peak, port, number, time):
    """The head of a FIFO begins to leave for good: give its slot back, let the next head request."""
    n_flights = state.flight.shape[0]
    state.port[port, P_BRANCH] = 0
    if port >= 4 * tables.scalar[N_TILES]:
        core = np.uint32(port - 4 * tables.scalar[N_TILES])
        injected = state.core[core, C_INJECTED]
        while injected >= 0 and traffic.packet[injected, INJECT] <= time:
            state.core[core, C_QUEUE] += 1
            injected = traffic.packet[injected, NEXT]
        state.core[core, C_INJECTED] = injected
        queue_peak[core] = max(queue_peak[core], state.core[core, C_QUEUE])
        state.core[core, C_QUEUE] -= 1
        following = traffic.packet[number, NEXT]
        if following >= 0:
            state.port[port, P_FIRST] = following
            push(state.wheel, time, max(traffic.packet[following, INJECT], state.port[port, P_BUSY]), n_flights + port)
        return
    first = state.port[port, P_FIRST] + 1
    state.port[port, P_FIRST] = 0 if first == state.fifo.shape[1] else first
    state.port[port, P_COUNT] -= 1
    slot = np.uint32(state.link[port, L_RELEASED])
    state.slot_free[port, slot] = time + tables.scalar[CREDIT]
    state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], time + tables.scalar[CREDIT])
    state.link[port, L_RELEASED] = 0 if slot + 1 == tables.scalar[BUFFER_PACKETS] else slot + 1
    if state.link[port, L_WAITS] == UNKNOWN_RELEASE:
        _wake(state, port, max(time + tables.scalar[CREDIT], state.link[port, L_FREE]), time)
    if state.port[port, P_COUNT] > 0:
        push(state.wheel, time, state.port[port, P_BUSY], n_flights + port)
