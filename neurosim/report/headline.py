"""The figures at the top of every page of a run."""

from __future__ import annotations

from neurosim.report.quantities import count, percent, shortened, with_prefix
from neurosim.report.summary import Summary


def key_figures(summary: Summary) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the figures at the top."""
    bill, n_samples = summary.energy, max(1, summary.samples)
    low, high = (with_prefix(end / n_samples, "J") for end in (bill.interval_low_j, bill.interval_high_j))
    per_sample, per_step = summary.latency.per_sample, summary.latency.per_step
    cells = [
        (percent(summary.accuracy), "accuracy", f"of {count(summary.samples)} samples"),
        (with_prefix(summary.energy_per_sample_j, "J"), "energy per sample", f"5 to 95 %: {low} to {high}"),
        (with_prefix(per_sample.mean if per_sample else None, "s"), "latency per sample",
         f"time step {with_prefix(per_step.mean if per_step else None, 's')}"),
        (count(summary.cores_used), "cores in use", _binding(summary)),
        *_overflows(summary),
    ]
    return cells if summary.accuracy is not None else [(count(summary.samples), "samples", ""), *cells[1:]]


def _overflows(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the cell of overflows, where there are any."""
    most = next(iter(summary.overflows_by_population), "")
    return [(count(summary.overflows), "overflows", f"most in {shortened(most, 20)}")] if most else []


def _binding(summary: Summary) -> str:
    if summary.binding is None:
        return ""
    return f"{summary.binding.replace('_', ' ')} {percent(summary.utilisation[summary.binding].max)} full"
