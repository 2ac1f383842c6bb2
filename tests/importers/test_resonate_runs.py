"""Networks of resonators and adaptive neurons on Loihi 2, packet by packet: both engines, batch pass, papers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neurosim
from hw_models.load import load_chip
from importers.files.tensors import TensorFile
from importers.resonate import import_resonate
from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass
from neurosim.graph import Network
from neurosim.graph_io import load_network, save_network
from neurosim.mapping.lower_function import lower_neurons
from tests.importers.resonators import evaluate, random_tensors

KINDS = ("brf", "rf", "alif")
INPUTS = (np.random.default_rng(5).random((2, 40, 3)) < 0.3).astype(np.float64)


def network(kind: str, readout: str = "mean") -> Network:
    tensors = TensorFile(kind, dict(random_tensors(kind, seed=3, mask=True)))
    return import_resonate(tensors, kind=kind, readout=readout, inputs="spike").network


@pytest.mark.parametrize("numbers", ["float64", "fixed"])
@pytest.mark.parametrize("kind", KINDS)
def test_engines_agree_on_loihi2(kind: str, numbers: str) -> None:
    """Readouts of every token, spikes, packets with their times, and the counts of every core."""
    net, found = network(kind), {}
    for engine in ("compiled", "reference"):
        found[engine] = neurosim.run(net, "loihi2", INPUTS, engine=engine, numbers=numbers, record="all",
                                     workers=1)
    compiled, reference = found["compiled"].trace, found["reference"].trace
    for sample in range(len(INPUTS)):
        np.testing.assert_array_equal(compiled.readout_tokens(sample), reference.readout_tokens(sample))
    np.testing.assert_array_equal(compiled.core_counts(), reference.core_counts())
    np.testing.assert_array_equal(compiled.step_latency_ps, reference.step_latency_ps)
    assert compiled.spike_groups == reference.spike_groups
    for group in compiled.spike_groups:
        for left, right in zip(compiled.spikes(group), reference.spikes(group), strict=True):
            np.testing.assert_array_equal(left, right)
    assert compiled.n_packets == reference.n_packets and compiled.n_packets > 100
    for left, right in zip(compiled.packets(), reference.packets(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert found["compiled"].summary.energy.total_j == found["reference"].summary.energy.total_j > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_gives_what_the_papers_write(kind: str) -> None:
    """The hidden population counts one update per neuron and token, one packet per spike and destination core."""
    result = neurosim.run(network(kind, "every"), "loihi2", INPUTS, record="all", workers=1)
    expected = evaluate(random_tensors(kind, seed=3, mask=True), kind, INPUTS)
    for sample in range(len(INPUTS)):
        np.testing.assert_allclose(result.trace.readout_tokens(sample), expected.readout[sample], atol=1e-12)
    assert result.trace.n_spikes("hidden") == int(expected.spikes.sum()) > 50


@pytest.mark.parametrize("kind", KINDS)
def test_the_batch_pass_computes_the_same_integers(kind: str) -> None:
    chip = load_chip("loihi2")
    net = quantized(network(kind), chip, INPUTS)
    batch = BatchPass(lower_neurons(net), INPUTS, "fixed", readout_tokens=True).run()
    trace = neurosim.run(net, chip, INPUTS, numbers="fixed", record="all", workers=1).trace
    assert batch.readout_tokens is not None
    for sample in range(len(INPUTS)):
        np.testing.assert_array_equal(trace.readout_tokens(sample), batch.readout_tokens[sample])


def test_a_network_file_keeps_it(tmp_path: Path) -> None:
    for kind in KINDS:
        net = quantized(network(kind), load_chip("loihi2"), INPUTS)
        save_network(net, tmp_path / f"{kind}.h5")
        again = load_network(tmp_path / f"{kind}.h5")
        assert again.metadata == net.metadata
        for left, right in zip(again.populations, net.populations, strict=True):
            assert left.attributes == right.attributes and left.codings.keys() == right.codings.keys()
            assert all(np.array_equal(left.parameters[name], right.parameters[name]) for name in right.parameters)
