"""What no placement can undercut.

Each core must lie somewhere, and at best those it talks to lie around it, the heaviest talkers nearest: c[i, k], half
the links of core i's packets to other cores if it lay on tile k with the nearest places taken so, and all those of its
packets to the ports. Every core has at least the least of its row, and n cores take n different places, each at least
the least of its column. The larger sum bounds the cost of every placement.

Source: P. C. Gilmore, "Optimal and suboptimal algorithms for the quadratic assignment problem", 1962; the assignment
problem, which would give a tighter bound, is replaced by its row and column minima.
"""

from __future__ import annotations

import numpy as np

from neurosim.mapping.board import Board, FloatArray, links_between


def least_cost(board: Board) -> float:
    """Return a lower bound on `placement_cost`, in links crossed per time step. Takes memory of tiles squared."""
    costs = _costs(board)
    by_core = float(costs.min(axis=0).sum())
    places = np.sort(np.repeat(costs.min(axis=1), board.cores_per_tile))
    return max(by_core, float(places[:board.n_cores].sum()))


def _costs(board: Board) -> FloatArray:
    """Return c; float64[tile, core]."""
    tiles = np.arange(len(board.x))
    distance = links_between(board, tiles[:, None], tiles[None, :])
    to_port = np.stack([distance[:, tile] for tile in board.port_tile])
    nearest = np.sort(distance, axis=1)
    costs = np.zeros((len(tiles), board.n_cores))
    for core in range(board.n_cores):
        span = slice(board.pointer[core], board.pointer[core + 1])
        other, weight = board.neighbour[span], board.weight[span]
        inner = other < board.n_cores
        heaviest = np.sort(weight[inner])[::-1]
        # On each tile there are `cores_per_tile` places, on its own one less.
        costs[:, core] = 0.5 * nearest[:, (np.arange(len(heaviest)) + 1) // board.cores_per_tile] @ heaviest
        for other_core, load in zip(other[~inner].tolist(), weight[~inner].tolist(), strict=True):
            costs[:, core] += load * to_port[other_core - board.n_cores]
    return costs
