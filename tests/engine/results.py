"""What tests of the engines ask of results: equality, the function computed, and laws that hold for every run."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from neurosim.engine import RunOptions, run
from neurosim.events import CHIP_EVENT_INDEX
from neurosim.machine import Machine
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.schema import SampleResult


def results(machine: Machine, inputs: Any, *, times_ps: Any = None, **options: Any) -> list[SampleResult]:
    """Run on one thread unless told otherwise; graded values and, at detail `event`, packets are recorded."""
    recorder = MemoryRecorder()
    is_event = options.get("detail", "event") == "event"
    chosen = {"workers": 1, "record_graded": True, "record_packets": is_event, **options}
    run(machine, inputs, RunOptions(**chosen), recorder, times_ps=times_ps)
    return recorder.results


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Return the paths of all fields in which two results differ; types and NaN count too."""
    if is_dataclass(left) and type(left) is type(right):
        return [found for item in fields(left)
                for found in differences(getattr(left, item.name), getattr(right, item.name), f"{path}.{item.name}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [found for index, pair in enumerate(zip(left, right, strict=True))
                for found in differences(*pair, f"{path}[{index}]")]
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        same = left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        return [] if same else [path]
    return [] if type(left) is type(right) and left == right else [path]


def function_of(machine: Machine, result: SampleResult) -> tuple[Any, ...]:
    """Return what the network computed, without any trace of schedule, chip or placement."""
    spikes = result.spikes
    population = machine.output_population[spikes.output]
    token, rest = np.divmod(spikes.step - machine.populations.stage[population], machine.schedule.interval)
    assert not rest.any(), "an output outside its population's time step"
    columns = (token, spikes.output, spikes.neuron, spikes.value)
    events = sorted(zip(*(column.tolist() for column in columns), strict=True))
    tokens = None if result.readout_tokens is None else result.readout_tokens.tolist()
    return events, result.readout.tolist(), tokens


def zero_load_ps(machine: Machine, source: int, target: int, flits: int) -> int:
    """Return the latency of DESIGN 6 between two cores without contention, from coordinates alone."""
    noc = machine.noc
    tiles = [int(machine.cores.tile[core]) for core in (source, target)]
    (x, y), (to_x, to_y) = ((tile % noc.columns, tile // noc.columns) for tile in tiles)
    wraps = int(noc.link_target[4 * 0 + 1]) >= 0 or int(noc.link_target[4 * 0 + 2]) >= 0    # west or north of tile 0
    along_x = min(abs(x - to_x), noc.columns - abs(x - to_x)) if wraps else abs(x - to_x)
    along_y = min(abs(y - to_y), noc.rows - abs(y - to_y)) if wraps else abs(y - to_y)
    across_x = abs(x // noc.chip_columns - to_x // noc.chip_columns)
    across_y = abs(y // noc.chip_rows - to_y // noc.chip_rows)
    east_west, north_south, chip, eject = noc.hop_ps.tolist()
    hops_ps = (along_x - across_x) * east_west + (along_y - across_y) * north_south
    across_ps = (across_x + across_y) * (chip + (flits - 1) * int(noc.cycle_ps[2]))
    return hops_ps + across_ps + eject + (flits - 1) * int(noc.cycle_ps[3])


def check_laws(machine: Machine, result: SampleResult) -> None:
    """Assert what holds for every run at detail `event` whose packets were recorded."""
    _check_time(machine, result)
    _check_packets(machine, result)
    check_links(machine, result)
    _check_steps(machine, result)
    _check_link_loads(machine, result)


def _check_time(machine: Machine, result: SampleResult) -> None:
    step_start = np.concatenate([[0], result.step_end_ps[:-1]])
    assert (result.step_end_ps >= step_start + machine.barrier_ps).all(), "time runs back"
    spikes, packets = result.spikes, result.packets
    assert packets is not None
    last_moment = last_moments(machine, result)
    for step, times in ((spikes.step, spikes.time_ps), (packets.step, packets.inject_ps),
                        (packets.step, packets.arrival_ps)):
        assert (times >= step_start[step]).all() and (times <= last_moment[step]).all(), "an event outside its step"
    assert (result.soma_ps <= (last_moment - step_start)[:, None]).all()
    serial = machine.cores.overlapped == 0
    work = np.where(serial, result.soma_ps + result.synapse_ps, np.maximum(result.soma_ps, result.synapse_ps))
    assert (work <= (last_moment - step_start)[:, None]).all(), "a step ends before its cores"


def _check_packets(machine: Machine, result: SampleResult) -> None:
    """Every packet arrives at each of its destinations exactly once, and no sooner than without contention."""
    packets, table, destinations = result.packets, machine.packets, machine.destinations
    assert packets is not None
    row_core = _row_cores(machine)
    seen = 0
    for step in range(result.n_steps):
        here = np.flatnonzero(packets.step == step)
        numbers = packets.packet[here]
        assert np.array_equal(np.unique(numbers), np.arange(len(np.unique(numbers)))), "packet ids have gaps"
        _, firsts = np.unique(numbers, return_index=True)
        rows = packets.source_row[here[firsts]]
        # The packets of a row are numbered one after the other, in the order of its table.
        sent = np.concatenate([np.zeros(0, np.int64)] + [
            np.arange(table.row_start[row], table.row_start[row + 1]) for row in _once_per_firing(rows, table)])
        expected = [int(core) for packet in sent for core in
                    destinations.core[table.destination_start[packet]:table.destination_start[packet + 1]]]
        assert packets.core[here].tolist() == expected, "a destination is missing or doubled"
        flits = np.repeat(table.flits[sent], np.diff(table.destination_start)[sent])
        local = np.concatenate([np.zeros(0, np.int8)] + [
            destinations.local[table.destination_start[p]:table.destination_start[p + 1]] for p in sent])
        for index, n_flits, is_local in zip(here.tolist(), flits.tolist(), local.tolist(), strict=True):
            latency = int(packets.arrival_ps[index] - packets.inject_ps[index])
            source, target = int(row_core[packets.source_row[index]]), int(packets.core[index])
            if is_local:
                assert latency == 0 and source == target
            else:
                assert latency >= zero_load_ps(machine, source, target, n_flits)
        seen += len(here)
    assert seen == len(packets.step)


def _once_per_firing(rows: np.ndarray, table: Any) -> list[int]:
    """Return the rows that fired, in order; a row with n packets appears n times in a run in `rows`."""
    fired, index = [], 0
    while index < len(rows):
        row = int(rows[index])
        n_packets = int(table.row_start[row + 1] - table.row_start[row])
        assert (rows[index:index + n_packets] == row).all() and len(rows) >= index + n_packets
        fired.append(row)
        index += n_packets
    return fired


def _row_cores(machine: Machine) -> np.ndarray:
    """Return the core that sends each output row."""
    populations, slices = machine.populations, machine.slices
    core = np.zeros(len(machine.packets.row_start) - 1, np.int64)
    for index in range(len(slices.population)):
        population = slices.population[index]
        first, n_outputs = populations.first_row[population], populations.n_outputs[population]
        core[first + slices.start[index] * n_outputs:first + slices.stop[index] * n_outputs] = slices.core[index]
    return core


def check_links(machine: Machine, result: SampleResult) -> None:
    """Assert that counts of hops, of packets over links, and of busy time tell the same story."""
    assert result.packets is not None
    n_between = 4 * machine.noc.n_tiles
    counts = {name: int(result.chip_counts[:, index].sum()) for name, index in CHIP_EVENT_INDEX.items()}
    between, ejected = result.link_packets[:n_between], result.link_packets[n_between:]
    crosses = np.array([_leaves_chip(machine, link) for link in range(n_between)], bool)
    along_row = np.arange(n_between) % 4 < 2
    packets = [int(between[kind].sum()) for kind in (~crosses & along_row, ~crosses & ~along_row, crosses)]
    assert packets == [counts["hop_ew"], counts["hop_ns"], counts["chip_hop"]]
    assert int(ejected.sum()) == counts["tile_local"]
    busy = [int(result.link_busy_ps[:n_between][kind].sum()) for kind in (~crosses, crosses)]
    cycle, _, chip_cycle, _ = machine.noc.cycle_ps.tolist()
    assert busy == [(counts["flit_hop_ew"] + counts["flit_hop_ns"]) * cycle, counts["flit_chip_hop"] * chip_cycle]
    n_barriers = result.n_steps if machine.free is None else 0
    at_work = int((last_moments(machine, result) - _step_start(result)).sum())
    assert (result.link_busy_ps <= at_work).all(), "a link busier than always"
    assert counts["barrier"] == n_barriers


def _leaves_chip(machine: Machine, link: int) -> bool:
    """Return whether a link between routers leads to another chip, from coordinates alone."""
    noc = machine.noc
    y, x = divmod(link // 4, noc.columns)
    to_x, to_y = (x + (1, -1, 0, 0)[link % 4]), y + (0, 0, -1, 1)[link % 4]
    chips = [(a // noc.chip_columns, b // noc.chip_rows) for a, b in ((x, y), (to_x, to_y))]
    return chips[0] != chips[1] and 0 <= to_x < noc.columns and 0 <= to_y < noc.rows


def _check_steps(machine: Machine, result: SampleResult) -> None:
    """The work of a step fills it, or a clock does; the busiest link is within it."""
    loads = result.loads
    assert loads is not None
    duration = np.diff(result.step_end_ps, prepend=0)
    if machine.tick_ps:
        due = machine.tick_ps * np.arange(1, result.n_steps + 1)
        assert np.array_equal(result.step_end_ps, np.maximum(_step_start(result) + loads.work_ps, due))
        assert (_step_start(result) >= due - machine.tick_ps).all(), "a step before its tick"
    else:
        assert np.array_equal(loads.work_ps, duration)
    assert (loads.link_ps <= loads.work_ps - machine.barrier_ps).all()
    assert ((loads.link >= 0) == (loads.link_ps > 0)).all()
    assert loads.link_ps.max() <= result.link_busy_ps.max() <= loads.link_ps.sum()
    for link in np.unique(loads.link[loads.link >= 0]):
        assert loads.link_ps[loads.link == link].sum() <= result.link_busy_ps[link]


def _check_link_loads(machine: Machine, result: SampleResult) -> None:
    """Links by block of steps add up to the run, each block to the flits that hopped in it; none beats the busiest."""
    found = result.link_loads
    assert found is not None and result.loads is not None
    n_links, steps = len(result.link_busy_ps), found.block_steps
    busy = np.zeros((-(-result.n_steps // steps), n_links), np.int64)
    assert len(found.start) == len(busy) + 1 and (found.busy_ps > 0).all()
    for block, (start, stop) in enumerate(zip(found.start[:-1], found.start[1:], strict=True)):
        assert (np.diff(found.link[start:stop]) > 0).all()
        busy[block, found.link[start:stop]] = found.busy_ps[start:stop]
    assert np.array_equal(busy.sum(axis=0), result.link_busy_ps)
    starts = np.arange(0, result.n_steps, steps)
    flits = {name: np.add.reduceat(result.chip_counts[:, CHIP_EVENT_INDEX[name]], starts)
             for name in ("flit_hop_ew", "flit_hop_ns", "flit_chip_hop")}
    crosses = np.array([_leaves_chip(machine, link) for link in range(4 * machine.noc.n_tiles)], bool)
    cycle, _, chip_cycle, _ = machine.noc.cycle_ps.tolist()
    between = busy[:, :4 * machine.noc.n_tiles]
    assert np.array_equal(between[:, ~crosses].sum(axis=1), (flits["flit_hop_ew"] + flits["flit_hop_ns"]) * cycle)
    assert np.array_equal(between[:, crosses].sum(axis=1), flits["flit_chip_hop"] * chip_cycle)
    if steps == 1:
        assert np.array_equal(busy.max(axis=1), result.loads.link_ps)
        assert (busy.argmax(axis=1)[result.loads.link >= 0] == result.loads.link[result.loads.link >= 0]).all()


def last_moments(machine: Machine, result: SampleResult) -> np.ndarray:
    """Return when the work of each step is done but for the barrier."""
    if machine.free is not None:
        return result.step_end_ps
    assert result.loads is not None
    return _step_start(result) + result.loads.work_ps - machine.barrier_ps


def _step_start(result: SampleResult) -> np.ndarray:
    return np.concatenate([[0], result.step_end_ps[:-1]])
