"""State-space networks on chips, packet by packet: both engines, batch pass, equations; float and fixed point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from hw_models.load import load_chip
from importers import import_network
from importers.files.tensors import TensorFile
from importers.mimo.event_ssm import import_event_ssm
from importers.mimo.s5 import import_s5
from importers.state_space import import_state_space
from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass
from neurosim.graph import Network
from neurosim.graph_io import load_network, save_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from tests.importers import official
from tests.importers.official import TASKS
from tests.importers.passes import Array
from tests.importers.trees import event_ssm, s5, slashed
from tests.oracle.mimo_networks import Form as MimoForm
from tests.oracle.mimo_networks import run_events, run_s5
from tests.oracle.state_spaces import Form, run

N_SAMPLES, N_TOKENS = 2, 12
CHIP = "loihi2"
TASK = TASKS["SC35"]._replace(n_layers=2, width=12, n_states=6, n_classes=5)
RANDOM = np.random.default_rng(8)
VALUES = RANDOM.normal(size=(N_SAMPLES, N_TOKENS, 3))
SYMBOLS, INTERVALS = RANDOM.integers(0, 20, (N_SAMPLES, N_TOKENS)), RANDOM.exponential(1.0, (N_SAMPLES, N_TOKENS))
EVENTS = np.concatenate([np.eye(20)[SYMBOLS], INTERVALS[..., None]], axis=2)


def spiking(*, both_ways: bool) -> tuple[Network, Array, list[Array]]:
    tensors = official.spiking_ssm(TASK._replace(both_ways=both_ways))
    x = VALUES[..., :1]
    expected = [run(tensors, Form("lif", "pre"), sample).output for sample in x]
    return import_state_space(TensorFile("net", tensors), norm="batch_pre").network, x, expected


def mixing() -> tuple[Network, Array, list[Array]]:
    tensors = s5(gate="full_glu", readers=("C1", "C2"))
    expected = [run_s5(tensors, MimoForm(gate="full_glu"), sample).output for sample in VALUES]
    return import_s5(TensorFile("net", tensors)).network, VALUES, expected


def eventful(pooling: str = "mean", method: str = "async") -> tuple[Network, Array, list[Array]]:
    tensors = event_ssm(widths=(6, 6, 8))
    expected = [run_events(tensors, MimoForm(method, pooling=pooling), *sample).output
                for sample in zip(SYMBOLS, INTERVALS, strict=True)]
    result = import_event_ssm(TensorFile("net", tensors), pooling=pooling, discretization=method)
    return result.network, EVENTS, expected


NETWORKS = {"causal": lambda: spiking(both_ways=False), "both ways": lambda: spiking(both_ways=True), "S5": mixing,
            "Event-SSM": eventful, "timepool": lambda: eventful("timepool", "zoh")}
CASES = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def schedule(network: Network) -> dict[str, Any]:
    return {"schedule": "whole_sequence"} if network.needs_whole_sequence else {}


@CASES
@pytest.mark.parametrize("numbers", ["float64", "fixed"])
def test_engines_agree(make: Any, numbers: str) -> None:
    """Read-outs of every token, spikes, packets with their times, and the counts of every core."""
    network, x, _ = make()
    compiled, reference = (neurosim.run(network, CHIP, x, engine=engine, numbers=numbers, record="all", workers=1,
                                        **schedule(network)).trace for engine in ("compiled", "reference"))
    for sample in range(N_SAMPLES):
        np.testing.assert_array_equal(compiled.readout_tokens(sample), reference.readout_tokens(sample))
    np.testing.assert_array_equal(compiled.core_counts(), reference.core_counts())
    np.testing.assert_array_equal(compiled.step_latency_ps, reference.step_latency_ps)
    assert compiled.n_packets == reference.n_packets > 100
    for left, right in zip(compiled.packets(), reference.packets(), strict=True):
        np.testing.assert_array_equal(left, right)


@CASES
def test_a_run_gives_what_the_equations_say(make: Any) -> None:
    network, x, expected = make()
    trace = neurosim.run(network, CHIP, x, record="all", workers=1, **schedule(network)).trace
    for sample in range(N_SAMPLES):
        np.testing.assert_allclose(trace.readout_tokens(sample)[-1], expected[sample][-1], rtol=1e-9, atol=1e-9)


@CASES
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_fixed_point_is_close(make: Any, granularity: str) -> None:
    """Wide words come close to the equations, and the batch pass computes the same integers as the engine."""
    network, x, expected = make()
    chip = load_chip(CHIP, overrides={"core.weight_bits": 16, "core.parameter_bits": 24, "core.state_bits": 28,
                                      "core.accumulator_bits": 24, "noc.payload_bits": 24})
    net = quantized(network, chip, x, QuantizeOptions(granularity=granularity))
    batch = BatchPass(lower_neurons(net), x, "fixed").run()
    spread = np.ptp([sample[-1] for sample in expected])
    np.testing.assert_allclose(batch.readout, [sample[-1] for sample in expected], rtol=0, atol=0.02 * spread)
    assert np.abs(batch.readout - [sample[-1] for sample in expected]).max() > 0
    trace = neurosim.run(net, chip, x, numbers="fixed", record="all", workers=1, **schedule(network)).trace
    for sample in range(N_SAMPLES):
        np.testing.assert_array_equal(trace.readout_tokens(sample)[-1], batch.readout[sample])


@CASES
def test_a_network_file_keeps_it(make: Any, tmp_path: Path) -> None:
    network = make()[0]
    save_network(network, tmp_path / "net.h5")
    again = load_network(tmp_path / "net.h5")
    for left, right in zip(again.populations, network.populations, strict=True):
        assert (left.name, left.model, left.direction, left.attributes) == (right.name, right.model, right.direction,
                                                                            right.attributes)
        assert all(np.array_equal(left.parameters[name], right.parameters[name]) for name in right.parameters)


@pytest.mark.parametrize(("tensors", "importer", "options"), [
    (s5(), "s5", {"activation": "half_glu2"}), (event_ssm(), "event_ssm", {}), (official.alone(), "state_space", {}),
    (official.as_lightning(official.s4_block(both_ways=True, prenorm=True)), "state_space", {})])
def test_the_content_tells_the_importer(tmp_path: Path, tensors: Any, importer: str, options: dict[str, str]) -> None:
    np.savez(tmp_path / "net.npz", allow_pickle=False, **(slashed(tensors) if importer != "state_space" else tensors))
    assert import_network(tmp_path / "net.npz", **options).network.metadata["importer"] == importer
