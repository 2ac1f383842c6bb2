"""Cores to places on the chip, so that packets cross few links.

Cost = sum over pairs of cores of packets per time step x links between them, ports included at their tiles. Physical
core p lies on tile p // cores_per_tile. Annealing never uses more tiles than the naive placement, since the barrier
takes longer the more tiles take part; it moves single cores and whole tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from neurosim.errors import MappingError, OptionError
from neurosim.machine import Int32Array, Int64Array
from neurosim.mapping.anneal_kernels import anneal_level
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.resources import Demand
from neurosim.noc.topology import Grid, hop_counts

FloatArray = NDArray[np.float64]
MAX_TILES = 4096
N_LEVELS = 60


@dataclass(frozen=True)
class Placement:
    """Where each used core is.

    physical : int64[core] core number on the chip
    cost, naive_cost : links crossed per time step, and with cores placed in order
    """

    physical: Int64Array
    cost: float
    naive_cost: float


class _Board(NamedTuple):
    """The problem: edges between nodes (cores, then the input and the output port) as CSR, and distances."""

    n_cores: int
    n_slots: int
    cores_per_tile: int
    port_tile: tuple[int, int]
    pointer: Int64Array
    neighbour: Int64Array
    weight: FloatArray
    distance: Int32Array       # [tile, tile] links


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
    naive = np.arange(partition.n_cores, dtype=np.int64) if given is None else given
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
    return Placement(physical, cost, naive_cost)


def placement_cost(board: _Board, physical: Int64Array) -> float:
    """Return the links crossed per time step with core i on physical core `physical[i]`."""
    tile_of = _tiles(board, physical)
    source = np.repeat(np.arange(len(tile_of)), np.diff(board.pointer))
    return float(0.5 * (board.weight * board.distance[tile_of[source], tile_of[board.neighbour]]).sum())


def chip_grid(chip: Chip) -> Grid:
    """Return shape and routing of the chip's network.

    Raises
    ------
    MappingError           if the chip has more tiles than tables of [tile, tile] can hold
    """
    if chip.n_tiles > MAX_TILES:
        raise MappingError(f"chip {chip.name}: noc.columns x noc.rows = {chip.n_tiles} tiles",
                           allowed=f"at most {MAX_TILES} tiles", mend="describe the part of the chip that is used")
    return Grid(chip.noc.topology, chip.noc.routing, chip.noc.columns, chip.noc.rows)


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
    east_west, north_south = hop_counts(chip_grid(chip))
    return _Board(partition.n_cores, chip.n_cores, chip.noc.cores_per_tile,
                  (chip.input_port.tile, chip.output_port.tile), pointer, others[order],
                  np.concatenate([weight, weight])[order].astype(np.float64),
                  east_west + north_south)


def _tiles(board: _Board, physical: Int64Array) -> Int64Array:
    return np.concatenate([physical // board.cores_per_tile, np.array(board.port_tile, np.int64)])


def _anneal(board: _Board, seed: int) -> Int64Array:
    """Return the best placement met while cooling down from the naive one."""
    random = np.random.default_rng(seed)
    core_at = np.full(board.n_slots, -1, np.int64)
    core_at[:board.n_cores] = np.arange(board.n_cores)
    tile_of = _tiles(board, np.arange(board.n_cores, dtype=np.int64))
    n_in_tile = np.bincount(tile_of[:board.n_cores], minlength=len(board.distance))
    best = core_at.copy()
    nodes, marked = np.zeros(2 * board.cores_per_tile, np.int64), np.zeros(len(tile_of), np.bool_)
    cost = best_cost = placement_cost(board, np.arange(board.n_cores, dtype=np.int64))
    n_moves = int(np.clip(40 * board.n_cores, 400, 20_000))
    for temperature in _temperatures(board, cost):
        slot_a, slot_b, width = _moves(board, core_at, random, n_moves)
        cost, best_cost = anneal_level(
            slot_a, slot_b, width, random.random(n_moves), temperature, board.cores_per_tile, board.pointer,
            board.neighbour, board.weight, board.distance, core_at, tile_of, n_in_tile, nodes, marked, best, cost,
            best_cost)
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
