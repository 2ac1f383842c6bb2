"""Conversions at the edge. The engine's clock is an int64 of picoseconds."""

from __future__ import annotations

PS_PER_NS = 1_000
PS_PER_S = 1_000_000_000_000


def ns_to_ps(latency_ns: float) -> int:
    """Return `latency_ns` as whole picoseconds, rounded half to even."""
    return round(latency_ns * PS_PER_NS)


def ps_to_s(time_ps: float) -> float:
    """Return picoseconds as seconds."""
    return time_ps / PS_PER_S
