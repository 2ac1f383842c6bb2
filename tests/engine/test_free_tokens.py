"""Populations of free-running chips that wait for whole tokens: function, time, and equality of both engines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from neurosim.engine.free_tokens import FreeTokens
from neurosim.errors import CapabilityError
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import CONVOLUTION, TOKEN, UNLIMITED, Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.schema import SampleResult
from tests.engine.free_cases import free_chip
from tests.engine.results import differences, results, zero_load_ps
from tests.engine.token_cases import TokenCase, fixed_token_case, token_cases, with_steps

pytestmark = [pytest.mark.filterwarnings("ignore:overflow encountered"),     # of random bits, in uncompiled kernels
              pytest.mark.filterwarnings("ignore:the clock of a free-running chip takes the place")]
unhurried = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
N_CASES, FIXED = 200, 60
both = pytest.mark.parametrize("engine", ["compiled", "reference"])


def run_case(case: TokenCase, engine: str, **options: Any) -> list[SampleResult]:
    return results(case.machine, case.inputs, times_ps=case.times_ps, engine=engine, **{**case.options, **options})


def said(machine: Machine, result: SampleResult, names: Container[str]) -> dict[tuple[str, int], list[float]]:
    """Return all that the outputs `names` said, in order of time."""
    spikes, found = result.spikes, dict[tuple[str, int], list[float]]()
    for place in np.lexsort((spikes.time_ps, spikes.step)).tolist():
        name = machine.output_names[int(spikes.output[place])]
        if name in names:
            found.setdefault((name, int(spikes.neuron[place])), []).append(float(spikes.value[place]))
    return found


def features(case: TokenCase, found: list[SampleResult]) -> set[str]:
    """Return which abilities a case has exercised, so that none is missed by all."""
    machine, noc, populations = case.machine, case.machine.noc, case.machine.populations
    assert machine.free is not None and machine.free.tokens is not None
    flow, counts = machine.free.tokens, sum(result.core_counts.sum(axis=(0, 1)) for result in found)
    several = np.diff(case.times_ps, axis=1).size > 0
    has = {
        "finite buffers": noc.buffer_packets != UNLIMITED, "finite core input": noc.core_in_packets != UNLIMITED,
        "multicast": bool((machine.trees.link >= 0).any()), "local delivery": bool(machine.destinations.local.any()),
        "advances": counts[CORE_EVENT_INDEX["advance_exp"]] > 0,
        "convolution": bool((machine.projections.kind == CONVOLUTION).any()),
        "jitter": case.options["arrival_jitter_ps"] > 0, "float32": case.options["numbers"] == "float32",
        "loop": bool((machine.projections.source >= machine.projections.target).any()) and several,
        "delays": bool((machine.projections.delay_tokens > 1).any()) and several,
        "periods": bool((populations.period > 1).any()) and several,
        "resets": bool((populations.reset_period > 0).any()), "fixed": case.options["numbers"] == "fixed",
        "changes": bool((populations.change_threshold >= 0).any()),
        "joins": bool((np.bincount(machine.projections.target) > 1).any()),
        "several slices": len(set(machine.slices.population.tolist())) < len(machine.slices.population),
        "full": flow.in_flight < case.inputs.shape[1], "late": any(
            result.duration_ps > 2 * int(case.times_ps[result.sample, -1]) for result in found),
        "tokens of one moment": bool((np.diff(case.times_ps, axis=1) == 0).any()),
    }
    return {name for name, value in has.items() if value}


def check_laws(case: TokenCase, result: SampleResult) -> None:
    """Assert that every token passes, nothing is lost, no time runs back, and markers are as many as were planned."""
    machine, packets, spikes = case.machine, result.packets, result.spikes
    assert packets is not None and machine.free is not None and machine.free.tokens is not None
    assert (packets.arrival_ps >= packets.inject_ps).all()
    counts, chip = result.core_counts.sum(axis=(0, 1)), result.chip_counts.sum(axis=0)
    assert len(packets.step) == counts[CORE_EVENT_INDEX["packet_in"]] + chip[CHIP_EVENT_INDEX["output_packet"]]
    starts = np.concatenate([[0], result.step_end_ps[:-1]])
    for step, times in ((spikes.step, spikes.time_ps), (packets.step, packets.inject_ps)):
        assert (times >= starts[step]).all() and (times <= result.step_end_ps[step]).all()
    flow, period = machine.free.tokens, machine.populations.period[machine.slices.population]
    n_markers = np.diff(machine.packets.row_start[flow.marker_row:]) * (case.inputs.shape[1] // period)
    rows, n_packets = np.diff(machine.packets.row_start), 0
    firsts = machine.populations.first_row[machine.output_population[spikes.output]]
    n_outputs = machine.populations.n_outputs[machine.output_population[spikes.output]]
    number = spikes.output - machine.populations.first_output[machine.output_population[spikes.output]]
    n_packets = int(rows[firsts + spikes.neuron * n_outputs + number].sum())
    n_packets += _input_packets(machine, case.inputs[result.sample], rows)
    sent = counts[CORE_EVENT_INDEX["packet_out"]] + chip[CHIP_EVENT_INDEX["input_packet"]]
    if case.options["numbers"] != "fixed":      # where inputs may round to zero, and are not sent
        assert sent == n_packets + n_markers.sum()
    n_updates = (np.where(machine.populations.input_start >= 0, 0, machine.populations.size)
                 * (case.inputs.shape[1] // machine.populations.period)).sum()
    names = ("soma_active", "soma_inactive", "program_active", "program_inactive")
    assert sum(counts[CORE_EVENT_INDEX[name]] for name in names) == n_updates


def _input_packets(machine: Machine, inputs: np.ndarray, rows: np.ndarray) -> int:
    starts = machine.populations.input_start
    sent = [rows[machine.populations.first_row[number]:][:machine.populations.size[number]]
            for number in np.flatnonzero(starts >= 0)]
    return int((np.count_nonzero(inputs, axis=0) * np.concatenate(sent)).sum())


def test_engines_agree_and_compute_what_a_chip_with_steps_does() -> None:
    seen: Counter[str] = Counter()

    @settings(unhurried, max_examples=N_CASES)
    @given(token_cases())
    def agree(case: TokenCase) -> None:
        compiled = run_case(case, "compiled", readout_tokens=True)
        assert differences(compiled, run_case(case, "reference", readout_tokens=True)) == []
        for result in compiled:
            check_laws(case, result)
        seen.update(["cases", *features(case, compiled)])
        if any(item.model == "event_mode" and item.period > 1 for item in case.network.populations):
            return      # intervals would have to be summed: tests of Event-SSM networks do that
        machine, inputs = with_steps(case)
        options = {"numbers": case.options["numbers"], "seed": case.options["seed"], "readout_tokens": True}
        for ours, theirs in zip(compiled, results(machine, inputs, **options), strict=True):
            assert differences(ours.readout_tokens, theirs.readout_tokens) == []
            names = case.machine.output_names       # those that tell intervals alone are left out
            assert said(case.machine, ours, names) == said(machine, theirs, names)
        seen["held against steps"] += 1

    agree()
    assert seen["cases"] >= N_CASES and seen["held against steps"] >= N_CASES // 2
    rare = {name: seen[name] for name in
            ("finite buffers", "finite core input", "multicast", "local delivery", "advances", "convolution", "jitter",
             "float32", "fixed", "loop", "delays", "periods", "resets", "changes", "joins", "several slices", "full",
             "late", "tokens of one moment") if seen[name] < 3}
    assert not rare, "the random cases do not exercise this"


def test_fixed_cases_agree() -> None:
    for seed in range(FIXED):
        case = fixed_token_case(seed)
        assert differences(run_case(case, "compiled"), run_case(case, "reference")) == [], seed


def test_a_slice_that_does_not_wait_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    original = FreeTokens._is_there
    monkeypatch.setattr(FreeTokens, "_is_there", lambda tokens, who, token: original(
        tokens, who, token - (who < len(tokens.next) and token > 0 and tokens._n_entered > token)))
    assert any(differences(run_case(fixed_token_case(seed), "compiled"), run_case(fixed_token_case(seed), "reference"))
               for seed in range(FIXED))


@pytest.mark.parametrize("mutant", ["no token", "slices", "room", "early", "clocked", "row"])
def test_wrong_rule_in_the_compiled_engine_shows(mutant: str) -> None:
    """The compiled engine as plain Python with one rule turned round, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "tests.engine.run_free_mutant", mutant, str(FIXED)],
                          cwd=Path(__file__).parents[2], env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 or mutant == "early", done.stderr
    assert (done.stdout.split() == [] and done.returncode == 0) == (mutant == "no token")


# --- by hand ---------------------------------------------------------------------------------------------------------


def diamond() -> Network:
    """Return an input, two ways of different lengths, and a gate that needs both."""
    ways = [Population(name, "linear", 1, {"bias": bias}) for name, bias in (("x", 1.0), ("y", 0.0), ("z", 2.0))]
    gate = Population("gate", "gsu", 1)
    return Network("diamond", (Population("in", "input", 1, attributes={"payload": "graded"}), *ways, gate), (
        Projection("in", "x", DenseWeights(np.array([[1.0]]))), Projection("x", "y", DenseWeights(np.array([[1.0]]))),
        Projection("in", "z", DenseWeights(np.array([[3.0]]))),
        Projection("y", "gate", OneToOneWeights(np.ones(1)), "ternary_branch"),
        Projection("z", "gate", OneToOneWeights(np.ones(1)), "graded_branch")), ("gate",))


def marked(network: Network, chip: dict[str, Any] | None = None, **options: Any) -> Machine:
    made = free_chip(free_running__markers=True, **(chip or {}))
    return map_network(network, made, MappingOptions(join="markers", **options))


@both
def test_a_gate_waits_for_both_of_its_ports(engine: str) -> None:
    """(u + 1) (3 u + 2), token for token, however close they follow each other, and also where nothing is sent."""
    machine = marked(diamond(), max_neurons_per_core=1)
    inputs = np.array([[1.0], [0.0], [-1.0], [2.0]])
    for times in ([0, 0, 0, 0], [5, 1_000_000, 1_000_001, 9_000_000]):
        [found] = results(machine, inputs[None], engine=engine, times_ps=np.array(times), readout_tokens=True)
        assert found.readout_tokens is not None
        assert found.readout_tokens[:, 0].tolist() == [10.0, 2.0, 0.0, 24.0]
    assert machine.free is not None and set(machine.free.advance.tolist()) == {TOKEN}


@both
def test_the_way_of_a_token(engine: str) -> None:
    """Packet, marker, service of both, update, packet, marker: each at its time."""
    network = Network("one", (Population("in", "input", 1, attributes={"payload": "graded"}),
                              Population("a", "linear", 1)), (Projection("in", "a", DenseWeights(np.ones((1, 1)))),),
                      ("a",))
    machine = marked(network, {
        "core__costs__packet_in__latency_ns": 3.0, "core__costs__synapse_read__latency_ns": 0.0,
            "core__costs__dendrite__latency_ns": 0.0,
            "core__costs__synapse_dense__latency_ns": 1.5,
        "core__costs__program_active__latency_ns": 7.0, "core__costs__program_inactive__latency_ns": 6.0,
        "core__costs__spike_out__latency_ns": 2.0, "core__costs__packet_out__latency_ns": 4.0,
        "input_port__packet_latency_ns": 5.0}, tokens_in_flight=1)
    [found] = results(machine, np.array([[[2.0], [0.0]]]), engine=engine, times_ps=np.array([1000, 1000]))
    core, port, out = 0, 1, 2
    way, back = zero_load_ps(machine, port, core, 1), zero_load_ps(machine, core, port, 1)
    value, marker = 1000 + 5000, 1000 + 10_000
    carried = zero_load_ps(machine, port, core, 2)      # with a payload, in two flits
    begins = max(value + carried + 3000 + 1500, marker + way) + 3000
    said = begins + 7000 + 2000
    assert found.spikes.time_ps.tolist() == [said]
    assert found.packets is not None
    packets = sorted(zip(found.packets.inject_ps.tolist(), found.packets.core.tolist(), strict=True))
    ready = said + 8000 + back + 5000                   # the marker has come back to the port: the next token enters
    second = ready + 5000                               # its marker alone, since zero is not sent
    quiet = second + way + 3000 + 6000 + 4000
    assert packets == [(value, core), (marker, core), (said + 4000, out), (said + 8000, port), (second, core),
                       (quiet, port)]
    assert found.step_end_ps.tolist() == [1000, quiet + back + 5000]


def test_what_needs_whole_tokens_says_how_to_get_them() -> None:
    with pytest.raises(CapabilityError, match=r"(?s)packets come one by one.*mapping.join=markers"):
        map_network(diamond(), free_chip())
    with pytest.raises(CapabilityError, match="lacks end-of-token markers"):
        map_network(diamond(), free_chip(), MappingOptions(join="markers"))
    backward = Network("backward", (Population("in", "input", 1), Population("a", "linear", 1, direction="reversed")),
                       (Projection("in", "a", DenseWeights(np.ones((1, 1)))),))
    with pytest.raises(CapabilityError, match="(?s)tokens flow through it in their order.*from the last to the first"):
        marked(backward)


def test_integers_have_no_exponential() -> None:
    mode = Population("a", "event_mode", 1, {"rate_real": -1.0, "rate_imag": 0.0})
    network = Network("mode", (Population("in", "input", 1), mode),
                      (Projection("in", "a", DenseWeights(np.ones((1, 1))), "real"),), ("a",))
    with pytest.raises(CapabilityError, match="populations a .model event_mode. decay over the time"):
        results(marked(network), np.ones((1, 1, 1)), numbers="fixed")


def test_tokens_in_flight_take_memory() -> None:
    """An accumulator for each port, neuron and token in flight, and for each token of delay."""
    network = Network("one", (Population("in", "input", 1, attributes={"payload": "graded"}),
                              Population("a", "linear", 2)),
                      (Projection("in", "a", DenseWeights(np.ones((1, 2))), delay_steps=3),), ("a",))
    plain, bits = free_chip(free_running__markers=True), []
    for in_flight in (1, 4):
        machine = map_network(network, plain, MappingOptions(join="markers", tokens_in_flight=in_flight))
        bits.append(machine.utilisation[0]["state_bits"][0])
        assert machine.utilisation[0]["delay_steps"][0] == in_flight + 3
    assert bits[1] - bits[0] == 3 * 2 * plain.core.accumulator_bits
