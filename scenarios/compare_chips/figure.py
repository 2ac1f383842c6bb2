"""The comparison as a figure: a row per chip, a panel per question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.report.quantities import with_prefix
from scenarios.look import BLUE, GREEN, INK, LINE, ORANGE, STYLE

if TYPE_CHECKING:
    from scenarios.compare_chips.compare import Row

PALE = "#9ecae1"


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw the chips that run the network, best energy first; return the file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    kept = sorted((row for row in rows if not row.missing), key=lambda row: -row.energy_j)
    with plt.rc_context(STYLE | {"axes.spines.left": False, "ytick.color": INK}):
        height = 1.9 + 0.52 * len(kept)
        figure, axes = plt.subplots(1, 4, figsize=(14, height), sharey=True, layout="constrained",
                                    width_ratios=(1, 1, 1.5, 2))
        _accuracy(axes[0], kept)
        _bars(axes[1], kept, "cores in use", lambda row: row.cores, lambda row: _cores(row), GREEN)
        _latency(axes[2], kept)
        _energy(axes[3], kept)
        axes[0].set_yticks(range(len(kept)), [row.label for row in kept])
        for axis in axes:
            axis.tick_params(axis="y", length=0)
        figure.suptitle("One SpikingSSM, 4 layers of width 128 with 32 complex modes, in the fixed point of each chip: "
                        "one utterance of 29 frames", x=0.008, ha="left", fontsize=12)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, metadata={"Software": None})
        plt.close(figure)
    return path


def _accuracy(axis: Any, rows: Sequence[Row]) -> None:
    _bars(axis, rows, "accuracy", lambda row: 100 * row.accuracy, lambda row: f"{100 * row.accuracy:.1f} %", BLUE)
    axis.set_xlim(0, 135)
    axis.set_xticks((0, 50, 100))


def _bars(axis: Any, rows: Sequence[Row], title: str, value: Callable[[Row], float], text: Callable[[Row], str],
          colour: str) -> None:
    lengths = [value(row) for row in rows]
    axis.barh(range(len(rows)), lengths, height=0.5, color=colour, alpha=0.85)
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        axis.annotate(text(row), (length, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axis.set_title(title)
    axis.set_xlim(0, 1.9 * max(lengths, default=1))
    axis.grid(axis="x", color=LINE, linewidth=0.7)


def _cores(row: Row) -> str:
    return f"{row.cores}" if row.chips == 1 else f"{row.cores} on {row.chips} chips"


def _latency(axis: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        axis.plot(row.latency_s, place, "o", color=INK, markersize=7)
        axis.annotate(with_prefix(row.latency_s, "s"), (row.latency_s, place), xytext=(8, 0),
                      textcoords="offset points", va="center", fontsize=9)
    _logarithmic(axis, "s")
    times = [row.latency_s for row in rows]
    axis.set_xlim(0.5 * min(times), 12 * max(times))
    axis.set_title("latency of an utterance")
    axis.grid(axis="x", color=LINE, linewidth=0.7)


def _energy(axis: Any, rows: Sequence[Row]) -> None:
    """Nominal energy, the interval of the figures, and how much of it is static or rests on assumptions."""
    for place, row in enumerate(rows):
        axis.plot((row.low_j, row.high_j), (place, place), color=PALE, linewidth=7, solid_capstyle="butt")
        axis.plot(row.energy_j, place, "o", color=ORANGE, markeredgecolor=INK, markersize=7)
        axis.annotate(f"{with_prefix(row.energy_j, 'J')}, static {100 * row.static_j / row.energy_j:.0f} %, "
                      f"assumed {100 * row.assumed_share:.0f} %", (row.high_j, place), xytext=(8, 0),
                      textcoords="offset points", va="center", fontsize=9)
    _logarithmic(axis, "J")
    ends = [row.low_j for row in rows] + [row.high_j for row in rows]
    axis.set_xlim(0.5 * min(ends), max(ends) * (max(ends) / min(ends)) ** 0.9 * 4)
    axis.set_title("its energy, and 5 to 95 % of the figures")
    axis.grid(axis="x", color=LINE, linewidth=0.7)


def _logarithmic(axis: Any, unit: str) -> None:
    """Decades alone, written with prefixes."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(numticks=9))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(EngFormatter(unit))
