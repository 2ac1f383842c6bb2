# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets of one length through unbounded output queues: a packet is one word, which goes from slot to slot.

A word holds, from the highest bit down, the packet's id, its destination core, the tile it is at, and the place to go:
the offset (rows, columns) of its destination from where it is. The place alone says which way to turn (`turn`), and a
link adds one number to the word (`link_word`), so that a hop needs neither coordinates nor tables of routes. A branch
of a multicast packet holds its id, a mark, and its tree node (where it has been ejected: its branch).

All packets hold a link for the same time, so each is served at once; one that comes later in the same tick with a
smaller id changes places with those before it. Slots of the time wheel are contiguous. Words that find no place in
their slot, or are due beyond the horizon, go through the linked lists and the heap of `wheel`, where the cores' next
injections are too: no order depends on which way a word takes.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, kernel, part
from neurosim.machine import BETWEEN_CHIPS
from neurosim.noc.flight_kernels import branch_sink, note_arrival
from neurosim.noc.state_kernels import (
    BRANCH_CHILD,
    BRANCH_LINK,
    BUSIEST,
    BUSIEST_LINK,
    C_FIRST,
    CORE_SHIFT,
    CYCLE,
    E_FOLLOWING,
    E_NEXT_TIME,
    E_NEXT_WORD,
    E_WORD,
    FLITS,
    FREE_FLIGHT,
    FROM_CORE,
    HERE,
    HOP,
    ID_SHIFT,
    INJECT,
    LOAD_BUSY,
    LOAD_PACKETS,
    N_FREE,
    N_TILES,
    N_USED,
    NEXT,
    PLACE_BITS,
    QUIET_TIME,
    R_DELAY,
    R_FREE,
    R_KIND,
    R_LAST,
    R_OCCUPANCY,
    R_PACKETS,
    R_STEP,
    SINK,
    TARGET,
    TO_CORE,
    TREE,
    V_BEFORE,
    V_PLACE,
)
from neurosim.noc.wheel import EMPTY, advance, push, take_slot

_ONE = np.int64(1)


@kernel
def run_words(tables, traffic, n_packets, state, sinks, loads):
    """Carry packets of one length; as `unlimited_kernels.run_unlimited`."""
    wheel, words, scalar = state.wheel, state.words, tables.scalar
    n_slots = wheel.slot_head.size
    room = np.uint64((words.word.size - 3 * words.time.size) // n_slots)
    today = np.uint64(words.word.size - 3 * words.time.size)
    ejected = today + np.uint64(2 * words.time.size)
    flits = traffic.packet[0, FLITS] if n_packets > 0 else np.int64(0)
    _clear(tables, traffic, flits, state)
    place_mask, tile_shift = (_ONE << scalar[PLACE_BITS]) - 1, scalar[PLACE_BITS]
    tile_mask = (_ONE << (scalar[CORE_SHIFT] - scalar[PLACE_BITS])) - 1
    core_shift, core_mask = scalar[CORE_SHIFT], (_ONE << (scalar[ID_SHIFT] - scalar[CORE_SHIFT] - 1)) - 1
    marked = _ONE << (scalar[ID_SHIFT] - 1)
    n_between = 4 * scalar[N_TILES]
    n_arrived, request, time = np.int64(0), np.int64(1), np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            _add_loads(state, loads)
            return n_arrived
        slot = np.uint64(time & (n_slots - 1))
        n_entered = _enter(tables, traffic, state, time, today)
        first_request, n_ejected = request, np.int64(0)
        for region in range(2):
            index = slot * room if region == 0 else today
            stop = index + np.uint64(words.filled[slot] if region == 0 else n_entered)
            while index < stop:
                word = words.word[index]
                index += np.uint64(1)
                if word & marked != 0:
                    request, n_ejected = _branch_out(tables, state, word, time, room, ejected, first_request,
                                                     request, n_ejected)
                    continue
                direction = np.int64(tables.turn[np.uint64(word & place_mask)])
                is_here = direction == HERE
                link = n_between + (word >> core_shift & core_mask) if is_here \
                    else 4 * (word >> tile_shift & tile_mask) + direction
                n_ejected = _serve(state, np.uint64(link), word, is_here, time, room, ejected,
                                   first_request, request, n_ejected)
                request += 1
        words.filled[slot] = 0
        for index in range(n_ejected):
            _arrive(tables, traffic, state, sinks, words.word[ejected + np.uint64(index)],
                    words.time[np.uint64(index)])
        n_arrived += n_ejected


@part
def _clear(tables, traffic, flits, state):
    """Begin a step: all links idle, the first packet of each core in the wheel."""
    clear_roads(tables, flits, state)
    state.stack[N_FREE], state.stack[N_USED], state.stack[QUIET_TIME] = 0, 0, 0
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        state.core[core, C_FIRST] = -1
        if first >= 0:
            _fetch(tables, traffic, state, core, first)
            state.words.entry[core, E_WORD] = state.words.entry[core, E_NEXT_WORD]
            _fetch(tables, traffic, state, core, traffic.packet[first, NEXT])
            push(state.wheel, np.int64(0), traffic.packet[first, INJECT], np.uint32(core))


@part
def clear_roads(tables, flits, state):
    """Make all links idle for packets of so many `flits`."""
    road = state.words.road
    for link in range(road.shape[0]):
        kind = tables.link_kind[link]
        road[link, R_FREE], road[link, R_LAST], road[link, R_PACKETS] = 0, 0, 0
        road[link, R_STEP] = tables.link_word[link]
        road[link, R_OCCUPANCY] = flits * tables.scalar[CYCLE + kind]
        road[link, R_DELAY], road[link, R_KIND] = tables.scalar[HOP + kind], kind
        if kind >= BETWEEN_CHIPS:       # or into a core: the last flit must have come
            road[link, R_DELAY] += (flits - 1) * tables.scalar[CYCLE + kind]


@inlined
def _fetch(tables, traffic, state, core, packet):
    """Read the packet that a core injects next but one: it is far away in memory, and is not waited for."""
    entry = state.words.entry
    if packet < 0:
        entry[core, E_NEXT_TIME] = -1
        return
    entry[core, E_NEXT_TIME] = traffic.packet[packet, INJECT]
    entry[core, E_NEXT_WORD] = word_of(tables, traffic, packet, core)
    entry[core, E_FOLLOWING] = traffic.packet[packet, NEXT]


@inlined
def _enter(tables, traffic, state, time, today):
    """Put the words that the linked lists hold for this tick behind each other, from `today` on; return how many.

    Those are packets that cores inject now, and words that found no place in a slot.
    """
    wheel, words = state.wheel, state.words
    n_cores = traffic.first_of_core.size
    spilled = today + np.uint64(words.time.size)
    n_entered = np.int64(0)
    event = take_slot(wheel, time)
    while event != EMPTY:
        following = wheel.next_event[event]
        if event < n_cores:
            words.word[today + np.uint64(n_entered)] = words.entry[event, E_WORD]
            n_entered += 1
            while words.entry[event, E_NEXT_TIME] == time:
                words.word[today + np.uint64(n_entered)] = words.entry[event, E_NEXT_WORD]
                n_entered += 1
                _fetch(tables, traffic, state, event, words.entry[event, E_FOLLOWING])
            next_time = words.entry[event, E_NEXT_TIME]
            if next_time >= 0:
                words.entry[event, E_WORD] = words.entry[event, E_NEXT_WORD]
                _fetch(tables, traffic, state, event, words.entry[event, E_FOLLOWING])
                push(wheel, time, next_time, event)
        else:
            held = np.uint64(event - n_cores)
            words.word[today + np.uint64(n_entered)] = words.word[spilled + held]
            n_entered += 1
            state.lists[np.uint64(state.stack[N_FREE]), FREE_FLIGHT] = held
            state.stack[N_FREE] += 1
        event = following
    return n_entered


@inlined
def word_of(tables, traffic, packet, core):
    """Return the word of a packet at the router of its source core."""
    target, shift = traffic.packet[packet, TARGET], tables.scalar[ID_SHIFT]
    if target < 0:
        return packet << shift | _ONE << (shift - 1) | traffic.packet[packet, TREE]
    return (packet << shift) + tables.core_word[target, TO_CORE] + tables.core_word[core, FROM_CORE]


@part
def _branch_out(tables, state, word, time, room, ejected, first_request, request, n_ejected):
    """Serve all branches of a multicast packet at its node; return the next request and the words ejected so far."""
    low = (_ONE << (tables.scalar[ID_SHIFT] - 1)) - 1
    node, rest = word & low, word & ~low
    for branch in range(tables.branch_start[node], tables.branch_start[node + 1]):
        child = tables.branch[branch, BRANCH_CHILD]
        link = np.uint64(tables.branch[branch, BRANCH_LINK])
        # The link adds its number, which is none of a node's.
        after = rest | branch if child < 0 else rest + child - state.words.road[link, R_STEP]
        n_ejected = _serve(state, link, after, child < 0, time, room, ejected, first_request, request,
                           n_ejected)
        request += 1
    return request, n_ejected


@inlined
def _serve(state, link, word, is_ejected, time, room, ejected, first_request, request, n_ejected):
    """Let a packet start across a link; return how many have been ejected in this tick."""
    words = state.words
    start, before = words.road[link, R_FREE], np.int64(-1)
    if start <= time:
        start = time
    elif words.road[link, R_LAST] >= first_request:
        before = words.road[link, R_LAST] - first_request
    words.road[link, R_FREE] = start + words.road[link, R_OCCUPANCY]
    words.road[link, R_LAST] = request
    words.road[link, R_PACKETS] += 1
    reached = start + words.road[link, R_DELAY]
    if is_ejected:
        place = ejected + np.uint64(n_ejected)
        words.word[place] = word
        words.time[np.uint64(n_ejected)] = reached
        n_ejected += 1
    else:
        place = _put(state, time, reached, room, word + words.road[link, R_STEP])
    number = np.uint64(request - first_request)
    words.served[number, V_PLACE] = place
    words.served[number, V_BEFORE] = before
    while before >= 0:
        # The two are on the same link and of the same length: they change places in the wheel.
        other = np.uint64(words.served[np.uint64(before), V_PLACE])
        if words.word[other] < words.word[place]:
            break
        words.word[other], words.word[place] = words.word[place], words.word[other]
        place, before = other, words.served[np.uint64(before), V_BEFORE]
    return n_ejected


@inlined
def _put(state, now, time, room, word):
    """Put a word into the slot of `time`, or where there is room; return its place."""
    wheel, words = state.wheel, state.words
    n_slots = wheel.slot_head.size
    if time - now < n_slots:
        slot = np.uint64(time & (n_slots - 1))
        n_words = np.uint64(words.filled[slot])
        if n_words < room:
            place = slot * room + n_words
            words.filled[slot] = np.int64(n_words + np.uint64(1))
            words.word[place] = word
            if n_words == 0:
                part = slot >> np.uint64(6)
                wheel.occupied[part] |= np.uint64(1) << (slot & np.uint64(63))
                wheel.summary[part >> np.uint64(6)] |= np.uint64(1) << (part & np.uint64(63))
            return place
    return _spill(state, now, time, word)


@part
def _spill(state, now, time, word):
    """Put a word into the linked lists; return its place."""
    words = state.words
    if state.stack[N_FREE] > 0:
        state.stack[N_FREE] -= 1
        held = np.int64(state.lists[state.stack[N_FREE], FREE_FLIGHT])
    else:
        held = state.stack[N_USED]
        state.stack[N_USED] += 1
    push(state.wheel, now, time, np.uint32(state.core.shape[0] + held))
    place = np.uint64(words.word.size - 2 * words.time.size + held)
    words.word[place] = word
    return place


@inlined
def _arrive(tables, traffic, state, sinks, word, time):
    """Note that a packet, or a branch of one, has arrived at `time`."""
    scalar = tables.scalar
    packet = word >> scalar[ID_SHIFT]
    if word >> (scalar[ID_SHIFT] - 1) & 1 == 0:
        core = word >> scalar[CORE_SHIFT] & ((_ONE << (scalar[ID_SHIFT] - scalar[CORE_SHIFT] - 1)) - 1)
        note_arrival(tables, state, sinks, 4 * scalar[N_TILES] + core, traffic.packet[np.uint64(packet), SINK], time)
        return
    branch = word & ((_ONE << (scalar[ID_SHIFT] - 1)) - 1)
    note_arrival(tables, state, sinks, tables.branch[branch, BRANCH_LINK], branch_sink(tables, traffic, packet, branch),
                 time)


@part
def _add_loads(state, loads):
    """Add this step's packets and busy ticks of every link; the network is quiet when the last link is idle."""
    road, stack = state.words.road, state.stack
    stack[BUSIEST], stack[BUSIEST_LINK] = 0, -1
    for link in range(loads.shape[0]):
        busy = road[link, R_PACKETS] * road[link, R_OCCUPANCY]
        loads[link, LOAD_PACKETS] += road[link, R_PACKETS]
        loads[link, LOAD_BUSY] += busy
        if busy > stack[BUSIEST]:
            stack[BUSIEST], stack[BUSIEST_LINK] = busy, link
        stack[QUIET_TIME] = max(stack[QUIET_TIME], road[link, R_FREE])
