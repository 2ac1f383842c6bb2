"""Timing diagrams of chips side by side, and of chips whose time steps a clock begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.errors import SimulationError
from neurosim.events import CHIP_EVENT_INDEX
from tests.engine.cases import figure
from tests.engine.diagrams import Send, diagram, seen
from tests.engine.results import check_laws, results

both_engines = pytest.mark.parametrize("engine", ["reference", "compiled"])
every_detail = pytest.mark.parametrize("detail", ["event", "analytic", "functional"])


def grid(columns: int, rows: int, **changes: Any) -> dict[str, Any]:
    """Return chips side by side: 10 + 100 ps over a link between two of them, 20 ps a flit."""
    return {"columns": columns, "rows": rows, "link_latency_ns": figure(0.1), "link_cycle_ns": figure(0.02),
            "hop_pj": figure(50), "flit_hop_pj": figure(5), "barrier": [], **changes}


def counts(result: Any, step: int = 1) -> dict[str, int]:
    return dict(zip(CHIP_EVENT_INDEX, result.chip_counts[step].tolist(), strict=True))


# -- chips ---------------------------------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize("buffer_packets", [1, 4, "unlimited"])
@pytest.mark.parametrize("flits", [1, 5])
def test_a_packet_from_chip_to_chip(engine: str, buffer_packets: int | str, flits: int) -> None:
    """Tiles 0, 1 | 2, 3: 30 to router 1, 110 and the flits behind the first to router 2, 30 to router 3, ejection."""
    machine = diagram(2, 1, [Send(0, 100, (3,), flits)], buffer_packets=buffer_packets, grid=grid(2, 1))
    found = seen(machine, engine)
    assert found.arrival == [100 + 30 + 110 + (flits - 1) * 20 + 30 + 15 + (flits - 1) * 4]
    booked = counts(found.result)
    assert (booked["hop_ew"], booked["flit_hop_ew"], booked["hop_ns"]) == (2, 2 * flits, 0)
    assert (booked["chip_hop"], booked["flit_chip_hop"], booked["tile_local"]) == (1, flits, 1)
    assert found.result.link_busy_ps[:16:4].tolist() == [4 * flits, 20 * flits, 4 * flits, 0]


@both_engines
@pytest.mark.parametrize("routing", ["xy", "yx"])
def test_routes_stay_within_the_chips(engine: str, routing: str) -> None:
    """2 x 2 chips of 2 x 2 tiles, rows of 4: from tile 0 to tile 15, three hops east and three south."""
    found = seen(diagram(2, 2, [Send(0, 100, (15,))], routing=routing, grid=grid(2, 2)), engine)
    links = {"xy": [(0, 0), (1, 0), (2, 0), (3, 3), (7, 3), (11, 3)],
             "yx": [(0, 3), (4, 3), (8, 3), (12, 0), (13, 0), (14, 0)]}[routing]
    used = {link for link in np.flatnonzero(found.result.link_packets[:64]).tolist()}
    assert used - {4 * tile + way for tile, way in links} == set()
    assert found.arrival == [100 + 2 * (30 + 110 + 0) + 2 * 50 + 15]
    assert {name: count for name, count in counts(found.result).items() if "hop" in name} == {
        "hop_ew": 2, "hop_ns": 2, "flit_hop_ew": 2, "flit_hop_ns": 2, "chip_hop": 2, "flit_chip_hop": 2}


@both_engines
@pytest.mark.parametrize("buffer_packets", [2, "unlimited"])
def test_a_slow_link_holds_what_follows(engine: str, buffer_packets: int | str) -> None:
    """Two packets of 3 flits from tile 0: at router 1 at 130 and 142; the link between the chips is free at 190."""
    sends = [Send(0, 100, (2, 3), 3)]
    found = seen(diagram(2, 1, sends, buffer_packets=buffer_packets, grid=grid(2, 1)), engine)
    assert found.arrival == [130 + 110 + 40 + 15 + 8, 190 + 110 + 40 + 30 + 15 + 8]


@both_engines
def test_a_fifo_is_read_at_the_pace_of_the_slow_link(engine: str) -> None:
    """Packet 0 (3 flits) goes on from router 1 at 130, for 60 ps; packet 1 stands behind it, though for router 1."""
    sends = [Send(0, 100, (1, 2), 3)]
    machine = diagram(2, 1, [Send(0, 100, (2,), 3), Send(0, 100, (1,), 3)], buffer_packets=2, grid=grid(2, 1))
    assert seen(machine, engine).arrival == [130 + 110 + 40 + 15 + 8, 190 + 15 + 8]
    assert seen(diagram(2, 1, sends, buffer_packets=2, grid=grid(2, 1)), engine).arrival[0] == 130 + 15 + 8


@both_engines
def test_a_link_between_chips_is_no_faster_than_what_feeds_it(engine: str) -> None:
    fast = grid(2, 1, link_cycle_ns=figure(0.001))
    assert seen(diagram(2, 1, [Send(1, 100, (2,), 5)], grid=fast), engine).arrival == [100 + 110 + 4 * 4 + 15 + 16]


@both_engines
def test_multicast_branches_on_the_other_chip(engine: str) -> None:
    """One packet crosses; behind it, at 230, it branches east (at once) and into tile 2."""
    machine = diagram(2, 1, [Send(1, 100, (2, 3))], multicast="tree", buffer_packets="unlimited", grid=grid(2, 1))
    found = seen(machine, engine)
    assert found.arrival == [210 + 15, 210 + 30 + 15]
    booked = counts(found.result)
    assert (booked["chip_hop"], booked["hop_ew"], booked["tile_local"]) == (1, 1, 2)


@both_engines
@pytest.mark.parametrize(("chips", "barrier", "latency_ps"), [
    ((1, 1), [], 1000), ((2, 1), [], 1000), ((2, 1), [(2, 5.0), (4, 9.0)], 5000), ((3, 1), [(2, 5.0), (4, 9.0)], 7000),
    ((4, 2), [(2, 5.0), (4, 9.0)], 9000),
])
def test_the_barrier_of_several_chips(engine: str, chips: tuple[int, int], barrier: list[Any], latency_ps: int) -> None:
    """By the number of chips; where the grid has no figures, and on one chip, by the chip's own."""
    entries = [{"chips": number, "latency_ns": figure(latency)} for number, latency in barrier]
    machine = diagram(2, 1, [Send(0, 100, (1,))], grid=grid(*chips, barrier=entries))
    assert machine.barrier_ps == latency_ps
    assert int(np.diff(seen(machine, engine).result.step_end_ps)[0]) == 145 + latency_ps


@both_engines
def test_ports_are_those_of_the_first_chip(engine: str) -> None:
    """Tile 3 of a chip of 2 x 2 is tile 5 of a mesh four tiles wide; from tile 1, one hop south."""
    machine = diagram(2, 2, [Send(1, 100, (0,))], grid=grid(2, 1), **{"output_port.tile": 3, "input_port.tile": 1})
    assert machine.cores.tile[-2:].tolist() == [1, 5]
    assert seen(machine, engine).result.chip_counts[0, CHIP_EVENT_INDEX["input_packet"]] == 1


# -- ticks ---------------------------------------------------------------------------------------------------------


def clocked(period_ns: float, overrun: str = "late", **chip: Any) -> Any:
    """Return a machine whose step 1 works for 145 ps, whose step 0 for 15 ps, and whose later ones for none."""
    return diagram(2, 1, [Send(0, 100, (1,))], sync="tick", barrier=[],
                   tick={"period_ns": figure(period_ns), "overrun": overrun}, **chip)


def run(machine: Any, engine: str, n_tokens: int = 4, **options: Any) -> Any:
    inputs = np.zeros((1, n_tokens, 1))
    inputs[0, 0] = 1
    [result] = results(machine, inputs, engine=engine, **options)
    return result


@both_engines
def test_steps_begin_with_the_tick(engine: str) -> None:
    result = run(clocked(1.0), engine)
    assert result.step_end_ps.tolist() == [1000 * (step + 1) for step in range(6)]
    assert result.loads.work_ps.tolist() == [15, 145, 0, 0, 0, 0]
    assert result.packets.inject_ps.tolist() == [0, 1100]
    assert result.packets.arrival_ps.tolist() == [15, 1145]
    assert result.chip_counts[:, CHIP_EVENT_INDEX["barrier"]].tolist() == [1] * 6


@both_engines
def test_after_a_late_step_the_clock_has_gone_on(engine: str) -> None:
    """Step 1 begins at 100 and is done at 245, past the tick at 200; step 2 begins then, step 3 at 300 again."""
    machine = clocked(0.1)
    result = run(machine, engine)
    assert result.step_end_ps.tolist() == [100, 245, 300, 400, 500, 600]
    check_laws(machine, result)


@both_engines
def test_late_steps_follow_each_other_until_the_clock_is_caught(engine: str) -> None:
    """Ticks every 60: step 1 is done at 205, past those at 120 and 180; steps 2 begins at once, 3 at once, 4 at 240."""
    assert run(clocked(0.06), engine).step_end_ps.tolist() == [60, 205, 205, 240, 300, 360]


@both_engines
def test_a_step_done_with_the_tick_is_not_late(engine: str) -> None:
    exact = clocked(0.145, "error")
    assert run(exact, engine).step_end_ps.tolist() == [145 * (step + 1) for step in range(6)]


@both_engines
@pytest.mark.parametrize("detail", ["event", "analytic"])
def test_an_overrun_may_be_an_error(engine: str, detail: str) -> None:
    message = (r"sample 0, step 1: the work took 0.1\d* ns, and a tick comes every 0.09 ns\n"
               r"  mend: raise tick.period_ns, .* tick.overrun: late")
    with pytest.raises(SimulationError, match=message):
        run(clocked(0.09, "error"), engine, detail=detail)
    assert run(clocked(0.09), engine, detail=detail).n_steps == 6


@both_engines
def test_without_simulated_time_a_step_lasts_a_period(engine: str) -> None:
    result = run(clocked(0.09, "error"), engine, detail="functional")
    assert result.step_end_ps.tolist() == [90 * (step + 1) for step in range(6)]
    assert result.loads is None


@both_engines
def test_loads_of_steps(engine: str) -> None:
    """Step 1: five flits of 20 ps on the link between the chips, and of 4 ps on the others."""
    result = run(diagram(2, 1, [Send(0, 100, (3,), 5)], grid=grid(2, 1)), engine)
    assert result.loads.link_ps.tolist() == [4, 100, 0, 0, 0, 0]
    assert result.loads.link.tolist() == [16, 4 * 1 + 0, -1, -1, -1, -1]
    assert result.loads.work_ps.tolist() == np.diff(result.step_end_ps, prepend=0).tolist()
