# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""Pending events as a few queues, each in order of time: for networks whose durations are constants.

What happens a constant duration after the present comes in order by itself, so that a queue per duration needs no
sorting, and the next event is the earliest of a few heads. An event out of order moves forward from the end of its
queue, past the few that are later. Injections are known beforehand; they are sorted once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined, maker, part

# Queues: packets that cross a link east or west, north or south, between chips; what waits for the end of an
# occupation, for a credit, for anything later; injections.
CROSS_EW, CROSS_NS, CROSS_CHIP, OCCUPIED, CREDITED, LATER, INJECTED = 0, 1, 2, 3, 4, 5, 6
N_RINGS, N_HEADS = 6, 8
STREAM_BITS = 3
NEVER = np.int64(0x7FFFFFFFFFFFFFFF)
# Streams.ring: time; a port (or behind all ports: a link) ; the word of a packet
G_TIME, G_NUMBER, G_WORD = 0, 1, 2
# Streams.place: the first event of each ring and the one behind its last; they count on, the ring goes round
FIRST, BEHIND_LAST = 0, 1
# Streams.entry: the word of a packet at its source, and the port where it is injected
N_WORD, N_PORT = 0, 1
_DIGIT_BITS = 11


class Streams(NamedTuple):
    """Pending events of one run; empty between runs."""

    head: NDArray[np.int64]     # [queue] time of its first event and its number in STREAM_BITS; NEVER: it is empty
    place: NDArray[np.int64]    # [ring, 2] FIRST, BEHIND_LAST
    ring: NDArray[np.int64]     # [ring * size + place, 4] G_TIME … G_WORD; the size is a power of two
    key: NDArray[np.int64]      # [2, injection + 1] time and packet id
    entry: NDArray[np.int64]    # [packet, 2] N_WORD, N_PORT
    digit: NDArray[np.int64]    # scratch of the sort
    fifo: NDArray[np.int64]     # [port, slot] words behind the head (ports fed by links)


@maker
def make_streams(n_links, n_packets, buffer_packets):
    """Return empty queues for `n_packets` injections and FIFOs of `buffer_packets`; of no use where those are -1."""
    depth = max(0, buffer_packets)
    # A packet under way holds a slot, a port or a link waits for one event.
    n_events, size = max(min(n_links * depth, n_packets), 2 * n_links * min(depth, 1)), 1
    while size < n_events:
        size *= 2
    return Streams(np.full(N_HEADS, NEVER), np.zeros((N_RINGS, 2), np.int64), np.zeros((N_RINGS * size, 4), np.int64),
                   np.zeros((2, n_packets + 1), np.int64), np.zeros((n_packets, 2), np.int64),
                   np.zeros(1 << _DIGIT_BITS, np.int64),
                   np.zeros((n_links, depth), np.int64))


@inlined
def next_event(streams):
    """Return the least head: time << STREAM_BITS | queue, or NEVER."""
    head = streams.head
    return min(min(min(head[0], head[1]), min(head[2], head[3])), min(min(head[4], head[5]), head[6]))


@inlined
def append(streams, stream, time, number, word):
    """Put an event at the end of a queue, or before those at its end that are later."""
    size = np.uint64(streams.ring.shape[0] // N_RINGS)
    mask, base = size - np.uint64(1), np.uint64(stream) * size
    first, last = streams.place[stream, FIRST], streams.place[stream, BEHIND_LAST]
    streams.place[stream, BEHIND_LAST] = last + 1
    while last > first:
        before = base + (np.uint64(last - 1) & mask)
        if streams.ring[before, G_TIME] <= time:
            break
        here = base + (np.uint64(last) & mask)
        streams.ring[here, G_TIME] = streams.ring[before, G_TIME]
        streams.ring[here, G_NUMBER] = streams.ring[before, G_NUMBER]
        streams.ring[here, G_WORD] = streams.ring[before, G_WORD]
        last -= 1
    here = base + (np.uint64(last) & mask)
    streams.ring[here, G_TIME] = time
    streams.ring[here, G_NUMBER] = number
    streams.ring[here, G_WORD] = word
    if last == first:
        streams.head[stream] = time << STREAM_BITS | stream


@inlined
def pop(streams, stream):
    """Remove the first event of a ring; return its row, which holds until the next one is put in."""
    size = np.uint64(streams.ring.shape[0] // N_RINGS)
    mask, base = size - np.uint64(1), np.uint64(stream) * size
    first = streams.place[stream, FIRST]
    streams.place[stream, FIRST] = first + 1
    following = base + (np.uint64(first + 1) & mask)
    empty = first + 1 == streams.place[stream, BEHIND_LAST]
    streams.head[stream] = NEVER if empty else streams.ring[following, G_TIME] << STREAM_BITS | stream
    return base + (np.uint64(first) & mask)


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
