"""How short each time step could be, given what its busiest core and link had to do.

No step ends before its busiest core has updated its somata (`compute`) and served its arrivals (`synaptic`), one after
the other on serial cores; before its busiest link has carried its flits (`traffic`; links into cores included, while
the way from a core into its router is part of the soma phase); and before the barrier is over, or the next tick comes:

    T >= max(busiest core, busiest link) + barrier

What a step takes beyond that, it waits: packets for links, links for slots, cores for packets.

Source: the bound of Timcheck et al. 2026 (arXiv 2601.10035), whose terms are all maxima; here the phases of serial
cores and the barrier add, as they do in the engines.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.load import barrier_latency_ns
from hw_models.schema import Chip
from neurosim.report.order import FREE_RUNNING
from neurosim.traces.schema import Float64Array, Int64Array, RunHeader
from neurosim.traces.trace import Trace
from neurosim.units import ns_to_ps

KINDS = ("compute", "synaptic", "traffic", "port", "barrier", "tick")
COMPUTE, SYNAPTIC, TRAFFIC, PORT, BARRIER, TICK = range(6)
BLOCK_VALUES = 2**19                    # values read at once
NOBODY = -1


class Work(NamedTuple):
    """What cores and links had to do in some time steps; times in ps.

    soma, synapse : int64[step, core] time in each phase
    link_ps, link : int64[step] of the busiest link, and which it is; -1: none
    """

    soma: Int64Array
    synapse: Int64Array
    link_ps: Int64Array
    link: Int64Array


class Bounds(NamedTuple):
    """One entry per time step, int64[step], times in ps.

    compute, synaptic : longest soma phase, and longest time on arrivals, of any core, ports apart
    core, core_index : what the busiest core or port has to do, both phases, and which it is
    link, link_index : how long the busiest link is occupied, and which it is
    share : float64[step] work of the mean core over that of the busiest, ports apart; 0 where there is none
    group : what the cores that hold the same populations as the busiest one have to do together
    others : what the busiest core or link has to do if those that bind did not count
    floor : the bound on the step, barrier and tick included; without: the same with `others`
    time : what the step takes, waiting for a tick included
    binding : index into KINDS
    """

    compute: Int64Array
    synaptic: Int64Array
    core: Int64Array
    core_index: Int64Array
    link: Int64Array
    link_index: Int64Array
    share: Float64Array
    group: Int64Array
    others: Int64Array
    floor: Int64Array
    without: Int64Array
    time: Int64Array
    binding: Int64Array


def step_bounds(trace: Trace, chip: Chip) -> Bounds | None:
    """Return the bounds of every time step; None where no time was simulated (detail `functional`), or no step taken.

    On a free-running chip there is no time step that work could fill: jobs reach from one token's time into the next.

    chip : that the run was on
    """
    if trace.header.detail == "functional" or trace.n_steps == 0 or trace.header.schedule == FREE_RUNNING:
        return None
    rows = max(1, BLOCK_VALUES // max(1, trace.n_cores))
    blocks = [_block(trace, chip, start, min(start + rows, trace.n_steps)) for start in range(0, trace.n_steps, rows)]
    return Bounds(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def barrier_ps(header: RunHeader, chip: Chip) -> int:
    """Return how long the barrier of a run takes."""
    tiles = np.unique(header.core_tile[header.core_is_port == 0])
    return ns_to_ps(barrier_latency_ns(chip, max(1, len(tiles)), header.n_chips)[0])


def core_groups(header: RunHeader) -> Int64Array:
    """Return a number for each core that those share which hold the same populations, int64[core]; ports are alone."""
    held = [tuple(sorted({text.rpartition("[")[0] for text in texts})) if not header.core_is_port[core] else core
            for core, texts in enumerate(header.core_slices)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(held))}
    return np.array([numbers[key] for key in held], np.int64)


def bounds_of(work: Work, is_port: Int64Array, groups: Int64Array, overlapped: bool, barrier: int,
              until_tick: Int64Array, time: Int64Array) -> Bounds:
    """Return the bounds of some time steps.

    Parameters
    ----------
    is_port, groups : int64[core]
    overlapped : cores run both phases at once; ports do not
    barrier : of every step, in ps
    until_tick : int64[step] from the start of the step until the next tick, 0 where there is none to wait for
    time : int64[step] duration of each
    """
    real = is_port == 0
    soma, synapse, link = work.soma, work.synapse, work.link_ps
    busy = np.where(real & overlapped, np.maximum(soma, synapse), soma + synapse)
    step, core = np.arange(len(busy)), busy.argmax(axis=1)
    greatest = busy[step, core]
    same = groups[None, :] == groups[core][:, None]
    by_core = greatest >= link
    others = np.where(by_core, np.maximum(np.where(same, 0, busy).max(axis=1), link), greatest)
    longest = np.maximum(greatest, link)
    phase = np.where(soma[step, core] >= synapse[step, core], COMPUTE, SYNAPTIC)
    binding = np.where(by_core, np.where(real[core], phase, PORT), TRAFFIC)
    binding = np.where(longest < barrier, BARRIER, binding)
    binding = np.where(longest + barrier < until_tick, TICK, binding)
    mean = busy[:, real].mean(axis=1) if real.any() else np.zeros(len(busy))
    return Bounds(_largest(soma[:, real]), _largest(synapse[:, real]), greatest, core.astype(np.int64), link, work.link,
                  mean / np.maximum(_largest(busy[:, real]), 1), np.where(same, busy, 0).sum(axis=1), others,
                  np.maximum(longest + barrier, until_tick), np.maximum(others + barrier, until_tick),
                  np.asarray(time, np.int64), binding.astype(np.int64))


def _block(trace: Trace, chip: Chip, start: int, stop: int) -> Bounds:
    soma, synapse = trace.core_times(start, stop)
    loads, n_steps = trace.loads(start, stop), stop - start
    link = np.zeros(n_steps, np.int64) if loads is None else loads.link_ps
    index = np.full(n_steps, NOBODY, np.int64) if loads is None else loads.link
    time = trace.step_latency_ps[start:stop]
    return bounds_of(Work(soma, synapse, link, index), trace.header.core_is_port, core_groups(trace.header),
                     chip.core.pipeline.kind == "overlapped", barrier_ps(trace.header, chip),
                     _until_tick(trace, chip, start, time), time)


def _until_tick(trace: Trace, chip: Chip, start: int, time: Int64Array) -> Int64Array:
    """Return how long after the start of each step the next tick comes; 0 without a clock, or where it has passed."""
    if chip.tick is None:
        return np.zeros(len(time), np.int64)
    stop = start + len(time)
    first_step = np.repeat(trace.samples.first_step, trace.samples.n_steps)[start:stop]
    due = (np.arange(start, stop) - first_step + 1) * ns_to_ps(chip.tick.period_ns.value)
    return np.maximum(due - (trace.steps("end_ps", start, stop) - time), 0)


def _largest(values: NDArray[np.int64]) -> Int64Array:
    return values.max(axis=1) if values.shape[1] else np.zeros(len(values), np.int64)
