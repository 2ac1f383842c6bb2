"""The floorline drawn: time steps as points above the floor that their work, the barrier and the clock set.

After Yik et al. 2025 (arXiv 2511.21549): a roofline turned round, work across, time upwards; no point lies below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.report import palette
from neurosim.report.bounds import (
    BARRIER,
    COMPUTE,
    KINDS,
    PORT,
    SYNAPTIC,
    TICK,
    TRAFFIC,
    Bounds,
    barrier_ps,
    step_bounds,
)
from neurosim.report.energy import stored_chip
from neurosim.report.floorline import Floorline, floorline_of
from neurosim.report.quantities import PREFIXES, count, percent, prefix_exponent, shortened, with_prefix
from neurosim.report.render import draw
from neurosim.traces.schema import Float64Array
from neurosim.traces.trace import Trace
from neurosim.units import ns_to_ps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SIZE_INCHES = (14.0, 7.0)
MAX_POINTS = 20_000
COLOURS = {COMPUTE: palette.GROUPS["soma"], SYNAPTIC: palette.GROUPS["synapse"], TRAFFIC: palette.GROUPS["network"],
           PORT: palette.GROUPS["io"], BARRIER: palette.GROUPS["barrier"], TICK: palette.GROUPS["static"]}
PS_PER_S = 1e12


def floorline_png(trace: Trace, path: str | Path) -> Path:
    """Draw the floorline of a run; return its path. A file that exists is replaced.

    Raises
    ------
    OptionError : the path cannot be used, or no time was simulated
    SimulationError : the file could not be written (disk full)
    """
    chip = stored_chip(trace)
    found = floorline_of(trace, chip)
    if found is None:
        raise OptionError(f"{trace.path}: no floorline at detail {trace.header.detail!r}",
                          allowed="a run with time steps at detail event or analytic",
                          mend="run again with --detail event")
    return draw(lambda: _page(trace, chip, found), path)


def _page(trace: Trace, chip: Chip, found: Floorline) -> Figure:
    from matplotlib.figure import Figure

    bounds = step_bounds(trace, chip)
    assert bounds is not None
    figure = Figure(figsize=SIZE_INCHES)
    grid = figure.add_gridspec(1, 2, left=0.075, right=0.975, bottom=0.115, top=0.80, wspace=0.22,
                               width_ratios=(1.25, 1))
    title = f"{shortened(trace.provenance.get('network', '') or 'network', 50)} on {chip.name}: floorline"
    figure.text(0.025, 0.945, title, size=19, weight="bold", va="center")
    mean = with_prefix(found.time_s / found.steps, "s")
    figure.text(0.025, 0.893, f"{count(found.steps)} time steps, {mean} each on average; their floor is "
                f"{percent(found.share)} of it, and the mean core has {percent(found.balance)} of the work of the "
                "busiest", size=11.5, color=palette.FAINT, va="center")
    period = 0 if chip.tick is None else ns_to_ps(chip.tick.period_ns.value)
    late = bool((bounds.time < period).any())       # steps that catch up are shorter than a period
    _points(figure.add_subplot(grid[0]), bounds, barrier_ps(trace.header, chip), 0 if late else period)
    _shares(figure.add_subplot(grid[1]), bounds)
    return figure


def _points(axes: Axes, bounds: Bounds, barrier: int, period: int) -> None:
    """Draw the time of each step over the work of its busiest core or link, and the floor; both axes logarithmic."""
    work = np.maximum(bounds.core, bounds.link)
    shown = np.flatnonzero(work)
    shown = shown[::-(-len(shown) // MAX_POINTS) or 1]
    least = 0.5 * float(work[shown].min(initial=1_000_000))
    most = 1.4 * max(float(work.max()), 2 * least)
    x, y = work[shown] / PS_PER_S, np.maximum(bounds.time[shown], 1) / PS_PER_S
    for kind, name in enumerate(KINDS):
        here = bounds.binding[shown] == kind
        if here.any():
            axes.scatter(x[here], y[here], s=18, color=COLOURS[kind], alpha=0.6, linewidths=0,
                         label=f"steps bound by {name}", zorder=3)
    along: Float64Array = np.geomspace(least, most, 200)
    floor = np.maximum(along + barrier, period) / PS_PER_S
    bottom = 0.6 * float(floor.min())
    axes.fill_between(along / PS_PER_S, bottom, floor, color=palette.LINE, alpha=0.45, linewidth=0, zorder=1)
    axes.plot(along / PS_PER_S, floor, color=palette.INK, linewidth=2, zorder=2, label=_floor_name(barrier, period))
    for load, kind in ((bounds.compute, COMPUTE), (bounds.synaptic, SYNAPTIC), (bounds.link, TRAFFIC)):
        median = float(np.median(load))
        if median >= least:
            axes.axvline(median / PS_PER_S, color=COLOURS[kind], linewidth=1.4, linestyle=(0, (4, 3)), zorder=2,
                         label=f"median {KINDS[kind]} load")
    axes.set(xscale="log", yscale="log", xlim=(least / PS_PER_S, most / PS_PER_S),
             ylim=(bottom, 1.6 * max(float(y.max(initial=0)), float(floor.max()))),
             xlabel="work of the busiest core or link in a time step", ylabel="time step")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: with_prefix(value, "s"))
        axis.set_minor_formatter(_few_labels(axis))
    axes.tick_params(which="both", length=3, pad=4)     # minor labels on one line with major ones
    axes.grid(axis="both")
    axes.legend(frameon=True, framealpha=1, edgecolor=palette.LINE, fontsize=10, loc="lower right")
    idle = int((work == 0).sum())
    axes.set_title("Steps above their floor" + (f" ({count(idle)} without work not shown)" if idle else ""))


def _floor_name(barrier: int, period: int) -> str:
    parts = ["floor: work"] + ([f"barrier {with_prefix(barrier / PS_PER_S, 's')}"] if barrier else [])
    return " + ".join(parts) + (f", tick {with_prefix(period / PS_PER_S, 's')} at least" if period else "")


def _few_labels(axis: Axis) -> Callable[[float, float], str]:
    """Return a formatter that labels 2 and 5 between the powers of ten where the axis spans less than two of them."""
    def label(value: float, _: float) -> str:
        low, high = axis.get_view_interval()
        digit = round(value / 10.0 ** math.floor(math.log10(value)))
        return with_prefix(value, "s") if high < 100 * low and digit in (2, 5) else ""

    return label


def _shares(axes: Axes, bounds: Bounds) -> None:
    """Draw time and floor of the steps in order of their time."""
    order = np.argsort(bounds.time, kind="stable")
    every = -(-len(order) // MAX_POINTS)
    order = order[::every]
    exponent = prefix_exponent(float(bounds.time.max()) / PS_PER_S)
    scale = 10.0**-exponent / PS_PER_S
    at = np.linspace(0, 100, len(order)) if len(order) > 1 else np.array([50.0])
    axes.fill_between(at, bounds.floor[order] * scale, bounds.time[order] * scale, color=palette.LINE, linewidth=0,
                      label="waiting")
    axes.plot(at, bounds.time[order] * scale, color=palette.INK, linewidth=1.8, label="time step")
    for kind, name in enumerate(KINDS):
        here = bounds.binding[order] == kind
        if here.any():
            axes.scatter(at[here], bounds.floor[order][here] * scale, s=9, color=COLOURS[kind], linewidths=0,
                         label=f"floor, by {name}", zorder=3)
    axes.set(xlabel="time steps, shortest to longest (%)", ylabel=f"time ({PREFIXES[exponent]}s)",
             ylim=(0, float(bounds.time.max()) * scale * 1.08), xlim=(0, 100))
    axes.grid(axis="y")
    axes.legend(frameon=True, framealpha=1, edgecolor=palette.LINE, fontsize=10, loc="lower right")
    axes.set_title("Time and floor of each step")
