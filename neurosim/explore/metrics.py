"""What a study measures at each point, and in which direction it is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hw_models.schema import Chip
    from neurosim.explore.totals import Measured

MIN, MAX = "min", "max"


class Metric(NamedTuple):
    """A figure of a run.

    unit : "" of shares and counts
    direction : `min` or `max`
    read : from a run and its chip; None where the run does not have it
    """

    unit: str
    direction: str
    title: str
    read: Callable[[Measured, Chip], float | None]


def _latency(run: Measured, chip: Chip) -> float | None:
    return None if run.latency is None else run.latency.mean


def _area(run: Measured, chip: Chip) -> float | None:
    return None if chip.area_mm2 is None else chip.area_mm2 * run.cores_used / chip.n_cores


def _per_sample(total: float, run: Measured) -> float | None:
    return total / run.samples if run.samples else None


def _count(run: Measured, *events: str) -> float:
    return float(sum(run.counts[event] for event in events))


# What a study may optimise and constrain.
OBJECTIVES: Mapping[str, Metric] = {
    "accuracy": Metric("", MAX, "accuracy", lambda run, chip: run.accuracy),
    "energy": Metric("J", MIN, "energy per sample", lambda run, chip: _per_sample(run.energy.total_j, run)),
    "latency": Metric("s", MIN, "latency per sample", _latency),
    "cores": Metric("", MIN, "cores in use", lambda run, chip: float(run.cores_used)),
    "area": Metric("mm²", MIN, "area of the cores in use", _area),
}
# What is kept beside them.
DETAILS: Mapping[str, Metric] = {
    "energy_low": Metric("J", MIN, "energy, 5th percentile",
                         lambda run, chip: _per_sample(run.energy.interval_low_j, run)),
    "energy_high": Metric("J", MIN, "energy, 95th percentile",
                          lambda run, chip: _per_sample(run.energy.interval_high_j, run)),
    "energy_static": Metric("J", MIN, "static energy per sample",
                            lambda run, chip: _per_sample(run.energy.static_j, run)),
    "assumed_share": Metric("", MIN, "share of the energy on assumed figures",
                            lambda run, chip: run.energy.assumed_share),
    "time_steps": Metric("", MIN, "time steps", lambda run, chip: float(run.time_steps)),
    "synaptic_events": Metric("", MIN, "synaptic events",
                              lambda run, chip: _count(run, "synapse_dense", "synapse_sparse", "synapse_conv")),
    "packets": Metric("", MIN, "packets", lambda run, chip: _count(run, "packet_out")),
    "packet_hops": Metric("", MIN, "packet hops", lambda run, chip: _count(run, "hop_ew", "hop_ns")),
    "overflows": Metric("", MIN, "overflows",
                        lambda run, chip: None if run.overflows is None else float(run.overflows)),
}
METRICS: Mapping[str, Metric] = {**OBJECTIVES, **DETAILS}


def read_metrics(run: Measured, chip: Chip) -> dict[str, float | None]:
    """Return every metric of a run."""
    return {name: metric.read(run, chip) for name, metric in METRICS.items()}
