"""The board of a placement: who talks to whom, and where tiles are.

Cost = sum over pairs of cores of packets per time step x links between them, ports included at their tiles; a link
between two chips counts as many links of the mesh as its packets cost (`chip_block.chip_link_weight`), so that what
talks much keeps to one chip. Physical core p lies on tile p // cores_per_tile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from neurosim.machine import Int64Array
from neurosim.mapping.axons import AxonTable, Partition
from neurosim.mapping.chip_block import chip_block, chip_grid, chip_link_weight, cores_in_order, tile_of_first_chip
from neurosim.noc.topology import Grid

FloatArray = NDArray[np.float64]


class Board(NamedTuple):
    """The problem: edges between nodes (cores, then the input and the output port) as CSR, and where tiles are.

    x, y : where each tile is, in links of the mesh; between two tiles there are |x − x'| + |y − y'|, or the shorter way
        round a `ring` of so many columns and rows (0: none)
    naive : physical cores in the order in which the naive placement fills them
    columns : tiles in a row of the board
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
    columns: int

    @property
    def n_used_tiles(self) -> int:
        """Tiles that the cores need at least."""
        return -(-self.n_cores // self.cores_per_tile)


def make_board(chip: Chip, partition: Partition, axons: AxonTable, source_core: Int64Array,
               row_rate: FloatArray) -> Board:
    """Return the board of a partition; row_rate : packets per output row and time step."""
    n_nodes = partition.n_cores + 2
    pointer, neighbour, weight = _edges(n_nodes, source_core[axons.row], axons.core, row_rate[axons.row])
    grid = chip_grid(chip, chip_block(chip, partition.n_cores))
    x, y = _positions(chip, grid)
    input_tile, output_tile = (tile_of_first_chip(chip, grid, port.tile) for port in
                               (chip.input_port, chip.output_port))
    is_ring = grid.topology == "torus"
    return Board(partition.n_cores, grid.n_tiles * chip.noc.cores_per_tile, chip.noc.cores_per_tile,
                 (input_tile, output_tile), pointer, neighbour, weight, x, y,
                 (float(grid.columns * is_ring), float(grid.rows * is_ring)),
                 cores_in_order(chip, grid)[:partition.n_cores], grid.columns)


def _edges(n_nodes: int, source: Int64Array, target: Int64Array,
           rate: FloatArray) -> tuple[Int64Array, Int64Array, FloatArray]:
    """Return the edges as CSR, both ways: where each node's begin, the other node, packets per time step."""
    low, high = np.minimum(source, target), np.maximum(source, target)
    apart = low != high
    key, where = np.unique(low[apart] * n_nodes + high[apart], return_inverse=True)
    weight = np.bincount(where, rate[apart], minlength=len(key))
    ends = np.concatenate([key // n_nodes, key % n_nodes])
    others = np.concatenate([key % n_nodes, key // n_nodes])
    order = np.lexsort((others, ends))
    pointer = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n_nodes), dtype=np.int64)])
    return pointer, others[order], np.concatenate([weight, weight])[order].astype(np.float64)


def placement_cost(board: Board, physical: Int64Array) -> float:
    """Return the links crossed per time step with core i on physical core `physical[i]`."""
    tile_of = tiles_of(board, physical)
    source = tile_of[np.repeat(np.arange(len(tile_of)), np.diff(board.pointer))]
    links = links_between(board, source, tile_of[board.neighbour])
    return float(0.5 * (board.weight * links).sum())


def links_between(board: Board, source: Int64Array, target: Int64Array) -> FloatArray:
    """Return the links between tiles, those between chips counted by what they cost."""
    return (_along(board.x[source] - board.x[target], board.ring[0])
            + _along(board.y[source] - board.y[target], board.ring[1]))


def tiles_of(board: Board, physical: Int64Array) -> Int64Array:
    """Return the tile of each node: of the cores, then of the ports."""
    return np.concatenate([physical // board.cores_per_tile, np.array(board.port_tile, np.int64)])


def _along(offset: FloatArray, ring: float) -> FloatArray:
    offset = np.abs(offset)
    return np.minimum(offset, ring - offset) if ring else offset


def _positions(chip: Chip, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return where each tile is, in links of the mesh; a link between two chips is longer than 1."""
    longer = chip_link_weight(chip) - 1
    y, x = np.divmod(np.arange(grid.n_tiles), grid.columns)
    return x + longer * (x // chip.noc.columns), y + longer * (y // chip.noc.rows)
