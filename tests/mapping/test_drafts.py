from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.mapping.board import placement_cost
from neurosim.mapping.drafts import LEAST_CORES, best_draft, drafts
from neurosim.mapping.place import best_placement
from tests.mapping.boards import Edge, chain, grid, make_board


@pytest.mark.parametrize(("n_cores", "columns", "rows", "cores_per_tile"),
                         [(16, 4, 4, 1), (50, 8, 8, 1), (64, 8, 8, 1), (128, 8, 4, 4), (90, 8, 4, 4),
                          (1500, 40, 40, 1)])
@pytest.mark.parametrize("shuffled", [None, 1])
def test_chains_are_placed_at_the_optimum(n_cores: int, columns: int, rows: int, cores_per_tile: int,
                                          shuffled: int | None) -> None:
    """Neighbours share a tile or lie next to each other: a link fewer than there are tiles."""
    board = make_board(n_cores, chain(n_cores), columns, rows, cores_per_tile, shuffled)
    assert placement_cost(board, best_placement(board, 0)) == -(-n_cores // cores_per_tile) - 1


@pytest.mark.parametrize(("width", "height", "columns", "rows"),
                         [(6, 6, 8, 8), (8, 8, 8, 8), (4, 16, 16, 16), (12, 5, 12, 12), (16, 16, 16, 16),
                          (32, 30, 32, 32)])
@pytest.mark.parametrize("shuffled", [None, 2])
def test_grids_are_placed_at_the_optimum(width: int, height: int, columns: int, rows: int,
                                         shuffled: int | None) -> None:
    """Each pair that talks lies one link apart."""
    edges = grid(width, height)
    board = make_board(width * height, edges, columns, rows, shuffled=shuffled)
    assert placement_cost(board, best_placement(board, 0)) == len(edges)


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, list[Edge], int, int, int]:
    columns, rows, per_tile = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    n_cores = draw(st.integers(1, columns * rows * per_tile))
    pairs = draw(st.sets(st.tuples(st.integers(0, n_cores + 1), st.integers(0, n_cores + 1)), max_size=40))
    edges = [(a, b, float(draw(st.integers(1, 9)))) for a, b in pairs if a < b]
    return n_cores, edges, columns, rows, per_tile


@settings(deadline=None, max_examples=60)
@given(problems())
def test_drafts_are_placements_on_as_few_tiles_as_can_be(problem: tuple[int, list[Edge], int, int, int]) -> None:
    n_cores, edges, columns, rows, per_tile = problem
    board = make_board(n_cores, edges, columns, rows, per_tile)
    for physical in drafts(board) if n_cores >= LEAST_CORES else ():
        assert len(set(physical.tolist())) == n_cores
        assert physical.min() >= 0 and physical.max() < board.n_slots
        assert len(np.unique(physical // per_tile)) <= board.n_used_tiles
    placed = best_placement(board, 0)
    assert len(set(placed.tolist())) == n_cores
    assert len(np.unique(placed // per_tile)) <= board.n_used_tiles
    draft = best_draft(board)
    assert draft is None or 0.9 * placement_cost(board, placed) <= placement_cost(board, draft) * (1 + 1e-9)


def test_whoever_talks_to_nobody_is_placed_too() -> None:
    board = make_board(9, [(0, 1, 2.0), (5, 6, 1.0)], 3, 3)
    assert placement_cost(board, best_placement(board, 0)) == 3.0
