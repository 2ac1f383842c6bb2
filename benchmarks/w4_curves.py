"""Cost against size: CPU time of the network-on-chip against packets and against cores, for `w4_noc.py --curve`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from w4_contenders import RATE, SIDE, Compiled, uniform_traffic

from neurosim.machine import UNLIMITED

PACKETS = (12_500, 25_000, 50_000, 100_000, 200_000, 400_000, 800_000)
SIDES = (4, 8, 16, 24, 32)
PACKETS_PER_CORE = 400
BUFFERS = (UNLIMITED, 4)


@dataclass(frozen=True)
class Point:
    """One point of a curve. `against`: `packets` (on 16 x 16 cores) or `cores` (with as many packets for each)."""

    against: str
    buffers: str
    n_cores: int
    n_packets: int
    n_hops: int
    cpu_s: float


def curves(n_repeats: int, seed: int, progress: Callable[[str], None]) -> list[Point]:
    """Return the points of all curves; the load of the busiest links is the same at all sizes of the mesh."""
    points = []
    for depth in BUFFERS:
        for n_packets in PACKETS:
            progress(f"{n_packets} packets")
            points.append(_point("packets", SIDE, n_packets, depth, n_repeats, seed))
        for side in SIDES:
            progress(f"{side} x {side} cores")
            points.append(_point("cores", side, PACKETS_PER_CORE * side * side, depth, n_repeats, seed))
    return points


def _point(against: str, side: int, n_packets: int, depth: int, n_repeats: int, seed: int) -> Point:
    trace = uniform_traffic(n_packets, seed, side, RATE * SIDE / side)
    contender = Compiled(trace, depth)
    best = float("inf")
    for _ in range(n_repeats):
        contender.reset()
        started = time.process_time()
        contender.carry()
        best = min(best, time.process_time() - started)
    buffers = "unlimited" if depth == UNLIMITED else str(depth)
    return Point(against, buffers, side * side, len(trace.inject), trace.n_hops, best)


def curves_table(points: list[Point]) -> str:
    """Return the points as text."""
    lines = [f"{'against':8}{'buffers':>10}{'cores':>7}{'packets':>10}{'hops':>12}{'CPU ms':>10}{'ns/hop':>8}"]
    lines += [f"{point.against:8}{point.buffers:>10}{point.n_cores:>7}{point.n_packets:>10,}{point.n_hops:>12,}"
              f"{point.cpu_s * 1e3:>10.2f}{point.cpu_s / point.n_hops * 1e9:>8.1f}" for point in points]
    return "\n".join(lines)
