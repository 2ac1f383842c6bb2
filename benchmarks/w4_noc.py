"""Packet-hops per second of the network-on-chip, against a loop written by hand for the same trace.

    python benchmarks/w4_noc.py [--packets N] [--repeat N] [--reference-packets N] [--curve] [--json FILE]

One run on one core: uniform random single-flit packets on a 16 x 16 mesh with XY routing, 0.05 per node and cycle. All
ways to carry them must agree on every arrival time before any of them is timed; see README.md in this folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from harness import (
    Figure,
    Progress,
    environment,
    figures_table,
    parser_of,
    pin,
    print_environment,
    write_figures,
    write_json,
)
from w4_contenders import (
    RATE,
    SIDE,
    TARGET_BUFFERED,
    TARGET_UNLIMITED,
    Compiled,
    Contender,
    HandWritten,
    Idiomatic,
    Plain,
    Reference,
    uniform_traffic,
)
from w4_curves import curves, curves_table

from neurosim.machine import UNLIMITED

DEPTHS = (4, 16)                        # slots of a router's FIFO, with back-pressure
TARGET_SIMPY = 500                      # over SimPy with a process per packet and a Resource per link
LATENCY_TOLERANCE = 0.03                # mean latency of the same, whose ties are not defined


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    name: str
    packets: int
    hops: int
    cpu_s: float
    target: float | None                # of `to_plain`
    to_plain: float                     # hops per second, over those of the plain hand-written loop
    to_tuned: float                     # over those of the tuned one
    to_simpy: float                     # over those of the SimPy engine with the same buffers

    @property
    def hops_per_s(self) -> float:
        return self.hops / self.cpu_s


def check_equal(first: Contender, second: Contender) -> None:
    """Run both; stop unless every packet arrives at the same time."""
    for contender in (first, second):
        contender.reset()
        contender.carry()
    different = np.flatnonzero(first.arrival() != second.arrival())
    if len(different):
        sys.exit(f"{first.name} and {second.name} differ in {len(different)} of {len(first.trace.inject)} arrivals, "
                 f"first in packet {different[0]}")


def check_latency(exact: Contender, other: Contender) -> None:
    """Stop unless the mean latency of the first packets is nearly the same."""
    other.reset()
    other.carry()
    n_packets = len(other.trace.inject) // 2            # later ones meet fewer packets in a share of the trace
    latency = [float((contender.arrival()[:n_packets] - other.trace.inject[:n_packets]).mean())
               for contender in (exact, other)]
    if abs(latency[1] / latency[0] - 1) > LATENCY_TOLERANCE:
        sys.exit(f"{other.name}: mean latency {latency[1]:.2f}, {exact.name}: {latency[0]:.2f}")


def cpu_time(contender: Contender) -> float:
    """Return the CPU time of one run."""
    contender.reset()
    started = time.process_time()
    contender.carry()
    return time.process_time() - started


def measure(contenders: list[Contender], n_repeats: int, progress: Callable[[str], None]) -> list[float]:
    """Return the best time of each; repetitions take turns, so that a busy moment strikes all alike."""
    best = [float("inf")] * len(contenders)
    for repeat in range(n_repeats):
        for index, contender in enumerate(contenders):
            progress(f"{repeat + 1}/{n_repeats} {contender.name}")
            best[index] = min(best[index], cpu_time(contender))
    return best


def run(n_packets: int, n_reference: int, n_repeats: int, seed: int, progress: Callable[[str], None]) -> list[Row]:
    """Check that all agree, measure, and return one row each; the hand-written loops come first."""
    trace = uniform_traffic(n_packets, seed)
    share = trace.head(n_reference)
    buffers = (UNLIMITED, *DEPTHS)
    plain, tuned, compiled = Plain(trace), HandWritten(trace), [Compiled(trace, depth) for depth in buffers]
    progress("compiling, comparing arrivals")
    check_equal(plain, compiled[0])
    check_equal(tuned, compiled[0])
    reference = [Reference(share, depth) for depth in buffers]
    for simpy_engine in reference:
        check_equal(simpy_engine, Compiled(share, simpy_engine.buffer_packets))
    idiomatic = Idiomatic(share)
    check_latency(compiled[0], idiomatic)
    for contender in compiled[1:]:      # the first run of each is a warm-up
        cpu_time(contender)
    contenders: list[Contender] = [plain, tuned, *compiled, *reference, idiomatic]
    times = measure([plain, tuned, *compiled], n_repeats, progress) + measure([*reference, idiomatic], 1, progress)
    rates = [contender.trace.n_hops / cpu_s for contender, cpu_s in zip(contenders, times, strict=True)]
    of_simpy = {contender.buffer_packets: rate for contender, rate in zip(contenders, rates, strict=True)
                if isinstance(contender, Reference)}
    return [Row(contender.name, len(contender.trace.inject), contender.trace.n_hops, cpu_s, contender.target,
                rate / rates[0], rate / rates[1], rate / of_simpy[contender.buffer_packets])
            for contender, cpu_s, rate in zip(contenders, times, rates, strict=True)]


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'':28}{'packets':>10}{'packet-hops/s':>16}{'ns/hop':>9}{'to plain':>10}{'target':>8}"
             f"{'to tuned':>10}{'to SimPy':>10}"]
    for row in rows:
        target = "" if row.target is None else f">= {row.target}"
        lines.append(f"{row.name:28}{row.packets:>10,}{row.hops_per_s / 1e6:>14.3f} M{1e9 / row.hops_per_s:>9.1f}"
                     f"{row.to_plain:>10.4f}{target:>8}{row.to_tuned:>10.4f}{row.to_simpy:>10,.0f}")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, repeat=7, repeat_help="the best counts")
    parser.add_argument("--packets", type=int, default=1_000_000, help="about so many, default 1000000")
    parser.add_argument("--curve", action="store_true", help="time against packets and against cores instead")
    parser.add_argument("--reference-packets", type=int, default=4000, help="share for SimPy, default 4000")
    return parser.parse_args()


def figures(rows: list[Row]) -> list[Figure]:
    """Return what is promised, beside its target."""
    of = {row.name: row for row in rows}
    unlimited, idiomatic = of["compiled, unlimited buffers"], of["SimPy, Resource per link"]
    buffered = [of[f"compiled, buffers of {depth}"] for depth in DEPTHS]
    plain, tuned = "the plain hand-written wheel", "the tuned hand-written wheel"
    return [
        Figure("W4", "unlimited buffers", unlimited.hops_per_s / 1e6, "M hops/s"),
        *(Figure("W4", row.name.removeprefix("compiled, "), row.hops_per_s / 1e6, "M hops/s") for row in buffered),
        Figure("W4", f"unlimited buffers, to {plain}", unlimited.to_plain, "x", at_least=TARGET_UNLIMITED),
        Figure("W4", f"unlimited buffers, to {tuned}", unlimited.to_tuned, "x",
               note=f"{TARGET_UNLIMITED} aimed at; the wheel itself: {of[HandWritten.name].hops_per_s / 1e6:.0f} M"),
        *(Figure("W4", f"{row.name.removeprefix('compiled, ')}, to {plain}", row.to_plain, "x",
                 at_least=TARGET_BUFFERED) for row in buffered),
        *(Figure("W4", f"{row.name.removeprefix('compiled, ')}, to {tuned}", row.to_tuned, "x") for row in buffered),
        Figure("W4", "unlimited buffers, to SimPy with a Resource per link", unlimited.hops_per_s
               / idiomatic.hops_per_s, "x", at_least=TARGET_SIMPY)]


def main() -> None:
    """Print the tables."""
    options = arguments()
    where, progress = environment(pin()), Progress()
    command = f"python benchmarks/w4_noc.py --repeat {options.repeat} --seed {options.seed}"
    if options.curve:
        found = curves(options.repeat, options.seed, progress)
        progress.clear()
        print_environment(where)
        print(curves_table(found))
        write_json(options.json, where, [asdict(point) for point in found])
        return
    rows = run(options.packets, options.reference_packets, options.repeat, options.seed, progress)
    progress.clear()
    print(f"{SIDE} x {SIDE} mesh, XY, {RATE} one-flit packets per node and cycle; CPU time, best of {options.repeat}")
    print_environment(where)
    print(table(rows))
    print(figures_table(figures(rows)))
    write_figures(options.json, where, f"{command} --packets {options.packets}", figures(rows))


if __name__ == "__main__":
    main()
