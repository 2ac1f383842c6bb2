"""Placements to begin with, drawn up from who talks to whom.

Cores in an order (that of the network, that of a walk in breadth, or along the slowest mode of the traffic's
Laplacian) go along a path (row by row, or to and fro, so that what follows lies next to what was before); and cores in
a plane, by two slow modes, go to the columns and rows of a rectangle. Chains and grids are recognised so, whatever the
order in which the network names their cores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurosim.machine import Int64Array
from neurosim.mapping.board import Board, FloatArray, placement_cost

LEAST_CORES = 4             # fewer are placed by annealing as well as can be
MOST_MODES = 1024           # cores up to which modes are computed, in a second
MOST_EDGES = 300_000        # up to which drafts in a plane are tried: a hundred of them
_N_MODES = 6                # the second direction of a grid six times as long as wide
_N_ANGLES = 180


def best_draft(board: Board) -> Int64Array | None:
    """Return the physical core of each core in the best draft; None where there are too few cores to draft for."""
    if board.n_cores < LEAST_CORES or not len(board.neighbour):
        return None
    found = list(drafts(board))
    return found[int(np.argmin([placement_cost(board, physical) for physical in found]))]


def drafts(board: Board) -> Iterator[Int64Array]:
    """Yield placements of `LEAST_CORES` or more; all of them use as few tiles as there can be."""
    modes = _slow_modes(board) if board.n_cores <= MOST_MODES else None
    orders = [np.arange(board.n_cores), _breadth(board)]
    if modes is not None:
        orders.append(np.argsort(modes[:, 0], kind="stable"))
    for path in (board.naive, _to_and_fro(board)):
        for order in orders:
            for way in (order, order[::-1]):
                physical = np.empty(board.n_cores, np.int64)
                physical[way] = path
                yield physical
    if modes is not None and modes.shape[1] > 1 and len(board.neighbour) <= MOST_EDGES:
        yield from _in_plane(board, modes)


def _to_and_fro(board: Board) -> Int64Array:
    """Return the slots of the naive placement, every second row of tiles backward."""
    tile = board.naive // board.cores_per_tile
    row = tile // board.columns
    turned = board.naive.copy()
    # Rows follow each other chip by chip: a row here is a run of slots in one row of one chip.
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(row)], strict=True)):
        if number % 2 and stop < len(row):
            turned[start:stop] = turned[start:stop][::-1]
        elif number % 2:                        # the last row may be part of one: beginning under the end of the last
            turned[start:stop] = _pushed(board, turned[start:stop], int(turned[start - 1]))
    return turned if len(np.unique(turned)) == len(turned) else board.naive     # a row of another chip was above


def _pushed(board: Board, slots: Int64Array, before: int) -> Int64Array:
    """Return as many slots of the row of `slots`, backward from the column of slot `before`."""
    per_tile = board.cores_per_tile
    tiles = np.unique(slots // per_tile)
    column, above = int(tiles[0]) % board.columns, before // per_tile % board.columns
    last = max(above, column + len(tiles) - 1)
    shifted = (tiles - column + last - len(tiles) + 1)[::-1]
    return np.asarray((shifted[:, None] * per_tile + np.arange(per_tile)).reshape(-1)[:len(slots)], np.int64)


def _breadth(board: Board) -> Int64Array:
    """Return the cores in order of a walk in breadth, from the one that a first walk reaches last."""
    start = 0
    for _ in range(3):
        order = _walk(board, start)
        start = int(order[-1])
    return order


def _walk(board: Board, start: int) -> Int64Array:
    seen = np.zeros(board.n_cores + 2, bool)
    seen[board.n_cores:] = True                 # ports lie where they lie
    order: list[int] = []
    for first in (start, *range(board.n_cores)):
        if seen[first]:
            continue
        seen[first] = True
        waiting = [first]
        for core in waiting:                    # grows while it is walked
            span = slice(board.pointer[core], board.pointer[core + 1])
            near = board.neighbour[span]
            fresh = ~seen[near]
            near = near[fresh][np.argsort(-board.weight[span][fresh], kind="stable")]
            seen[near] = True
            waiting += near.tolist()
        order += waiting
    return np.array(order, np.int64)


def _slow_modes(board: Board) -> FloatArray:
    """Return the slowest modes of the traffic between cores, the constant one left out; float64[core, mode]."""
    n_cores = board.n_cores
    source = np.repeat(np.arange(n_cores + 2), np.diff(board.pointer))
    inner = (source < n_cores) & (board.neighbour < n_cores)
    laplacian = np.zeros((n_cores, n_cores))
    laplacian[source[inner], board.neighbour[inner]] = -board.weight[inner]
    laplacian[np.diag_indices(n_cores)] = -laplacian.sum(axis=1)
    modes: FloatArray = np.linalg.eigh(laplacian)[1][:, 1:1 + _N_MODES]
    return modes


def _in_plane(board: Board, modes: FloatArray) -> Iterator[Int64Array]:
    """Yield the cores in rectangles of tiles, along one direction of the modes and across another."""
    for slots in _rectangles(board):
        row = slots // (board.cores_per_tile * board.columns)
        for along, across in _directions(modes):
            for up, right in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                by_row = np.empty(board.n_cores, np.int64)
                by_row[np.argsort(up * across, kind="stable")] = row        # slots ascend row by row
                physical = np.empty(board.n_cores, np.int64)
                physical[np.lexsort((right * along, by_row))] = slots
                yield physical


def _rectangles(board: Board) -> Iterator[Int64Array]:
    """Yield the slots of rectangles that hold the cores, row by row: near to a square, or without empty tiles."""
    n_tiles, per_tile = board.n_used_tiles, board.cores_per_tile
    n_rows, tile = len(board.x) // board.columns, np.arange(n_tiles)
    square = max(int(np.ceil(np.sqrt(n_tiles))), -(-n_tiles // n_rows))
    whole = [width for width in range(2, board.columns + 1) if n_tiles % width == 0 and 2 * width <= n_tiles]
    for width in sorted({min(square, board.columns), *whole}):
        if -(-n_tiles // width) <= n_rows:
            tiles = tile // width * board.columns + tile % width
            yield np.sort((tiles[:, None] * per_tile + np.arange(per_tile)).reshape(-1))[:board.n_cores]


def _directions(modes: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield pairs of directions: the first two modes as they are and turned apart, and others."""
    first, second = modes[:, 0], modes[:, 1]
    turn = np.arange(_N_ANGLES)[:, None] * np.pi / _N_ANGLES
    # Equal modes come mixed. The modes of a grid's rows and columns do not depend on each other and are flat, and no
    # mixture of two such is as flat as they are: its fourth moment is larger.
    angle = float(turn[np.argmin(((np.cos(turn) * first + np.sin(turn) * second) ** 4).sum(axis=1)), 0])
    for theta in (0.0, np.pi / 4, angle):
        yield (np.cos(theta) * first + np.sin(theta) * second, np.cos(theta) * second - np.sin(theta) * first)
        yield (np.cos(theta) * second - np.sin(theta) * first, np.cos(theta) * first + np.sin(theta) * second)
    for other in range(2, modes.shape[1]):
        yield first, modes[:, other]
        yield modes[:, other], first
