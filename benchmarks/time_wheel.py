"""The yardstick of `w4_noc.py`: a loop written by hand for one 16 x 16 mesh, one packet size and unlimited buffers.

All that a packet needs is in its event, `id << 32 | tile << 8 | target`, and one table look-up gives its next link.
The slots of the wheel are contiguous, one per tick; a link takes one packet per tick, so that no slot holds more events
than there are links. Requests of one tick for one link go by packet id: whoever comes first is served at once, and
changes places with those who come later in the same tick with a smaller id. The arrival times are the engine's.

Indices are unsigned, so that Numba leaves out the branch for negative ones; with signed ones and without the short cut
for idle links the same loop is half as fast. Unsigned and signed integers together would become floats: hence the
constants.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

N_TILES = 256
# A link in one row of 32 bytes: end of its last occupation; tick of its last requests, and how many were served in that
# tick; where those are now: in the wheel, or (ejection links) their packet ids. A mesh has at most five of them.
FREE, TICK, SERVED, PLACE = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
N_LINK_COLUMNS = 8
OVERFLOW = -1

_ONE, _TARGET, _HIGH = np.uint64(1), np.uint64(0xFFFF), np.uint64(32)
_LINK_SHIFT, _TILE_SHIFT, _OTHERS = np.uint64(3), np.uint64(8), np.uint64(0xFFFFFFFF000000FF)
_FIRST_EJECTION = np.uint64(4 * N_TILES)


@numba.njit  # type: ignore[untyped-decorator]
def carry(event: Any, tick_start: Any, next_link: Any, link_target: Any, hop: Any, eject: Any, wheel: Any, room: Any,
          filled: Any, links: Any, arrival: Any) -> Any:
    """Carry a trace through the mesh; write `arrival` [packet id] and return the packets that arrived, or OVERFLOW.

    Parameters
    ----------
    event : uint64[packet] in order of injection
    tick_start : uint64[tick + 1] the first packet injected in each tick
    next_link : uint16[tile << 8 | target] ejection links included
    link_target : uint64[link] tile behind it
    hop, eject, room : uint64; ticks, ticks, events that a slot has room for
    wheel, filled, links : uint64[slots * room], uint32[slot], uint32[link, N_LINK_COLUMNS] scratch, zeros; the number
        of slots is a power of two, and OVERFLOW says that a packet waits for longer than that
    """
    n_ticks, n_slots = np.uint64(tick_start.size - 1), np.uint64(filled.size)
    n_packets, n_arrived = np.uint64(event.size), np.uint64(0)
    link_row = links.reshape(-1)
    time = np.uint64(0)
    while n_arrived < n_packets:
        slot = time & (n_slots - _ONE)
        index = slot * room
        end = index + filled[slot]
        filled[slot] = 0
        if time < n_ticks:
            for packet in range(tick_start[time], tick_start[time + _ONE]):
                wheel[end] = event[packet]
                end += _ONE
        while index < end:
            moved = wheel[index]
            index += _ONE
            link = np.uint64(next_link[moved & _TARGET])
            row = link << _LINK_SHIFT
            start, n_before = time, np.uint64(0)
            if link_row[row + FREE] > time:
                start = np.uint64(link_row[row + FREE])
                if link_row[row + TICK] == time:
                    n_before = np.uint64(link_row[row + SERVED])
            link_row[row + FREE] = start + _ONE
            link_row[row + TICK] = time
            link_row[row + SERVED] = n_before + _ONE
            first = row + PLACE
            last = first + n_before
            if link < _FIRST_EJECTION:
                if start + hop - time >= n_slots:
                    return OVERFLOW
                ahead = (start + hop) & (n_slots - _ONE)
                place = ahead * room + filled[ahead]
                filled[ahead] += _ONE
                wheel[place] = (moved & _OTHERS) | (link_target[link] << _TILE_SHIFT)
                link_row[last] = place
                while last > first and wheel[link_row[last - _ONE]] > wheel[link_row[last]]:
                    later, sooner = link_row[last - _ONE], link_row[last]
                    wheel[later], wheel[sooner] = wheel[sooner], wheel[later]
                    last -= _ONE
            else:
                n_arrived += _ONE
                number = moved >> _HIGH
                arrival[number] = start + eject
                link_row[last] = number
                while last > first and link_row[last - _ONE] > link_row[last]:
                    later, sooner = link_row[last - _ONE], link_row[last]
                    arrival[later], arrival[sooner] = arrival[sooner], arrival[later]
                    link_row[last - _ONE], link_row[last] = sooner, later
                    last -= _ONE
        time += _ONE
    return np.int64(n_arrived)
