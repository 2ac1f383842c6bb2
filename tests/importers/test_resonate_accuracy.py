"""Trained networks reach the accuracy that their authors published, and keep it in fixed point on Loihi 2.

What a fixed-point test prints (pytest -s) is the loss; its bounds say what the documentation promises.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from hw_models.load import load_chip
from importers.resonate import import_resonate
from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass, BatchResult
from neurosim.graph import Network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from tests.importers.recordings import Labelled, OnDisk, checkpoint, digits, ecg, permuted
from tests.importers.resonators import evaluate

# Published accuracies in percent (arXiv 2402.14603, table of the ECG task), and spikes per sequence of the same code.
ECG = {"brf": (86.2, 6913.6), "rf": (85.1, 11907.3), "alif": (70.75, 4612.7)}
# The adaptive network was scored without its first steps.
SKIPPED = {"alif": 10}
N_CALIBRATION = 100
# Loss in points on Loihi 2, by granularity of scales.
ECG_LOSS = {("brf", "tensor"): 0.8, ("brf", "channel"): 0.3, ("rf", "tensor"): 0.8, ("rf", "channel"): 0.3,
            ("alif", "tensor"): 0.3, ("alif", "channel"): 0.3}


def ecg_network(outside_data: OnDisk, kind: str) -> Network:
    path = outside_data(f"safetensors/{kind}_ecg.safetensors")
    return import_resonate(path, kind=kind, readout="every", inputs="spike").network


def right_per_token(result: BatchResult, labels: NDArray[np.int64], kind: str) -> float:
    """Return the percentage of tokens whose largest read-out is the label."""
    assert result.readout_tokens is not None
    return 100 * float((result.readout_tokens.argmax(axis=2) == labels)[:, SKIPPED.get(kind, 0):].mean())


def right(result: BatchResult, labels: NDArray[np.int64]) -> float:
    return 100 * float((result.readout.argmax(axis=1) == labels).mean())


def with_spikes(network: Network) -> Network:
    """Return the network with the hidden neurons' spikes counted behind its answer."""
    return replace(network, readouts=(*network.readouts, "hidden"))


@pytest.mark.parametrize("kind", ECG)
def test_ecg(kind: str, outside_data: OnDisk) -> None:
    """All 141 test sequences, every step: the published accuracy within 0.1 points, the spikes within a thousandth."""
    given = ecg(outside_data, "test")
    assert given.inputs.shape == (141, 1300, 4)
    network = with_spikes(ecg_network(outside_data, kind))
    result = BatchPass(lower_neurons(network), given.inputs, readout_tokens=True).run()
    n_spikes = result.readout[:, 6:].sum() / len(given.inputs)
    assert result.readout_tokens is not None
    answer = result._replace(readout_tokens=result.readout_tokens[:, :, :6])
    accuracy, spikes = ECG[kind]
    found = right_per_token(answer, given.labels, kind)
    print(f"{kind} ECG: {found:.3f} %, {n_spikes:.1f} spikes per sequence")
    assert found == pytest.approx(accuracy, abs=0.1)
    assert n_spikes == pytest.approx(spikes, rel=1e-3)


@pytest.mark.parametrize("kind", ECG)
def test_ecg_spike_for_spike(kind: str, outside_data: OnDisk) -> None:
    """Every spike of ten sequences is that of the equations as published; sums in another order move none of them."""
    inputs = ecg(outside_data, "test").inputs[:10]
    expected = evaluate(load_file(outside_data(f"safetensors/{kind}_ecg.safetensors")), kind, inputs)
    pass_ = BatchPass(lower_neurons(ecg_network(outside_data, kind)), inputs, readout_tokens=True)
    spikes = np.zeros_like(expected.spikes)
    hidden = pass_.neurons.population_names.index("hidden")
    for update in pass_.updates():
        if update.population == hidden:
            spikes[update.samples, update.token] = update.output[0]
    np.testing.assert_array_equal(spikes, expected.spikes)
    np.testing.assert_allclose(pass_.readout_tokens, expected.readout, atol=1e-9)


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("kind", ECG)
def test_ecg_in_fixed_point(kind: str, granularity: str, outside_data: OnDisk) -> None:
    """24-bit states, 16-bit parameters, 8-bit weights, formats from training sequences."""
    given, training = ecg(outside_data, "test"), ecg(outside_data, "train").inputs[:N_CALIBRATION]
    network = ecg_network(outside_data, kind)
    floats = BatchPass(lower_neurons(network), given.inputs, readout_tokens=True).run()
    found = quantized(network, load_chip("loihi2"), training, QuantizeOptions(granularity=granularity))
    fixed = BatchPass(lower_neurons(found), given.inputs, "fixed", readout_tokens=True).run()
    before, after = (right_per_token(result, given.labels, kind) for result in (floats, fixed))
    print(f"{kind} ECG, scales per {granularity}: {before:.2f} % in float64, {after:.2f} % on loihi2 "
          f"({fixed.overflows.sum()} overflows)")
    assert after > before - ECG_LOSS[kind, granularity]
    assert not fixed.overflows.any()


# --- sequential digits -----------------------------------------------------------------------------------------------

def digit_task(outside_data: OnDisk, task: str, given: Labelled) -> tuple[Network, Labelled]:
    """Return the network of `smnist` or `psmnist`, and its inputs: the answer at the last pixel, or the mean."""
    source = checkpoint(outside_data(f"brf/smnist/brf_{task}.pt"))
    if task == "smnist":
        return import_resonate(source, kind="brf").network, given
    given = permuted(given, outside_data("brf/smnist/brf_psmnist_permuted_idx.pt"))
    return import_resonate(source, kind="brf", readout="mean").network, given


@pytest.mark.parametrize(("task", "least"), [("smnist", 99.0), ("psmnist", 97.0)])
def test_digits(task: str, least: float, outside_data: OnDisk) -> None:
    """1000 digits, 100 of each class, some of which the network may have been trained on."""
    network, given = digit_task(outside_data, task, digits("test"))
    found = right(BatchPass(lower_neurons(network), given.inputs).run(), given.labels)
    print(f"brf {task}: {found:.1f} % of {len(given.labels)} digits")
    assert len(given.labels) == 1000 and found >= least


@pytest.mark.slow
@pytest.mark.parametrize(("task", "least"), [("smnist", 99.0), ("psmnist", 96.5)])
def test_digits_in_fixed_point(task: str, least: float, outside_data: OnDisk) -> None:
    """The same digits; formats from 100 others."""
    network, given = digit_task(outside_data, task, digits("test"))
    _, others = digit_task(outside_data, task, digits("train"))
    found = quantized(network, load_chip("loihi2"), others.inputs)
    fixed = BatchPass(lower_neurons(found), given.inputs, "fixed").run()
    after = right(fixed, given.labels)
    print(f"brf {task}: {after:.1f} % of {len(given.labels)} digits on loihi2 ({fixed.overflows.sum()} overflows)")
    assert after >= least and not fixed.overflows.any()
