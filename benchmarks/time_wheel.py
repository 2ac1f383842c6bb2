"""The yardstick of `noc.py`: a loop written by hand for one mesh, one packet size and unlimited buffers, nothing else.

What a packet needs is in its event, `id << 32 | tile << 16 | target`; slots of the wheel are contiguous, one per cycle; a
table gives the next link. A link takes one packet per cycle, so that a slot never holds more events than there are links.
Requests of one tick for one link go by packet id: whoever comes first is served at once, and changes places with those
who come later in the same tick with a smaller id. That gives the very arrival times of the engine.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# A link in one row of 32 bytes: end of its last occupation; tick of its last requests, and how many were served in that
# tick; where the events of those went (ejection links: their packet ids). At most four ways in and two injections.
FREE, TICK, SERVED, PLACE = 0, 1, 2, 3
N_LINK_COLUMNS = 8
OVERFLOW = -1


@numba.njit
def carry(event: Any, tick_start: Any, next_link: Any, link_target: Any, hop: int, eject: int, wheel: Any, filled: Any,
          links: Any, arrival: Any) -> int:
    """Carry a trace through the mesh; write `arrival` [packet id], return the packets that arrived.

    Parameters
    ----------
    event : int64[packet] in order of injection
    tick_start : int64[tick + 1] the packets injected in each tick
    next_link : int16[tile, target], ejection links included
    link_target : int64[link] tile behind it; -1 for ejection links
    wheel, filled, links : int64[slot, room], int32[slot], int32[link, N_LINK_COLUMNS] scratch, zeros
    Returns OVERFLOW where an event lies beyond the horizon of the wheel.
    """
    n_ticks, n_slots = tick_start.size - 1, wheel.shape[0]
    flat = wheel.reshape(-1)
    room = wheel.shape[1]
    n_arrived = 0
    time = 0
    links[:, TICK] = -1
    while n_arrived < event.size:
        slot = time & (n_slots - 1)
        first = slot * room
        end = first + filled[slot]
        if time < n_ticks:
            for packet in range(tick_start[time], tick_start[time + 1]):
                flat[end] = event[packet]
                end += 1
        filled[slot] = 0
        for index in range(first, end):
            moved = flat[index]
            link = np.int64(next_link[(moved >> 16) & 0xFFFF, moved & 0xFFFF])
            start = max(np.int64(links[link, FREE]), time)
            links[link, FREE] = start + 1
            n_before = np.int64(links[link, SERVED]) if links[link, TICK] == time else 0
            links[link, TICK] = time
            links[link, SERVED] = n_before + 1
            behind = link_target[link]
            if behind < 0:
                number = moved >> 32
                arrival[number] = start + eject
                links[link, PLACE + n_before] = number
                n_arrived += 1
                while n_before > 0 and links[link, PLACE + n_before - 1] > links[link, PLACE + n_before]:
                    later, sooner = links[link, PLACE + n_before - 1], links[link, PLACE + n_before]
                    arrival[later], arrival[sooner] = arrival[sooner], arrival[later]
                    links[link, PLACE + n_before - 1], links[link, PLACE + n_before] = sooner, later
                    n_before -= 1
                continue
            if start + hop - time >= n_slots:
                return OVERFLOW
            ahead = (start + hop) & (n_slots - 1)
            place = ahead * room + filled[ahead]
            filled[ahead] += 1
            flat[place] = (moved & ~0xFFFF0000) | (behind << 16)
            links[link, PLACE + n_before] = place
            while n_before > 0 and flat[links[link, PLACE + n_before - 1]] > flat[links[link, PLACE + n_before]]:
                later, sooner = links[link, PLACE + n_before - 1], links[link, PLACE + n_before]
                flat[later], flat[sooner] = flat[sooner], flat[later]
                n_before -= 1
        time += 1
    return n_arrived
