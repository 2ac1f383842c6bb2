"""The spikes of a run for the page: counts in fields of time and neurons, and every spike of a window that fits.

The whole trace is read once, a block at a time. Memory and page stay bounded whatever the trace holds:

* an **overview** of 1024 columns of time over the run;
* where not every spike fits, a **fine** grid of 16 384 columns;
* **every spike** of the first part of the run, as many whole columns of the fine grid as hold at most 400 000 spikes,
  in chunks by time that the page unpacks when someone looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Any

import numpy as np

from neurosim.report.html.bands import Band, bands_of, n_rows, steps_of_samples
from neurosim.report.html.packing import packed
from neurosim.traces.schema import Float64Array, Int64Array
from neurosim.traces.trace import Spikes, Trace

N_FINE, N_OVERVIEW = 16_384, 1024       # columns of time
MOST_EXACT = 400_000                    # spikes that the page holds one by one
CHUNK = 40_000                          # of them in one piece
BLOCK = 2**18                           # spikes read at once
MOST_PHASES = 512                       # points of a rate within a sample


@dataclass
class Activity:
    """What one pass over the spikes of a run gives.

    fine : int64[row, column] spikes in each field of the fine grid
    column_ps : float, width of a column of it
    by_phase : population -> int64[point] spikes by step within the sample, `phase_steps` steps to a point
    """

    bands: tuple[Band, ...]
    fine: Int64Array
    column_ps: float
    by_phase: dict[str, Int64Array]
    phase_steps: int

    @property
    def groups(self) -> list[tuple[Band, str]]:
        """Every group of spikes and the band that it belongs to."""
        return [(band, group) for band in self.bands for group in band.groups]

    @property
    def n_spikes(self) -> int:
        """All recorded outputs."""
        return int(self.fine.sum())


def activity_of(trace: Trace) -> Activity:
    """Read all spikes once, and count them."""
    bands = bands_of(trace)
    column_ps = max(trace.duration_ps, N_FINE) / N_FINE
    longest = len(steps_of_samples(trace))
    phase_steps = -(-longest // MOST_PHASES) or 1
    n_points = -(-longest // phase_steps)
    fine = np.zeros((n_rows(bands), N_FINE), np.int64)
    by_phase = {band.population: np.zeros(n_points, np.int64) for band in bands}
    for band in bands:
        for spikes in chain.from_iterable(_blocks(trace, group) for group in band.groups):
            np.add.at(fine, (band.rows_of(spikes.neuron), _columns(spikes.time_ps, column_ps)), 1)
            points = np.minimum(spikes.step // phase_steps, n_points)       # beyond it: no step of a sample
            by_phase[band.population] += np.bincount(points, minlength=n_points + 1)[:n_points]
    return Activity(bands, fine, column_ps, by_phase, phase_steps)


def raster_json(trace: Trace, activity: Activity) -> dict[str, Any] | None:
    """Return the raster as plain data; None where no spike was recorded.

    bands : see `Band.to_json`; overview, fine : {columns, column_s, counts}, row by row; fine is None where every
    spike is there; exact : {until_s, unit_s, chunks}, each chunk {start, stop, n, time, id}: times in units, as
    differences, and the number of the neuron
    """
    if activity.n_spikes == 0:
        return None
    exact = _exact(trace, activity)
    n_exact = sum(chunk["n"] for chunk in exact["chunks"])
    overview = activity.fine.reshape(len(activity.fine), N_OVERVIEW, -1).sum(axis=2)
    return {"bands": [band.to_json() for band in activity.bands], "rows": len(activity.fine),
            "n": activity.n_spikes, "n_exact": n_exact, "duration_s": activity.column_ps * N_FINE * 1e-12,
            "overview": _grid(overview, activity.column_ps * N_FINE / N_OVERVIEW),
            "fine": _grid(activity.fine, activity.column_ps) if n_exact < activity.n_spikes else None, "exact": exact}


def _blocks(trace: Trace, group: str) -> Iterator[Spikes]:
    for start in range(0, trace.n_spikes(group), BLOCK):
        yield trace.spike_rows(group, start, start + BLOCK)


def _columns(time_ps: Int64Array, column_ps: float) -> Int64Array:
    return np.minimum((time_ps / column_ps).astype(np.int64), N_FINE - 1)


def _grid(counts: Int64Array, column_ps: float) -> dict[str, Any]:
    return {"columns": counts.shape[1], "column_s": column_ps * 1e-12, "counts": packed(np.minimum(counts, 2**32 - 1))}


def _exact(trace: Trace, activity: Activity) -> dict[str, Any]:
    """Return every spike of the first columns that together hold no more than MOST_EXACT."""
    n_columns = int(np.searchsorted(np.cumsum(activity.fine.sum(axis=0)), MOST_EXACT, side="right"))
    times, ids = _first_spikes(trace, activity, n_columns)
    unit_ps = max(1, -(-int(np.diff(times, prepend=0).max(initial=0)) // (2**32 - 1)))
    chunks = [_chunk(times[start:start + CHUNK] // unit_ps, ids[start:start + CHUNK])
              for start in range(0, len(times), CHUNK)]
    return {"until_s": n_columns * activity.column_ps * 1e-12, "unit_s": unit_ps * 1e-12, "chunks": chunks}


def _chunk(times: Int64Array, ids: Int64Array) -> dict[str, Any]:
    return {"start": int(times[0]), "stop": int(times[-1]), "n": len(times),
            "time": packed(np.diff(times, prepend=times[0])), "id": packed(ids)}


def _first_spikes(trace: Trace, activity: Activity, n_columns: int) -> tuple[Int64Array, Int64Array]:
    """Return times and neuron numbers of the spikes in the first columns, in order of time."""
    times: list[Int64Array] = [np.zeros(0, np.int64)]
    ids: list[Int64Array] = [np.zeros(0, np.int64)]
    last_sample = np.searchsorted(trace.samples.start_time_ps, n_columns * activity.column_ps, side="right") - 1
    for band, group in activity.groups:
        for spikes in takewhile(lambda block: block.sample[0] <= last_sample, _blocks(trace, group)):
            kept = _columns(spikes.time_ps, activity.column_ps) < n_columns
            times.append(spikes.time_ps[kept])
            ids.append(band.first_id + spikes.neuron[kept])
    time, number = np.concatenate(times), np.concatenate(ids)
    order = np.lexsort((number, time))
    return time[order], number[order]


def rates_json(trace: Trace, activity: Activity) -> dict[str, Any] | None:
    """Return how often the neurons of each population fire; None where no spike was recorded.

    mean : spikes per neuron and token of the sample; phase : spikes per neuron and step, by step within a sample, mean
    over the samples that have it, `phase_steps` steps to a point
    """
    if activity.n_spikes == 0:
        return None
    n_tokens = max(1, int(trace.samples.n_tokens.sum()))
    steps = steps_of_samples(trace)
    starts = np.arange(0, len(steps), activity.phase_steps)
    visits = np.maximum(np.add.reduceat(steps, starts), 1)
    rows = []
    for band in activity.bands:
        counts = activity.by_phase[band.population]
        phase: Float64Array = counts / (visits * band.size)
        rows.append({"name": band.population, "size": band.size, "n": int(counts.sum()),
                     "mean": float(counts.sum() / (n_tokens * band.size)), "phase": packed(phase)})
    return {"populations": rows, "phase_steps": activity.phase_steps}
