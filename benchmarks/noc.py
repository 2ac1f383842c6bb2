"""Packet-hops per second of the network-on-chip, against a loop written by hand for the same trace.

    python benchmarks/noc.py [--packets N] [--repeat N] [--reference-packets N] [--json FILE]

One run on one core: uniform random single-flit packets on a 16 x 16 mesh with XY routing, 0.05 per node and cycle. All
ways to carry them must agree on every arrival time before any of them is timed; see README.md in this folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from harness import Progress, environment, parser_of, pin, print_environment, write_json
from noc_contenders import RATE, SIDE, Compiled, Contender, HandWritten, Plain, Reference, uniform_traffic

from neurosim.machine import UNLIMITED

DEPTHS = (4, 16)                        # slots of a router's FIFO, with back-pressure


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
    for contender in compiled[1:]:      # the first run of each is a warm-up
        cpu_time(contender)
    contenders: list[Contender] = [plain, tuned, *compiled, *reference]
    times = measure([plain, tuned, *compiled], n_repeats, progress) + measure([*reference], 1, progress)
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
    parser.add_argument("--reference-packets", type=int, default=4000, help="share for SimPy, default 4000")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = arguments()
    where, progress = environment(pin()), Progress()
    rows = run(options.packets, options.reference_packets, options.repeat, options.seed, progress)
    progress.clear()
    print(f"{SIDE} x {SIDE} mesh, XY, {RATE} one-flit packets per node and cycle; CPU time, best of {options.repeat}")
    print_environment(where)
    print(table(rows))
    write_json(options.json, where, [{**vars(row), "hops_per_s": row.hops_per_s} for row in rows])


if __name__ == "__main__":
    main()
