"""Integrate-and-fire somata, read like timing diagrams: thresholds, resets, refractory time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import Tables, make_tables

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
PLAIN = {"lif": {"leak": 1.0}, "cuba": {"leak": 1.0, "current_leak": 0.0}}
MODELS = pytest.mark.parametrize("model", list(PLAIN))


def trace(tables: Tables, charges: list[float]) -> tuple[list[float], list[float]]:
    """Return (spikes, potentials) of one neuron for a sequence of charges."""
    spikes, potentials = [], []
    for charge in charges:
        tables.charge[:] = charge
        tables.run()
        spikes.append(float(tables.output[0, 0]))
        potentials.append(float(tables.state_word("potential")[0]))
    return spikes, potentials


@DTYPES
@MODELS
@pytest.mark.parametrize(("comparator", "spikes"), [(">=", [1.0, 0.0]), (">", [0.0, 1.0])])
def test_comparator_at_the_threshold(model: str, dtype: Any, comparator: str, spikes: list[float]) -> None:
    tables = make_tables(model, PLAIN[model], dtype=dtype, comparator=comparator)
    assert trace(tables, [1.0, 0.25])[0] == spikes


@DTYPES
@MODELS
@pytest.mark.parametrize(("reset", "left"), [("hard", -0.25), ("soft", 0.25), ("none", 1.5)])
def test_reset(model: str, dtype: Any, reset: str, left: float) -> None:
    tables = make_tables(model, {**PLAIN[model], "reset_value": -0.25}, dtype=dtype, reset=reset)
    assert trace(tables, [1.5]) == ([1.0], [left])


@MODELS
def test_refractory_updates_lose_input(model: str) -> None:
    tables = make_tables(model, {**PLAIN[model], "refractory_steps": 2.0, "reset_value": 0.125})
    spikes, potentials = trace(tables, [1.0, 9.0, 9.0, 0.5, 0.5])
    assert spikes == [1, 0, 0, 0, 1]
    assert potentials == [0.125, 0.125, 0.125, 0.625, 0.125]


def test_current_goes_on_while_refractory() -> None:
    tables = make_tables("cuba", {"leak": 0.0, "current_leak": 0.5, "refractory_steps": 2.0, "threshold": 4.0})
    spikes, potentials = trace(tables, [8.0, 8.0, 0.0, 0.0, 0.0])
    assert spikes == [1, 0, 0, 0, 0]
    assert potentials == [0, 0, 0, 3.0, 1.5]


@pytest.mark.parametrize("charge", [0.3, 0.45, 0.9])
def test_rate_of_a_driven_neuron(charge: float) -> None:
    """Without leak and with a soft reset the rate is the charge over the threshold."""
    spikes, _ = trace(make_tables("lif", {"leak": 1.0}, reset="soft"), [charge] * 1000)
    assert sum(spikes) == pytest.approx(1000 * charge, abs=1)


def test_period_with_leak_and_hard_reset() -> None:
    """u_n = x (1 - leak^n) / (1 - leak) crosses 1 at n = ceil(log(1 - (1 - leak) / x) / log leak)."""
    leak, charge = 0.9, 0.15
    period = int(np.ceil(np.log(1 - (1 - leak) / charge) / np.log(leak)))
    spikes, _ = trace(make_tables("lif", {"leak": leak}), [charge] * (5 * period))
    assert np.flatnonzero(spikes).tolist() == [period * (n + 1) - 1 for n in range(5)]
