"""The S4D somata in integers: `ssm`, `ssm_heaviside`, `ssm_lif`.

    x = charge + bias
    h_re' = fit(rnd(a_re h_re, sa) - rnd(a_im h_im, sa) + rnd(b_re x, sb))
    h_im' = fit(rnd(a_re h_im, sa) + rnd(a_im h_re, sa) + rnd(b_im x, sb))        each product rounded on its own
    total = 2 sum_n (c_re h_re' - c_im h_im') + rnd(d x, sd)                      in 64 bits
    y     = fit(rnd(total mantissa, n))

    ssm            y, or its GELU from the table, or max(y, 0), converted to the payload
    ssm_heaviside  spike where y reaches (or exceeds) the threshold
    ssm_lif        m = fit(rnd(leak u, f) + y);  spike where m reaches (or exceeds) 1;  u <- 0 on a spike, else m

rnd(x, s) is x / 2**s, rounded as the slot of h says, that of d x and y as the slot of y says. sb and sd are per neuron
and may be negative. In `ssm_lif`, c and d come divided by the threshold, and y has the scale of u. Nobody has published
the integer semantics of S4D on Loihi 2: this is ours, made of its published widths. With floor, a decaying negative
word never dies: of a real a it stays at the largest -m with (1 - a) m < 1. Toward zero, both signs end at 0.

Source: Meyer et al., "A Diagonal Structured State Space Model on Loihi 2 for Efficient Streaming Sequence Processing",
arXiv 2409.15022 (widths); the order of products and sums is that of `neurosim.models.diagonal_ssm`.
"""

import numpy as np

from neurosim.integer_lanes import WIDE_INTEGERS, floor_narrow, floor_wide, zero_narrow, zero_wide
from neurosim.kernel import inlined, kernel, part
from neurosim.lanes import IN_USE, VECTOR_BYTES
from neurosim.machine import (
    DECAY_SHIFT,
    INTERNAL_SLOT,
    LEAK_SHIFT,
    OUTPUT_SLOT,
    SECOND_STATE_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    STATE_SLOT,
    STREAM_KEY,
)
from neurosim.models.activations import GELU, RELU
from neurosim.models.diagonal_ssm import mark_active
from neurosim.models.firing import fires
from neurosim.models.fixed.conversion import MODE_DRAWS, SOMA_DRAWS, convert, into_slot, soma_draw
from neurosim.models.fixed.lookup import look_up
from neurosim.numbers import FLOOR, MOST_SHIFT, SATURATE, TOWARD_ZERO, fit, multiply_shift

# Rows behind the per-mode tables a_real, a_imag, b_real, b_imag, c_real, c_imag of n_modes rows each.
MODE_TABLES = 6
D, D_SHIFT, B_SHIFT, MANTISSA, DESCALE_SHIFT, BIAS = range(6)
THRESHOLD, LEAK = 6, 7                                      # ssm_heaviside; ssm_lif: what stands for 1, and the leak
OUT_MANTISSA, OUT_SHIFT, X_MANTISSA, X_SHIFT = range(6, 10)  # ssm
N_TAIL_ROWS = {"ssm": 10, "ssm_heaviside": 7, "ssm_lif": 8}


@kernel
def step_fixed_ssm(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the modes, set the output and active; return what did not fit."""
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    return n_overflows + activate_fixed(constants, table, options, n_modes, parameters, output[0], first)


@part
def activate_fixed(constants, table, options, n_modes, parameters, values, first):
    """Turn y [neuron] into the payload; return how many did not fit."""
    size, tail = values.size, MODE_TABLES * n_modes
    activation = options[0]
    n_overflows = np.int64(0)
    for neuron in range(size):
        value, draw = values[neuron], soma_draw(n_modes, size, neuron, first) + 2
        mantissa, shift = parameters[tail + OUT_MANTISSA, neuron], parameters[tail + OUT_SHIFT, neuron]
        if activation == RELU:
            value = max(value, 0)
        elif activation == GELU:
            point = convert(constants, INTERNAL_SLOT, value, parameters[tail + X_MANTISSA, neuron],
                            parameters[tail + X_SHIFT, neuron], draw)
            value *= look_up(constants, table, point)
        sent = convert(constants, OUTPUT_SLOT, value, mantissa, shift, draw + 1)
        values[neuron], beyond = into_slot(constants, OUTPUT_SLOT, sent)
        n_overflows += beyond
    return n_overflows


@kernel
def step_fixed_ssm_heaviside(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the modes, set spike and active; return what did not fit."""
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    compare_fixed(options, parameters[MODE_TABLES * n_modes + THRESHOLD], output[0])
    return n_overflows


@part
def compare_fixed(options, threshold, values):
    """Turn y [neuron] into spikes."""
    comparator = options[0]
    for neuron in range(values.size):
        values[neuron] = np.int64(fires(values[neuron], threshold[neuron], comparator))


@kernel
def step_fixed_ssm_lif(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance modes and potential, set spike and active; return what did not fit."""
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    return n_overflows + step_fixed_membrane(constants, options, n_modes, parameters, state[2 * n_modes], output[0],
                                             active, first)


@part
def step_fixed_membrane(constants, options, n_modes, parameters, potential, values, active, first):
    """Advance the potential by y [neuron], which becomes spikes; it counts as active too. Return what did not fit."""
    slot, tail = SECOND_STATE_SLOT, MODE_TABLES * n_modes
    rounding, overflow = constants[slot + SLOT_ROUNDING], constants[slot + SLOT_OVERFLOW]
    leak, threshold = parameters[tail + LEAK], parameters[tail + THRESHOLD]
    draw = soma_draw(n_modes, values.size, 0, first) + 2
    for neuron in range(values.size):
        active[neuron] |= potential[neuron] != 0
    # The usual case again, with constants: so it vectorises.
    if rounding == FLOOR and overflow == SATURATE:
        return _step_membrane(constants, FLOOR, SATURATE, options[0], leak, threshold, potential, values, draw)
    return _step_membrane(constants, rounding, overflow, options[0], leak, threshold, potential, values, draw)


@inlined
def _step_membrane(constants, rounding, overflow, comparator, leak, threshold, potential, values, draw):
    key, bits = constants[STREAM_KEY], constants[SECOND_STATE_SLOT + SLOT_BITS]
    signed, shift = constants[SECOND_STATE_SLOT + SLOT_SIGNED] != 0, constants[LEAK_SHIFT]
    n_overflows = 0
    for neuron in range(values.size):
        kept = multiply_shift(potential[neuron], leak[neuron], shift, rounding, key, draw + SOMA_DRAWS * neuron)
        membrane, beyond = fit(kept + values[neuron], bits, signed, overflow)
        n_overflows += int(beyond)
        spike = fires(membrane, threshold[neuron], comparator)
        values[neuron] = int(spike)
        potential[neuron] = 0 if spike else membrane
    return n_overflows


@kernel
def advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first):
    """Advance the modes by one token: write h_real and h_imag into state, y into output row 0, and active.

    Return the words of state and the y that did not fit. Rounding k of mode m, neuron j takes random entry
    first + 6 (m size + j) + k, with k in the order of the equations; those of the neuron come behind, eight per neuron.
    """
    tail, size = MODE_TABLES * n_modes, output.shape[1]
    given, bias, total = charge[0], parameters[tail + BIAS], output[0]
    mark_active(n_modes, state, given, bias, active)
    for neuron in range(size):
        total[neuron] = 0
    n_overflows = np.int64(0)
    for mode in range(n_modes):
        n_overflows += _advance_mode(
            constants, parameters[mode], parameters[n_modes + mode], parameters[2 * n_modes + mode],
            parameters[3 * n_modes + mode], parameters[4 * n_modes + mode], parameters[5 * n_modes + mode],
            parameters[tail + B_SHIFT], given, bias, state[mode], state[n_modes + mode],
            first + MODE_DRAWS * mode * size, total)
    for neuron in range(size):
        total[neuron] *= 2
    return n_overflows + finish_fixed_output(constants, n_modes, parameters, given, total, first)


@part
def finish_fixed_output(constants, n_modes, parameters, given, total, first):
    """Turn twice the sum over modes [neuron] into y; return how many did not fit."""
    rounding, overflow = constants[INTERNAL_SLOT + SLOT_ROUNDING], constants[INTERNAL_SLOT + SLOT_OVERFLOW]
    draw = soma_draw(n_modes, total.size, 0, first)
    rows, bias = parameters[MODE_TABLES * n_modes:], parameters[MODE_TABLES * n_modes + BIAS]
    # The usual case again, with constants: so it vectorises.
    if rounding == FLOOR and overflow == SATURATE:
        return _finish_output(constants, FLOOR, SATURATE, rows, given, bias, total, draw)
    return _finish_output(constants, rounding, overflow, rows, given, bias, total, draw)


@inlined
def _finish_output(constants, rounding, overflow, rows, given, bias, total, draw):
    key, bits = constants[STREAM_KEY], constants[INTERNAL_SLOT + SLOT_BITS]
    signed = constants[INTERNAL_SLOT + SLOT_SIGNED] != 0
    d, d_shift, mantissa, shift = rows[D], rows[D_SHIFT], rows[MANTISSA], rows[DESCALE_SHIFT]
    n_overflows = 0
    for neuron in range(total.size):
        place = draw + SOMA_DRAWS * neuron
        skipped = multiply_shift(d[neuron], given[neuron] + bias[neuron], d_shift[neuron], rounding, key, place)
        y = multiply_shift(total[neuron] + skipped, mantissa[neuron], shift[neuron], rounding, key, place + 1)
        total[neuron], beyond = fit(y, bits, signed, overflow)
        n_overflows += int(beyond)
    return n_overflows


@part
def may_block(constants):
    """Return whether `advance_fixed_modes_in_block` knows the rounding and the overflow of the states."""
    rounding, shift = constants[STATE_SLOT + SLOT_ROUNDING], constants[DECAY_SHIFT]
    return (constants[STATE_SLOT + SLOT_OVERFLOW] == SATURATE and (rounding == FLOOR or rounding == TOWARD_ZERO)
            and 0 <= shift <= MOST_SHIFT)


@kernel
def advance_fixed_modes_in_block(constants, n_modes, parameters, state, x, total, live, overflow):
    """Advance the modes by a block of tokens, mode by mode; int64 x, total, live [token, neuron] as in `lanes`.

    Adds the words that did not fit to overflow [token].
    """
    n_tokens, size = total.shape
    a_shift, bits = constants[DECAY_SHIFT], constants[STATE_SLOT + SLOT_BITS]
    is_floor = constants[STATE_SLOT + SLOT_ROUNDING] == FLOOR
    b_shift = parameters[MODE_TABLES * n_modes + B_SHIFT]
    for token in range(n_tokens):
        for neuron in range(size):
            total[token, neuron], live[token, neuron] = 0, 0
    first, n_lanes = 0, VECTOR_BYTES // 8
    if IN_USE:
        while first + n_lanes <= size:
            n_next = n_lanes * WIDE_INTEGERS if first + n_lanes * WIDE_INTEGERS <= size else n_lanes
            for mode in range(n_modes):
                if n_next == n_lanes:
                    if is_floor:
                        wrong = floor_narrow(mode, n_modes, parameters, state, x, total, live, first, n_tokens,
                                             b_shift, a_shift, bits)
                    else:
                        wrong = zero_narrow(mode, n_modes, parameters, state, x, total, live, first, n_tokens,
                                            b_shift, a_shift, bits)
                elif is_floor:
                    wrong = floor_wide(mode, n_modes, parameters, state, x, total, live, first, n_tokens, b_shift,
                                       a_shift, bits)
                else:
                    wrong = zero_wide(mode, n_modes, parameters, state, x, total, live, first, n_tokens, b_shift,
                                      a_shift, bits)
                if wrong != 0:
                    for neuron in range(first, first + n_next):
                        for token in range(n_tokens):
                            _advance_word(constants, n_modes, parameters, state, x, overflow, mode, neuron, token)
            first += n_next
    for neuron in range(first, size):
        for mode in range(n_modes):
            for token in range(n_tokens):
                live[token, neuron] |= state[mode, neuron] | state[n_modes + mode, neuron]
                total[token, neuron] += _advance_word(constants, n_modes, parameters, state, x, overflow, mode, neuron,
                                                      token)


@part
def _advance_word(constants, n_modes, parameters, state, x, overflow, mode, neuron, token):
    """Advance one mode of one neuron by a token; count what did not fit; return c_re h_re - c_im h_im."""
    rounding, a_shift = constants[STATE_SLOT + SLOT_ROUNDING], constants[DECAY_SHIFT]
    bits, down = constants[STATE_SLOT + SLOT_BITS], parameters[MODE_TABLES * n_modes + B_SHIFT, neuron]
    real, imag, given = state[mode, neuron], state[n_modes + mode, neuron], x[token, neuron]
    decay, turn = parameters[mode, neuron], parameters[n_modes + mode, neuron]
    new_real = (multiply_shift(decay, real, a_shift, rounding, 0, 0)
                - multiply_shift(turn, imag, a_shift, rounding, 0, 0)
                + multiply_shift(parameters[2 * n_modes + mode, neuron], given, down, rounding, 0, 0))
    new_imag = (multiply_shift(decay, imag, a_shift, rounding, 0, 0)
                + multiply_shift(turn, real, a_shift, rounding, 0, 0)
                + multiply_shift(parameters[3 * n_modes + mode, neuron], given, down, rounding, 0, 0))
    new_real, real_beyond = fit(new_real, bits, True, SATURATE)
    new_imag, imag_beyond = fit(new_imag, bits, True, SATURATE)
    overflow[token] += int(real_beyond) + int(imag_beyond)
    state[mode, neuron], state[n_modes + mode, neuron] = new_real, new_imag
    return parameters[4 * n_modes + mode, neuron] * new_real - parameters[5 * n_modes + mode, neuron] * new_imag


@inlined
def _advance_mode(constants, a_real, a_imag, b_real, b_imag, c_real, c_imag, b_shift, given, bias, h_real, h_imag,
                  first, total):
    """Advance one mode of every neuron; add c_re h_re - c_im h_im to `total`."""
    rounding, overflow = constants[STATE_SLOT + SLOT_ROUNDING], constants[STATE_SLOT + SLOT_OVERFLOW]
    # The usual cases again, with constants: so they vectorise, and take a fifth of the time.
    if rounding == FLOOR and overflow == SATURATE:
        return _advance(constants, FLOOR, SATURATE, a_real, a_imag, b_real, b_imag, c_real, c_imag, b_shift, given,
                        bias, h_real, h_imag, first, total)
    if rounding == TOWARD_ZERO and overflow == SATURATE:
        return _advance(constants, TOWARD_ZERO, SATURATE, a_real, a_imag, b_real, b_imag, c_real, c_imag, b_shift,
                        given, bias, h_real, h_imag, first, total)
    return _advance(constants, rounding, overflow, a_real, a_imag, b_real, b_imag, c_real, c_imag, b_shift, given,
                    bias, h_real, h_imag, first, total)


@inlined
def _advance(constants, rounding, overflow, a_real, a_imag, b_real, b_imag, c_real, c_imag, b_shift, given, bias,
             h_real, h_imag, first, total):
    a_shift, bits, key = constants[DECAY_SHIFT], constants[STATE_SLOT + SLOT_BITS], constants[STREAM_KEY]
    n_beyond = 0
    for neuron in range(total.size):
        real, imag, x = h_real[neuron], h_imag[neuron], given[neuron] + bias[neuron]
        decay, turn, draw, down = a_real[neuron], a_imag[neuron], first + MODE_DRAWS * neuron, b_shift[neuron]
        new_real = (multiply_shift(decay, real, a_shift, rounding, key, draw)
                    - multiply_shift(turn, imag, a_shift, rounding, key, draw + 1)
                    + multiply_shift(b_real[neuron], x, down, rounding, key, draw + 2))
        new_imag = (multiply_shift(decay, imag, a_shift, rounding, key, draw + 3)
                    + multiply_shift(turn, real, a_shift, rounding, key, draw + 4)
                    + multiply_shift(b_imag[neuron], x, down, rounding, key, draw + 5))
        new_real, real_beyond = fit(new_real, bits, True, overflow)
        new_imag, imag_beyond = fit(new_imag, bits, True, overflow)
        h_real[neuron], h_imag[neuron] = new_real, new_imag
        total[neuron] += c_real[neuron] * new_real - c_imag[neuron] * new_imag
        n_beyond += int(real_beyond) + int(imag_beyond)
    return n_beyond
