"""What the report says, and that trained networks survive the chip's widths."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_models.load import load_chip
from neurosim import api
from neurosim.calibrate import QuantizeReport, compare, quantized
from neurosim.engine.batch import BatchPass
from neurosim.errors import DataError, OptionError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.scenario import Scenario, load_scenario
from tests.cli.program import save_tiny

RANDOM = np.random.default_rng(0)
MOST_LOST = 0.01
FLOAT_ACCURACY = {"lif": 0.9750, "binary": 0.9694, "gsu": 0.9778}


@cache
def digits() -> Scenario:
    return load_scenario("digits")[0]


def linear(weight: float = 0.5, bias: float = 0.25) -> Network:
    return Network("linear", (Population("in", "input", 3), Population("p", "linear", 3, {"bias": bias})),
                   (Projection("in", "p", OneToOneWeights(np.full(3, weight))),), ("p",))


def report_of(network: Network, inputs: np.ndarray, labels: Any = None, chip: str = "loihi2",
              **options: Any) -> QuantizeReport:
    chosen = QuantizeOptions(**options)
    return compare(quantized(network, load_chip(chip), inputs, chosen), inputs, labels, distances=True)


@pytest.mark.parametrize("kind", FLOAT_ACCURACY)
@pytest.mark.parametrize("options", [{}, {"method": "mse"}, {"granularity": "channel"},
                                     {"granularity": "channel", "scales": "free", "method": "percentile"}])
def test_digits_survive_a16_weights8_state24(kind: str, options: dict[str, str]) -> None:
    """Formats from 100 training images; accuracy on all test images."""
    scenario, chip = digits(), load_chip("loihi2")
    assert (chip.core.weight_bits, chip.core.parameter_bits, chip.core.state_bits) == (8, 16, 24)
    inputs = scenario.calibration(1)
    assert inputs is not None
    network = quantized(scenario.network(kind), chip, inputs, QuantizeOptions(**options))
    readout = BatchPass(lower_neurons(network), scenario.inputs(1), "fixed").run().readout
    accuracy = float(np.mean(readout.argmax(axis=1) == scenario.labels()))
    assert accuracy >= FLOAT_ACCURACY[kind] - MOST_LOST


def test_exact_numbers_have_no_error() -> None:
    inputs = RANDOM.integers(-8, 8, (4, 5, 3)) / 16
    report = report_of(linear(), inputs, headroom_bits=2)
    assert all(item.max_error == item.rms_error == item.relative_rms == item.n_clipped == 0
               for item in report.quantities)
    assert all(item.snr_db is None for item in report.outputs)
    assert set(report.overflows.values()) == {0} and report.notes == ()


def test_errors_are_those_of_rounding() -> None:
    inputs = RANDOM.uniform(-0.9, 0.9, (4, 50, 3))
    report = report_of(linear(), inputs, bits={"payload": 8}, rounding={"": "nearest_even"})
    error = next(item for item in report.quantities if (item.where, item.quantity) == ("in", "graded"))
    step = error.scale_low
    assert (error.bits, error.fraction, error.n_values, error.n_scales) == (8, 7, 600, 1) and step == 1 / 128
    assert error.max_error <= step / 2 and error.rms_error == pytest.approx(step / np.sqrt(12), rel=0.1)
    assert error.relative_rms == pytest.approx(error.rms_error / np.sqrt(np.mean(inputs**2)))
    assert error.largest == np.abs(inputs).max()


def test_clipped_values_are_counted() -> None:
    inputs = np.concatenate([RANDOM.uniform(-0.1, 0.1, (1, 500, 3)), np.full((1, 1, 3), 5.0)], axis=1)
    report = report_of(linear(), inputs, method="percentile", percentile=90)
    error = next(item for item in report.quantities if (item.where, item.quantity) == ("in", "graded"))
    assert error.n_clipped >= 3 and error.max_error > 4
    assert report.overflows["in"] == error.n_clipped
    assert any("population 'in'" in note and "did not fit" in note for note in report.notes)


def test_stored_values_have_their_own_errors() -> None:
    report = report_of(linear(weight=1 / 3, bias=0.1), np.ones((1, 2, 3)))
    errors = {(item.where, item.quantity): item for item in report.quantities}
    weight = errors["0:in->p.input", "weight"]
    assert (weight.bits, weight.fraction, weight.n_values) == (8, 8, 3)
    assert weight.max_error == pytest.approx(abs(round(256 / 3) / 256 - 1 / 3))
    assert 0 < errors["p", "bias"].max_error < 2**-16


def spikes(n_samples: int = 3) -> np.ndarray:
    return (RANDOM.random((n_samples, 40, 4)) < 0.4).astype(float)


def spiking() -> Network:
    weights = np.random.default_rng(1).normal(size=(4, 6))
    return Network("spiking", (Population("in", "input", 4, attributes={"payload": "spike"}),
                               Population("p", "lif", 6, {"leak": 0.9, "threshold": 0.7})),
                   (Projection("in", "p", DenseWeights(weights)),), ("p",))


def test_spikes_are_compared_neuron_by_neuron() -> None:
    inputs = spikes()
    network = quantized(spiking(), load_chip("loihi"), inputs, QuantizeOptions(bits={"weight": 3}))
    report = compare(network, inputs, distances=True)
    neurons = lower_neurons(network)
    runs = []
    for numbers in ("float64", "fixed"):
        outputs = [np.array(update.output) for update in BatchPass(neurons, inputs, numbers).updates()
                   if update.population == 1]
        runs.append(np.array(outputs))
    given, found = report.outputs
    assert (given.population, given.mismatch_rate, given.van_rossum) == ("in", 0.0, 0.0)
    assert found.kind == "spike" and found.snr_db is None
    assert found.mismatch_rate == np.mean(runs[0] != runs[1]) > 0
    assert [found.spikes_float, found.spikes_fixed] == [int(run.sum()) for run in runs]
    assert found.van_rossum > 0 and found.victor_purpura > 0
    assert compare(network, inputs).outputs[1].van_rossum is None


def test_groups_of_samples_do_not_change_the_report() -> None:
    inputs = RANDOM.normal(size=(7, 5, 3))
    network = quantized(linear(), load_chip("loihi2"), inputs)
    whole = compare(network, inputs)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neurosim.engine.batch.HELD_AT_ONCE", 1)
        parts = compare(network, inputs, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (7, 7) and len(seen) == 7 * 5 * 2
    for one, other in zip(whole.quantities, parts.quantities, strict=True):
        assert one.n_values == other.n_values and one.rms_error == pytest.approx(other.rms_error)


def test_growing_modes_are_noted() -> None:
    network = Network("n", (Population("in", "input", 2), Population("p", "ssm", 2, {
        "a_real": 0.9025, "a_imag": 0.4295, "c_real": 1.0, "c_imag": 0.0}, n_modes=1)),
        (Projection("in", "p", OneToOneWeights(np.ones(2))),), ("p",))
    report = report_of(network, np.ones((1, 3, 2)), bits={"a": 8})
    assert "population 'p': 2 modes decay, and do not with a in 8 bits" in report.notes


def test_the_report_is_json() -> None:
    report = report_of(linear(), np.ones((2, 2, 3)), np.array([0, 1]))
    document = json.loads(json.dumps(report.to_json()))
    assert document["samples"] == 2 and document["accuracy_float"] == document["accuracy_fixed"] == 0.5
    assert {item["quantity"] for item in document["quantities"]} == {"graded", "input", "bias", "weight"}


# -- the verb ----------------------------------------------------------------------------------------------------------

def test_a_scenario_is_calibrated_on_its_training_images() -> None:
    result = api.quantize("digits:gsu", samples=20)
    assert result.report.samples == 20 and result.report.chip == "loihi2" and result.report.network == "gsu"
    assert result.report.accuracy_float is not None and result.report.accuracy_fixed is not None
    assert result.network.is_quantised and lower_neurons(result.network).fixed is not None
    calibration = digits().calibration(1)
    assert calibration is not None
    largest = next(item.largest for item in result.report.quantities if item.where == "input")
    assert largest == calibration[:20].max()


def test_data_and_labels_may_be_given(tmp_path: Path) -> None:
    network, data = save_tiny(tmp_path)
    result = api.quantize(network, "loihi", data, samples=3, options=QuantizeOptions(bits={"weight": 4}))
    assert result.report.samples == 3 and result.report.accuracy_float is not None
    assert api.quantize(network, "loihi", np.ones((2, 4, 3))).report.accuracy_float is None
    by_setting = api.quantize(network, "loihi", data, overrides=["quantize.bits.weight=4"])
    assert str(by_setting.network.projections[0].coding) == str(result.network.projections[0].coding)


def test_bad_data_are_refused(tmp_path: Path) -> None:
    network, data = save_tiny(tmp_path)
    with pytest.raises(OptionError, match="samples = 0"):
        api.quantize(network, "loihi", data, samples=0)
    with pytest.raises(DataError, match="no input data"):
        api.quantize(network, "loihi")
    with pytest.raises(DataError, match="sends spikes"):
        api.quantize(network, "loihi", np.full((2, 4, 3), 0.5))
