"""Curves of W7: CPU seconds against what a run has more of, one thing at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scale_networks import local_network

from hw_models.load import load_chip
from neurosim import engine
from neurosim.engine import RunOptions
from neurosim.events import CORE_EVENT_INDEX
from neurosim.mapping import MappingOptions, map_network
from neurosim.traces.recorder import MemoryRecorder

IN_CACHES, FROM_MEMORY = "synapses, in the caches", "synapses, from memory"
ROOM = ("core.max_axons_in=65536", "core.max_axons_out=1048576", "core.synapse_memory.words=1073741824")
QUIET = 1e-6        # synapses too weak to make a neuron spike: activity is that of the inputs


class Case(NamedTuple):
    """One run.

    activity : share of neurons that spike in a step
    per_core : neurons of a core at most
    window : neurons around a neuron among which its synapses are; else ten for each
    roomy : cores have more room for synapses, so that packets do not grow faster than they do
    """

    n_neurons: int = 20_000
    fan_out: int = 100
    activity: float = 0.05
    n_steps: int = 50
    detail: str = "functional"
    per_core: int | None = None
    window: int | None = None
    roomy: bool = False


class Curve(NamedTuple):
    """What grows, in which runs, and how it is counted: from the case, or from the events and cores of the run."""

    name: str
    cases: Sequence[Case]
    size: Callable[[Case, dict[str, float]], float]


CURVES = (
    Curve("neurons", [Case(n_neurons=n) for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)],
          lambda case, _: case.n_neurons),
    # 6 bytes each: what fits the third-level cache, and what does not by far.
    Curve(IN_CACHES, [Case(fan_out=n, window=4000, roomy=True) for n in (10, 30, 100, 200)],
          lambda case, _: case.n_neurons * case.fan_out),
    Curve(FROM_MEMORY, [Case(fan_out=n, window=4000, roomy=True) for n in (600, 1200, 2400)],
          lambda case, _: case.n_neurons * case.fan_out),
    Curve("activity (share that spikes)", [Case(activity=share) for share in (0.01, 0.03, 0.1, 0.3)],
          lambda case, _: case.activity),
    Curve("packets, event detail", [Case(activity=share, detail="event") for share in (0.003, 0.01, 0.03, 0.1)],
          lambda _, counts: counts["packet_in"]),
    Curve("cores, event detail", [Case(10_000, per_core=n, detail="event") for n in (400, 200, 100, 50)],
          lambda _, counts: counts["cores"]),
    Curve("time steps", [Case(n_steps=n) for n in (30, 100, 300, 1000)], lambda case, _: case.n_steps),
)


def curves(repeat: int, png: Path | None) -> list[dict[str, Any]]:
    """Return the slope of each curve, that of a line through all its points on logarithmic axes; 1 is linear.

    The line has the least sum of squares. Draw the curves, if a file is wanted.
    """
    _measure(Case(1000, n_steps=2), 1)                      # loads the kernels
    _measure(Case(1000, n_steps=2, detail="event"), 1)
    rows: list[dict[str, Any]] = []
    drawn, prices = [], {}
    for curve in CURVES:
        found = [_measure(case, repeat) for case in curve.cases]
        sizes = [curve.size(case, counts) for case, (_, counts) in zip(curve.cases, found, strict=True)]
        seconds = [cpu for cpu, _ in found]
        packets = [counts["packet_in"] for _, counts in found]
        note = (f"last piece {_slope(sizes[-2:], seconds[-2:]):.2f}; {seconds[0]:.3g} to {seconds[-1]:.3g} s, "
                f"{packets[0]:.2g} to {packets[-1]:.2g} packets")
        rows.append({"name": f"CPU time against {curve.name}: slope of the fitted line", "unit": "",
                     "value": _slope(sizes, seconds), "at_most": 1.15, "note": note})
        drawn.append((curve.name, sizes, seconds))
        prices[curve.name] = seconds[-1] / sizes[-1]
    rows.append({"name": "price of a synapse from memory, to that of one in the caches", "unit": "x",
                 "value": prices[FROM_MEMORY] / prices[IN_CACHES]})
    if png is not None:
        _draw(drawn, png)
    return rows


def _slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of the line with the least sum of squares through points on logarithmic axes."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _measure(case: Case, repeat: int) -> tuple[float, dict[str, float]]:
    """Return the CPU seconds of a run, and what it counted."""
    network = local_network(case.n_neurons, case.fan_out, case.window or min(10 * case.fan_out, case.n_neurons),
                            strength=QUIET)
    chip = load_chip("loihi2", ["grid.columns=16", "grid.rows=16", *(ROOM if case.roomy else ())])
    machine = map_network(network, chip, MappingOptions(max_neurons_per_core=case.per_core))
    random = np.random.default_rng(0)
    inputs = (random.random((1, case.n_steps, case.n_neurons), np.float32) < case.activity).astype(np.int8)
    options = RunOptions(numbers="float32", detail=case.detail, workers=1, record_spikes=False)
    best, recorder = np.inf, MemoryRecorder()
    for _ in range(repeat):
        started = time.process_time()
        engine.run(machine, inputs, options, recorder)
        best = min(best, time.process_time() - started)
    counts = recorder.results[0].core_counts.sum(axis=(0, 1), dtype=np.int64)
    return best, {"packet_in": float(counts[CORE_EVENT_INDEX["packet_in"]]), "cores": float(machine.n_cores)}


def _draw(drawn: list[tuple[str, list[float], list[float]]], png: Path) -> None:
    """Draw all curves on logarithmic axes, each beside a line of slope 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 4, figsize=(13, 5.5), layout="constrained")
    for axis in axes.flat[len(drawn):]:
        axis.set_axis_off()
    for axis, (name, sizes, seconds) in zip(axes.flat, drawn, strict=False):
        axis.loglog(sizes, np.array(sizes) * seconds[-1] / sizes[-1], "--", color="0.7", label="linear")
        axis.loglog(sizes, seconds, "o-", color="#1f5fa8")
        axis.set_xlabel(name)
        axis.xaxis.set_minor_formatter("")
        axis.grid(True, which="major", color="0.92")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("CPU seconds")
    axes[0, 0].legend(frameon=False)
    figure.savefig(png, dpi=90)
