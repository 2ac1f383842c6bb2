"""A Loihi-2-like S4D channel in integers: 16-bit a, 8-bit b, c and d, 24-bit state and message, 16-bit descale.

    h_re' = sat(rnd(a_re h_re, sa) - rnd(a_im h_im, sa) + rnd(b_re u, sb))
    h_im' = sat(rnd(a_re h_im, sa) + rnd(a_im h_re, sa) + rnd(b_im u, sb))
    total = 2 sum_n (c_re h_re' - c_im h_im') + rnd(d u, sd)        in 64 bits
    y     = sat(rnd(total mantissa, n))                             mantissa: 16 bits

rnd(x, s) is x / 2**s rounded by a parameter; each product is rounded on its own. sb and sd may be negative. Nobody has
published the integer semantics of S4D on Loihi 2: this is ours, made of its published widths. With floor, the default,
a decaying negative word never dies: of a real a it stays at the largest -m with (1 - a) m < 1, which is -1 only up to
a = 1/2. Toward zero, both signs end at 0.

Source: Meyer et al., "A Diagonal Structured State Space Model on Loihi 2 for Efficient Streaming Sequence Processing",
arXiv 2409.15022 (widths); the order of products and sums is that of `neurosim.models.diagonal_ssm`.
"""

from typing import NamedTuple

from neurosim.kernel import inlined, kernel
from neurosim.numbers import FLOOR, SATURATE, TOWARD_ZERO, descale, fit, multiply_shift

# Rows behind the per-mode tables a_real, a_imag, b_real, b_imag, c_real, c_imag of n_modes rows each.
MODE_TABLES = 6
D, MANTISSA, DESCALE_SHIFT = range(3)
# Roundings per mode and channel, and per output.
MODE_DRAWS, OUTPUT_DRAWS = 6, 2


class S4dOptions(NamedTuple):
    """Shifts from the formats of a layer: of a's fraction, of b u to the state's, of d u to that of c h."""

    a_shift: int
    b_shift: int
    d_shift: int
    rounding: int = FLOOR
    state_bits: int = 24
    message_bits: int = 24
    state_overflow: int = SATURATE
    key: int = 0                # of the random stream, for stochastic rounding


def draws_per_step(n_modes, n_channels):
    """Return by how much `first` advances per step: the number of roundings in one."""
    return n_channels * (MODE_DRAWS * n_modes + OUTPUT_DRAWS)


@kernel
def step_fixed_s4d(options, n_modes, parameters, state, charge, first, output):
    """Advance `state` by one token and set `output`; return (words of state, messages) that did not fit.

    Rounding k of mode m, channel j takes random entry first + 6 (m n_channels + j) + k, with k in the order of the
    equations; those of the output come behind, two per channel.

    Parameters
    ----------
    options : S4dOptions
    parameters : int64[6 n_modes + 3, channel]      mode tables, then d, mantissa and shift of the descale
    state : int64[2 n_modes, channel]               h_re of all modes, then h_im
    charge, output : int64[channel]                 u, y
    first : int                                     of the random entries of this step
    """
    n_state, n_message = 0, 0
    size = charge.size
    for channel in range(size):
        output[channel] = 0
    for mode in range(n_modes):
        n_state += _advance_mode(options, parameters[mode], parameters[n_modes + mode], parameters[2 * n_modes + mode],
                                 parameters[3 * n_modes + mode], parameters[4 * n_modes + mode],
                                 parameters[5 * n_modes + mode], charge, state[mode], state[n_modes + mode],
                                 first + MODE_DRAWS * mode * size, output)
    tail = MODE_TABLES * n_modes
    first += MODE_DRAWS * n_modes * size
    for channel in range(size):
        draw = first + OUTPUT_DRAWS * channel
        skipped = multiply_shift(parameters[tail + D, channel], charge[channel], options.d_shift, options.rounding,
                                 options.key, draw)
        message = descale(2 * output[channel] + skipped, parameters[tail + MANTISSA, channel],
                          parameters[tail + DESCALE_SHIFT, channel], options.rounding, options.key, draw + 1)
        output[channel], beyond = fit(message, options.message_bits, True, SATURATE)
        n_message += int(beyond)
    return n_state, n_message


@kernel
def _advance_mode(options, a_real, a_imag, b_real, b_imag, c_real, c_imag, charge, h_real, h_imag, first, total):
    """Advance one mode of every channel; add c_re h_re - c_im h_im to `total`."""
    # The usual cases again, with constants: so they vectorise, and take a fifth of the time.
    if options.rounding == FLOOR and options.state_overflow == SATURATE:
        return _advance(options, FLOOR, SATURATE, a_real, a_imag, b_real, b_imag, c_real, c_imag, charge, h_real,
                        h_imag, first, total)
    if options.rounding == TOWARD_ZERO and options.state_overflow == SATURATE:
        return _advance(options, TOWARD_ZERO, SATURATE, a_real, a_imag, b_real, b_imag, c_real, c_imag, charge,
                        h_real, h_imag, first, total)
    return _advance(options, options.rounding, options.state_overflow, a_real, a_imag, b_real, b_imag, c_real, c_imag,
                    charge, h_real, h_imag, first, total)


@inlined
def _advance(options, rounding, overflow, a_real, a_imag, b_real, b_imag, c_real, c_imag, charge, h_real, h_imag, first,
             total):
    a_shift, b_shift, key = options.a_shift, options.b_shift, options.key
    n_beyond = 0
    for channel in range(total.size):
        real, imag, u, draw = h_real[channel], h_imag[channel], charge[channel], first + MODE_DRAWS * channel
        decay, turn = a_real[channel], a_imag[channel]
        new_real = (multiply_shift(decay, real, a_shift, rounding, key, draw)
                    - multiply_shift(turn, imag, a_shift, rounding, key, draw + 1)
                    + multiply_shift(b_real[channel], u, b_shift, rounding, key, draw + 2))
        new_imag = (multiply_shift(decay, imag, a_shift, rounding, key, draw + 3)
                    + multiply_shift(turn, real, a_shift, rounding, key, draw + 4)
                    + multiply_shift(b_imag[channel], u, b_shift, rounding, key, draw + 5))
        new_real, real_beyond = fit(new_real, options.state_bits, True, overflow)
        new_imag, imag_beyond = fit(new_imag, options.state_bits, True, overflow)
        h_real[channel], h_imag[channel] = new_real, new_imag
        total[channel] += c_real[channel] * new_real - c_imag[channel] * new_imag
        n_beyond += int(real_beyond) + int(imag_beyond)
    return n_beyond
