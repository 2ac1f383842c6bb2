# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets through unbounded output queues: the ways of all lengths of packets.

Packets of one length travel as words (`word_kernels`). Where lengths differ, who comes first in a tick decides when the
others start: the requests of one tick are collected first, grouped by link and sorted by packet id, then served.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import inlined, kernel, part
from neurosim.noc.flight_kernels import (
    add_loads,
    branch_sink,
    copy_flight,
    crossing,
    drop_copy,
    next_link,
    note_arrival,
    place_packet,
)
from neurosim.noc.state_kernels import (
    BEHIND,
    BRANCH_CHILD,
    BRANCH_LINK,
    C_FIRST,
    CORE,
    EJECT_LINK,
    FRESH,
    ID_SHIFT,
    INJECT,
    L_BUSY,
    L_FREE,
    L_GROUP_HEAD,
    L_GROUP_TIME,
    L_PACKETS,
    LINK,
    MARKED,
    N_FREE,
    N_TILES,
    N_USED,
    NEXT,
    NEXT_REQUEST,
    NONE,
    PACKET,
    POSITION,
    QUIET_TIME,
    SINK,
    TILE,
    UNIFORM,
)
from neurosim.noc.wheel import EMPTY, advance, push, take_slot
from neurosim.noc.word_kernels import run_words


@part
def _fits_words(tables, n_packets):
    """Return whether `n_packets` can travel as words: all of one length, and their ids fit."""
    shift = tables.scalar[ID_SHIFT]
    return tables.scalar[UNIFORM] != 0 and shift > 0 and n_packets >> (63 - shift) == 0


@kernel
def run_unlimited(tables, traffic, n_packets, state, sinks, loads, queue_peak):
    """Carry the packets through routers with unbounded output queues.

    Writes the arrivals into `sinks`, adds to `loads` [link, 2] packets and busy ticks; returns the arrivals. Leaves
    `queue_peak` alone.
    """
    if _fits_words(tables, n_packets):
        return run_words(tables, traffic, n_packets, state, sinks, loads)
    return run_groups(tables, traffic, n_packets, state, sinks, loads)


@kernel
def run_groups(tables, traffic, n_packets, state, sinks, loads):
    """Carry packets of any lengths; as `run_unlimited`."""
    wheel, flight, links = state.wheel, state.flight, state.link
    n_links_between = 4 * tables.scalar[N_TILES]
    links[:] = 0
    links[:, L_GROUP_TIME] = -1
    links[:, L_GROUP_HEAD] = EMPTY
    state.core[:, C_FIRST] = -1
    state.stack[N_FREE], state.stack[N_USED], state.stack[QUIET_TIME] = 0, n_packets, 0
    for core in range(traffic.first_of_core.size):
        first = traffic.first_of_core[core]
        if first >= 0:
            flight[first, POSITION] = FRESH
            push(wheel, np.int64(0), traffic.packet[first, INJECT], first)
    n_arrived = 0
    time = np.int64(0)
    while True:
        time = advance(wheel, time)
        if time < 0:
            add_loads(state, loads)
            return n_arrived
        n_requests = _collect_requests(tables, traffic, state, time)
        for index in range(n_requests):
            link = flight[state.lists[index, MARKED], LINK]
            number = np.uint32(links[link, L_GROUP_HEAD])
            if number == EMPTY:
                continue  # its group is done
            links[link, L_GROUP_HEAD] = EMPTY
            start = max(links[link, L_FREE], time)
            while number != EMPTY:
                occupancy, delay = crossing(tables, traffic, flight, number, link)
                following = flight[number, NEXT_REQUEST]
                links[link, L_PACKETS] += 1
                links[link, L_BUSY] += occupancy
                if link < n_links_between:
                    flight[number, POSITION] = flight[number, BEHIND]
                    push(wheel, time, start + delay, number)
                else:
                    note_arrival(tables, state, sinks, np.int64(link), flight[number, BEHIND], start + delay)
                    n_arrived += 1
                    if number >= n_packets:
                        drop_copy(state, number)
                start += occupancy
                number = following
            links[link, L_FREE] = start


@inlined
def _collect_requests(tables, traffic, state, time):
    """Empty the slot of `time` into per-link groups of requests, each by packet id; return the requests."""
    wheel, flight = state.wheel, state.flight
    n_requests = 0
    event = take_slot(wheel, time)
    while event != EMPTY:
        following = wheel.next_event[event]
        if flight[event, POSITION] == FRESH:
            # The next packets of the same core enter behind this one, perhaps in the same tick.
            core = np.uint32(traffic.packet[event, CORE])
            successor = traffic.packet[event, NEXT]
            while successor >= 0 and traffic.packet[successor, INJECT] == time:
                place_packet(tables, traffic, flight, successor, core)
                n_requests = _request_branches(tables, traffic, state, successor, time, n_requests)
                successor = traffic.packet[successor, NEXT]
            if successor >= 0:
                flight[successor, POSITION] = FRESH
                push(wheel, time, traffic.packet[successor, INJECT], successor)
            place_packet(tables, traffic, flight, event, core)
        n_requests = _request_branches(tables, traffic, state, event, time, n_requests)
        event = following
    return n_requests


@inlined
def _request_branches(tables, traffic, state, number, time, n_requests):
    """Enter the requests of a flight at its router into the groups of this tick."""
    flight = state.flight
    number = np.uint32(number)
    position = flight[number, POSITION]
    tile = flight[number, TILE]
    if tile != NONE:
        if tile == position:
            sink = np.uint32(traffic.packet[flight[number, PACKET], SINK])
            return _group(state, number, flight[number, EJECT_LINK], sink, time, n_requests)
        link = next_link(tables, position, tile)
        return _group(state, number, link, np.uint32(tables.link_target[link]), time, n_requests)
    packet = flight[number, PACKET]
    first = tables.branch_start[position]
    # Copies first: once the flight itself is served it may carry another packet. Branches take different links.
    for branch in range(tables.branch_start[np.int64(position) + 1] - 1, first - 1, -1):
        moved = number if branch == first else copy_flight(state, number)
        behind = tables.branch[branch, BRANCH_CHILD]
        if behind < 0:
            behind = branch_sink(tables, traffic, packet, branch)
        link = np.uint32(tables.branch[branch, BRANCH_LINK])
        n_requests = _group(state, moved, link, np.uint32(behind), time, n_requests)
    return n_requests


@inlined
def _group(state, number, link, behind, time, n_requests):
    """Insert a request into its link's group, which is kept in order of packet id; return the requests."""
    flight, links = state.flight, state.link
    flight[number, LINK] = link
    flight[number, BEHIND] = behind
    state.lists[n_requests, MARKED] = number
    if links[link, L_GROUP_TIME] != time:
        links[link, L_GROUP_TIME] = time
        links[link, L_GROUP_HEAD] = number
        flight[number, NEXT_REQUEST] = EMPTY
        return n_requests + 1
    packet = flight[number, PACKET]
    before = EMPTY
    after = np.uint32(links[link, L_GROUP_HEAD])
    while after != EMPTY and flight[after, PACKET] < packet:
        before = after
        after = flight[after, NEXT_REQUEST]
    flight[number, NEXT_REQUEST] = after
    if before == EMPTY:
        links[link, L_GROUP_HEAD] = number
    else:
        flight[before, NEXT_REQUEST] = number
    return n_requests + 1
