"""Recordings as the input of a run: settings, labels, what a trace and a report say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from neurosim.errors import DataError, OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.recordings.binning import Binning
from neurosim.recordings.load import load_recordings
from tests.oracle.events import Event
from tests.recordings.make import EVENTS, OTHERS, nmnist, structured

N_COLUMNS = 2 * 17 * 17
SETTINGS = ["input.downscale=2", "input.bin_us=500", "input.merge=any"]
LABELS = "1 0\n2 3\n3 4\n"


def network(n_columns: int = N_COLUMNS, payload: str = "spike") -> Network:
    weights = np.random.default_rng(0).normal(0.3, 0.3, (n_columns, 5))
    return Network("pixels", (Population("pixels", "input", n_columns, attributes={"payload": payload}),
                              Population("neurons", "lif", 5, {"leak": 0.9})),
                   (Projection("pixels", "neurons", DenseWeights(weights)),), readouts=("neurons",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, events in enumerate((EVENTS, OTHERS, [*OTHERS, Event(60_000, 1, 1, True)]), start=1):
        nmnist(events, tmp_path / f"{number}.bin")
    (tmp_path / "labels.txt").write_text(LABELS)
    return tmp_path


def test_a_run_of_recordings_is_the_run_of_their_tokens(folder: Path) -> None:
    rule = Binning(downscale=2, bin_us=500, merge="any", n_bins=12)
    arrays = load_recordings(folder, N_COLUMNS, rule)
    expected = neurosim.run(network(), "loihi2", arrays.inputs, arrays.labels)
    result = neurosim.run(network(), "loihi2", folder, overrides=[*SETTINGS, "input.n_bins=12"])
    assert np.array_equal(result.readout, expected.readout) and result.summary.spikes == expected.summary.spikes > 0
    assert result.summary.accuracy == expected.summary.accuracy
    assert (result.summary.input_events, result.summary.input_events_dropped) == (9, 1)
    assert (expected.summary.input_events, expected.summary.input_events_dropped) == (None, None)
    assert json.loads(result.trace.provenance["input_rule"])["n_bins"] == 12
    assert "1 of 9 input events came after the last token and were dropped." in neurosim.report.to_text(result.summary)


def test_samples_and_labels(folder: Path) -> None:
    result = neurosim.run(network(), "loihi2", folder, samples=2, overrides=SETTINGS)
    assert result.summary.samples == 2 and result.summary.tokens == 2 * 10      # the third recording is not read
    given = neurosim.run(network(), "loihi2", folder, labels=[4, 4, 4], samples=1, overrides=SETTINGS)
    assert given.summary.confusion is not None and sum(given.summary.confusion[4]) == 1
    listed = neurosim.run(network(), "loihi2", [folder / "2.bin", folder / "1.bin"], overrides=SETTINGS)
    assert listed.summary.samples == 2 and listed.summary.accuracy is None
    assert np.array_equal(listed.readout[::-1], result.readout)


@pytest.mark.parametrize("options, kind, message", [
    ({"samples": 4}, OptionError, "samples = 4\n  allowed: 1 to 3"),
    ({"samples": 0}, OptionError, "samples = 0\n"),
    ({"labels": [1, 2]}, DataError, "2 labels\n  allowed: 3, one per sample"),
    ({"overrides": ["input.bin_ms=1"]}, OptionError, "did you mean input.bin_us"),
    ({"overrides": ["input.bin_us="]}, OptionError, "has no value"),
    ({"overrides": []}, DataError, "allowed: 578, as the network has inputs\n.*input.downscale=2"),
])
def test_runs_that_are_refused(options: dict[str, Any], kind: type[Exception], message: str, folder: Path) -> None:
    with pytest.raises(kind, match=message):
        neurosim.run(network(), "loihi2", folder, **{"overrides": SETTINGS, **options})


def test_a_class_that_the_network_has_not(folder: Path) -> None:
    (folder / "labels.txt").write_text(LABELS.replace("3 4", "3 5"))
    with pytest.raises(DataError, match="largest label is 5\n  allowed: 0 to 4"):
        neurosim.run(network(), "loihi2", folder, overrides=SETTINGS)


@pytest.mark.parametrize("inputs", [np.zeros((1, 3, N_COLUMNS)), None])
def test_settings_of_recordings_with_arrays(inputs: Any) -> None:
    source = network() if inputs is not None else "digits"
    with pytest.raises(OptionError, match="input.… is set, and the inputs are arrays"):
        neurosim.run(source, "loihi2", inputs, overrides=["input.bin_us=5"])


def test_counts_need_a_network_that_takes_them(folder: Path) -> None:
    crowded = [Event(0, 1, 1, True), Event(1, 1, 1, True), Event(900, 2, 2, False)]
    np.save(folder / "crowded.npy", structured(crowded))
    settings = ["input.downscale=2", "input.width=34", "input.height=34"]
    with pytest.raises(DataError, match=r"inputs\[0, 0, 289\] = 2.0\n  allowed: 0 and 1"):
        neurosim.run(network(), "loihi2", folder / "crowded.npy", overrides=settings)
    assert neurosim.run(network(payload="graded"), "loihi2", folder / "crowded.npy", overrides=settings)


def test_one_token_per_event(folder: Path) -> None:
    result = neurosim.run(network(N_COLUMNS + 1, "graded"), "loihi2", folder,
                          overrides=["input.mode=events", "input.downscale=2"])
    assert result.summary.tokens == 3 * 3 and result.summary.input_events_dropped == 0


def test_formats_are_chosen_on_recordings(folder: Path) -> None:
    fixed = neurosim.run(network(), "loihi2", folder, numbers="fixed", overrides=SETTINGS)
    assert fixed.trace.provenance["calibration"] == "3 samples of the inputs of the run"
    found = neurosim.quantize(network(), "loihi2", folder, samples=2, overrides=SETTINGS)
    assert found.network.is_quantised and found.report.samples == 2
