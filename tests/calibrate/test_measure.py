"""Ranges that the samples give: every quantity, computed once more by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.calibrate import measure
from neurosim.calibrate.probes import Probe
from neurosim.engine.batch import BatchPass
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping.lower_function import lower_neurons

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(3, 9, 2))
WEIGHTS = RANDOM.normal(size=(2, 4))


def network(model: str, parameters: dict[str, Any], *, ports: tuple[str, ...] = ("input",), n_modes: int = 0,
            **attributes: str) -> Network:
    population = Population("p", model, 4, parameters, attributes, n_modes)
    return Network("n", (Population("in", "input", 2), population), tuple(
        Projection("in", "p", DenseWeights(WEIGHTS * (index + 1)), port=port) for index, port in enumerate(ports)))


def values_of(net: Network) -> dict[str, np.ndarray]:
    """Return quantity -> [token, ..., sample, neuron] as the probe reads them."""
    probe, found = Probe(net.population("p")), {}
    for update in BatchPass(lower_neurons(net), INPUTS).updates():
        if update.population == 1:
            for name, values in probe.read(update).items():
                found.setdefault(name, []).append(np.array(values))
    return {name: np.array(values) for name, values in found.items()}


def charge() -> np.ndarray:
    return np.moveaxis(INPUTS @ WEIGHTS, 0, 1)      # [token, sample, neuron]


def test_the_potential_is_seen_before_its_reset() -> None:
    for reset in ("hard", "soft", "none"):
        values = values_of(network("lif", {"leak": 0.9, "threshold": 0.5, "bias": 0.1}, reset=reset))
        left = np.zeros((3, 4))
        for token, given in enumerate(charge()):
            summed = 0.9 * left + given + 0.1
            np.testing.assert_allclose(values["potential"][token, 0], summed)
            spiked = summed >= 0.5
            left = {"hard": np.where(spiked, 0.0, summed), "soft": summed - 0.5 * spiked, "none": summed}[reset]
            np.testing.assert_allclose(values["potential"][token, 1], left)
    np.testing.assert_allclose(values["input"], charge())


def test_the_current_goes_into_the_potential() -> None:
    values = values_of(network("cuba", {"leak": 0.9, "current_leak": 0.5, "threshold": 100.0}))
    current, potential = np.zeros((3, 4)), np.zeros((3, 4))
    for token, given in enumerate(charge()):
        current = 0.5 * current + given
        potential = 0.9 * potential + current
        np.testing.assert_allclose(values["current"][token], current)
        np.testing.assert_allclose(values["potential"][token, 0], potential)


@pytest.mark.parametrize("model", ["ssm", "ssm_heaviside", "ssm_lif"])
def test_the_state_and_y_of_state_space_models(model: str) -> None:
    modes = {name: RANDOM.uniform(-0.6, 0.6, (4, 2)) for name in ("a_real", "a_imag", "b_real", "b_imag", "c_real",
                                                                  "c_imag")}
    threshold = {} if model == "ssm" else {"threshold": np.array([0.5, 1.0, 2.0, 4.0])}
    values = values_of(network(model, {**modes, "d": 0.3, "bias": 0.2, **threshold}, n_modes=2))
    a, b, c = (modes[f"{name}_real"] + 1j * modes[f"{name}_imag"] for name in "abc")
    h, membrane = np.zeros((3, 4, 2), complex), np.zeros((3, 4))
    for token, given in enumerate(charge()):
        x = given + 0.2
        h = a * h + b * x[..., None]
        y = 2 * (c * h).sum(axis=2).real + 0.3 * x
        np.testing.assert_allclose(values["h"][token], np.moveaxis(np.concatenate([h.real, h.imag], axis=2), 2, 0))
        if model == "ssm_lif":
            y = y / threshold["threshold"]
            membrane = 0.125 * membrane + y
            np.testing.assert_allclose(values["potential"][token, 0], membrane, atol=1e-12)
            membrane = np.where(membrane >= 1, 0.0, membrane)
        np.testing.assert_allclose(values["y"][token], y, atol=1e-12)


def test_the_potential_of_scaled_neurons_counts_in_steps_of_the_charge() -> None:
    threshold = np.array([0.5, 1.0, 2.0, 4.0])
    values = values_of(network("scaled_lif", {"threshold": threshold, "leak": 0.5}))
    potential = np.zeros((3, 4))
    for token, given in enumerate(charge()):
        potential = 0.5 * potential + given
        np.testing.assert_allclose(values["potential"][token, 0], potential, atol=1e-12)
        potential = np.where(potential >= threshold, 0.0, potential)
        np.testing.assert_allclose(values["potential"][token, 1], potential, atol=1e-12)


def test_the_product_of_the_gated_unit() -> None:
    values = values_of(network("gsu", {"ternary_bias": 0.5, "graded_bias": -0.25},
                               ports=("ternary_branch", "graded_branch", "skip")))
    np.testing.assert_allclose(values["product"], (charge() + 0.5) * (2 * charge() - 0.25))
    np.testing.assert_allclose(values["graded"], values["product"] + 3 * charge())


def test_resonators_hold_u_and_v_in_one_quantity() -> None:
    values = values_of(network("brf", {"omega": 0.3, "damping": 0.1, "threshold": 0.5, "refractory_gain": 0.02}))
    u, v, q = (np.zeros((3, 4)) for _ in range(3))
    for token, given in enumerate(charge()):
        d = 0.1 + 0.02 * q
        u, v = u - d * u - 0.3 * v + given, v + 0.3 * u - d * v
        np.testing.assert_allclose(values["u"][token], np.stack([u, v]))
        q = 0.9 * q + (u > 0.5 + q)
        np.testing.assert_allclose(values["q"][token], q)
    assert set(values) == {"input", "u", "q"} and q.any()


def test_the_potential_of_an_adaptive_neuron_is_seen_before_its_level_is_taken_off() -> None:
    values = values_of(network("alif", {"leak": 0.9, "adaptation_leak": 0.8, "threshold": 0.1, "input_gain": 0.5}))
    left, q, n_spikes = np.zeros((3, 4)), np.zeros((3, 4)), 0
    for token, given in enumerate(charge()):
        summed, level = 0.9 * left + 0.5 * given, 0.1 + 1.8 * q
        np.testing.assert_allclose(values["potential"][token, 0], summed)
        left = summed - level * (summed > level)
        np.testing.assert_allclose(values["potential"][token, 1], left)
        q, n_spikes = 0.8 * q + 0.2 * (summed > level), n_spikes + int((summed > level).sum())
        np.testing.assert_allclose(values["adaptation"][token], q)
    assert n_spikes > 5


def test_ports_and_words_of_one_name_are_one_quantity() -> None:
    values = values_of(network("resonator", {"a_real": 0.5, "a_imag": 0.5}, ports=("real", "imag")))
    np.testing.assert_allclose(values["real"][:, 1], charge())
    assert values["imag"].shape == (9, 2, 3, 4)


def test_the_state_of_modes_is_one_quantity() -> None:
    """Both words of a mode, and nothing of its interval, are its state."""
    ports = ("real", "imag", "interval")
    values = values_of(network("event_mode", {"rate_real": -0.5, "rate_imag": 1.0}, ports=ports))
    assert set(values) == {"real", "imag", "interval", "h", "graded_real", "graded_imag"}
    np.testing.assert_array_equal(values["h"][:, 0], values["graded_real"])
    np.testing.assert_array_equal(values["h"][:, 1], values["graded_imag"])
    np.testing.assert_allclose(values["interval"], 3 * charge())


def test_ranges_are_those_of_the_values() -> None:
    net = network("gsu", {"ternary_bias": 0.5}, ports=("ternary_branch", "graded_branch", "skip"))
    found, values = measure(net, INPUTS), values_of(net)
    assert set(found["p"]) == set(values) == {"ternary_branch", "graded_branch", "skip", "product", "graded"}
    for name, each in values.items():
        np.testing.assert_allclose(found["p"][name].largest, np.abs(each).max(axis=(0, 1)))
    assert found["in"]["graded"].largest.tolist() == np.abs(INPUTS).max(axis=(0, 1)).tolist()
    assert len(found["p"]["skip"].counts) == 1 and len(measure(net, INPUTS, by_channel=True)["p"]["skip"].counts) == 4


def test_spikes_are_no_quantity() -> None:
    net = Network("n", (Population("in", "input", 2, attributes={"payload": "spike"}),
                        Population("p", "lif", 4, {"leak": 0.5})), (Projection("in", "p", DenseWeights(WEIGHTS)),))
    found = measure(net, np.ones((1, 3, 2)))
    assert found["in"] == {} and set(found["p"]) == {"input", "potential"}
