"""Latencies, and how busy cores and links were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models.schema import Chip
from neurosim.traces.schema import Float64Array, Int64Array
from neurosim.traces.trace import Trace
from neurosim.units import ns_to_ps, ps_to_s


@dataclass(frozen=True)
class Spread:
    """How a duration is distributed, in seconds; `n` values."""

    n: int
    mean: float
    min: float
    p50: float
    p99: float
    max: float


@dataclass(frozen=True)
class Latency:
    """Durations of a run; None where there is not one.

    per_step : barrier to barrier
    per_token : between the outputs of two successive tokens
    per_sample : from the injection of token 0 to the arrival of the last read-out
    """

    per_step: Spread | None
    per_token: Spread | None
    per_sample: Spread | None


@dataclass(frozen=True)
class Load:
    """Busy time over simulated time, 0 to 1, among `n` cores or links; `index` is where it is greatest."""

    max: float
    mean: float
    index: int
    n: int


@dataclass(frozen=True)
class Overruns:
    """Time steps that were not done when the clock ticked for the next one.

    period_s : between two ticks
    steps : how many, of `of_steps`
    latest_s : the longest time by which a step's end was behind its tick
    """

    period_s: float
    steps: int
    of_steps: int
    latest_s: float


def spread(latency_ps: Int64Array) -> Spread | None:
    """Return the distribution of durations in picoseconds; None of nothing."""
    if len(latency_ps) == 0:
        return None
    p50, p99 = np.percentile(latency_ps, (50, 99))
    # The mean of float64 sums may leave the range of equal values by a last bit.
    mean = min(max(float(latency_ps.mean()), float(latency_ps.min())), float(latency_ps.max()))
    values = (mean, latency_ps.min(), p50, p99, latency_ps.max())
    return Spread(len(latency_ps), *(ps_to_s(float(value)) for value in values))


def latency(trace: Trace) -> Latency:
    """Return the latencies of a run."""
    return Latency(spread(trace.step_latency_ps), spread(token_latency_ps(trace)), spread(sample_latency_ps(trace)))


def sample_latency_ps(trace: Trace) -> Int64Array:
    """Return the duration of each sample, int64[sample]."""
    ends = np.append(trace.samples.start_time_ps, trace.duration_ps)
    return np.diff(ends[:trace.n_samples + 1])


def overruns(trace: Trace, chip: Chip) -> Overruns | None:
    """Return the time steps that came late; None of a chip without a clock."""
    if chip.tick is None:
        return None
    period_ps = ns_to_ps(chip.tick.period_ns.value)
    step = np.arange(trace.n_steps) - np.repeat(trace.samples.first_step, trace.samples.n_steps)
    late_ps = trace.steps("end_ps") - (step + 1) * period_ps
    return Overruns(ps_to_s(period_ps), int((late_ps > 0).sum()), len(late_ps), ps_to_s(int(late_ps.max(initial=0))))


def token_latency_ps(trace: Trace) -> Int64Array:
    """Return the times between the outputs of successive tokens, int64[interval].

    The output of the last token leaves at the end of the last time step, that of each token before `interval` earlier.
    """
    if trace.n_samples == 0:
        return np.zeros(0, dtype=np.int64)
    end_ps = trace.steps("end_ps")
    header, samples = trace.header, trace.samples
    intervals = [np.zeros(0, dtype=np.int64)]
    for first, n_steps, n_tokens in zip(samples.first_step, samples.n_steps, samples.n_tokens, strict=True):
        steps = n_steps - 1 - header.interval * np.arange(n_tokens - 1, -1, -1)
        intervals.append(np.diff(end_ps[first + steps[steps >= 0]]))
    return np.concatenate(intervals)


def core_load(trace: Trace, chip: Chip) -> Float64Array:
    """Return busy time over simulated time of every used core, ports last, float64[core]."""
    # A free-running core works off one packet after the other, whatever its pipeline.
    overlapped = chip.core.pipeline.kind == "overlapped" and chip.sync != "free_running"
    busy_ps = trace.core_busy_ps(overlapped=overlapped)
    return _over_time(busy_ps, trace)


def link_load(trace: Trace) -> Float64Array:
    """Return busy time over simulated time of every link, float64[link]."""
    return _over_time(trace.link_busy_ps, trace)


def load(shares: Float64Array, used: Int64Array) -> Load | None:
    """Return the greatest and the mean share among those `used`; None where none is."""
    kept = np.flatnonzero(used)
    if len(kept) == 0:
        return None
    index = int(kept[np.argmax(shares[kept])])
    return Load(float(shares[index]), float(shares[kept].mean()), index, len(kept))


def _over_time(busy_ps: Int64Array, trace: Trace) -> Float64Array:
    shares: Float64Array = busy_ps / max(1, trace.duration_ps)
    return shares
