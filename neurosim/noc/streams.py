# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Pending events as a few queues, each in order of time: for networks whose durations are constants.

What happens a constant duration after the present comes in order by itself, so that a queue per duration needs no
sorting, and the next event is the earliest of a few heads. What may come out of order moves forward from the end of
its queue, past the few that are later. Injections are known beforehand; they are sorted once.

Nearly all of this is free of branches: which queue is next cannot be predicted, and a wrong guess of the processor
costs as much as all the rest of an event.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined, maker, part

# Queues: packets behind a link east or west, north or south, between chips; those that leave, in order of their start,
# which are no events; what waits for the end of an occupation, for a credit, for anything later; injections.
CROSS_EW, CROSS_NS, CROSS_CHIP, LEFT, OCCUPIED, CREDITED, LATER, INJECTED = 0, 1, 2, 3, 4, 5, 6, 7
N_QUEUES = 8
QUEUE_BITS = 3
NEVER = np.int64(0x7FFFFFFFFFFFFFFF)
# Streams.event: time << QUEUE_BITS | queue; a port, or behind all ports a link; the word of a packet, and the link it
# wants there
G_KEY, G_NUMBER, G_WORD, G_LINK = 0, 1, 2, 3
N_EVENT_COLUMNS = 4
# Streams.place: the first event of each queue and the one behind its last; they count on. An event stands at
# BASE + (its number & MASK).
FIRST, BEHIND_LAST, BASE, MASK = 0, 1, 2, 3
# Streams.entry: the word of a packet at its source, and the port where it is injected
N_WORD, N_PORT = 0, 1
_DIGIT_BITS = 11


class Streams(NamedTuple):
    """Pending events of one run; empty between runs."""

    head: NDArray[np.int64]     # [queue] G_KEY of its first event; NEVER: it is empty
    place: NDArray[np.int64]    # [queue, 4] FIRST … MASK
    event: NDArray[np.int64]    # [event, 4] G_KEY … G_LINK, one queue after the other; behind the last NEVER
    key: NDArray[np.int64]      # [2, injection] time and packet id
    entry: NDArray[np.int64]    # [packet, 2] N_WORD, N_PORT
    digit: NDArray[np.int64]    # scratch of the sort
    fifo: NDArray[np.int64]     # [port, slot] words behind the head (ports fed by links)


@maker
def make_streams(n_links, n_packets, buffer_packets):
    """Return empty queues for `n_packets` injections and FIFOs of `buffer_packets`; of no use where those are -1."""
    depth = max(0, buffer_packets)
    # A packet under way holds a slot, a port or a link waits for one event.
    n_events, size = max(min(n_links * depth, n_packets), 2 * n_links * min(depth, 1)) + 1, 1
    while size < n_events:
        size *= 2
    place = np.zeros((N_QUEUES, 4), np.int64)
    total = 0
    for queue in range(N_QUEUES):
        is_list = queue == LEFT or queue == INJECTED
        place[queue, BASE], place[queue, MASK] = total, -1 if is_list else size - 1
        total += n_packets + 1 if is_list else size
    return Streams(np.full(N_QUEUES, NEVER), place, np.zeros((total, N_EVENT_COLUMNS), np.int64),
                   np.zeros((2, n_packets), np.int64), np.zeros((n_packets, 2), np.int64),
                   np.zeros(1 << _DIGIT_BITS, np.int64), np.zeros((n_links, depth), np.int64))


@part
def clear_streams(streams):
    """Empty all queues."""
    streams.head[:] = NEVER
    streams.place[:, FIRST] = 0
    streams.place[:, BEHIND_LAST] = 0
    for queue in range(N_QUEUES):
        streams.event[streams.place[queue, BASE], G_KEY] = NEVER


@inlined
def next_event(streams):
    """Return the least head: time << QUEUE_BITS | queue, or NEVER."""
    head = streams.head
    return min(min(min(head[0], head[1]), min(head[2], head[7])), min(min(head[4], head[5]), head[6]))


@inlined
def row_of(streams, queue, number):
    """Return where the `number`-th event of a queue stands."""
    return np.uint64(streams.place[queue, BASE] + (number & streams.place[queue, MASK]))


@inlined
def append(streams, queue, time, number, word, link):
    """Put an event at the end of a queue whose events come in order of time."""
    last = streams.place[queue, BEHIND_LAST]
    streams.place[queue, BEHIND_LAST] = last + 1
    key = time << QUEUE_BITS | queue
    _put(streams, row_of(streams, queue, last), key, number, word, link)
    streams.event[row_of(streams, queue, last + 1), G_KEY] = NEVER
    streams.head[queue] = min(streams.head[queue], key)


@inlined
def _put(streams, row, key, number, word, link):
    """Write an event."""
    row = np.uint64(row)
    streams.event[row, G_KEY] = key
    streams.event[row, G_NUMBER] = number
    streams.event[row, G_WORD] = word
    streams.event[row, G_LINK] = link


@part
def insert(streams, queue, time, number, word, link):
    """Put an event into a queue: behind those that are not later."""
    last = streams.place[queue, BEHIND_LAST]
    streams.place[queue, BEHIND_LAST] = last + 1
    streams.event[row_of(streams, queue, last + 1), G_KEY] = NEVER
    key = time << QUEUE_BITS | queue
    while last > streams.place[queue, FIRST]:
        before = row_of(streams, queue, last - 1)
        if streams.event[before, G_KEY] <= key:
            break
        _put(streams, row_of(streams, queue, last), streams.event[before, G_KEY], streams.event[before, G_NUMBER],
             streams.event[before, G_WORD], streams.event[before, G_LINK])
        last -= 1
    _put(streams, row_of(streams, queue, last), key, number, word, link)
    streams.head[queue] = min(streams.head[queue], key)


@inlined
def pop(streams, queue):
    """Remove the first event of a queue; return its row, which holds until the next one is put in."""
    first = streams.place[queue, FIRST]
    streams.place[queue, FIRST] = first + 1
    streams.head[queue] = streams.event[row_of(streams, queue, first + 1), G_KEY]
    return row_of(streams, queue, first)


@part
def sort_keys(streams, n_keys, lowest, longest):
    """Sort the first `n_keys` of key[0] by bits `lowest` to below `longest`; return the row of `key` they end in."""
    n_bits = longest - lowest
    n_passes = -(-n_bits // _DIGIT_BITS)
    row = 0
    for index in range(n_passes):
        # Digits as equal as can be: a few short passes instead of a long one behind the others.
        shift = index * n_bits // n_passes
        mask = (np.int64(1) << ((index + 1) * n_bits // n_passes - shift)) - 1
        _scatter(streams.key[row], streams.key[1 - row], streams.digit, n_keys, lowest + shift, mask)
        row = 1 - row
    return row


@part
def _scatter(keys, sorted_keys, digit, n_keys, shift, mask):
    """Order `keys` by one digit, those of one digit as they stand."""
    digit[:mask + 1] = 0
    for index in range(n_keys):
        digit[np.uint64(keys[index] >> shift & mask)] += 1
    total = np.int64(0)
    for value in range(mask + 1):
        count = digit[value]
        digit[value] = total
        total += count
    for index in range(n_keys):
        value = np.uint64(keys[index] >> shift & mask)
        place = digit[value]
        digit[value] = place + 1
        sorted_keys[np.uint64(place)] = keys[index]
