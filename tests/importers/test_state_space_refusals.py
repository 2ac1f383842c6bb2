"""State-space networks that cannot be imported, or not as asked: every refusal says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.result import ImportResult
from importers.state_space import import_state_space
from neurosim.errors import DataError, OptionError
from tests.importers.state_dicts import Tensors, random_network


def imported(tensors: Tensors, metadata: dict[str, str] | None = None, **options: Any) -> ImportResult:
    return import_state_space(TensorFile("net.safetensors", tensors, metadata or {}), **options)


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
