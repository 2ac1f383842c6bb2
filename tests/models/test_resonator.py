"""Resonate-and-fire neurons: how they turn, when they spike, what resets them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def make_resonator(period: float, alpha: float = 0.0, *, dtype: Any = np.float64, firing: str = "phase",
                   **values: float) -> Tables:
    """Return one neuron that turns once in `period` steps and loses `alpha` of itself in each."""
    turn = (1 - alpha) * np.exp(2j * np.pi / period)
    return make_tables("resonator", {"a_real": turn.real, "a_imag": turn.imag, **values}, dtype=dtype, firing=firing)


def run(tables: Tables, charges: list[complex]) -> tuple[list[int], np.ndarray]:
    """Return (steps with a spike, complex state after each step)."""
    spikes, states = [], []
    for step, charge in enumerate(charges):
        tables.charge[:, 0] = charge.real, charge.imag
        tables.run()
        assert tables.output[0, 0] in (0, 1)
        spikes += [step] if tables.output[0, 0] else []
        states.append(complex(tables.state_word("real")[0], tables.state_word("imag")[0]))
    return spikes, np.array(states)


def one_charge(charge: complex, n_steps: int) -> list[complex]:
    return [charge] + [0j] * (n_steps - 1)


@DTYPES
def test_state_rings_and_decays(dtype: Any) -> None:
    _, states = run(make_resonator(10, 0.1, dtype=dtype), one_charge(2 - 1j, 40))
    expected = (2 - 1j) * (0.9 * np.exp(2j * np.pi / 10)) ** np.arange(40)
    np.testing.assert_allclose(states, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)


@DTYPES
@pytest.mark.parametrize("period", [4, 7, 25])
def test_phase_spikes_once_per_period(dtype: Any, period: int) -> None:
    """Half a step behind the real axis at first, so that the axis is crossed between two steps."""
    start = 2 * np.exp(-1j * np.pi / period)
    spikes, _ = run(make_resonator(period, dtype=dtype), one_charge(start, 6 * period))
    assert spikes == [1 + period * n for n in range(6)]


def test_phase_spikes_end_once_the_ringing_is_below_the_threshold() -> None:
    period, alpha, start = 8, 0.05, 3.0
    heights = start * np.cos(np.pi / period) * (1 - alpha) ** (1 + period * np.arange(6))
    spikes, _ = run(make_resonator(period, alpha), one_charge(start * np.exp(-1j * np.pi / period), 6 * period))
    assert spikes == [1 + period * n for n in range(6) if heights[n] >= 1]
    assert 0 < len(spikes) < 6


@pytest.mark.parametrize(("interval", "spikes"), [(20, [61, 81, 101, 121, 141]), (10, []), (30, [])])
def test_phase_answers_to_charges_at_its_period(interval: int, spikes: list[int]) -> None:
    """Charges of 0.3, once per period, reach the threshold of 1 with the fourth; half a period apart they cancel."""
    charges = [0.3 - 0.01j if step % interval == 0 else 0j for step in range(161)]
    assert run(make_resonator(20, 0.001), charges)[0] == spikes


def test_phase_does_not_reset() -> None:
    tables = make_resonator(10, a_real=1.0, a_imag=0.0, real=2.0, imag=-1.0)
    spikes, states = run(tables, [1j, -1j, 1j])
    assert spikes == [0, 2]
    assert states.tolist() == [2, 2 - 1j, 2]


@pytest.mark.parametrize(("real", "old_imag", "charge", "spike"), [
    (1.0, -0.5, 0.5j, True), (0.99, -0.5, 0.5j, False), (1.0, -0.5, 0.25j, False), (1.0, 0.0, 0.5j, False),
])
def test_phase_needs_all_three(real: float, old_imag: float, charge: complex, spike: bool) -> None:
    tables = make_resonator(10, a_real=1.0, a_imag=0.0, real=real, imag=old_imag)
    assert run(tables, [charge])[0] == ([0] if spike else [])


@DTYPES
@pytest.mark.parametrize(("charge", "spike"), [(1j, True), (0.999j, False), (9 + 0j, False)])
def test_izhikevich_spikes_at_the_threshold(dtype: Any, charge: complex, spike: bool) -> None:
    tables = make_resonator(10, dtype=dtype, firing="izhikevich")
    assert run(tables, [charge])[0] == ([0] if spike else [])


@DTYPES
def test_izhikevich_resets_below_the_threshold(dtype: Any) -> None:
    """(2, 0) turns by a quarter to (0, 2), a spike; from (0, 0.75) it rings on below the threshold."""
    tables = make_resonator(4, dtype=dtype, firing="izhikevich", a_real=0.0, reset_margin=0.25)
    spikes, states = run(tables, one_charge(2 + 0j, 6))
    assert spikes == [1]
    assert states.tolist() == [2, 0.75j, -0.75, -0.75j, 0.75, 0.75j]
