"""Values with an interval; energy and time of counted core events with the figures of a chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hw_models.schema import Chip
from hw_models.unpublished import core_costs


class Span(NamedTuple):
    """A value with the corners of its interval: every figure at its nominal, low and high end."""

    value: float
    low: float
    high: float

    def __add__(self, other: object) -> Span:       # of values, not of tuples
        assert isinstance(other, Span)
        return Span(self.value + other.value, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Span:
        """Return all three times `factor`, from 0."""
        return Span(self.value * factor, self.low * factor, self.high * factor)


def energy_pj(chip: Chip, counts: Mapping[str, float]) -> Span:
    """Return the energy of core events (`events.CORE_EVENTS`), in picojoules."""
    return _total(chip, counts, "energy_pj")


def time_ns(chip: Chip, counts: Mapping[str, float]) -> Span:
    """Return the time of core events one after the other, in nanoseconds."""
    return _total(chip, counts, "latency_ns")


def _total(chip: Chip, counts: Mapping[str, float], quantity: str) -> Span:
    total = Span(0.0, 0.0, 0.0)
    for name, count in counts.items():
        figure = getattr(getattr(core_costs(chip), name), quantity)
        total += Span(figure.value, figure.low, figure.high).times(count)
    return total
