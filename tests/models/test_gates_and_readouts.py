"""Gates, ternary spikes, norms and read-outs at the values where they could surprise."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.tables import make_tables


def test_ternary_threshold_of_the_vector() -> None:
    values = {"charge.value": [[0.15, -0.15, 0.14, -1.0, 0.0]], "charge.threshold": 1.0}
    assert make_tables("ternary", values, size=5).run().output.tolist() == [[1, -1, 0, -1, 0]]


def test_ternary_of_nothing_is_nothing() -> None:
    """With a threshold of 0 a value of 0 reaches it, and has no sign."""
    assert make_tables("ternary", {"charge.value": [[0.0, -1e-300]]}, size=2).run().output.tolist() == [[0, -1]]


def test_ternary_fixed_threshold() -> None:
    values = {"charge.value": [[0.5, -0.5, 0.4]], "charge.threshold": 100.0, "delta": 0.5}
    assert make_tables("ternary", values, size=3, delta_scope="tensor").run().output.tolist() == [[1, -1, 0]]


@pytest.mark.parametrize("gate", [-1e4, -750.0, 0.0, 750.0, 1e4])
def test_sigmoid_never_overflows(gate: float) -> None:
    output = make_tables("glu", {"charge.value": 1.0, "charge.gate": gate}).run().output[0, 0]
    assert output == (0.5 if gate == 0 else float(gate > 0))


def test_layer_norm_of_equal_values_is_the_bias() -> None:
    tables = make_tables("layer_norm", {"bias": 0.25, "epsilon": 0.0, "scale": 3.0})
    assert tables.run().output[0, 0] == 0.25


def test_center_and_layer_norm_make_a_layer_norm() -> None:
    x = np.random.default_rng(2).normal(size=16)
    centred = make_tables("center", {"charge.value": x, "charge.mean": x.mean()}, size=16).run().output
    values = {"charge.value": centred[0], "charge.variance": centred[1].mean(), "scale": 2.0, "bias": 0.5}
    output = make_tables("layer_norm", values, size=16).run().output[0]
    np.testing.assert_allclose(output, (x - x.mean()) / np.sqrt(x.var() + 1e-5) * 2 + 0.5, rtol=1e-13)


def test_running_mean_counts_from_the_first_token() -> None:
    tables = make_tables("running_mean", {"bias": 1.0})
    means = []
    for charge in (3.0, 5.0, 1.0):
        tables.charge[:] = charge
        means.append(float(tables.run().output[0, 0]))
    assert means == [4.0, 5.0, 4.0]


def test_integrator_decays() -> None:
    tables = make_tables("integrator", {"leak": 0.5, "charge.input": 1.0})
    assert [float(tables.run().output[0, 0]) for _ in range(3)] == [1.0, 1.5, 1.75]
