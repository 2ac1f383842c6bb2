"""Which points come next. A search proposes points in batches and is told the outcomes of a batch before the next.

What it proposes follows from the study and from the outcomes told, in the order of their numbers: not from which
worker was first, nor from where a study was killed and went on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from neurosim.explore.parameters import grid_points, random_point
from neurosim.explore.points import Point
from neurosim.explore.study import Study
from neurosim.explore.study_file import Bound
from neurosim.explore.trial import OK, Outcome

# Draws in a row that bring nothing new, after which a space counts as exhausted.
PATIENCE = 1000


class Search(Protocol):
    """Proposes points."""

    def batch(self) -> Mapping[int, Point]:
        """Return the points that come next, by number, also those that have outcomes already; empty at the end."""
        ...

    def tell(self, outcomes: Mapping[str, Outcome]) -> None:
        """Take the outcomes of the last batch, by the points' keys."""
        ...


class PlannedSearch:
    """Points that are known beforehand: a grid, or random draws without repetition."""

    def __init__(self, study: Study) -> None:
        self._points: dict[int, Point] = dict(enumerate(_planned(study)))

    def batch(self) -> Mapping[int, Point]:
        """Return all points at once."""
        points, self._points = self._points, {}
        return points

    def tell(self, outcomes: Mapping[str, Outcome]) -> None:
        """Nothing depends on them."""


def _planned(study: Study) -> Iterator[Point]:
    if study.content.search.method == "grid":
        yield from (Point(settings) for settings in grid_points(study.parameters))
        return
    seen: set[str] = set()
    draw = n_in_vain = 0
    while len(seen) < study.n_points and n_in_vain < PATIENCE:
        point = Point(random_point(study.parameters, study.content.search.seed, draw))
        draw += 1
        n_in_vain += 1
        if point.key not in seen:
            seen.add(point.key)
            n_in_vain = 0
            yield point


def violations(outcome: Outcome, constraints: Mapping[str, Bound]) -> dict[str, float]:
    """Return by how much an outcome breaks each constraint, as a share of the bound; at most 0 where it keeps to it.

    A point that does not fit breaks `fit`, and one without a metric the metric's constraint, by 1.
    """
    found = {"fit": 0.0 if outcome.status == OK else 1.0}
    metrics = outcome.metrics or {}
    for name, bound in constraints.items():
        value = metrics.get(str(name))
        for end, sign in ((bound.min, -1.0), (bound.max, 1.0)):
            if end is not None:
                key = f"{name} {'min' if sign < 0 else 'max'}"
                found[key] = 1.0 if value is None else sign * (value - end) / (abs(end) or 1.0)
    return found


def keeps_to(outcome: Outcome, constraints: Mapping[str, Bound]) -> bool:
    """Whether a point fits and keeps to every constraint."""
    return all(value <= 0 for value in violations(outcome, constraints).values())
