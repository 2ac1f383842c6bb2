# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets of one length through routers with finite input FIFOs, as words: what `buffered_kernels` does, faster.

A packet is one word (`word_kernels`), in a FIFO or under way. Crossing a link takes a constant time for each kind of
link, as do occupations and credits, so that pending events are a few queues (`streams`). A packet that comes alone
in its tick to an idle port and an idle link goes on at once; all others request their link and are granted it when
all events of the tick are known, as in `buffered_kernels`.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, kernel, part
from neurosim.noc.flight_kernels import add_loads, note_arrival
from neurosim.noc.state_kernels import (
    C_FIRST,
    FLITS,
    ID_SHIFT,
    INJECT,
    L_BUSY,
    L_FIRST,
    L_FREE,
    L_MARKED,
    L_PACKETS,
    L_RESERVED,
    L_WAITS,
    MARKED,
    N_TILES,
    NEXT,
    P_BUSY,
    P_COUNT,
    P_FIRST,
    P_HEAD,
    P_NEXT,
    P_PEAK,
    P_SINCE,
    QUIET_TIME,
    R_OCCUPANCY,
    SINK,
    UNIFORM,
    UNKNOWN,
    UNKNOWN_RELEASE,
)
from neurosim.noc.stream_crossing import cross, link_of, sink_of, wake_link
from neurosim.noc.streams import (
    BEHIND_LAST,
    CROSS_CHIP,
    G_KEY,
    G_LINK,
    G_NUMBER,
    G_WORD,
    INJECTED,
    LEFT,
    N_PORT,
    N_QUEUES,
    N_WORD,
    NEVER,
    OCCUPIED,
    QUEUE_BITS,
    append,
    clear_streams,
    insert,
    next_event,
    pop,
    row_of,
    sort_keys,
)
from neurosim.noc.word_kernels import clear_roads, word_of

_ONE = np.int64(1)
TICKS_PER_PACKET = 4         # from here on nearly every event is alone in its tick


@part
def suits_streams(tables, traffic, n_packets):
    """Return whether packets have one length, words and times have room, and few events share a tick.

    Where many share each tick, nothing goes on at once, and the time wheel is faster. No result depends on it.
    """
    shift = tables.scalar[ID_SHIFT]
    if tables.scalar[UNIFORM] == 0 or shift == 0 or n_packets >> (63 - shift) != 0:
        return False
    latest = np.int64(0)
    for packet in range(n_packets):
        latest = max(latest, traffic.packet[packet, INJECT])
    return latest >= TICKS_PER_PACKET * n_packets and _n_bits(latest) + _n_bits(np.int64(n_packets)) < 63


@part
def _n_bits(number):
    """Return how many bits a number has."""
    bits = np.int64(0)
    while number >> bits != 0:
        bits += 1
    return bits


@kernel
def run_streams(tables, traffic, n_packets, state, sinks, loads, queue_peak):
    """Carry packets of one length; as `buffered_kernels.run_buffered`."""
    streams = state.streams
    n_ports = state.port.shape[0]
    _clear(tables, traffic.packet[0, FLITS] if n_packets > 0 else np.int64(0), state)
    is_plain = _enter(tables, traffic, n_packets, state)
    while True:
        event = next_event(streams)
        if event == NEVER:
            return _close(tables, traffic, state, sinks, loads, queue_peak, is_plain)
        time = event >> QUEUE_BITS
        n_marked = 0
        while event >> QUEUE_BITS == time:
            queue = event & (N_QUEUES - 1)
            row = pop(streams, queue)
            number, word = streams.event[row, G_NUMBER], streams.event[row, G_WORD]
            link = np.uint32(streams.event[row, G_LINK])
            event = next_event(streams)
            if number >= n_ports:
                link = np.uint32(number - n_ports)
                state.link[link, L_WAITS] = 0
                n_marked = _mark(state, link, time, n_marked)
                continue
            port = np.uint32(number)
            arrives = (queue <= CROSS_CHIP) | (queue == INJECTED)
            count = state.port[port, P_COUNT] + arrives
            state.port[port, P_COUNT] = count
            if (arrives & (count > 1)) | (state.port[port, P_BUSY] > time):
                event = min(event, _wait_in_port(tables, state, port, word, link, count))
                continue
            if ((n_marked == 0) & (event >> QUEUE_BITS != time)) and _is_free(tables, state, link, time):
                cross(tables, traffic, state, sinks, link, port, word, time)
                break
            state.port[port, P_HEAD] = word
            _queue_request(state, link, port, word, time)
            if state.link[link, L_WAITS] == 0:
                n_marked = _mark(state, link, time, n_marked)
        for index in range(n_marked):
            link = np.uint32(state.lists[index, MARKED])
            if _may_start(tables, state, link, time):
                port = np.uint32(state.link[link, L_FIRST])
                state.link[link, L_FIRST] = state.port[port, P_NEXT]
                cross(tables, traffic, state, sinks, link, port, state.port[port, P_HEAD], time)
                if state.link[link, L_FIRST] >= 0:
                    wake_link(tables, state, link, state.link[link, L_FREE], time)


@part
def _clear(tables, flits, state):
    """Empty all queues."""
    clear_roads(tables, flits, state)
    clear_streams(state.streams)
    for link in range(state.link.shape[0]):
        for column in range(state.link.shape[1]):
            state.link[link, column] = 0
        state.link[link, L_MARKED] = -1
        state.link[link, L_FIRST] = -1
    state.port[:] = 0
    state.slot_free[:] = 0
    state.core[:] = 0
    state.core[:, C_FIRST] = -1
    state.stack[QUIET_TIME] = 0


@part
def _enter(tables, traffic, n_packets, state):
    """Put the injections into their queue, by time; return whether each packet has the number of its sink."""
    streams, n_between = state.streams, 4 * tables.scalar[N_TILES]
    id_bits = _n_bits(np.int64(n_packets))
    n_keys, latest, is_plain = np.int64(0), np.int64(0), True
    for core in range(traffic.first_of_core.size):
        packet = traffic.first_of_core[core]
        while packet >= 0:
            number = np.uint32(packet)
            streams.key[0, n_keys] = traffic.packet[number, INJECT] << id_bits | packet
            streams.entry[number, N_WORD] = word_of(tables, traffic, packet, core)
            streams.entry[number, N_PORT] = n_between + core
            latest = max(latest, streams.key[0, n_keys])
            is_plain = is_plain and traffic.packet[number, SINK] == packet
            n_keys += 1
            packet = traffic.packet[number, NEXT]
    keys = streams.key[sort_keys(streams, n_keys, id_bits, _n_bits(latest))]
    for index in range(n_keys):
        number = np.uint32(keys[index] & ((_ONE << id_bits) - 1))
        word = streams.entry[number, N_WORD]
        append(streams, INJECTED, keys[index] >> id_bits, streams.entry[number, N_PORT], word, link_of(tables, word))
    return is_plain


@inlined
def _mark(state, link, time, n_marked):
    """Have a link evaluated when all events of this tick are known, once."""
    if state.link[link, L_MARKED] == time:
        return n_marked
    state.link[link, L_MARKED] = time
    state.lists[n_marked, MARKED] = link
    return n_marked + 1


@part
def _wait_in_port(tables, state, port, word, link, count):
    """Put a packet behind the head of its port, or have it request its link when the port can read it.

    Returns the event that comes of it, or NEVER.
    """
    if count > 1:
        if port < 4 * tables.scalar[N_TILES]:
            capacity = state.streams.fifo.shape[1]
            at = state.port[port, P_FIRST] + count - 2
            state.streams.fifo[port, np.uint32(at - capacity if at >= capacity else at)] = word
        return NEVER
    busy_until = state.port[port, P_BUSY]
    insert(state.streams, OCCUPIED, busy_until, np.int64(port), word, np.int64(link))
    return busy_until << QUEUE_BITS | OCCUPIED


@inlined
def _queue_request(state, link, port, word, time):
    """Queue the request of a port at a link: behind earlier ones, and behind lower packet ids of this tick."""
    state.port[port, P_SINCE] = time
    following = state.link[link, L_FIRST]
    before = np.int64(-1)
    while following >= 0:
        other = np.uint32(following)
        # The packet's id is the highest part of its word.
        if state.port[other, P_SINCE] == time and word < state.port[other, P_HEAD]:
            break
        before, following = following, state.port[other, P_NEXT]
    state.port[port, P_NEXT] = following
    if before < 0:
        state.link[link, L_FIRST] = np.int64(port)
    else:
        state.port[np.uint32(before), P_NEXT] = np.int64(port)


@inlined
def _is_free(tables, state, link, time):
    """Return whether a packet may start across `link` now, and none waits for it."""
    # Where cores take all, no slot of an ejection link is ever taken.
    free = state.slot_free[link, np.uint32(state.link[link, L_RESERVED])]
    return ((state.link[link, L_WAITS] == 0) & (state.link[link, L_FIRST] < 0) & (state.link[link, L_FREE] <= time)
            & (free <= time))


@inlined
def _may_start(tables, state, link, time):
    """Return whether a packet may start across `link` now; see to it that a blocked link is woken."""
    if state.link[link, L_WAITS] != 0 or state.link[link, L_FIRST] < 0:
        return False
    free = state.slot_free[link, np.uint32(state.link[link, L_RESERVED])]
    if free == UNKNOWN:
        state.link[link, L_WAITS] = UNKNOWN_RELEASE
        return False
    wake = max(state.link[link, L_FREE], free)
    if wake > time:
        wake_link(tables, state, link, wake, time)
        return False
    return True


@part
def _close(tables, traffic, state, sinks, loads, queue_peak, is_plain):
    """Note what arrived when, loads and peaks of queues; return how many arrived."""
    streams, n_between = state.streams, 4 * tables.scalar[N_TILES]
    n_left = streams.place[LEFT, BEHIND_LAST]
    for number in range(n_left):
        row = row_of(streams, LEFT, number)
        sink = sink_of(tables, traffic, streams.event[row, G_WORD], is_plain)
        note_arrival(tables, state, sinks, streams.event[row, G_NUMBER], sink, streams.event[row, G_KEY] >> QUEUE_BITS)
    for core in range(queue_peak.size):
        queue_peak[core] = max(queue_peak[core], state.port[n_between + core, P_PEAK])
    for link in range(loads.shape[0]):
        state.link[link, L_BUSY] = state.link[link, L_PACKETS] * state.words.road[link, R_OCCUPANCY]
    add_loads(state, loads)
    return n_left
