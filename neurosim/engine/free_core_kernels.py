# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""The cores of a free-running chip, job by job: the compiled twin of `free_reference.FreeCore` and `FreeChip`."""

from __future__ import annotations

import numpy as np

from neurosim.engine.free_neuron_kernels import deliver, update_touched
from neurosim.engine.free_packet_kernels import inject_due, send
from neurosim.engine.free_state_kernels import (
    A_CLOCKED,
    A_EXP,
    A_MODE,
    A_MULTIPLY,
    A_PS,
    A_READOUT,
    A_SUMMED,
    ARRIVAL,
    CREDIT,
    F_INPUT_PORT,
    F_MARKER_ROW,
    F_SLOTS,
    K_LEFT,
    K_ROW,
    K_TOKEN,
    N_IN_FLIGHT,
    N_NEXT,
    N_PACKET,
    N_POSITION,
    N_PREVIOUS,
    N_SINCE,
    N_SINK,
    N_SPIKES,
    ON_CREDIT,
    ON_SERVE,
    ON_SERVED,
    ON_TAKEN,
    Q_FIRST,
    Q_FREE,
    Q_LAST,
    ROW,
    ROW_NEURON,
    ROW_OUTPUT,
    SERVE,
    TOKEN_AT_HAND,
    X_NEXT,
    give_node,
    give_packet,
    push,
    row_from,
)
from neurosim.engine.free_token_kernels import gone_ps, note_served, note_taken
from neurosim.engine.packet_kernels import (
    DENDRITE,
    MODE_UPDATE,
    OUTPUT_PACKET,
    PACKET_IN,
    SPIKE_OUT,
    SYNAPSE_CONV,
    SYNAPSE_DENSE,
    SYNAPSE_READ,
    SYNAPSE_SPARSE,
)
from neurosim.engine.tables import (
    C_IS_PORT,
    C_SPIKE_OUT,
    D_CONV,
    D_DENSE,
    D_SERVICE,
    D_SPARSE,
    D_WORDS,
    P_FIRST_NEURON,
    P_FIRST_OUTPUT,
    P_FIRST_ROW,
    P_INPUT_START,
    P_N_MODES,
    P_N_OUTPUTS,
    P_OUTPUT_START,
    P_SIZE,
    S_ACTIVE,
    S_EVENT_ACTIVE,
    S_EVENT_INACTIVE,
    S_INACTIVE,
    S_START,
    S_STOP,
)
from neurosim.events import CORE_EVENT_INDEX
from neurosim.kernel import inlined, part
from neurosim.machine import TICKED
from neurosim.noc.kernels import CORE_IN_PACKETS, N_TILES
from neurosim.noc.kernels import CREDIT as CREDIT_TIME

ADVANCE_EXP, ADVANCE_MULTIPLY = CORE_EVENT_INDEX["advance_exp"], CORE_EVENT_INDEX["advance_multiply"]


@part
def serve(tables, network, free, fixed, sample, state, output, core, now):
    """Do the next job of a core, if there is one and the core is free; return whether there was."""
    node = state.core[core, Q_FIRST]
    if node < 0 or now < state.core[core, Q_FREE]:
        return False
    following = state.node[node, N_NEXT]
    state.core[core, Q_FIRST] = following
    if following < 0:
        state.core[core, Q_LAST] = -1
    else:
        state.node[following, N_PREVIOUS] = -1
    if state.node[node, N_PACKET] >= 0:
        clock = _serve_packet(tables, network, free, fixed, state, output, core, node, now)
        if free.scalar[F_SLOTS] > 0:
            _later(tables, free, state, sample, ON_SERVED, node, clock, now)
        else:
            give_node(state.node, state.counter, node)
    else:
        number = state.node[node, N_POSITION]
        give_node(state.node, state.counter, node)
        if core == free.scalar[F_INPUT_PORT]:
            clock = _inject_inputs(tables, free, state, sample, number, now)
        elif free.scalar[F_SLOTS] > 0:
            clock = _take_token(tables, free, state, output, core, number, now)
            _later(tables, free, state, sample, ON_TAKEN, number, clock, now)
        else:
            clock = _tick(tables, free, fixed, state, output, core, now)
    state.core[core, Q_FREE] = clock
    push(state.heap, state.counter, clock, SERVE, ON_SERVE, core)
    inject_due(tables, network, free, state, output, core, now)
    return True


@part
def _later(tables, free, state, sample, kind, index, clock, now):
    """Note the end of a job at `clock`; see `note_end`."""
    if clock == now:
        note_end(tables, free, state, sample, kind, index, now)
    else:
        push(state.heap, state.counter, clock, ARRIVAL, kind, index)


@part
def note_end(tables, free, state, sample, kind, index, now):
    """A packet (a node) has been served, or a slice has taken its token: others may go on."""
    if kind == ON_TAKEN:
        note_taken(tables, free, state, sample.n_tokens, index, now)
        return
    sink, token = state.node[index, N_SINK], state.node[index, N_POSITION]
    give_node(state.node, state.counter, index)
    note_served(tables, free, state, sample.n_tokens, sink, token, now)


@part
def _serve_packet(tables, network, free, fixed, state, output, core, node, now):
    """Serve a packet; return when the core is done."""
    packet, sink = state.node[node, N_PACKET], state.node[node, N_SINK]
    row, service = state.counter[ROW], tables.destination[sink, D_SERVICE]
    state.counter[N_IN_FLIGHT] -= 1
    if network.scalar[CORE_IN_PACKETS] >= 0:
        push(state.heap, state.counter, now + network.scalar[CREDIT_TIME], CREDIT, ON_CREDIT,
             4 * network.scalar[N_TILES] + core)
    output.phase[row, core, 1] += service
    clock = now + service
    if tables.core[core, C_IS_PORT]:
        output.chip_counts[row, OUTPUT_PACKET] += 1
    else:
        _count_service(tables, output.core_counts[row, core], sink)
    if free.scalar[F_SLOTS] > 0:
        state.node[node, N_POSITION] = state.packet[packet, K_TOKEN]
    elif not tables.core[core, C_IS_PORT]:
        fired = free.row[state.packet[packet, K_ROW], ROW_OUTPUT]
        projections = free.outgoing[free.outgoing_start[fired]:free.outgoing_start[fired + 1]]
        neuron, arrival = free.row[state.packet[packet, K_ROW], ROW_NEURON], state.node[node, N_SINCE]
        for place in range(free.core_start[core], free.core_start[core + 1]):
            index = free.core_slice[place]
            n_touched = deliver(tables, free, fixed, state, projections, neuron, state.value[packet], index)
            if n_touched > 0:
                start = update_touched(tables, free, fixed, state, output, index, n_touched, False, arrival)
                clock = _fire(tables, free, state, output, core, index, n_touched, start, clock)
        output.phase[row, core, 0] += clock - now - service
    state.packet[packet, K_LEFT] -= 1
    if state.packet[packet, K_LEFT] == 0:
        give_packet(state.packet, state.counter, packet)
    return clock


@part
def _count_service(tables, counts, sink):
    """Book what a packet makes a core do."""
    dense, sparse = tables.destination[sink, D_DENSE], tables.destination[sink, D_SPARSE]
    conv = tables.destination[sink, D_CONV]
    counts[PACKET_IN] += 1
    counts[SYNAPSE_READ] += tables.destination[sink, D_WORDS]
    counts[SYNAPSE_DENSE] += dense
    counts[SYNAPSE_SPARSE] += sparse
    counts[SYNAPSE_CONV] += conv
    counts[DENDRITE] += dense + sparse + conv


@part
def _tick(tables, free, fixed, state, output, core, now):
    """Update the ticked populations of a core; return when it is done."""
    clock = now
    for place in range(free.core_start[core], free.core_start[core + 1]):
        index = free.core_slice[place]
        if free.population[free.slice_population[index], A_MODE] != TICKED:
            continue
        start, stop = tables.slice_[index, S_START], tables.slice_[index, S_STOP]
        for neuron in range(start, stop):
            state.touched[neuron - start] = neuron
        at = update_touched(tables, free, fixed, state, output, index, stop - start, True, now)
        clock = _fire(tables, free, state, output, core, index, stop - start, at, clock)
    output.phase[state.counter[ROW], core, 0] += clock - now
    return clock


@part
def _inject_inputs(tables, free, state, sample, token, now):
    """Make the packets of a token's values, in order of populations and neurons; return when the port is done."""
    clock, population, port = now, np.int64(0), state.core.shape[0] - 2
    state.counter[TOKEN_AT_HAND] = token
    for entry in range(sample.start[token], sample.start[token + 1]):
        column = sample.column[entry]
        while not 0 <= column - tables.population[population, P_INPUT_START] < _input_size(tables, population):
            population += 1
        row = tables.population[population, P_FIRST_ROW] + column - tables.population[population, P_INPUT_START]
        clock = send(tables, free, state, port, row, sample.value[entry], clock)
    if free.scalar[F_SLOTS] > 0:
        for place in range(free.core_start[port], free.core_start[port + 1]):
            row = free.scalar[F_MARKER_ROW] + free.core_slice[place]
            clock = send(tables, free, state, port, row, sample.value.dtype.type(0), clock)
    return clock


@part
def _take_token(tables, free, state, output, core, index, now):
    """Have a slice take its next token: updates, what they send, markers; return when it is done."""
    population, token = free.slice_population[index], state.slice_[index, X_NEXT]
    start, n = tables.slice_[index, S_START], tables.slice_[index, S_STOP] - tables.slice_[index, S_START]
    size, slot = tables.population[population, P_SIZE], token % free.scalar[F_SLOTS]
    gone = (free.population[population, A_CLOCKED] != 0
            and gone_ps(tables, output.times, population, token) > 0)
    said = tables.population[population, P_OUTPUT_START] + start
    first = tables.population[population, P_FIRST_NEURON] + start
    for place in range(n):
        state.touched[place], state.gone[place] = start + place, gone
        state.active[place] = state.was_active[slot, first + place]
        for number in range(tables.population[population, P_N_OUTPUTS]):
            state.work[number * n + place] = state.said[slot, said + number * size + place]
    state.counter[TOKEN_AT_HAND] = token
    clock = _fire(tables, free, state, output, core, index, n, np.int64(0), now)
    clock = send(tables, free, state, core, free.scalar[F_MARKER_ROW] + index, state.work.dtype.type(0), clock)
    output.phase[state.counter[ROW], core, 0] += clock - now
    return clock


@part
def _input_size(tables, population):
    """Return the columns of an input population, 0 of any other."""
    return tables.population[population, P_SIZE] if tables.population[population, P_INPUT_START] >= 0 else np.int64(0)


@part
def _fire(tables, free, state, output, core, index, n, start, clock):
    """Walk through the updated neurons of a slice: their time, what they say and send; return when it is done.

    start : of their outputs [output, neuron] in state.work
    """
    population, row = free.slice_population[index], state.counter[ROW]
    n_outputs, first_output = tables.population[population, P_N_OUTPUTS], tables.population[population, P_FIRST_OUTPUT]
    first_row = tables.population[population, P_FIRST_ROW]
    counts = output.core_counts[row, core]
    booked, n_active, n_gone = row, np.int64(0), np.int64(0)
    for place in range(n):
        neuron = state.touched[place]
        if state.active[place]:
            clock += tables.slice_[index, S_ACTIVE]
            n_active += 1
        else:
            clock += tables.slice_[index, S_INACTIVE]
        if state.gone[place]:
            clock += free.population[population, A_PS]
            n_gone += 1
        booked = row_from(output.times, booked, clock)
        _read_out(free, output, population, neuron, state.work[start + place],
                  state.counter[TOKEN_AT_HAND] if free.scalar[F_SLOTS] > 0 else booked)
        for number in range(n_outputs):
            value = state.work[start + number * n + place]
            if value == 0:
                continue
            clock += tables.core[core, C_SPIKE_OUT]
            booked = row_from(output.times, booked, clock)
            output.core_counts[booked, core, SPIKE_OUT] += 1
            if free.recorded[first_output + number]:
                _record(state, output, booked, first_output + number, neuron, clock, value)
            clock = send(tables, free, state, core, first_row + neuron * n_outputs + number, value, clock)
    counts[tables.slice_[index, S_EVENT_ACTIVE]] += n_active
    counts[tables.slice_[index, S_EVENT_INACTIVE]] += n - n_active
    counts[MODE_UPDATE] += n_active * tables.population[population, P_N_MODES]
    counts[ADVANCE_EXP] += n_gone * free.population[population, A_EXP]
    counts[ADVANCE_MULTIPLY] += n_gone * free.population[population, A_MULTIPLY]
    return clock


@inlined
def _read_out(free, output, population, neuron, value, row):
    """Keep what a neuron of a read-out says, or count its spike."""
    column = free.population[population, A_READOUT]
    if column < 0:
        return
    if free.population[population, A_SUMMED]:
        output.readout[row, column + neuron] += np.float64(value)
    else:
        output.readout[row, column + neuron] = np.float64(value)
        output.read[row, column + neuron] = 1


@inlined
def _record(state, output, row, number, neuron, time, value):
    """Keep an output that fires."""
    at = state.counter[N_SPIKES]
    output.spike[at, 0], output.spike[at, 1] = row, number
    output.spike[at, 2], output.spike[at, 3] = neuron, time
    output.value[at] = np.float64(value)
    state.counter[N_SPIKES] = at + 1
