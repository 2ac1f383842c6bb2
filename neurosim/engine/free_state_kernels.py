# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""The arrays of the compiled engine of free-running chips, and its queue of events. Times in ps.

Everything that may become scarce while a sample runs (events, packets, nodes, records) has a count of what is free;
the driver grows it between two events (`free_compiled`), since kernels make no arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined, part


class FreeTables(NamedTuple):
    """What does not change during a run, beside `tables.MachineTables` and `noc.kernels.NetworkTables`."""

    scalar: NDArray[np.int64]            # F_STEP … F_ROOM_SPIKES
    population: NDArray[np.int64]        # [population, 7] A_MODE … A_CLOCKED
    row: NDArray[np.int64]               # [output row, 2] ROW_OUTPUT, ROW_NEURON
    outgoing_start: NDArray[np.int64]    # as in machine.FreeRunning
    outgoing: NDArray[np.int64]
    projection_target: NDArray[np.int64]
    core_start: NDArray[np.int64]
    core_slice: NDArray[np.int64]
    slice_population: NDArray[np.int64]
    ticked_core: NDArray[np.int64]       # the cores of ticked populations
    recorded: NDArray[np.int8]           # [output]
    # as in machine.TokenFlow; empty where packets are served as they come
    order: NDArray[np.int64]
    shown_row: NDArray[np.int64]
    channel: NDArray[np.int64]
    channel_source: NDArray[np.int64]
    wait_start: NDArray[np.int64]
    wait_who: NDArray[np.int64]
    need_start: NDArray[np.int64]
    need: NDArray[np.int64]              # [wait, 2] W_CHANNEL, W_DELAY


# FreeTables.scalar; ROOM: what one event may take at most
# SLOTS: tokens that may be under way, 0 where packets are served as they come; MARKER_ROW: see machine.TokenFlow
(F_STEP, F_TICK, F_SKIPS_ZERO, F_INPUT_PORT, F_JITTER, F_MOST_JOBS, F_RECORDS_PACKETS, F_SLOTS, F_MARKER_ROW,
 F_ROOM_PACKETS, F_ROOM_NODES, F_ROOM_SPIKES) = range(12)
# FreeTables.population; A_READOUT: first column among the read-outs, -1 for none; A_SUMMED: 1 where spikes are counted
A_MODE, A_PS, A_EXP, A_MULTIPLY, A_READOUT, A_SUMMED, A_CLOCKED = range(7)
ROW_OUTPUT, ROW_NEURON = 0, 1
W_CHANNEL, W_DELAY = 0, 1


class FreeState(NamedTuple):
    """Everything that changes while a sample runs."""

    heap: NDArray[np.int64]              # [event, 3] HEAP_KEY, HEAP_KIND, HEAP_INDEX: a binary heap
    packet: NDArray[np.int64]            # [packet, 11] K_INJECT … K_NEXT
    value: NDArray[np.float64]           # [packet] in the numbers of the run
    node: NDArray[np.int64]              # [node, 9] N_PACKET … N_FIFO
    link: NDArray[np.int64]              # [link, 7] L_FREE … L_MARK
    port: NDArray[np.int64]              # [input port of a router, 6] P_FIRST … P_BRANCH (finite buffers)
    core: NDArray[np.int64]              # [core, 5] Q_FIRST … Q_PENDING_LAST
    fired: NDArray[np.int64]             # [output row] how often
    advanced: NDArray[np.int64]          # [neuron id] time of its last update by a packet
    mark: NDArray[np.int64]              # [neuron id] the last job that touched it
    state: NDArray[np.float64]           # flat, see machine.Populations
    charge: NDArray[np.float64]
    work: NDArray[np.float64]            # the tables of the neurons at hand, one after the other
    active: NDArray[np.uint8]            # [neuron at hand]
    elapsed: NDArray[np.float64]         # [neuron at hand] steps
    gone: NDArray[np.uint8]              # [neuron at hand] 1: time had gone by
    touched: NDArray[np.int64]           # [neuron at hand] within its population, ascending
    counter: NDArray[np.int64]           # HEAP_SIZE … N_ENTERED
    channel: NDArray[np.int64]           # [channel, 2] C_HEAD, C_SENT
    under_way: NDArray[np.int32]         # [channel, slot] packets of a token that are booked and not yet served
    slice_: NDArray[np.int64]            # [slice, 3] X_NEXT … X_PERIOD
    said: NDArray[np.float64]            # [slot, …] what neurons send of a token, laid out as all outputs
    was_active: NDArray[np.uint8]        # [slot, neuron id]


# A node is a packet at a place: at a router (in a FIFO, or in the requests of a link), on its way, or a job of a core.
# PACKET -1: a tick, token, or slice that takes one, as a job; POSITION: router, node of a multicast tree, number of the
# token or slice, or token of a packet that is being served; LINK, BEHIND,
# SINK: the way on that is requested (BEHIND -1: ejects to SINK); PORT: input port that it came by; SINCE: time of the
# request, or of the arrival of a job; NEXT, PREVIOUS: requests of a link, or jobs of a core; FIFO: next in a FIFO.
N_PACKET, N_POSITION, N_LINK, N_BEHIND, N_SINK, N_PORT, N_SINCE, N_NEXT, N_PREVIOUS, N_FIFO = range(10)
N_NODE_COLUMNS = 10
# A packet: its id; output row and core that sent it; sinks that it has yet to reach; its row of the output; flits and
# tree of its place; the token that it belongs to; next in the list of packets that its core has yet to inject, or of
# free ones
K_INJECT, K_PLACE, K_ORDINAL, K_ROW, K_CORE, K_LEFT, K_BOOKED, K_FLITS, K_TREE, K_TOKEN, K_NEXT = range(11)
N_PACKET_COLUMNS = 11
# A link: end of its occupation, free slots behind it, its requests in order, packets and busy time, last evaluation
L_FREE, L_SLOTS, L_FIRST, L_LAST, L_PACKETS, L_BUSY, L_MARK = range(7)
# An input port: its FIFO (nodes), packets in it and their peak, what its reader does, the branch of the head due next
P_FIRST, P_LAST, P_COUNT, P_PEAK, P_STATUS, P_BRANCH = range(6)
IDLE, REQUESTING, BUSY = 0, 1, 2
# A core: its jobs in order, end of the one at hand, packets to inject
Q_FIRST, Q_LAST, Q_FREE, Q_PENDING, Q_PENDING_LAST = range(5)
# A channel: the first token of which packets are to come or under way, and the last one sent. A slice: the token that
# it takes next, 1 while it does, and how many tokens on the one after is
C_HEAD, C_SENT = 0, 1
X_NEXT, X_TAKING, X_PERIOD = 0, 1, 2
(HEAP_SIZE, FREE_PACKET, N_FREE_PACKETS, FREE_NODE, N_FREE_NODES, N_JOBS, N_SPIKES, N_ARRIVALS, N_IN_FLIGHT, NOW, ROW,
 STAMP, DRAW_KEY, LAST_TICK, TOKEN_AT_HAND, N_DUE, N_ENTERED) = range(17)
N_COUNTERS = 17
HEAP_KEY, HEAP_KIND, HEAP_INDEX = 0, 1, 2
# Phases of a picosecond, and kinds of events in them
CREDIT, ARRIVAL, SERVE, GRANT = 0, 1, 2, 3
(ON_CREDIT, ON_HOP, ON_EJECT, ON_READY, ON_INJECT, ON_TICK, ON_TOKEN, ON_LATE, ON_SERVED, ON_TAKEN, ON_SERVE,
 ON_GRANT) = range(12)


class FreeOutput(NamedTuple):
    """What one sample leaves behind; a row lasts from one token to the next."""

    times: NDArray[np.int64]             # [row] when each token enters
    core_counts: NDArray[np.int32]       # [row, core, event]
    chip_counts: NDArray[np.int64]       # [row, event]
    phase: NDArray[np.int64]             # [row, core, 2] soma, synapse
    network: NDArray[np.int64]           # [row] last arrival
    readout: NDArray[np.float64]         # [row, readout neuron] the last word of the row, or spikes in it
    read: NDArray[np.uint8]              # [row, readout neuron] 1: something was said
    overflow: NDArray[np.int64]          # [row, population]
    spike: NDArray[np.int64]             # [spike, 4] row, output, neuron, time
    value: NDArray[np.float64]           # [spike]
    arrival: NDArray[np.int64]           # [arrival, 7] row, injection, place, ordinal, output row, sink, time


@part
def push(heap, counter, time, phase, kind, index):
    """Enter an event at `time`, in a phase of its picosecond."""
    key = 4 * time + phase
    child = counter[HEAP_SIZE]
    counter[HEAP_SIZE] = child + 1
    while child > 0:
        parent = (child - 1) >> 1
        if heap[parent, HEAP_KEY] <= key:
            break
        for column in range(3):
            heap[child, column] = heap[parent, column]
        child = parent
    heap[child, HEAP_KEY], heap[child, HEAP_KIND], heap[child, HEAP_INDEX] = key, kind, index


@part
def drop_first(heap, counter):
    """Remove the earliest event."""
    size = counter[HEAP_SIZE] - 1
    counter[HEAP_SIZE] = size
    key = heap[size, HEAP_KEY]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1, HEAP_KEY] < heap[child, HEAP_KEY]:
            child += 1
        if heap[child, HEAP_KEY] >= key:
            break
        for column in range(3):
            heap[parent, column] = heap[child, column]
        parent = child
    for column in range(3):
        heap[parent, column] = heap[size, column]


@inlined
def take_node(node, counter):
    """Return a free node."""
    taken = counter[FREE_NODE]
    counter[FREE_NODE] = node[taken, N_NEXT]
    counter[N_FREE_NODES] -= 1
    return taken


@inlined
def give_node(node, counter, number):
    """Give a node back."""
    node[number, N_NEXT] = counter[FREE_NODE]
    counter[FREE_NODE] = number
    counter[N_FREE_NODES] += 1


@inlined
def take_packet(packet, counter):
    """Return a free packet."""
    taken = counter[FREE_PACKET]
    counter[FREE_PACKET] = packet[taken, K_NEXT]
    counter[N_FREE_PACKETS] -= 1
    return taken


@inlined
def give_packet(packet, counter, number):
    """Give a packet back that has reached all its sinks."""
    packet[number, K_NEXT] = counter[FREE_PACKET]
    counter[FREE_PACKET] = number
    counter[N_FREE_PACKETS] += 1


@inlined
def is_before(packet, one, other):
    """Return whether the id of packet `one` is smaller than that of `other`."""
    for column in (K_INJECT, K_PLACE):
        if packet[one, column] != packet[other, column]:
            return packet[one, column] < packet[other, column]
    return packet[one, K_ORDINAL] < packet[other, K_ORDINAL]


@inlined
def row_from(times, row, time):
    """Return the row of `time`, not before `row`."""
    while row + 1 < times.size and times[row + 1] <= time:
        row += 1
    return row
