from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.mapping.board import placement_cost
from neurosim.mapping.place import best_placement
from neurosim.mapping.place_bound import least_cost
from tests.mapping.boards import Edge, all_to_all, chain, grid, make_board


@settings(deadline=None, max_examples=40)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1), st.integers(1, 2), st.booleans(),
       st.integers(0, 1000))
def test_no_placement_is_below(pairs: set[tuple[int, int]], cores_per_tile: int, torus: bool, seed: int) -> None:
    """All placements of four cores, some of which talk to the ports (4 and 5)."""
    random = np.random.default_rng(seed)
    edges: list[Edge] = [(a, b, float(random.integers(1, 9))) for a, b in sorted(pairs) if a < b]
    board = make_board(4, edges, 3, 2, cores_per_tile, torus=torus)
    best = min(placement_cost(board, np.array(order))
               for order in itertools.permutations(range(board.n_slots if cores_per_tile == 1 else 8), 4))
    assert least_cost(board) <= best * (1 + 1e-12)


@pytest.mark.parametrize(("board", "optimum"), [
    (make_board(30, chain(30), 6, 6), 29), (make_board(20, grid(5, 4), 5, 5), 31),
    (make_board(5, [(0, rim, 1.0) for rim in range(1, 5)], 3, 3), 4),           # a star
])
def test_tight_on_chains_grids_and_stars(board: object, optimum: float) -> None:
    assert least_cost(board) == pytest.approx(optimum)      # type: ignore[arg-type]


@pytest.mark.parametrize("cores_per_tile", [1, 4])
def test_tight_where_all_talk_to_all(cores_per_tile: int) -> None:
    """On a full board it does not matter who lies where."""
    n_cores = 16 * cores_per_tile
    board = make_board(n_cores, all_to_all(n_cores), 4, 4, cores_per_tile)
    assert least_cost(board) == pytest.approx(placement_cost(board, board.naive))


@pytest.mark.parametrize(("n_cores", "columns", "rows"), [(60, 8, 8), (64, 8, 8), (128, 8, 16)])
def test_placement_is_near_the_bound_where_all_talk_to_all(n_cores: int, columns: int, rows: int) -> None:
    board = make_board(n_cores, all_to_all(n_cores), columns, rows)
    assert placement_cost(board, best_placement(board, 0)) <= 1.1 * least_cost(board)
