"""The S4D recurrence and the three spike rules on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.tables import make_tables

MODELS = pytest.mark.parametrize("model", ["ssm", "ssm_heaviside", "ssm_lif"])
# y = 2 * (0.5 * x) = x
PASS_ON = {"a_real": 0.0, "a_imag": 0.0, "c_real": 0.5, "c_imag": 0.0}


def test_recurrence_is_the_convolution() -> None:
    """y_t = sum_s K_s u_(t-s) + d u_t with K_s = 2 Re sum_n c_n b_n a_n^s."""
    random = np.random.default_rng(5)
    n_modes, size, n_tokens, d = 4, 3, 50, 0.3
    a = 0.95 * np.exp(1j * random.uniform(0, np.pi, (n_modes, size)))
    b, c = (random.normal(size=(n_modes, size, 2)) @ [1, 1j] for _ in "bc")
    values = {f"{name}_{part}": getattr(table, part[:4]) for name, table in zip("abc", (a, b, c), strict=True)
              for part in ("real", "imag")}
    tables = make_tables("ssm", {**values, "d": d}, size=size, n_modes=n_modes)
    u = random.normal(size=(n_tokens, size))
    response = 2 * (c * b * a ** np.arange(n_tokens)[:, None, None]).sum(1).real
    for token in range(n_tokens):
        tables.charge[0] = u[token]
        tables.run()
        expected = (response[:token + 1] * u[token::-1]).sum(0) + d * u[token]
        np.testing.assert_allclose(tables.output[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("model", ["ssm_heaviside", "ssm_lif"])
@pytest.mark.parametrize(("comparator", "spike"), [(">=", 1.0), (">", 0.0)])
def test_comparator_at_the_threshold(model: str, dtype: Any, comparator: str, spike: float) -> None:
    tables = make_tables(model, {**PASS_ON, "threshold": 0.75, "charge.input": 0.75}, n_modes=1, dtype=dtype,
                         comparator=comparator)
    assert tables.run().output[0, 0] == spike


def test_membrane_leaks_and_resets_to_zero() -> None:
    tables = make_tables("ssm_lif", {**PASS_ON, "threshold": 2.0, "leak": 0.125}, n_modes=1)
    spikes, potentials = [], []
    for charge in (1.6, 1.6, 1.8, 0.0):
        tables.charge[:] = charge
        tables.run()
        spikes.append(float(tables.output[0, 0]))
        potentials.append(float(tables.state_word("potential")[0]))
    assert spikes == [0, 0, 1, 0]
    assert potentials == [0.8, 0.9, 0.0, 0.0]


@pytest.mark.parametrize(("activation", "expected"), [("none", -0.5), ("relu", 0.0), ("gelu", -0.15426876936299344)])
def test_activation(activation: str, expected: float) -> None:
    tables = make_tables("ssm", {**PASS_ON, "charge.input": -0.5}, n_modes=1, activation=activation)
    assert tables.run().output[0, 0] == pytest.approx(expected, rel=1e-15)


@MODELS
@pytest.mark.parametrize(("dtype", "left"), [(np.float32, 0.0), (np.float64, 5e-39)])
def test_denormal_states_become_zero_in_float32_only(model: str, dtype: Any, left: float) -> None:
    values = {"a_real": 0.5, "a_imag": 0.0, "c_real": 1.0, "c_imag": 0.0, "h_real": 1e-38, "h_imag": -1e-38,
              "threshold": 1.0}
    tables = make_tables(model, values, n_modes=1, dtype=dtype).run()
    assert abs(tables.state_word("h_real")[0]) == left
    assert abs(tables.state_word("h_imag")[0]) == left


def test_smallest_normal_state_is_kept_in_float32() -> None:
    smallest = float(np.finfo(np.float32).tiny)
    values = {"a_real": 1.0, "a_imag": 0.0, "c_real": 1.0, "c_imag": 0.0, "h_real": smallest, "h_imag": -smallest}
    tables = make_tables("ssm", values, n_modes=1, dtype=np.float32).run()
    assert tables.state[:, 0].tolist() == [smallest, -smallest]
