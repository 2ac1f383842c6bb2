"""What a study measures at each point, and in which direction it is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.report import Summary

MIN, MAX = "min", "max"


class Metric(NamedTuple):
    """A figure of a run.

    unit : "" of shares and counts
    direction : `min` or `max`
    read : from the summary of a run and its chip; None where the run does not have it
    """

    unit: str
    direction: str
    title: str
    read: Callable[[Summary, Chip], float | None]


def _latency(summary: Summary, chip: Chip) -> float | None:
    spread = summary.latency.per_sample
    return None if spread is None else spread.mean


def _area(summary: Summary, chip: Chip) -> float | None:
    return None if chip.area_mm2 is None else chip.area_mm2 * summary.cores_used / chip.n_cores


def _per_sample(total: float, summary: Summary) -> float | None:
    return total / summary.samples if summary.samples else None


# What a study may optimise and constrain.
OBJECTIVES: Mapping[str, Metric] = {
    "accuracy": Metric("", MAX, "accuracy", lambda summary, chip: summary.accuracy),
    "energy": Metric("J", MIN, "energy per sample", lambda summary, chip: summary.energy_per_sample_j),
    "latency": Metric("s", MIN, "latency per sample", _latency),
    "cores": Metric("", MIN, "cores in use", lambda summary, chip: float(summary.cores_used)),
    "area": Metric("mm²", MIN, "area of the cores in use", _area),
}
# What is kept beside them.
DETAILS: Mapping[str, Metric] = {
    "energy_low": Metric("J", MIN, "energy, 5th percentile",
                         lambda summary, chip: _per_sample(summary.energy.interval_low_j, summary)),
    "energy_high": Metric("J", MIN, "energy, 95th percentile",
                          lambda summary, chip: _per_sample(summary.energy.interval_high_j, summary)),
    "energy_static": Metric("J", MIN, "static energy per sample",
                            lambda summary, chip: _per_sample(summary.energy.static_j, summary)),
    "assumed_share": Metric("", MIN, "share of the energy on assumed figures",
                            lambda summary, chip: summary.energy.assumed_share),
    "time_steps": Metric("", MIN, "time steps", lambda summary, chip: float(summary.time_steps)),
    "synaptic_events": Metric("", MIN, "synaptic events", lambda summary, chip: float(summary.synaptic_events)),
    "packets": Metric("", MIN, "packets", lambda summary, chip: float(summary.packets)),
    "packet_hops": Metric("", MIN, "packet hops", lambda summary, chip: float(summary.packet_hops)),
    "overflows": Metric("", MIN, "overflows",
                        lambda summary, chip: None if summary.overflows is None else float(summary.overflows)),
}
METRICS: Mapping[str, Metric] = {**OBJECTIVES, **DETAILS}


def read_metrics(summary: Summary, chip: Chip) -> dict[str, float | None]:
    """Return every metric of a run."""
    return {name: metric.read(summary, chip) for name, metric in METRICS.items()}
