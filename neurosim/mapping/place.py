"""Cores to places on the chip, so that packets cross few links.

Cost = sum over pairs of cores of packets per time step x links between them, ports included at their tiles; a link
between two chips counts as many links of the mesh as its packets cost (`chip_block.chip_link_weight`), so that what
talks much keeps to one chip. Physical core p lies on tile p // cores_per_tile. Annealing never uses more tiles than the
naive placement, since the barrier takes longer the more tiles take part; it moves single cores and whole tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.machine import Int64Array
from neurosim.mapping.anneal_kernels import anneal_level
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.chip_block import chip_block, chip_grid, chip_link_weight, cores_in_order, tile_of_first_chip
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand
from neurosim.noc.topology import Grid

FloatArray = NDArray[np.float64]
N_LEVELS = 60


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


class _Board(NamedTuple):
    """The problem: edges between nodes (cores, then the input and the output port) as CSR, and where tiles are.

    x, y : where each tile is, in links of the mesh; between two tiles there are |x − x'| + |y − y'|, or the shorter way
        round a `ring` of so many columns and rows (0: none)
    naive : physical cores in the order in which the naive placement fills them
    """

    n_cores: int
    n_slots: int
    cores_per_tile: int
    port_tile: tuple[int, int]
    pointer: Int64Array
    neighbour: Int64Array
    weight: FloatArray
    x: FloatArray
    y: FloatArray
    ring: tuple[float, float]
    naive: Int64Array


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
    board = _board(demand.chip, partition, axons, source_core, row_rate)
    naive = board.naive if given is None else given
    naive_cost = placement_cost(board, naive)
    if given is not None:
        return Placement(given, naive_cost, naive_cost)
    if options.placement == "random":
        physical = np.random.default_rng(options.seed).permutation(board.n_slots)[:board.n_cores].astype(np.int64)
    elif options.placement == "annealing" and board.n_cores:
        physical = _anneal(board, options.seed)
    else:
        physical = naive
    cost = placement_cost(board, physical)
    if options.placement == "annealing" and cost >= naive_cost:
        physical, cost = naive, naive_cost
    return Placement(physical, cost, naive_cost, chip_block(demand.chip, partition.n_cores))


def placement_cost(board: _Board, physical: Int64Array) -> float:
    """Return the links crossed per time step with core i on physical core `physical[i]`."""
    tile_of = _tiles(board, physical)
    source = tile_of[np.repeat(np.arange(len(tile_of)), np.diff(board.pointer))]
    target = tile_of[board.neighbour]
    links = sum(_along(at[source] - at[target], ring) for at, ring in ((board.x, board.ring[0]),
                                                                      (board.y, board.ring[1])))
    return float(0.5 * (board.weight * links).sum())


def _along(offset: FloatArray, ring: float) -> FloatArray:
    offset = np.abs(offset)
    return np.minimum(offset, ring - offset) if ring else offset


def _row_rates(demand: Demand, rates: Mapping[str, float]) -> FloatArray:
    names = [population.name for population in demand.network.populations]
    for name, rate in rates.items():
        if name not in names:
            raise OptionError(f"rates: no population {name!r}", allowed=", ".join(names))
        if not (np.isfinite(rate) and rate >= 0):
            raise OptionError(f"rates: {name} = {rate}", allowed="a number from 0")
    return np.repeat([float(rates.get(name, 1.0)) for name in names], np.diff(demand.first_row))


def _board(chip: Chip, partition: Partition, axons: AxonTable, source_core: Int64Array,
           row_rate: FloatArray) -> _Board:
    n_nodes = partition.n_cores + 2
    source, rate = source_core[axons.row], row_rate[axons.row]
    low, high = np.minimum(source, axons.core), np.maximum(source, axons.core)
    apart = low != high
    key, where = np.unique(low[apart] * n_nodes + high[apart], return_inverse=True)
    weight = np.bincount(where, rate[apart], minlength=len(key))
    ends = np.concatenate([key // n_nodes, key % n_nodes])
    others = np.concatenate([key % n_nodes, key // n_nodes])
    order = np.lexsort((others, ends))
    pointer = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n_nodes), dtype=np.int64)])
    grid = chip_grid(chip, chip_block(chip, partition.n_cores))
    x, y = _positions(chip, grid)
    input_tile, output_tile = (tile_of_first_chip(chip, grid, port.tile) for port in
                               (chip.input_port, chip.output_port))
    is_ring = grid.topology == "torus"
    return _Board(partition.n_cores, grid.n_tiles * chip.noc.cores_per_tile, chip.noc.cores_per_tile,
                  (input_tile, output_tile), pointer, others[order],
                  np.concatenate([weight, weight])[order].astype(np.float64), x, y,
                  (float(grid.columns * is_ring), float(grid.rows * is_ring)),
                  cores_in_order(chip, grid)[:partition.n_cores])


def _positions(chip: Chip, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return where each tile is, in links of the mesh; a link between two chips is longer than 1."""
    longer = chip_link_weight(chip) - 1
    y, x = np.divmod(np.arange(grid.n_tiles), grid.columns)
    return x + longer * (x // chip.noc.columns), y + longer * (y // chip.noc.rows)


def _tiles(board: _Board, physical: Int64Array) -> Int64Array:
    return np.concatenate([physical // board.cores_per_tile, np.array(board.port_tile, np.int64)])


def _anneal(board: _Board, seed: int) -> Int64Array:
    """Return the best placement met while cooling down from the naive one."""
    random = np.random.default_rng(seed)
    core_at = np.full(board.n_slots, -1, np.int64)
    core_at[board.naive] = np.arange(board.n_cores)
    tile_of = _tiles(board, board.naive)
    n_in_tile = np.bincount(tile_of[:board.n_cores], minlength=len(board.x))
    best = core_at.copy()
    nodes, marked = np.zeros(2 * board.cores_per_tile, np.int64), np.zeros(len(tile_of), np.bool_)
    cost = best_cost = placement_cost(board, board.naive)
    n_moves = int(np.clip(40 * board.n_cores, 400, 20_000))
    for temperature in _temperatures(board, cost):
        slot_a, slot_b, width = _moves(board, core_at, random, n_moves)
        cost, best_cost = anneal_level(
            slot_a, slot_b, width, random.random(n_moves), temperature, board.cores_per_tile, board.pointer,
            board.neighbour, board.weight, board.x, board.y, *board.ring, core_at, tile_of, n_in_tile, nodes,
            marked, best, cost, best_cost)
    physical = np.empty(board.n_cores, np.int64)
    slots = np.flatnonzero(best >= 0)
    physical[best[slots]] = slots
    return physical


def _temperatures(board: _Board, cost: float) -> list[float]:
    """Return falling temperatures, from about what one core's traffic costs; the last levels only descend."""
    start = max(cost / max(board.n_cores, 1), 1e-9)
    return [*np.geomspace(start, start * 1e-3, N_LEVELS).tolist(), 0.0, 0.0]


def _moves(board: _Board, core_at: Int64Array, random: np.random.Generator,
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
