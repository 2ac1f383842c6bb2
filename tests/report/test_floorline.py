"""The floorline: bounds by hand, against the engines, and what is said about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_models import from_mapping
from neurosim.engine import RunOptions
from neurosim.engine.run import header, run
from neurosim.errors import OptionError
from neurosim.machine import Machine
from neurosim.report import floorline_of, floorline_png, floorline_text, summarise, to_text
from neurosim.report.bounds import KINDS, Work, bounds_of, core_groups, step_bounds
from neurosim.traces import Trace, TraceWriter
from tests.engine.cases import Case, figure, fixed_case, make_chip
from tests.engine.diagrams import Send, diagram
from tests.engine.test_chips_and_ticks import grid
from tests.traces.synthetic import make_header, make_result


def traced(tmp_path: Path, machine: Machine, inputs: np.ndarray, **options: Any) -> Trace:
    """Run and open the trace."""
    chosen = RunOptions(workers=1, **options)
    with TraceWriter(tmp_path / "run.h5", header(machine, chosen, len(inputs), {}), force=True) as writer:
        run(machine, inputs, chosen, writer)
    return Trace.open(tmp_path / "run.h5")


def chip_of(machine: Machine) -> Any:
    return from_mapping(json.loads(machine.provenance["chip"]))


# -- by hand -------------------------------------------------------------------------------------------------------

# Two cores of one population, a third of another, and a port; one row per time step.
SOMA = np.array([[50, 40, 10, 0], [10, 10, 10, 0], [10, 10, 10, 0], [0, 0, 0, 90], [0, 0, 0, 0], [5, 0, 0, 0]])
SYNAPSE = np.array([[20, 10, 30, 0], [60, 10, 20, 0], [5, 5, 5, 0], [0, 0, 10, 0], [0, 0, 0, 0], [0, 5, 0, 0]])
LINK = np.array([30, 30, 70, 30, 0, 0])
UNTIL = np.array([0, 0, 0, 0, 0, 100])


def by_hand(overlapped: bool) -> Any:
    work = Work(SOMA, SYNAPSE, LINK, np.array([3, 3, 7, 3, -1, -1]))
    return bounds_of(work, np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2]), overlapped, 8, UNTIL,
                     np.array([100, 100, 100, 100, 8, 100]))


def test_bounds_of_serial_cores() -> None:
    """Phases add: 70 on core 0, 70 on core 0, 15 below the link's 70, 90 at the port, only the barrier, the clock."""
    found = by_hand(overlapped=False)
    assert found.core.tolist() == [70, 70, 15, 90, 0, 5]
    assert found.floor.tolist() == [78, 78, 78, 98, 8, 100]
    assert [KINDS[kind] for kind in found.binding] == ["compute", "synaptic", "traffic", "port", "barrier", "tick"]
    assert found.core_index.tolist()[:2] == [0, 0] and found.link_index.tolist()[2] == 7
    assert found.others.tolist() == [40, 30, 15, 30, 0, 0]      # the other core of the population goes with it
    assert found.without.tolist() == [48, 38, 23, 38, 8, 100]
    assert found.group.tolist()[:2] == [70 + 50, 70 + 20]
    assert found.compute.tolist() == [50, 10, 10, 0, 0, 5] and found.synaptic.tolist() == [30, 60, 5, 10, 0, 5]
    assert found.share[0] == pytest.approx((70 + 50 + 40) / 3 / 70)


def test_bounds_of_overlapped_cores() -> None:
    """The longer phase counts; ports stay serial."""
    found = by_hand(overlapped=True)
    assert found.core.tolist() == [50, 60, 10, 90, 0, 5]
    assert found.floor.tolist() == [58, 68, 78, 98, 8, 100]


# -- against the engines -------------------------------------------------------------------------------------------


def floors(machine: Machine, trace: Trace) -> np.ndarray:
    """The bound of each step from counts and durations of the machine, one step and core at a time."""
    counts, (soma, synapse), loads = trace.core_counts(), trace.core_times(), trace.loads()
    found = []
    for step in range(trace.n_steps):
        longest = int(loads.link_ps[step])
        for core in range(counts.shape[1]):
            phases = int(soma[step, core]), int(synapse[step, core])
            longest = max(longest, max(phases) if machine.cores.overlapped[core] else sum(phases))
        found.append(longest + machine.barrier_ps)
    return np.array(found)


@pytest.mark.parametrize("detail", ["event", "analytic"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_no_step_beats_its_bound(tmp_path: Path, first: int, detail: str) -> None:
    """Random machines, clocks and chips side by side among them; at detail `analytic` a step is its bound."""
    kinds = set()
    for seed in range(first, first + 20):
        case: Case = fixed_case(seed)
        with traced(tmp_path, case.machine, case.inputs, detail=detail) as trace:
            found = step_bounds(trace, chip_of(case.machine))
            loads = trace.loads()
            assert found is not None and loads is not None
            assert (found.floor <= found.time).all(), seed
            expected = floors(case.machine, trace)
            assert (expected <= loads.work_ps).all()
            if detail == "analytic":
                assert np.array_equal(found.floor, found.time) and np.array_equal(expected, loads.work_ps)
            if not case.machine.tick_ps:
                assert np.array_equal(found.floor, expected)
            kinds |= {KINDS[kind] for kind in found.binding}
    assert {"compute", "synaptic", "traffic"} <= kinds or detail == "analytic" or len(kinds) >= 3


def test_a_floor_that_is_too_high_would_show(tmp_path: Path) -> None:
    """The floor of some machine is met to the picosecond, so that one more would be above the time."""
    case = fixed_case(1)
    with traced(tmp_path, case.machine, case.inputs, detail="analytic") as trace:
        found = step_bounds(trace, chip_of(case.machine))
        assert (found.floor + 1 > found.time).any()


# -- what is said --------------------------------------------------------------------------------------------------


def test_a_slow_link_between_chips_is_named(tmp_path: Path) -> None:
    """Twenty flits of 20 ps over the link from tile 1 to tile 2; everything else is shorter."""
    slow = {"barrier.0.latency_ns": 0.01, "barrier.1.latency_ns": 0.01}
    machine = diagram(2, 1, [Send(0, 10, (3,), 20)], grid=grid(2, 1), **slow)
    with traced(tmp_path, machine, np.ones((1, 4, 1))) as trace:
        found = floorline_of(trace, chip_of(machine))
        text = floorline_text(found)
    first = found.bottlenecks[0]
    assert (first.kind, first.name) == ("traffic", "the link from tile 1 east to the next chip")
    assert first.load_s == pytest.approx(400e-12) and first.cores is None
    assert "traffic: the link from tile 1 east to the next chip" in text and "multicast" in text


def test_populations_and_cores_wanted(tmp_path: Path) -> None:
    """The one source takes 300 ps, what else there is 15 + 145: two cores, were it not one neuron."""
    machine = diagram(2, 1, [Send(0, 3000, (1,))], service_ps=200)
    with traced(tmp_path, machine, np.ones((1, 4, 1))) as trace:
        found = floorline_of(trace, chip_of(machine))
    compute = next(each for each in found.bottlenecks if each.kind == "compute")
    assert (compute.name, compute.cores) == ("source", 1)
    assert compute.cores_wanted is None and "spread source over more cores" in compute.mend


def test_groups_are_cores_of_the_same_populations() -> None:
    assert core_groups(make_header(1)).tolist()[:5] == [0, 1, 2, 3, 0]
    assert len(set(core_groups(make_header(1)).tolist())) == 4 + 2


def test_clocks_and_late_steps_are_told(tmp_path: Path) -> None:
    machine = diagram(2, 1, [Send(0, 100, (1,))], sync="tick", barrier=[],
                      tick={"period_ns": figure(0.1), "overrun": "late"})
    inputs = np.zeros((1, 4, 1))
    inputs[0, 0] = 1
    with traced(tmp_path, machine, inputs) as trace:
        summary = summarise(trace)
        assert summary.overruns is not None
        assert (summary.overruns.steps, summary.overruns.of_steps) == (1, 6)
        assert summary.overruns.latest_s == pytest.approx(45e-12)
        assert "a tick every 100 ps; 1 of 6 time steps (16.7 %)" in " ".join(to_text(summary).split())
        plain = summary.to_json()
        assert json.loads(json.dumps(plain)) == plain
        assert plain["floorline"]["bound_by"]["tick"] == 5
        assert plain["overruns"]["steps"] == 1
        assert summary.energy.total_j > 0


def test_without_simulated_time_there_is_none(tmp_path: Path) -> None:
    case = fixed_case(2)
    with traced(tmp_path, case.machine, case.inputs, detail="functional") as trace:
        assert floorline_of(trace, chip_of(case.machine)) is None
        assert summarise(trace).floorline is None
        assert floorline_text(None).startswith("No floorline")
        with pytest.raises(OptionError, match="no floorline at detail 'functional'"):
            floorline_png(trace, tmp_path / "none.png")


def test_a_trace_that_does_not_tell_its_links(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "old.h5", make_header(1)) as writer:
        writer.write(make_result(0))
    with Trace.open(tmp_path / "old.h5") as trace:
        found = summarise(trace).floorline
    assert found is not None and not found.links_recorded and found.load_s["traffic"] == 0
    assert "does not tell the busiest link" in floorline_text(found)


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_pictures_of_all_kinds(tmp_path: Path, seed: int) -> None:
    case = fixed_case(seed)
    with traced(tmp_path, case.machine, case.inputs) as trace:
        path = floorline_png(trace, tmp_path / "floor.png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_chips_are_told(tmp_path: Path) -> None:
    machine = diagram(2, 1, [Send(0, 100, (3,), 5)], grid=grid(2, 1))
    with traced(tmp_path, machine, np.ones((1, 1, 1))) as trace:
        summary = summarise(trace)
    assert (summary.chips_used, summary.cores_per_chip, summary.chip_hops) == (2, (3, 2), 1)
    assert "(5 cores on 2 chips: 3, 2)" in to_text(summary) and "hops between chips" in to_text(summary)
    idle = next(row for row in summary.energy.rows if row.component == "chip_idle")
    power_w = make_chip().power.chip_idle_mw.value * 1e-3
    assert idle.count == 2 and idle.energy_j == pytest.approx(2 * power_w * summary.simulated_s)
    crossing = {row.component: row.energy_j for row in summary.energy.rows if "chip_hop" in row.component}
    assert crossing == {"chip_hop": pytest.approx(50e-12), "flit_chip_hop": pytest.approx(5 * 5e-12)}
