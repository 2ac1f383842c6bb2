"""Integer arithmetic of fixed-point formats: shifts with rounding, overflow, random bits, quantisation.

The inlined functions work on int64 inside kernels; the `_rows` kernels do the same on arrays, from Python. A sum or
product that leaves 64 bits is not noticed here: `neurosim.formats.product_fits` refuses such formats beforehand.

Random bits have no hidden state: `random_bits(key, index)` is the splitmix64 sequence of seed `key`, entry `index`, so
that a draw depends on nothing but its place. `stream_key(seed, name)` makes the key of a named stream.

Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014), the mixer and the increment of
`SplittableRandom`.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import DataError, OptionError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Format
from neurosim.kernel import inlined, kernel

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]

# The places in `ROUNDINGS` and `OVERFLOWS`.
TOWARD_ZERO, FLOOR, NEAREST_EVEN, NEAREST_AWAY, STOCHASTIC = range(5)
SATURATE, TWOS_COMPLEMENT, LAVA_WRAP, ERROR = range(4)
UNLIMITED = 4       # no limit at all: for emulators that leave one out
MOST_SHIFT = 62


# --- random bits -----------------------------------------------------------------------------------------------------

def stream_key(seed: int, name: str) -> int:
    """Return the key of the stream `name` of a run with `seed`: 63 bits of BLAKE2b of both."""
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@inlined
def random_bits(key, index):
    """Return 63 random bits, as int64 of 0 or more: splitmix64 of seed `key`, entry `index` (from 0)."""
    z = np.uint64(key) + (np.uint64(index) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1))


# --- shifts ----------------------------------------------------------------------------------------------------------

@inlined
def shift_toward_zero(value, n):
    """Return sign(value) (|value| >> n), n from 0 to 62, also for the lowest int64."""
    return (value + ((value >> 63) & ((np.int64(1) << n) - 1))) >> n


@inlined
def shift_floor(value, n):
    """Return value >> n for n from -62 to 62; a negative n shifts left."""
    return value >> n if n >= 0 else value << -n


@inlined
def shift_right(value, n, rounding, key, index):
    """Return value / 2**n, n from -62 to 62, rounded by a code; a shift left (n < 0) is exact.

    `stochastic` rounds up where entry `index` of stream `key`, cut to its n lowest bits, is below the part dropped.
    """
    if n <= 0:
        return value << -n
    quotient = value >> n
    if rounding == FLOOR:
        return quotient
    if rounding == TOWARD_ZERO:
        return shift_toward_zero(value, n)
    mask = (np.int64(1) << n) - 1
    dropped, half = value & mask, np.int64(1) << (n - 1)
    if rounding == NEAREST_EVEN:
        return quotient + np.int64(dropped + (quotient & 1) > half)
    if rounding == NEAREST_AWAY:
        return quotient + np.int64(dropped > half - np.int64(value >= 0))
    return quotient + np.int64((random_bits(key, index) & mask) < dropped)


@inlined
def multiply_shift(a, b, n, rounding, key, index):
    """Return a b / 2**n, rounded; a b must fit 64 bits. Sums of such terms round each product on its own."""
    return shift_right(a * b, n, rounding, key, index)


@inlined
def descale(value, mantissa, n, rounding, key, index):
    """Return value mantissa / 2**n, rounded: a 16-bit mantissa (`descale_of`) and |value| < 2**48 fit 64 bits."""
    return shift_right(value * mantissa, n, rounding, key, index)


# --- overflow --------------------------------------------------------------------------------------------------------

@inlined
def clip(value, low, high):
    """Return (value held between low and high, whether it was outside)."""
    return min(max(value, low), high), (value < low) | (value > high)


@inlined
def wrap_twos_complement(value, bits):
    """Return (the lowest `bits` bits of value, read with their sign, whether that differs from value)."""
    kept = (value << (64 - bits)) >> (64 - bits)
    return kept, kept != value


@inlined
def wrap_lava(value, bits):
    """Return (value after Lava's single turn, whether it was turned), |value| < 2**62.

    Exactly +2**(bits-1) stays and -2**(bits-1) becomes +2**(bits-1); what lies more than a turn outside stays outside.
    """
    top = np.int64(1) << (bits - 1)
    turned = value - 2 * top if value > top else value + 2 * top if value <= -top else value
    return turned, turned != value


@inlined
def fit(value, bits, signed, overflow):
    """Return (value made to fit by an overflow's code, whether it did not).

    `error` saturates here, since kernels cannot raise: the caller raises on the count. `unlimited` changes nothing.
    """
    if overflow == UNLIMITED:
        return value, False
    if overflow == LAVA_WRAP:
        return wrap_lava(value, bits)
    if not signed:
        high = ~(np.int64(-1) << bits)
        if overflow == TWOS_COMPLEMENT:
            return value & high, value & high != value
        return clip(value, np.int64(0), high)
    if overflow == TWOS_COMPLEMENT:
        return wrap_twos_complement(value, bits)
    low = np.int64(-1) << (bits - 1)
    return clip(value, low, ~low)


# --- on arrays -------------------------------------------------------------------------------------------------------

@kernel
def random_rows(key, first, output):
    """Set output[i] to entry first + i of stream `key`."""
    for i in range(output.size):
        output[i] = random_bits(key, first + i)


@kernel
def multiply_shift_rows(a, b, shifts, rounding, key, first, output):
    """Set output[i] = a[i] b[i] / 2**shifts[i], rounded with random entry first + i."""
    for i in range(output.size):
        output[i] = multiply_shift(a[i], b[i], shifts[i], rounding, key, first + i)


@kernel
def descale_rows(values, mantissa, n, rounding, key, first, output):
    """Set output[i] = values[i] mantissa / 2**n, rounded with random entry first + i."""
    for i in range(output.size):
        output[i] = descale(values[i], mantissa, n, rounding, key, first + i)


@kernel
def shift_rows(values, shifts, rounding, key, first, output):
    """Set output[i] = values[i] / 2**shifts[i], rounded with random entry first + i."""
    for i in range(output.size):
        output[i] = shift_right(values[i], shifts[i], rounding, key, first + i)


@kernel
def fit_rows(values, bits, signed, overflow):
    """Make every entry of `values` fit, in place; return how many did not."""
    n_overflows = 0
    for i in range(values.size):
        values[i], overflowed = fit(values[i], bits, signed, overflow)
        n_overflows += np.int64(overflowed)
    return n_overflows


# --- from and to floating point --------------------------------------------------------------------------------------

@inlined
def _round_magnitude(magnitude, negative, rounding, key, index):
    """Return a float of 0 or more as a whole float. Of a magnitude, the part behind the point is exact."""
    whole = math.floor(magnitude) * 1.0
    dropped = magnitude - whole
    if rounding == TOWARD_ZERO:
        return whole
    if rounding == FLOOR:
        return whole + 1.0 if negative and dropped > 0.0 else whole
    if rounding == NEAREST_EVEN:
        odd = whole % 2.0 != 0.0
        return whole + 1.0 if dropped > 0.5 or (dropped == 0.5 and odd) else whole
    if rounding == NEAREST_AWAY:
        return whole + 1.0 if dropped >= 0.5 else whole
    uniform = (random_bits(key, index) >> 10) * 2.0**-53
    return whole + 1.0 if uniform < dropped else whole


@kernel
def _quantise(values, scale, rounding, bits, signed, overflow, key, output):
    """Fill `output` with formats of at most 62 bits; return how many values were outside."""
    n_overflows = 0
    for i in range(values.size):
        scaled = values[i] * scale
        if scaled == 0.0:
            scaled = values[i]      # what underflows is still above or below 0
        magnitude, negative = abs(scaled), scaled < 0.0
        if magnitude < 2.0**52:     # from there on every float is whole
            magnitude = _round_magnitude(magnitude, negative, rounding, key, i)
        far = magnitude >= 2.0**62
        if far:
            # Outside every format. Its lowest 62 bits decide where it wraps to; where it saturates, only its sign.
            magnitude = magnitude % 2.0**62 if overflow == TWOS_COMPLEMENT else 2.0**62
        given = np.int64(-magnitude) if negative else np.int64(magnitude)
        output[i], overflowed = fit(given, bits, signed, overflow)
        n_overflows += np.int64(overflowed or far)
    return n_overflows


def quantise(values: ArrayLike, format: Format, *, key: int | None = None) -> tuple[Int64Array, int]:
    """Return `values` as integers of `format`, and how many were outside its range.

    Parameters
    ----------
    values : float[...]
    format : Format     of at most 62 bits; not lava_wrap, a rule of adders
    key : int           of the random stream (`stream_key`), for stochastic rounding: entry i rounds value i, away from
                        zero with the probability of the part dropped

    Raises
    ------
    DataError           if a value is not finite, or outside a format whose overflow is `error`
    OptionError         if the format cannot be quantised to
    """
    if format.overflow == "lava_wrap" or format.bits > MOST_SHIFT:
        raise OptionError(f"quantise to {format}", allowed="up to 62 bits with saturate, twos_complement, error",
                          mend="quantise with saturate; lava_wrap is a rule of adders")
    if format.rounding == "stochastic" and key is None:
        raise OptionError(f"quantise to {format} without a key", allowed="key = stream_key(seed, name)",
                          mend="name the random stream")
    given = np.ascontiguousarray(values, dtype=np.float64)
    scale = math.ldexp(1.0, format.fraction)
    with np.errstate(over="ignore"):
        wrong = np.flatnonzero(~np.isfinite(given.ravel() * scale))
    if wrong.size:
        raise DataError(f"quantise to {format}: value {wrong[0]} = {given.ravel()[wrong[0]]}",
                        allowed="finite numbers", mend="find out where it came from")
    output = np.empty(given.shape, np.int64)
    n_overflows = int(_quantise(given.ravel(), scale, ROUNDINGS.index(format.rounding), format.bits, format.signed,
                                OVERFLOWS.index(format.overflow), key or 0, output.reshape(-1)))
    if n_overflows and format.overflow == "error":
        low, high = format.range
        raise DataError(f"quantise to {format}: {n_overflows} of {given.size} values outside, "
                        f"from {given.min():g} to {given.max():g}", allowed=f"{low:g} to {high:g}",
                        mend="take bits from the fraction, or let it saturate")
    return output, n_overflows


def dequantise(values: ArrayLike, format: Format) -> Float64Array:
    """Return the values that integers of `format` stand for; exact below 2**53."""
    return np.asarray(values, dtype=np.int64).astype(np.float64) * format.step


def descale_of(scale: float) -> tuple[int, int]:
    """Return (mantissa, n) with mantissa / 2**n next to `scale`, 2**14 <= mantissa < 2**15: a 16-bit multiply-shift.

    Raises
    ------
    OptionError     if the shift would leave 0 to 62
    """
    if not (math.isfinite(scale) and scale > 0):
        raise OptionError(f"descale by {scale}", allowed="a positive number", mend="check the layer's fractions")
    fraction, exponent = math.frexp(scale)
    mantissa = round(fraction * 2**15)
    if mantissa == 2**15:
        mantissa, exponent = 2**14, exponent + 1
    if not 0 <= 15 - exponent <= MOST_SHIFT:
        raise OptionError(f"descale by {scale:g} = {mantissa} / 2**{15 - exponent}",
                          allowed=f"a shift from 0 to {MOST_SHIFT}", mend="choose fractions closer to each other")
    return mantissa, 15 - exponent
