"""The floorline of a run: how short each time step could be, given what its busiest core and link had to do.

No step ends before its busiest core has updated its somata (`compute`) and served its arrivals (`synaptic`), one after
the other on serial cores, before its busiest link has carried its flits (`traffic`; links into cores included, while
the way from a core into its router is part of the soma phase), and before the barrier is over, or the next tick comes:

    T >= max(busiest core, busiest link) + barrier

What a step takes beyond that, it waits: packets for links, links for slots, cores for packets.

Source: the bound of Timcheck et al. 2026 (arXiv 2601.10035), whose terms are all maxima; here the phases of serial
cores and the barrier add, as they do in the engines. Plot and states after Yik et al. 2025 (arXiv 2511.21549).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.load import barrier_latency_ns
from hw_models.schema import Chip
from neurosim.traces.schema import Int64Array, RunHeader
from neurosim.traces.trace import Trace
from neurosim.units import ns_to_ps

KINDS = ("compute", "synaptic", "traffic", "port", "barrier", "tick")
COMPUTE, SYNAPTIC, TRAFFIC, PORT, BARRIER, TICK = range(6)
BLOCK_VALUES = 2**20                    # values read at once
NOBODY = -1


class Bounds(NamedTuple):
    """One entry per time step, all int64[step] and in ps.

    compute, synaptic : longest soma phase, and longest time on arrivals, of any core, ports apart
    core : what the busiest core or port has to do, both phases; core_index: which it is
    traffic : how long the busiest link was occupied; link_index: which it is
    second : what the busiest core or link had to do if the one that binds did not count
    floor : the bound on the step, barrier and tick included
    time : what the step took, waiting for a tick included
    binding : index into KINDS
    """

    compute: Int64Array
    synaptic: Int64Array
    core: Int64Array
    core_index: Int64Array
    traffic: Int64Array
    link_index: Int64Array
    second: Int64Array
    floor: Int64Array
    time: Int64Array
    binding: Int64Array


def step_bounds(trace: Trace, chip: Chip) -> Bounds | None:
    """Return the bounds of every time step; None where no time was simulated (detail `functional`), or no step taken.

    chip : that the run was on
    """
    if trace.header.detail == "functional" or trace.n_steps == 0:
        return None
    width = max(1, trace.n_cores)
    rows = max(1, BLOCK_VALUES // width)
    blocks = [_block(trace, chip, start, min(start + rows, trace.n_steps)) for start in range(0, trace.n_steps, rows)]
    return Bounds(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def barrier_ps(header: RunHeader, chip: Chip) -> int:
    """Return how long the barrier of a run takes."""
    tiles = np.unique(header.core_tile[header.core_is_port == 0])
    return ns_to_ps(barrier_latency_ns(chip, max(1, len(tiles)), header.n_chips)[0])


def _block(trace: Trace, chip: Chip, start: int, stop: int) -> Bounds:
    soma, synapse = trace.core_times(start, stop)
    loads = trace.loads(start, stop)
    n_steps = stop - start
    traffic = loads.link_ps if loads is not None else np.zeros(n_steps, np.int64)
    link = loads.link if loads is not None else np.full(n_steps, NOBODY, np.int64)
    time = trace.step_latency_ps[start:stop]
    return bounds_of(soma, synapse, trace.header.core_is_port, chip.core.pipeline.kind == "overlapped", traffic, link,
                     barrier_ps(trace.header, chip), _until_tick(trace, chip, start, stop, time), time)


def _until_tick(trace: Trace, chip: Chip, start: int, stop: int, time: Int64Array) -> Int64Array:
    """Return how long after the start of each step the next tick comes; 0 without a clock, or where it has passed."""
    if chip.tick is None:
        return np.zeros(stop - start, np.int64)
    first_step = np.repeat(trace.samples.first_step, trace.samples.n_steps)[start:stop]
    due = (np.arange(start, stop) - first_step + 1) * ns_to_ps(chip.tick.period_ns.value)
    return np.maximum(due - (trace.steps("end_ps", start, stop) - time), 0)


def bounds_of(soma: Int64Array, synapse: Int64Array, is_port: Int64Array, overlapped: bool, traffic: Int64Array,
              link: Int64Array, barrier: int, until_tick: Int64Array, time: Int64Array) -> Bounds:
    """Return the bounds of some time steps.

    Parameters
    ----------
    soma, synapse : int64[step, core] time in each phase
    is_port : int64[core]
    overlapped : cores run both phases at once; ports do not
    traffic, link : int64[step] of the busiest link
    barrier : of every step
    until_tick : int64[step] from the start of the step until the next tick, 0 where there is none to wait for
    time : int64[step] duration of each
    """
    at_once = (is_port == 0) & overlapped
    busy = np.where(at_once, np.maximum(soma, synapse), soma + synapse)
    step, core = np.arange(len(busy)), busy.argmax(axis=1)
    greatest = busy[step, core]
    others = busy.copy()
    others[step, core] = 0
    by_core = greatest >= traffic
    second = np.where(by_core, np.maximum(others.max(axis=1), traffic), greatest)
    floor = np.maximum(greatest, traffic) + barrier
    phase = np.where(soma[step, core] >= synapse[step, core], COMPUTE, SYNAPTIC)
    binding = np.where(by_core, np.where(is_port[core] == 1, PORT, phase), TRAFFIC)
    binding = np.where(np.maximum(greatest, traffic) < barrier, BARRIER, binding)
    binding = np.where(floor < until_tick, TICK, binding)
    real = is_port == 0
    return Bounds(_largest(soma[:, real]), _largest(synapse[:, real]), greatest, core.astype(np.int64), traffic, link,
                  second, np.maximum(floor, until_tick), np.asarray(time, np.int64), binding.astype(np.int64))


def _largest(values: NDArray[np.int64]) -> Int64Array:
    return values.max(axis=1) if values.shape[1] else np.zeros(len(values), np.int64)
