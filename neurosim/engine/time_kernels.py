"""The time pass of one time step: somata fire in order, packets travel, cores serve them, the barrier closes.

`fire` walks the cores' somata and makes the step's packets; `serve` lets the cores work off what arrived. Between them
`noc.kernels` carries the packets (detail `event`), or `bound_links` adds up loads (detail `analytic`). All times are
ticks from the start of the step. Counts are the same at every detail level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.kernel import kernel
from neurosim.noc.kernels import Traffic

SPIKE_OUT = CORE_EVENT_INDEX["spike_out"]
PACKET_OUT = CORE_EVENT_INDEX["packet_out"]
PACKET_IN = CORE_EVENT_INDEX["packet_in"]
SYNAPSE_READ = CORE_EVENT_INDEX["synapse_read"]
SYNAPSE_DENSE = CORE_EVENT_INDEX["synapse_dense"]
SYNAPSE_SPARSE = CORE_EVENT_INDEX["synapse_sparse"]
SYNAPSE_CONV = CORE_EVENT_INDEX["synapse_conv"]
DENDRITE = CORE_EVENT_INDEX["dendrite"]
MODE_UPDATE = CORE_EVENT_INDEX["mode_update"]
HOP_EW, HOP_NS = CHIP_EVENT_INDEX["hop_ew"], CHIP_EVENT_INDEX["hop_ns"]
FLIT_HOP_EW, FLIT_HOP_NS = CHIP_EVENT_INDEX["flit_hop_ew"], CHIP_EVENT_INDEX["flit_hop_ns"]
TILE_LOCAL = CHIP_EVENT_INDEX["tile_local"]
INPUT_PACKET, OUTPUT_PACKET = CHIP_EVENT_INDEX["input_packet"], CHIP_EVENT_INDEX["output_packet"]
BARRIER = CHIP_EVENT_INDEX["barrier"]
MAX_OUTPUTS = 4  # outputs of one neuron model


class TimeState(NamedTuple):
    """Scratch of the time pass, sized for the packets of a step."""

    traffic: Traffic
    packet: NDArray[np.int64]          # [packet] index into machine.Packets
    row: NDArray[np.int64]             # [packet] output row that sent it
    service: NDArray[np.int64]         # [sink]
    arrival: NDArray[np.int64]         # [sink]
    sink_core: NDArray[np.int32]       # [sink]
    last_of_core: NDArray[np.int32]    # [core] last packet on the injection list
    local_first: NDArray[np.int32]     # [core] sinks delivered without the network, in order of time
    local_last: NDArray[np.int32]
    local_next: NDArray[np.int32]      # [sink]
    clock: NDArray[np.int64]           # [core] soma phase so far
    work: NDArray[np.int64]            # [core] synapse phase: sum of services
    spike_output: NDArray[np.int32]    # [spike] recorded outputs of this step
    spike_neuron: NDArray[np.int64]
    spike_value: NDArray[np.float64]
    spike_time: NDArray[np.int64]


@kernel
def make_time_state(n_cores, n_packets, n_sinks, n_spikes):
    """Return scratch for up to `n_packets` packets with `n_sinks` destinations and `n_spikes` records per step."""
    traffic = Traffic(np.zeros(n_packets, np.int64), np.zeros(n_packets, np.int32), np.full(n_packets, -1, np.int32),
                      np.full(n_cores, -1, np.int32), np.full(n_packets, -1, np.int32),
                      np.full(n_packets, -1, np.int32), np.zeros(n_packets, np.int32), np.zeros(n_packets, np.int64),
                      np.zeros(n_packets, np.int64))
    return TimeState(traffic, np.zeros(n_packets, np.int64), np.zeros(n_packets, np.int64),
                     np.zeros(n_sinks, np.int64), np.zeros(n_sinks, np.int64), np.zeros(n_sinks, np.int32),
                     np.full(n_cores, -1, np.int32), np.full(n_cores, -1, np.int32), np.full(n_cores, -1, np.int32),
                     np.full(n_sinks, -1, np.int32), np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64),
                     np.zeros(n_spikes, np.int32), np.zeros(n_spikes, np.int64), np.zeros(n_spikes, np.float64),
                     np.zeros(n_spikes, np.int64))


@kernel
def fires(populations, population, token, n_tokens):
    """Return whether a population may send packets at this token (read-outs may speak at the last one only)."""
    return populations.last_only[population] == 0 or token == n_tokens - 1


@kernel
def count_step(populations, function, packets, population, token):
    """Return (packets, destinations, events) that the outputs of `population` at `token` would make."""
    n_packets, n_sinks, n_events = 0, 0, 0
    outputs = populations.n_outputs[population]
    for index in range(outputs):
        output = populations.first_output[population] + index
        slot = token % function.ring_depth[output]
        count = function.ring_count[function.ring_count_start[output] + slot]
        at = function.ring_start[output] + slot * populations.size[population]
        n_events += count
        for event in range(count):
            row = populations.first_row[population] + function.ring_neuron[at + event] * outputs + index
            first, stop = packets.row_start[row], packets.row_start[row + 1]
            n_packets += stop - first
            n_sinks += packets.destination_start[stop] - packets.destination_start[first]
    return n_packets, n_sinks, n_events


@kernel
def clear_step(time_state):
    """Begin a step: no packets, clocks at 0."""
    time_state.traffic.first_of_core[:] = -1
    time_state.local_first[:] = -1
    time_state.clock[:] = 0
    time_state.work[:] = 0


@kernel
def fire(populations, function, slices, cores, packets, destinations, time_state, population, token, may_send,
         recorded, n_packets, n_sinks, n_spikes, core_counts, chip_counts):
    """Let the somata of one population fire, core by core, in order; make their packets.

    recorded : int8[output] 1: note its events in time_state.spike_*
    Adds to `core_counts` [core, event] and `chip_counts` [event] of the step. Returns the new
    (n_packets, n_sinks, n_spikes).
    """
    n_outputs = populations.n_outputs[population]
    first_output = populations.first_output[population]
    first_id = populations.first_neuron[population]
    size = populations.size[population]
    next_event = np.zeros(MAX_OUTPUTS, np.int64)
    stop_event = np.zeros(MAX_OUTPUTS, np.int64)
    for index in range(n_outputs):
        slot = token % function.ring_depth[first_output + index]
        next_event[index] = function.ring_start[first_output + index] + slot * size
        count = function.ring_count[function.ring_count_start[first_output + index] + slot]
        stop_event[index] = next_event[index] + count
    for index in range(slices.population_start[population], slices.population_start[population + 1]):
        core = slices.core[index]
        updated = slices.start[index]
        stop = slices.stop[index]
        active_ticks, inactive_ticks = slices.active_ps[index], slices.inactive_ps[index]
        clock = time_state.clock[core]
        n_active = np.int64(0)
        while True:
            # The next neuron of this slice with an event, over all outputs.
            neuron = stop
            for output in range(n_outputs):
                if next_event[output] < stop_event[output]:
                    neuron = min(neuron, np.int64(function.ring_neuron[next_event[output]]))
            until = min(neuron + 1, stop)
            active = np.int64(0)
            for earlier in range(first_id + updated, first_id + until):
                active += function.active[earlier]
            clock += active * active_ticks + (until - updated - active) * inactive_ticks
            n_active += active
            updated = until
            if neuron >= stop:
                break
            for output in range(n_outputs):
                at = next_event[output]
                if at == stop_event[output] or function.ring_neuron[at] != neuron:
                    continue
                next_event[output] += 1
                if may_send:
                    clock += cores.spike_out_ps[core]
                    core_counts[core, SPIKE_OUT] += 1
                if recorded[first_output + output]:
                    time_state.spike_output[n_spikes] = first_output + output
                    time_state.spike_neuron[n_spikes] = neuron
                    time_state.spike_value[n_spikes] = function.ring_value[at]
                    time_state.spike_time[n_spikes] = clock
                    n_spikes += 1
                if may_send:
                    row = populations.first_row[population] + neuron * n_outputs + output
                    for packet in range(packets.row_start[row], packets.row_start[row + 1]):
                        clock += cores.packet_out_ps[core]
                        _send(packets, destinations, cores, time_state, packet, row, core, clock, n_packets, n_sinks,
                              core_counts, chip_counts)
                        n_packets += 1
                        n_sinks += packets.destination_start[packet + 1] - packets.destination_start[packet]
        time_state.clock[core] = clock
        if slices.event_active[index] >= 0:
            core_counts[core, slices.event_active[index]] += n_active
            core_counts[core, slices.event_inactive[index]] += stop - slices.start[index] - n_active
            core_counts[core, MODE_UPDATE] += n_active * populations.n_modes[population]
    return n_packets, n_sinks, n_spikes


@kernel
def _send(packets, destinations, cores, time_state, packet, row, core, clock, number, sink, core_counts, chip_counts):
    """Inject one packet: count it, note its destinations, queue it at its core."""
    traffic = time_state.traffic
    first, stop = packets.destination_start[packet], packets.destination_start[packet + 1]
    time_state.packet[number] = packet
    time_state.row[number] = row
    traffic.inject[number] = clock
    traffic.core[number] = core
    traffic.next_of_core[number] = -1
    traffic.target_core[number] = -1
    traffic.tree[number] = packets.tree[packet]
    traffic.flits[number] = packets.flits[packet]
    traffic.sink[number] = sink
    traffic.destination[number] = first
    travels = False
    for destination in range(first, stop):
        target = destinations.core[destination]
        at = sink + destination - first
        time_state.service[at] = destinations.service_ps[destination]
        time_state.sink_core[at] = target
        time_state.work[target] += destinations.service_ps[destination]
        if destinations.local[destination]:
            time_state.arrival[at] = clock
            _note_local(time_state, target, at)
        else:
            travels = True
            chip_counts[TILE_LOCAL] += 1
            if packets.tree[packet] < 0:
                traffic.target_core[number] = target
                traffic.sink[number] = at
        _count_destination(destinations, cores, destination, target, core_counts, chip_counts)
    if cores.is_port[core]:
        chip_counts[INPUT_PACKET] += 1
    else:
        core_counts[core, PACKET_OUT] += 1
    if travels:
        _queue(time_state, core, number)
        flits = packets.flits[packet]
        chip_counts[HOP_EW] += packets.hops_ew[packet]
        chip_counts[HOP_NS] += packets.hops_ns[packet]
        chip_counts[FLIT_HOP_EW] += packets.hops_ew[packet] * flits
        chip_counts[FLIT_HOP_NS] += packets.hops_ns[packet] * flits


@kernel
def _count_destination(destinations, cores, destination, target, core_counts, chip_counts):
    """Count what a packet makes its destination core do."""
    if cores.is_port[target]:
        chip_counts[OUTPUT_PACKET] += 1
        return
    dense, sparse = destinations.dense[destination], destinations.sparse[destination]
    conv = destinations.conv[destination]
    core_counts[target, PACKET_IN] += 1
    core_counts[target, SYNAPSE_READ] += destinations.words[destination]
    core_counts[target, SYNAPSE_DENSE] += dense
    core_counts[target, SYNAPSE_SPARSE] += sparse
    core_counts[target, SYNAPSE_CONV] += conv
    core_counts[target, DENDRITE] += dense + sparse + conv


@kernel
def _note_local(time_state, core, sink):
    """Append a sink to the packets that `core` sends to itself."""
    time_state.local_next[sink] = -1
    if time_state.local_first[core] < 0:
        time_state.local_first[core] = sink
    else:
        time_state.local_next[time_state.local_last[core]] = sink
    time_state.local_last[core] = sink


@kernel
def _queue(time_state, core, number):
    """Append a packet to the injection list of `core`."""
    traffic = time_state.traffic
    if traffic.first_of_core[core] < 0:
        traffic.first_of_core[core] = number
    else:
        traffic.next_of_core[time_state.last_of_core[core]] = number
    time_state.last_of_core[core] = number


@kernel
def serve(cores, time_state, arrived_first, arrived_next):
    """Let every core work off its arrivals in order of (arrival, packet); return when the last core is done."""
    done = np.int64(0)
    for core in range(cores.tile.size):
        free = np.int64(0) if cores.overlapped[core] else time_state.clock[core]
        near, far = time_state.local_first[core], arrived_first[core]
        while near >= 0 or far >= 0:
            # Sinks ascend with packet ids, so they break ties in the right order.
            use_far = near < 0 or (far >= 0 and (time_state.arrival[far], far) < (time_state.arrival[near], near))
            sink = far if use_far else near
            free = max(free, time_state.arrival[sink]) + time_state.service[sink]
            if use_far:
                far = arrived_next[far]
            else:
                near = time_state.local_next[near]
        done = max(done, free, time_state.clock[core])
    return done


@kernel
def last_arrival(time_state, n_sinks):
    """Return the last arrival of the step, 0 if there was none."""
    latest = np.int64(0)
    for sink in range(n_sinks):
        latest = max(latest, time_state.arrival[sink])
    return latest


@kernel
def load_links(tables, time_state, n_packets, link_packets, link_busy, link_load):
    """Add the occupation of every link on the packets' ways (no queues); `link_load` [link] is this step's."""
    traffic = time_state.traffic
    n_between = 4 * tables.n_tiles
    for number in range(n_packets):
        core = traffic.core[number]
        occupancy = traffic.flits[number] * tables.cycle_ticks
        target = traffic.target_core[number]
        if target >= 0:
            position, tile = tables.core_tile[core], tables.core_tile[target]
            while position != tile:
                link = 4 * position + tables.route[position, tile]
                _load(link, occupancy, link_packets, link_busy, link_load)
                position = tables.link_target[link]
            _load(n_between + target, occupancy, link_packets, link_busy, link_load)
        elif traffic.tree[number] >= 0:
            _load_tree(tables, traffic.tree[number], occupancy, link_packets, link_busy, link_load)


@kernel
def _load_tree(tables, root, occupancy, link_packets, link_busy, link_load):
    """Add the links of a multicast tree. The nodes of a tree stand together, the root first."""
    last = root
    node = root
    while node <= last:
        for branch in range(tables.branch_start[node], tables.branch_start[node + 1]):
            _load(tables.branch_link[branch], occupancy, link_packets, link_busy, link_load)
            last = max(last, tables.branch_child[branch])
        node += 1


@kernel
def _load(link, occupancy, link_packets, link_busy, link_load):
    link_packets[link] += 1
    link_busy[link] += occupancy
    link_load[link] += occupancy


@kernel
def bound(cores, time_state, link_load):
    """Return the analytic bound of the step: the longest core (phases after each other or at once) or link."""
    longest = np.int64(0)
    for core in range(cores.tile.size):
        soma, synapse = time_state.clock[core], time_state.work[core]
        longest = max(longest, max(soma, synapse) if cores.overlapped[core] else soma + synapse)
    for link in range(link_load.size):
        longest = max(longest, link_load[link])
    return longest
