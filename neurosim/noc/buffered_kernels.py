# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets through routers with finite input FIFOs: back-pressure.

The requests of a link are a list in the order in which they will start: by time, in one tick by packet id. A port has
one request at a time, so that the list needs no room but a number per port. No credit is an event: each slot behind a
link knows when it is free again, and a link that waits for that is woken then.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, kernel, part
from neurosim.noc.flight_kernels import (
    add_loads,
    branch_sink,
    copy_flight,
    crossing,
    drop_copy,
    next_link,
    note_arrival,
    place_packet,
    reserve_core,
)
from neurosim.noc.state_kernels import (
    BRANCH_CHILD,
    BRANCH_LINK,
    BUFFER_PACKETS,
    C_FIRST,
    C_INJECTED,
    C_QUEUE,
    CORE_IN_PACKETS,
    CREDIT,
    EJECT_LINK,
    INJECT,
    L_BUSY,
    L_FIRST,
    L_FREE,
    L_MARKED,
    L_PACKETS,
    L_RELEASED,
    L_RESERVED,
    L_WAITS,
    LINK,
    MARKED,
    N_FREE,
    N_TILES,
    N_USED,
    NEXT,
    NONE,
    P_BRANCH,
    P_BUSY,
    P_COUNT,
    P_FIRST,
    P_HEAD,
    P_NEXT,
    P_PACKET,
    P_SINCE,
    PACKET,
    POSITION,
    QUIET_TIME,
    SINK,
    SINK_SERVICE,
    TILE,
    UNKNOWN,
    UNKNOWN_RELEASE,
    WAKE_PENDING,
)
from neurosim.noc.stream_kernels import run_streams, suits_streams
from neurosim.noc.wheel import EMPTY, advance, push, take_slot


@kernel
def run_buffered(tables, traffic, n_packets, state, sinks, loads, queue_peak):
    """Carry the packets through routers with finite input FIFOs and back-pressure.

    Writes the arrivals into `sinks` (and reads services there, where `core_in_packets` is finite), adds to `loads`
    [link, 2] packets and busy ticks, raises `queue_peak` [core]; returns the arrivals: fewer than destinations mean a
    deadlock.
    """
    if suits_streams(tables, traffic, n_packets):
        return run_streams(tables, traffic, n_packets, state, sinks, loads, queue_peak)
    return run_flights(tables, traffic, n_packets, state, sinks, loads, queue_peak)


@kernel
def run_flights(tables, traffic, n_packets, state, sinks, loads, queue_peak):
    """Carry packets of any lengths; as `run_buffered`."""
    wheel = state.wheel
    n_flights = state.flight.shape[0]
    n_ports = state.port.shape[0]
    _clear(tables, traffic, n_packets, state)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            add_loads(state, loads)
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
                state.link[link, L_MARKED] = time
                state.lists[n_marked, MARKED] = link
                n_marked += 1
            event = following
        for index in range(n_marked):
            link = state.lists[index, MARKED]
            if _may_start(tables, state, link, time):
                n_arrived += _grant(tables, traffic, n_packets, state, sinks, queue_peak, link, time)
                if state.link[link, L_FIRST] >= 0:
                    _wake(state, link, state.link[link, L_FREE], time)


@part
def _clear(tables, traffic, n_packets, state):
    """Empty all queues and let the first packet of each core request at its injection."""
    first_injection = 4 * tables.scalar[N_TILES]
    state.link[:] = 0
    state.link[:, L_MARKED] = -1
    state.link[:, L_FIRST] = -1
    state.port[:] = 0
    state.slot_free[:] = 0
    state.core[:] = 0
    state.core[:, C_FIRST] = -1
    state.stack[N_FREE], state.stack[N_USED], state.stack[QUIET_TIME] = 0, n_packets, 0
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        state.core[core, C_INJECTED] = first
        if first >= 0:
            state.port[first_injection + core, P_HEAD] = first
            event = state.flight.shape[0] + first_injection + core
            push(state.wheel, np.int64(0), traffic.packet[first, INJECT], event)


@inlined
def _arrive(tables, traffic, state, number, time, n_marked):
    """The head of a flight reaches the FIFO behind its last link."""
    port = state.flight[number, LINK]
    count = state.port[port, P_COUNT]
    state.port[port, P_COUNT] = count + 1
    if count > 0:
        capacity = state.fifo.shape[1]
        at = np.uint32(state.port[port, P_FIRST] + count - 1)
        state.fifo[port, np.uint32(at - capacity) if at >= capacity else at] = number
        return n_marked
    state.port[port, P_HEAD] = number
    if state.port[port, P_BUSY] > time:
        push(state.wheel, time, state.port[port, P_BUSY], state.flight.shape[0] + port)
        return n_marked
    return _open_request(tables, traffic, state, port, time, n_marked)


@inlined
def _open_request(tables, traffic, state, port, time, n_marked):
    """The head of a port (its due branch) begins to request its link."""
    flight = state.flight
    number = np.uint32(state.port[port, P_HEAD])
    if port >= 4 * tables.scalar[N_TILES] and state.port[port, P_BRANCH] == 0:
        place_packet(tables, traffic, flight, number, np.uint32(port - 4 * tables.scalar[N_TILES]))
    position = flight[number, POSITION]
    tile = flight[number, TILE]
    if tile == NONE:
        link = np.uint32(tables.branch[tables.branch_start[position] + state.port[port, P_BRANCH], BRANCH_LINK])
    elif tile == position:
        link = flight[number, EJECT_LINK]
    else:
        link = next_link(tables, position, tile)
    _queue_request(state, link, port, np.int64(flight[number, PACKET]), time)
    if state.link[link, L_WAITS] != 0 or state.link[link, L_MARKED] == time:
        return n_marked
    state.link[link, L_MARKED] = time
    state.lists[n_marked, MARKED] = link
    return n_marked + 1


@inlined
def _queue_request(state, link, port, packet, time):
    """Queue the request of a port at a link: behind earlier ones, and behind lower packet ids of this tick."""
    state.port[port, P_PACKET] = packet
    state.port[port, P_SINCE] = time
    following = state.link[link, L_FIRST]
    if following < 0:
        state.port[port, P_NEXT] = -1
        state.link[link, L_FIRST] = port
        return
    before = np.int64(-1)
    while following >= 0:
        other = np.uint32(following)
        if state.port[other, P_SINCE] == time and packet < state.port[other, P_PACKET]:
            break
        before, following = following, state.port[other, P_NEXT]
    state.port[port, P_NEXT] = following
    if before < 0:
        state.link[link, L_FIRST] = port
    else:
        state.port[np.uint32(before), P_NEXT] = port


@inlined
def _may_start(tables, state, link, time):
    """Return whether a packet may start across `link` now; see to it that a blocked link is woken."""
    if state.link[link, L_WAITS] != 0 or state.link[link, L_FIRST] < 0:
        return False
    wake = state.link[link, L_FREE]
    if link < 4 * tables.scalar[N_TILES] or tables.scalar[CORE_IN_PACKETS] >= 0:
        free = state.slot_free[link, np.uint32(state.link[link, L_RESERVED])]
        if free == UNKNOWN:
            state.link[link, L_WAITS] = UNKNOWN_RELEASE
            return False
        wake = max(wake, free)
    if wake > time:
        _wake(state, link, wake, time)
        return False
    return True


@inlined
def _wake(state, link, wake, time):
    """Have `link` evaluated again at `wake`."""
    state.link[link, L_WAITS] = WAKE_PENDING
    push(state.wheel, time, wake, state.flight.shape[0] + state.port.shape[0] + link)


@inlined
def _grant(tables, traffic, n_packets, state, sinks, queue_peak, link, time):
    """Start the first packet that requests `link` (its due branch) across it; return 1 if it leaves the network."""
    flight = state.flight
    port = np.uint32(state.link[link, L_FIRST])
    state.link[link, L_FIRST] = state.port[port, P_NEXT]
    number = np.uint32(state.port[port, P_HEAD])
    occupancy, delay = crossing(tables, traffic, flight, number, link)
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
        child, sink = tables.branch[branch, BRANCH_CHILD], branch_sink(tables, traffic, packet, branch)
    state.link[link, L_FREE] = time + occupancy
    state.link[link, L_PACKETS] += 1
    state.link[link, L_BUSY] += occupancy
    state.port[port, P_BUSY] = time + occupancy
    moved = number if last else copy_flight(state, number)
    if ejected:
        note_arrival(tables, state, sinks, link, sink, time + delay)
        if tables.scalar[CORE_IN_PACKETS] >= 0:
            reserve_core(tables, state, link, time + delay, sinks[sink, SINK_SERVICE])
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
        drop_copy(state, moved)
    return 1 if ejected else 0


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
            state.port[port, P_HEAD] = following
            push(state.wheel, time, max(traffic.packet[following, INJECT], state.port[port, P_BUSY]), n_flights + port)
        return
    slot = np.uint32(state.link[port, L_RELEASED])
    state.slot_free[port, slot] = time + tables.scalar[CREDIT]
    state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], time + tables.scalar[CREDIT])
    state.link[port, L_RELEASED] = 0 if slot + 1 == tables.scalar[BUFFER_PACKETS] else slot + 1
    if state.link[port, L_WAITS] == UNKNOWN_RELEASE:
        _wake(state, port, max(time + tables.scalar[CREDIT], state.link[port, L_FREE]), time)
    state.port[port, P_COUNT] -= 1
    if state.port[port, P_COUNT] > 0:
        first = np.uint32(state.port[port, P_FIRST])
        state.port[port, P_HEAD] = state.fifo[port, first]
        state.port[port, P_FIRST] = 0 if first + 1 == state.fifo.shape[1] else first + 1
        push(state.wheel, time, state.port[port, P_BUSY], n_flights + port)
