# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets of one length through routers with finite input FIFOs, as words: what `buffered_kernels` does, faster.

A packet is one word (`word_kernels`), in a FIFO or under way. Crossing a link takes a constant time for each kind of
link, as do occupations and credits, so that pending events are a few queues (`streams`). A packet that comes alone
in its tick to an idle port and an idle link goes on at once; all others request their link and are granted it when
all events of the tick are known, as in `buffered_kernels`.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, kernel, part, prefetch
from neurosim.machine import BETWEEN_CHIPS
from neurosim.noc.flight_kernels import add_loads, branch_sink, note_arrival, reserve_core
from neurosim.noc.state_kernels import (
    BRANCH_CHILD,
    BRANCH_LINK,
    BUFFER_PACKETS,
    C_FIRST,
    CORE_IN_PACKETS,
    CORE_SHIFT,
    CREDIT,
    FLITS,
    HERE,
    ID_SHIFT,
    INJECT,
    L_BUSY,
    L_FIRST,
    L_FREE,
    L_MARKED,
    L_PACKETS,
    L_RELEASED,
    L_RESERVED,
    L_WAITS,
    MARKED,
    N_TILES,
    NEXT,
    P_BRANCH,
    P_BUSY,
    P_COUNT,
    P_FIRST,
    P_HEAD,
    P_NEXT,
    P_SINCE,
    PLACE_BITS,
    QUIET_TIME,
    R_DELAY,
    R_KIND,
    R_OCCUPANCY,
    R_STEP,
    SINK,
    SINK_SERVICE,
    UNIFORM,
    UNKNOWN,
    UNKNOWN_RELEASE,
    WAKE_PENDING,
)
from neurosim.noc.streams import (
    CREDITED,
    CROSS_CHIP,
    G_NUMBER,
    G_WORD,
    INJECTED,
    LATER,
    N_PORT,
    N_WORD,
    NEVER,
    OCCUPIED,
    STREAM_BITS,
    append,
    next_event,
    pop,
    sort_keys,
)
from neurosim.noc.word_kernels import clear_roads, word_of

_ONE = np.int64(1)
AHEAD = 8           # injections are fetched so many packets ahead


@part
def fits_streams(tables, traffic, n_packets):
    """Return whether packets have one length, and words have room for their ids, and for times beside them."""
    shift = tables.scalar[ID_SHIFT]
    if tables.scalar[UNIFORM] == 0 or shift == 0 or n_packets >> (63 - shift) != 0:
        return False
    latest = np.int64(0)
    for packet in range(n_packets):
        latest = max(latest, traffic.packet[packet, INJECT])
    return _n_bits(latest) + _n_bits(np.int64(n_packets)) < 63


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
    flits = traffic.packet[0, FLITS] if n_packets > 0 else np.int64(0)
    _clear(tables, flits, state)
    id_bits = _n_bits(np.int64(n_packets))
    row, n_keys, is_plain = _sort_injections(tables, traffic, state, id_bits)
    keys = streams.key[row]
    id_mask = (_ONE << id_bits) - 1
    next_key, n_arrived = np.int64(0), np.int64(0)
    streams.head[INJECTED] = _injection(keys[0], id_bits)
    while True:
        event = next_event(streams)
        if event == NEVER:
            _add_busy_times(state)
            add_loads(state, loads)
            return n_arrived
        time = event >> STREAM_BITS
        n_marked = 0
        while event >> STREAM_BITS == time:
            stream = event & ((_ONE << STREAM_BITS) - 1)
            is_head = False
            if stream == INJECTED:
                packet = np.uint32(keys[next_key] & id_mask)
                next_key += 1
                streams.head[INJECTED] = _injection(keys[next_key], id_bits)
                prefetch(streams.entry, 2 * (keys[min(next_key + AHEAD, n_keys - 1)] & id_mask))
                word, port = streams.entry[packet, N_WORD], np.uint32(streams.entry[packet, N_PORT])
                is_head = state.port[port, P_COUNT] == 0
                state.port[port, P_COUNT] += 1
            else:
                row = pop(streams, stream)
                number, word = streams.ring[row, G_NUMBER], streams.ring[row, G_WORD]
                port = np.uint32(number)
                if stream <= CROSS_CHIP:
                    is_head = _enter_fifo(state, port, word)
                elif number < n_ports:
                    is_head, word = True, state.port[port, P_HEAD]
                else:
                    link = np.uint32(number - n_ports)
                    state.link[link, L_WAITS] = 0
                    n_marked = _mark(state, link, time, n_marked)
            event = next_event(streams)
            if not is_head:
                continue
            if state.port[port, P_BUSY] > time:
                state.port[port, P_HEAD] = word
                append(streams, OCCUPIED, state.port[port, P_BUSY], np.int64(port), np.int64(0))
                event = min(event, state.port[port, P_BUSY] << STREAM_BITS | OCCUPIED)
                continue
            link = _link_of(tables, state, port, word)
            if n_marked == 0 and event >> STREAM_BITS != time and _is_free(tables, state, link, time):
                n_arrived += _cross(tables, traffic, state, sinks, queue_peak, is_plain, link, port, word, time)
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
                n_arrived += _cross(tables, traffic, state, sinks, queue_peak, is_plain, link, port,
                                    state.port[port, P_HEAD], time)
                if state.link[link, L_FIRST] >= 0:
                    _wake(tables, state, link, state.link[link, L_FREE], time)


@part
def _clear(tables, flits, state):
    """Empty all queues."""
    clear_roads(tables, flits, state)
    state.link[:] = 0
    state.link[:, L_MARKED] = -1
    state.link[:, L_FIRST] = -1
    state.port[:] = 0
    state.slot_free[:] = 0
    state.core[:, C_FIRST] = -1
    state.stack[QUIET_TIME] = 0


@part
def _sort_injections(tables, traffic, state, id_bits):
    """Sort the injections by time, NEVER behind the last, and note the word and the port of each.

    Returns the row of `key` they are in, how many there are, and whether each packet has the number of its sink.
    """
    streams, n_between = state.streams, 4 * tables.scalar[N_TILES]
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
    row = sort_keys(streams, n_keys, id_bits, _n_bits(latest))
    streams.key[row, n_keys] = NEVER
    return row, n_keys, is_plain


@inlined
def _injection(key, id_bits):
    """Return the head of the queue of injections."""
    return NEVER if key == NEVER else key >> id_bits << STREAM_BITS | INJECTED


@inlined
def _enter_fifo(state, port, word):
    """Put a packet into the FIFO behind its last link; return whether it is the head."""
    count = state.port[port, P_COUNT]
    state.port[port, P_COUNT] = count + 1
    if count == 0:
        return True
    capacity = state.streams.fifo.shape[1]
    at = state.port[port, P_FIRST] + count - 1
    state.streams.fifo[port, np.uint32(at - capacity if at >= capacity else at)] = word
    return False


@inlined
def _mark(state, link, time, n_marked):
    """Have a link evaluated when all events of this tick are known, once."""
    if state.link[link, L_MARKED] == time:
        return n_marked
    state.link[link, L_MARKED] = time
    state.lists[n_marked, MARKED] = link
    return n_marked + 1


@inlined
def _link_of(tables, state, port, word):
    """Return the link that a head of a port wants (its due branch)."""
    scalar = tables.scalar
    if word & (_ONE << (scalar[ID_SHIFT] - 1)) != 0:
        node = word & ((_ONE << (scalar[ID_SHIFT] - 1)) - 1)
        return np.uint32(tables.branch[tables.branch_start[node] + state.port[port, P_BRANCH], BRANCH_LINK])
    direction = np.int64(tables.turn[np.uint32(word & ((_ONE << scalar[PLACE_BITS]) - 1))])
    if direction == HERE:
        core_mask = (_ONE << (scalar[ID_SHIFT] - scalar[CORE_SHIFT] - 1)) - 1
        return np.uint32(4 * scalar[N_TILES] + (word >> scalar[CORE_SHIFT] & core_mask))
    tile_mask = (_ONE << (scalar[CORE_SHIFT] - scalar[PLACE_BITS])) - 1
    return np.uint32(4 * (word >> scalar[PLACE_BITS] & tile_mask) + direction)


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
    if state.link[link, L_WAITS] != 0 or state.link[link, L_FIRST] >= 0 or state.link[link, L_FREE] > time:
        return False
    if link >= 4 * tables.scalar[N_TILES] and tables.scalar[CORE_IN_PACKETS] < 0:
        return True
    return state.slot_free[link, np.uint32(state.link[link, L_RESERVED])] <= time


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
        _wake(tables, state, link, wake, time)
        return False
    return True


@part
def _wake(tables, state, link, wake, time):
    """Have `link` evaluated again at `wake`."""
    state.link[link, L_WAITS] = WAKE_PENDING
    ahead, stream = wake - time, LATER
    if ahead <= state.words.road[link, R_OCCUPANCY] and state.words.road[link, R_KIND] != BETWEEN_CHIPS:
        stream = OCCUPIED
    elif ahead <= tables.scalar[CREDIT]:
        stream = CREDITED
    append(state.streams, stream, wake, np.int64(state.port.shape[0] + link), np.int64(0))


@inlined
def _cross(tables, traffic, state, sinks, queue_peak, is_plain, link, port, word, time):
    """Let the head of `port` (its due branch) start across `link`; return 1 if it leaves the network."""
    scalar, road = tables.scalar, state.words.road
    marked = _ONE << (scalar[ID_SHIFT] - 1)
    packet = np.uint32(word >> scalar[ID_SHIFT])
    busy_until = time + road[link, R_OCCUPANCY]
    reached = time + road[link, R_DELAY]
    ejected = link >= 4 * scalar[N_TILES]
    is_last, after = True, word + road[link, R_STEP]
    sink = np.int64(0)
    if word & marked != 0:
        node = word & (marked - 1)
        branch = tables.branch_start[node] + state.port[port, P_BRANCH]
        is_last = branch + 1 == tables.branch_start[node + 1]
        after = word - node + tables.branch[branch, BRANCH_CHILD]
        if ejected:
            sink = branch_sink(tables, traffic, packet, branch)
    elif ejected:
        sink = np.int64(packet) if is_plain else traffic.packet[packet, SINK]
    state.link[link, L_FREE] = busy_until
    state.link[link, L_PACKETS] += 1
    state.port[port, P_BUSY] = busy_until
    if ejected:
        note_arrival(tables, state, sinks, np.int64(link), sink, reached)
        if scalar[CORE_IN_PACKETS] >= 0:
            reserve_core(tables, state, link, reached, sinks[sink, SINK_SERVICE])
    else:
        slot = state.link[link, L_RESERVED]
        state.slot_free[link, np.uint32(slot)] = UNKNOWN
        state.link[link, L_RESERVED] = 0 if slot + 1 == scalar[BUFFER_PACKETS] else slot + 1
        append(state.streams, road[link, R_KIND], reached, np.int64(link), after)
    more = True
    if is_last:
        more = _leave_port(tables, traffic, state, queue_peak, port, word, time)
    else:
        state.port[port, P_HEAD] = word
        state.port[port, P_BRANCH] += 1
    if more:
        stream = LATER if road[link, R_KIND] == BETWEEN_CHIPS else OCCUPIED
        append(state.streams, stream, busy_until, np.int64(port), np.int64(0))
    return 1 if ejected else 0


@inlined
def _leave_port(tables, traffic, state, queue_peak, port, word, time):
    """The head of a FIFO begins to leave for good: give its slot back; return whether there is a next head."""
    n_between = 4 * tables.scalar[N_TILES]
    state.port[port, P_BRANCH] = 0
    count = state.port[port, P_COUNT]
    state.port[port, P_COUNT] = count - 1
    if port >= n_between:
        core = np.int64(port) - n_between
        queue_peak[np.uint32(core)] = max(queue_peak[np.uint32(core)], count)
        if count > 1:
            following = traffic.packet[np.uint32(word >> tables.scalar[ID_SHIFT]), NEXT]
            state.port[port, P_HEAD] = state.streams.entry[np.uint32(following), N_WORD]
        return count > 1
    slot = state.link[port, L_RELEASED]
    free = time + tables.scalar[CREDIT]
    state.slot_free[port, np.uint32(slot)] = free
    state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], free)
    state.link[port, L_RELEASED] = 0 if slot + 1 == tables.scalar[BUFFER_PACKETS] else slot + 1
    if state.link[port, L_WAITS] == UNKNOWN_RELEASE:
        _wake(tables, state, port, max(free, state.link[port, L_FREE]), time)
    if count > 1:
        first = state.port[port, P_FIRST]
        state.port[port, P_HEAD] = state.streams.fifo[port, np.uint32(first)]
        state.port[port, P_FIRST] = 0 if first + 1 == state.streams.fifo.shape[1] else first + 1
    return count > 1


@part
def _add_busy_times(state):
    """Work out how long each link was occupied in this step."""
    for link in range(state.link.shape[0]):
        state.link[link, L_BUSY] = state.link[link, L_PACKETS] * state.words.road[link, R_OCCUPANCY]
