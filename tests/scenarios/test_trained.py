"""The scenarios `smnist` and `speech`: spikes, accuracy in floating and fixed point, and what their READMEs say.

The golden files hold what the networks do token by token in float64 (`scenarios/digits/stepwise.py`).
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import neurosim
from hw_models.load import load_chip
from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass
from neurosim.graph import Network
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.rewrite import rewritten
from neurosim.scenario import Scenario, load_scenario
from scenarios.digits.golden_io import Golden, load_golden
from scenarios.speech.make_data import utterances_of
from tests.scenarios.test_digits import fired, logits, results_of

LOGIT_TOLERANCE = 1e-9


class Case(NamedTuple):
    scenario: str
    kind: str
    least_accuracy: float
    n_columns: int
    n_event_samples: int        # run with cores and network

    def __str__(self) -> str:
        return f"{self.scenario}:{self.kind}"


CASES = [Case("smnist", "lif", 0.94, 1, 2), Case("smnist", "gsu", 0.96, 1, 2), Case("speech", "lif", 0.97, 12, 10),
         Case("speech", "binary", 0.96, 12, 10), Case("speech", "gsu", 0.97, 12, 10)]
each_case = pytest.mark.parametrize("case", CASES, ids=str)
# All of smnist is 784 000 tokens.
whole_sets = pytest.mark.parametrize("case", [
    pytest.param(case, id=str(case), marks=[pytest.mark.slow] if case.scenario == "smnist" else []) for case in CASES])


@cache
def scenario(name: str) -> Scenario:
    return load_scenario(name)[0]


@cache
def network(case: Case) -> Network:
    return scenario(case.scenario).network(case.kind)


@cache
def golden(case: Case) -> Golden:
    return load_golden(folder(case) / "golden" / f"{case.kind}.npz")


def folder(case: Case) -> Path:
    return scenario(case.scenario).path.parent


def labels(case: Case) -> NDArray[np.int64]:
    found = scenario(case.scenario).labels()
    assert found is not None
    return found


@each_case
def test_spikes_on_a_chip_are_the_golden_ones(case: Case) -> None:
    source = scenario(case.scenario)
    machine = map_network(network(case), load_chip(source.chip), MappingOptions(**source.mapping))
    expected, inputs = golden(case), source.inputs(case.n_columns)[:case.n_event_samples]
    results = results_of(machine, inputs, detail="event")
    for layer, of_layer in enumerate(expected.spikes):
        name = f"layer{layer}.ternary" if case.kind == "gsu" else f"layer{layer}.ssm"
        for result in results:
            np.testing.assert_array_equal(fired(machine, result, name), of_layer[result.sample], name)
    np.testing.assert_allclose(logits(results), expected.logits[:len(results)], rtol=0, atol=LOGIT_TOLERANCE)


@whole_sets
def test_all_samples_have_the_golden_logits(case: Case) -> None:
    inputs = scenario(case.scenario).inputs(case.n_columns)
    readout = BatchPass(lower_neurons(network(case)), inputs).run().readout
    np.testing.assert_allclose(readout, golden(case).logits, rtol=0, atol=1e-6)
    assert (readout.argmax(axis=1) == labels(case)).mean() == golden(case).accuracy


@whole_sets
def test_fixed_point_keeps_the_accuracy_that_the_readme_says(case: Case) -> None:
    """Integers: the same on every machine."""
    source = scenario(case.scenario)
    calibration = source.calibration(case.n_columns)
    assert calibration is not None and len(calibration) == 100
    chip = load_chip(source.chip)
    rewrite = rewritten(network(case), MappingOptions(**source.mapping, ssm="fused"), chip)    # as the README says
    found = quantized(rewrite, chip, calibration, QuantizeOptions())
    readout = BatchPass(lower_neurons(found), source.inputs(case.n_columns), "fixed").run().readout
    accuracy = 100 * (readout.argmax(axis=1) == labels(case)).mean()
    assert f"{accuracy:.1f} %" == table_row(case)["on loihi2, fixed point"]


@each_case
def test_log_golden_file_and_readme_agree(case: Case) -> None:
    """Of the last epoch: nothing was chosen on the test data."""
    log = json.loads((folder(case) / "logs" / f"{case.kind}.json").read_text(encoding="utf-8"))
    last = log["epochs"][-1]
    assert last["epoch"] == len(log["epochs"]) == log["training"]["epochs"]
    assert abs(last["test_accuracy"] - golden(case).accuracy) < 1e-6 and golden(case).accuracy >= case.least_accuracy
    row = table_row(case)
    assert row["test accuracy (seed 0, shipped)"] == f"{100 * golden(case).accuracy:.1f} %"
    assert int(row["parameters"].replace(" ", "")) == parameters(case)


def parameters(case: Case) -> int:
    """Count the trained numbers of the weights file: what BatchNorm counts while training is none of them."""
    from safetensors.numpy import load_file

    tensors = load_file(folder(case) / "weights" / f"{case.kind}.safetensors")
    return sum(value.size for name, value in tensors.items()
               if not name.endswith(("running_mean", "running_var", "num_batches_tracked")))


def table_row(case: Case) -> dict[str, str]:
    """Return the row of a network in the README's table of results."""
    text = (folder(case) / "README.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^## Results\n.*?((?:^\|[^\n]*\n)+)", text, re.MULTILINE | re.DOTALL)
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    [row] = [row for row in rows if row[0] == case.kind]
    return dict(zip(head, row, strict=True))


@each_case
def test_data_are_as_described(case: Case) -> None:
    with np.load(folder(case) / "data.npz") as data:
        arrays = dict(data)
    if case.scenario == "smnist":
        assert arrays["test_pixels"].shape == (1000, 784) and arrays["test_pixels"].dtype == np.uint8
        assert np.bincount(arrays["test_labels"]).tolist() == [100] * 10
        assert scenario("smnist").inputs(1).max() == 1.0
    else:
        frames, lengths = arrays["test_frames"], arrays["test_lengths"]
        assert frames.shape == (370, 29, 12) and lengths.min() >= 7 and lengths.max() == 29
        assert np.bincount(arrays["test_speakers"]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
        for utterance, length in zip(frames, lengths, strict=True):
            assert not utterance[length:].any() and utterance[length - 1].any()


def test_utterances_of_text_are_padded_at_the_end() -> None:
    found = utterances_of(["1.5,2:0.5,-1:3", "4:7:1"])
    assert found.frames.shape == (2, 29, 2) and found.lengths.tolist() == [2, 1] and found.speakers.tolist() == [2, 0]
    assert found.frames[:, :3].tolist() == [[[1.5, 0.5], [2.0, -1.0], [0.0, 0.0]], [[4.0, 7.0], [0, 0], [0, 0]]]


@pytest.mark.parametrize("name", ["smnist", "smnist:gsu", "speech", "speech:binary", "speech:gsu"])
def test_a_run_by_name(name: str) -> None:
    result = neurosim.run(name, samples=1, numbers="fixed", detail="functional")
    assert result.summary.accuracy in (0.0, 1.0)
    assert result.trace.provenance["calibration"] == "100 samples of the calibration data"
