"""Plain-Python integers: what `neurosim.numbers` and `neurosim.models.fixed` compute, one number or neuron at a time.

Written from the equations in docs/fixed_point.md with divisions and remainders of unlimited integers, not from kernels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

MASK64 = (1 << 64) - 1


def random_bits(key: int, index: int) -> int:
    """Return entry `index` of splitmix64 seeded by `key`, its upper 63 bits."""
    z = (key + (index + 1) * 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK64
    return (z ^ z >> 31) >> 1


def rounded(value: int, n: int, rounding: str, key: int = 0, index: int = 0) -> int:
    """Return value / 2**n as an integer; exact where n is 0 or negative."""
    if n <= 0:
        return value * (1 << -n)
    unit = 1 << n
    below, dropped = divmod(value, unit)
    if rounding == "floor":
        return below
    if rounding == "toward_zero":
        return value // unit if value >= 0 else -(-value // unit)
    if rounding == "stochastic":
        return below + (random_bits(key, index) % unit < dropped)
    if 2 * dropped != unit:
        return below + (2 * dropped > unit)
    if rounding == "nearest_even":
        return below + below % 2
    return below + (value > 0)      # nearest_away: a tie


def trz(value: int, n: int) -> int:
    """Return value / 2**n without what is behind the point."""
    return value // (1 << n) if value >= 0 else -(-value // (1 << n))


def flr(value: int, n: int) -> int:
    """Return floor(value / 2**n); n may be negative."""
    return value // (1 << n) if n >= 0 else value * (1 << -n)


def fitted(value: int, bits: int, signed: bool, overflow: str) -> tuple[int, bool]:
    """Return (value made to fit, whether it did not)."""
    if overflow == "unlimited":
        return value, False
    if overflow == "lava_wrap":
        top = 1 << bits - 1
        if value > top:
            return value - 2 * top, True
        return (value + 2 * top, True) if value <= -top else (value, False)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if low <= value <= high:
        return value, False
    if overflow == "twos_complement":
        return (value - low) % 2**bits + low, True
    return (low if value < low else high), True


def clip(value: int, low: int, high: int) -> int:
    """Return value held between low and high."""
    return low if value < low else high if value > high else value


def quantised(value: float, bits: int, fraction: int, signed: bool, rounding: str, overflow: str,
              key: int = 0, index: int = 0) -> tuple[int, bool]:
    """Return (the integer for `value`, whether it was outside), from exact fractions."""
    scaled = Fraction(value) * Fraction(2) ** fraction
    below = math.floor(scaled)
    dropped = scaled - below
    magnitude, negative = abs(scaled), scaled < 0
    part = magnitude - math.floor(magnitude)
    if rounding == "floor":
        whole = below
    elif rounding == "toward_zero":
        whole = below + (negative and dropped > 0)
    elif rounding == "nearest_even":
        whole = round(scaled)
    elif rounding == "nearest_away":
        away = math.floor(magnitude + Fraction(1, 2))
        whole = -away if negative else away
    else:
        away = math.floor(magnitude) + (Fraction(random_bits(key, index) >> 10, 2**53) < part)
        whole = -away if negative else away
    return fitted(whole, bits, signed, overflow)


# --- Loihi -----------------------------------------------------------------------------------------------------------

def loihi_lif(options: Mapping[str, Any], parameters: Sequence[int], state: Sequence[int], charge: int,
              ) -> tuple[int, int, int, int, tuple[bool, bool, bool, bool]]:
    """Return (u, v, refractory steps left, spike, what did not fit). Overflow and reset options are names."""
    du, dv, threshold, mantissa, exponent, refractory_steps, reset_value = parameters
    u, v, refractory = state
    bits, fraction = options["state_bits"], options["decay_bits"]
    given, n_input = charge * 2 ** options["input_shift"], False
    if options["input_bits"]:
        given, n_input = fitted(given, options["input_bits"], True, "twos_complement")
    u = trz(u * (2**fraction - du - options["current_decay_offset"]), fraction) + given
    u, n_current = fitted(u, bits, True, options["current_overflow"])
    added, n_bias = fitted(u + flr(mantissa, -exponent), bits, True, options["bias_overflow"])
    v = trz(v * (2**fraction - dv), fraction) + added
    held = clip(v, options["potential_low"], options["potential_high"])
    n_fit = (n_input, n_current, n_bias, held != v)
    if options["refractory"] and refractory:
        return u, reset_value, refractory - 1, 0, n_fit
    limit = threshold * 2 ** options["threshold_shift"]
    if held > limit or (options["reaches"] and held == limit):
        after = {"hard": reset_value, "soft": held - limit + reset_value, "none": held}[options["reset"]]
        return u, after, refractory_steps if options["refractory"] else refractory, 1, n_fit
    return u, held, refractory, 0, n_fit


def loihi_weight(weight: int, sign_mode: str, n_bits: int, removal: str) -> int:
    """Return the weight that the synapse memory holds."""
    low, high = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}[sign_mode]
    n_cut = 8 - n_bits + (sign_mode == "mixed")
    return rounded(clip(weight, low, high), n_cut, removal) * 2**n_cut


def loihi_charge(stored: Sequence[int], message: Sequence[int], exponent: int, per_weight: bool = False) -> int:
    """Return what a neuron receives: the shifted sum, or the sum of shifted weights."""
    if per_weight:
        return sum(flr(weight, -exponent) * given for weight, given in zip(stored, message, strict=True))
    return flr(sum(weight * given for weight, given in zip(stored, message, strict=True)), -exponent)


# --- resonators ------------------------------------------------------------------------------------------------------

def resonator(options: Mapping[str, Any], parameters: Sequence[int], state: Sequence[int], charge: Sequence[int],
              ) -> tuple[int, int, int, int]:
    """Return (re, im, spike, number of values beyond 24 bits)."""
    sin, cos, threshold = parameters
    old_real, old_imag = state
    bits, exponent, limit = options["decay_bits"], options["state_exponent"], 2**23 - 1
    real = trz(cos * old_real, bits) - trz(sin * old_imag, bits) + charge[0] * 2**exponent
    imag = trz(sin * old_real, bits) + trz(cos * old_imag, bits) + charge[1] * 2**exponent
    n_beyond = (abs(real) > limit) + (abs(imag) > limit)
    if options["clipped"]:
        real, imag = clip(real, -limit, limit), clip(imag, -limit, limit)
    if options["firing"] == "phase":
        return real, imag, int(real >= threshold and imag >= 0 and old_imag < 0), n_beyond
    return (0, threshold - 1, 1, n_beyond) if imag >= threshold else (real, imag, 0, n_beyond)


# --- sigma-delta -----------------------------------------------------------------------------------------------------

def delta(options: Mapping[str, Any], threshold: int, encoder: Sequence[int], x: int) -> tuple[int, int, int, int]:
    """Return (message, act, residue, error) for activation x; `encoder` is (act, residue, error)."""
    act, residue, error = encoder
    exponent = options["state_exponent"]
    if options["corrected"]:
        change = x - act
        message = flr(change if abs(change) >= threshold else 0, exponent)
        return message, act + message * 2**exponent, residue, error
    change = x - act + residue
    if options["cumulative"]:
        error += change
        sent = change if abs(error) >= threshold else 0
        if sent != 0:
            error = 0
    else:
        sent = change if abs(change) >= threshold else 0
    return flr(sent, exponent), x, change - sent, error


def sigma_delta(options: Mapping[str, Any], parameters: Sequence[int], state: Sequence[int], charge: int,
                ) -> tuple[int, int, int, int, int, int]:
    """Return (message, sigma, act, residue, error, number of values beyond 24 bits)."""
    threshold, bias = parameters
    sigma = state[0] + charge
    x = max(sigma + bias, 0) if options["rectified"] else sigma + bias
    n_beyond = sum(not -(2**23) <= value < 2**23 for value in (sigma, x))
    message, act, residue, error = delta(options, threshold, state[1:], x)
    return message, sigma, act, residue, error, n_beyond


# --- state spaces ----------------------------------------------------------------------------------------------------

def s5_scan(a: tuple[int, int], bu: tuple[int, int], x: tuple[int, int], a_exp: tuple[int, int],
            bu_exp: tuple[int, int], x_exp: tuple[int, int]) -> tuple[int, int]:
    """Return the new state of the scan path; exponents are (of re, of im)."""
    real = flr(a[0] * x[0], a_exp[0]) - flr(a[1] * x[1], a_exp[0]) + flr(bu[0], bu_exp[0] - x_exp[0])
    imag = flr(a[0] * x[1], a_exp[1]) + flr(a[1] * x[0], a_exp[1]) + flr(bu[1], bu_exp[1] - x_exp[1])
    return real, imag


def s5_loop(a: tuple[int, int], bu: tuple[int, int], x: tuple[int, int], a_exp: tuple[int, int],
            bu_exp: tuple[int, int], x_exp: tuple[int, int], bu_bits: int, x_bits: int) -> tuple[int, int, int]:
    """Return (re, im, clipped words) of the loop path: a generic product, subtraction and addition of formats."""

    def product(p: int, q: int, p_exp: int, q_exp: int, exp: int) -> int:
        return fitted(flr(p * q, p_exp + q_exp - exp), x_bits + 4, True, "saturate")[0]

    def sum_of(p: int, q: int, bits: int) -> tuple[int, bool]:
        return fitted(p + q, bits, True, "saturate")

    def aligned(p: int, p_exp: int, exp: int) -> int:
        return fitted(flr(p, p_exp - exp), bu_bits, True, "saturate")[0]

    real = sum_of(product(a[0], x[0], a_exp[0], x_exp[0], x_exp[0]),
                  -product(a[1], x[1], a_exp[1], x_exp[1], x_exp[0]), x_bits + 4)[0]
    imag = sum_of(product(a[0], x[1], a_exp[0], x_exp[1], x_exp[1]),
                  product(a[1], x[0], a_exp[1], x_exp[0], x_exp[1]), x_bits + 4)[0]
    real, real_clipped = sum_of(real, aligned(bu[0], bu_exp[0], x_exp[0]), x_bits)
    imag, imag_clipped = sum_of(imag, aligned(bu[1], bu_exp[1], x_exp[1]), x_bits)
    return real, imag, real_clipped + imag_clipped


def complex_relu(real: int, imag: int) -> tuple[int, int]:
    """Return the lexicographic maximum of (re, im) and (0, 0)."""
    return max((real, imag), (0, 0))


def s5_output(c_real: Sequence[int], c_imag: Sequence[int], d: int, x_real: Sequence[int], x_imag: Sequence[int],
              u: int, shifts: tuple[int, int, int], bits: int) -> int:
    """Return one output of the rectified state."""

    def held(value: int) -> int:
        return fitted(value, bits, True, "saturate")[0]

    real = held(flr(sum(c * x for c, x in zip(c_real, x_real, strict=True)), shifts[0]))
    imag = held(flr(sum(c * x for c, x in zip(c_imag, x_imag, strict=True)), shifts[1]))
    return held(2 * held(real - imag) + held(flr(d * u, shifts[2])))


def sigmoid(x: int) -> int:
    """Return the sigmoid table's value, 6 bits behind the point in, 8 out."""
    table = [round(256 / (1 + math.exp(-k))) - 128 for k in range(8)]
    entry, part = min(abs(x) // 64, 6), abs(x) % 64
    rise = (64 - part) * table[entry] // 64 + part * table[entry + 1] // 64
    return 128 + rise if x > 0 else 128 - rise
