"""Whole Event-SSM networks on a chip without time steps: every token's outputs are those of the equations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from hw_models.schema import Chip
from importers.files.tensors import TensorFile
from importers.mimo.event_inputs import event_inputs, event_times
from importers.mimo.event_ssm import import_event_ssm
from neurosim.errors import DataError
from neurosim.graph import Network
from neurosim.graph_io import save_network
from neurosim.mapping import MappingOptions, describe, map_network, render
from tests.cli.program import Program, make_program
from tests.engine.free_cases import free_chip
from tests.engine.results import differences, results
from tests.importers.trees import Tensors, event_ssm
from tests.oracle.mimo_networks import Form, run_events

pytestmark = [pytest.mark.filterwarnings("ignore:overflow encountered"),     # of random bits, in uncompiled kernels
              pytest.mark.filterwarnings("ignore:the clock of a free-running chip takes the place")]
N_SYMBOLS = 20
OPTIONS = {"join": "markers", "step_ns": 1e6}


def chip(**overrides: Any) -> Chip:
    """Return a free-running chip with markers, and latencies that let packets overtake each other's tokens."""
    return free_chip(free_running__markers=True, core__capabilities__dendrite_ports=8, core__max_delay_steps=64,
                     core__costs__packet_in__latency_ns=31.0, core__costs__program_active__latency_ns=17.0,
                     core__costs__packet_out__latency_ns=5.0, **overrides)


def recording(n_events: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens and times in microseconds: bursts, events of one moment, gaps of seconds, padding."""
    random = np.random.default_rng(seed)
    tokens = random.integers(-1, N_SYMBOLS, n_events)
    return tokens, np.cumsum(random.choice([0, 1, 3, 700, 12_345, 2_000_000], n_events)) + 77


def network(tensors: Tensors, **options: Any) -> Network:
    return import_event_ssm(TensorFile("net.npz", tensors), **options).network


@pytest.mark.parametrize(("method", "head", "place", "family"), [
    ("async", "mean", "pre", "layer"), ("dirac", "last", "post", "layer"), ("zoh", "timepool", "pre", "batch"),
    ("async", "timepool", "post", "batch")])
def test_a_whole_network_equals_its_equations(method: str, head: str, place: str, family: str) -> None:
    tensors = event_ssm(family=family, place=place)
    tokens, times = recording(25)
    inputs, entered = event_inputs(tokens, times, N_SYMBOLS), event_times(tokens, times)
    net = network(tensors, discretization=method, pooling=head, norm_place=place)
    expected = run_events(tensors, Form(method, place=place, pooling=head, epsilon=1e-6 if family == "layer" else 1e-5),
                          tokens[:-1], inputs[:, N_SYMBOLS]).output
    machine = map_network(net, chip(), MappingOptions(**OPTIONS, max_neurons_per_core=9))
    [found] = results(machine, inputs[None], times_ps=entered, readout_tokens=True)
    assert found.readout_tokens is not None
    np.testing.assert_allclose(found.readout_tokens, expected, rtol=1e-12, atol=1e-12)
    few = slice(0, 6)
    assert differences(*(results(machine, inputs[None, few], times_ps=entered[few], readout_tokens=True, engine=engine)
                         for engine in ("compiled", "reference"))) == []


@pytest.mark.parametrize(("mode", "stride", "head"), [("last", 2, "mean"), ("avgpool", 3, "last"),
                                                      ("timepool", 2, "timepool")])
def test_event_pooling(mode: str, stride: int, head: str) -> None:
    tensors = event_ssm()
    tokens, times = recording(31, seed=5)
    inputs, entered = event_inputs(tokens, times, N_SYMBOLS), event_times(tokens, times)
    net = network(tensors, pooling_stride=stride, pooling_mode=mode, pooling=head)
    expected = run_events(tensors, Form("async", stride=stride, mode=mode, pooling=head), tokens[:-1],
                          inputs[:, N_SYMBOLS]).output
    machine = map_network(net, chip(), MappingOptions(**OPTIONS, max_neurons_per_core=16))
    [found] = results(machine, inputs[None], times_ps=entered, readout_tokens=True)
    window = stride ** sum("SequenceLayer_0.S5SSM_0.B" in key for key in tensors)
    assert found.readout_tokens is not None and len(expected) == len(inputs) // window > 1
    np.testing.assert_allclose(found.readout_tokens[window - 1::window], expected, rtol=1e-11, atol=1e-11)


def test_nothing_hangs_on_order_placement_or_tokens_in_flight() -> None:
    tokens, times = recording(20)
    inputs, entered = event_inputs(tokens, times, N_SYMBOLS), event_times(tokens, times)
    net, found = network(event_ssm()), []
    for options, jitter in (({}, 0), ({"tokens_in_flight": 1}, 0), ({"tokens_in_flight": 9}, 10**6),
                            ({"placement": "random", "max_neurons_per_core": 3}, 10**5)):
        machine = map_network(net, chip(), MappingOptions(**{**OPTIONS, **options}))
        [result] = results(machine, inputs[None], times_ps=entered, readout_tokens=True, arrival_jitter_ps=jitter)
        found.append(result)
    assert all(np.array_equal(found[0].readout_tokens, other.readout_tokens) for other in found[1:])  # type: ignore
    assert found[1].duration_ps > found[0].duration_ps, "one token at a time takes longer"


def test_intervals_are_no_packets() -> None:
    """The clock tells the time: populations that only sum intervals are not there."""
    net = network(event_ssm(), pooling_stride=2, pooling_mode="avgpool")
    machine = map_network(net, chip(), MappingOptions(**OPTIONS))
    assert {"layer0.interval"} <= {item.name for item in net.populations} - set(machine.population_names)
    weighed = network(event_ssm(), pooling_stride=2, pooling_mode="timepool")
    assert "layer0.interval" in map_network(weighed, chip(), MappingOptions(**OPTIONS)).population_names


def test_times_of_events() -> None:
    assert event_times([0, 1, 0, 2], [5, 5, 7, 1007]).tolist() == [0, 2_000_000, 1_002_000_000]
    assert event_times([3, 4], [5, 6], 3).tolist() == [1_000_000] * 3
    assert event_times([3, -1, 3, 1], [5, 6, 9, 10]).tolist() == [1_000_000, 1_000_000, 2_000_000]
    tokens, times = recording(40)
    np.testing.assert_array_equal(np.diff(event_times(tokens, times), prepend=0) / 1e9,
                                  event_inputs(tokens, times, N_SYMBOLS)[:, N_SYMBOLS])
    for given, n_tokens, message in (([1], None, "two or more"), ([1, 2.5], None, "whole numbers"),
                                     ([2, 1], None, "do not ascend"), ([1, 2, 3], 1, "2 events for n_tokens = 1")):
        with pytest.raises(DataError, match=message):
            event_times([0] * len(given), given, n_tokens)


# --- from the command line -------------------------------------------------------------------------------------------


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return make_program(capsys)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return network, data and chip."""
    import yaml

    from hw_models import to_mapping

    tokens, times = recording(15)
    save_network(network(event_ssm()), tmp_path / "net.h5")
    np.savez(tmp_path / "data.npz", inputs=event_inputs(tokens, times, N_SYMBOLS)[None], labels=[1],
             times_ps=event_times(tokens, times)[None])
    (tmp_path / "chip.yaml").write_text(yaml.safe_dump(to_mapping(chip())))
    return tmp_path / "net.h5", tmp_path / "data.npz", tmp_path / "chip.yaml"


def test_from_the_command_line_to_a_trace(program: Program, files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    net, data, described = files
    trace, picture = tmp_path / "run.h5", tmp_path / "page.png"
    outcome = program("run", net, "--chip", described, "--input", data, "--times", data, "--trace", trace, "--record",
                      "packets", *(f"--set=mapping.{name}={value}" for name, value in OPTIONS.items()))
    assert outcome.code == 0, outcome.err
    text = " ".join(outcome.out.split())
    assert "Self-timed: every population waited for whole tokens" in text and "Order-dependent" not in text
    assert "end-of-token markers" in text
    assert program("report", trace).out == outcome.out
    assert program("check", trace).code == 0
    assert program("report", trace, "--png", picture).code == 0 and picture.stat().st_size > 10_000
    assert "a free-running chip has no time steps" in program("report", trace, "--floorline").out
    summary = json.loads(program("report", trace, "--json").out)
    assert summary["order_dependent"] is False and summary["packet_check"]["conserved"] is True
    assert 0 < summary["markers"] < summary["packets"] + summary["input_packets"]
    with neurosim.Trace.open(trace) as opened:
        found = opened.readout[0]
    given = np.load(data)
    tokens, times = recording(15)
    expected = run_events(event_ssm(), Form("async"), tokens[:-1], given["inputs"][0, :, N_SYMBOLS]).output
    np.testing.assert_allclose(found, expected[-1], rtol=1e-12, atol=1e-12)


def test_the_page_for_browsers(program: Program, files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="needs the extra `explore`")
    net, data, described = files
    trace, page = tmp_path / "run.h5", tmp_path / "page.html"
    assert program("run", net, "--chip", described, "--input", data, "--times", data, "--trace", trace,
                   "--set=mapping.join=markers").code == 0
    assert program("report", trace, "--html", page).code == 0
    assert "Self-timed: every population waited" in page.read_text(encoding="utf-8")


def test_map_tells_of_tokens(program: Program, files: tuple[Path, Path, Path]) -> None:
    net, _, described = files
    out = program("map", net, "--chip", described, "--set", "mapping.join=markers").out
    assert "free-running, self-timed: populations take whole tokens, 4 in flight at most" in out


def test_what_is_refused(program: Program, files: tuple[Path, Path, Path]) -> None:
    net, data, described = files
    for target, settings, message in (
            ("speck", ("mapping.join=markers",), "chip speck lacks end-of-token markers"),
            ("loihi2", ("mapping.join=markers",), "on chip loihi2, which has time steps"),
            (described, (), "mapping.join=markers"),
            (described, ("mapping.join=markers", "mapping.advance.*=lazy"), "with mapping.join = 'markers'"),
            (described, ("mapping.join=often",), "join = 'often'"),
            (described, ("mapping.join=markers", "mapping.tokens_in_flight=0"), "tokens_in_flight = 0"),
            (described, ("mapping.join=markers", "mapping.tokens_in_flight=5000"), "integer from 1 to 4096")):
        outcome = program("run", net, "--chip", target, "--input", data, *(f"--set={item}" for item in settings))
        assert outcome.code == 2 and message in " ".join(outcome.err.split()), outcome.err


def test_describe_names_markers() -> None:
    machine = map_network(network(event_ssm()), chip(), MappingOptions(**OPTIONS, max_neurons_per_core=9))
    assert machine.free is not None and machine.free.tokens is not None
    found = describe(machine)
    flow = machine.free.tokens
    n_markers = int(machine.packets.row_start[-1] - machine.packets.row_start[flow.marker_row])
    assert found["tokens"] == {"in_flight": 4, "markers": {"1": n_markers}} and n_markers > 0
    assert set(found["advance"].values()) == {"token"}
    assert f"{n_markers} end-of-token markers each" in render(found)
