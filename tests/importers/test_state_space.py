"""State-space networks: the imported graph against an independent evaluation of the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from importers.files.tensors import TensorFile
from importers.result import ImportResult
from importers.state_space import import_state_space
from neurosim.errors import DataError
from neurosim.graph import DenseWeights
from tests.importers.official import Drawn
from tests.importers.state_dicts import Outcome, Tensors, evaluate, random_network
from tests.oracle.models import evaluate_network

FAMILY = {"none": "none", "batch_pre": "batch", "batch_post": "batch", "layer_pre": "layer", "layer_post": "layer"}
KINDS = pytest.mark.parametrize("kind", ["lif", "binary", "gsu", "gelu"])
N_TOKENS = 20


def imported(tensors: Tensors, metadata: dict[str, str] | None = None, **options: Any) -> ImportResult:
    return import_state_space(TensorFile("net.safetensors", tensors, metadata or {}), **options)


def inputs(n_inputs: int = 2, seed: int = 9) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(N_TOKENS, n_inputs))


def assert_equal(result: ImportResult, x: NDArray[np.float64], expected: Outcome, kind: str) -> None:
    """Spikes are the same, graded values agree to 1e-9."""
    values = evaluate_network(result.network, {"input": x})
    for layer, fired in enumerate(expected.spikes):
        population, output = {"gsu": ("ternary", "ternary"), "gelu": ("ssm", "graded")}.get(kind, ("ssm", "spike"))
        found = values[f"layer{layer}.{population}", output]
        if kind == "gelu":
            np.testing.assert_allclose(found, fired, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_array_equal(found, fired)
            assert 0 < np.abs(fired).mean() < 1
        gate = "gsu" if kind == "gsu" else "glu"
        name = f"layer{layer}.norm" if result.network.metadata["norm"].endswith("_post") else f"layer{layer}.{gate}"
        np.testing.assert_allclose(values[name, "graded"], expected.stream[layer], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(values["readout", "graded"], expected.logits, rtol=1e-9, atol=1e-9)


@KINDS
@pytest.mark.parametrize("official", [True, False], ids=["official shapes", "standalone shapes"])
@pytest.mark.parametrize("norm", list(FAMILY))
def test_graph_equals_equations(kind: str, norm: str, official: bool) -> None:
    tensors = random_network(kind, FAMILY[norm], seed=3, official=official)
    assert_equal(imported(tensors, kind=kind, norm=norm), inputs(), evaluate(tensors, kind, norm, inputs()), kind)


@KINDS
@pytest.mark.parametrize("options", [{"fold_b": True}, {"discretization": "bilinear"}, {"name": "other"}])
def test_variants(kind: str, options: dict[str, Any]) -> None:
    tensors = random_network(kind, "batch", seed=4)
    result = imported(tensors, kind=kind, **options)
    assert result.network.name == options.get("name", "net")
    expected = evaluate(tensors, kind, "batch_pre", inputs(), bilinear="discretization" in options)
    assert_equal(result, inputs(), expected, kind)


@KINDS
def test_kernel_with_trainable_b(kind: str) -> None:
    tensors = random_network(kind, "batch", seed=5, trained_b=True)
    assert_equal(imported(tensors, kind=kind), inputs(), evaluate(tensors, kind, "batch_pre", inputs()), kind)


@pytest.mark.parametrize("wrapper", ["model.", "module.model."])
def test_lightning_names(wrapper: str) -> None:
    tensors = random_network("lif", "batch", seed=6)
    names = {"encoder.weight": "encoder.0.weight", "encoder.bias": "encoder.0.bias",
             "decoder.weight": "decoder.0.output_transform.weight", "decoder.bias": "decoder.0.output_transform.bias"}
    renamed = {names.get(key, wrapper + key): values for key, values in tensors.items()}
    result = imported(renamed)
    assert_equal(result, inputs(), evaluate(tensors, "lif", "batch_pre", inputs()), "lif")
    assert [line.key for line in result.report.lines] == list(renamed)


def test_embedding_is_a_table() -> None:
    tensors = random_network("lif", "none", seed=7)
    table = np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)
    tokens = np.eye(9)[np.arange(N_TOKENS) % 9]
    expected = evaluate({**tensors, "encoder.weight": table.T, "encoder.bias": np.zeros(6)}, "lif", "none", tokens)
    tensors["encoder.weight"] = table
    del tensors["encoder.bias"]
    result = imported(tensors)
    assert result.network.population("input").attributes["payload"] == "spike"
    assert_equal(result, tokens, expected, "lif")


def test_options_beat_metadata_beat_defaults() -> None:
    tensors = random_network("lif", "none", seed=8)
    default, stored = imported(tensors), imported(tensors, {"tau": "0.5", "kind": '"lif"', "comparator": ">"})
    given = imported(tensors, {"tau": "0.5"}, leak=0.25)
    leaks = [result.network.population("layer0.ssm").parameters["leak"][0] for result in (default, stored, given)]
    assert leaks == [0.125, 0.5, 0.25]
    assert [r.report.settings["leak"] for r in (default, stored, given)] == ["0.125 (default)", "0.5 (metadata)",
                                                                            "0.25 (given)"]
    assert_equal(stored, inputs(), evaluate(tensors, "lif", "none", inputs(), tau=0.5, strict=True), "lif")


def test_thresholds_per_channel_shared_or_fixed() -> None:
    tensors = random_network("lif", "none", seed=8)
    for layer in range(2):
        tensors[f"s4_layers.{layer}.ln_vth"] = np.array([0.25], np.float32)
    shared = imported(tensors).network.population("layer1.ssm").parameters["threshold"]
    np.testing.assert_array_equal(shared, np.full(6, np.exp(0.25)))
    for layer in range(2):
        del tensors[f"s4_layers.{layer}.ln_vth"]
    fixed = imported(tensors, kind="lif").network.population("layer1.ssm").parameters["threshold"]
    np.testing.assert_array_equal(fixed, np.ones(6))


def test_last_pooling() -> None:
    tensors = random_network("lif", "none", seed=8)
    result = imported(tensors, pooling="last")
    last = evaluate(tensors, "lif", "none", inputs()).stream[-1][-1]
    values = evaluate_network(result.network, {"input": inputs()})["readout", "graded"][-1]
    np.testing.assert_allclose(values, tensors["decoder.weight"] @ last + tensors["decoder.bias"], rtol=1e-6)


def surrogate() -> Tensors:
    drawn = Drawn(0)
    drawn.surrogate("s4_layers.0")
    return drawn.tensors


@KINDS
def test_every_key_is_accounted_for(kind: str) -> None:
    tensors = random_network(kind, "batch", seed=3)
    tensors |= surrogate()
    report = imported(tensors, kind=kind).report
    assert [line.key for line in report.lines] == list(tensors)
    actions = {line.key: line.action for line in report.lines}
    assert actions["s4_layers.0.D"] == "mapped"
    assert actions["norms.0.running_var"] == "folded"
    assert actions["norms.0.num_batches_tracked"] == actions["s4_layers.0.neuron.model.conv1.weight"] == "dropped"
    assert "kind" in str(report)


def test_norm_none_drops_the_norms() -> None:
    report = imported(random_network("lif", "layer", seed=3), norm="none").report
    assert {line.action for line in report.lines if line.key.startswith("norms.")} == {"dropped"}


def test_layer_norm_is_made_of_packets() -> None:
    network = imported(random_network("lif", "layer", seed=3)).network
    assert [network.population(f"layer0.norm{part}").model for part in ("_mean", "_center", "_variance", "")] == [
        "reduce", "center", "reduce", "layer_norm"]
    square = next(p for p in network.projections if p.target == "layer0.norm_variance")
    assert (square.source, square.output) == ("layer0.norm_center", "square")
    assert isinstance(square.weights, DenseWeights) and np.all(square.weights.values == 1 / 6)


@pytest.mark.parametrize(("family", "metadata", "norm"), [
    ("none", {}, "none"), ("batch", {}, "batch_pre"), ("layer", {}, "layer_post"),
    ("layer", {"prenorm": "true"}, "layer_pre"), ("batch", {"prenorm": "false", "norm": "batch"}, "batch_post")])
def test_norm_auto(family: str, metadata: dict[str, str], norm: str) -> None:
    assert imported(random_network("lif", family, seed=3), metadata).network.metadata["norm"] == norm


@pytest.mark.parametrize("family", ["batch", "layer"])
def test_untrained_norm_is_not_guessed(family: str) -> None:
    tensors = random_network("lif", family, seed=3)
    for layer in range(2):
        tensors[f"norms.{layer}.weight"][:], tensors[f"norms.{layer}.bias"][:] = 1, 0
    with pytest.raises(DataError, match="norm: scale and shift of every norm are untrained"):
        imported(tensors)


@pytest.mark.parametrize(("kind", "found"), [("lif", "lif"), ("gsu", "gsu")])
def test_kind_from_keys(kind: str, found: str) -> None:
    assert imported(random_network(kind, "none", seed=3)).network.metadata["kind"] == found


def test_kind_that_keys_do_not_tell() -> None:
    with pytest.raises(DataError, match="have the same keys"):
        imported(random_network("binary", "none", seed=3))


def test_name_is_that_of_the_file() -> None:
    assert imported(random_network("lif", "none", seed=3)).network.name == Path("net.safetensors").stem
