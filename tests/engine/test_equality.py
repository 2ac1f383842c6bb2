"""Both engines, the same machine, the same input: the same results to the picosecond."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from neurosim.engine import link_blocks, reference_network
from neurosim.engine.contract import DETAILS
from neurosim.events import CHIP_EVENT_INDEX
from neurosim.machine import CONVOLUTION, GRADED, UNLIMITED
from neurosim.traces.schema import SampleResult
from tests.engine.cases import Case, build_chip, build_mapping, cases, fixed_case, machine_of, make_chip
from tests.engine.results import check_laws, differences, function_of, results, zero_load_ps

N_CASES = 500
unhurried = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


def both(case: Case, detail: str) -> tuple[list[SampleResult], list[SampleResult]]:
    """Return the results of the compiled and of the reference engine."""
    chosen = {"detail": detail, "numbers": case.numbers, "readout_tokens": case.readout_tokens}
    return (results(case.machine, case.inputs, engine="compiled", **chosen),
            results(case.machine, case.inputs, engine="reference", **chosen))


def is_tame(case: Case) -> bool:
    """Return whether all values stay far from overflow: loops with squares in them may explode within a few tokens."""
    found = results(case.machine, case.inputs, detail="functional", numbers=case.numbers)
    return all(np.abs(np.concatenate([result.spikes.value, result.readout, [0]])).max() < 1e12 for result in found)


def features(case: Case, found: list[SampleResult]) -> set[str]:
    """Return which of the engines' abilities a case has exercised, so that none is missed by all."""
    machine, noc = case.machine, case.machine.noc
    packets = [result.packets for result in found if result.packets is not None and len(result.packets.step)]
    sent = np.concatenate([np.unique(table.source_row) for table in packets]) if packets else np.zeros(0, np.int64)
    has = {
        "packets": bool(packets),
        "finite buffers": noc.buffer_packets != UNLIMITED, "one slot": noc.buffer_packets == 1,
        "finite core input": noc.core_in_packets != UNLIMITED,
        "multicast": (machine.trees.link >= 0).any() and bool(packets),
        "local delivery": bool(machine.destinations.local.any()),
        "overlapped": bool(machine.cores.overlapped.any()), "serial": not machine.cores.overlapped.any(),
        "torus": case.chip["noc.topology"] == "torus", "yx": case.chip["noc.routing"] == "yx",
        "graded packets": _sends_graded(machine, sent), "many flits": int(machine.packets.flits.max(initial=0)) > 1,
        "1 ps hops": int(noc.hop_ps.min()) == 1, "long delay": int(machine.projections.delay_steps.max(initial=0)) > 2,
        "loop": bool((machine.projections.source == machine.projections.target).any()),
        "two outputs": bool((machine.populations.n_outputs > 1).any()),
        "deep queue": any(result.queue_peak.max() > 3 for result in found),
        "late packets": any(_is_late(case, result) for result in found),
        "convolution": bool((machine.destinations.conv > 0).any()) and bool(packets),
        "unrolled": bool((machine.projections.kind == CONVOLUTION).any() and not machine.destinations.conv.any()),
        "backward": bool(machine.populations.backward.any()), "three phases": machine.schedule.n_phases > 2,
        "rests": bool((machine.populations.period > 1).any()),
        "reads out at rest": bool((machine.populations.period[list(machine.readouts)] > 1).any()),
        "rests in a loop": _rests_in_a_loop(machine),
        "emptied": bool((machine.populations.reset_period > 1).any()),
        "interval": machine.schedule.interval > 1, "float32": case.numbers == "float32",
        "clock": machine.tick_ps > 0, "late steps": any(_n_late(machine, result) for result in found),
        "waits for the tick": any(_waits(machine, result) for result in found),
        "catches up": any(_catches_up(machine, result) for result in found),
        "many chips": machine.n_chips > 1,
        "packets between chips": any(result.chip_counts[:, CHIP_EVENT_INDEX["chip_hop"]].any() for result in found),
        "flits between chips": any(result.chip_counts[:, CHIP_EVENT_INDEX["flit_chip_hop"]].sum()
                                   > result.chip_counts[:, CHIP_EVENT_INDEX["chip_hop"]].sum() for result in found),
    }
    return {name for name, value in has.items() if value}


def _n_late(machine, result: SampleResult) -> int:
    """Return how many steps were not done when the next tick came."""
    due = machine.tick_ps * np.arange(1, result.n_steps + 1)
    return int((result.step_end_ps > due).sum()) if machine.tick_ps else 0


def _waits(machine, result: SampleResult) -> bool:
    return machine.tick_ps > 0 and bool((result.step_end_ps % machine.tick_ps == 0).any())


def _catches_up(machine, result: SampleResult) -> bool:
    """Return whether a step waited for its tick after an earlier one was late."""
    late = result.step_end_ps > machine.tick_ps * np.arange(1, result.n_steps + 1)
    return machine.tick_ps > 0 and bool((late[:-1] & ~late[1:]).any())


def _rests_in_a_loop(machine) -> bool:
    source, target = machine.projections.source, machine.projections.target
    return bool((machine.populations.period[source[source == target]] > 1).any())


def _sends_graded(machine, rows: np.ndarray) -> bool:
    population = np.searchsorted(machine.populations.first_row, rows, "right") - 1
    return bool((machine.output_kind[machine.populations.first_output[population]] == GRADED).any())


def _is_late(case: Case, result: SampleResult) -> bool:
    """Return whether some packet took longer than the farthest way without contention."""
    packets = result.packets
    if packets is None or not len(packets.step):
        return False
    flits = int(case.machine.packets.flits.max())
    farthest = max(zero_load_ps(case.machine, source, target, flits) for source in range(len(case.machine.cores.tile))
                   for target in range(len(case.machine.cores.tile)))
    return bool((packets.arrival_ps - packets.inject_ps > farthest).any())


def test_engines_agree() -> None:
    seen: Counter[str] = Counter()

    @settings(unhurried, max_examples=N_CASES)
    @given(cases())
    def agree(case: Case) -> None:
        assume(is_tame(case))
        compiled, expected = both(case, "event")
        assert differences(compiled, expected) == []
        for result in compiled:
            check_laws(case.machine, result)
        for detail in ("analytic", "functional"):
            assert differences(*both(case, detail)) == []
        seen.update(["cases", *features(case, compiled)])

    agree()
    assert seen["cases"] >= 300
    rare = {name: seen[name] for name in
            ("packets", "finite buffers", "one slot", "finite core input", "multicast", "local delivery",
             "overlapped", "serial", "torus", "yx", "graded packets", "many flits", "1 ps hops", "long delay", "loop",
             "two outputs", "deep queue", "late packets", "rests", "reads out at rest", "rests in a loop", "emptied",
             "interval", "float32", "clock", "late steps", "waits for the tick", "many chips", "packets between chips",
             "flits between chips") if seen[name] < 3}
    assert not rare, "the random cases do not exercise this"


def test_engines_agree_where_half_of_the_steps_are_late() -> None:
    """The clock of each case is the median of what its steps take without one."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        case = fixed_case(seed)
        machine = replace(case.machine, tick_ps=0)
        work_ps = np.concatenate([result.loads.work_ps for result in results(machine, case.inputs)])
        machine = replace(machine, tick_ps=max(1, int(np.median(work_ps))))
        for detail in ("event", "analytic"):
            compiled, expected = (results(machine, case.inputs, engine=engine, detail=detail)
                                  for engine in ("compiled", "reference"))
            assert differences(compiled, expected) == [], seed
        seen.update(name for name, test in (("late", _n_late), ("waits", _waits), ("catches up", _catches_up))
                    if any(test(machine, result) for result in expected))
    assert min(seen[name] for name in ("late", "waits", "catches up")) >= 10


@pytest.mark.parametrize("detail", ["event", "analytic"])
def test_links_are_told_by_block_where_there_are_many(detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip with many more links than cores: both engines put as many steps together, and lose no picosecond."""
    by_step = [results(fixed_case(seed).machine, fixed_case(seed).inputs, detail=detail) for seed in range(12)]
    monkeypatch.setattr(link_blocks, "FEWEST_VALUES", 16)
    monkeypatch.setattr(link_blocks, "VALUES_PER_CORE", 1)
    sizes = set()
    for seed, fine in enumerate(by_step):
        case = fixed_case(seed)
        compiled, expected = (results(case.machine, case.inputs, engine=engine, detail=detail)
                              for engine in ("compiled", "reference"))
        assert differences(compiled, expected) == [], seed
        for result, single in zip(compiled, fine, strict=True):
            sizes.add(result.link_loads.block_steps)
            if detail == "event":
                check_laws(case.machine, result)
            assert single.link_loads.block_steps == 1
            assert result.link_loads.busy_ps.sum() == single.link_loads.busy_ps.sum()
    assert max(sizes) > 1


def test_links_are_told_on_demand() -> None:
    case = fixed_case(0)
    for engine in ("compiled", "reference"):
        found = results(case.machine, case.inputs, engine=engine, record_links=False)
        assert all(result.link_loads is None for result in found)
        found = results(case.machine, case.inputs, engine=engine, detail="functional")
        assert all(result.link_loads is None for result in found)


@settings(unhurried, max_examples=60)
@given(cases(), st.data())
def test_function_depends_on_network_and_input_alone(case: Case, data: st.DataObject) -> None:
    assume(is_tame(case))
    expected = [function_of(case.machine, result)
                for result in results(case.machine, case.inputs, numbers=case.numbers, readout_tokens=True)]

    def choose(options):
        return data.draw(st.sampled_from(options))

    machine = machine_of(case.network, make_chip(build_chip(choose)), build_mapping(choose, case.network))
    for engine, detail in (("compiled", choose(DETAILS)), ("reference", choose(("functional", "analytic")))):
        found = results(machine, case.inputs, engine=engine, detail=detail, numbers=case.numbers, readout_tokens=True)
        assert [function_of(machine, result) for result in found] == expected


@settings(unhurried, max_examples=60)
@given(cases())
def test_counts_are_the_same_at_every_detail(case: Case) -> None:
    assume(is_tame(case))
    event, analytic, functional = (results(case.machine, case.inputs, detail=detail) for detail in
                                   ("event", "analytic", "functional"))
    for fine, bound, coarse in zip(event, analytic, functional, strict=True):
        for name in ("core_counts", "chip_counts", "readout"):
            assert np.array_equal(getattr(fine, name), getattr(coarse, name)), name
            assert np.array_equal(getattr(fine, name), getattr(bound, name)), name
        for name in ("soma_ps", "synapse_ps", "link_packets", "link_busy_ps"):
            assert np.array_equal(getattr(fine, name), getattr(bound, name)), name
        assert (bound.step_end_ps <= fine.step_end_ps).all()
        if not case.machine.tick_ps:        # behind a late step, the next one has less than a tick
            assert (np.diff(bound.step_end_ps, prepend=0) <= np.diff(fine.step_end_ps, prepend=0)).all()


@settings(unhurried, max_examples=40)
@given(cases())
def test_a_run_repeats_itself(case: Case) -> None:
    assume(is_tame(case))
    first = results(case.machine, case.inputs)
    assert differences(first, results(case.machine, case.inputs)) == []
    doubled = results(case.machine, np.concatenate([case.inputs, case.inputs]))
    assert differences([result.packets for result in doubled], [result.packets for result in [*first, *first]]) == []


# -- mutations: a wrong order of ties has to show ------------------------------------------------------------------

CONTENDED = tuple(range(70))      # a handful of these have ties of every kind


def test_fixed_cases_agree() -> None:
    for seed in CONTENDED:
        assert differences(*both(fixed_case(seed), "event")) == [], seed


def test_wrong_tie_break_in_the_reference_engine_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_highest_packet(link: reference_network.Link) -> None:
        for index, (since, number, *rest) in enumerate(link.requests):
            link.requests[index] = (since, -number, *rest)
        original(link)
        for index, (since, number, *rest) in enumerate(link.requests):
            link.requests[index] = (since, -number, *rest)

    original = reference_network.Link._start_next
    monkeypatch.setattr(reference_network.Link, "_start_next", start_highest_packet)
    assert any(differences(*both(fixed_case(seed), "event")) for seed in CONTENDED)


def test_wrong_order_in_a_fifo_of_the_reference_engine_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_come_first(port: reference_network.InputPort, flight: reference_network.Flight) -> None:
        if port.fifo and len(port.fifo) > 1:
            port.fifo.insert(1, flight)
            port.peak = max(port.peak, len(port.fifo))
        else:
            original(port, flight)

    original = reference_network.InputPort.put
    monkeypatch.setattr(reference_network.InputPort, "put", last_come_first)
    assert any(differences(*both(fixed_case(seed), "event")) for seed in CONTENDED)


@pytest.mark.parametrize("mutant", ["none", "none of words", "winner", "winner of words", "group", "serve", "credit",
                                    "credit of words"])
def test_wrong_tie_break_in_the_compiled_engine_shows(mutant: str) -> None:
    """The compiled engine as plain Python with one rule turned round, in a process of its own."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tests.engine.run_mutant", mutant, *map(str, CONTENDED)], cwd=root,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    differing = done.stdout.split()
    assert (differing == []) == mutant.startswith("none")
