"""The rows of the study as a figure: accuracy against bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.look import BLACK, BLUE, FAINT, GREEN, LINE, ORANGE, PURPLE, RED, SKY, STYLE
from scenarios.precision.networks import SOURCES
from scenarios.precision.results import LOST_POINTS, Results

FIGURE_FILE = Path(__file__).parents[2] / "docs" / "precision.png"
BAND = "#dcebe0"
TICKS = range(4, 25, 4)


class Look(NamedTuple):
    """How a line is drawn."""

    label: str
    colour: str
    marker: str
    line: str = "-"
    filled: bool = True


class Curve(NamedTuple):
    """One series of one network."""

    network: str
    series: str
    look: Look


QUANTITIES = {
    "mixing": Look("mixing synapses", GREEN, "s"),
    "c": Look("C", SKY, "v"),
    "payload": Look("payload", ORANGE, "D"),
    "potential": Look("membrane", PURPLE, "^"),
    "a": Look("A", BLUE, "o"),
    "h": Look("state", RED, "P"),
    "all": Look("all words", BLACK, "x", "--"),
}


def _lengths(*series: str) -> list[Curve]:
    """The same series on 64 and on 784 steps."""
    ways = (("lif", 64, ":", False), ("lif784", 784, "-", True))
    return [Curve(network, name, QUANTITIES[name]._replace(label=f"{QUANTITIES[name].label}, {steps} steps", line=line,
                                                           filled=filled))
            for name in series for network, steps, line, filled in ways]


STATES = [
    Curve("lif784", "h", Look("one scale, floor", RED, "P")),
    Curve("lif784", "h_nearest", Look("to nearest", ORANGE, "o")),
    Curve("lif784", "h_by_channel", Look("scales by channel", PURPLE, "v")),
    Curve("lif784", "h_by_channel_nearest", Look("both", GREEN, "^")),
    Curve("lif784", "h_folded", Look("B folded into C", SKY, "s")),
    Curve("lif784", "h_folded_nearest", Look("B folded, to nearest", BLUE, "D")),
    Curve("lif784", "h_folded_tight", Look("… and no headroom", BLACK, "x", "--")),
]
SYNAPSES = [
    Curve("lif784", "mixing", Look("mixing synapses", GREEN, "s")),
    Curve("lif784", "norm", Look("folded BatchNorm", ORANGE, "D")),
    Curve("lif784", "synapses", Look("all, one scale", BLACK, "x", "--")),
    Curve("lif784", "synapses_by_channel", Look("all, scales by channel", BLUE, "o")),
]


def draw(results: Results, path: Path = FIGURE_FILE) -> Path:
    """Draw the figure; return the file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 4, figsize=(16, 8.6), sharey=True, layout="constrained")
        for axis, network in zip(axes[0], SOURCES, strict=True):
            curves = [Curve(network, name, look) for name, look in QUANTITIES.items()]
            _panel(axis, results, curves, SOURCES[network][0])
        panels = ((_lengths("a", "h"), "A and state: 64 against 784 steps"),
                  (_lengths("mixing", "c", "payload"), "The others: 64 against 784 steps"),
                  (STATES, "784 steps: ways to keep the state"), (SYNAPSES, "784 steps: scales of synapses"))
        for axis, (curves, title) in zip(axes[1], panels, strict=True):
            _panel(axis, results, curves, title)
            axis.legend(loc="lower right", fontsize=9, handlelength=2.6, borderaxespad=0.2)
        axes[1][2].set_xlim(7.5, 24.6)
        _finish(figure, axes)
        figure.savefig(path, dpi=110, metadata={"Software": None})
        plt.close(figure)
    return path


def _panel(axis: Any, results: Results, curves: Sequence[Curve], title: str) -> None:
    """Draw the curves, and a band of what is at most LOST_POINTS below float64."""
    exact = results.float_accuracy(curves[-1].network)
    axis.axhspan(exact - LOST_POINTS, exact + LOST_POINTS, color=BAND, zorder=0)
    axis.axhline(exact, color=FAINT, linewidth=0.8, zorder=1)
    for curve in curves:
        points = [(bits, value) for bits, value in results.sweep(curve.network, curve.series).items()
                  if value is not None]
        if points:
            look = curve.look
            axis.plot(*zip(*points, strict=True), color=look.colour, marker=look.marker, linestyle=look.line,
                      markersize=5.5, markerfacecolor=look.colour if look.filled else "white", linewidth=1.6,
                      label=look.label)
    axis.set_title(title)
    axis.set_xlim(1.5, 24.6)
    axis.set_xticks(TICKS)
    axis.set_ylim(0, 103)
    axis.grid(color=LINE, linewidth=0.7)


def _finish(figure: Any, axes: Any) -> None:
    for row in axes:
        row[0].set_ylabel("accuracy, % of 360 images")
    for axis in axes[1]:
        axis.set_xlabel("bits of the quantity")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), fontsize=10)
    figure.suptitle("Accuracy against bits, one quantity at a time; the rest as on Loihi 2:\n"
                    "A 16, weights and C 8, state and payload 24. Band: within a point of float64",
                    fontsize=12, x=0.008, ha="left")
