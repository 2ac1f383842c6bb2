"""The function pass of one time step: dendrites and somata of the populations whose token has come.

Dendrites sum in canonical order: projection, then source neuron. Outputs are kept per token in rings of event lists,
so the pass knows nothing of placement, packets or time. `fixed` is `engine.fixed.FixedTables` in a fixed-point run,
else None; Numba leaves out the branch that is not taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.synapse_kernels import add_dense, add_one_to_one, add_sparse
from neurosim.engine.synapse_tables import (
    MIDDLE,
    NARROW,
    W_LONG,
    W_START,
    W_STORE,
    W_TARGET_START,
)
from neurosim.engine.tables import (
    J_DELAY_TOKENS,
    J_KIND,
    J_OUTPUT,
    J_POINTER_START,
    J_PORT,
    J_SOURCE,
    P_BACKWARD,
    P_CHARGE_START,
    P_FIRST_NEURON,
    P_FIRST_OUTPUT,
    P_INPUT_START,
    P_MODEL,
    P_N_MODES,
    P_N_OUTPUTS,
    P_N_PARAMETER_ROWS,
    P_N_PORTS,
    P_N_STATE_ROWS,
    P_OUTPUT_START,
    P_PARAMETER_START,
    P_PERIOD,
    P_PHASE,
    P_PORT_START,
    P_RESET_OFFSET,
    P_RESET_PERIOD,
    P_SIZE,
    P_STAGE,
    P_STATE_START,
    P_STEP,
)
from neurosim.kernel import inlined, part
from neurosim.machine import (
    CONVOLUTION,
    DENSE,
    GEOMETRY_DILATION,
    GEOMETRY_GROUPS,
    GEOMETRY_IN_SHAPE,
    GEOMETRY_IN_STRIDE,
    GEOMETRY_KERNEL,
    GEOMETRY_OUT_SHAPE,
    GEOMETRY_OUT_STRIDE,
    GEOMETRY_PADDING,
    GEOMETRY_STEP,
    MAX,
    ONE_TO_ONE,
    PORT_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    SPARSE,
    SUM,
)
from neurosim.models.calls import call_fixed_step, call_step
from neurosim.models.changes import encode_changes, encode_integer_changes, largest_change
from neurosim.models.event_mode import INTERVAL
from neurosim.models.fixed.registry import draws_per_update
from neurosim.models.registry import INPUT
from neurosim.numbers import FLOOR, SATURATE, fit, shift_right


class FunctionState(NamedTuple):
    """Everything the neurons remember, in the numbers of the run."""

    state: NDArray[np.float64]         # flat, see machine.Populations
    charge: NDArray[np.float64]
    output: NDArray[np.float64]
    active: NDArray[np.uint8]          # [neuron id] of the last update
    ring: NDArray[np.int64]            # [2 outputs, 3] R_DEPTH … R_COUNT_START; of changes behind those of values
    ring_count: NDArray[np.int64]      # [ring, slot] events
    ring_neuron: NDArray[np.int32]     # [ring, slot, event] ascending
    ring_value: NDArray[np.float64]
    scratch: NDArray[np.float64]       # [largest size] sums of one projection, in fixed point
    overflow: NDArray[np.int64]        # [population] values that did not fit, in the step at hand
    sent: NDArray[np.float64]          # laid out as output: what receivers of changes have summed
    clock: NDArray[np.float64]         # [population] in place of what its port `interval` sums; negative: nothing is


# FunctionState.ring: tokens kept; start in ring_neuron and ring_value; start in ring_count
R_DEPTH, R_START, R_COUNT_START = 0, 1, 2


class SampleInput(NamedTuple):
    """One sample: the non-zero inputs of each token."""

    n_tokens: int
    start: NDArray[np.int64]           # [token + 1]
    column: NDArray[np.int64]          # ascending within a token
    value: NDArray[np.float64]
    first_draw: int                    # of the random streams: the sample's own


@part
def reset(function):
    """Empty the machine: all states and rings to zero."""
    function.state[:] = 0
    function.output[:] = 0
    function.ring_count[:] = 0
    function.overflow[:] = 0
    function.sent[:] = 0


@part
def token_of(tables, population, interval, step, n_tokens):
    """Return the token that `population` takes in time step `step`, −1 if none or if it rests at that token."""
    since = step - tables.population[population, P_STAGE] - tables.population[population, P_PHASE] * n_tokens * interval
    if since < 0 or since % interval != 0:
        return np.int64(-1)
    token = since // interval
    if token >= n_tokens or (token + 1) % tables.population[population, P_PERIOD] != 0:
        return np.int64(-1)
    return n_tokens - 1 - token if tables.population[population, P_BACKWARD] != 0 else token


@part
def is_reset_at(tables, population, token):
    """Return whether the state of `population` is emptied before it takes `token`."""
    period = tables.population[population, P_RESET_PERIOD]
    return period > 0 and (token - tables.population[population, P_RESET_OFFSET]) % period == 0


@part
def update_population(tables, synapses, fixed, function, sample, population, token):
    """Advance one population to `token` and put its outputs into the rings."""
    if tables.population[population, P_MODEL] == INPUT:
        start = tables.population[population, P_OUTPUT_START]
        values = function.output[start:start + tables.population[population, P_SIZE]]
        take_input(tables, function, sample, population, token, values)
        return
    size = tables.population[population, P_SIZE]
    start = tables.population[population, P_CHARGE_START]
    charges = function.charge[start:start + tables.population[population, P_N_PORTS] * size]
    function.overflow[population] += sum_dendrites(tables, synapses, fixed, function, sample, population, token,
                                                   charges)
    first = tables.population[population, P_FIRST_NEURON]
    start = tables.population[population, P_PARAMETER_START]
    rows = tables.population[population, P_N_PARAMETER_ROWS]
    parameters = tables.parameters[start:start + rows * size].reshape(rows, size)
    start, rows = tables.population[population, P_STATE_START], tables.population[population, P_N_STATE_ROWS]
    if is_reset_at(tables, population, token):
        function.state[start:start + rows * size] = 0
    state = function.state[start:start + rows * size].reshape(rows, size)
    charge = charges.reshape(tables.population[population, P_N_PORTS], size)
    if function.clock[population] >= 0:
        charge[INTERVAL] = function.clock[population]
    start, rows = tables.population[population, P_OUTPUT_START], tables.population[population, P_N_OUTPUTS]
    output = function.output[start:start + rows * size].reshape(rows, size)
    step, n_modes = tables.population[population, P_STEP], tables.population[population, P_N_MODES]
    options, active = tables.options[population], function.active[first:first + size]
    if fixed is None:
        call_step(step, options, n_modes, parameters, state, charge, output, active)
    else:
        draw = sample.first_draw + token * draws_per_update(n_modes, size)
        function.overflow[population] += call_fixed_step(
            step, fixed.constants[population], fixed.table, options, n_modes, parameters, state, charge, output, active,
            draw)
    for index in range(rows):
        _pass_on(tables, fixed, function, population, index, output[index], start + index * size, token)


@part
def _pass_on(tables, fixed, function, population, index, values, at, token):
    """Put an output into its ring; where changes are sent, what receivers have summed, and leave what is sent."""
    output = tables.population[population, P_FIRST_OUTPUT] + index
    threshold = tables.change_threshold[output]
    if threshold < 0:
        keep_events(function, output, values, token)
        return
    sent = function.sent[at:at + values.size]
    if fixed is None:
        encode_changes(threshold, values, sent)
    else:
        function.overflow[population] += encode_integer_changes(
            threshold, largest_change(fixed.constants[population], index), values, sent)
    keep_events(function, output, sent, token)
    keep_events(function, packets_of(tables, output), values, token)


@part
def packets_of(tables, output):
    """Return the ring of what an output puts into packets: its own, or that of its changes, behind all outputs'."""
    return output if tables.change_threshold[output] < 0 else output + tables.change_threshold.size


@part
def take_input(tables, function, sample, population, token, given):
    """Enter the values of an input population as its output of this token, and write them into `given` [neuron]."""
    output = tables.population[population, P_FIRST_OUTPUT]
    slot = token % function.ring[output, R_DEPTH]
    size = tables.population[population, P_SIZE]
    first = tables.population[population, P_INPUT_START]
    at = function.ring[output, R_START] + slot * size
    given[:] = 0
    count = 0
    for index in range(sample.start[token], sample.start[token + 1]):
        column = sample.column[index] - first
        if 0 <= column < size:
            function.ring_neuron[at + count] = column
            function.ring_value[at + count] = sample.value[index]
            given[column] = sample.value[index]
            count += 1
    function.ring_count[function.ring[output, R_COUNT_START] + slot] = count


@part
def keep_events(function, output, values, token):
    """Put the non-zero outputs of a token into the ring."""
    slot = token % function.ring[output, R_DEPTH]
    at = function.ring[output, R_START] + slot * values.size
    neurons, kept = function.ring_neuron[at:at + values.size], function.ring_value[at:at + values.size]
    count = np.uint64(0)
    for neuron in range(values.size):       # without a branch: who fires is hard to predict
        neurons[count] = neuron
        count += np.uint64(values[neuron] != 0)
    for event in range(count):
        kept[event] = values[neurons[event]]
    function.ring_count[function.ring[output, R_COUNT_START] + slot] = count


@inlined
def sum_dendrites(tables, synapses, fixed, function, sample, population, token, charges):
    """Sum what reaches each port of `population` at `token` into `charges` [port, neuron], in canonical order.

    In fixed point, each projection is summed by itself, converted to the scale of the port, and rounded once. Returns
    how many charges did not fit. Inlined: a call that passes all tables costs as much as the sums of a small layer.
    """
    size = tables.population[population, P_SIZE]
    charges[:] = 0
    for projection in range(tables.target_start[population], tables.target_start[population + 1]):
        source = tables.projection[projection, J_SOURCE]
        delay = tables.projection[projection, J_DELAY_TOKENS]
        sent = token + delay if tables.population[source, P_BACKWARD] != 0 else token - delay
        if sent < 0 or sent >= sample.n_tokens:
            continue
        output = tables.population[source, P_FIRST_OUTPUT] + tables.projection[projection, J_OUTPUT]
        slot = sent % function.ring[output, R_DEPTH]
        count = function.ring_count[function.ring[output, R_COUNT_START] + slot]
        at = function.ring[output, R_START] + slot * tables.population[source, P_SIZE]
        neurons = function.ring_neuron[at:at + count]
        values = function.ring_value[at:at + count]
        port = tables.projection[projection, J_PORT]
        operator = tables.port_operator[tables.population[population, P_PORT_START] + port]
        charge = charges[port * size:(port + 1) * size]
        gathered = charge
        if fixed is not None:
            gathered = function.scratch[:size]
            gathered[:] = 0
        kind, pointer = tables.projection[projection, J_KIND], tables.row_pointer
        pointer = pointer[tables.projection[projection, J_POINTER_START]:]
        is_long, first = synapses.place[projection, W_LONG], synapses.place[projection, W_TARGET_START]
        short, long = synapses.short_target, synapses.long_target
        store, at = synapses.place[projection, W_STORE], synapses.place[projection, W_START]
        if store == NARROW:
            _add(kind, gathered, operator, neurons, values, pointer, is_long, first, short, long, synapses.narrow[at:])
        elif store == MIDDLE:
            _add(kind, gathered, operator, neurons, values, pointer, is_long, first, short, long, synapses.middle[at:])
        else:
            _add(kind, gathered, operator, neurons, values, pointer, is_long, first, short, long, synapses.wide[at:])
        if fixed is not None:
            rounding = fixed.constants[population, PORT_SLOT + 4 * port + SLOT_ROUNDING]
            begin = fixed.conversion_start[projection]
            _convert(fixed.mantissa[begin:begin + size], fixed.shift[begin:begin + size], fixed.stream_key[projection],
                     operator, rounding, sample.first_draw + token * size, gathered, charge)
    if fixed is not None:
        return _fit_charges(fixed.constants[population], size, charges)
    return np.int64(0)


@part
def _add(kind, gathered, operator, neurons, values, pointer, is_long, first, short, long, weights):
    """Add the synapses of what fired; `weights` and `pointer` begin with the projection's, its targets at `first`."""
    if kind == SPARSE:
        if is_long:
            add_sparse(gathered, operator, neurons, values, pointer, long[first:], weights)
        else:
            add_sparse(gathered, operator, neurons, values, pointer, short[first:], weights)
    elif kind == DENSE:
        add_dense(gathered, operator, neurons, values, weights)
    elif kind == ONE_TO_ONE:
        add_one_to_one(gathered, operator, neurons, values, weights)
    elif kind == CONVOLUTION:
        add_convolution(gathered, operator, neurons, values, pointer, weights)


@part
def _convert(mantissa, shift, key, operator, rounding, draw, gathered, charge):
    """Add a projection's sums to the charges, in their scale."""
    if operator == SUM and rounding == FLOOR:       # the usual case again, so that it vectorises
        for post in range(charge.size):
            charge[post] += shift_right(gathered[post] * mantissa[post], shift[post], FLOOR, key, draw)
        return
    for post in range(charge.size):
        given = shift_right(gathered[post] * mantissa[post], shift[post], rounding, key, draw + post)
        charge[post] = charge[post] + given if operator == SUM else max(charge[post], given)


@part
def _fit_charges(constants, size, charges):
    """Make what the ports gathered fit; return how many charges did not."""
    n_overflows = np.int64(0)
    for port in range(charges.size // size):
        slot, values = PORT_SLOT + 4 * port, charges[port * size:(port + 1) * size]
        bits, signed = constants[slot + SLOT_BITS], constants[slot + SLOT_SIGNED] != 0
        overflow = constants[slot + SLOT_OVERFLOW]
        if signed and overflow == SATURATE:             # the usual case again, so that it vectorises
            n_overflows += _fit(values, bits, True, SATURATE)
        else:
            n_overflows += _fit(values, bits, signed, overflow)
    return n_overflows


@inlined
def _fit(values, bits, signed, overflow):
    n_overflows = 0
    for index in range(values.size):
        values[index], beyond = fit(values[index], bits, signed, overflow)
        n_overflows += int(beyond)
    return n_overflows


@part
def add_convolution(charge, operator, neurons, values, geometry, weights):
    """Add what each firing neuron's pixel brings under every tap of the kernel; weights [height, width, in, out]."""
    n_in = geometry[GEOMETRY_IN_SHAPE] // geometry[GEOMETRY_GROUPS]
    n_out = geometry[GEOMETRY_OUT_SHAPE]
    n_out_group = n_out // geometry[GEOMETRY_GROUPS]
    channel_stride = geometry[GEOMETRY_OUT_STRIDE]
    height, width = geometry[GEOMETRY_KERNEL], geometry[GEOMETRY_KERNEL + 1]
    for event in range(neurons.size):
        value, neuron = values[event], np.int64(neurons[event])
        channel = neuron // geometry[GEOMETRY_IN_STRIDE] % geometry[GEOMETRY_IN_SHAPE]
        first = channel // n_in * n_out_group
        for row_tap in range(height):
            row = place_under(geometry, 0, neuron, row_tap)
            if row < 0:
                continue
            for column_tap in range(width):
                column = place_under(geometry, 1, neuron, column_tap)
                if column < 0:
                    continue
                at = (row * geometry[GEOMETRY_OUT_STRIDE + 1] + column * geometry[GEOMETRY_OUT_STRIDE + 2]
                      + first * channel_stride)
                start = ((row_tap * width + column_tap) * n_in + channel % n_in) * n_out + first
                _add_channels(charge, operator, at, channel_stride, value, weights[start:start + n_out_group])


@part
def place_under(geometry, axis, neuron, tap):
    """Return the output row (axis 0) or column (1) whose `tap` lies on the neuron's pixel, -1 if none."""
    place = neuron // geometry[GEOMETRY_IN_STRIDE + 1 + axis] % geometry[GEOMETRY_IN_SHAPE + 1 + axis]
    shifted = place + geometry[GEOMETRY_PADDING + axis] - tap * geometry[GEOMETRY_DILATION + axis]
    step = geometry[GEOMETRY_STEP + axis]
    if shifted < 0 or shifted % step != 0:
        return np.int64(-1)
    under = shifted // step
    return under if under < geometry[GEOMETRY_OUT_SHAPE + 1 + axis] else np.int64(-1)


@part
def _add_channels(charge, operator, at, stride, value, weights):
    """Add one tap to all output channels of a group, `stride` apart from `at` on."""
    if operator == SUM:
        for index in range(weights.size):
            charge[at + index * stride] += weights[index] * value
    elif operator == MAX:
        for index in range(weights.size):
            charge[at + index * stride] = max(charge[at + index * stride], weights[index] * value)
    else:
        for index in range(weights.size):
            charge[at + index * stride] = max(charge[at + index * stride], abs(weights[index] * value))
