"""The S4D recurrence: M complex modes per neuron, one of each conjugate pair.

    x = charge + bias;   h <- a h + b x  (mode by mode);   y = 2 Re sum_n c_n h_n + d x      (with the new h)

Canonical order of the sums, which makes float64 the reference: modes ascending, then times 2, then + d x; within a
mode (a_re h_re - a_im h_im) + b_re x and (a_re h_im + a_im h_re) + b_im x.

In float32, states below the smallest normal number become 0: a decaying state would otherwise spend most of its time
among denormals, which processors handle slowly. float64 is left alone.

Source: Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
arXiv 2206.11893.
"""

from neurosim.kernel import inlined, kernel, part
from neurosim.lanes import (
    IN_USE,
    SMALLEST_FLOAT32,
    VECTOR_BYTES,
    WIDE,
    block_narrow,
    block_wide,
    step_narrow,
    step_wide,
)
from neurosim.models.powers import raise_complex

# Rows behind the per-mode parameters (six tables of n_modes rows) and the per-mode state (two).
MODE_TABLES, MODE_STATES = 6, 2
D, BIAS, THRESHOLD, LEAK = 0, 1, 2, 3


@kernel
def advance_modes(n_modes, parameters, state, charge, output, active):
    """Advance the modes by one token: write h_real and h_imag into state, y into output row 0, and active."""
    bias, given, total = parameters[MODE_TABLES * n_modes + BIAS], charge[0], output[0]
    size = total.size
    n_vector = VECTOR_BYTES // total.itemsize
    first = 0
    if IN_USE:
        while first + WIDE * n_vector <= size:
            step_wide(n_modes, parameters, state, given, bias, total, active, first)
            first += WIDE * n_vector
        while first + n_vector <= size:
            step_narrow(n_modes, parameters, state, given, bias, total, active, first)
            first += n_vector
    for neuron in range(first, size):
        _advance_neuron(n_modes, parameters, state, bias, given, total, active, neuron)
    finish_output(parameters[MODE_TABLES * n_modes + D], bias, given, total)


@kernel
def advance_modes_in_block(n_modes, parameters, state, x, total, live):
    """Advance the modes by a block of tokens, mode by mode; x, total, live [token, neuron] as in `block_lanes`."""
    n_tokens, size = total.shape
    n_vector = VECTOR_BYTES // total.itemsize
    for token in range(n_tokens):
        for neuron in range(size):
            total[token, neuron], live[token, neuron] = 0, 0
    first = 0
    if IN_USE:
        while first + WIDE * n_vector <= size:
            for mode in range(n_modes):
                block_wide(mode, n_modes, parameters, state, x, total, live, first, n_tokens)
            first += WIDE * n_vector
        while first + n_vector <= size:
            for mode in range(n_modes):
                block_narrow(mode, n_modes, parameters, state, x, total, live, first, n_tokens)
            first += n_vector
    one = total.dtype.type(1)
    for neuron in range(first, size):
        for token in range(n_tokens):
            for row in range(MODE_STATES * n_modes):
                if state[row, neuron] != 0:
                    live[token, neuron] = one
            total[token, neuron] = _advance_states(n_modes, parameters, state, x[token, neuron], neuron)


@kernel
def mark_active(n_modes, state, given, bias, active):
    """Set active where a charge, a bias or a word of the modes is not 0: mostly the first look tells.

    A loop of its own: bytes among words would keep the one over the modes from being vectorised well.
    """
    for neuron in range(given.size):
        found = given[neuron] != 0 or bias[neuron] != 0
        row = 0
        while not found and row < MODE_STATES * n_modes:
            found = state[row, neuron] != 0
            row += 1
        active[neuron] = found


@inlined
def _advance_neuron(n_modes, parameters, state, bias, given, total, active, neuron):
    """Advance one neuron: those beyond the last whole vector."""
    found = given[neuron] != 0 or bias[neuron] != 0
    for row in range(MODE_STATES * n_modes):
        found |= state[row, neuron] != 0
    active[neuron] = found
    total[neuron] = _advance_states(n_modes, parameters, state, given[neuron] + bias[neuron], neuron)


@inlined
def _advance_states(n_modes, parameters, state, x, neuron):
    """Advance all modes of one neuron; return the sum of c_re h_re - c_im h_im."""
    number = state.dtype.type
    smallest = number(SMALLEST_FLOAT32) if state.itemsize == 4 else number(0)
    zero = number(0)
    total = zero
    for mode in range(n_modes):
        a_real, a_imag = parameters[mode, neuron], parameters[n_modes + mode, neuron]
        b_real, b_imag = parameters[2 * n_modes + mode, neuron], parameters[3 * n_modes + mode, neuron]
        c_real, c_imag = parameters[4 * n_modes + mode, neuron], parameters[5 * n_modes + mode, neuron]
        real, imag = state[mode, neuron], state[n_modes + mode, neuron]
        new_real = a_real * real - a_imag * imag + b_real * x
        new_imag = a_real * imag + a_imag * real + b_imag * x
        new_real = zero if abs(new_real) < smallest else new_real
        new_imag = zero if abs(new_imag) < smallest else new_imag
        state[mode, neuron], state[n_modes + mode, neuron] = new_real, new_imag
        total += c_real * new_real - c_imag * new_imag
    return total


@kernel
def finish_output(d, bias, given, total):
    """Turn the sum over modes into y = 2 sum + d x."""
    two = total.dtype.type(2)
    for neuron in range(total.size):
        total[neuron] = two * total[neuron] + d[neuron] * (given[neuron] + bias[neuron])


@part
def elapse_modes(n_modes, elapsed, parameters):
    """Make every mode's a that of one step that lasts as long as `elapsed` steps without input."""
    for mode in range(n_modes):
        raise_complex(parameters[mode], parameters[n_modes + mode], elapsed)
