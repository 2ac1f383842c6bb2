"""Modes of a state space as neurons, in integers: `mode` and `event_mode`.

    mode        h_re' = fit(rnd(a_re h_re, s) - rnd(a_im h_im, s) + charge_re)
                h_im' = fit(rnd(a_re h_im, s) + rnd(a_im h_re, s) + charge_im)      each product rounded on its own
    event_mode  hold `zero`: h <- fit(h + charge);   hold `none`: h as it is
                for each bit j that is set in the interval, lowest first:
                    h <- fit(trz(p_j h, s)), the complex product as above, p_j = exp(rate step 2**j)
                hold `zero`: h' = fit(h - charge);   hold `none`: h' = fit(h + charge)
    both        sent: h_re' and h_im', each converted to its payload

The exponential is thus a table of powers, one complex word per bit of the interval: exp(rate n step) is the product of
those of the bits of n. Rounding toward zero (`trz`) loses less than two steps of h per bit that is set, and lets a
silent state end at 0. Intervals below 0 count as 0, those beyond the table as its largest, and both as overflows.

Source: `mode` does one step of IntelLabs/SparseRNNs b623aea (see `integer_s5`) where its rounding is a floor; the
table of powers is ours.
"""

import numpy as np

from neurosim.kernel import inlined, kernel
from neurosim.machine import DECAY_SHIFT, OUTPUT_SLOT, SECOND_OUTPUT_SLOT, SLOT_ROUNDING, STATE_SLOT, STREAM_KEY
from neurosim.models.event_mode import HELD
from neurosim.models.fixed.conversion import convert, into_slot, soma_draw
from neurosim.numbers import multiply_shift, shift_toward_zero

REAL, IMAG, INTERVAL = range(3)
A_REAL, A_IMAG = range(2)
# Behind a, or behind the table of powers: conversions of both parts to their payloads.
REAL_MANTISSA, REAL_SHIFT, IMAG_MANTISSA, IMAG_SHIFT = range(4)
N_TAIL_ROWS = 4


@kernel
def step_fixed_mode(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the state, set both outputs and active; return what did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    shift, rounding, key = constants[DECAY_SHIFT], constants[STATE_SLOT + SLOT_ROUNDING], constants[STREAM_KEY]
    for neuron in range(size):
        a_real, a_imag = parameters[A_REAL, neuron], parameters[A_IMAG, neuron]
        real, imag, draw = state[REAL, neuron], state[IMAG, neuron], soma_draw(0, size, neuron, first)
        active[neuron] = charge[REAL, neuron] != 0 or charge[IMAG, neuron] != 0 or real != 0 or imag != 0
        new_real = (multiply_shift(a_real, real, shift, rounding, key, draw)
                    - multiply_shift(a_imag, imag, shift, rounding, key, draw + 1) + charge[REAL, neuron])
        new_imag = (multiply_shift(a_real, imag, shift, rounding, key, draw + 2)
                    + multiply_shift(a_imag, real, shift, rounding, key, draw + 3) + charge[IMAG, neuron])
        state[REAL, neuron], real_beyond = into_slot(constants, STATE_SLOT, new_real)
        state[IMAG, neuron], imag_beyond = into_slot(constants, STATE_SLOT, new_imag)
        n_overflows += real_beyond + imag_beyond + _send(constants, parameters, 2, state, output, neuron, draw + 4)
    return n_overflows


@kernel
def step_fixed_event_mode(constants, table, options, n_modes, parameters, state, charge, output, active, first):
    """Advance the state, set both outputs and active; return what did not fit."""
    n_overflows, size = np.int64(0), output.shape[1]
    n_powers = (parameters.shape[0] - N_TAIL_ROWS) // 2
    longest, held = (np.int64(1) << n_powers) - 1, options[0] == HELD
    for neuron in range(size):
        given_real, given_imag, given = charge[REAL, neuron], charge[IMAG, neuron], charge[INTERVAL, neuron]
        real, imag = state[REAL, neuron], state[IMAG, neuron]
        active[neuron] = given_real != 0 or given_imag != 0 or given != 0 or real != 0 or imag != 0
        interval = min(max(given, 0), longest)
        n_overflows += np.int64(interval != given)
        if held:
            real, imag, n_beyond = _fit_both(constants, real + given_real, imag + given_imag)
            given_real, given_imag = -given_real, -given_imag
            n_overflows += n_beyond
        for power in range(n_powers):
            if interval >> power & 1:
                real, imag, n_beyond = _turned(constants, parameters[power, neuron],
                                               parameters[n_powers + power, neuron], real, imag)
                n_overflows += n_beyond
        real, imag, n_beyond = _fit_both(constants, real + given_real, imag + given_imag)
        state[REAL, neuron], state[IMAG, neuron] = real, imag
        n_overflows += n_beyond + _send(constants, parameters, 2 * n_powers, state, output, neuron,
                                        soma_draw(0, size, neuron, first))
    return n_overflows


@inlined
def _turned(constants, p_real, p_imag, real, imag):
    """Return both parts of p h, made to fit, and how many did not."""
    shift = constants[DECAY_SHIFT]
    return _fit_both(constants,
                     shift_toward_zero(p_real * real, shift) - shift_toward_zero(p_imag * imag, shift),
                     shift_toward_zero(p_real * imag, shift) + shift_toward_zero(p_imag * real, shift))


@inlined
def _fit_both(constants, real, imag):
    """Return both parts made to fit the state, and how many did not."""
    kept_real, real_beyond = into_slot(constants, STATE_SLOT, real)
    kept_imag, imag_beyond = into_slot(constants, STATE_SLOT, imag)
    return kept_real, kept_imag, real_beyond + imag_beyond


@inlined
def _send(constants, parameters, tail, state, output, neuron, draw):
    """Set both outputs; return how many payloads did not fit."""
    sent_real = convert(constants, OUTPUT_SLOT, state[REAL, neuron], parameters[tail + REAL_MANTISSA, neuron],
                        parameters[tail + REAL_SHIFT, neuron], draw)
    sent_imag = convert(constants, SECOND_OUTPUT_SLOT, state[IMAG, neuron], parameters[tail + IMAG_MANTISSA, neuron],
                        parameters[tail + IMAG_SHIFT, neuron], draw + 1)
    output[REAL, neuron], real_beyond = into_slot(constants, OUTPUT_SLOT, sent_real)
    output[IMAG, neuron], imag_beyond = into_slot(constants, SECOND_OUTPUT_SLOT, sent_imag)
    return real_beyond + imag_beyond
