"""What follows the firing in the time pass of one time step: cores serve what arrived, or links add up their loads.

`fire_kernels` makes the step's packets. Then `noc.kernels` carries them (detail `event`) and `serve` lets the cores
work them off, or `load_links` adds up loads (detail `analytic`). All times are ticks from the start of the step.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.packet_kernels import T_CLOCK, T_LOCAL_FIRST, T_WORK
from neurosim.engine.tables import C_OVERLAPPED
from neurosim.kernel import part
from neurosim.noc.kernels import (
    ARRIVED_NEXT,
    BRANCH_CHILD,
    BRANCH_LINK,
    C_FIRST,
    CORE,
    CYCLE,
    FLITS,
    LOAD_BUSY,
    LOAD_PACKETS,
    N_TILES,
    SINK_ARRIVAL,
    SINK_NEXT_LOCAL,
    SINK_SERVICE,
    TARGET,
    TREE,
    next_link,
)
from neurosim.noc.wheel import EMPTY


@part
def count_local(time_state):
    """Return the destinations of this step that were reached without the network."""
    n_local = 0
    for core in range(time_state.core.shape[0]):
        sink = time_state.core[core, T_LOCAL_FIRST]
        while sink >= 0:
            n_local += 1
            sink = time_state.sink[sink, SINK_NEXT_LOCAL]
    return n_local


@part
def serve(tables, time_state, network):
    """Let every core work off its arrivals in order of (arrival, packet); return when the last core is done."""
    done = np.int64(0)
    for core in range(tables.core.shape[0]):
        free = np.int64(0) if tables.core[core, C_OVERLAPPED] else time_state.core[core, T_CLOCK]
        near, far = time_state.core[core, T_LOCAL_FIRST], network.core[core, C_FIRST]
        while near >= 0 or far >= 0:
            # Sinks ascend with packet ids, so they break ties in the right order.
            use_far = near < 0
            if near >= 0 and far >= 0:
                lead = time_state.sink[near, SINK_ARRIVAL] - time_state.sink[far, SINK_ARRIVAL]
                use_far = lead > 0 or (lead == 0 and far < near)
            sink = far if use_far else near
            free = max(free, time_state.sink[sink, SINK_ARRIVAL]) + time_state.sink[sink, SINK_SERVICE]
            if use_far:
                following = network.lists[far, ARRIVED_NEXT]
                far = np.int64(-1) if following == EMPTY else np.int64(following)
            else:
                near = time_state.sink[near, SINK_NEXT_LOCAL]
        done = max(done, free, time_state.core[core, T_CLOCK])
    return done


@part
def last_arrival(time_state, n_sinks):
    """Return the last arrival of the step, 0 if there was none."""
    latest = np.int64(0)
    for sink in range(n_sinks):
        latest = max(latest, time_state.sink[sink, SINK_ARRIVAL])
    return latest


@part
def load_links(tables, time_state, n_packets, loads, link_load):
    """Add the occupation of every link on the packets' ways (no queues); `link_load` [link] is this step's."""
    traffic = time_state.traffic
    n_between = 4 * tables.scalar[N_TILES]
    for number in range(n_packets):
        core = traffic.packet[number, CORE]
        flits = traffic.packet[number, FLITS]
        target = traffic.packet[number, TARGET]
        if target >= 0:
            position, tile = tables.core_tile[core], tables.core_tile[target]
            while position != tile:
                link = next_link(tables, position, tile)
                _load(tables, link, flits, loads, link_load)
                position = tables.link_target[link]
            _load(tables, n_between + target, flits, loads, link_load)
        elif traffic.packet[number, TREE] >= 0:
            _load_tree(tables, traffic.packet[number, TREE], flits, loads, link_load)


@part
def _load_tree(tables, root, flits, loads, link_load):
    """Add the links of a multicast tree. The nodes of a tree stand together, the root first."""
    last = root
    node = root
    while node <= last:
        for branch in range(tables.branch_start[node], tables.branch_start[node + 1]):
            _load(tables, tables.branch[branch, BRANCH_LINK], flits, loads, link_load)
            last = max(last, tables.branch[branch, BRANCH_CHILD])
        node += 1


@part
def _load(tables, link, flits, loads, link_load):
    occupancy = flits * tables.scalar[CYCLE + tables.link_kind[link]]
    loads[link, LOAD_PACKETS] += 1
    loads[link, LOAD_BUSY] += occupancy
    link_load[link] += occupancy


@part
def bound(tables, time_state, link_load):
    """Return the analytic bound of the step: the longest core (phases after each other or at once) or link.

    Also how long the busiest link is occupied, and its number, the first of equals; −1 where none is.
    """
    longest = np.int64(0)
    for core in range(tables.core.shape[0]):
        soma, synapse = time_state.core[core, T_CLOCK], time_state.core[core, T_WORK]
        longest = max(longest, max(soma, synapse) if tables.core[core, C_OVERLAPPED] else soma + synapse)
    busiest, busiest_link = np.int64(0), np.int64(-1)
    for link in range(link_load.size):
        if link_load[link] > busiest:
            busiest, busiest_link = link_load[link], np.int64(link)
    return max(longest, busiest), busiest, busiest_link
