"""The time pass of one time step: somata fire in order, packets travel, cores serve them, the barrier closes.

`fire` walks the cores' somata and makes the step's packets; `serve` lets the cores work off what arrived. Between them
`noc.kernels` carries the packets (detail `event`), or `load_links` adds up loads (detail `analytic`). All times are
ticks from the start of the step. Counts are the same at every detail level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.function_kernels import R_COUNT_START, R_DEPTH, R_START, packets_of
from neurosim.engine.tables import (
    C_IS_PORT,
    C_OVERLAPPED,
    C_PACKET_OUT,
    C_SPIKE_OUT,
    D_CONV,
    D_CORE,
    D_DENSE,
    D_LOCAL,
    D_SERVICE,
    D_SPARSE,
    D_WORDS,
    K_FLITS,
    K_HOPS_CHIP,
    K_HOPS_EW,
    K_HOPS_NS,
    K_TREE,
    P_FIRST_NEURON,
    P_FIRST_OUTPUT,
    P_FIRST_ROW,
    P_LAST_ONLY,
    P_N_MODES,
    P_N_OUTPUTS,
    P_PERIOD,
    P_SIZE,
    S_ACTIVE,
    S_CORE,
    S_EVENT_ACTIVE,
    S_EVENT_INACTIVE,
    S_INACTIVE,
    S_START,
    S_STOP,
)
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.kernel import maker, part
from neurosim.noc.kernels import (
    ARRIVED_NEXT,
    BRANCH_CHILD,
    BRANCH_LINK,
    C_FIRST,
    CORE,
    CYCLE,
    DESTINATION,
    FLITS,
    INJECT,
    LOAD_BUSY,
    LOAD_PACKETS,
    N_PACKET_COLUMNS,
    N_SINK_COLUMNS,
    N_TILES,
    NEXT,
    SINK,
    SINK_ARRIVAL,
    SINK_CORE,
    SINK_NEXT_LOCAL,
    SINK_SERVICE,
    TARGET,
    TREE,
    Traffic,
    next_link,
)
from neurosim.noc.wheel import EMPTY

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
CHIP_HOP, FLIT_CHIP_HOP = CHIP_EVENT_INDEX["chip_hop"], CHIP_EVENT_INDEX["flit_chip_hop"]
TILE_LOCAL = CHIP_EVENT_INDEX["tile_local"]
INPUT_PACKET, OUTPUT_PACKET = CHIP_EVENT_INDEX["input_packet"], CHIP_EVENT_INDEX["output_packet"]
BARRIER = CHIP_EVENT_INDEX["barrier"]
MAX_OUTPUTS = 4  # outputs of one neuron model


class TimeState(NamedTuple):
    """Scratch of the time pass, sized for the packets of a step."""

    traffic: Traffic
    origin: NDArray[np.int64]          # [packet, 2] index into machine.Packets; output row that sent it
    sink: NDArray[np.int64]            # [sink, 4] SINK_SERVICE … SINK_NEXT_LOCAL of noc.kernels
    core: NDArray[np.int64]            # [core, 5] T_LAST … T_WORK
    spike: NDArray[np.int64]           # [spike, 3] recorded outputs of this step: output, neuron, time
    value: NDArray[np.float64]         # [spike]
    next_event: NDArray[np.int64]      # [output of the population at hand] its next event and the end of its events
    stop_event: NDArray[np.int64]


# TimeState.core: last packet on the injection list; sinks that the core sends to itself, in order of time: first, last;
# soma phase so far; synapse phase: sum of services
T_LAST, T_LOCAL_FIRST, T_LOCAL_LAST, T_CLOCK, T_WORK = 0, 1, 2, 3, 4
ORIGIN_PACKET, ORIGIN_ROW = 0, 1
SPIKE_OUTPUT, SPIKE_NEURON, SPIKE_TIME = 0, 1, 2


@maker
def make_time_state(n_cores, n_packets, n_sinks, n_spikes):
    """Return scratch for up to `n_packets` packets with `n_sinks` destinations and `n_spikes` records per step."""
    traffic = Traffic(np.zeros((N_PACKET_COLUMNS, n_packets), np.int64).T, np.full(n_cores, -1, np.int64))
    return TimeState(traffic, np.zeros((n_packets, 2), np.int64), np.zeros((N_SINK_COLUMNS, n_sinks), np.int64).T,
                     np.zeros((n_cores, 5), np.int64), np.zeros((n_spikes, 3), np.int64),
                     np.zeros(n_spikes, np.float64), np.zeros(MAX_OUTPUTS, np.int64),
                     np.zeros(MAX_OUTPUTS, np.int64))


@part
def fires(tables, population, token, n_tokens):
    """Return whether a population may send packets at this token (read-outs may speak at their last one only)."""
    is_last = token + tables.population[population, P_PERIOD] >= n_tokens
    return tables.population[population, P_LAST_ONLY] == 0 or is_last


@part
def count_step(tables, function, population, token, only_events):
    """Return (packets, destinations, events) that the outputs of `population` at `token` will make."""
    n_packets, n_sinks, n_events = 0, 0, 0
    outputs = tables.population[population, P_N_OUTPUTS]
    for index in range(outputs):
        output = tables.population[population, P_FIRST_OUTPUT] + index
        ring = packets_of(tables, output)
        slot = token % function.ring[ring, R_DEPTH]
        count = function.ring_count[function.ring[ring, R_COUNT_START] + slot]
        at = function.ring[ring, R_START] + slot * tables.population[population, P_SIZE]
        n_events += count
        if only_events:
            continue
        for event in range(count):
            row = tables.population[population, P_FIRST_ROW] + function.ring_neuron[at + event] * outputs + index
            first, stop = tables.row_start[row], tables.row_start[row + 1]
            n_packets += stop - first
            n_sinks += tables.destination_start[stop] - tables.destination_start[first]
    return n_packets, n_sinks, n_events


@part
def clear_step(time_state):
    """Begin a step: no packets, clocks at 0."""
    time_state.traffic.first_of_core[:] = -1
    time_state.core[:, T_LOCAL_FIRST] = -1
    time_state.core[:, T_CLOCK] = 0
    time_state.core[:, T_WORK] = 0


@part
def fire(tables, function, time_state, population, token, may_send, only_count, recorded, n_packets, n_sinks, n_spikes,
         core_counts, chip_counts):
    """Let the somata of one population fire, core by core, in order; make their packets.

    only_count : make no packets, count what they would do (detail `functional`)
    recorded : int8[output] 1: note its events in time_state.spike and value
    Adds to `core_counts` [core, event] and `chip_counts` [event] of the step. Returns the new
    (n_packets, n_sinks, n_spikes).
    """
    n_outputs = tables.population[population, P_N_OUTPUTS]
    first_output = tables.population[population, P_FIRST_OUTPUT]
    first_id = tables.population[population, P_FIRST_NEURON]
    size = tables.population[population, P_SIZE]
    next_event, stop_event = time_state.next_event, time_state.stop_event
    for index in range(n_outputs):
        ring = packets_of(tables, first_output + index)
        slot = token % function.ring[ring, R_DEPTH]
        next_event[index] = function.ring[ring, R_START] + slot * size
        count = function.ring_count[function.ring[ring, R_COUNT_START] + slot]
        stop_event[index] = next_event[index] + count
    for index in range(tables.slice_start[population], tables.slice_start[population + 1]):
        core = tables.slice_[index, S_CORE]
        updated = tables.slice_[index, S_START]
        stop = tables.slice_[index, S_STOP]
        active_ticks, inactive_ticks = tables.slice_[index, S_ACTIVE], tables.slice_[index, S_INACTIVE]
        clock = time_state.core[core, T_CLOCK]
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
                    clock += tables.core[core, C_SPIKE_OUT]
                    core_counts[core, SPIKE_OUT] += 1 - tables.core[core, C_IS_PORT]
                if recorded[first_output + output]:
                    time_state.spike[n_spikes, SPIKE_OUTPUT] = first_output + output
                    time_state.spike[n_spikes, SPIKE_NEURON] = neuron
                    time_state.value[n_spikes] = function.ring_value[at]
                    time_state.spike[n_spikes, SPIKE_TIME] = clock
                    n_spikes += 1
                if may_send:
                    row = tables.population[population, P_FIRST_ROW] + neuron * n_outputs + output
                    for packet in range(tables.row_start[row], tables.row_start[row + 1]):
                        if only_count:
                            _count_packet(tables, packet, core, core_counts, chip_counts)
                            continue
                        clock += tables.core[core, C_PACKET_OUT]
                        _send(tables, time_state, packet, row, core, clock, n_packets, n_sinks, core_counts,
                              chip_counts)
                        n_packets += 1
                        n_sinks += tables.destination_start[packet + 1] - tables.destination_start[packet]
        time_state.core[core, T_CLOCK] = clock
        if tables.slice_[index, S_EVENT_ACTIVE] >= 0:
            core_counts[core, tables.slice_[index, S_EVENT_ACTIVE]] += n_active
            n_inactive = stop - tables.slice_[index, S_START] - n_active
            core_counts[core, tables.slice_[index, S_EVENT_INACTIVE]] += n_inactive
            core_counts[core, MODE_UPDATE] += n_active * tables.population[population, P_N_MODES]
    return n_packets, n_sinks, n_spikes


@part
def _send(tables, time_state, packet, row, core, clock, number, sink, core_counts, chip_counts):
    """Inject one packet: count it, note its destinations, queue it at its core."""
    traffic = time_state.traffic
    first, stop = tables.destination_start[packet], tables.destination_start[packet + 1]
    time_state.origin[number, ORIGIN_PACKET] = packet
    time_state.origin[number, ORIGIN_ROW] = row
    traffic.packet[number, INJECT] = clock
    traffic.packet[number, CORE] = core
    traffic.packet[number, NEXT] = -1
    traffic.packet[number, TARGET] = -1
    traffic.packet[number, TREE] = tables.packet[packet, K_TREE]
    traffic.packet[number, FLITS] = tables.packet[packet, K_FLITS]
    traffic.packet[number, SINK] = sink
    traffic.packet[number, DESTINATION] = first
    travels = False
    for destination in range(first, stop):
        target = tables.destination[destination, D_CORE]
        at = sink + destination - first
        time_state.sink[at, SINK_SERVICE] = tables.destination[destination, D_SERVICE]
        time_state.sink[at, SINK_CORE] = target
        time_state.core[target, T_WORK] += tables.destination[destination, D_SERVICE]
        if tables.destination[destination, D_LOCAL]:
            time_state.sink[at, SINK_ARRIVAL] = clock
            _note_local(time_state, target, at)
        else:
            travels = True
            if tables.packet[packet, K_TREE] < 0:
                traffic.packet[number, TARGET] = target
                traffic.packet[number, SINK] = at
    if travels:
        _queue(time_state, core, number)
    _count_packet(tables, packet, core, core_counts, chip_counts)


@part
def _count_packet(tables, packet, core, core_counts, chip_counts):
    """Count a packet: at its source, on its way, and at its destinations."""
    travels = False
    for destination in range(tables.destination_start[packet], tables.destination_start[packet + 1]):
        if not tables.destination[destination, D_LOCAL]:
            travels = True
            chip_counts[TILE_LOCAL] += 1
        _count_destination(tables, destination, core_counts, chip_counts)
    if tables.core[core, C_IS_PORT]:
        chip_counts[INPUT_PACKET] += 1
    else:
        core_counts[core, PACKET_OUT] += 1
    if travels:
        flits = tables.packet[packet, K_FLITS]
        chip_counts[HOP_EW] += tables.packet[packet, K_HOPS_EW]
        chip_counts[HOP_NS] += tables.packet[packet, K_HOPS_NS]
        chip_counts[FLIT_HOP_EW] += tables.packet[packet, K_HOPS_EW] * flits
        chip_counts[FLIT_HOP_NS] += tables.packet[packet, K_HOPS_NS] * flits
        chip_counts[CHIP_HOP] += tables.packet[packet, K_HOPS_CHIP]
        chip_counts[FLIT_CHIP_HOP] += tables.packet[packet, K_HOPS_CHIP] * flits


@part
def _count_destination(tables, destination, core_counts, chip_counts):
    """Count what a packet makes its destination core do."""
    target = tables.destination[destination, D_CORE]
    if tables.core[target, C_IS_PORT]:
        chip_counts[OUTPUT_PACKET] += 1
        return
    dense, sparse = tables.destination[destination, D_DENSE], tables.destination[destination, D_SPARSE]
    conv = tables.destination[destination, D_CONV]
    core_counts[target, PACKET_IN] += 1
    core_counts[target, SYNAPSE_READ] += tables.destination[destination, D_WORDS]
    core_counts[target, SYNAPSE_DENSE] += dense
    core_counts[target, SYNAPSE_SPARSE] += sparse
    core_counts[target, SYNAPSE_CONV] += conv
    core_counts[target, DENDRITE] += dense + sparse + conv


@part
def _note_local(time_state, core, sink):
    """Append a sink to the packets that `core` sends to itself."""
    time_state.sink[sink, SINK_NEXT_LOCAL] = -1
    if time_state.core[core, T_LOCAL_FIRST] < 0:
        time_state.core[core, T_LOCAL_FIRST] = sink
    else:
        time_state.sink[time_state.core[core, T_LOCAL_LAST], SINK_NEXT_LOCAL] = sink
    time_state.core[core, T_LOCAL_LAST] = sink


@part
def _queue(time_state, core, number):
    """Append a packet to the injection list of `core`."""
    traffic = time_state.traffic
    if traffic.first_of_core[core] < 0:
        traffic.first_of_core[core] = number
    else:
        traffic.packet[time_state.core[core, T_LAST], NEXT] = number
    time_state.core[core, T_LAST] = number


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
