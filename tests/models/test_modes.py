"""Modes as neurons: how they turn and decay, and that modes and weights make a whole state space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
RATE = -0.3 + 2.0j


def run(tables: Tables, charges: list[complex], intervals: list[float] | None = None) -> np.ndarray:
    """Return what is sent after each token, as complex numbers."""
    sent = []
    for step, charge in enumerate(charges):
        tables.charge[:2, 0] = charge.real, charge.imag
        if intervals is not None:
            tables.charge[2, 0] = intervals[step]
        tables.run()
        assert tables.output[:, 0].tolist() == tables.state[:, 0].tolist()
        sent.append(complex(*tables.output[:, 0]))
    return np.array(sent)


def event_mode(rate: complex = RATE, **attributes: Any) -> Tables:
    return make_tables("event_mode", {"rate_real": rate.real, "rate_imag": rate.imag}, **attributes)


@DTYPES
def test_a_mode_rings_and_decays(dtype: Any) -> None:
    a = 0.9 * np.exp(0.7j)
    sent = run(make_tables("mode", {"a_real": a.real, "a_imag": a.imag}, dtype=dtype), [2 - 1j] + [0j] * 39)
    np.testing.assert_allclose(sent, (2 - 1j) * a ** np.arange(40), rtol=1e-4 if dtype == np.float32 else 1e-12)


def test_a_silent_float32_mode_ends_at_zero() -> None:
    sent = run(make_tables("mode", {"a_real": 0.01, "a_imag": 0.0}, dtype=np.float32), [1 + 1j] + [0j] * 25)
    assert sent[18] != 0 and sent[-1] == 0


@DTYPES
def test_equal_intervals_are_a_mode(dtype: Any) -> None:
    a, charges = np.exp(0.25 * RATE), [1 + 0j, -0.5j, 0j, 2 - 1j, 0j]
    steady = run(make_tables("mode", {"a_real": a.real, "a_imag": a.imag}, dtype=dtype), charges)
    np.testing.assert_allclose(run(event_mode(dtype=dtype), charges, [0.25] * 5), steady, rtol=1e-5 if
                               dtype == np.float32 else 1e-13)


def test_the_interval_of_a_token_decays_what_was_there_before_it() -> None:
    """The token's own charge is not decayed by its own interval, but by those of later tokens."""
    sent = run(event_mode(), [1 + 0j, 0j, 1j], [5.0, 0.5, 0.25])
    expected = [1, np.exp(0.5 * RATE), np.exp(0.75 * RATE) + 1j]
    np.testing.assert_allclose(sent, expected, rtol=1e-14)


@pytest.mark.parametrize("hold", ["none", "zero"])
def test_two_intervals_are_their_sum(hold: str) -> None:
    """Without charge, how the time is cut does not matter; nor does an interval of 0 or below."""
    cut = run(event_mode(hold=hold), [1 + 2j, 0j, 0j, 0j, 0j], [0.1, 0.3, 0.0, -1.0, 0.9])
    whole = run(event_mode(hold=hold), [1 + 2j, 0j], [0.1, 1.2])
    np.testing.assert_allclose(cut[-1], whole[-1], rtol=1e-14)
    assert cut[1] == cut[2] == cut[3]


def test_zero_order_hold() -> None:
    """An input that lasts: rate h + rate x integrated over the interval, exactly."""
    x, interval = 0.7 - 0.2j, 0.8
    sent = run(event_mode(hold="zero"), [x, 0.5 * x], [interval, 0.3])
    first = (np.exp(RATE * interval) - 1) * x
    np.testing.assert_allclose(sent, [first, np.exp(RATE * 0.3) * first + (np.exp(RATE * 0.3) - 1) * 0.5 * x],
                               rtol=1e-14)
    steps = 200_000     # Euler, for what the closed form stands for
    h = 0j
    for _ in range(steps):
        h += interval / steps * RATE * (h + x)
    np.testing.assert_allclose(h, first, rtol=1e-5)
