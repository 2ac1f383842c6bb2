"""Advance over the time gone by: as many idle steps of the oracle, for every model that may be left alone."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np
import pytest

from neurosim.model_specs import MODEL_INDEX, MODEL_SPECS
from neurosim.models.elapse import elapse
from tests.models.tables import Tables, make_tables

SIZE = 6
LAZY = [spec.name for spec in MODEL_SPECS if spec.silent_between_events]
CHOICES = [("lif", {"reset": "hard"}), ("lif", {"reset": "soft", "comparator": ">"}), ("integrator", {}), ("mode", {}),
           ("event_mode", {}), ("ssm", {"activation": "none"}), ("ssm", {"activation": "gelu"}), ("linear", {}),
           ("relu", {}), ("gelu", {}), ("sigma_delta", {"coding": "corrected"}), ("sigma_delta", {"coding": "plain"}),
           ("scaled_lif", {})]


def tables(model: str, random: np.random.Generator, dtype: Any = np.float64, **attributes: str) -> Tables:
    """Return neurons at rest below their thresholds, with an old state and a charge to come."""
    n_modes = 3 if model == "ssm" else 0
    modes = (max(n_modes, 1), SIZE)
    values = {
        "leak": random.choice([0.0, 0.5, 0.93, 1.0], SIZE), "threshold": random.uniform(0.5, 1.0, SIZE),
        "reset_value": -0.25, "refractory_steps": random.integers(0, 5, SIZE),
        "potential": random.uniform(-1, 0.4, SIZE), "refractory": random.integers(0, 6, SIZE),
        "h_real": random.normal(size=modes),
        "h_imag": random.normal(size=modes), "a_real": random.uniform(-0.9, 0.9, modes),
        "a_imag": random.uniform(-0.4, 0.4, modes), "b_real": random.normal(size=modes),
        "b_imag": random.normal(size=modes), "c_real": random.normal(size=modes), "c_imag": random.normal(size=modes),
        "d": random.normal(size=SIZE), "rate_real": random.uniform(-1, 0, SIZE), "rate_imag": random.normal(size=SIZE),
        "sigma": 0.0, **{f"charge.{port}": random.normal(size=SIZE) for port in ("input", "real", "imag")},
    }
    return make_tables(model, values, size=SIZE, n_modes=n_modes, dtype=dtype, **attributes)


def advanced(table: Tables, steps: Any) -> Tables:
    """Return the tables after one update that lasts so many steps."""
    table = table.copy()
    elapsed = np.array(np.broadcast_to(steps, (SIZE,)), np.float64)
    kept = table.parameters.copy()
    elapse(MODEL_INDEX[table.spec.name], table.n_modes, elapsed, table.parameters, table.state, table.charge)
    table.run()
    table.parameters[:] = kept
    return table


def idle(table: Tables) -> Tables:
    """Return a copy without charge; the interval of an `event_mode` is one step."""
    table = table.copy()
    table.charge[:] = 0
    return with_interval(table)


def with_interval(table: Tables) -> Tables:
    """Give an `event_mode` its interval, for the oracle: one step."""
    if table.spec.name == "event_mode":
        table.charge[2] = 1
    return table


def test_choices_hold_every_lazy_model() -> None:
    assert {model for model, _ in CHOICES} == set(LAZY)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5, 40])
@pytest.mark.parametrize(("model", "attributes"), CHOICES, ids=lambda item: str(item))
def test_one_long_step_is_as_many_steps_of_the_oracle(model: str, attributes: dict[str, str], n_steps: int) -> None:
    for seed in range(20):
        table = tables(model, np.random.default_rng(seed), **attributes)
        expected = table.copy()
        for _ in range(n_steps - 1):
            resting = idle(expected).run_oracle()
            assert model not in ("lif", "scaled_lif", "sigma_delta") or not resting.output.any(), "it is not silent"
            expected.state[:] = resting.state
        expected = with_interval(expected).run_oracle()
        found = advanced(table, n_steps)
        np.testing.assert_allclose(found.state, expected.state, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.output, expected.output, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("model", "attributes"), CHOICES, ids=lambda item: str(item))
def test_two_waits_are_one_long_wait(model: str, attributes: dict[str, str]) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        table = tables(model, random, **attributes)
        first, second = random.uniform(0, 3, SIZE), random.uniform(0, 3, SIZE)
        waited = table.copy()
        waited.charge[:] = 0
        waited.state[:] = advanced(waited, first).state
        found, expected = advanced(waited_with_charge(waited, table), second), advanced(table, first + second)
        np.testing.assert_allclose(found.state, expected.state, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.output, expected.output, rtol=1e-12, atol=1e-12)


def waited_with_charge(waited: Tables, table: Tables) -> Tables:
    """Return the state of one with the charge of the other."""
    waited = waited.copy()
    waited.charge[:] = table.charge
    return waited


def test_no_time_leaves_all_but_the_charge() -> None:
    for model, attributes in CHOICES:
        table = tables(model, np.random.default_rng(3), **attributes)
        table.charge[:] = 0
        found = advanced(table, 0.0)
        if model == "lif":      # one that rests is at its reset value
            table.state[0] = np.where(table.state[1] > 0, -0.25, table.state[0])
        if model != "sigma_delta":
            np.testing.assert_allclose(found.state, table.state, rtol=1e-15, err_msg=model)


@pytest.mark.parametrize("steps", [0.25, 1.5, 7.3])
def test_powers_of_complex_numbers(steps: float) -> None:
    table = tables("mode", np.random.default_rng(1))
    table.charge[:] = 0
    found = advanced(table, steps)
    for neuron in range(SIZE):
        a = complex(table.parameters[0, neuron], table.parameters[1, neuron])
        expected = cmath.exp(steps * cmath.log(a)) * complex(table.state[0, neuron], table.state[1, neuron])
        assert complex(found.state[0, neuron], found.state[1, neuron]) == pytest.approx(expected, rel=1e-12)


def test_rest_ends_within_a_wait() -> None:
    """A neuron at reset_value 0.5 for 2 more steps: input is lost up to then, afterwards it leaks from there."""
    table = make_tables("lif", {"leak": 0.5, "threshold": 9.0, "reset_value": 0.5, "refractory": 2.0, "potential": 0.5,
                                "charge.input": 1.0}, size=SIZE)
    found = advanced(table, [0.0, 1.5, 2.0, 2.5, 3.0, 6.0])
    np.testing.assert_allclose(found.state[0], [0.5, 0.5, 0.5, 1 + 0.5 * 0.5**0.5, 1.25, 1 + 0.5**5], rtol=1e-15)
    np.testing.assert_allclose(found.state[1], [2.0, 0.5, 0.0, 0.0, 0.0, 0.0], rtol=1e-15)


def test_float32_computes_the_power_in_float64() -> None:
    table = tables("integrator", np.random.default_rng(2), np.float32)
    table.charge[:] = 0
    found = advanced(table, 2.7)
    expected = np.float32(np.float64(table.parameters[0]) ** 2.7) * table.state[0]
    np.testing.assert_array_equal(found.state[0], expected)
