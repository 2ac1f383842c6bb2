"""The rows of the study as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from scenarios.precision.chips import N_IMAGES, WIDTHS, Widths
from scenarios.precision.networks import SOURCES
from scenarios.precision.results import LOST_POINTS, Results
from scenarios.precision.variants import MIXED, MIXTURES, SERIES

TABLE_FILE = Path(__file__).parent / "table.md"
HEAD = f"""# Bits of the digit networks

Written by `python -m scenarios.precision.study`; README.md says what was done. Accuracies in percent of 360 test
images: one image is 0.28. Bits are *enough* if they, and all more, lose at most {LOST_POINTS:g} point against float64,
or against the most bits of the sweep where these do worse than float64.
"""
NEEDED = """## Bits that are enough

In brackets the most bits of the sweep that are not, with their accuracy. The rest has the words of Loihi 2: A 16,
weights and B, C, D 8, state 24, payload 24. *Tight*: scales that are no powers of two, and no headroom.
"""
RANGES = """## Range of the state

Largest magnitude of a state in each channel, in float64 on the calibration images: the least channel, the median, the
most, and how many bits lie between least and most.
"""
TOGETHER = """## Several at once

A; C (B and D too); h, the state; W, the synapses (two numbers: all others / those that mix channels); m, the membrane;
p, the payload. Accuracy with one scale per tensor / with scales by channel.
"""
CHIPS = f"""## Cores, energy, time

`generic-mesh` with cores of 4 KiB for synapses and 4 KiB for state, links a byte wide. Energy and latency of one
image, mean of {N_IMAGES}; accuracy of all 360, with one scale per tensor and with scales by channel. The energy of a
single event is that of the chip file at all widths.
"""
MISMATCH = """Spikes that differ from the float64 run, in percent of all neurons and tokens, mean of both layers. Those
of each layer, and overflows: results.json.
"""
SHORT = {"lif": "LIF, 64", "binary": "binary, 64", "gsu": "GSU, 64", "lif784": "LIF, 784"}
NETWORK_HEAD = ["", *(SHORT[network] for network in SOURCES)]


def write_table(results: Results, path: Path = TABLE_FILE) -> Path:
    """Write all tables; return the file."""
    parts = [HEAD, _needed(results), _ranges(results), _mixtures(results), _chips(results)]
    parts += [_sweeps(results, network) for network in SOURCES]
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def _needed(results: Results) -> str:
    floats = ["float64", *(f"{results.float_accuracy(network):.1f}" for network in SOURCES)]
    rows = [[series.title, *(_needed_cell(results, network, series.name) for network in SOURCES)] for series in SERIES]
    return f"{NEEDED}\n{markdown(NETWORK_HEAD, [floats, *rows])}"


def _needed_cell(results: Results, network: str, series: str) -> str:
    sweep, needed = results.sweep(network, series), results.bits_needed(network, series)
    if not sweep:
        return ""
    worse = [bits for bits in sweep if needed is None or bits < needed]
    broken = f" ({max(worse)}: {_shown(sweep[max(worse)])})" if worse else ""
    return (f"> {max(sweep)}" if needed is None else f"**{needed}**" if worse else f"**≤ {needed}**") + broken


def _ranges(results: Results) -> str:
    rows = [[f"{SHORT[network]}, layer {layer + 1}", *_range_cells(kept), *_range_cells(folded)]
            for network in SOURCES
            for row in [results.rows["ranges"][(network,)]]
            for layer, (kept, folded) in enumerate(zip(row["kept"], row["folded"], strict=True))]
    head = ["", "least", "median", "most", "bits", "B folded: least", "median", "most", "bits"]
    return f"{RANGES}\n{markdown(head, rows)}"


def _range_cells(channels: Sequence[float]) -> list[str]:
    return [*(f"{value:g}" for value in channels), f"{math.log2(channels[2] / channels[0]):.1f}"]


def _mixtures(results: Results) -> str:
    rows = []
    for mixture in MIXTURES:
        name = str(mixture)
        cells = [" / ".join(_shown(results.accuracy(network, kind, name)) for kind in MIXED) for network in SOURCES]
        rows.append([name, *cells])
    return f"{TOGETHER}\n{markdown(NETWORK_HEAD, rows)}"


def _chips(results: Results) -> str:
    rows = []
    for network in SOURCES:
        for widths in WIDTHS:
            row = results.rows["chips"][network, str(widths)]
            accuracies = [f"{results.percent(network, row[name]):.1f}" for name in ("correct", "correct_by_channel")]
            rows.append([SHORT[network], *_changed(widths), *accuracies, str(row["cores"]),
                         f"{row['energy_nj'] / 1000:.1f}", f"{row['dynamic_nj'] / 1000:.2f}",
                         f"{row['latency_ns'] / 1000:.0f}"])
    head = ["", "weights, B, C, D", "state", "A", "payload", "per tensor", "by channel", "cores", "energy, µJ",
            "dynamic, µJ", "latency, µs"]
    return f"{CHIPS}\n{markdown(head, rows)}"


def _changed(widths: Widths) -> list[str]:
    """Return the widths, those in bold that differ from the first."""
    return [str(bits) if bits == usual else f"**{bits}**" for bits, usual in zip(widths, WIDTHS[0], strict=True)]


def _sweeps(results: Results, network: str) -> str:
    series = [item for item in SERIES if network in item.only]
    columns = sorted({bits for item in series for bits in results.sweep(network, item.name)})
    accuracies, mismatches = [], []
    for item in series:
        sweep, needed = results.sweep(network, item.name), results.bits_needed(network, item.name)
        accuracies.append([item.title, *(_bold(_shown(sweep[bits]), bits == needed) if bits in sweep else ""
                                         for bits in columns)])
        mismatches.append([item.title, *(_mismatch(results, network, item.name, bits) if bits in sweep else ""
                                         for bits in columns)])
    head = ["bits", *map(str, columns)]
    exact = results.float_accuracy(network)
    text = f"Accuracy; {exact:.1f} in float64. Bold: the fewest bits that are enough. x: no format holds the values.\n"
    return "\n".join([f"## {SOURCES[network][0]}\n", text, markdown(head, accuracies), MISMATCH,
                      markdown(head, mismatches)])


def _mismatch(results: Results, network: str, series: str, bits: int) -> str:
    layers = results.mismatch(network, series, bits)
    if layers is None:
        return "x"
    mean = sum(layers) / len(layers)
    return f"{mean:.1f}" if mean >= 1 else f"{mean:.2f}"


def _shown(accuracy: float | None) -> str:
    return "x" if accuracy is None else f"{accuracy:.1f}"


def _bold(text: str, condition: bool) -> str:
    return f"**{text}**" if condition else text


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
