"""A spiking network on a free-running chip, from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from hw_models import load_chip
from neurosim.engine import RunOptions
from neurosim.engine.order_study import Outcome, study_order
from neurosim.errors import OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.graph_io import save_network
from neurosim.report import to_text
from tests.cli.program import Program, make_program
from tests.engine.free_cases import free_chip
from tests.engine.results import results

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return make_program(capsys)


def spiking() -> Network:
    """Return two layers of integrate-and-fire neurons, as Speck has them."""
    random = np.random.default_rng(0)

    def neurons(name: str, size: int) -> Population:
        return Population(name, "lif", size, {"leak": 1.0}, {"reset": "soft"})

    def dense(pre: int, post: int) -> DenseWeights:
        return DenseWeights(np.round(random.normal(0.15, 0.4, (pre, post)), 2))

    return Network("spiking", (Population("in", "input", 8, attributes={"payload": "spike"}), neurons("a", 12),
                               neurons("b", 3)),
                   (Projection("in", "a", dense(8, 12)), Projection("a", "b", dense(12, 3))), ("b",))


def data() -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {"inputs": (random.random((4, 15, 8)) < 0.3).astype(float), "labels": random.integers(0, 3, 4),
            "times_ps": np.cumsum(random.integers(0, 3_000_000, (4, 15)), axis=1)}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    save_network(spiking(), tmp_path / "net.h5")
    np.savez(tmp_path / "data.npz", **data())
    return tmp_path / "net.h5", tmp_path / "data.npz"


def test_from_the_command_line_to_a_trace(program: Program, files: tuple[Path, Path], tmp_path: Path) -> None:
    network, inputs = files
    trace = tmp_path / "run.h5"
    outcome = program("run", network, "--chip", "speck", "--input", f"{inputs}:inputs", "--trace", trace, "--record",
                      "packets", "--times", inputs)
    assert outcome.code == 0, outcome.err
    assert "free_running, event, compiled engine" in outcome.out
    assert "Order-dependent: packets were served as they came" in outcome.out
    assert program("report", trace).out == outcome.out
    assert program("check", trace).code == 0
    with neurosim.Trace.open(trace) as opened:
        ends = opened.steps("end_ps").reshape(4, 15)
        assert (ends[:, :-1] == data()["times_ps"][:, 1:]).all()
        assert opened.packet_blocks() and opened.n_packets > 0
    assert "a free-running chip has no time steps" in program("report", trace, "--floorline").out
    summary = json.loads(program("report", trace, "--json").out)
    assert summary["order_dependent"] is True and summary["order_study"] is None
    assert summary["packet_check"]["conserved"] is True
    assert 0 < summary["core_load"]["max"] <= 1
    assert set(summary["energy_j"]["by_component"]) >= {"soma_active", "packet_in"}
    assert summary["latency_s"]["per_sample"]["n"] == 4


def test_map_says_how_populations_are_updated(program: Program, files: tuple[Path, Path]) -> None:
    out = program("map", files[0], "--chip", "speck").out
    assert "free-running: no time steps; 2 populations are updated by the packets that reach them, 0 by the leak" in out
    found = json.loads(program("map", files[0], "--chip", "speck", "--json").out)
    assert found["advance"] == {"a": "lazy", "b": "lazy"} and found["schedule"]["name"] == "free_running"


def test_the_order_study_is_told_and_kept(program: Program, files: tuple[Path, Path]) -> None:
    network, inputs = files
    outcome = program("run", network, "--chip", "speck", "--input", inputs, "--jitter-ns", "400", "--jitter-runs", "3")
    assert outcome.code == 0, outcome.err
    text = " ".join(outcome.out.split())
    assert "3 repeats, arrivals up to 400 ns late: read-outs differ by" in text and "outputs fired" in text
    assert "Arrivals came up to" not in text, "the run itself has no delays"
    found = json.loads(program("run", network, "--chip", "speck", "--input", inputs, "--jitter-ns", "400",
                               "--jitter-runs", "3", "--json").out)
    study = found["order_study"]
    assert (study["repeats"], study["jitter_ps"]) == (3, 400_000)
    assert study["spikes_min"] <= study["spikes_max"] and 0 <= study["accuracy_min"] <= study["accuracy_max"] <= 1
    late = program("run", network, "--chip", "speck", "--input", inputs, "--jitter-ns", "400").out
    assert "Arrivals came up to 400 ns late." in " ".join(late.split())


def test_the_study_holds_repeats_against_the_calm_run() -> None:
    machine = neurosim.map_network(spiking(), free_chip())
    given, options = data(), RunOptions(arrival_jitter_ps=50_000, seed=4, workers=1)
    calm = Outcome()
    for result in results(machine, given["inputs"]):
        calm.write(result)
    study = study_order(machine, given["inputs"], options, calm, repeats=2, labels=given["labels"])
    shaken = [results(machine, given["inputs"], arrival_jitter_ps=50_000, seed=seed) for seed in (5, 6)]
    readouts = np.array([[result.readout for result in run] for run in shaken])
    before = np.array([result.readout for result in results(machine, given["inputs"])])
    assert study.readout_change_max == np.abs(readouts - before).max() > 0
    assert study.readout_change_mean == pytest.approx(np.abs(readouts - before).mean())
    fired = [sum(len(result.spikes.step) for result in run) for run in shaken]
    assert (study.spikes_min, study.spikes_max) == (min(fired), max(fired))
    right = [(run.argmax(axis=1) == given["labels"]).mean() for run in readouts]
    assert (study.accuracy_min, study.accuracy_max) == (min(right), max(right))
    assert study.predictions_changed == (readouts.argmax(axis=2) != before.argmax(axis=1)).mean()


def test_what_is_refused(program: Program, files: tuple[Path, Path]) -> None:
    network, inputs = files
    for arguments, message in (
            (("--chip", "speck", "--detail", "analytic"), "detail = 'analytic' on a free-running chip"),
            (("--chip", "speck", "--jitter-runs", "2"), "jitter_runs = 2 with jitter_ns = 0"),
            (("--chip", "speck", "--jitter-runs", "-1"), "jitter_runs = -1"),
            (("--chip", "speck", "--jitter-ns", "-1"), "jitter_ns = -1"),
            (("--chip", "loihi2", "--jitter-ns", "5"), "arrival_jitter_ps = 5000 on a chip with time steps"),
            (("--chip", "loihi2", "--jitter-runs", "5"), "on a chip with time steps"),
            (("--chip", "loihi2", "--times", inputs), "times of tokens on a chip with time steps"),
            (("--chip", "speck", "--times", f"{inputs}:labels"), "times of tokens have shape")):
        outcome = program("run", network, "--input", inputs, *arguments)
        assert outcome.code == 2 and message in outcome.err, arguments


def test_fixed_point_as_speck_computes(files: tuple[Path, Path]) -> None:
    found = neurosim.run(files[0], "speck", str(files[1]), numbers="fixed")
    floating = neurosim.run(files[0], "speck", str(files[1]))
    assert np.abs(found.readout - floating.readout).max() <= 0.2 * floating.readout.max()
    assert not found.summary.indicative


def test_a_ticked_chip_runs_what_cannot_be_left_alone() -> None:
    network = spiking()
    biased = Population("a", "lif", 12, {"leak": 0.9, "bias": 0.01}, {"reset": "soft"})
    network = Network("biased", (network.populations[0], biased, network.populations[2]), network.projections, ("b",))
    found = neurosim.run(network, free_chip(leak_clock_ns=500.0), data()["inputs"])
    assert "Order-dependent" in to_text(found.summary)
    assert found.summary.spikes > 0
    with pytest.raises(neurosim.NeurosimError, match="its bias drives it between events"):
        neurosim.run(network, load_chip("speck"), data()["inputs"])


def test_times_go_with_the_samples_that_are_run() -> None:
    given = data()
    few = neurosim.run(spiking(), free_chip(), given["inputs"], samples=2, times=given["times_ps"])
    whole = neurosim.run(spiking(), free_chip(), given["inputs"], times=given["times_ps"])
    assert (few.readout == whole.readout[:2]).all()
    with pytest.raises(OptionError, match="jitter_ns = 'much'"):
        neurosim.run(spiking(), free_chip(), given["inputs"], jitter_ns="much")  # type: ignore[arg-type]
