"""The assumed figures that energy and time of a run rest on, by name: none enters a report unnamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hw_models.costs import EnergyBill
from hw_models.schema import Chip
from hw_models.times import time_figures
from neurosim.report.quantities import percent
from neurosim.traces.trace import Trace


@dataclass(frozen=True)
class AssumedTime:
    """An assumed figure that the times rest on.

    figure : where it stands in the chip file, such as `noc.router_latency_ns`
    value_ns, low_ns, high_ns : the figure
    busy_share : of the time that all cores were busy, 0 to 1; None for what is no core's event
    """

    figure: str
    value_ns: float
    low_ns: float
    high_ns: float
    busy_share: float | None


def assumed_times(trace: Trace, chip: Chip) -> tuple[AssumedTime, ...]:
    """Return the assumed figures of `chip`, on which `trace` was recorded, that took part in its times."""
    counts = {**trace.core_event_totals(), **trace.chip_totals}
    return tuple(
        AssumedTime(item.field, item.figure.value, item.figure.low, item.figure.high, item.busy_share)
        for item in time_figures(chip, counts, trace.header.detail) if item.figure.basis == "assumed")


def energy_sentence(bill: EnergyBill) -> str:
    """Return how much of the energy is assumed, and every component that is, with its share."""
    share = f"{percent(bill.assumed_share)} of the energy rests on assumed figures"
    rows = bill.assumed_rows
    counted = [f"{row.component} {percent(row.energy_j / bill.total_j)}" for row in rows if row.energy_j > 0]
    blank = [row.component for row in rows if row.energy_j == 0]
    text = f"{share}: {', '.join(counted)}." if counted else f"{share}."
    return f"{text} Assumed to take nothing, but uncertain: {', '.join(blank)}." if blank else text


def time_sentence(times: Sequence[AssumedTime]) -> str | None:
    """Return the assumed figures behind the times, those of cores with their share of busy time; None without any."""
    if not times:
        return None
    of_cores = [f"{_event(item)} {percent(item.busy_share)}" for item in times if item.busy_share is not None]
    others = [item.figure for item in times if item.busy_share is None]
    parts = ([f"of the cores' busy time {', '.join(of_cores)}"] if of_cores else []) + (
        [", ".join(others)] if others else [])
    return f"Times rest on assumed figures: {'; '.join(parts)}."


def _event(item: AssumedTime) -> str:
    return item.figure.removeprefix("core.costs.").removesuffix(".latency_ns")
