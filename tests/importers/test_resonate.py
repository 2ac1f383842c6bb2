"""Networks of resonators and adaptive neurons: what is imported computes what their papers write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.resonate import SUPPORTS, import_resonate, recognises
from neurosim.errors import DataError, InputError, OptionError
from neurosim.graph import DenseWeights, Network, Projection, SparseWeights
from tests.importers.resonators import evaluate, random_tensors
from tests.oracle.models import evaluate_network

KINDS = ("brf", "rf", "alif")


def source(kind: str, metadata: dict[str, str] | None = None, **changes: Any) -> TensorFile:
    """Return a small network's file; a tensor of None is left out."""
    tensors: dict[str, Any] = dict(random_tensors(kind))
    tensors |= {key.replace("__", "."): item for key, item in changes.items()}
    kept = {key: item for key, item in tensors.items() if item is not None}
    return TensorFile("net.safetensors", kept, metadata or {})


def projection(network: Network, start: str, end: str) -> Projection:
    [found] = [item for item in network.projections if (item.source, item.target) == (start, end)]
    return found


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_it_computes_what_the_papers_write(kind: str, mask: bool) -> None:
    """Every spike and every read-out of 150 tokens, with the same numbers."""
    tensors = random_tensors(kind, seed=3, mask=mask)
    inputs = np.random.default_rng(1).random((150, 3)) < 0.3
    expected = evaluate(tensors, kind, inputs[None].astype(np.float64))
    network = import_resonate(TensorFile("net", dict(tensors)), kind=kind).network
    values = evaluate_network(network, {"input": inputs.astype(np.float64)})
    spikes = expected.spikes[0]
    assert 0.02 < spikes.mean() < 0.7 and (spikes.sum(axis=0) > 0).mean() > 0.5
    np.testing.assert_array_equal(values["hidden", "spike"], spikes)
    np.testing.assert_allclose(values["readout", "graded"], expected.readout[0], atol=1e-12)


def test_readouts() -> None:
    """`last` and `every` are one network; `mean` puts the mean of the read-outs so far behind it."""
    given, tensors = source("brf"), random_tensors("brf")
    inputs = np.random.default_rng(2).random((60, 3))
    expected = evaluate(tensors, "brf", inputs[None]).readout[0]
    for readout in ("last", "every", "mean"):
        result = import_resonate(given, kind="brf", readout=readout)
        assert result.network.readouts == ("readout",) and result.network.metadata["readout"] == readout
        found = evaluate_network(result.network, {"input": inputs})["readout", "graded"]
        wanted = np.cumsum(expected, axis=0) / np.arange(1, 61)[:, None] if readout == "mean" else expected
        np.testing.assert_allclose(found, wanted, atol=1e-12)
        assert any("every token" in note for note in result.report.notes) is (readout == "every")


def test_the_recurrence_is_behind_the_inputs_and_a_token_late() -> None:
    weights = random_tensors("brf")["hidden.linear.weight"].astype(np.float64)
    network = import_resonate(source("brf"), kind="brf").network
    forward, back = projection(network, "input", "hidden"), projection(network, "hidden", "hidden")
    assert forward.delay_steps == 0 and back.delay_steps == 1
    np.testing.assert_array_equal(forward.weights.values, 0.01 * weights[:, :3].T)
    np.testing.assert_array_equal(back.weights.values, 0.01 * weights[:, 3:].T)


def test_masked_synapses_do_not_exist() -> None:
    tensors = random_tensors("rf", mask=True)
    network = import_resonate(TensorFile("net", dict(tensors)), kind="rf").network
    back = projection(network, "hidden", "hidden").weights
    assert isinstance(back, SparseWeights) and back.n_synapses == int(tensors["hidden.linear.mask"][:, 3:].sum())
    ones = import_resonate(source("rf", hidden__linear__mask=np.ones((12, 15), np.float32)), kind="rf")
    assert isinstance(projection(ones.network, "hidden", "hidden").weights, DenseWeights)
    [line] = [line for line in ones.report.lines if line.key == "hidden.linear.mask"]
    assert (line.action, line.reason) == ("folded", "all 1")


def test_a_bias_of_the_readout_leaks_too() -> None:
    bias = np.array([0.5, -1, 2, 0], np.float32)
    given, inputs = source("alif", out__linear__bias=bias), np.random.default_rng(0).random((40, 3))
    network = import_resonate(given).network
    found = evaluate_network(network, {"input": inputs})["readout", "graded"]
    np.testing.assert_allclose(found, evaluate(given.tensors, "alif", inputs[None]).readout[0], atol=1e-12)


def test_resonators_that_grow_are_told() -> None:
    """Beyond the boundary: a turn of 0.3 per token with a damping of 0.01 grows by the root of 0.99**2 + 0.3**2."""
    omega, offset = np.full(12, 30.0, np.float32), np.ones(12, np.float32)
    omega[3:] = 1.0
    notes = import_resonate(source("rf", hidden__omega=omega, hidden__b_offset=offset), kind="rf").report.notes
    assert len(notes) == 1 and notes[0].startswith("3 of 12 neurons grow, by up to 1.034 per token")
    assert not import_resonate(source("brf", hidden__omega=omega, hidden__b_offset=offset), kind="brf").report.notes


def test_options_reach_the_neurons() -> None:
    network = import_resonate(source("brf"), kind="brf", name="mine", dt=0.005, threshold=2.0, refractory_decay=0.5,
                              inputs="spike").network
    hidden = network.population("hidden")
    assert network.name == "mine" and hidden.attributes == {"comparator": ">", "refractory": "on"}
    assert hidden.parameters["threshold"][0] == 2 and hidden.parameters["refractory_decay"][0] == 0.5
    assert hidden.parameters["refractory_gain"][0] == 0.005
    assert network.population("input").attributes["payload"] == "spike"
    alif = import_resonate(source("alif"), beta=0.5, threshold=0.25).network.population("hidden")
    assert alif.parameters["beta"][0] == 0.5 and alif.parameters["threshold"][0] == 0.25
    assert import_resonate(source("rf"), kind="rf").network.population("hidden").attributes["refractory"] == "off"


def test_what_is_said_and_where_it_comes_from() -> None:
    report = import_resonate(source("brf", {"kind": "brf", "dt": "0.02"}), readout="mean").report
    assert report.settings == {"kind": "brf (metadata)", "dt": "0.02 (metadata)", "threshold": "1.0 (default)",
                               "refractory_decay": "0.9 (default)", "readout": "mean (given)",
                               "inputs": "graded (default)"}
    assert [line.key for line in report.lines] == list(random_tensors("brf"))
    assert import_resonate(source("alif")).report.settings["kind"] == "alif (keys)"


def test_recognises() -> None:
    for kind in KINDS:
        assert recognises(source(kind))
        wrapped = TensorFile("net", {f"module.{key}": values for key, values in source(kind).tensors.items()})
        assert recognises(wrapped) and import_resonate(wrapped, kind=kind).network
    assert not recognises(TensorFile("net", {"s4_layers.0.D": np.ones(1)}))
    assert not recognises(source("brf", hidden__omega=None))
    assert all(row.what and row.becomes for row in SUPPORTS)


@pytest.mark.parametrize(("kind", "changes", "options", "words"), [
    ("brf", {}, {}, "kind of network: balanced and plain resonate-and-fire have the same keys\n  allowed: brf, rf"),
    ("brf", {}, {"kind": "alif"}, "kind = 'alif', but net.safetensors has the keys of brf or rf"),
    ("alif", {}, {"kind": "brf"}, "kind = 'brf', but net.safetensors has the keys of alif"),
    ("brf", {}, {"kind": "hrf"}, "kind = 'hrf'\n  allowed: brf, rf, alif"),
    ("rf", {}, {"kind": "rf", "refractory_decay": 0.9}, "refractory_decay = 0.9 for kind rf\n  allowed: with kind brf"),
    ("alif", {}, {"dt": 0.01}, "dt = 0.01 for kind alif\n  allowed: with kind brf or rf"),
    ("brf", {}, {"kind": "brf", "dt": 0.0}, "dt = 0.0\n  allowed: a number above 0"),
    ("brf", {}, {"kind": "brf", "refractory_decay": 1.5}, "refractory_decay = 1.5\n  allowed: a number from 0 to 1"),
    ("brf", {}, {"kind": "brf", "readout": "first"}, "readout = 'first'\n  allowed: last, mean, every"),
    ("brf", {}, {"kind": "brf", "dt": 0.1}, "times dt is 4.", ),
    ("brf", {"hidden__linear__weight": np.ones((12, 12))}, {"kind": "brf"}, "hidden.linear.weight has shape (12, 12)"),
    ("brf", {"hidden__omega": np.ones(3)}, {"kind": "brf"}, "hidden.omega has shape (3,)\n  allowed: (12,)"),
    ("brf", {"out__tau_mem": None}, {"kind": "brf"}, "key 'out.tau_mem' is missing"),
    ("brf", {"out__linear__weight": np.ones(12)}, {"kind": "brf"}, "out.linear.weight has shape (12,)"),
    ("brf", {"hidden__linear__mask": np.full((12, 15), 0.5)}, {"kind": "brf"}, "hidden.linear.mask reaches 0.5 to 0.5"),
    ("alif", {"hidden__linear__bias": np.ones(12)}, {}, "1 keys that a network of adaptive neurons does not have"),
])
def test_what_is_refused(kind: str, changes: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        import_resonate(source(kind, **changes), **options)
    assert words in str(caught.value) and isinstance(caught.value, DataError | OptionError)
    assert caught.value.allowed or caught.value.mend
