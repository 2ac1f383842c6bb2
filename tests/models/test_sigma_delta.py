"""Delta and sigma-delta neurons before a receiver that sums: what arrives is what was encoded, and seldom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
CODINGS = pytest.mark.parametrize("coding", ["corrected", "plain", "cumulative"])
SIZE, N_STEPS, THRESHOLD = 8, 60, 0.5


def walk(n_steps: int = N_STEPS) -> np.ndarray:
    """Return values [step, neuron] that wander through 0."""
    return np.cumsum(np.random.default_rng(4).normal(scale=0.3, size=(n_steps, SIZE)), axis=0)


def run(model: str, charges: np.ndarray, dtype: Any, threshold: float, **attributes: str
        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what was sent, what a receiver has summed, and word `activation`, each [step, neuron]."""
    sender = make_tables(model, {"threshold": threshold}, size=SIZE, dtype=dtype, **attributes)
    receiver = make_tables("integrator", {}, size=SIZE, dtype=dtype)
    sent, summed, activation = [], [], []
    for charge in charges:
        sender.charge[0] = charge
        receiver.charge[:] = sender.run().output
        sent.append(sender.output[0].copy())
        summed.append(receiver.run().output[0].copy())
        activation.append(sender.state_word("activation").copy())
    return np.array(sent), np.array(summed), np.array(activation)


def bound(coding: str, threshold: float, dtype: Any) -> float:
    """Return how far the receiver may be off. The cumulative form compares a sum of two terms, each within it."""
    return (2 if coding == "cumulative" else 1) * threshold + (1e-4 if dtype == np.float32 else 1e-12)


@DTYPES
@CODINGS
@pytest.mark.parametrize("threshold", [0.0, THRESHOLD])
def test_delta_then_sum_is_the_input(dtype: Any, coding: str, threshold: float) -> None:
    x = walk()
    sent, summed, _ = run("delta", x, dtype, threshold, coding=coding)
    assert np.abs(summed - x).max() <= bound(coding, threshold, dtype)
    rate = np.count_nonzero(sent) / sent.size
    assert rate == 1 if threshold == 0 else 0 < rate < 0.6


@DTYPES
@CODINGS
@pytest.mark.parametrize("threshold", [0.0, THRESHOLD])
@pytest.mark.parametrize("activation", ["relu", "none"])
def test_sigma_delta_then_sum_is_the_activation(dtype: Any, coding: str, threshold: float, activation: str) -> None:
    x = walk()
    changes = np.diff(x, axis=0, prepend=0)
    sent, summed, _ = run("sigma_delta", changes, dtype, threshold, coding=coding, activation=activation)
    expected = np.maximum(x, 0) if activation == "relu" else x
    assert (x < 0).any()
    assert np.abs(summed - expected).max() <= bound(coding, threshold, dtype)
    assert 0 < np.count_nonzero(sent) / sent.size < (0.6 if threshold else 1.01)


@DTYPES
@pytest.mark.parametrize("threshold", [0.0, THRESHOLD])
def test_corrected_form_knows_what_its_receiver_has(dtype: Any, threshold: float) -> None:
    _, summed, activation = run("delta", walk(500), dtype, threshold, coding="corrected")
    np.testing.assert_array_equal(summed, activation)


@CODINGS
@pytest.mark.parametrize("threshold", [0.0, THRESHOLD])
@pytest.mark.parametrize(("model", "n_charges"), [("delta", 40), ("sigma_delta", 1)])
def test_constant_value_falls_silent(coding: str, threshold: float, model: str, n_charges: int) -> None:
    """At once; the cumulative form sends late what is below the threshold, 1/8 once it has added up to 1/2."""
    charges = np.zeros((40, SIZE))
    charges[:n_charges] = np.arange(SIZE) * 0.5 + 0.125
    sent, summed, _ = run(model, charges, np.float64, threshold, coding=coding)
    n_first = 4 if coding == "cumulative" and threshold else 1
    assert not sent[n_first:].any()
    np.testing.assert_array_equal(sent[0], np.where(charges[0] >= threshold, charges[0], 0))
    assert np.abs(summed[-1] - charges[0]).max() < max(threshold, 1e-300)


@pytest.mark.parametrize(("coding", "sent"), [
    ("corrected", [0, 0, 0, 1.125, 0, 0]), ("plain", [0, 0, 0, 1.125, 0, 0]), ("cumulative", [0, 0, 0.75, 0, 0, 0]),
])
def test_codings_step_by_step(coding: str, sent: list[float]) -> None:
    """Threshold 1. The errors 0.375, 0.5 and 0.75 add up to 1.625 in the cumulative form."""
    charges = np.tile(np.array([[0.375], [0.5], [0.75], [1.125], [1.0], [0.75]]), SIZE)
    assert run("delta", charges, np.float64, 1.0, coding=coding)[0][:, 0].tolist() == sent


def test_bias_is_below_the_rectifier() -> None:
    tables = make_tables("sigma_delta", {"bias": -1.0, "charge.input": 0.75})
    assert [float(tables.run().output[0, 0]) for _ in range(3)] == [0.0, 0.5, 0.75]
