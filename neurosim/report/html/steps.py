"""How long the time steps took, and what bounds them, for the page: step by step, or as many together as it takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hw_models.schema import Chip
from neurosim.report.bounds import KINDS, Bounds, step_bounds
from neurosim.report.html.packing import packed
from neurosim.report.order import FREE_RUNNING
from neurosim.traces.schema import Int64Array
from neurosim.traces.trace import Trace

MOST_POINTS = 40_000
S_PER_PS = 1e-12


def steps_json(trace: Trace, chip: Chip) -> dict[str, Any]:
    """Return the durations of the time steps as plain data.

    n : steps; together : steps to a point; mean, longest : duration in s, longest None where a point is one step;
    floor : the least that the work of the step takes, mean of a point, None without bounds; binding : index into
    `kinds` of what binds the longest step of each point; without : why there is no floor
    """
    time = trace.step_latency_ps
    together = -(-len(time) // MOST_POINTS) or 1
    starts = np.arange(0, len(time), together)
    found = step_bounds(trace, chip)
    return {"n": len(time), "together": together, "kinds": list(KINDS), "mean": _mean(time, starts),
            "longest": packed(np.maximum.reduceat(time, starts) * S_PER_PS) if together > 1 else None,
            "floor": None if found is None else _mean(found.floor, starts),
            "binding": None if found is None else packed(_binding(found, starts, together)),
            "without": _reason(trace) if found is None else "", "per_token": trace.header.schedule == FREE_RUNNING}


def _mean(values: Int64Array, starts: Int64Array) -> dict[str, Any]:
    if len(values) == 0:
        return packed(np.zeros(0))
    lengths = np.diff(starts, append=len(values))
    return packed(np.add.reduceat(values, starts) / lengths * S_PER_PS)


def _binding(found: Bounds, starts: Int64Array, together: int) -> Int64Array:
    """Return what binds the longest step of each point, the first of equals."""
    padded = np.full(len(starts) * together, -1, np.int64)
    padded[:len(found.time)] = found.time
    longest = starts + padded.reshape(-1, together).argmax(axis=1)
    binding: Int64Array = found.binding[longest]
    return binding


def _reason(trace: Trace) -> str:
    if trace.n_steps == 0:
        return "No time step was taken."
    if trace.header.schedule == FREE_RUNNING:
        return ("A free-running chip has no time steps that work could fill: what is shown is the time from one token "
                "to the next, and nothing binds it.")
    return "Detail functional simulates no time: the steps are nominal, and nothing binds them."
