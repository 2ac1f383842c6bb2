"""The panels of the page but for the mesh: spikes, energy, step times. Each draws into axes that it is given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from neurosim.report import palette
from neurosim.report.energy_bars import Bar, energy_bars
from neurosim.report.quantities import PREFIXES, count, prefix_exponent, shortened, with_prefix
from neurosim.report.summary import Summary
from neurosim.traces.schema import Float64Array
from neurosim.traces.trace import Trace

MAX_SAMPLES, MAX_SPIKES = 3, 120_000    # shown in the raster
LABEL_LETTERS = 15
OVERFLOW_MARK = 0.15                    # of the height of a band
MIN_BINS, MAX_BINS = 8, 40


class Band(NamedTuple):
    """The place of one population in the raster: `bottom` to `bottom + height`, neuron 0 below."""

    population: str
    size: int
    groups: tuple[str, ...]
    bottom: float
    height: float


# -- spikes --------------------------------------------------------------------------------------------------------


def raster(axes: Axes, trace: Trace) -> None:
    """Draw when which neuron fired, population by population, for the first samples."""
    n_samples = _samples_to_show(trace)
    bands = _bands(trace, n_samples)
    end_ps = int(trace.samples.start_time_ps[n_samples]) if n_samples < trace.n_samples else trace.duration_ps
    exponent = prefix_exponent(end_ps * 1e-12)
    scale = 1e-12 / 10.0**exponent
    for index, band in enumerate(bands):
        _draw_band(axes, trace, band, n_samples, scale, palette.population_colour(index))
    _mark_samples(axes, trace, n_samples, end_ps, scale)
    _mark_overflows(axes, trace, bands, n_samples, scale)
    axes.set(xlim=(0, max(end_ps, 1) * scale), ylim=(0, sum(band.height for band in bands) or 1),
             xlabel=f"time ({PREFIXES[exponent]}s)")
    _label_bands(axes, bands)
    axes.set_title("Spikes", pad=24)


def _samples_to_show(trace: Trace) -> int:
    """Return as many samples as fit, at least one where there is any."""
    n_samples = min(MAX_SAMPLES, trace.n_samples)
    while n_samples > 1 and sum(trace.n_spikes(group, 0, n_samples) for group in trace.spike_groups) > MAX_SPIKES:
        n_samples -= 1
    return n_samples


def _bands(trace: Trace, n_samples: int) -> list[Band]:
    """Return a band for each population with recorded outputs, the first at the bottom; height ~ sqrt(size)."""
    bands, bottom = [], 0.0
    for population, size in zip(trace.header.population_names, trace.header.population_sizes, strict=True):
        groups = tuple(group for group in trace.spike_groups if trace.group_population(group) == population
                       and (trace.group_kind(group) != "graded" or trace.n_spikes(group, 0, n_samples) > 0))
        if groups:
            bands.append(Band(population, size, groups, bottom, float(max(size, 4)) ** 0.5))
            bottom += bands[-1].height
    return bands


def _draw_band(axes: Axes, trace: Trace, band: Band, n_samples: int, scale: float, colour: str) -> None:
    axes.axhspan(band.bottom, band.bottom + band.height, color=colour, alpha=0.06, linewidth=0)
    dot = min(9.0, max(0.6, 22.0 * band.height / band.size))
    for group in band.groups:
        spikes = trace.spikes(group, 0, n_samples)
        every = -(-len(spikes.time_ps) // MAX_SPIKES) or 1
        height = band.bottom + band.height * (spikes.neuron[::every] + 0.5) / band.size
        graded = trace.group_kind(group) == "graded"
        axes.scatter(spikes.time_ps[::every] * scale, height, s=dot, color=colour, marker="o", linewidths=0,
                     alpha=palette.RASTER_GRADED_ALPHA if graded else 0.9, rasterized=True)


def _label_bands(axes: Axes, bands: list[Band]) -> None:
    size = 10.5 if len(bands) <= 12 else max(5.0, 126.0 / len(bands))
    axes.set_yticks([band.bottom + band.height / 2 for band in bands],
                    [f"{shortened(band.population, LABEL_LETTERS)} ({band.size})" for band in bands], size=size)
    for index, label in enumerate(axes.get_yticklabels()):
        label.set_color(palette.population_colour(index))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _mark_samples(axes: Axes, trace: Trace, n_samples: int, end_ps: int, scale: float) -> None:
    starts = [*trace.samples.start_time_ps[:n_samples].tolist(), end_ps]
    for sample, (start, stop) in enumerate(zip(starts[:-1], starts[1:], strict=True)):
        if sample > 0:
            axes.axvline(start * scale, color=palette.FAINT, linewidth=1.0, linestyle=(0, (4, 3)))
        label, found = int(trace.samples.label[sample]), int(trace.samples.prediction[sample])
        text = f"sample {sample}" + (f": class {label}, read as {found}" if label >= 0 else "")
        axes.annotate(text, ((start + stop) / 2 * scale, 1), xycoords=("data", "axes fraction"), xytext=(0, 5),
                      textcoords="offset points", ha="center", va="bottom", size=10, color=palette.FAINT)


def _mark_overflows(axes: Axes, trace: Trace, bands: list[Band], n_samples: int, scale: float) -> None:
    """Draw a tick at the top of a population's band in every time step in which some of its values overflowed."""
    overflows = trace.overflows(0, int(trace.samples.n_steps[:n_samples].sum()))
    shown = [trace.header.population_names.index(band.population) for band in bands]
    if overflows is None or not overflows[:, shown].any():
        return
    middle_ps = _middle_of_steps_ps(trace, n_samples)
    for band, population in zip(bands, shown, strict=True):
        top = band.bottom + band.height
        axes.vlines(middle_ps[overflows[:, population] > 0] * scale, top - OVERFLOW_MARK * band.height, top,
                    color=palette.OVERFLOW, linewidth=1.3, rasterized=True)
    axes.annotate("red: overflows in this time step", (1, 0), xycoords="axes fraction", xytext=(0, -22),
                  textcoords="offset points", ha="right", va="top", size=10, color=palette.OVERFLOW)


def _middle_of_steps_ps(trace: Trace, n_samples: int) -> Float64Array:
    """Return the middle of each time step of the first samples, from the start of the run, float64[step]."""
    n_steps = trace.samples.n_steps[:n_samples]
    start_ps = np.repeat(trace.samples.start_time_ps[:n_samples], n_steps)
    end_ps = start_ps + trace.steps("end_ps", 0, len(start_ps))
    middle_ps: Float64Array = end_ps - trace.step_latency_ps[:len(start_ps)] / 2
    return middle_ps


# -- energy --------------------------------------------------------------------------------------------------------


def energy(axes: Axes, summary: Summary) -> None:
    """Draw the energy of one sample by component, dearest on top, with low to high whiskers."""
    bars = energy_bars(summary)
    greatest = max((bar.high_j for bar in bars), default=0.0)
    exponent = prefix_exponent(greatest)
    scale = 10.0**-exponent
    for place, bar in enumerate(reversed(bars)):
        _draw_bar(axes, place, bar, scale, greatest)
    axes.set_yticks(range(len(bars)), [bar.name for bar in reversed(bars)])
    axes.set(xlim=(0, greatest * scale * 1.16 or 1), ylim=(-0.7, max(len(bars), 1) - 0.3),
             xlabel=f"energy per sample ({PREFIXES[exponent]}J), whiskers from low to high figures")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.set_title("Energy by component")
    _legend(axes, bars)


def _draw_bar(axes: Axes, place: int, bar: Bar, scale: float, greatest: float) -> None:
    colour = palette.GROUPS.get(bar.group, palette.LINE)
    value, low, high = (energy_j * scale for energy_j in (bar.energy_j, bar.low_j, bar.high_j))
    axes.barh(place, value, height=0.68, color=colour, hatch="///" if bar.assumed else None, edgecolor=palette.PAPER,
              linewidth=0)
    axes.errorbar(value, place, xerr=[[max(0.0, value - low)], [max(0.0, high - value)]], color=palette.INK,
                  linewidth=1.2, capsize=3, capthick=1.2)
    axes.text(high + 0.012 * greatest * scale, place, with_prefix(bar.energy_j, "J"), va="center", size=9.5)


def _legend(axes: Axes, bars: list[Bar]) -> None:
    groups = [group for group in palette.GROUPS if any(bar.group == group for bar in bars)]
    handles = [Patch(color=palette.GROUPS[group], label=group) for group in groups]
    if any(bar.assumed for bar in bars):
        handles.append(Patch(facecolor=palette.FAINT, edgecolor=palette.PAPER, hatch="///", label="assumed figure"))
    if handles:
        axes.legend(handles=handles, loc="lower right", frameon=True, framealpha=1, edgecolor=palette.LINE, fontsize=10)


# -- time ----------------------------------------------------------------------------------------------------------


def step_times(axes: Axes, trace: Trace, summary: Summary) -> None:
    """Draw how long the time steps took, barrier to barrier."""
    axes.set_title("Duration of a time step")
    spread = summary.latency.per_step
    if spread is None:
        axes.text(0.5, 0.5, "no time step", transform=axes.transAxes, ha="center", color=palette.FAINT)
        return
    exponent = prefix_exponent(spread.max)
    durations = np.asarray(trace.step_latency_ps * (1e-12 / 10.0**exponent), dtype=np.float64)
    axes.hist(durations, bins=_bins(durations).tolist(), color=palette.POPULATIONS[0], alpha=0.85)
    axes.set(xlabel=f"duration ({PREFIXES[exponent]}s)", ylabel=f"time steps ({count(spread.n)} in all)")
    axes.grid(axis="y")
    axes.margins(y=0.14)
    lines = (("median", spread.p50, "-"), ("99 %", spread.p99, "--")) if spread.max > spread.min else (
        ("every step", spread.p50, "-"),)
    for name, value, style in lines:
        axes.axvline(value / 10.0**exponent, color=palette.INK, linewidth=1.2, linestyle=style,
                     label=f"{name} {with_prefix(value, 's')}")
    axes.legend(frameon=True, framealpha=1, edgecolor=palette.LINE, fontsize=10, loc="best")


def _bins(durations: Float64Array) -> Float64Array:
    low, high = float(durations.min()), float(durations.max())
    n_bins = min(MAX_BINS, max(MIN_BINS, int(2 * len(durations)**0.5)))
    margin = 0.05 * high if low == high else 0.0
    edges: Float64Array = np.linspace(low - margin, high + margin or 1.0, n_bins + 1)
    return edges
