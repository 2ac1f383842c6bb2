"""NeuroBench's metrics: equal to what NeuroBench says, and to sums over spikes one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from importers.files.tensors import TensorFile
from importers.snntorch_state import import_snntorch_state
from neurosim.errors import TraceError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.report.neurobench import neurobench
from neurosim.report.text import to_text
from neurosim.traces import Trace, TraceWriter
from tests.report.make_neurobench import GOLDEN
from tests.report.neurobench_network import N_SAMPLES, N_TOKENS, inputs, measured, state, torch_network
from tests.traces.synthetic import make_header, make_result

NAMES = ("SynapticOperations", "ActivationSparsity", "ConnectionSparsity", "Footprint")


def found_here(source: TensorFile | Path, kind: str, **options: Any) -> dict[str, Any]:
    network = import_snntorch_state(source, payload=kind).network
    result = neurosim.run(network, "loihi2", inputs(kind), detail="functional", **options)
    plain = result.summary.to_json()["neurobench"]
    return {name: plain[name] for name in NAMES}


@pytest.mark.parametrize("kind", ["spike", "graded"])
def test_equals_what_neurobench_once_said(kind: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden["versions"]["neurobench"] == "2.3.0"
    found = found_here(TensorFile("net.pt", state()), kind)
    assert found == golden[kind]
    assert found["SynapticOperations"]["Effective_ACs"] > 0 < found["ActivationSparsity"] < 1


@pytest.mark.parametrize("kind", ["spike", "graded"])
def test_equals_what_neurobench_says_now(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("neurobench", reason="needs neurobench==2.3.0 and snntorch==1.0.0")
    torch = pytest.importorskip("torch")
    torch.save(torch_network().state_dict(), tmp_path / "net.pt")
    assert found_here(tmp_path / "net.pt", kind) == measured(kind, batch=1)
    if kind == "spike":     # of spikes, the size of a batch changes nothing
        assert measured(kind, batch=N_SAMPLES) == measured(kind, batch=1)


def chain(payload: str) -> Network:
    """Return input -> relu -> lif with weights of which some are zero."""
    random = np.random.default_rng(3)
    first, second = (random.integers(-2, 3, shape) / 4 for shape in ((6, 9), (9, 4)))
    populations = (Population("input", "input", 6, attributes={"payload": payload}), Population("hidden", "relu", 9),
                   Population("out", "lif", 4, {"leak": 0.5}))
    return Network("chain", populations, (Projection("input", "hidden", DenseWeights(first)),
                                          Projection("hidden", "out", DenseWeights(second))), ("out",))


def test_graded_layers_are_counted_value_by_value() -> None:
    network, values = chain("graded"), np.random.default_rng(5).integers(0, 3, (3, 7, 6)) / 2
    result = neurosim.run(network, "loihi2", values, record="all")
    weights = [np.asarray(projection.weights.values) for projection in network.projections]
    macs = acs = zeros = 0
    fired = sum(result.trace.n_spikes(group) for group in result.trace.spike_groups
                if result.trace.group_population(group) == "out")
    for token in values.reshape(-1, 6):
        hidden = np.maximum(token @ weights[0], 0)
        zeros += int((hidden == 0).sum())
        for layer, source in ((0, token), (1, hidden)):
            operations = sum(int((weights[layer][neuron] != 0).sum()) for neuron in np.flatnonzero(source))
            if set(source.tolist()) <= {-1.0, 0.0, 1.0}:
                acs += operations
            else:
                macs += operations
    found = result.summary.neurobench
    assert found is not None
    assert (found.effective_macs, found.effective_acs) == (macs / 3, acs / 3) and acs > 0
    assert found.dense == 7 * (6 * 9 + 9 * 4)
    assert found.activation_sparsity == (zeros + 3 * 7 * 4 - fired) / (3 * 7 * (9 + 4))
    share = sum(int((matrix == 0).sum()) for matrix in weights) / (6 * 9 + 9 * 4)
    assert found.connection_sparsity == pytest.approx(share, abs=5e-5)
    assert found.without == ""


def test_what_was_not_recorded_is_not_guessed() -> None:
    result = neurosim.run(chain("graded"), "loihi2", np.ones((2, 3, 6)), detail="functional")
    found = result.summary.neurobench
    assert found is not None and found.effective_macs is None and found.activation_sparsity is None
    assert "--record all" in found.without and found.dense == 3 * (6 * 9 + 9 * 4)
    assert "--record all" in to_text(result.summary).replace("\n", " ")


def test_the_report_tells_it() -> None:
    network = import_snntorch_state(TensorFile("net.pt", state()), payload="spike").network
    summary = neurosim.run(network, "loihi2", inputs("spike"), detail="functional").summary
    lines = [line.split() for line in to_text(summary).splitlines()]
    assert ["effective", "ACs", "per", "sample", "1", "491"] in lines and ["footprint", "(bytes)", "1", "584"] in lines
    assert summary.tokens == N_SAMPLES * N_TOKENS


def trace_with(folder: Path, note: str | None) -> Trace:
    header = make_header(1)
    provenance = {**header.provenance, **({} if note is None else {"connections": note})}
    with TraceWriter(folder / "run.h5", make_header(1, provenance=provenance)) as writer:
        writer.write(make_result(0))
    return Trace.open(folder / "run.h5")


@pytest.mark.parametrize("note", [None, '{"version": 99}'])
def test_traces_that_do_not_tell(tmp_path: Path, note: str | None) -> None:
    with trace_with(tmp_path, note) as trace:
        assert neurobench(trace) is None


@pytest.mark.parametrize("note", ["{", "[]", '{"version": 1}', '{"version": 1, "layers": 3}',
                                  '{"version": 1, "samples": 1, "inputs": [], "activations": [], "footprint": '
                                  '{"bytes": 1, "basis": ""}, "layers": [{"source": "layer_1", "output": "spike", '
                                  '"dense": 1, "period": 1, "weights": 1, "zeros": 0, "fan_out": "eJw="}]}'])
def test_damaged_notes_are_told(tmp_path: Path, note: str) -> None:
    text = json.loads(note) if note.startswith('{"version": 1, "samples"') else None
    with trace_with(tmp_path, note) as trace:
        if text is not None:        # damaged where it is read: spikes have to be recorded for that
            trace.provenance["record_spikes"] = "True"      # type: ignore[index]
        with pytest.raises(TraceError, match="/provenance/connections"):
            neurobench(trace)
