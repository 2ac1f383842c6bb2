"""Adaptive integrate-and-fire: a spike takes the level off, lifts it, and the level falls back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def make_neuron(dtype: Any = np.float64, comparator: str = ">", **values: float) -> Tables:
    given = {"leak": 0.9, "adaptation_leak": 0.8, "threshold": 0.5, **values}
    return make_tables("alif", given, dtype=dtype, comparator=comparator)


def run(tables: Tables, charges: list[float]) -> list[int]:
    spikes = []
    for charge in charges:
        tables.charge[0, 0] = charge
        tables.run()
        spikes.append(int(tables.output[0, 0]))
    return spikes


def test_the_level_is_exceeded_and_not_reached() -> None:
    assert run(make_neuron(), [0.5]) == [0]
    assert run(make_neuron(comparator=">="), [0.5]) == [1]
    assert run(make_neuron(), [0.5000001]) == [1]


@DTYPES
def test_a_spike_takes_off_the_level_it_passed(dtype: Any) -> None:
    """With q = 0.5 and beta = 2 the level is 1.5: of 2 there is 0.5 left, and q is 0.8 0.5 + 0.2."""
    tables = make_neuron(dtype, beta=2.0, adaptation=0.5, leak=1.0)
    assert run(tables, [2.0]) == [1]
    np.testing.assert_allclose(tables.state[:, 0], [0.5, 0.6], rtol=1e-6)


def test_the_spike_of_a_token_lifts_the_level_of_the_next() -> None:
    assert run(make_neuron(beta=0.0, leak=1.0), [3.1, 0.0, 0.0]) == [1, 1, 1]
    assert run(make_neuron(beta=100.0, leak=1.0), [3.1, 0.0, 0.0]) == [1, 0, 0]


def test_the_adaptation_is_the_recent_rate() -> None:
    """A neuron that always fires has q = 1 - rho**n; a silent one forgets by rho."""
    tables = make_neuron(beta=0.0, leak=0.0)
    run(tables, [1.0] * 7)
    np.testing.assert_allclose(tables.state_word("adaptation"), 1 - 0.8**7)
    run(tables, [0.0] * 3)
    np.testing.assert_allclose(tables.state_word("adaptation"), (1 - 0.8**7) * 0.8**3)


def test_rates_fall_under_a_constant_input() -> None:
    spikes = run(make_neuron(threshold=0.01, adaptation_leak=0.99, input_gain=0.1, beta=1.8), [1.0] * 400)
    assert sum(spikes[:50]) > 2 * sum(spikes[-50:]) > 0


@DTYPES
def test_charges_pass_the_input_gain(dtype: Any) -> None:
    tables = make_neuron(dtype, input_gain=0.1, threshold=9.0)
    run(tables, [1.0] * 200)
    np.testing.assert_allclose(tables.state_word("potential"), 1.0, rtol=1e-5)
