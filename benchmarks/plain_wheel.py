"""The same loop as `time_wheel.py`, written the plain way: what one would write first, without tuning.

Packets in arrays, slots as linked lists, the way told from coordinates, signed indices. Arrival times are the same.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit  # type: ignore[untyped-decorator]
def carry(inject: Any, source: Any, target: Any, side: int, hop: int, eject: int, n_slots: int) -> Any:
    """Return the arrival of each packet of a trace in order of injection; −1 everywhere if one waits too long.

    Parameters
    ----------
    inject, source, target : int64[packet], int32[packet], int32[packet]
    side : columns and rows of the mesh
    hop, eject, n_slots : ticks, ticks, slots of the wheel (a power of two)
    """
    n_packets = inject.size
    slot_head = np.full(n_slots, -1, np.int32)
    next_in_slot = np.full(n_packets, -1, np.int32)
    tile = source.copy()
    packet = np.arange(n_packets, dtype=np.int32)      # which packet travels under a number: ties change places
    free = np.zeros(5 * side * side, np.int64)
    tick = np.full(5 * side * side, -1, np.int64)
    last = np.full(5 * side * side, -1, np.int32)      # the number served last on a link in this tick
    before = np.full(n_packets, -1, np.int32)          # the one served before it
    place = np.zeros(n_packets, np.int64)              # tick at which a number leaves its ejection link
    n_entered = n_left = time = 0
    while n_left < n_packets:
        slot = time & (n_slots - 1)
        number = slot_head[slot]
        slot_head[slot] = -1
        while n_entered < n_packets and inject[n_entered] == time:
            next_in_slot[n_entered] = number
            number = n_entered
            n_entered += 1
        while number >= 0:
            following = next_in_slot[number]
            here, there = tile[number], target[packet[number]]
            column, wanted = here % side, there % side
            direction, beyond = 4, here
            if column < wanted:
                direction, beyond = 0, here + 1
            elif column > wanted:
                direction, beyond = 1, here - 1
            elif here > there:
                direction, beyond = 2, here - side
            elif here < there:
                direction, beyond = 3, here + side
            link = 5 * here + direction
            start = max(free[link], time)
            free[link] = start + 1
            before[number] = last[link] if tick[link] == time else -1
            tick[link] = time
            last[link] = number
            if direction == 4:
                place[number] = start + eject
                n_left += 1
            else:
                if start + hop - time >= n_slots:
                    return np.full(n_packets, -1, np.int64)
                tile[number] = beyond
                slot = (start + hop) & (n_slots - 1)
                next_in_slot[number] = slot_head[slot]
                slot_head[slot] = number
            at = number
            while before[at] >= 0 and packet[before[at]] > packet[at]:
                packet[before[at]], packet[at] = packet[at], packet[before[at]]
                at = before[at]
            number = following
        time += 1
    arrival = np.zeros(n_packets, np.int64)
    for number in range(n_packets):
        arrival[packet[number]] = place[number]
    return arrival
