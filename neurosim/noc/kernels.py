"""The network-on-chip, compiled: packets of one time step through routers and links, in whole ticks.

Semantics (the readable twin is `neurosim.engine.reference`): input-buffered virtual cut-through.

* A packet of f flits occupies a link for f * cycle from its start T; its head requests at the next router at
  T + hop; at the end it has arrived at T + eject + (f − 1) * cycle.
* Finite buffers: each link feeds a FIFO of `buffer_packets` slots, each core has an unbounded injection FIFO. Only the
  head of a FIFO requests; it starts when the link is free and the next FIFO has a slot, reserved then and given back
  `credit` after the packet began to leave. The FIFO reads one flit per cycle, so its next head (or the next branch
  of a multicast packet) requests f * cycle after the last start.
* Unlimited buffers: one unbounded queue per output link; a packet joins all its branches' queues when its head comes.
* Within a tick: credits, then arrivals, then grants by (request time, packet id); a packet has at most one request per
  link, its branches go in order of direction, then core.

Times are relative to the start of the time step, in ticks. Every kernel writes only the state and output arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import kernel
from neurosim.noc.wheel import Wheel, advance, make_wheel, push, take_slot

# Columns of `flight`: where a packet (or a copy of a multicast packet) is and what it needs, in one cache line.
# POSITION is a router, for multicast a tree node; TILE is −1 for multicast; LINK is the last link taken.
POSITION, TILE, EJECT_LINK, OCCUPANCY, PACKET, LINK = 0, 1, 2, 3, 4, 5
N_COLUMNS = 8
FRESH = -1          # POSITION of a packet still at its source
NONE = -1
UNKNOWN_RELEASE, WAKE_PENDING = 1, 2


class NetworkTables(NamedTuple):
    """What does not change during a run. Links and routers as in machine.Noc; durations in ticks."""

    n_tiles: int
    route: NDArray[np.int8]              # [tile, destination tile]
    link_target: NDArray[np.int64]       # [link]
    hop_ticks: NDArray[np.int64]         # [4]
    eject_ticks: int
    cycle_ticks: int
    credit_ticks: int
    buffer_packets: int
    core_in_packets: int
    core_tile: NDArray[np.int64]         # [core]
    input_start: NDArray[np.int64]       # [router + 1] its input ports in `input_port`
    input_port: NDArray[np.int64]        # link number of the feeding link, or 4 * n_tiles + core for injection
    node_router: NDArray[np.int64]       # [node] multicast trees, as in machine.Trees
    branch_start: NDArray[np.int64]
    branch_link: NDArray[np.int64]
    branch_child: NDArray[np.int64]
    branch_destination: NDArray[np.int64]


class Traffic(NamedTuple):
    """The packets of one time step, by packet id."""

    inject: NDArray[np.int64]            # [packet] ticks
    core: NDArray[np.int32]              # [packet] source
    next_of_core: NDArray[np.int32]      # [packet] the next packet of the same core, −1 at the end
    first_of_core: NDArray[np.int32]     # [core]
    target_core: NDArray[np.int32]       # [packet] unicast destination; −1: follow `tree`
    tree: NDArray[np.int32]              # [packet] root node
    flits: NDArray[np.int32]
    sink: NDArray[np.int64]              # [packet] unicast: index into `arrival`; multicast: index of destination 0
    destination: NDArray[np.int64]       # [packet] its first entry in machine.Destinations


class NetworkState(NamedTuple):
    """Scratch of one run, sized by `make_state`."""

    wheel: Wheel
    flight: NDArray[np.int32]            # [flight, N_COLUMNS]; the first ones are the packets, then copies
    free_flight: NDArray[np.int32]       # stack of unused flights
    n_free: NDArray[np.int64]            # [2] size of that stack; first flight never used
    link_free: NDArray[np.int64]         # [link] end of the last occupation
    group_time: NDArray[np.int64]        # [link] unlimited: tick of the group below
    group_head: NDArray[np.int32]        # [link] unlimited: requests of this tick, by packet id
    request: NDArray[np.int32]           # [request] unlimited: flights that request in this tick
    request_next: NDArray[np.int32]
    request_link: NDArray[np.int32]
    request_child: NDArray[np.int32]     # node behind the link; −1: eject
    request_sink: NDArray[np.int64]      # where an ejection notes its arrival
    fifo: NDArray[np.int32]              # [port, slot] buffered flights (links only)
    fifo_first: NDArray[np.int32]        # [port]
    fifo_count: NDArray[np.int32]
    port_busy: NDArray[np.int64]         # [port] when it can read its next head
    port_link: NDArray[np.int32]         # [port] link its head requests now; −1: none
    port_request: NDArray[np.int64]      # [port] since when
    port_branch: NDArray[np.int32]       # [port] branch of its head that is due
    slot_free: NDArray[np.int64]         # [link, slot] when the slot behind the link is free again
    n_reserved: NDArray[np.int64]        # [link] slots ever reserved
    n_released: NDArray[np.int64]
    link_waits: NDArray[np.int8]         # [link] 0, UNKNOWN_RELEASE (of the slot it needs) or WAKE_PENDING
    marked: NDArray[np.int64]            # [link] tick at which it was marked for evaluation
    marked_link: NDArray[np.int32]
    injected: NDArray[np.int32]          # [core] first packet not yet counted as injected; for queue peaks
    queue_length: NDArray[np.int64]      # [core]
    server_free: NDArray[np.int64]       # [core] finite input queues: end of the last service
    arrived_first: NDArray[np.int32]     # [core] output: sinks in order of arrival, as a list: first, last, next
    arrived_last: NDArray[np.int32]
    arrived_next: NDArray[np.int32]      # [sink]


@kernel
def make_state(n_links, n_cores, n_flights, n_slots, buffer_packets, core_in_packets):
    """Return the scratch for up to `n_flights` packets and copies (at most: all destinations of a step)."""
    depth = max(1, buffer_packets)
    slots = max(depth, core_in_packets)
    n_ports = n_links  # link-fed ports and injection ports share the numbering of links and ejections
    n_events = n_flights + n_ports + n_links
    return NetworkState(
        make_wheel(n_slots, n_events), np.zeros((n_flights, N_COLUMNS), np.int32), np.zeros(n_flights, np.int32),
        np.zeros(2, np.int64), np.zeros(n_links, np.int64), np.full(n_links, -1, np.int64),
        np.full(n_links, -1, np.int32), np.zeros(n_flights, np.int32), np.zeros(n_flights, np.int32),
        np.zeros(n_flights, np.int32), np.zeros(n_flights, np.int32), np.zeros(n_flights, np.int64),
        np.zeros((n_ports, depth), np.int32), np.zeros(n_ports, np.int32), np.zeros(n_ports, np.int32),
        np.zeros(n_ports, np.int64), np.full(n_ports, -1, np.int32), np.zeros(n_ports, np.int64),
        np.zeros(n_ports, np.int32), np.zeros((n_links, slots), np.int64), np.zeros(n_links, np.int64),
        np.zeros(n_links, np.int64), np.zeros(n_links, np.int8), np.full(n_links, -1, np.int64),
        np.zeros(n_links, np.int32), np.zeros(n_cores, np.int32), np.zeros(n_cores, np.int64),
        np.zeros(n_cores, np.int64), np.full(n_cores, -1, np.int32), np.full(n_cores, -1, np.int32),
        np.full(n_flights, -1, np.int32))


@kernel
def run_unlimited(tables, traffic, n_packets, state, arrival, link_packets, link_busy):
    """Carry the packets through routers with unbounded output queues.

    Writes `arrival` [sink], adds to `link_packets` and `link_busy` [link], all in ticks; returns the arrivals.
    """
    wheel, flight = state.wheel, state.flight
    n_links_between = 4 * tables.n_tiles
    state.link_free[:] = 0
    state.group_time[:] = -1
    state.arrived_first[:] = -1
    state.n_free[0], state.n_free[1] = 0, n_packets
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        if first >= 0:
            flight[first, POSITION] = FRESH
            push(wheel, np.int64(0), traffic.inject[first], first)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            return n_arrived
        n_requests = _collect_requests(tables, traffic, state, time)
        for index in range(n_requests):
            link = state.request_link[index]
            request = state.group_head[link]
            if request < 0:
                continue  # its group is done
            state.group_head[link] = -1
            start = max(state.link_free[link], time)
            while request >= 0:
                moved = state.request[request]
                occupancy = np.int64(flight[moved, OCCUPANCY])
                link_packets[link] += 1
                link_busy[link] += occupancy
                if link < n_links_between:
                    flight[moved, POSITION] = state.request_child[request]
                    push(wheel, time, start + tables.hop_ticks[link & 3], moved)
                else:
                    _note_arrival(tables, state, arrival, link, state.request_sink[request],
                                  start + tables.eject_ticks + occupancy - tables.cycle_ticks)
                    n_arrived += 1
                    if moved >= n_packets:
                        _drop_copy(state, moved)
                start += occupancy
                request = state.request_next[request]
            state.link_free[link] = start


@kernel
def _note_arrival(tables, state, arrival, link, sink, time):
    """Write an arrival; the arrivals of one ejection link come in order of time."""
    core = link - 4 * tables.n_tiles
    arrival[sink] = time
    state.arrived_next[sink] = -1
    if state.arrived_first[core] < 0:
        state.arrived_first[core] = sink
    else:
        state.arrived_next[state.arrived_last[core]] = sink
    state.arrived_last[core] = sink


@kernel
def _collect_requests(tables, traffic, state, time):
    """Empty the slot of `time` into per-link groups of requests, each by packet id; return the requests."""
    wheel, flight = state.wheel, state.flight
    n_requests = 0
    event = take_slot(wheel, time)
    while event >= 0:
        following = wheel.next_event[event]
        if flight[event, POSITION] == FRESH:
            # The next packets of the same core enter behind this one, perhaps in the same tick.
            core = traffic.core[event]
            successor = traffic.next_of_core[event]
            while successor >= 0 and traffic.inject[successor] == time:
                _place(tables, traffic, flight, successor, core)
                n_requests = _request_branches(tables, traffic, state, successor, time, n_requests)
                successor = traffic.next_of_core[successor]
            if successor >= 0:
                flight[successor, POSITION] = FRESH
                push(wheel, time, traffic.inject[successor], successor)
            _place(tables, traffic, flight, event, core)
        n_requests = _request_branches(tables, traffic, state, event, time, n_requests)
        event = following
    return n_requests


@kernel
def _place(tables, traffic, flight, packet, core):
    """Put a packet at the router of its source core."""
    flight[packet, PACKET] = packet
    flight[packet, OCCUPANCY] = traffic.flits[packet] * tables.cycle_ticks
    target = traffic.target_core[packet]
    if target >= 0:
        flight[packet, POSITION] = tables.core_tile[core]
        flight[packet, TILE] = tables.core_tile[target]
        flight[packet, EJECT_LINK] = 4 * tables.n_tiles + target
    else:
        flight[packet, POSITION] = traffic.tree[packet]
        flight[packet, TILE] = NONE


@kernel
def _copy(state, number):
    """Return a copy of a flight, for another branch of a multicast packet."""
    if state.n_free[0] > 0:
        state.n_free[0] -= 1
        copy = state.free_flight[state.n_free[0]]
    else:
        copy = np.int32(state.n_free[1])
        state.n_free[1] += 1
    for column in range(N_COLUMNS):
        state.flight[copy, column] = state.flight[number, column]
    return copy


@kernel
def _drop_copy(state, number):
    """Give back the flight of a copy that has arrived."""
    state.free_flight[state.n_free[0]] = number
    state.n_free[0] += 1


@kernel
def _branch_sink(tables, traffic, packet, branch):
    """Return where an ejecting branch of a multicast packet notes its arrival."""
    return traffic.sink[packet] + tables.branch_destination[branch] - traffic.destination[packet]


@kernel
def _request_branches(tables, traffic, state, number, time, n_requests):
    """Enter the requests of a flight at its router into the groups of this tick."""
    flight = state.flight
    position = np.int64(flight[number, POSITION])
    tile = flight[number, TILE]
    if tile >= 0:
        if tile == position:
            return _group(state, number, np.int64(flight[number, EJECT_LINK]), np.int64(NONE),
                          traffic.sink[flight[number, PACKET]], time, n_requests)
        link = 4 * position + tables.route[position, tile]
        return _group(state, number, link, tables.link_target[link], np.int64(0), time, n_requests)
    packet = flight[number, PACKET]
    first = tables.branch_start[position]
    for branch in range(first, tables.branch_start[position + 1]):
        moved = number if branch == first else _copy(state, number)
        sink = _branch_sink(tables, traffic, packet, branch) if tables.branch_child[branch] < 0 else np.int64(0)
        n_requests = _group(state, moved, tables.branch_link[branch], tables.branch_child[branch], sink, time,
                            n_requests)
    return n_requests


@kernel
def _group(state, number, link, child, sink, time, n_requests):
    """Insert a request into its link's group, which is kept in order of packet id; return the requests."""
    state.request[n_requests] = number
    state.request_link[n_requests] = link
    state.request_child[n_requests] = child
    state.request_sink[n_requests] = sink
    if state.group_time[link] != time:
        state.group_time[link] = time
        state.group_head[link] = n_requests
        state.request_next[n_requests] = -1
        return n_requests + 1
    packet = state.flight[number, PACKET]
    before = np.int32(-1)
    behind = state.group_head[link]
    while behind >= 0 and state.flight[state.request[behind], PACKET] < packet:
        before = behind
        behind = state.request_next[behind]
    state.request_next[n_requests] = behind
    if before < 0:
        state.group_head[link] = n_requests
    else:
        state.request_next[before] = n_requests
    return n_requests + 1


@kernel
def run_buffered(tables, traffic, n_packets, state, service, arrival, link_packets, link_busy, queue_peak):
    """Carry the packets through routers with finite input FIFOs and back-pressure.

    service : int64[sink] ticks a core spends on the packet; read where `core_in_packets` is finite
    Writes `arrival` [sink], adds to `link_packets` and `link_busy` [link], raises `queue_peak` [core]; returns the
    arrivals: fewer than destinations mean a deadlock.
    """
    wheel = state.wheel
    n_flights = state.flight.shape[0]
    n_ports = state.port_link.size
    _clear(tables, traffic, n_packets, state)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            return n_arrived
        n_marked = 0
        event = take_slot(wheel, time)
        while event >= 0:
            following = wheel.next_event[event]
            if event < n_flights:
                n_marked = _arrive(tables, traffic, state, event, time, n_marked)
            elif event < n_flights + n_ports:
                n_marked = _open_request(tables, traffic, state, event - n_flights, time, n_marked)
            else:
                link = event - n_flights - n_ports
                state.link_waits[link] = 0
                n_marked = _mark(state, link, time, n_marked)
            event = following
        for index in range(n_marked):
            link = np.int64(state.marked_link[index])
            port, n_requests = _winner(tables, state, link, time)
            if port >= 0:
                link_packets[link] += 1
                link_busy[link] += state.flight[_head(tables, state, port), OCCUPANCY]
                n_arrived += _grant(tables, traffic, n_packets, state, service, arrival, queue_peak, link, port, time)
                if n_requests > 1:
                    _wake(state, link, state.link_free[link], time)


@kernel
def _clear(tables, traffic, n_packets, state):
    """Empty all queues and let the first packet of each core request at its injection."""
    first_injection = 4 * tables.n_tiles
    state.link_free[:] = 0
    state.fifo_count[:] = 0
    state.fifo_first[:] = 0
    state.port_busy[:] = 0
    state.port_link[:] = -1
    state.port_branch[:] = 0
    state.n_reserved[:] = 0
    state.n_released[:] = 0
    state.link_waits[:] = 0
    state.marked[:] = -1
    state.queue_length[:] = 0
    state.server_free[:] = 0
    state.arrived_first[:] = -1
    state.n_free[0], state.n_free[1] = 0, n_packets
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        state.injected[core] = first
        if first >= 0:
            state.fifo_first[first_injection + core] = first
            push(state.wheel, np.int64(0), traffic.inject[first], state.flight.shape[0] + first_injection + core)


@kernel
def _head(tables, state, port):
    """Return the flight at the head of a port's FIFO."""
    if port < 4 * tables.n_tiles:
        return state.fifo[port, state.fifo_first[port]]
    return state.fifo_first[port]


@kernel
def _mark(state, link, time, n_marked):
    """Note that `link` is to be evaluated in this tick, once."""
    if state.marked[link] == time:
        return n_marked
    state.marked[link] = time
    state.marked_link[n_marked] = link
    return n_marked + 1


@kernel
def _arrive(tables, traffic, state, number, time, n_marked):
    """The head of a flight reaches the FIFO behind its last link."""
    port = np.int64(state.flight[number, LINK])
    count = state.fifo_count[port]
    capacity = state.fifo.shape[1]
    at = state.fifo_first[port] + count
    state.fifo[port, at - capacity if at >= capacity else at] = number
    state.fifo_count[port] = count + 1
    if count > 0:
        return n_marked
    if state.port_busy[port] > time:
        push(state.wheel, time, state.port_busy[port], state.flight.shape[0] + port)
        return n_marked
    return _open_request(tables, traffic, state, port, time, n_marked)


@kernel
def _open_request(tables, traffic, state, port, time, n_marked):
    """The head of a port (its due branch) begins to request its link."""
    flight = state.flight
    number = _head(tables, state, port)
    if port >= 4 * tables.n_tiles and state.port_branch[port] == 0:
        _place(tables, traffic, flight, number, port - 4 * tables.n_tiles)
    position = np.int64(flight[number, POSITION])
    tile = flight[number, TILE]
    if tile < 0:
        link = tables.branch_link[tables.branch_start[position] + state.port_branch[port]]
    elif tile == position:
        link = np.int64(flight[number, EJECT_LINK])
    else:
        link = 4 * position + tables.route[position, tile]
    state.port_link[port] = link
    state.port_request[port] = time
    return _mark(state, link, time, n_marked)


@kernel
def _winner(tables, state, link, time):
    """Return (port that may start across `link` now or −1, ports that request it); a blocked link will be woken."""
    if state.link_waits[link] != 0:
        return np.int64(-1), 0
    between = link < 4 * tables.n_tiles
    router = link >> 2 if between else tables.core_tile[link - 4 * tables.n_tiles]
    best = np.int64(-1)
    best_time, best_packet = np.int64(0), np.int32(0)
    n_requests = 0
    for index in range(tables.input_start[router], tables.input_start[router + 1]):
        port = tables.input_port[index]
        if state.port_link[port] == link:
            n_requests += 1
            since = state.port_request[port]
            packet = state.flight[_head(tables, state, port), PACKET]
            if best < 0 or since < best_time or (since == best_time and packet < best_packet):
                best, best_time, best_packet = port, since, packet
    if best < 0:
        return best, 0
    wake = state.link_free[link]
    slots = tables.buffer_packets if between else tables.core_in_packets
    reserved = state.n_reserved[link]
    if slots >= 0 and reserved >= slots:
        if between and state.n_released[link] <= reserved - slots:
            state.link_waits[link] = UNKNOWN_RELEASE
            return np.int64(-1), n_requests
        wake = max(wake, state.slot_free[link, reserved % slots])
    if wake <= time:
        return best, n_requests
    _wake(state, link, wake, time)
    return np.int64(-1), n_requests


@kernel
def _wake(state, link, wake, time):
    """Have `link` evaluated again at `wake`."""
    state.link_waits[link] = WAKE_PENDING
    push(state.wheel, time, wake, state.flight.shape[0] + state.port_link.size + link)


@kernel
def _grant(tables, traffic, n_packets, state, service, arrival, queue_peak, link, port, time):
    """Start the head of `port` (its due branch) across `link`; return 1 if it leaves the network."""
    flight = state.flight
    number = _head(tables, state, port)
    occupancy = np.int64(flight[number, OCCUPANCY])
    packet = flight[number, PACKET]
    position = np.int64(flight[number, POSITION])
    unicast = flight[number, TILE] >= 0
    if unicast:
        last, child, sink = True, np.int64(0), traffic.sink[packet]
        if link < 4 * tables.n_tiles:
            child = tables.link_target[link]
    else:
        branch = tables.branch_start[position] + state.port_branch[port]
        last = branch + 1 == tables.branch_start[position + 1]
        child, sink = tables.branch_child[branch], _branch_sink(tables, traffic, packet, branch)
    state.link_free[link] = time + occupancy
    state.port_busy[port] = time + occupancy
    state.port_link[port] = -1
    moved = number if last else _copy(state, number)
    ejected = link >= 4 * tables.n_tiles
    if ejected:
        arrived = time + tables.eject_ticks + occupancy - tables.cycle_ticks
        _note_arrival(tables, state, arrival, link, sink, arrived)
        if tables.core_in_packets >= 0:
            _reserve_core(tables, state, link, arrived, service[sink])
    else:
        state.n_reserved[link] += 1
        flight[moved, POSITION] = child
        flight[moved, LINK] = link
        push(state.wheel, time, time + tables.hop_ticks[link & 3], moved)
    if last:
        _leave_port(tables, traffic, state, queue_peak, port, number, time)
    else:
        state.port_branch[port] += 1
        push(state.wheel, time, state.port_busy[port], flight.shape[0] + port)
    if ejected and moved >= n_packets:
        _drop_copy(state, moved)
    return 1 if ejected else 0


@kernel
def _reserve_core(tables, state, link, arrived, service_ticks):
    """Reserve a slot of a core's finite input queue; it is free again once the core has begun to serve the packet."""
    core = link - 4 * tables.n_tiles
    start = max(arrived, state.server_free[core])
    state.server_free[core] = start + service_ticks
    state.slot_free[link, state.n_reserved[link] % tables.core_in_packets] = start + tables.credit_ticks
    state.n_reserved[link] += 1


@kernel
def _leave_port(tables, traffic, state, queue_peak, port, number, time):
    """The head of a FIFO begins to leave for good: give its slot back, let the next head request."""
    n_flights = state.flight.shape[0]
    state.port_branch[port] = 0
    core = port - 4 * tables.n_tiles
    if core >= 0:
        injected = state.injected[core]
        while injected >= 0 and traffic.inject[injected] <= time:
            state.queue_length[core] += 1
            injected = traffic.next_of_core[injected]
        state.injected[core] = injected
        queue_peak[core] = max(queue_peak[core], state.queue_length[core])
        state.queue_length[core] -= 1
        following = traffic.next_of_core[number]
        if following >= 0:
            state.fifo_first[port] = following
            push(state.wheel, time, max(traffic.inject[following], state.port_busy[port]), n_flights + port)
        return
    first = state.fifo_first[port] + 1
    state.fifo_first[port] = 0 if first == state.fifo.shape[1] else first
    state.fifo_count[port] -= 1
    state.slot_free[port, state.n_released[port] % tables.buffer_packets] = time + tables.credit_ticks
    state.n_released[port] += 1
    if state.link_waits[port] == UNKNOWN_RELEASE:
        _wake(state, port, max(time + tables.credit_ticks, state.link_free[port]), time)
    if state.fifo_count[port] > 0:
        push(state.wheel, time, state.port_busy[port], n_flights + port)
