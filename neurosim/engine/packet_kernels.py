# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""The packets of one time step: counted when their neuron fires, injected into the network or kept by their core.

All times are ticks from the start of the step. Counts are the same at every detail level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.tables import (
    C_IS_PORT,
    C_PACKET_OUT,
    D_CONV,
    D_CORE,
    D_DENSE,
    D_LOCAL,
    D_SERVICE,
    D_SPARSE,
    D_WORDS,
    K_FLITS,
    K_TREE,
    W_CHIP_HOP,
    W_FLIT_CHIP_HOP,
    W_FLIT_HOP_EW,
    W_FLIT_HOP_NS,
    W_HOP_EW,
    W_HOP_NS,
    W_TILE_LOCAL,
)
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.kernel import inlined, maker, part, prefetch
from neurosim.noc.kernels import (
    CORE,
    DESTINATION,
    FLITS,
    INJECT,
    N_PACKET_COLUMNS,
    N_SINK_COLUMNS,
    NEXT,
    SINK,
    SINK_ARRIVAL,
    SINK_CORE,
    SINK_NEXT_LOCAL,
    SINK_SERVICE,
    TARGET,
    TREE,
    Traffic,
)

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
def make_time_state(n_cores, n_packets, n_sinks, n_spikes, single_flits):
    """Return scratch for up to `n_packets` packets with `n_sinks` destinations and `n_spikes` records per step.

    single_flits : MachineTables.single; what `_send_single` need not write is written here
    """
    traffic = Traffic(np.zeros((N_PACKET_COLUMNS, n_packets), np.int64).T, np.full(n_cores, -1, np.int64))
    if single_flits >= 0:
        for packet in range(n_packets):
            traffic.packet[packet, TREE] = -1
            traffic.packet[packet, FLITS] = single_flits
            traffic.packet[packet, SINK] = packet
    return TimeState(traffic, np.zeros((n_packets, 2), np.int64), np.zeros((N_SINK_COLUMNS, n_sinks), np.int64).T,
                     np.zeros((n_cores, 5), np.int64), np.zeros((n_spikes, 3), np.int64),
                     np.zeros(n_spikes, np.float64), np.zeros(MAX_OUTPUTS, np.int64),
                     np.zeros(MAX_OUTPUTS, np.int64))


@part
def clear_step(time_state):
    """Begin a step: no packets, clocks at 0."""
    time_state.traffic.first_of_core[:] = -1
    time_state.core[:, T_LOCAL_FIRST] = -1
    time_state.core[:, T_CLOCK] = 0
    time_state.core[:, T_WORK] = 0


@inlined
def count_row(tables, row, core, core_counts, chip_counts):
    """Count the packets of an output that fired: at their source, on their ways, and at their destinations."""
    first, stop = tables.row_start[row], tables.row_start[row + 1]
    if first == stop:
        return
    if tables.core[core, C_IS_PORT]:
        chip_counts[INPUT_PACKET] += stop - first
    else:
        core_counts[core, PACKET_OUT] += stop - first
    chip_counts[TILE_LOCAL] += tables.row_count[row, W_TILE_LOCAL]
    chip_counts[HOP_EW] += tables.row_count[row, W_HOP_EW]
    chip_counts[HOP_NS] += tables.row_count[row, W_HOP_NS]
    chip_counts[FLIT_HOP_EW] += tables.row_count[row, W_FLIT_HOP_EW]
    chip_counts[FLIT_HOP_NS] += tables.row_count[row, W_FLIT_HOP_NS]
    chip_counts[CHIP_HOP] += tables.row_count[row, W_CHIP_HOP]
    chip_counts[FLIT_CHIP_HOP] += tables.row_count[row, W_FLIT_CHIP_HOP]
    for destination in range(tables.destination_start[first], tables.destination_start[stop]):
        _count_destination(tables, destination, core_counts, chip_counts)


@inlined
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


@inlined
def send_row(tables, time_state, row, core, clock, n_packets, n_sinks):
    """Inject the packets of an output that fired; return the new (clock, n_packets, n_sinks)."""
    if tables.single[0] >= 0:
        for packet in range(tables.row_start[row], tables.row_start[row + 1]):
            clock += tables.core[core, C_PACKET_OUT]
            _send_single(tables, time_state, np.uint64(packet), row, core, clock, np.uint64(n_packets))
            n_packets += 1
        return clock, n_packets, n_packets
    for packet in range(tables.row_start[row], tables.row_start[row + 1]):
        clock += tables.core[core, C_PACKET_OUT]
        _send(tables, time_state, packet, row, core, clock, n_packets, n_sinks)
        n_packets += 1
        n_sinks += tables.destination_start[packet + 1] - tables.destination_start[packet]
    return clock, n_packets, n_sinks


@inlined
def fetch_row(tables, row):
    """Fetch what `_send_single` reads of the packets of an output that will fire soon; do not wait for it."""
    width = tables.destination.shape[1]
    for packet in range(tables.row_start[row], tables.row_start[row + 1]):
        prefetch(tables.destination, packet * width)


@inlined
def _send_single(tables, time_state, packet, row, core, clock, number):
    """Inject one packet of a machine whose packets have one destination each, of the same number as the packet."""
    traffic = time_state.traffic
    target = np.uint64(tables.destination[packet, D_CORE])
    service = tables.destination[packet, D_SERVICE]
    time_state.origin[number, ORIGIN_PACKET] = packet
    time_state.origin[number, ORIGIN_ROW] = row
    traffic.packet[number, INJECT] = clock
    traffic.packet[number, CORE] = core
    traffic.packet[number, NEXT] = -1
    time_state.sink[number, SINK_SERVICE] = service
    time_state.sink[number, SINK_CORE] = target
    time_state.core[target, T_WORK] += service
    if tables.destination[packet, D_LOCAL]:
        traffic.packet[number, TARGET] = -1
        time_state.sink[number, SINK_ARRIVAL] = clock
        _note_local(time_state, target, number)
    else:
        traffic.packet[number, TARGET] = target
        _queue(time_state, core, number)


@inlined
def _send(tables, time_state, packet, row, core, clock, number, sink):
    """Inject one packet: note its destinations, queue it at its core."""
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


@inlined
def _note_local(time_state, core, sink):
    """Append a sink to the packets that `core` sends to itself."""
    time_state.sink[sink, SINK_NEXT_LOCAL] = -1
    if time_state.core[core, T_LOCAL_FIRST] < 0:
        time_state.core[core, T_LOCAL_FIRST] = sink
    else:
        time_state.sink[time_state.core[core, T_LOCAL_LAST], SINK_NEXT_LOCAL] = sink
    time_state.core[core, T_LOCAL_LAST] = sink


@inlined
def _queue(time_state, core, number):
    """Append a packet to the injection list of `core`."""
    traffic = time_state.traffic
    if traffic.first_of_core[core] < 0:
        traffic.first_of_core[core] = number
    else:
        traffic.packet[time_state.core[core, T_LAST], NEXT] = number
    time_state.core[core, T_LAST] = number
