"""State-space networks: the imported graph against an independent evaluation of the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from importers.result import ImportResult
from importers.state_space import import_state_space
from importers.tensors import TensorFile
from neurosim.errors import DataError, OptionError
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


def with_second_outputs(tensors: Tensors) -> None:
    tensors["s4_layers.0.D"] = np.ones((2, 6), np.float32)


def with_three_directions(tensors: Tensors) -> None:
    tensors["s4_layers.0.kernel.C"] = np.repeat(tensors["s4_layers.0.kernel.C"], 3, 0)


REFUSED: list[tuple[Callable[[Tensors], object], str]] = [
    (lambda t: t.update({"s4_layers.0.kernel.P": np.ones((1, 3, 2))}), r"kernel.P: an S4 kernel with a low-rank part"),
    (lambda t: t.update({"s4_layers.1.kernel.l_kernel": np.array(64)}), "low-rank part"),
    (lambda t: t.update({"decoder.0.retrieval.classifier.0.weight": np.ones((2, 2))}), "compares two documents"),
    (with_second_outputs, r"s4_layers.0.D has shape \(2, 6\): 2 outputs per channel"),
    (with_three_directions, r"kernel.C has shape \(3, 6, 3, 2\)\n  allowed: \(1, 6, 3, 2\)"),
    (lambda t: t.update({"s4_layers.0.neuron.model.conv1.weight": np.ones((8, 1, 5))}),
     "conv1.weight has shape .*\n  allowed: .*the surrogate of a membrane with leak 0.125 and hard reset, 153 numbers"),
    (lambda t: t.update({"s4_layers.0.neuron.tau": np.ones(1)}), "neuron.model.conv1.weight' is missing"),
    (lambda t: t.pop("s4_layers.0.kernel.C"), "kernel.C' is missing"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_no_graph_can_do(change: Callable[[Tensors], object], words: str) -> None:
    tensors = random_network("lif", "none", seed=3)
    change(tensors)
    with pytest.raises(DataError, match=words) as error:
        imported(tensors)
    assert "\n  mend: " in str(error.value) and error.value.allowed or "missing" in words


@pytest.mark.parametrize(("key", "shape", "words"), [
    ("s4_layers.1.D", (7,), r"s4_layers.1.D has shape \(7,\)\n  allowed: \(6,\) or \(1, 6\)"),
    ("s4_layers.0.kernel.C", (6,), "allowed: "),
    ("s4_layers.0.output_linear.0.weight", (6, 12), r"allowed: \(12, 6\) or \(12, 6, 1\)"),
    ("encoder.weight", (), r"encoder.weight has shape \(\)"),
    ("decoder.weight", (4, 5), r"allowed: \(4, 6\)"),
    ("s4_layers.0.ln_vth", (5,), r"allowed: \(6,\) or \(6, 1\)"),
    ("norms.1.running_mean", (6, 1), r"allowed: \(6,\)"),
])
def test_wrong_shape(key: str, shape: tuple[int, ...], words: str) -> None:
    tensors = random_network("lif", "batch", seed=3)
    tensors[key] = np.zeros(shape, np.float32)
    with pytest.raises(DataError, match=words) as error:
        imported(tensors)
    assert "net.safetensors" in str(error.value)


@pytest.mark.parametrize("key", list(random_network("lif", "batch", seed=3)))
def test_missing_key(key: str) -> None:
    tensors = random_network("lif", "batch", seed=3)
    del tensors[key]
    if key.endswith("num_batches_tracked"):
        imported(tensors)
        return
    with pytest.raises(DataError) as error:
        imported(tensors)
    assert str(error.value).startswith("net.safetensors: ")


def test_missing_key_names_the_nearest() -> None:
    tensors = random_network("lif", "none", seed=3)
    tensors["s4_layers.1.kernel.logdt"] = tensors.pop("s4_layers.1.kernel.log_dt")
    with pytest.raises(DataError, match=r"'s4_layers.1.kernel.log_dt' is missing\n  mend: did you mean "
                                        r"'s4_layers.1.kernel.logdt'"):
        imported(tensors)


def test_unknown_keys_are_refused() -> None:
    tensors = random_network("lif", "none", seed=3) | {"s4_layers.0.gain": np.ones(3)}
    with pytest.raises(DataError, match="1 keys that a SpikingSSM does not have: s4_layers.0.gain"):
        imported(tensors)


def test_the_same_key_twice() -> None:
    tensors = random_network("lif", "none", seed=3)
    with pytest.raises(DataError, match="the same key"):
        imported(tensors | {"model.encoder.bias": tensors["encoder.bias"]})


@pytest.mark.parametrize(("key", "value", "words"), [
    ("s4_layers.0.ln_vth", 1000.0, r"ln_vth makes threshold\[2\] = inf"),
    ("s4_layers.0.ln_vth", -1000.0, r"ln_vth makes 1 / threshold\[2\] = inf"),
    ("s4_layers.0.kernel.log_dt", 1e38, r"log_dt makes dt\[2, 0\] = inf"),
    ("norms.0.running_var", -1.0, "running_var reaches -1.0"),
])
def test_numbers_that_make_no_network(key: str, value: float, words: str) -> None:
    tensors = random_network("lif", "batch", seed=3, official=False)
    tensors[key][2] = value
    with pytest.raises(DataError, match=words):
        imported(tensors)


@pytest.mark.parametrize(("options", "words"), [
    ({"kind": "lstm"}, "kind = 'lstm'\n  allowed: lif"), ({"norm": "group"}, "norm = 'group'"),
    ({"norm": "layer_pre"}, "has the keys of a batch norm"), ({"leak": -0.5}, "leak = -0.5"),
    ({"leak": float("nan")}, "leak = nan"), ({"threshold": 2.0}, "the file has thresholds"),
    ({"comparator": "<"}, "allowed: >=, >"), ({"delta_factor": 0.1}, "with kind gsu"),
    ({"pooling": "max"}, "mean, last"), ({"dt_transform": "relu"}, "allowed: exp, softplus"),
    ({"real_transform": "relu"}, "allowed: exp, softplus, none"), ({"delta": 0.3}, "with kind gsu"),
])
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        imported(random_network("lif", "batch", seed=3), **options)


@pytest.mark.parametrize("metadata", [{"causal": "false"}, {"reset": "soft"}, {"kind": "lstm"}, {"tau": "leaky"},
                                      {"norm": "layer"}, {"prenorm": "maybe"}])
def test_metadata_that_cannot_be_met(metadata: dict[str, str]) -> None:
    (key, value), = metadata.items()
    with pytest.raises(DataError, match=f"net.safetensors: metadata {key} = '{value}'"):
        imported(random_network("lif", "batch", seed=3), metadata)


@pytest.mark.parametrize(("options", "words"), [
    ({"delta_scope": "tensor"}, "without `delta`: the largest magnitude of a whole sequence is known only behind"),
    ({"delta": 0.3}, "allowed: with delta_scope tensor"), ({"delta_scope": "row"}, "allowed: vector, tensor"),
    ({"delta_scope": "tensor", "delta": -1.0}, "delta = -1.0\n  allowed: a number from 0")])
def test_bad_options_of_gsu(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        imported(random_network("gsu", "none", seed=3), **options)


def test_metadata_of_both_directions() -> None:
    tensors = random_network("lif", "none", seed=3)
    both = tensors | {f"s4_layers.{layer}.kernel.C": np.repeat(tensors[f"s4_layers.{layer}.kernel.C"], 2, 0)
                      for layer in range(2)}
    result = imported(both, {"causal": "false"})
    assert result.network.needs_whole_sequence
    assert any("whole_sequence; padding behind a sequence changes the result" in note for note in result.report.notes)
    with pytest.raises(DataError, match="metadata causal = 'true'"):
        imported(both, {"causal": "true"})


def test_layers_without_gaps() -> None:
    tensors = random_network("lif", "none", seed=3)
    renamed = {key.replace("s4_layers.1", "s4_layers.2"): values for key, values in tensors.items()}
    with pytest.raises(DataError, match="layers numbered 0, 2"):
        imported(renamed)


def test_name_is_that_of_the_file() -> None:
    assert imported(random_network("lif", "none", seed=3)).network.name == Path("net.safetensors").stem
