"""Trained spiking state-space networks on virtual chips: every spike, the logits and the accuracy are PyTorch's.

The golden files hold what the digit networks do token by token in float64 (`scenarios/digits/stepwise.py`). Nothing of
the chip may change that: neither schedule, level of detail, placement nor engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hw_models.load import load_chip
from importers import import_network
from neurosim.engine import RunOptions, run
from neurosim.graph import Network
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.scenario import Scenario, load_scenario
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.schema import SampleResult
from scenarios.digits.golden_io import Golden, load_golden

SMNIST = Path(__file__).parents[2] / "scenarios" / "smnist" / "data.npz"
KINDS = ("lif", "binary", "gsu")
CHIPS = ("loihi2", "generic-mesh")
SCHEDULES = ("pipelined", "fall_through")
PLACEMENTS = ("annealing", "naive", "random")
DETAILS = ("functional", "analytic", "event")
N_PRODUCT = 20                          # images of the full product
LOGIT_TOLERANCE = 1e-9
LEAST_ACCURACY = 0.95


@cache
def scenario() -> Scenario:
    return load_scenario("digits")[0]


@cache
def network(kind: str) -> Network:
    return scenario().network(kind)


@cache
def images() -> NDArray[np.float64]:
    return scenario().inputs(1)


@cache
def golden(kind: str) -> Golden:
    return load_golden(scenario().path.parent / "golden" / f"{kind}.npz")


def results_of(machine: Machine, inputs: NDArray[np.float64], **options: Any) -> list[SampleResult]:
    recorder = MemoryRecorder()
    run(machine, inputs, RunOptions(**options), recorder)
    return recorder.results


def logits(results: list[SampleResult]) -> NDArray[np.float64]:
    return np.array([result.readout for result in results])


def accuracy(results: list[SampleResult]) -> float:
    labels = scenario().labels()
    assert labels is not None
    return float((logits(results).argmax(axis=1) == labels[:len(results)]).mean())


def fired(machine: Machine, result: SampleResult, output_name: str) -> NDArray[np.int8]:
    """Return the spikes of an output, [token, neuron]; token k is updated in step stage + k * interval."""
    output = machine.output_names.index(output_name)
    population = int(machine.output_population[output])
    dense = np.zeros((result.n_tokens, int(machine.populations.size[population])), np.int8)
    chosen = result.spikes.output == output
    since_first = result.spikes.step[chosen] - int(machine.populations.stage[population])
    assert not (since_first % machine.schedule.interval).any()
    dense[since_first // machine.schedule.interval, result.spikes.neuron[chosen]] = result.spikes.value[chosen]
    return dense


def assert_golden(machine: Machine, results: list[SampleResult], kind: str, where: str = "") -> None:
    """Exactly the golden spikes in every layer, and the golden logits."""
    expected = golden(kind)
    for layer, of_layer in enumerate(expected.spikes):
        name = f"layer{layer}.ternary" if kind == "gsu" else f"layer{layer}.ssm"
        for result in results:
            np.testing.assert_array_equal(fired(machine, result, name), of_layer[result.sample],
                                          err_msg=f"{where} image {result.sample}, {name}")
    np.testing.assert_allclose(logits(results), expected.logits[:len(results)], rtol=0, atol=LOGIT_TOLERANCE,
                               err_msg=where)


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_has_the_golden_spikes(kind: str) -> None:
    machine = map_network(network(kind), load_chip("loihi2"))
    results = results_of(machine, images())
    assert len(results) == 360
    assert_golden(machine, results, kind)
    assert accuracy(results) == golden(kind).accuracy >= LEAST_ACCURACY


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_chip_changes_a_spike(kind: str, chip: str, schedule: Any) -> None:
    """Sixteen neurons per core: a placement moves two or three dozen cores."""
    durations = set()
    for placement in PLACEMENTS:
        options = MappingOptions(schedule=schedule, placement=placement, max_neurons_per_core=16)
        machine = map_network(network(kind), load_chip(chip), options)
        assert machine.n_cores > 20
        for detail in DETAILS:
            results = results_of(machine, images()[:N_PRODUCT], detail=detail)
            assert_golden(machine, results, kind, f"{placement}, {detail}:")
            durations.add(sum(result.duration_ps for result in results))
    assert len(durations) >= len(PLACEMENTS) + 2  # they did differ: in every placement's event times, and by detail


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_engine_agrees_to_the_picosecond(kind: str) -> None:
    machine = map_network(network(kind), load_chip("generic-mesh"), MappingOptions(max_neurons_per_core=64))
    options = {"record_graded": True, "record_packets": True, "readout_tokens": True}
    [expected] = results_of(machine, images()[:1], engine="reference", **options)
    [actual] = results_of(machine, images()[:1], engine="compiled", **options)
    assert expected.packets is not None and len(expected.packets.arrival_ps) > 1000
    assert_golden(machine, [expected], kind)
    assert_same(actual, expected)


def assert_same(actual: SampleResult, expected: SampleResult) -> None:
    """Every field is the same, tables column by column, floating-point numbers to the last bit."""
    for field in fields(SampleResult):
        ours, theirs = getattr(actual, field.name), getattr(expected, field.name)
        columns = [f.name for f in fields(theirs)] if hasattr(theirs, "__dataclass_fields__") else []
        for column in columns:
            np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column), f"{field.name}.{column}")
        if not columns:
            np.testing.assert_array_equal(ours, theirs, field.name)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_loses_no_more_than_a_point(kind: str) -> None:
    machine = map_network(network(kind), load_chip("loihi2"))
    results = results_of(machine, images(), numbers="float32", detail="functional", record_spikes=False)
    assert abs(accuracy(results) - golden(kind).accuracy) <= 0.01


# -- networks trained elsewhere, with LayerNorm after each block -----------------------------------------------------


def trained_elsewhere(outside_data: Callable[[str], Path], name: str) -> tuple[Network, float]:
    """Return a network and the accuracy that its training reports."""
    path = outside_data(f"ssm_trained/{name}.safetensors")
    report = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return import_network(path, norm="layer_post").network, float(report["acc"])


@pytest.mark.parametrize("kind", KINDS)
def test_networks_with_layer_norm_keep_their_accuracy(kind: str, outside_data: Callable[[str], Path]) -> None:
    """They were trained in float32 and tried on the same 360 images; one image may fall on the other side."""
    trained, expected = trained_elsewhere(outside_data, f"digits_{kind}_h64_n16_l2")
    results = results_of(map_network(trained, load_chip("loihi2")), images(), detail="functional", record_spikes=False)
    assert abs(accuracy(results) - expected) <= 1.001 / len(results)


def test_a_network_for_784_tokens_runs(outside_data: Callable[[str], Path]) -> None:
    trained, _ = trained_elsewhere(outside_data, "mnist784_lif_h64_n16_l2")
    sequences = np.random.default_rng(0).random((4, 784, 1))
    results = results_of(map_network(trained, load_chip("loihi2")), sequences, readout_tokens=True)
    for result in results:
        assert result.readout_tokens is not None
        assert result.readout_tokens.shape == (784, 10) and np.isfinite(result.readout_tokens).all()
        assert result.spikes.step.size > 0


@pytest.mark.slow
def test_a_network_for_784_tokens_keeps_its_accuracy(outside_data: Callable[[str], Path]) -> None:
    """MNIST, 28 x 28 pixels one by one: the test images of scenario smnist, on which it was tested too."""
    trained, expected = trained_elsewhere(outside_data, "mnist784_lif_h64_n16_l2")
    data = np.load(SMNIST)
    sequences, labels = data["test_pixels"][:, :, None] / 255.0, data["test_labels"]
    results = results_of(map_network(trained, load_chip("loihi2")), sequences, detail="functional", record_spikes=False)
    correct = logits(results).argmax(axis=1) == labels
    assert abs(float(correct.mean()) - expected) <= 1.001 / len(results)
