"""Cores to places on the chip, so that packets cross few links: the cost of `board`.

Annealing never uses more tiles than the naive placement, since the barrier takes longer the more tiles take part; it
moves single cores and whole tiles. It begins with the naive placement, and once more with the best of the drafts in
`drafts`, from where cores move next to those that they talk to. Its effort is bounded, whatever the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurosim.errors import OptionError
from neurosim.machine import Int64Array
from neurosim.mapping.anneal_kernels import anneal_level
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.board import Board, FloatArray, make_board, placement_cost, tiles_of
from neurosim.mapping.chip_block import chip_block
from neurosim.mapping.drafts import best_draft
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand

__all__ = ["Placement", "_board", "_row_rates", "best_placement", "place_cores", "placement_cost"]

N_LEVELS = 60
LEAST_GAIN = 0.1            # of the cost, for which the placement of earlier releases is given up
MOST_VISITS = 1e9           # of edges, by all moves of one annealing: some seconds
_board = make_board


@dataclass(frozen=True)
class Placement:
    """Where each used core is.

    physical : int64[core] core number on the chips in use, whose tiles are numbered row by row over all of them
    cost, naive_cost : links crossed per time step, and with cores placed in order
    chips : columns and rows of the chips in use
    """

    physical: Int64Array
    cost: float
    naive_cost: float
    chips: tuple[int, int] = (1, 1)


def place_cores(demand: Demand, partition: Partition, axons: AxonTable, source_core: Int64Array,
                options: MappingOptions, rates: Mapping[str, float] | None = None,
                given: Int64Array | None = None) -> Placement:
    """Return the place of each core.

    Parameters
    ----------
    source_core : int64[output row] from `axons.row_cores`
    rates : population -> packets per neuron output and time step; 1 where not given
    given : int64[core] where each core must be; None: anywhere

    Raises
    ------
    OptionError            if `rates` names no population, or is negative
    """
    row_rate = _row_rates(demand, rates or {})
    board = make_board(demand.chip, partition, axons, source_core, row_rate)
    naive = board.naive if given is None else given
    naive_cost = placement_cost(board, naive)
    if given is not None:
        return Placement(given, naive_cost, naive_cost)
    if options.placement == "random":
        physical = np.random.default_rng(options.seed).permutation(board.n_slots)[:board.n_cores].astype(np.int64)
    elif options.placement == "annealing" and board.n_cores:
        physical = best_placement(board, options.seed)
    else:
        physical = naive
    cost = placement_cost(board, physical)
    if options.placement == "annealing" and cost >= naive_cost:
        physical, cost = naive, naive_cost
    return Placement(physical, cost, naive_cost, chip_block(demand.chip, partition.n_cores))


def _row_rates(demand: Demand, rates: Mapping[str, float]) -> FloatArray:
    names = [population.name for population in demand.network.populations]
    for name, rate in rates.items():
        if name not in names:
            raise OptionError(f"rates: no population {name!r}", allowed=", ".join(names))
        if not (np.isfinite(rate) and rate >= 0):
            raise OptionError(f"rates: {name} = {rate}", allowed="a number from 0")
    return np.repeat([float(rates.get(name, 1.0)) for name in names], np.diff(demand.first_row))


def best_placement(board: Board, seed: int) -> Int64Array:
    """Return the physical core of each core: annealed from the naive placement, or from a draft.

    The second is taken where it is better by a tenth, or where the draft is better as it is and annealing finds nothing
    to mend: then the draft has seen a structure. What is gained otherwise is not worth that figures of earlier
    releases, which rest on the first, change.
    """
    first = _anneal(board, board.naive, np.random.default_rng(seed))
    draft = best_draft(board)
    if draft is None:
        return first
    second = _anneal(board, draft, np.random.default_rng(seed + 1), near=True)
    cost, drawn, annealed = (placement_cost(board, physical) for physical in (first, draft, second))
    is_structure = annealed >= drawn * (1 - 1e-9)       # sums differ in their last bits
    return second if annealed < cost * (1 - 1e-9 if is_structure else 1 - LEAST_GAIN) else first


def _anneal(board: Board, start: Int64Array, random: np.random.Generator, near: bool = False) -> Int64Array:
    """Return the best placement met while cooling down from `start`.

    near : move cores next to those they talk to, and begin cool, so that what is good already is kept
    """
    core_at = np.full(board.n_slots, -1, np.int64)
    core_at[start] = np.arange(board.n_cores)
    tile_of = tiles_of(board, start)
    n_in_tile = np.bincount(tile_of[:board.n_cores], minlength=len(board.x))
    best = core_at.copy()
    nodes, marked = np.zeros(2 * board.cores_per_tile, np.int64), np.zeros(len(tile_of), np.bool_)
    cost = best_cost = placement_cost(board, start)
    n_moves = _n_moves(board)
    for temperature in _temperatures(board, 0.05 * cost if near else cost):
        slot_a, slot_b, width = (_near_moves(board, core_at, tile_of, random, n_moves) if near else
                                 _moves(board, core_at, random, n_moves))
        cost, best_cost = anneal_level(
            slot_a, slot_b, width, random.random(n_moves), temperature, board.cores_per_tile, board.pointer,
            board.neighbour, board.weight, board.x, board.y, *board.ring, core_at, tile_of, n_in_tile, nodes,
            marked, best, cost, best_cost)
    physical = np.empty(board.n_cores, np.int64)
    slots = np.flatnonzero(best >= 0)
    physical[best[slots]] = slots
    return physical


def _n_moves(board: Board) -> int:
    """Return the moves of a level: by cores, but no more than what keeps the effort bounded."""
    visits = 4 * max(len(board.neighbour) / max(board.n_cores, 1), 1)       # two cores, before and after
    return int(min(np.clip(40 * board.n_cores, 400, 20_000), max(400, MOST_VISITS / visits / N_LEVELS)))


def _temperatures(board: Board, cost: float) -> list[float]:
    """Return falling temperatures, from about what one core's traffic costs; the last levels only descend."""
    start = max(cost / max(board.n_cores, 1), 1e-9)
    return [*np.geomspace(start, start * 1e-3, N_LEVELS).tolist(), 0.0, 0.0]


def _moves(board: Board, core_at: Int64Array, random: np.random.Generator,
           n_moves: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Draw swaps: a used slot with any slot, or in every fourth move a used tile with any tile."""
    used = np.flatnonzero(core_at >= 0)
    slot_a = used[random.integers(0, len(used), n_moves)]
    slot_b = random.integers(0, board.n_slots, n_moves)
    width = np.ones(n_moves, np.int64)
    whole = random.random(n_moves) < (0.25 if board.cores_per_tile > 1 else 0.0)
    width[whole] = board.cores_per_tile
    for slots in (slot_a, slot_b):
        slots[whole] -= slots[whole] % board.cores_per_tile
    return slot_a, slot_b, width


def _near_moves(board: Board, core_at: Int64Array, tile_of: Int64Array, random: np.random.Generator,
                n_moves: int) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Draw swaps like `_moves`, the second slot on a tile next to that of a core which the first talks to."""
    slot_a, slot_b, width = _moves(board, core_at, random, n_moves)
    core = core_at[slot_a]
    talks = (core >= 0) & (board.pointer[core + 1] > board.pointer[core])
    core = core[talks]
    edge = board.pointer[core] + random.integers(0, board.pointer[core + 1] - board.pointer[core])
    y, x = np.divmod(tile_of[board.neighbour[edge]], board.columns)
    step = random.integers(-1, 2, (2, len(core)))
    x = np.clip(x + step[0], 0, board.columns - 1)
    y = np.clip(y + step[1], 0, len(board.x) // board.columns - 1)
    within = np.where(width[talks] == 1, random.integers(0, board.cores_per_tile, len(core)), 0)
    slot_b[talks] = (y * board.columns + x) * board.cores_per_tile + within
    return slot_a, slot_b, width
