"""The bars that show where the energy of a sample goes: components, dearest first, the small ones as one."""

from __future__ import annotations

from typing import NamedTuple

from hw_models.costs import EnergyRow
from neurosim.report.summary import Summary

MAX_BARS, LEAST_SHARE = 14, 0.004       # of energy; the rest is one bar


class Bar(NamedTuple):
    """One bar: energies in joules per sample; `group` gives its colour."""

    name: str
    group: str
    energy_j: float
    low_j: float
    high_j: float
    assumed: bool


def energy_bars(summary: Summary) -> list[Bar]:
    """Return the bars of a sample, dearest first; small components become one bar `other`."""
    rows = sorted((row for row in summary.energy.rows if row.high_j > 0), key=lambda row: -row.energy_j)
    least = LEAST_SHARE * summary.energy.total_j
    n_shown = min(MAX_BARS, sum(row.energy_j >= least for row in rows))
    shown, rest = rows[:n_shown], rows[n_shown:]
    n_samples = max(1, summary.samples)
    bars = [_bar(row.component.replace("_", " "), row.group, [row], n_samples) for row in shown]
    return [*bars, _bar(f"{len(rest)} others", "other", rest, n_samples)] if rest else bars


def _bar(name: str, group: str, rows: list[EnergyRow], n_samples: int) -> Bar:
    energy_j, low_j, high_j = (sum(getattr(row, field) for row in rows) / n_samples
                               for field in ("energy_j", "low_j", "high_j"))
    return Bar(name, group, energy_j, low_j, high_j, all(row.basis == "assumed" for row in rows))
