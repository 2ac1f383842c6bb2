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

from neurosim.kernel import inlined, kernel, part
from neurosim.machine import (
    DECAY_SHIFT,
    INTERNAL_SLOT,
    LEAK_SHIFT,
    OUTPUT_SLOT,
    SECOND_STATE_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    STATE_SLOT,
    STREAM_KEY,
)
from neurosim.models.activations import GELU, RELU
from neurosim.models.diagonal_ssm import mark_active
from neurosim.models.firing import fires
from neurosim.models.fixed.conversion import MODE_DRAWS, convert, into_slot, soma_draw
from neurosim.models.fixed.lookup import look_up
from neurosim.numbers import FLOOR, SATURATE, TOWARD_ZERO, fit, multiply_shift, shift_right

# Rows behind the per-mode tables a_real, a_imag, b_real, b_imag, c_real, c_imag of n_modes rows each.
MODE_TABLES = 6
D, D_SHIFT, B_SHIFT, MANTISSA, DESCALE_SHIFT, BIAS = range(6)
THRESHOLD, LEAK = 6, 7                                      # ssm_heaviside; ssm_lif: what stands for 1, and the leak
OUT_MANTISSA, OUT_SHIFT, X_MANTISSA, X_SHIFT = range(6, 10)  # ssm
N_TAIL_ROWS = {"ssm": 10, "ssm_heaviside": 7, "ssm_lif": 8}


@part
def step_fixed_ssm(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the modes, set the output and active; return what did not fit."""
    size = output.shape[1]
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    tail = MODE_TABLES * n_modes
    activation = options[0]
    for neuron in range(size):
        value, draw = output[0, neuron], soma_draw(n_modes, size, neuron, first) + 2
        mantissa, shift = parameters[tail + OUT_MANTISSA, neuron], parameters[tail + OUT_SHIFT, neuron]
        if activation == RELU:
            value = max(value, 0)
        elif activation == GELU:
            point = convert(constants, INTERNAL_SLOT, value, parameters[tail + X_MANTISSA, neuron],
                            parameters[tail + X_SHIFT, neuron], draw)
            value *= look_up(constants, table, point)
        sent = convert(constants, OUTPUT_SLOT, value, mantissa, shift, draw + 1)
        output[0, neuron], beyond = into_slot(constants, OUTPUT_SLOT, sent)
        n_overflows += beyond
    return n_overflows


@part
def step_fixed_ssm_heaviside(constants, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the modes, set spike and active; return what did not fit."""
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    comparator, threshold = options[0], parameters[MODE_TABLES * n_modes + THRESHOLD]
    for neuron in range(output.shape[1]):
        output[0, neuron] = np.int64(fires(output[0, neuron], threshold[neuron], comparator))
    return n_overflows


@part
def step_fixed_ssm_lif(constants, options, n_modes, parameters, state, charge, output, active, first):
    """Advance modes and potential, set spike and active; return what did not fit."""
    size = output.shape[1]
    n_overflows = advance_fixed_modes(constants, n_modes, parameters, state, charge, output, active, first)
    tail, potential, comparator = MODE_TABLES * n_modes, state[2 * n_modes], options[0]
    for neuron in range(size):
        active[neuron] |= potential[neuron] != 0
        kept = convert(constants, SECOND_STATE_SLOT, potential[neuron], parameters[tail + LEAK, neuron],
                       constants[LEAK_SHIFT], soma_draw(n_modes, size, neuron, first) + 2)
        membrane, beyond = into_slot(constants, SECOND_STATE_SLOT, kept + output[0, neuron])
        n_overflows += beyond
        spike = fires(membrane, parameters[tail + THRESHOLD, neuron], comparator)
        output[0, neuron] = np.int64(spike)
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
    rounding, key = constants[INTERNAL_SLOT + SLOT_ROUNDING], constants[STREAM_KEY]
    for neuron in range(size):
        draw = soma_draw(n_modes, size, neuron, first)
        skipped = multiply_shift(parameters[tail + D, neuron], given[neuron] + bias[neuron],
                                 parameters[tail + D_SHIFT, neuron], rounding, key, draw)
        y = shift_right((2 * total[neuron] + skipped) * parameters[tail + MANTISSA, neuron],
                        parameters[tail + DESCALE_SHIFT, neuron], rounding, key, draw + 1)
        total[neuron], beyond = into_slot(constants, INTERNAL_SLOT, y)
        n_overflows += beyond
    return n_overflows


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
