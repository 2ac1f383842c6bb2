"""The latency of a recorded run under other times of its chip's events: the model of detail `analytic`, from counts.

    phase of a core(s) = measured phase x (counts . times(s)) / (counts . nominal times)
    work of a step(s)  = max(busiest core(s), busiest link(s)) + barrier(s) + rest
    rest               = measured work - max(busiest core, busiest link) - barrier, at nominal times

Counts of each step and core are recorded, so nominal times give what was measured. **The rest is kept as measured**:
packets on their way and waiting, cores that wait for packets. So latencies of routers and hops are not drawn. At detail
`analytic` there is no rest, and the model is the engine itself, but for the rounding of times to picoseconds. The link
that was busiest stays the busiest of the links. Where words are read while synaptic operations go on, the longer of
both counts core by core here, and packet by packet in the engine. Where a clock begins the steps, late steps catch up,
as in the engine. At detail `functional` a step takes its nominal time.

What a core does is a sum of times, or the longer of two sums: each sum is a row. The longest row of a step is sought,
so rows that no values within the intervals make longer than the nominally longest one are left out. Of many steps some
are taken, evenly spaced (where there is a clock, the first), and what they say is scaled to the whole run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.core_schema import CoreCosts
from hw_models.figures import Figure
from hw_models.load import barrier_latency_ns
from hw_models.schema import Chip
from neurosim.errors import DataError
from neurosim.events import CORE_EVENT_INDEX
from neurosim.report.bounds import barrier_ps
from neurosim.report.order import FREE_RUNNING
from neurosim.report.timing import sample_latency_ps
from neurosim.traces.schema import Float64Array, Int64Array, RunHeader
from neurosim.traces.trace import Trace
from neurosim.units import ps_to_s

PS_PER_NS = 1000.0
MOST_STEPS = 4000
MOST_ROWS = 20_000
BLOCK_VALUES = 2**21                    # of counts, or of results, at once
SOMA = ("soma_active", "soma_inactive", "program_active", "program_inactive", "mode_update", "spike_out", "packet_out")
ARRIVAL, READ = ("packet_in",), ("synapse_read",)
WORK = ("synapse_dense", "synapse_sparse", "synapse_conv", "dendrite")
NO_FIGURE = Figure(value=0.0, low=0.0, high=0.0, basis="assumed", source="user")


class _Rows(NamedTuple):
    """Sums of times, in order of the steps.

    weight : float64[row, figure + 1] ns for each ns of a figure; last, ns that no figure tells
    step : int64[row] of the steps that are taken
    """

    weight: Float64Array
    step: Int64Array


@dataclass(frozen=True)
class StepTimes:
    """Some steps of a run, ready for other times.

    figures : all that times can rest on, in ns, by name; nothing where the chip has none
    used : names of those that have a part in the times of this run
    kept_share : of the time of the steps, which is kept as measured, 0 to 1
    rows : of cores; link : float64[step, 2] ns for each ns of the cycle of links within chips, and between
    rest : float64[step] ns
    sample_start : int64[sample] where a clock begins the steps: the first of each sample; otherwise None
    s_per_ns : from the time of these steps to the latency of a sample
    is_nominal : whether a step takes its nominal time
    """

    figures: Mapping[str, Figure]
    used: frozenset[str]
    kept_share: float
    rows: _Rows
    link: Float64Array
    rest: Float64Array
    sample_start: Int64Array | None
    s_per_ns: float
    has_barrier: bool
    is_nominal: bool

    def latency_s(self, drawn: Mapping[str, Float64Array]) -> Float64Array:
        """Return the mean latency of a sample, float64[s], for figures drawn s times: name -> float64[s] in ns."""
        values = {name: np.asarray(drawn[name], np.float64) for name in self.figures}
        n_drawn = len(next(iter(values.values())))
        at_once = max(1, BLOCK_VALUES // max(1, len(self.rows.step), len(self.rest)))
        parts = [self._time_ns({name: each[start:start + at_once] for name, each in values.items()})
                 for start in range(0, n_drawn, at_once)]
        latency: Float64Array = np.concatenate(parts) * self.s_per_ns
        return latency

    def _time_ns(self, drawn: Mapping[str, Float64Array]) -> Float64Array:
        """Return how long the steps take together."""
        if self.is_nominal:
            return len(self.rest) * drawn["nominal_step" if self.sample_start is None else "tick"]
        work = np.maximum(self._busiest_core(drawn), self._busiest_link(drawn)) + self.rest[:, None]
        if self.has_barrier:
            work += drawn["barrier"]
        if self.sample_start is None:
            return np.asarray(work.sum(axis=0))
        ends = [_clocked(own, drawn["tick"]) for own in np.split(work, self.sample_start[1:])]
        return np.asarray(np.sum(ends, axis=0))

    def _busiest_core(self, drawn: Mapping[str, Float64Array]) -> Float64Array:
        values = np.stack([*(drawn[name] for name in self.figures), np.ones(len(drawn["barrier"]))])
        first = np.flatnonzero(np.diff(self.rows.step, prepend=-1))
        longest: Float64Array = np.maximum.reduceat(self.rows.weight @ values, first, axis=0)
        return longest

    def _busiest_link(self, drawn: Mapping[str, Float64Array]) -> Float64Array:
        within = drawn["link_cycle"]
        between = np.maximum(within, drawn["chip_link_cycle"])
        return np.outer(self.link[:, 0], within) + np.outer(self.link[:, 1], between)


def _clocked(work: Float64Array, period: Float64Array) -> Float64Array:
    """Return the end of the last step: each begins at its tick, or when the one before is done."""
    end = np.zeros(work.shape[1])
    for step, own in enumerate(work):
        end = np.maximum(end + own, (step + 1) * period)
    return end


def time_figures(chip: Chip, header: RunHeader) -> dict[str, Figure]:
    """Return every figure that the model takes, in ns; the barrier is that among the tiles in use."""
    costs, grid = chip.core.costs, chip.grid
    found = {name: None if costs is None or (cost := getattr(costs, name)) is None else cost.latency_ns
             for name in CoreCosts.model_fields}
    found |= {"input_port": chip.input_port.packet_latency_ns, "output_port": chip.output_port.packet_latency_ns,
              "link_cycle": chip.noc.link_cycle_ns, "chip_link_cycle": None if grid is None else grid.link_cycle_ns,
              "barrier": _barrier(header, chip), "tick": None if chip.tick is None else chip.tick.period_ns,
              "nominal_step": chip.nominal_step_ns}
    return {name: figure or NO_FIGURE for name, figure in found.items()}


def _barrier(header: RunHeader, chip: Chip) -> Figure | None:
    among_chips = chip.grid.barrier if chip.grid is not None and header.n_chips > 1 else []
    entries = [entry.latency_ns for entry in among_chips] or [entry.latency_ns for entry in chip.barrier]
    if not entries:
        return None
    tiles = np.unique(header.core_tile[header.core_is_port == 0])
    value, low, high = barrier_latency_ns(chip, max(1, len(tiles)), header.n_chips)
    return entries[0].model_copy(update={"value": value, "low": min(low, value), "high": max(high, value)})


def step_times(trace: Trace, chip: Chip) -> StepTimes:
    """Return the model of a run that was recorded on `chip`.

    Raises
    ------
    DataError : no time step was taken, or the run was on a free-running chip, whose times do not follow from counts
    """
    header, clock = trace.header, chip.tick is not None
    if header.schedule == FREE_RUNNING:
        raise DataError(f"{trace.path}: the run was on a free-running chip, whose latency does not follow from counts",
                        allowed="runs on chips with time steps", mend="compare in energy: --metric energy")
    if trace.n_steps == 0:
        raise DataError(f"{trace.path}: holds no time steps", mend="compare runs that did something")
    figures, is_nominal = time_figures(chip, header), header.detail == "functional"
    steps, n_columns = _chosen(trace, clock), len(figures) + 1
    rows = _Rows(np.zeros((0, n_columns)), np.zeros(0, np.int64))
    link, rest = np.zeros((len(steps), 2)), np.zeros(len(steps))
    if not is_nominal:
        parts = _parts(trace, steps, n_columns)
        rows = _joined([_rows(trace, chip, figures, steps[part], part.start) for part in parts])
        if len(rows.step) > MOST_ROWS and not clock:
            every = -(-len(rows.step) // MOST_ROWS)
            kept = rows.step % every == 0
            rows, steps = _Rows(rows.weight[kept], rows.step[kept] // every), steps[::every]
        link, rest = _links(trace, chip, figures, rows, steps)
    starts = np.flatnonzero(np.isin(steps, trace.samples.first_step)) if clock else None
    measured_ps = _measured_ps(trace, steps, starts)
    barrier = bool(barrier_ps(header, chip)) and not is_nominal
    return StepTimes(figures, _used(rows, link, figures, barrier, clock, is_nominal),
                     max(0.0, float(rest.sum()) * PS_PER_NS / max(1, measured_ps)), rows, link, rest, starts,
                     nominal_s(trace) * PS_PER_NS / max(1, measured_ps), barrier, is_nominal)


def nominal_s(trace: Trace) -> float:
    """Return the mean latency of a sample as it was measured, in s."""
    return ps_to_s(float(sample_latency_ps(trace).mean()))


def _chosen(trace: Trace, clock: bool) -> Int64Array:
    """Return steps of the run: evenly spaced; where there is a clock, those of the first samples, whole if they fit."""
    if not clock:
        return np.arange(0, trace.n_steps, -(-trace.n_steps // MOST_STEPS))
    ends = np.cumsum(trace.samples.n_steps)
    whole = ends[ends <= MOST_STEPS]
    return np.arange(int(whole[-1]) if len(whole) else min(MOST_STEPS, trace.n_steps))


def _measured_ps(trace: Trace, steps: Int64Array, starts: Int64Array | None) -> int:
    """Return how long the chosen steps took together."""
    if starts is None:
        return int(trace.step_latency_ps[steps].sum())
    last = np.append(starts[1:], len(steps)) - 1
    return int(trace.steps("end_ps")[steps[last]].sum())


def _parts(trace: Trace, steps: Int64Array, n_columns: int) -> Iterator[slice]:
    every = int(steps[1] - steps[0]) if len(steps) > 1 else 1
    at_once = max(1, BLOCK_VALUES // (max(1, trace.n_cores) * n_columns * every))
    for start in range(0, len(steps), at_once):
        yield slice(start, min(start + at_once, len(steps)))


def _joined(parts: list[_Rows]) -> _Rows:
    return _Rows(np.concatenate([part.weight for part in parts]), np.concatenate([part.step for part in parts]))


def _rows(trace: Trace, chip: Chip, figures: Mapping[str, Figure], steps: Int64Array, first: int) -> _Rows:
    """Return the rows of some steps, numbered from `first`, that may be the longest of their step."""
    every = int(steps[1] - steps[0]) if len(steps) > 1 else 1
    block = slice(int(steps[0]), int(steps[-1]) + 1)
    counts = trace.core_counts(block.start, block.stop)[::every].astype(np.float64)
    phases = [phase[::every] / PS_PER_NS for phase in trace.core_times(block.start, block.stop)]
    soma, (shorter, longer) = _phases(trace.header, chip, figures, counts, phases)
    apart = chip.core.pipeline.kind == "overlapped"
    real = (trace.header.core_is_port == 0)[None, :, None]
    options = [np.where(real & apart, synapse, soma + synapse) for synapse in (shorter, longer)]
    if apart:
        options.append(np.where(real, soma, 0.0))
    weight = np.concatenate(options, axis=1)
    step, row = np.nonzero(_may_be_longest(weight, figures))
    return _Rows(weight[step, row], step + first)


def _phases(header: RunHeader, chip: Chip, figures: Mapping[str, Figure], counts: Float64Array,
            phases: list[Float64Array]) -> tuple[Float64Array, tuple[Float64Array, Float64Array]]:
    """Return the soma phase, and the time on arrivals twice: as reading, and as operations, bound it.

    float64[step, core, figure + 1]; both of the latter are the same where words are read one after the other.
    """
    soma, arrival, read, work = (_columns(counts, figures, events) for events in (SOMA, ARRIVAL, READ, WORK))
    for core in np.flatnonzero(header.core_is_port):
        port = list(figures).index("input_port" if header.core_slices[core] else "output_port")
        soma[:, core, port] = arrival[:, core, port] = 1.0
    both = (arrival + read, arrival + work)
    if chip.core.pipeline.row_fetch == "serial":
        both = (arrival + read + work,) * 2
    value = _values(figures, "value")
    told = np.maximum(*(each @ value for each in both))
    return (_scaled(soma, phases[0], soma @ value),
            (_scaled(both[0], phases[1], told), _scaled(both[1], phases[1], told)))


def _scaled(terms: Float64Array, measured: Float64Array, told: Float64Array) -> Float64Array:
    """Return terms that give what was measured where they `told` another time; or it alone where they tell none."""
    ratio = np.divide(measured, told, out=np.where(measured > 0, 0.0, 1.0), where=told > 0)
    scaled = terms * ratio[:, :, None]
    scaled[:, :, -1] = np.where(told > 0, 0.0, measured)
    return scaled


def _columns(counts: Float64Array, figures: Mapping[str, Figure], events: tuple[str, ...]) -> Float64Array:
    found, names = np.zeros((*counts.shape[:2], len(figures) + 1)), list(figures)
    for event in events:
        if CORE_EVENT_INDEX[event] < counts.shape[2]:
            found[:, :, names.index(event)] = counts[:, :, CORE_EVENT_INDEX[event]]
    return found


def _values(figures: Mapping[str, Figure], end: str) -> Float64Array:
    return np.array([*(getattr(figure, end) for figure in figures.values()), 1.0])


def _may_be_longest(weight: Float64Array, figures: Mapping[str, Figure]) -> NDArray[np.bool_]:
    """Return the rows, bool[step, row], that some values within the intervals make longer than the nominally longest.

    The difference of two rows is greatest where each figure is at the end that suits it.
    """
    value, low, high = (_values(figures, end) for end in ("value", "low", "high"))
    longest = (weight @ value).argmax(axis=1)
    more = weight - weight[np.arange(len(weight)), longest][:, None, :]
    found: NDArray[np.bool_] = np.maximum(more, 0) @ high + np.minimum(more, 0) @ low > 0
    found[np.arange(len(weight)), longest] = True
    return found


def _links(trace: Trace, chip: Chip, figures: Mapping[str, Figure], rows: _Rows,
           steps: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Return ns of the busiest link for each ns of its cycle, float64[step, 2], and what is left, float64[step] ns."""
    loads = trace.loads()
    work_ps = trace.step_latency_ps[steps] if loads is None else loads.work_ps[steps]
    link, busy_ns = np.full(len(steps), -1), np.zeros(len(steps))
    if loads is not None:
        link, busy_ns = loads.link[steps], loads.link_ps[steps] / PS_PER_NS
    crosses = _crosses(trace.header)[link]
    cycle = figures["link_cycle"].value
    cycles = np.where(crosses, max(cycle, figures["chip_link_cycle"].value), cycle)
    each = np.divide(busy_ns, cycles, out=np.zeros(len(steps)), where=cycles > 0)
    first = np.flatnonzero(np.diff(rows.step, prepend=-1))
    core_ns = np.maximum.reduceat(rows.weight @ _values(figures, "value"), first)
    rest = work_ps / PS_PER_NS - np.maximum(core_ns, busy_ns) - barrier_ps(trace.header, chip) / PS_PER_NS
    return np.stack([np.where(crosses, 0.0, each), np.where(crosses, each, 0.0)], axis=1), rest


def _crosses(header: RunHeader) -> NDArray[np.bool_]:
    """Return which links lead to another chip, bool[link]; the last entry stands for no link."""
    n_tiles = header.columns * header.rows
    y, x = np.divmod(np.arange(n_tiles), header.columns)
    width, height = header.chip_columns or header.columns, header.chip_rows or header.rows
    found = np.zeros(4 * n_tiles + len(header.core_tile) + 1, bool)
    for way, (dx, dy) in enumerate(((1, 0), (-1, 0), (0, -1), (0, 1))):
        to_x, to_y = (x + dx) % header.columns, (y + dy) % header.rows
        found[way:4 * n_tiles:4] = (x // width != to_x // width) | (y // height != to_y // height)
    return found


def _used(rows: _Rows, link: Float64Array, figures: Mapping[str, Figure], barrier: bool, clock: bool,
          is_nominal: bool) -> frozenset[str]:
    found = {name for name, column in zip(figures, rows.weight.T[:-1], strict=True) if column.any()}
    parts = {"link_cycle": link.any(), "chip_link_cycle": link[:, 1].any(), "barrier": barrier, "tick": clock,
             "nominal_step": is_nominal and not clock}
    return frozenset(found | {name for name, takes_part in parts.items() if takes_part})
