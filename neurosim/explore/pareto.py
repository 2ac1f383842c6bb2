"""Which points no other point beats, and which of many to look at more closely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


def front(costs: Float64Array) -> NDArray[np.bool_]:
    """Return which rows of costs[point, objective], all to be small, no other row dominates; bool[point].

    A row dominates another if it is nowhere larger and somewhere smaller; equal rows are on the front together.
    """
    n_points = len(costs)
    order = np.lexsort(costs.T[::-1])           # whoever dominates comes earlier
    kept = np.zeros(n_points, bool)
    members = np.empty((0, costs.shape[1]))
    for point in order:
        row = costs[point]
        dominated = ((members <= row).all(axis=1) & (members < row).any(axis=1)).any()
        if not dominated:
            kept[point] = True
            members = np.vstack([members, row])
    return kept


def crowding(costs: Float64Array) -> Float64Array:
    """Return how much room each point of a front has, float64[point]; infinite at the ends (Deb et al. 2002)."""
    n_points, n_objectives = costs.shape
    room = np.zeros(n_points)
    for objective in range(n_objectives):
        order = np.argsort(costs[:, objective], kind="stable")
        values = costs[order, objective]
        span = values[-1] - values[0]
        room[order[[0, -1]]] = np.inf
        if span > 0:
            room[order[1:-1]] += (values[2:] - values[:-2]) / span
    return room


def best(costs: Float64Array, n_wanted: int) -> Int64Array:
    """Return the indices of `n_wanted` rows: front after front; of the last front those with most room around them."""
    left = np.arange(len(costs))
    chosen: list[int] = []
    while len(left) and len(chosen) < n_wanted:
        on_front = front(costs[left])
        members = left[on_front]
        room = crowding(costs[members])
        ranked = members[np.argsort(-room, kind="stable")]
        chosen += ranked[:n_wanted - len(chosen)].tolist()
        left = left[~on_front]
    return np.array(sorted(chosen), np.int64)


def as_costs(rows: Sequence[Sequence[float]], directions: Sequence[str]) -> Float64Array:
    """Return values[point][objective] with every objective to be small: those to be large change sign."""
    signs = np.array([-1.0 if direction == "max" else 1.0 for direction in directions])
    values: Float64Array = np.asarray(rows, np.float64).reshape(len(rows), len(directions)) * signs
    return values
