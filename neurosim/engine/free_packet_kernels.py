# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Packets of a free-running chip from their making to the queue of the core that serves them. Compiled."""

from __future__ import annotations

import numpy as np

from neurosim.engine.arrival_kernels import arrival_delay
from neurosim.engine.free_network_kernels import enter
from neurosim.engine.free_state_kernels import (
    ARRIVAL,
    C_SENT,
    DRAW_KEY,
    F_JITTER,
    F_MARKER_ROW,
    F_RECORDS_PACKETS,
    F_SLOTS,
    K_BOOKED,
    K_CORE,
    K_FLITS,
    K_INJECT,
    K_LEFT,
    K_NEXT,
    K_ORDINAL,
    K_PLACE,
    K_ROW,
    K_TOKEN,
    K_TREE,
    N_ARRIVALS,
    N_IN_FLIGHT,
    N_NEXT,
    N_PACKET,
    N_POSITION,
    N_PREVIOUS,
    N_SINCE,
    N_SINK,
    ON_INJECT,
    ON_LATE,
    ON_SERVE,
    Q_FIRST,
    Q_FREE,
    Q_LAST,
    Q_PENDING,
    Q_PENDING_LAST,
    ROW,
    SERVE,
    TOKEN_AT_HAND,
    is_before,
    push,
    take_node,
    take_packet,
)
from neurosim.engine.packet_kernels import (
    CHIP_HOP,
    FLIT_CHIP_HOP,
    FLIT_HOP_EW,
    FLIT_HOP_NS,
    HOP_EW,
    HOP_NS,
    INPUT_PACKET,
    PACKET_OUT,
    TILE_LOCAL,
)
from neurosim.engine.tables import (
    C_IS_PORT,
    C_PACKET_OUT,
    D_CORE,
    D_LOCAL,
    K_HOPS_CHIP,
    K_HOPS_EW,
    K_HOPS_NS,
)
from neurosim.engine.tables import K_FLITS as TABLE_FLITS
from neurosim.engine.tables import K_TREE as TABLE_TREE
from neurosim.kernel import inlined, part
from neurosim.noc.kernels import N_TILES


@inlined
def send(tables, free, state, core, row, value, clock):
    """Make the packets of an output row, one after the other; return when the last one is injected."""
    ordinal = state.fired[row]
    state.fired[row] = ordinal + 1
    for index in range(tables.row_start[row], tables.row_start[row + 1]):
        clock += tables.core[core, C_PACKET_OUT]
        packet = take_packet(state.packet, state.counter)
        made = state.packet[packet]
        made[K_INJECT], made[K_PLACE], made[K_ORDINAL] = clock, index, ordinal
        made[K_ROW], made[K_CORE] = row, core
        made[K_LEFT] = tables.destination_start[index + 1] - tables.destination_start[index]
        made[K_FLITS], made[K_TREE] = tables.packet[index, TABLE_FLITS], tables.packet[index, TABLE_TREE]
        made[K_NEXT] = -1
        if free.scalar[F_SLOTS] > 0:
            _book(tables, free, state, made)
        state.value[packet] = value
        if state.core[core, Q_PENDING] < 0:
            state.core[core, Q_PENDING] = packet
        else:
            state.packet[state.core[core, Q_PENDING_LAST], K_NEXT] = packet
        state.core[core, Q_PENDING_LAST] = packet
    return clock


@part
def _book(tables, free, state, made):
    """A packet of the token at hand will leave; a slice books all packets of a token before one leaves."""
    token, index = state.counter[TOKEN_AT_HAND], made[K_PLACE]
    made[K_TOKEN] = token
    if made[K_ROW] >= free.scalar[F_MARKER_ROW]:
        made[K_ROW] = free.shown_row[made[K_ROW] - free.scalar[F_MARKER_ROW]]
    for sink in range(tables.destination_start[index], tables.destination_start[index + 1]):
        channel = free.channel[sink]
        if channel >= 0:
            state.under_way[channel, token % free.scalar[F_SLOTS]] += 1
            state.channel[channel, C_SENT] = token


@part
def inject_due(tables, network, free, state, output, core, now):
    """Inject the packets of a core whose time has come, and have the next one wait for its own."""
    packet = state.core[core, Q_PENDING]
    while packet >= 0 and state.packet[packet, K_INJECT] <= now:
        following = state.packet[packet, K_NEXT]
        state.core[core, Q_PENDING] = following
        _inject(tables, network, free, state, output, core, packet, now)
        packet = following
    if packet >= 0:
        push(state.heap, state.counter, state.packet[packet, K_INJECT], ARRIVAL, ON_INJECT, core)


@part
def _inject(tables, network, free, state, output, core, packet, now):
    """Inject a packet: into its own core where that skips the network, and into the router."""
    index, row = state.packet[packet, K_PLACE], state.counter[ROW]
    first, stop = tables.destination_start[index], tables.destination_start[index + 1]
    state.packet[packet, K_BOOKED] = row
    state.counter[N_IN_FLIGHT] += stop - first
    n_far, far = np.int64(0), np.int64(-1)
    for sink in range(first, stop):
        if not tables.destination[sink, D_LOCAL]:
            n_far += 1
            far = sink
            continue
        node = take_node(state.node, state.counter)
        state.node[node, N_PACKET], state.node[node, N_SINK] = packet, sink
        arrive(tables, free, state, output, node, now)
    _count_packet(tables, output, core, index, n_far, row)
    if n_far > 0:
        node = take_node(state.node, state.counter)
        state.node[node, N_PACKET], state.node[node, N_SINK] = packet, far
        tree = state.packet[packet, K_TREE]
        state.node[node, N_POSITION] = tree if tree >= 0 else network.core_tile[core]
        enter(network, tables.destination, state, node, 4 * network.scalar[N_TILES] + core, now)


@part
def _count_packet(tables, output, core, index, n_far, row):
    """Book a packet at its source and on its way."""
    counts = output.chip_counts[row]
    if n_far > 0:
        flits = tables.packet[index, TABLE_FLITS]
        counts[HOP_EW] += tables.packet[index, K_HOPS_EW]
        counts[HOP_NS] += tables.packet[index, K_HOPS_NS]
        counts[FLIT_HOP_EW] += tables.packet[index, K_HOPS_EW] * flits
        counts[FLIT_HOP_NS] += tables.packet[index, K_HOPS_NS] * flits
        counts[CHIP_HOP] += tables.packet[index, K_HOPS_CHIP]
        counts[FLIT_CHIP_HOP] += tables.packet[index, K_HOPS_CHIP] * flits
        counts[TILE_LOCAL] += n_far
    if tables.core[core, C_IS_PORT]:
        counts[INPUT_PACKET] += 1
    else:
        output.core_counts[row, core, PACKET_OUT] += 1


@part
def arrive(tables, free, state, output, node, now):
    """A packet is out of the network; it may come late by what is drawn for it."""
    packet, sink = state.node[node, N_PACKET], state.node[node, N_SINK]
    if free.scalar[F_JITTER] > 0 and tables.core[tables.destination[sink, D_CORE], C_IS_PORT] == 0:
        delay = arrival_delay(state.counter[DRAW_KEY], state.packet[packet, K_INJECT], state.packet[packet, K_PLACE],
                              state.packet[packet, K_ORDINAL], sink, free.scalar[F_JITTER])
        if delay > 0:
            push(state.heap, state.counter, now + delay, ARRIVAL, ON_LATE, node)
            return
    accept(tables, free, state, output, node, now)


@part
def accept(tables, free, state, output, node, now):
    """A packet has arrived: it becomes a job of its core."""
    packet, sink = state.node[node, N_PACKET], state.node[node, N_SINK]
    row = state.packet[packet, K_BOOKED]
    started = output.times[row] if row > 0 else np.int64(0)
    output.network[row] = max(output.network[row], now - started)
    if free.scalar[F_RECORDS_PACKETS] != 0:
        at = state.counter[N_ARRIVALS]
        output.arrival[at, 0], output.arrival[at, 1] = row, state.packet[packet, K_INJECT]
        output.arrival[at, 2], output.arrival[at, 3] = state.packet[packet, K_PLACE], state.packet[packet, K_ORDINAL]
        output.arrival[at, 4], output.arrival[at, 5] = state.packet[packet, K_ROW], sink
        output.arrival[at, 6] = now
        state.counter[N_ARRIVALS] = at + 1
    put(state, tables.destination[sink, D_CORE], node, now)


@part
def put(state, core, node, now):
    """Enter a job of a core, in order of (arrival, ticks and tokens first, packet id)."""
    nodes = state.node
    nodes[node, N_SINCE] = now
    before = state.core[core, Q_LAST]
    while before >= 0 and nodes[before, N_SINCE] == now and _is_job_before(state, node, before):
        before = nodes[before, N_PREVIOUS]
    following = state.core[core, Q_FIRST] if before < 0 else nodes[before, N_NEXT]
    nodes[node, N_PREVIOUS], nodes[node, N_NEXT] = before, following
    if before < 0:
        state.core[core, Q_FIRST] = node
    else:
        nodes[before, N_NEXT] = node
    if following < 0:
        state.core[core, Q_LAST] = node
    else:
        nodes[following, N_PREVIOUS] = node
    if state.core[core, Q_FREE] <= now:
        push(state.heap, state.counter, now, SERVE, ON_SERVE, core)


@part
def _is_job_before(state, job, before):
    """Return whether a job goes before another one of the same arrival; ticks, tokens and slices have packet -1."""
    packet, other = state.node[job, N_PACKET], state.node[before, N_PACKET]
    if other < 0:
        return packet < 0 and state.node[job, N_POSITION] < state.node[before, N_POSITION]
    return packet < 0 or is_before(state.packet, packet, other)


@part
def put_clock(state, core, number, now):
    """Enter a tick, token `number` at the input port, or slice `number` that is to take one."""
    node = take_node(state.node, state.counter)
    state.node[node, N_PACKET], state.node[node, N_POSITION] = -1, number
    put(state, core, node, now)
