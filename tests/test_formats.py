"""Formats: ranges, text, and the refusals with their arithmetic."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import numbers
from neurosim.errors import CapacityError, OptionError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Format, check_chip_bits, fraction_for, product_fits


@st.composite
def formats(draw: st.DrawFn) -> Format:
    signed = draw(st.booleans())
    overflow = draw(st.sampled_from([each for each in OVERFLOWS if signed or each != "lava_wrap"]))
    most = 62 if overflow == "lava_wrap" else 64 if signed else 63
    return Format(draw(st.integers(1 + signed, most)), draw(st.integers(-64, 64)), signed,
                  draw(st.sampled_from(ROUNDINGS)), overflow)


@given(formats())
def test_text_goes_there_and_back(format: Format) -> None:
    assert Format.parse(str(format)) == format


def test_text_is_short_where_defaults_serve() -> None:
    assert str(Format(24, 12)) == "s24.12/floor/saturate"
    assert Format.parse("u8.-3") == Format(8, -3, signed=False)
    assert Format.parse("s24.12/nearest_even") == Format(24, 12, rounding="nearest_even")


@pytest.mark.parametrize(("text", "low", "high"), [
    ("s24.0", -(2**23), 2**23 - 1), ("u8.0", 0, 255), ("s64.0", -(2**63), 2**63 - 1), ("u63.0", 0, 2**63 - 1),
    ("s24.0/floor/lava_wrap", -(2**23) + 1, 2**23), ("u1.0", 0, 1), ("s2.0", -2, 1)])
def test_range(text: str, low: int, high: int) -> None:
    format = Format.parse(text)
    assert (format.low, format.high) == (low, high)
    assert format.range == (float(low), float(high))


def test_step_and_range_carry_the_fraction() -> None:
    assert Format(16, 14).step == 2.0**-14
    assert Format(16, 14).range == (-2.0, 2.0 - 2.0**-14)
    assert Format(8, -3).range == (-1024.0, 127 * 8.0)


@pytest.mark.parametrize(("text", "message"), [
    ("s65.0", "format s65.0/floor/saturate: bits = 65\n  allowed: integer from 2 to 64\n  mend:"),
    ("s1.0", "bits = 1\n  allowed: integer from 2 to 64"),
    ("u64.0", "bits = 64\n  allowed: integer from 1 to 63"),
    ("s63.0/floor/lava_wrap", "bits = 63\n  allowed: integer from 2 to 62"),
    ("s8.65", "fraction = 65\n  allowed: integer from -64 to 64"),
    ("s8.0/up", "rounding = up\n  allowed: toward_zero, floor, nearest_even, nearest_away, stochastic"),
    ("s8.0/floor/wrap", "overflow = wrap\n  allowed: saturate, twos_complement, lava_wrap, error"),
    ("u8.0/floor/lava_wrap", "overflow = lava_wrap in an unsigned format\n  allowed: lava_wrap in signed formats"),
    ("q8.0", "format 'q8.0' cannot be read\n  allowed: <s|u><bits>.<fraction>[/<rounding>[/<overflow>]]\n  mend:")])
def test_faults_name_field_value_and_mend(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        Format.parse(text)


def test_bits_are_integers() -> None:
    with pytest.raises(OptionError, match=r"bits = 8\.5"):
        Format(8.5, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("a", "b", "n_terms"), [*itertools.product(["s16.14", "s32.0", "u63.0"], ["s24.12", "s32.0"],
                                                                   [1, 2, 2**24])])
def test_product_fits(a: str, b: str, n_terms: int) -> None:
    p, q = Format.parse(a), Format.parse(b)
    # The largest product of the ends, counted by the sum itself.
    most = max(abs(n_terms * x * y) for x in (p.low, p.high) for y in (q.low, q.high))
    if most < 2**63:
        assert product_fits(p, q, n_terms) == most
    else:
        with pytest.raises(OptionError, match=f"= {most} needs"):
            product_fits(p, q, n_terms, where="y")


def test_product_shows_the_arithmetic() -> None:
    with pytest.raises(OptionError, match=re.escape(
            "layer 1, C h: 4 x 2147483648 (s32.0/floor/saturate) x 2147483648 (s32.0/floor/saturate) = "
            "18446744073709551616 needs 66 bits\n  allowed: sums of products below 2**63 = 9223372036854775808\n"
            "  mend: take 2 bits from the factors, or split the sum")):
        product_fits(Format(32, 0), Format(32, 0), 4, where="layer 1, C h")
    with pytest.raises(OptionError, match="n_terms = 0"):
        product_fits(Format(8, 0), Format(8, 0), 0)


@pytest.mark.parametrize(("largest", "bits", "signed", "fraction"), [
    (1.0, 16, True, 15), (1.5, 16, True, 14), (2.0, 16, True, 14), (0.3, 8, True, 8), (255.0, 16, False, 8),
    (1000.0, 24, True, 13), (0.0, 8, True, 64), (1e-30, 8, True, 64)])
def test_fraction_for(largest: float, bits: int, signed: bool, fraction: int) -> None:
    assert fraction_for(largest, bits, signed=signed) == fraction


def test_no_fraction_left() -> None:
    with pytest.raises(OptionError, match=re.escape(
            "layer 0, state: 8 bits - 1 for the sign - 10 before the point for values up to 1000 = -3 bits behind the "
            "point\n  allowed: 1 bit behind the point and more\n  mend: give 12 bits, or scale the values down")):
        fraction_for(1000.0, 8, where="layer 0, state")
    assert fraction_for(1000.0, 12) == 1
    with pytest.raises(OptionError, match="largest = inf"):
        fraction_for(float("inf"), 8)


def test_more_bits_than_the_chip_has() -> None:
    check_chip_bits(Format(24, 12), 24, limit="core.state_bits", where="layer 0, state")
    with pytest.raises(CapacityError, match=re.escape(
            "layer 0, state (s32.12/floor/saturate): core.state_bits: need 32 bits, have 24 bits\n  mend: quantise to "
            "24 bits, or raise core.state_bits to 32")):
        check_chip_bits(Format(32, 12), 24, limit="core.state_bits", where="layer 0, state")


def test_codes_of_the_kernels_are_the_places_here() -> None:
    for names, others in ((ROUNDINGS, ()), (OVERFLOWS, ("unlimited",))):
        assert [getattr(numbers, name.upper()) for name in (*names, *others)] == list(range(len(names) + len(others)))
