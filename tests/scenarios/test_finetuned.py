"""The digit network that was quantised to few bits and trained to bear it, as it lies in the repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_models.load import load_chip
from neurosim.engine import RunOptions, run
from neurosim.graph import Network
from neurosim.graph_io import load_network
from neurosim.mapping import map_network
from neurosim.scenario import load_scenario
from neurosim.traces.recorder import MemoryRecorder

HERE = Path(__file__).parents[2] / "scenarios" / "digits"
N_IMAGES = 360


@cache
def finetuned() -> Network:
    return load_network(HERE / "weights" / "lif_finetuned.h5")


def on_chip(images: np.ndarray) -> np.ndarray:
    """Return the logits of Loihi 2, in fixed point, by the compiled engine."""
    recorder = MemoryRecorder()
    options = RunOptions(detail="functional", numbers="fixed", record_spikes=False)
    run(map_network(finetuned(), load_chip(log()["finetuning"]["chip"])), images, options, recorder)
    return np.array([result.readout for result in recorder.results])


@cache
def log() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "logs" / "finetune_lif.json").read_text(encoding="utf-8"))
    return found


def test_the_log_is_of_what_was_lost_and_won_back() -> None:
    """In accuracy on the test images: floating point, quantised with calibration alone, fine-tuned."""
    before, calibrated, after = (log()[f"{name}_accuracy"] for name in ("float", "calibrated", "finetuned"))
    assert before == 351 / N_IMAGES
    assert before - calibrated > 0.02
    assert after - calibrated > 0.9 * (before - calibrated)
    assert after == log()["epochs"][-1]["test_accuracy"]        # of the last epoch, not of the best


def test_the_formats_are_as_narrow_as_the_log_says() -> None:
    bits = dict(item.split("=") for item in log()["finetuning"]["bits"])
    assert finetuned().projections
    for projection in finetuned().projections:
        assert projection.coding is not None and projection.coding.format.bits == int(bits["weight"])
    for layer in range(2):
        codings = finetuned().population(f"layer{layer}.ssm").codings
        assert {codings[name].format.bits for name in "bcd"} == {int(bits["gain"])}


def test_the_chip_reaches_the_accuracy_of_the_training_log() -> None:
    """Exactly: the module that was trained computes what the chip computes."""
    scenario = load_scenario("digits")[0]
    labels, logits = scenario.labels(), on_chip(scenario.inputs(1))
    assert labels is not None and len(logits) == len(labels) == N_IMAGES
    assert float((logits.argmax(axis=1) == labels).mean()) == log()["finetuned_accuracy"]


def test_the_module_of_the_file_computes_what_the_chip_does() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    from neurosim.export import to_torch

    images = load_scenario("digits")[0].inputs(1)[:20]
    with torch.no_grad():
        readout = to_torch(finetuned())(images)
    np.testing.assert_array_equal(readout, on_chip(images))
