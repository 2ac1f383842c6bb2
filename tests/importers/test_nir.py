"""NIR files of other frameworks, and recordings of what those frameworks made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from importers.nir import import_nir
from neurosim.errors import DataError, OptionError
from tests.importers.nir_files import write_nir
from tests.importers.running import spikes_on_chip
from tests.oracle import frameworks
from tests.oracle.models import MODELS, evaluate_network

Find = Callable[[str], Path]
FloatArray = NDArray[np.float64]
BRAILLE = "nir/03_rnn/braille_noDelay_bias_zero.nir"


def recording(find: Find, simulator: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return input [step, 1], potential and spikes of the LIF experiment."""
    table = np.loadtxt(find(f"nir/01_lif/lif_{simulator}.csv"), delimiter=",")
    return table[:, :1], table[:, 1], table[:, 2] != 0


def potentials(result: Any, x: FloatArray) -> FloatArray:
    """Return the potential of the one neuron after each step, with reset, from the plain-Python model."""
    network = result.network
    sent = evaluate_network(network, {"input": x})
    population = network.population(network.readouts[0])
    values = {name: float(table[0]) for name, table in population.parameters.items()}
    state = {"potential": 0.0, "refractory": 0.0}
    found = []
    for token in range(len(x)):
        charge = 0.0
        for projection in network.projections:
            source = sent[projection.source, projection.output]
            if token >= projection.delay_steps:
                charge += float(source[token - projection.delay_steps, 0] * projection.weights.values.ravel()[0])
        out = MODELS["lif"]({**values, **state, "charge.input": charge}, population.attributes)
        state = {"potential": out["potential"], "refractory": out["refractory"]}
        found.append(out["potential"])
    return np.array(found)


# simulator -> (options that reproduce it, recorded potential / ours, spike steps later than ours)
LIF: dict[str, tuple[dict[str, Any], float | None, int]] = {
    "norse": ({"framework": "norse"}, 1.0, 0),
    "snntorch": ({"framework": "generic"}, 25.0, 0),
    "nengo": ({"framework": "nengo"}, 10.0, 0),
    "lava_cpu_float": ({"framework": "lava"}, 1.0, 0),
    "rockpool": ({"integration": "exponential", "reset": "soft", "comparator": ">="}, 1.0, 0),
    "sinabs": ({"integration": "exponential", "reset": "soft", "comparator": ">="}, 1.0, 0),
    # Its spikes are noted one step after the crossing; the threshold goes off in that step.
    "spyx": ({"reset": "soft_delayed"}, 1.0, 1),
    # The crossing within the step is solved for, and the rest of the step integrated from it on: spikes only.
    "exact": ({"framework": "nengo"}, None, 0),
    # Fixed-point registers of the chip or its model: spikes only.
    "spinnaker2": ({"framework": "generic"}, None, 0),
    "lava_cpu_fixed": ({"framework": "lava"}, None, 0),
    "lava_loihi_fixed": ({"framework": "lava"}, None, 0),
}


@pytest.mark.parametrize("simulator", LIF)
def test_lif_recordings(simulator: str, outside_data: Find) -> None:
    options, unit, later = LIF[simulator]
    _, potential, spikes = recording(outside_data, simulator)
    x, _, _ = recording(outside_data, "norse")          # sinabs noted its input in another unit
    result = import_nir(outside_data("nir/01_lif/lif_norse.nir"), **options)
    sent = evaluate_network(result.network, {"input": x})[result.network.readouts[0], "spike"][:, 0]
    assert (np.flatnonzero(sent) + later).tolist() == np.flatnonzero(spikes).tolist()
    if unit is not None:
        np.testing.assert_allclose(potentials(result, x), potential / unit, rtol=0, atol=5e-8)


def test_norse_potential(outside_data: Find) -> None:
    """The recording is in float32: after hundreds of steps they are 2.4e-8 apart."""
    x, potential, _ = recording(outside_data, "norse")
    result = import_nir(outside_data("nir/01_lif/lif_norse.nir"))
    assert np.abs(potentials(result, x) - potential).max() < 2.5e-8
    assert np.flatnonzero(spikes_on_chip(result.network, x)["1"]).tolist() == [460, 510, 710, 760]


def test_rockpool_file(outside_data: Find) -> None:
    """Its exporter wrote weight 0.04 and r = tau exp(-dt / tau) / dt; the same recording comes out."""
    x, potential, spikes = recording(outside_data, "rockpool")
    result = import_nir(outside_data("nir/01_lif/lif_rockpool.nir"), framework="rockpool")
    np.testing.assert_allclose(potentials(result, x), potential, rtol=0, atol=5e-8)
    expected = frameworks.rockpool_lif(x * 0.04, 0.0025, 0.1, 1e-4)[:, 0]
    np.testing.assert_array_equal(expected != 0, spikes)


def test_two_neurons(outside_data: Find) -> None:
    """v_leak = 1.2 drives the first one past its threshold by itself."""
    network = import_nir(outside_data("nir/01_lif/two_lif_neurons.nir")).network
    v, first = 0.0, []
    for _ in range(1000):
        v = v + 1e-4 / 0.01 * (1.2 - v)
        first.append(v > 1.0)
        v = 0.0 if v > 1.0 else v
    sent = evaluate_network(network, {"in": np.zeros((1000, 1))})
    assert any(first)
    np.testing.assert_array_equal(sent["lif1", "spike"][:, 0], first)
    assert not sent["lif2", "spike"].any()


def braille(find: Find) -> FloatArray:
    return np.load(find("nir/03_rnn/ds_test_sample0_input.npy")).reshape(-1, 12).astype(float)


@pytest.mark.parametrize(("chip", "detail"), [("loihi2", "functional"), ("generic-mesh", "event")])
@pytest.mark.parametrize(("framework", "simulator", "counts"), [
    ("auto", "snntorch", [10, 160, 112, 113, 103, 68, 121]), ("norse", "norse", None)])
def test_braille_on_chips(framework: str, simulator: str, counts: list[int] | None, chip: str, detail: str,
                          outside_data: Find) -> None:
    """Every one of 9728 entries of the recorded first layer."""
    network = import_nir(outside_data(BRAILLE), framework=framework).network
    sent = spikes_on_chip(network, braille(outside_data), chip, detail)
    recorded = np.load(outside_data(f"nir/03_rnn/{simulator}_activity_noDelay_bias_zero.npy"))
    assert recorded.shape == (256, 38) and (sent["lif1.lif"] != recorded).sum() == 0
    if counts is not None:
        assert sent["lif2"].sum(axis=0).tolist() == counts


def test_braille_spyx(outside_data: Find) -> None:
    """Spyx subtracts the threshold, and notes spikes a step later."""
    network = import_nir(outside_data(BRAILLE), reset="soft").network
    sent = evaluate_network(network, {"input": braille(outside_data)})["lif1.lif", "spike"]
    recorded = np.load(outside_data("nir/03_rnn/spyx_activity_noDelay_bias_zero.npy"))
    np.testing.assert_array_equal(sent[:-1], recorded[1:] != 0)


def test_snntorch_export(outside_data: Find) -> None:
    path = outside_data("framework_exports/snntorch_1.0.0.nir")
    with h5py.File(path) as file:
        nodes = {name: {key: node[key][()] for key in node if key != "type"}
                 for name, node in file["node/nodes"].items()}
    result = import_nir(path)
    assert result.report.settings["framework"].startswith("snntorch")
    x = np.random.default_rng(0).uniform(0, 1.5, (300, 12))
    for reset, mechanism, delayed in (("hard", "zero", False), ("soft_delayed", "subtract", True)):
        sent = evaluate_network(import_nir(path, reset=reset).network, {"input": x})
        how = {"mechanism": mechanism, "reset_delay": delayed}
        current = x @ nodes["0"]["weight"].T.astype(float) + nodes["0"]["bias"]
        first = frameworks.snntorch(current, np.full(8, 0.9), np.ones(8), **how)
        second = frameworks.snntorch(first @ nodes["2"]["weight"].T.astype(float), np.full(6, 0.9), np.ones(6),
                                     alpha=np.full(6, 0.8), **how)
        assert first.sum() > 20
        np.testing.assert_array_equal(sent["1", "spike"], first)
        np.testing.assert_array_equal(sent["3", "spike"], second)


def test_snntorch_recurrent_export(outside_data: Find) -> None:
    path = outside_data("framework_exports/snntorch_1.0.0_rec.nir")
    with h5py.File(path) as file:
        nodes = {name: {key: node[key][()].astype(float) for key in ("weight", "bias") if key in node}
                 for name, node in file["node/nodes"].items()}
    x = np.random.default_rng(1).uniform(0, 2, (300, 12))
    sent = evaluate_network(import_nir(path).network, {"input": x})
    how = {"mechanism": "zero", "reset_delay": False}
    first = frameworks.snntorch(x @ nodes["0"]["weight"].T + nodes["0"]["bias"], np.full(8, 0.9), np.ones(8),
                                alpha=np.full(8, 0.8), recurrent=(nodes["1.w_rec"]["weight"], nodes["1.w_rec"]["bias"]),
                                **how)
    second = frameworks.snntorch(first @ nodes["2"]["weight"].T + nodes["2"]["bias"], np.full(3, 0.9), np.ones(3),
                                 recurrent=(nodes["3.w_rec"]["weight"], nodes["3.w_rec"]["bias"]), **how)
    assert first.sum() > 20 and second.sum() > 5
    np.testing.assert_array_equal(sent["1.lif", "spike"], first)
    np.testing.assert_array_equal(sent["3.lif", "spike"], second)


def test_norse_export(outside_data: Find) -> None:
    path = outside_data("framework_exports/norse_1.1.0.nir")
    with h5py.File(path) as file:
        nodes = {name: {key: node[key][()].astype(float) for key in node if key != "type"}
                 for name, node in file["node/nodes"].items()}
    result = import_nir(path)
    assert result.report.settings["framework"].startswith("norse_export")
    assert any("taken for a batch" in note for note in result.report.notes)
    x = np.random.default_rng(2).uniform(0, 2, (300, 12))
    sent = evaluate_network(result.network, {"input": x})
    dt = 1e-3                                       # its exporter wrote time constants times dt
    first = frameworks.norse_lif_box(x @ nodes["0"]["weight"].T + nodes["0"]["bias"], dt / nodes["1"]["tau"],
                                     nodes["1"]["v_threshold"], dt)
    second = frameworks.norse_lif(first @ nodes["2"]["weight"].T + nodes["2"]["bias"], dt / nodes["3"]["tau_syn"],
                                  dt / nodes["3"]["tau_mem"], nodes["3"]["v_threshold"], dt)
    assert first.sum() > 20
    np.testing.assert_array_equal(sent["1", "spike"], first)
    np.testing.assert_array_equal(sent["3", "spike"], second)


def test_sinabs_export(outside_data: Find, tmp_path: Path) -> None:
    """Numbers without dimensions made its writer stop half way; a whole file reads the same."""
    path = outside_data("framework_exports/sinabs_3.1.3.nir")
    with pytest.raises(DataError, match=r"(?s)no `type`: its writer stopped half way.*unfinished=True"):
        import_nir(path)
    result = import_nir(path, unfinished=True)
    assert result.report.settings["framework"].startswith("sinabs")
    assert sum("no type" in note or "no edges" in note for note in result.report.notes) == 2
    with h5py.File(path) as file:
        nodes = {name: {key: node[key][()] for key in node if key != "type"}
                 for name, node in file["node/nodes"].items()}
    whole = write_nir(tmp_path / "whole.nir", {
        "input": ("Input", nodes["input"]), "0": ("Affine", nodes["0"]), "1": ("LIF", nodes["1"]),
        "output": ("Output", {"shape": np.array([8])})}, [("0", "1"), ("input", "0"), ("1", "output")])
    x = np.random.default_rng(3).uniform(-10, 40, (400, 12))
    current = x @ nodes["0"]["weight"].T.astype(float) + nodes["0"]["bias"]
    expected = frameworks.sinabs_lif(current, np.full(8, 20.0), np.ones(8))
    assert expected.sum() > 20
    for network in (result.network, import_nir(whole).network):
        np.testing.assert_array_equal(evaluate_network(network, {"input": x})["1", "spike"], expected)


@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly(decay_input: bool, tmp_path: Path) -> None:
    """Time constants tau dt, and r = 1 or tau."""
    random, tau = np.random.default_rng(4), 4.0
    weight, ones = random.normal(size=(5, 7)), np.ones(5)
    path = write_nir(tmp_path / "jelly.nir", {
        "input": ("Input", {"shape": np.array([7])}), "fc": ("Linear", {"weight": weight}),
        "sn": ("LIF", {"tau": tau * 1e-4 * ones, "r": (1.0 if decay_input else tau) * ones, "v_leak": 0 * ones,
                       "v_threshold": 0.5 * ones, "v_reset": 0 * ones}),
        "output": ("Output", {"shape": np.array([5])})}, [("input", "fc"), ("fc", "sn"), ("sn", "output")])
    x = random.uniform(0, 2, (200, 7))
    sent = evaluate_network(import_nir(path, framework="spikingjelly").network, {"input": x})["sn", "spike"]
    expected = frameworks.spikingjelly_lif(x @ weight.T, tau, 0.5, decay_input=decay_input)
    assert expected.sum() > 20
    np.testing.assert_array_equal(sent, expected)


def test_settings_say_where_they_come_from(outside_data: Find) -> None:
    path = outside_data("nir/01_lif/lif_norse.nir")
    settings = import_nir(path, framework="norse", dt=5e-4).report.settings
    assert settings["framework"] == "norse (given)"
    assert settings["dt"] == "0.0005 (given)"
    assert settings["recurrent_start"] == "silent (preset norse)"
    assert settings["integration"] == "euler (default)"


@pytest.mark.parametrize(("options", "message"), [
    ({"framework": "norsk"}, r"(?s)framework = 'norsk'.*did you mean 'norse'"), ({"dt": 0.0}, "dt = 0.0"),
    ({"integration": "eulr"}, "did you mean 'euler'"), ({"reset": "none"}, "reset = 'none'"),
    ({"layer_delay_steps": 2}, "layer_delay_steps = 2"),
    ({"feedback": "a"}, r"feedback = \('a',\)"), ({"feedback": 3}, "feedback = 3"),
    ({"feedback": ("0->2",)}, r"(?s)feedback = '0->2' is no edge.*did you mean '0->1'")])
def test_options(options: dict[str, Any], message: str, outside_data: Find) -> None:
    with pytest.raises(OptionError, match=message):
        import_nir(outside_data("nir/01_lif/lif_norse.nir"), **options)
