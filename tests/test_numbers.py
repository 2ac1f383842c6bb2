"""Integer arithmetic against plain Python integers: a million random numbers each, and every extreme."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurosim import numbers
from neurosim.errors import DataError, OptionError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Format
from tests.models.fixed.uncompiled import uncompiled
from tests.oracle import fixed as oracle

MILLION = 10**6
LOW, HIGH = -(2**63), 2**63 - 1
EXTREMES = [0, 1, -1, 2, -2, 3, LOW, LOW + 1, HIGH, HIGH - 1, 2**62, -(2**62), 2**23, -(2**23), 2**23 - 1, 1 - 2**23]
KEY = numbers.stream_key(7, "test")
WORDS = st.integers(LOW, HIGH)
ROUNDING = pytest.mark.parametrize("rounding", ROUNDINGS)
Ints = NDArray[np.int64]


def some_words(random: np.random.Generator, size: int, bits: int = 63) -> Ints:
    """Words of every length up to `bits`, both signs, and half of them next to multiples of powers of two (ties)."""
    lengths = random.integers(1, bits + 1, size)
    words = random.integers(LOW, HIGH, size, endpoint=True) >> (63 - lengths)
    return np.where(random.random(size) < 0.5, words, (words >> (lengths // 2)) << (lengths // 2))


def shifted(values: Ints, shifts: Ints, rounding: str, kernel: Any = numbers.shift_rows) -> list[int]:
    output = np.empty_like(values)
    kernel(values, shifts, ROUNDINGS.index(rounding), KEY, 0, output)
    return [int(each) for each in output]


def expected_shift(values: Ints, shifts: Ints, rounding: str) -> list[int]:
    return [oracle.rounded(value, n, rounding, KEY, i)
            for i, (value, n) in enumerate(zip(values.tolist(), shifts.tolist(), strict=True))]


@ROUNDING
def test_shift_equals_oracle(rounding: str) -> None:
    size = 2 * MILLION // len(ROUNDINGS)
    random = np.random.default_rng(ROUNDINGS.index(rounding))
    shifts = random.integers(-20, 63, size)
    values = some_words(random, size)
    values = np.where(shifts < 0, values >> 22, values)
    assert shifted(values, shifts, rounding) == expected_shift(values, shifts, rounding)


@ROUNDING
def test_shift_at_the_extremes(rounding: str) -> None:
    values, shifts = (each.ravel() for each in np.meshgrid(np.array(EXTREMES), np.arange(63), indexing="ij"))
    expected = expected_shift(values, shifts, rounding)
    assert shifted(values, shifts, rounding) == expected
    assert shifted(values, shifts, rounding, uncompiled(numbers.shift_rows)) == expected


@ROUNDING
@given(value=WORDS, n=st.integers(0, 62))
def test_shift_equals_oracle_and_python(rounding: str, value: int, n: int) -> None:
    values, shifts = np.array([value]), np.array([n])
    expected = expected_shift(values, shifts, rounding)
    assert shifted(values, shifts, rounding) == expected
    assert shifted(values, shifts, rounding, uncompiled(numbers.shift_rows)) == expected


@given(value=st.integers(-(2**30), 2**30), n=st.integers(0, 32))
def test_negative_shifts_go_left(value: int, n: int) -> None:
    for rounding in ROUNDINGS:
        assert shifted(np.array([value]), np.array([-n]), rounding) == [value * 2**n]


@ROUNDING
def test_products_equal_oracle(rounding: str) -> None:
    """multiply_shift and descale, with the extremes of 24-bit words and 16-bit factors among them."""
    size = MILLION // len(ROUNDINGS)
    random = np.random.default_rng(10)
    a, b = some_words(random, size, 15), some_words(random, size, 40)
    corners = np.array([-(2**15), 2**15 - 1, -1, 0, 1]), np.array([-(2**40), 2**40 - 1, -1, 0, 1, 2**23, -(2**23)])
    a[:35], b[:35] = (each.ravel() for each in np.meshgrid(*corners))
    shifts, output = random.integers(0, 40, size), np.empty_like(a)
    products = a * b
    numbers.multiply_shift_rows(a, b, shifts, ROUNDINGS.index(rounding), KEY, 0, output)
    assert output.tolist() == expected_shift(products, shifts, rounding)
    for mantissa, n in ((2**14, 0), (2**15 - 1, 62), (23170, 20), (-32768, 15)):
        part = b[:size // 4]
        result = np.empty_like(part)
        numbers.descale_rows(part, mantissa, n, ROUNDINGS.index(rounding), KEY, 5, result)
        assert result.tolist() == [oracle.rounded(value * mantissa, n, rounding, KEY, 5 + i)
                                   for i, value in enumerate(part.tolist())]
    for kernel in (numbers.multiply_shift_rows, uncompiled(numbers.multiply_shift_rows)):
        first = np.empty_like(a[:500])
        kernel(a[:500], b[:500], shifts[:500], ROUNDINGS.index(rounding), KEY, 0, first)
        np.testing.assert_array_equal(first, output[:500])


def test_random_bits_are_splitmix64() -> None:
    """The published first outputs of seed 0 and 1234567, here without their lowest bit."""
    known = {0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F],
             1234567: [6457827717110365317, 3203168211198807973, 9817491932198370423]}
    for key, words in known.items():
        output = np.empty(3, np.int64)
        numbers.random_rows(key, 0, output)
        assert output.tolist() == [word >> 1 for word in words]


def test_random_bits_equal_oracle() -> None:
    for key in (0, 1, HIGH, KEY):
        output = np.empty(MILLION // 4, np.int64)
        numbers.random_rows(key, 12345, output)
        assert output.tolist() == [oracle.random_bits(key, 12345 + i) for i in range(output.size)]
        again = np.empty(300, np.int64)
        uncompiled(numbers.random_rows)(key, 12345, again)
        np.testing.assert_array_equal(again, output[:300])


def test_streams_have_keys_of_their_own() -> None:
    keys = {numbers.stream_key(seed, name) for seed in range(50) for name in ("weights", "state", "0")}
    assert len(keys) == 150
    assert all(0 <= key <= HIGH for key in keys)
    assert numbers.stream_key(0, "weights") == 6018977689807465922


def test_stochastic_rounding_is_fair() -> None:
    """The mean of a million roundings of n / 16 lies within five standard errors."""
    for value in (1, -1, 5, -5, 15, 16, 40):
        values = np.full(MILLION // 4, value)
        output = np.empty_like(values)
        numbers.shift_rows(values, np.full_like(values, 4), numbers.STOCHASTIC, KEY, 0, output)
        assert set(output.tolist()) <= {value // 16, -(-value // 16)}
        assert abs(output.mean() - value / 16) <= 5 * 0.5 / values.size**0.5


def made_to_fit(values: Ints, bits: int, signed: bool, overflow: int, kernel: Any = numbers.fit_rows) -> Any:
    copy = values.copy()
    return kernel(copy, bits, signed, overflow), copy.tolist()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("overflow", [*OVERFLOWS, "unlimited"])
def test_fit_equals_oracle(overflow: str, signed: bool) -> None:
    code = (*OVERFLOWS, "unlimited").index(overflow)
    widths = [2, 3, 8, 16, 22, 24, 32, 61] + [62] * signed + [63, 64] * (overflow != "lava_wrap") * signed
    size = 2 * MILLION // 10 // len(widths)
    for bits in widths:
        random = np.random.default_rng(bits)
        values = some_words(random, size, 61 if overflow == "lava_wrap" else 63)
        ends = [sign * 2**e + off for e in (bits - 1, min(bits, 62)) for sign in (1, -1) for off in (-1, 0, 1)]
        corners = np.array([each for each in EXTREMES + ends if abs(each) < 2**(62 if overflow == "lava_wrap" else 63)])
        values[:corners.size] = corners
        if overflow == "lava_wrap" and not signed:
            continue
        pairs = [oracle.fitted(value, bits, signed, overflow) for value in values.tolist()]
        expected = sum(beyond for _, beyond in pairs), [value for value, _ in pairs]
        assert made_to_fit(values, bits, signed, code) == expected
        few = values[:300]
        assert (made_to_fit(few, bits, signed, code, uncompiled(numbers.fit_rows))
                == made_to_fit(few, bits, signed, code))


def test_lava_wrap_keeps_the_top_and_moves_the_bottom() -> None:
    top = 2**23
    values = np.array([top - 1, top, top + 1, -top + 1, -top, -top - 1, 3 * top, 3 * top + 1])
    assert made_to_fit(values, 24, True, numbers.LAVA_WRAP) == (
        5, [top - 1, top, 1 - top, 1 - top, top, top - 1, top, top + 1])


QUANTISED = [f"{head}/{rounding}/{overflow}" for head in ("s8.4", "u8.9", "s24.-3", "s62.40", "s16.14", "u1.0")
             for rounding in ROUNDINGS for overflow in ("saturate", "twos_complement")]


@pytest.mark.parametrize("text", QUANTISED)
def test_quantise_equals_oracle(text: str) -> None:
    format = Format.parse(text)
    size = MILLION // len(QUANTISED)
    random = np.random.default_rng(len(text))
    values = random.normal(size=size) * format.range[1] * 2.0 ** random.integers(-9, 2, size)
    values[::3] = np.round(values[::3] * 4 / format.step) * format.step / 4     # ties, and whole steps
    special = [0.0, -0.0, 5e-324, -5e-324, 1e-30, -1e-30, 1e290, -1e290, format.step / 2, -format.step / 2,
               0.49999999999999994 * format.step, -0.49999999999999994 * format.step, *format.range,
               2.0**62 * format.step, -(2.0**62) * format.step, 2.0**52 * format.step, 2.0**63, -(2.0**63)]
    values[:len(special)] = special
    output, n_overflows = numbers.quantise(values, format, key=KEY)
    pairs = [oracle.quantised(value, format.bits, format.fraction, format.signed, format.rounding, format.overflow,
                              KEY, i) for i, value in enumerate(values.tolist())]
    assert output.tolist() == [value for value, _ in pairs]
    assert n_overflows == sum(beyond for _, beyond in pairs)
    again = np.empty(400, np.int64)
    uncompiled(numbers._quantise)(values[:400], 2.0**format.fraction, ROUNDINGS.index(format.rounding), format.bits,
                                  format.signed, OVERFLOWS.index(format.overflow), KEY, again)
    np.testing.assert_array_equal(again, output[:400])


@given(value=st.floats(allow_nan=False, allow_infinity=False, max_value=1e280, min_value=-1e280),
       text=st.sampled_from(QUANTISED))
def test_quantise_any_float(value: float, text: str) -> None:
    format = Format.parse(text)
    output, n_overflows = numbers.quantise([value], format, key=KEY)
    assert (output[0], n_overflows) == oracle.quantised(value, format.bits, format.fraction, format.signed,
                                                        format.rounding, format.overflow, KEY, 0)


@given(st.integers(-(2**23), 2**23 - 1), st.integers(-20, 40))
def test_dequantise_and_quantise_return(value: int, fraction: int) -> None:
    format = Format(24, fraction)
    assert numbers.quantise(numbers.dequantise([value], format), format) == (np.array([value]), 0)


def test_quantise_keeps_the_shape() -> None:
    output, _ = numbers.quantise(np.linspace(-1, 1, 12).reshape(3, 4).T, Format(8, 7))
    assert output.shape == (4, 3)
    assert output[3, 2] == 127


@pytest.mark.parametrize(("text", "values", "error", "message"), [
    ("s8.4/floor/error", [1.0, 9.0], DataError,
     "quantise to s8.4/floor/error: 1 of 2 values outside, from 1 to 9\n  allowed: -8 to 7.9375\n  mend:"),
    ("s8.4", [1.0, float("nan")], DataError, "value 1 = nan\n  allowed: finite numbers"),
    ("s8.64", [1e300], DataError, "value 0 = 1e+300"),
    ("s8.4/stochastic", [1.0], OptionError, "without a key\n  allowed: key = stream_key(seed, name)"),
    ("s63.4", [1.0], OptionError, "quantise to s63.4/floor/saturate\n  allowed: up to 62 bits"),
    ("s24.0/floor/lava_wrap", [1.0], OptionError, "lava_wrap is a rule of adders")])
def test_what_quantise_refuses(text: str, values: list[float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        numbers.quantise(values, Format.parse(text))


@given(st.floats(1e-12, 1e4))
def test_descale_is_within_half_a_mantissa_step(scale: float) -> None:
    mantissa, n = numbers.descale_of(scale)
    assert 2**14 <= mantissa < 2**15
    assert abs(mantissa / 2**n - scale) <= scale * 2.0**-15


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), 1e-30, 1e6])
def test_descale_out_of_reach(scale: float) -> None:
    with pytest.raises(OptionError, match="descale by"):
        numbers.descale_of(scale)
