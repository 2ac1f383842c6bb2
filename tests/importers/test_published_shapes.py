"""Networks in the shapes of every published configuration: imported, run, and equal to their equations.

Spikes are the same, one by one; values agree to 1e-9. Weights are random, since no trained ones are published.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.result import ImportResult
from importers.state_space import import_state_space
from tests.importers import official
from tests.importers.official import TASKS, Tensors
from tests.importers.passes import Array, values_of
from tests.oracle.state_spaces import Form, Outcome, run

# Its 16 layers take 1.5 GB and half a minute; two of them always run.
LARGEST = "WikiText-103"


def imported(tensors: Tensors, **options: Any) -> ImportResult:
    return import_state_space(TensorFile("net.pt", tensors), **options)


def assert_equal(result: ImportResult, x: Array, expected: Outcome, kind: str) -> None:
    """Compare what fires, the stream behind every block, and the read-out."""
    network = result.network
    fired = {"gsu": "ternary"}.get(kind) or ("fired" if network.needs_whole_sequence else "ssm")
    gate = "gsu" if kind == "gsu" else "glu"
    values = values_of(network, x)
    for layer in range(len(expected.fired)):
        name = f"layer{layer}.{fired}"
        found = values[name, network.population(name).spec.outputs[0].name]
        if kind == "gelu":
            np.testing.assert_allclose(found, expected.fired[layer], rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_array_equal(found, expected.fired[layer])
            assert 0.001 < np.abs(found).mean() < 0.999
        name = f"layer{layer}.norm" if network.metadata["norm"].endswith("_post") else f"layer{layer}.{gate}"
        np.testing.assert_allclose(values[name, "graded"], expected.stream[layer], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(values["readout", "graded"], expected.output, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", list(TASKS))
def test_parameters_are_as_many_as_published(name: str) -> None:
    """The generator has the published shapes: as many numbers per layer."""
    task = TASKS[name]
    n_layers = min(task.n_layers, 2)
    assert official.n_trained(official.spiking_ssm(task, n_layers=n_layers)) * task.n_layers == (
        task.n_parameters * n_layers)


@pytest.mark.parametrize(("name", "n_layers"), [
    *((name, 2 if name == LARGEST else 0) for name in TASKS), pytest.param(LARGEST, 16, marks=pytest.mark.slow)])
def test_spiking_ssm(name: str, n_layers: int) -> None:
    """The post-norm, which published code discards, is in the file and acts neither there nor here."""
    task = TASKS[name]
    tensors = official.spiking_ssm(task, n_layers=n_layers)
    x = official.inputs(task, 12 if name == LARGEST else 32)
    norm = "none" if task.norm == "dead" else f"{task.family}_pre"
    pooling = "mean" if task.n_classes else "last"      # the head that compares two documents is cut off
    result = imported(official.as_lightning(tensors), norm=norm, pooling=pooling)
    assert result.network.needs_whole_sequence == task.both_ways
    assert_equal(result, x, run(tensors, Form("lif", "pre" if task.norm == "pre" else ""), x), "lif")


@pytest.mark.parametrize("both_ways", [False, True], ids=["causal", "both ways"])
@pytest.mark.parametrize("trained_b", [False, True], ids=["B = 1", "trained B"])
@pytest.mark.parametrize("kind", ["lif", "binary", "gelu"])
def test_all_kinds(kind: str, trained_b: bool, both_ways: bool) -> None:
    task = TASKS["SC35"]._replace(n_layers=2, width=32, n_states=8, trained_b=trained_b, both_ways=both_ways)
    tensors = official.spiking_ssm(task, shared_threshold=True)
    if kind != "lif":
        tensors = {key: values for key, values in tensors.items() if "ln_vth" not in key and "neuron" not in key}
    threshold = {"threshold": 0.3} if kind == "binary" else {}
    x = official.inputs(task, 40)
    expected = run(tensors, Form(kind, "pre", threshold=0.3), x)
    assert_equal(imported(tensors, kind=kind, norm="batch_pre", **threshold), x, expected, kind)


@pytest.mark.parametrize("family", ["batch", "layer"])
@pytest.mark.parametrize("prenorm", [False, True], ids=["post", "pre"])
@pytest.mark.parametrize(("both_ways", "n_sets"), [(False, 1), (True, 1), (True, 4), (False, 24)])
def test_s4_block(both_ways: bool, prenorm: bool, n_sets: int, family: str) -> None:
    """Poles and B shared by channels; where the norms stand is told by the one behind the last layer."""
    tensors = official.s4_block(both_ways=both_ways, prenorm=prenorm, n_sets=n_sets, family=family)
    x = np.random.default_rng(3).normal(size=(30, 3))
    result = imported(official.as_lightning(tensors))
    assert result.report.settings["norm"] == f"{family}_{'pre' if prenorm else 'post'} (keys)"
    form = Form("gelu", "pre" if prenorm else "post", "s4_block")
    assert_equal(result, x, run(tensors, form, x), "gelu")


@pytest.mark.parametrize(("form", "options"), [
    (Form(dt="softplus"), {"dt_transform": "softplus"}), (Form(method="bilinear"), {"discretization": "bilinear"})])
def test_transforms(form: Form, options: dict[str, str]) -> None:
    tensors = official.s4_block(both_ways=True, prenorm=True, n_sets=2)
    x = np.random.default_rng(3).normal(size=(30, 3))
    expected = run(tensors, form._replace(kind="gelu", norm="pre", names="s4_block"), x)
    assert_equal(imported(tensors, **options), x, expected, "gelu")


@pytest.mark.parametrize("both_ways", [False, True], ids=["causal", "both ways"])
def test_a_module_alone(both_ways: bool) -> None:
    """Input and read-out of the module's width, no stream beside it."""
    tensors = official.alone(both_ways=both_ways)
    x = np.random.default_rng(3).normal(size=(30, 12))
    result = imported(tensors)
    assert result.network.inputs[0].size == 12 and not any(p.port == "skip" for p in result.network.projections)
    assert_equal(result, x, run(tensors, Form("gelu", names="alone"), x), "gelu")


def test_a_block_alone() -> None:
    tensors = official.alone()
    renamed = {f"layer.{key}" if key.startswith(("D", "kernel")) else key: values for key, values in tensors.items()}
    x = np.random.default_rng(3).normal(size=(30, 12))
    assert_equal(imported(renamed), x, run(tensors, Form("gelu", names="alone"), x), "gelu")


def test_a_backbone_without_its_ends() -> None:
    task = TASKS["SC35"]._replace(n_layers=2, width=32)
    tensors = {key: values for key, values in official.spiking_ssm(task).items() if "coder" not in key}
    x = np.random.default_rng(3).normal(size=(30, 32))
    assert_equal(imported(tensors, norm="batch_pre"), x, run(tensors, Form("lif", "pre"), x), "lif")


@pytest.mark.parametrize("both_ways", [False, True], ids=["causal", "both ways"])
@pytest.mark.parametrize("own_weights", [False, True], ids=["one W", "two W"])
@pytest.mark.parametrize("activation", ["gelu", "none"])
def test_gsu(own_weights: bool, both_ways: bool, activation: str) -> None:
    tensors = official.gsu(own_weights=own_weights, both_ways=both_ways)
    x = np.random.default_rng(3).normal(size=(30, 2))
    expected = run(tensors, Form("gsu", activation=activation), x)
    assert_equal(imported(tensors, activation=activation), x, expected, "gsu")


def test_gsu_with_one_threshold_for_the_whole_tensor() -> None:
    tensors = official.gsu()
    x = np.random.default_rng(3).normal(size=(30, 2))
    expected = run(tensors, Form("gsu", delta=0.4), x)
    result = imported(tensors, delta_scope="tensor", delta=0.4)
    assert_equal(result, x, expected, "gsu")
    assert not any(population.model == "reduce" for population in result.network.populations)
