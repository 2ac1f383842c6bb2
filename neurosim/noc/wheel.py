"""Time wheel: pending events by time, in whole ticks.

One slot per tick over a horizon of `slot_head.size` ticks (a power of two), events of a slot in a linked list, two
levels of bit maps to jump over empty slots, and a binary heap for events beyond the horizon. A slot is unordered:
who empties it orders its events by packet id, so that no result depends on the history of the queue.
Every event number has at most one pending entry. Numbers are unsigned, so that Numba leaves out the branch for negative
indices; so are they in `kernels`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined, maker, part

EMPTY = np.uint32(0xFFFFFFFF)


class Wheel(NamedTuple):
    """State of one wheel; empty between runs."""

    slot_head: NDArray[np.uint32]  # [slot] first event, EMPTY where there is none
    occupied: NDArray[np.uint64]   # [slot / 64] bit per slot
    summary: NDArray[np.uint64]    # [slot / 4096] bit per word of `occupied`
    next_event: NDArray[np.uint32]  # [event] next in the same slot, or EMPTY
    heap_time: NDArray[np.int64]   # [event] binary heap of far events
    heap_event: NDArray[np.int32]
    heap_size: NDArray[np.int64]   # [1]


@maker
def make_wheel(n_slots, n_events):
    """Return an empty wheel; `n_slots` is a power of two, at least 64."""
    n_words = n_slots >> 6
    return Wheel(np.full(n_slots, EMPTY, np.uint32), np.zeros(n_words, np.uint64),
                 np.zeros((n_words + 63) >> 6, np.uint64), np.full(n_events, EMPTY, np.uint32),
                 np.zeros(n_events, np.int64), np.zeros(n_events, np.int32), np.zeros(1, np.int64))


@inlined
def lowest_bit(word):
    """Return the index of the lowest set bit of a non-zero uint64."""
    # A power of two is exact in float64, and its exponent is the index.
    return (np.float64(word & (~word + np.uint64(1))).view(np.int64) >> 52) - 1023


@inlined
def push(wheel, now, time, event):
    """Add `event` at `time` >= `now`; from the slot of `now` on, times below now + horizon go to slots."""
    n_slots = wheel.slot_head.size
    if time - now >= n_slots:
        push_far(wheel, time, event)
        return
    slot = np.uint64(time & (n_slots - 1))
    head = wheel.slot_head[slot]
    wheel.next_event[np.uint32(event)] = head
    wheel.slot_head[slot] = event
    if head == EMPTY:
        word = slot >> np.uint64(6)
        wheel.occupied[word] |= np.uint64(1) << (slot & np.uint64(63))
        wheel.summary[word >> np.uint64(6)] |= np.uint64(1) << (word & np.uint64(63))


@part
def push_far(wheel, time, event):
    """Add an event beyond the horizon to the heap."""
    child = wheel.heap_size[0]
    wheel.heap_size[0] = child + 1
    while child > 0:
        parent = (child - 1) >> 1
        if wheel.heap_time[parent] <= time:
            break
        wheel.heap_time[child] = wheel.heap_time[parent]
        wheel.heap_event[child] = wheel.heap_event[parent]
        child = parent
    wheel.heap_time[child] = time
    wheel.heap_event[child] = event


@part
def pop_far(wheel):
    """Remove and return the event at the top of the heap."""
    top = wheel.heap_event[0]
    size = wheel.heap_size[0] - 1
    wheel.heap_size[0] = size
    time, event = wheel.heap_time[size], wheel.heap_event[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and wheel.heap_time[child + 1] < wheel.heap_time[child]:
            child += 1
        if wheel.heap_time[child] >= time:
            break
        wheel.heap_time[parent] = wheel.heap_time[child]
        wheel.heap_event[parent] = wheel.heap_event[child]
        parent = child
    wheel.heap_time[parent] = time
    wheel.heap_event[parent] = event
    return top


@part
def next_slot_time(wheel, now):
    """Return the time of the first occupied slot from `now` on, or −1 where all are empty."""
    n_slots = wheel.slot_head.size
    slot = now & (n_slots - 1)
    word = slot >> 6
    offset = slot & 63
    bits = wheel.occupied[word] >> np.uint64(offset)
    if bits != 0:
        return now + lowest_bit(bits)
    # Later words of the same summary word, then the summary words after it, once around.
    n_words = wheel.occupied.size
    base = now - offset  # time of bit 0 of `word`
    group = word >> 6
    n_groups = wheel.summary.size
    inside = word & 63
    mask = wheel.summary[group]
    bits = np.uint64(0) if inside == 63 else (mask >> np.uint64(inside + 1)) << np.uint64(inside + 1)
    for _ in range(n_groups + 1):
        if bits != 0:
            found = (group << 6) + lowest_bit(bits)
            ahead = found - word
            if ahead <= 0:  # wrapped around (0: the lower part of the word we started in)
                ahead += n_words
            return base + (ahead << 6) + lowest_bit(wheel.occupied[found])
        group += 1
        if group == n_groups:
            group = 0
        bits = wheel.summary[group]
    return -1


@inlined
def advance(wheel, now):
    """Return the next time >= `now` with an event, −1 where none is pending; far events that come near move in."""
    if wheel.heap_size[0] == 0:
        slot = np.uint64(now & (wheel.slot_head.size - 1))
        bits = wheel.occupied[slot >> np.uint64(6)] >> (slot & np.uint64(63))
        if bits != 0:
            return now + lowest_bit(bits)
    return _advance_far(wheel, now)


@part
def _advance_far(wheel, now):
    """Return what `advance` does; here too where the next event is not in the same word of the bit map."""
    time = next_slot_time(wheel, now)
    if wheel.heap_size[0] > 0:
        if time < 0 or wheel.heap_time[0] < time:
            time = wheel.heap_time[0]
        n_slots = wheel.slot_head.size
        while wheel.heap_size[0] > 0 and wheel.heap_time[0] - time < n_slots:
            far_time = wheel.heap_time[0]
            event = pop_far(wheel)
            push(wheel, time, far_time, event)
    return time


@inlined
def take_slot(wheel, time):
    """Empty the slot of `time`; return its first event, or EMPTY.

    Follow `next_event` before any of them is pushed again.
    """
    n_slots = wheel.slot_head.size
    slot = np.uint64(time & (n_slots - 1))
    head = wheel.slot_head[slot]
    wheel.slot_head[slot] = EMPTY
    word = slot >> np.uint64(6)
    left = wheel.occupied[word] & ~(np.uint64(1) << (slot & np.uint64(63)))
    wheel.occupied[word] = left
    if left == 0:
        wheel.summary[word >> np.uint64(6)] &= ~(np.uint64(1) << (word & np.uint64(63)))
    return head
