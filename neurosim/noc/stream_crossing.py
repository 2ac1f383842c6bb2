# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""A packet, as a word, starts across a link with finite FIFOs: what it takes, what it gives back, what comes of it.

Part of `stream_kernels`. What cannot be predicted is computed both ways or booked where nobody looks, as a wrong guess
of the processor costs as much as all the rest.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, part
from neurosim.machine import BETWEEN_CHIPS, EJECTION
from neurosim.noc.flight_kernels import branch_sink, reserve_core
from neurosim.noc.state_kernels import (
    BRANCH_CHILD,
    BRANCH_LINK,
    BUFFER_PACKETS,
    CORE_IN_PACKETS,
    CORE_SHIFT,
    CREDIT,
    HERE,
    ID_SHIFT,
    L_FREE,
    L_PACKETS,
    L_RELEASED,
    L_RESERVED,
    L_WAITS,
    N_TILES,
    NEXT,
    P_BRANCH,
    P_BUSY,
    P_COUNT,
    P_FIRST,
    P_PEAK,
    PLACE_BITS,
    QUIET_TIME,
    R_DELAY,
    R_KIND,
    R_OCCUPANCY,
    R_STEP,
    SINK,
    SINK_SERVICE,
    UNKNOWN,
    UNKNOWN_RELEASE,
    WAKE_PENDING,
)
from neurosim.noc.streams import CREDITED, LATER, N_WORD, OCCUPIED, append, insert

_ONE = np.int64(1)


@inlined
def link_of(tables, word):
    """Return the link that a packet wants first where it is."""
    scalar = tables.scalar
    if word & (_ONE << (scalar[ID_SHIFT] - 1)) != 0:
        node = word & ((_ONE << (scalar[ID_SHIFT] - 1)) - 1)
        return tables.branch[tables.branch_start[node], BRANCH_LINK]
    direction = np.int64(tables.turn[np.uint32(word & ((_ONE << scalar[PLACE_BITS]) - 1))])
    core_mask = (_ONE << (scalar[ID_SHIFT] - scalar[CORE_SHIFT] - 1)) - 1
    tile_mask = (_ONE << (scalar[CORE_SHIFT] - scalar[PLACE_BITS])) - 1
    ejection = 4 * scalar[N_TILES] + (word >> scalar[CORE_SHIFT] & core_mask)
    between = 4 * (word >> scalar[PLACE_BITS] & tile_mask) + direction
    return ejection if direction == HERE else between


@inlined
def sink_of(tables, traffic, word, is_plain):
    """Return where a packet that leaves notes its arrival."""
    shift = tables.scalar[ID_SHIFT]
    packet = np.uint32(word >> shift)
    if word & (_ONE << (shift - 1)) != 0:
        return branch_sink(tables, traffic, packet, word & ((_ONE << (shift - 1)) - 1))
    return np.int64(packet) if is_plain else traffic.packet[packet, SINK]


@part
def wake_link(tables, state, link, wake, time):
    """Have `link` evaluated again at `wake`."""
    state.link[link, L_WAITS] = WAKE_PENDING
    ahead, queue = wake - time, LATER
    if ahead <= state.words.road[link, R_OCCUPANCY] and state.words.road[link, R_KIND] != BETWEEN_CHIPS:
        queue = OCCUPIED
    elif ahead <= tables.scalar[CREDIT]:
        queue = CREDITED
    insert(state.streams, queue, wake, state.port.shape[0] + np.int64(link), np.int64(0), np.int64(0))


@inlined
def cross(tables, traffic, state, sinks, link, port, word, time):
    """Let the head of `port` (its due branch) start across `link`."""
    scalar, road, links = tables.scalar, state.words.road, state.link
    busy_until, reached, kind = time + road[link, R_OCCUPANCY], time + road[link, R_DELAY], road[link, R_KIND]
    links[link, L_FREE] = busy_until
    links[link, L_PACKETS] += 1
    state.port[port, P_BUSY] = busy_until
    after, is_last = word + road[link, R_STEP], True
    if word & (_ONE << (scalar[ID_SHIFT] - 1)) != 0:
        after, is_last = _branch_of(tables, state, port, word)
    if kind == EJECTION and scalar[CORE_IN_PACKETS] >= 0:
        sink = sink_of(tables, traffic, after, False)
        reserve_core(tables, state, link, reached, sinks[sink, SINK_SERVICE])
    else:
        slot = links[link, L_RESERVED]
        state.slot_free[link, np.uint32(slot)] = UNKNOWN if kind != EJECTION else np.int64(0)
        links[link, L_RESERVED] = 0 if slot + 1 == scalar[BUFFER_PACKETS] else slot + 1
    next_link = link_of(tables, after) if kind != EJECTION else np.int64(0)
    append(state.streams, kind, reached, np.int64(link), after, next_link)
    if not is_last:
        state.port[port, P_BRANCH] += 1
        branch = tables.branch_start[word & ((_ONE << (scalar[ID_SHIFT] - 1)) - 1)] + state.port[port, P_BRANCH]
        _reopen(state, kind, busy_until, port, word, tables.branch[branch, BRANCH_LINK])
        return
    count = state.port[port, P_COUNT]
    state.port[port, P_COUNT] = count - 1
    state.port[port, P_BRANCH] = 0
    state.port[port, P_PEAK] = max(state.port[port, P_PEAK], count)
    _release(tables, state, port, time)
    if count > 1:
        following = _next_head(tables, traffic, state, port, word)
        _reopen(state, kind, busy_until, port, following, link_of(tables, following))


@part
def _branch_of(tables, state, port, word):
    """Return the word of a multicast packet behind its due branch, and whether that is its last one there."""
    low = (_ONE << (tables.scalar[ID_SHIFT] - 1)) - 1
    node = word & low
    branch = tables.branch_start[node] + state.port[port, P_BRANCH]
    child = tables.branch[branch, BRANCH_CHILD]
    # Where it leaves, its branch says where it arrives.
    return word - node + (branch if child < 0 else child), branch + 1 == tables.branch_start[node + 1]


@part
def _reopen(state, kind, time, port, word, link):
    """Have the next head of a port, or the next branch of its head, request its link at `time`."""
    insert(state.streams, LATER if kind == BETWEEN_CHIPS else OCCUPIED, time, np.int64(port), word, np.int64(link))


@inlined
def _release(tables, state, port, time):
    """Give back the slot that the head of a FIFO has held; ports of cores hold none."""
    is_fifo = port < 4 * tables.scalar[N_TILES]
    # Ports of cores give slots back to a link that no packet takes: cheaper than to ask.
    link = np.uint32(port if is_fifo else state.link.shape[0] - 1)
    slot = state.link[link, L_RELEASED]
    free = time + tables.scalar[CREDIT]
    state.slot_free[link, np.uint32(slot)] = free
    state.stack[QUIET_TIME] = max(state.stack[QUIET_TIME], free if is_fifo else np.int64(0))
    state.link[link, L_RELEASED] = 0 if slot + 1 == tables.scalar[BUFFER_PACKETS] else slot + 1
    if state.link[link, L_WAITS] == UNKNOWN_RELEASE:
        wake_link(tables, state, link, max(free, state.link[link, L_FREE]), time)


@part
def _next_head(tables, traffic, state, port, word):
    """Take the packet behind the head, `word`, out of its FIFO; return it."""
    if port >= 4 * tables.scalar[N_TILES]:
        following = traffic.packet[np.uint32(word >> tables.scalar[ID_SHIFT]), NEXT]
        return state.streams.entry[np.uint32(following), N_WORD]
    first = state.port[port, P_FIRST]
    state.port[port, P_FIRST] = 0 if first + 1 == state.streams.fifo.shape[1] else first + 1
    return state.streams.fifo[port, np.uint32(first)]
