"""Boards of a placement from a list of edges, without network and chip."""

from __future__ import annotations

import numpy as np

from neurosim.mapping.board import Board

Edge = tuple[int, int, float]


def make_board(n_cores: int, edges: list[Edge], columns: int, rows: int, cores_per_tile: int = 1,
               shuffled: int | None = None, torus: bool = False) -> Board:
    """Core n_cores is the input port, n_cores + 1 the output port, both at tile 0; `shuffled`: cores renamed."""
    names = np.arange(n_cores + 2)
    if shuffled is not None:
        names[:n_cores] = np.random.default_rng(shuffled).permutation(n_cores)
    table: list[list[tuple[int, float]]] = [[] for _ in range(n_cores + 2)]
    for first, second, weight in edges:
        a, b = int(names[first]), int(names[second])
        table[a].append((b, weight))
        table[b].append((a, weight))
    table = [sorted(row) for row in table]
    pointer = np.cumsum([0] + [len(row) for row in table]).astype(np.int64)
    tile = np.arange(columns * rows)
    return Board(n_cores, len(tile) * cores_per_tile, cores_per_tile, (0, 0), pointer,
                 np.array([other for row in table for other, _ in row], np.int64),
                 np.array([weight for row in table for _, weight in row], np.float64),
                 (tile % columns).astype(np.float64), (tile // columns).astype(np.float64),
                 (float(columns * torus), float(rows * torus)), np.arange(n_cores, dtype=np.int64), columns)


def chain(n_cores: int) -> list[Edge]:
    return [(core, core + 1, 1.0) for core in range(n_cores - 1)]


def grid(columns: int, rows: int) -> list[Edge]:
    number = np.arange(columns * rows).reshape(rows, columns)
    pairs = [*zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True),
             *zip(number[:-1].ravel(), number[1:].ravel(), strict=True)]
    return [(int(a), int(b), 1.0) for a, b in pairs]


def all_to_all(n_cores: int) -> list[Edge]:
    return [(a, b, 1.0) for a in range(n_cores) for b in range(a)]
