# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""What a packet does to the neurons of a core: charges to those it touches, and their update. Compiled.

`fixed` is `engine.fixed.FixedTables` in a fixed-point run, else None.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.free_state_kernels import A_MODE, F_SKIPS_ZERO, F_STEP, ROW, STAMP
from neurosim.engine.function_kernels import place_under
from neurosim.engine.tables import (
    J_KIND,
    J_POINTER_START,
    J_PORT,
    J_WEIGHT_START,
    P_CHARGE_START,
    P_FIRST_NEURON,
    P_MODEL,
    P_N_MODES,
    P_N_OUTPUTS,
    P_N_PARAMETER_ROWS,
    P_N_PORTS,
    P_N_STATE_ROWS,
    P_PARAMETER_START,
    P_PORT_START,
    P_SIZE,
    P_STATE_START,
    P_STEP,
    S_START,
    S_STOP,
)
from neurosim.kernel import inlined, part
from neurosim.machine import (
    CONVOLUTION,
    DENSE,
    GEOMETRY_GROUPS,
    GEOMETRY_IN_SHAPE,
    GEOMETRY_IN_STRIDE,
    GEOMETRY_KERNEL,
    GEOMETRY_OUT_SHAPE,
    GEOMETRY_OUT_STRIDE,
    ONE_TO_ONE,
    PORT_SLOT,
    SLOT_ROUNDING,
    SPARSE,
    SUM,
    TICKED,
)
from neurosim.models.calls import call_fixed_step, call_step
from neurosim.models.elapse import elapse
from neurosim.models.fixed.conversion import into_slot
from neurosim.numbers import shift_right

MAX_OPERATOR = 1
# What `_place_of` returns: port operator; charge and neuron id of neuron 0; 1 where zero weights are skipped; the job's
# stamp; of a fixed-point run, conversion of neuron 0 and rounding
(INTO_OPERATOR, INTO_CHARGE, INTO_NEURON, INTO_SKIPS_ZERO, INTO_STAMP, INTO_CONVERSION, INTO_ROUNDING) = range(7)


@part
def deliver(tables, free, fixed, state, projections, neuron, value, index):
    """Add what a packet brings to the neurons of slice `index`; return how many it touches.

    projections : those out of the output that fired
    They stand in state.touched, ascending; of a ticked population they are not listed.
    """
    population = free.slice_population[index]
    is_ticked = free.population[population, A_MODE] == TICKED
    start, stop = tables.slice_[index, S_START], tables.slice_[index, S_STOP]
    state.counter[STAMP] += 1
    n_touched = np.int64(0)
    for projection in projections:
        if free.projection_target[projection] == population:
            n_touched = _add_row(tables, free, fixed, state, projection, population, neuron, value, start, stop,
                                 n_touched)
    if is_ticked:
        return np.int64(0)
    _sort(state.touched[:n_touched])
    return n_touched


@part
def _add_row(tables, free, fixed, state, projection, population, neuron, value, start, stop, n_touched):
    """Add the synapses of one source neuron into target neurons `start` to `stop` - 1; return the touched ones."""
    kind, first = tables.projection[projection, J_KIND], tables.projection[projection, J_WEIGHT_START]
    into = _place_of(tables, free, fixed, state, projection, population)
    if kind == DENSE:
        at = first + neuron * tables.population[population, P_SIZE]
        for post in range(start, stop):
            n_touched = _add(fixed, state.charge, state.mark, state.touched, into, post, tables.weights[at + post],
                             value, n_touched)
    elif kind == SPARSE:
        pointer = tables.projection[projection, J_POINTER_START] + neuron
        for synapse in range(first + tables.row_pointer[pointer], first + tables.row_pointer[pointer + 1]):
            post = np.int64(tables.targets[synapse])
            if start <= post < stop:
                n_touched = _add(fixed, state.charge, state.mark, state.touched, into, post, tables.weights[synapse],
                                 value, n_touched)
    elif kind == ONE_TO_ONE:
        if start <= neuron < stop:
            n_touched = _add(fixed, state.charge, state.mark, state.touched, into, neuron,
                             tables.weights[first + neuron], value, n_touched)
    elif kind == CONVOLUTION:
        geometry = tables.row_pointer[tables.projection[projection, J_POINTER_START]:]
        n_touched = _add_taps(fixed, state.charge, state.mark, state.touched, into, geometry, tables.weights[first:],
                              neuron, value, start, stop, n_touched)
    return n_touched


@part
def _place_of(tables, free, fixed, state, projection, population):
    """Return what all synapses of a projection have in common, see INTO_…; looked up once, since calls are many."""
    size, port = tables.population[population, P_SIZE], tables.projection[projection, J_PORT]
    operator = np.int64(tables.port_operator[tables.population[population, P_PORT_START] + port])
    conversion, rounding = np.int64(0), np.int64(0)
    if fixed is not None:
        conversion = fixed.conversion_start[projection]
        rounding = fixed.constants[population, PORT_SLOT + 4 * port + SLOT_ROUNDING]
    return (operator, tables.population[population, P_CHARGE_START] + port * size,
            tables.population[population, P_FIRST_NEURON], free.scalar[F_SKIPS_ZERO], state.counter[STAMP], conversion,
            rounding)


@part
def _add_taps(fixed, charge, mark, touched, into, geometry, weights, neuron, value, start, stop, n_touched):
    """Add what a pixel brings under every tap of a kernel; each neuron lies under one tap at most."""
    n_in = geometry[GEOMETRY_IN_SHAPE] // geometry[GEOMETRY_GROUPS]
    n_out = geometry[GEOMETRY_OUT_SHAPE]
    n_out_group = n_out // geometry[GEOMETRY_GROUPS]
    height, width = geometry[GEOMETRY_KERNEL], geometry[GEOMETRY_KERNEL + 1]
    channel = neuron // geometry[GEOMETRY_IN_STRIDE] % geometry[GEOMETRY_IN_SHAPE]
    first_out = channel // n_in * n_out_group
    for row_tap in range(height):
        row = place_under(geometry, 0, neuron, row_tap)
        if row < 0:
            continue
        for column_tap in range(width):
            column = place_under(geometry, 1, neuron, column_tap)
            if column < 0:
                continue
            at = row * geometry[GEOMETRY_OUT_STRIDE + 1] + column * geometry[GEOMETRY_OUT_STRIDE + 2]
            weight = ((row_tap * width + column_tap) * n_in + channel % n_in) * n_out
            for out in range(first_out, first_out + n_out_group):
                post = at + out * geometry[GEOMETRY_OUT_STRIDE]
                if start <= post < stop:
                    n_touched = _add(fixed, charge, mark, touched, into, post, weights[weight + out], value, n_touched)
    return n_touched


@inlined
def _add(fixed, charge, mark, touched, into, post, weight, value, n_touched):
    """Add one synapse; return the touched neurons. In fixed point it is converted to the port's scale by itself."""
    if weight == 0 and into[INTO_SKIPS_ZERO] != 0:
        return n_touched
    operator = into[INTO_OPERATOR]
    product = weight * value
    if operator > MAX_OPERATOR:
        product = abs(product)
    if fixed is not None:
        at = into[INTO_CONVERSION] + post
        product = shift_right(product * fixed.mantissa[at], fixed.shift[at], into[INTO_ROUNDING], np.int64(0),
                              np.int64(0))
    at = into[INTO_CHARGE] + post
    charge[at] = charge[at] + product if operator == SUM else max(charge[at], product)
    at = into[INTO_NEURON] + post
    if mark[at] != into[INTO_STAMP]:
        mark[at] = into[INTO_STAMP]
        touched[n_touched] = post
        n_touched += 1
    return n_touched


@part
def _sort(neurons):
    """Sort in place, by Shell's method with gaps of 2**k - 1; most lists ascend already."""
    ascending = True
    for index in range(1, neurons.size):
        ascending = ascending and neurons[index - 1] < neurons[index]
    gap = np.int64(1)
    while not ascending and 2 * gap + 1 < neurons.size:
        gap = 2 * gap + 1
    while not ascending and gap > 0:
        for index in range(gap, neurons.size):
            neuron, at = neurons[index], index
            while at >= gap and neurons[at - gap] > neuron:
                neurons[at] = neurons[at - gap]
                at -= gap
            neurons[at] = neuron
        gap >>= 1


@part
def update_touched(tables, free, fixed, state, output, index, n, is_tick, now):
    """Update the `n` neurons in state.touched of slice `index` with the charges they have, which become 0.

    is_tick : by one step; else by the time gone by until `now`, which state.gone says and state.advanced keeps
    Leaves the outputs in state.work [output, neuron], from the start returned on, and state.active.
    """
    population = free.slice_population[index]
    size, model = tables.population[population, P_SIZE], tables.population[population, P_MODEL]
    n_rows, n_states = tables.population[population, P_N_PARAMETER_ROWS], tables.population[population, P_N_STATE_ROWS]
    n_ports, n_outputs = tables.population[population, P_N_PORTS], tables.population[population, P_N_OUTPUTS]
    ends = (n_rows * n, (n_rows + n_states) * n, (n_rows + n_states + n_ports) * n,
            (n_rows + n_states + n_ports + n_outputs) * n)
    neurons, work = state.touched[:n], state.work
    parameters = work[:ends[0]].reshape(n_rows, n)
    states = work[ends[0]:ends[1]].reshape(n_states, n)
    charges = work[ends[1]:ends[2]].reshape(n_ports, n)
    outputs = work[ends[2]:ends[3]].reshape(n_outputs, n)
    _pick(tables.parameters, tables.population[population, P_PARAMETER_START], size, neurons, parameters)
    _pick(state.state, tables.population[population, P_STATE_START], size, neurons, states)
    start = tables.population[population, P_CHARGE_START]
    _pick(state.charge, start, size, neurons, charges)
    for port in range(n_ports):
        for place in range(n):
            state.charge[start + port * size + neurons[place]] = 0
    _note_time(tables, free, state, population, n, is_tick, now)
    n_modes, options, active = tables.population[population, P_N_MODES], tables.options[population], state.active[:n]
    step = tables.population[population, P_STEP]
    if fixed is None:
        if not is_tick:
            elapse(model, n_modes, state.elapsed[:n], parameters, states, charges)
        call_step(step, options, n_modes, parameters, states, charges, outputs, active)
    else:
        n_overflows = _fit(fixed.constants[population], charges)
        output.overflow[state.counter[ROW], population] += n_overflows + call_fixed_step(
            step, fixed.constants[population], fixed.table, options, n_modes, parameters, states, charges, outputs,
            active, np.int64(0))
    start = tables.population[population, P_STATE_START]
    for row in range(n_states):
        for place in range(n):
            state.state[start + row * size + neurons[place]] = states[row, place]
    return ends[2]


@part
def _pick(table, start, size, neurons, picked):
    """Copy some columns of a flat table [row, size]."""
    for row in range(picked.shape[0]):
        for place in range(neurons.size):
            picked[row, place] = table[start + row * size + neurons[place]]


@part
def _note_time(tables, free, state, population, n, is_tick, now):
    """Write for how long each neuron was left alone."""
    first = tables.population[population, P_FIRST_NEURON]
    for place in range(n):
        state.gone[place] = 0
        if not is_tick:
            at = first + state.touched[place]
            gone = now - state.advanced[at]
            state.advanced[at] = now
            state.gone[place] = gone > 0
            state.elapsed[place] = np.float64(gone) / np.float64(free.scalar[F_STEP])


@part
def _fit(constants, charges):
    """Make what the ports gathered fit; return how many charges did not."""
    n_overflows = np.int64(0)
    for port in range(charges.shape[0]):
        for place in range(charges.shape[1]):
            charges[port, place], beyond = into_slot(constants, PORT_SLOT + 4 * port, charges[port, place])
            n_overflows += beyond
    return n_overflows
