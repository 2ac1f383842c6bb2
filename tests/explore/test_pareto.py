"""Fronts against the definition, point by point."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from neurosim.explore.pareto import as_costs, best, crowding, front


def dominates(a: list[float], b: list[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


@given(arrays(np.float64, some.tuples(some.integers(0, 25), some.integers(1, 3)), elements=some.integers(0, 5)))
def test_the_front_is_what_nothing_dominates(costs: np.ndarray) -> None:
    rows = costs.tolist()
    assert front(costs).tolist() == [not any(dominates(other, row) for other in rows) for row in rows]


@given(arrays(np.float64, some.tuples(some.integers(1, 20), some.just(2)), elements=some.integers(0, 6)),
       some.integers(1, 20))
def test_the_best_are_whole_fronts_first(costs: np.ndarray, n_wanted: int) -> None:
    chosen = set(best(costs, n_wanted).tolist())
    assert len(chosen) == min(n_wanted, len(costs))
    left = list(range(len(costs)))
    while left:
        members = {index for index in left if not any(dominates(costs[other].tolist(), costs[index].tolist())
                                                      for other in left)}
        if not members <= chosen:
            assert not (chosen & set(left)) - members
            break
        left = [index for index in left if index not in members]


def test_the_ends_of_a_front_have_most_room() -> None:
    room = crowding(np.array([[0.0, 4.0], [1.0, 2.0], [3.0, 1.0], [4.0, 0.0]]))
    assert np.isinf(room[[0, 3]]).all()
    assert room[1:3].tolist() == [3 / 4 + 3 / 4, 3 / 4 + 2 / 4]


def test_what_is_to_be_large_changes_sign() -> None:
    assert as_costs([[0.9, 2.0]], ["max", "min"]).tolist() == [[-0.9, 2.0]]
