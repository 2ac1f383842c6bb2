"""Which figures the time of a run rests on.

A run takes part of a chip only: a network without convolutions never waits for `synapse_conv`. The figures that took
part follow from what was counted, so that a report can name those of them that are assumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from hw_models.figures import Figure
from hw_models.schema import Chip


class TimeFigure(NamedTuple):
    """A figure in nanoseconds that took part in a run.

    field : where it stands in the chip file
    busy_share : of the time that all cores were busy with counted events, 0 to 1; None for what is no core's event
    """

    field: str
    figure: Figure
    busy_share: float | None


def time_figures(chip: Chip, counts: Mapping[str, int], detail: str) -> tuple[TimeFigure, ...]:
    """Return the figures that the times of a run rest on: those of cores first, the most time-consuming first.

    Parameters
    ----------
    counts : events of cores and of the chip
    detail : "functional", where a step takes a nominal time, "analytic" or "event"
    """
    found = [*_sync(chip, counts, detail)]
    if detail != "functional":
        found += [*_cores(chip, counts), *_ports(chip, counts), *_network(chip, counts, detail)]
    return tuple(item for item in found if item.figure.high > 0)


def _cores(chip: Chip, counts: Mapping[str, int]) -> list[TimeFigure]:
    costs = chip.core.costs
    if costs is None:
        return []
    figures = {name: cost.latency_ns for name in type(costs).model_fields
               if (cost := getattr(costs, name)) is not None and counts.get(name, 0) > 0}
    busy = {name: counts[name] * figure.value for name, figure in figures.items()}
    total = math.fsum(busy.values())
    found = [TimeFigure(f"core.costs.{name}.latency_ns", figure, busy[name] / total if total > 0 else 0.0)
             for name, figure in figures.items()]
    return sorted(found, key=lambda item: -(item.busy_share or 0.0))


def _ports(chip: Chip, counts: Mapping[str, int]) -> list[TimeFigure]:
    return [TimeFigure(f"{name}_port.packet_latency_ns", figure, None) for name in ("input", "output")
            if counts.get(f"{name}_packet", 0) > 0
            and (figure := getattr(chip, f"{name}_port").packet_latency_ns) is not None]


def _network(chip: Chip, counts: Mapping[str, int], detail: str) -> list[TimeFigure]:
    noc, hops = chip.noc, _any(counts, "hop_ew", "hop_ns", "chip_hop")
    routed = hops or _any(counts, "tile_local")
    parts = {
        "router_latency_ns": routed, "link_latency_ew_ns": _any(counts, "hop_ew"),
        "link_latency_ns_ns": _any(counts, "hop_ns"), "eject_latency_ns": _any(counts, "tile_local"),
        "link_cycle_ns": routed,
        "credit_latency_ns": hops and detail == "event" and noc.buffer_packets != "unlimited",
    }
    found = [TimeFigure(f"noc.{name}", figure, None) for name, takes_part in parts.items()
             if takes_part and (figure := getattr(noc, name)) is not None]
    if chip.grid is not None and _any(counts, "chip_hop"):
        found += [TimeFigure(f"grid.{name}", getattr(chip.grid, name), None)
                  for name in ("link_latency_ns", "link_cycle_ns")]
    return found


def _sync(chip: Chip, counts: Mapping[str, int], detail: str) -> list[TimeFigure]:
    """Return the figures of what keeps time steps together."""
    found: list[TimeFigure] = []
    if chip.tick is not None:
        found.append(TimeFigure("tick.period_ns", chip.tick.period_ns, None))
    elif detail == "functional":
        return [] if chip.nominal_step_ns is None else [TimeFigure("nominal_step_ns", chip.nominal_step_ns, None)]
    if chip.free_running is not None:
        found.append(TimeFigure("free_running.token_period_ns", chip.free_running.token_period_ns, None))
        if chip.free_running.leak_clock_ns is not None:
            found.append(TimeFigure("free_running.leak_clock_ns", chip.free_running.leak_clock_ns, None))
    if chip.sync == "barrier" and counts.get("barrier", 0) > 0:
        found += [TimeFigure(f"barrier.{index}.latency_ns", entry.latency_ns, None)
                  for index, entry in enumerate(chip.barrier)]
        if chip.grid is not None and counts.get("chip_hop", 0) > 0:
            found += [TimeFigure(f"grid.barrier.{index}.latency_ns", entry.latency_ns, None)
                      for index, entry in enumerate(chip.grid.barrier)]
    return found


def _any(counts: Mapping[str, int], *names: str) -> bool:
    return any(counts.get(name, 0) > 0 for name in names)
