"""Balanced resonate-and-fire: balance at the divergence boundary, the refractory variable, what fires."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
DT = 0.01


def boundary(omega: float) -> float:
    """Return the damping at which a state of that frequency neither grows nor decays."""
    return 1 - float(np.sqrt(1 - omega**2))


def make_neuron(omega: float, damping: float, *, dtype: Any = np.float64, **values: Any) -> Tables:
    attributes = {name: values.pop(name) for name in ("refractory", "comparator") if name in values}
    return make_tables("brf", {"omega": omega, "damping": damping, **values}, dtype=dtype, **attributes)


def run(tables: Tables, charges: list[float]) -> tuple[list[int], np.ndarray]:
    """Return (spike of each step, complex state after each step)."""
    spikes, states = [], []
    for charge in charges:
        tables.charge[0, 0] = charge
        tables.run()
        spikes.append(int(tables.output[0, 0]))
        states.append(complex(tables.state_word("u")[0], tables.state_word("v")[0]))
    return spikes, np.array(states)


@DTYPES
def test_the_state_is_multiplied_by_a_complex_number(dtype: Any) -> None:
    _, states = run(make_neuron(0.2, 0.05, dtype=dtype, refractory="off"), [1.5] + [0.0] * 40)
    expected = 1.5 * (1 - 0.05 + 0.2j) ** np.arange(41)
    np.testing.assert_allclose(states, expected, rtol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("omega", [0.05, 0.3, 0.7])
def test_balance_at_the_boundary(omega: float) -> None:
    """At the boundary the magnitude stays; without it, Euler's steps let it grow without end."""
    silent = {"threshold": 1e300, "refractory": "off"}
    _, states = run(make_neuron(omega, boundary(omega), **silent), [1.0] + [0.0] * 2000)
    np.testing.assert_allclose(np.abs(states), 1.0, rtol=1e-9)
    _, states = run(make_neuron(omega, 0.0, **silent), [1.0] + [0.0] * 2000)
    np.testing.assert_allclose(np.abs(states[-1]), (1 + omega**2) ** 1000, rtol=1e-9)


def test_the_threshold_is_exceeded_and_not_reached() -> None:
    assert run(make_neuron(0.0, 0.0), [1.0])[0] == [0]
    assert run(make_neuron(0.0, 0.0), [np.nextafter(1.0, 2.0)])[0] == [1]
    assert run(make_neuron(0.0, 0.0, comparator=">="), [1.0])[0] == [1]


def test_a_spike_lifts_the_threshold_and_the_damping_and_both_fall_back() -> None:
    """A state of 3 that does not turn or decay by itself: threshold 1 + q with q = 1, 1.9, 2.71, then below 2."""
    tables = make_neuron(0.0, 0.0, refractory_gain=0.0)
    spikes, _ = run(tables, [3.0] + [0.0] * 9)
    q, expected = 0.0, []
    for _ in range(10):
        z = 3.0 > 1 + q
        expected.append(int(z))
        q = 0.9 * q + z
    assert spikes == expected and expected[:4] == [1, 1, 1, 0] and sum(expected) > 3
    np.testing.assert_allclose(tables.state_word("q"), [q])
    tables = make_neuron(0.0, 0.0, refractory_gain=DT, q=2.0)
    assert run(tables, [0.0, 1.0, 0.0])[1][-1] == 1.0 - DT * 2.0 * 0.9**2


def test_old_q_damps_and_compares() -> None:
    """The q of this token's spike acts in the next one."""
    tables = make_neuron(0.0, 0.0, refractory_gain=0.5, u=4.0)
    _, states = run(tables, [0.0, 0.0, 0.0])
    assert states.tolist() == [4.0, 2.0, 2.0 - 0.5 * 0.9 * 2.0]


def test_without_refractory_q_stays_where_it_is() -> None:
    tables = make_neuron(0.0, 0.0, refractory="off", u=3.0)
    assert run(tables, [0.0] * 4)[0] == [1, 1, 1, 1] and tables.state_word("q")[0] == 0


def test_there_is_no_reset() -> None:
    spikes, states = run(make_neuron(0.0, 0.0, refractory="off", refractory_gain=1.0), [2.0, 0.0])
    assert spikes == [1, 1] and states.tolist() == [2.0, 2.0]


def test_it_answers_to_charges_at_its_own_period() -> None:
    """Charges of 0.3 once per turn add up beyond the threshold; half a turn apart they cancel."""
    n_steps, period = 200, 20
    omega = float(np.sin(2 * np.pi / period))       # at the boundary, a step turns by arcsin(omega)
    for interval, fires in ((period, True), (period // 2, False)):
        charges = [0.3 if step % interval == 0 else 0.0 for step in range(n_steps)]
        assert any(run(make_neuron(omega, boundary(omega)), charges)[0]) is fires
