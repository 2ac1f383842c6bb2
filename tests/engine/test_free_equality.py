"""Free-running chips: both engines, the same machine, input, times and jitter: the same results to the picosecond."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from neurosim.engine import free_reference, reference_network
from neurosim.engine.free_function import FreeFunction
from neurosim.errors import SimulationError
from neurosim.events import CORE_EVENT_INDEX
from neurosim.machine import CONVOLUTION, TICKED, UNLIMITED
from neurosim.traces.schema import SampleResult
from tests.engine.free_cases import FreeCase, fixed_free_case, free_cases
from tests.engine.results import check_links, differences, results

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")     # of random bits, in uncompiled kernels
N_CASES = 300
unhurried = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


def run_case(case: FreeCase, engine: str, **options: Any) -> list[SampleResult] | str:
    """Return the results, or the message with which the run was given up."""
    try:
        return results(case.machine, case.inputs, times_ps=case.times_ps, engine=engine, **{**case.options, **options})
    except SimulationError as error:
        return str(error)


def features(case: FreeCase, found: list[SampleResult] | str) -> set[str]:
    """Return which of the engines' abilities a case has exercised, so that none is missed by all."""
    if isinstance(found, str):
        return {"runaway"}
    machine, noc, free = case.machine, case.machine.noc, case.machine.free
    counts = sum(result.core_counts.sum(axis=(0, 1)) for result in found)
    travelled = any(len(result.packets.step) for result in found if result.packets is not None)
    has = {
        "packets": travelled, "finite buffers": noc.buffer_packets != UNLIMITED and travelled,
        "finite core input": noc.core_in_packets != UNLIMITED and travelled,
        "multicast": bool((machine.trees.link >= 0).any()) and travelled,
        "local delivery": bool(machine.destinations.local.any()) and travelled,
        "ticks": bool((free.advance == TICKED).any()), "stages of ticks": free.tick_stages > 1,
        "advances": counts[CORE_EVENT_INDEX["advance_exp"]] > 0,
        "modes": counts[CORE_EVENT_INDEX["mode_update"]] > 0,
        "spikes": counts[CORE_EVENT_INDEX["spike_out"]] > 0,
        "convolution": bool((machine.projections.kind == CONVOLUTION).any()) and travelled,
        "jitter": case.options["arrival_jitter_ps"] > 0 and travelled, "own times": case.times_ps is not None,
        "loop": bool((machine.projections.source >= machine.projections.target).any()) and travelled,
        "deep queue": any(result.queue_peak.max() > 3 for result in found),
        "float32": case.options["numbers"] == "float32", "read-outs": bool(machine.readouts) and travelled,
        "late tail": any(result.duration_ps > 2 * int(result.step_end_ps[0] + 1) for result in found),
    }
    return {name for name, value in has.items() if value}


def check_laws(case: FreeCase, result: SampleResult) -> None:
    """Assert what holds for every run: nothing is lost, no time runs back, each moment lies in its row."""
    packets, spikes, counts = result.packets, result.spikes, result.core_counts.sum(axis=(0, 1))
    assert packets is not None
    assert (packets.arrival_ps >= packets.inject_ps).all()
    chip = result.chip_counts.sum(axis=0)
    assert len(packets.step) == counts[CORE_EVENT_INDEX["packet_in"]] + chip[6]
    assert len(set(zip(packets.step.tolist(), packets.packet.tolist(), strict=True))) \
        == counts[CORE_EVENT_INDEX["packet_out"]] + chip[5]
    assert chip[7] == 0, "a barrier on a chip without steps"
    starts = np.concatenate([[0], result.step_end_ps[:-1]])
    for step, times in ((spikes.step, spikes.time_ps), (packets.step, packets.inject_ps)):
        assert (times >= starts[step]).all() and (times <= result.step_end_ps[step]).all()
    busy = (result.soma_ps + result.synapse_ps).sum(axis=0)
    assert (busy <= result.duration_ps).all(), "a core busier than always"
    check_links(case.machine, result)


def test_engines_agree() -> None:
    seen: Counter[str] = Counter()

    @settings(unhurried, max_examples=N_CASES)
    @given(free_cases())
    def agree(case: FreeCase) -> None:
        compiled = run_case(case, "compiled")
        assert differences(compiled, run_case(case, "reference")) == []
        for result in compiled if isinstance(compiled, list) else []:
            check_laws(case, result)
        seen.update(["cases", *features(case, compiled)])

    agree()
    assert seen["cases"] - seen["runaway"] >= 200
    rare = {name: seen[name] for name in
            ("packets", "finite buffers", "finite core input", "multicast", "local delivery", "ticks",
             "stages of ticks", "advances", "modes", "spikes", "convolution", "jitter", "own times", "loop",
             "deep queue", "float32", "read-outs", "late tail", "runaway") if seen[name] < 3}
    assert not rare, "the random cases do not exercise this"


FIXED = tuple(range(120))


def test_fixed_cases_agree() -> None:
    for seed in FIXED:
        case = fixed_free_case(seed)
        assert differences(run_case(case, "compiled"), run_case(case, "reference")) == [], seed


def test_workers_and_repeats_give_the_same() -> None:
    case = fixed_free_case(6)
    doubled = np.concatenate([case.inputs, case.inputs])
    options = {**case.options, "arrival_jitter_ps": 0}
    one = results(case.machine, doubled, **options)
    assert differences(one, results(case.machine, doubled, **{**options, "workers": 3})) == []
    half = len(case.inputs)
    assert differences([result.packets for result in one[half:]], [result.packets for result in one[:half]]) == []


# -- mutations: a wrong order of ties has to show ------------------------------------------------------------------


def test_wrong_order_of_jobs_in_the_reference_engine_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of one arrival in falling order of packet ids."""
    class Turned(free_reference.Job):
        def __lt__(self, other: Any) -> bool:
            if self[:2] == other[:2] and self.rank == free_reference.PACKET:
                return bool(self[2] > other[2])
            return tuple.__lt__(self, other)

    monkeypatch.setattr(free_reference, "Job", Turned)
    assert any(differences(run_case(fixed_free_case(seed), "compiled"), run_case(fixed_free_case(seed), "reference"))
               for seed in FIXED)


def test_wrong_tie_break_of_links_in_the_reference_engine_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_last_place(link: reference_network.Link) -> None:
        turned = [(since, (number[0], -number[1], number[2]), *rest) for since, number, *rest in link.requests]
        link.requests[:] = turned
        original(link)
        link.requests[:] = [(since, free_reference.PacketKey(number[0], -number[1], number[2]), *rest)
                            for since, number, *rest in link.requests]

    original = reference_network.Link._start_next
    monkeypatch.setattr(reference_network.Link, "_start_next", start_last_place)
    assert any(differences(run_case(fixed_free_case(seed), "compiled"), run_case(fixed_free_case(seed), "reference"))
               for seed in FIXED)


def test_advance_to_another_moment_in_the_reference_engine_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_odd_moments(function: FreeFunction, index: int, neurons: np.ndarray, now_ps: int | None) -> Any:
        return original(function, index, neurons, None if now_ps is None else now_ps | 1)

    original = FreeFunction.update_slice
    monkeypatch.setattr(FreeFunction, "update_slice", at_odd_moments)
    assert any(differences(run_case(fixed_free_case(seed), "compiled"), run_case(fixed_free_case(seed), "reference"))
               for seed in FIXED)


@pytest.mark.parametrize("mutant", ["none", "jobs", "links", "clock", "order", "ordinal"])
def test_wrong_rule_in_the_compiled_engine_shows(mutant: str) -> None:
    """The compiled engine as plain Python with one rule turned round, in a process of its own."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-m", "tests.engine.run_free_mutant", mutant, str(len(FIXED))], cwd=root,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout.split() == []) == (mutant == "none")
