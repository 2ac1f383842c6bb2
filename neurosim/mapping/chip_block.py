"""Which chips of a grid are used, and their meshes joined to one.

The chips in use are a rectangle at the north-west corner of the grid: routes by dimension order then never leave it.
It has as few chips as hold the cores, since each draws static power, and of those rectangles the one nearest to a
square, since packets cross fewest links there. A chip alone is a rectangle of one.
"""

from __future__ import annotations

import numpy as np

from hw_models.schema import Chip, Noc
from neurosim.errors import MappingError
from neurosim.machine import Int64Array
from neurosim.noc.topology import Grid

MAX_TILES = 2**18    # a link has about 200 bytes of state and every step sweeps them: 256 MiB, some milliseconds


def chip_block(chip: Chip, n_cores: int) -> tuple[int, int]:
    """Return columns and rows of the chips that hold `n_cores`; all chips where they do not suffice."""
    if chip.grid is None:
        return 1, 1
    least = min(max(1, -(-n_cores // chip.n_cores)), chip.n_chips)
    shapes = [(columns, max(1, -(-least // columns))) for columns in range(1, chip.grid.columns + 1)]
    shapes = [(columns, rows) for columns, rows in shapes if rows <= chip.grid.rows]
    return min(shapes, key=lambda shape: (shape[0] * shape[1], shape[0] + shape[1], -shape[0]))


def chip_grid(chip: Chip, chips: tuple[int, int] = (1, 1)) -> Grid:
    """Return shape and routing of the network of `chips` (columns, rows).

    Raises
    ------
    MappingError           if there are more tiles than the engines have room for
    """
    noc = chip.noc
    grid = Grid(noc.topology, noc.routing, noc.columns * chips[0], noc.rows * chips[1], noc.columns, noc.rows)
    if grid.n_tiles > MAX_TILES:
        where = "noc.columns x noc.rows" if chips == (1, 1) else f"{chips[0]} x {chips[1]} chips"
        raise MappingError(f"chip {chip.name}: {where} = {grid.n_tiles} tiles", allowed=f"at most {MAX_TILES} tiles",
                           mend="describe the part of the chip that is used" if chips == (1, 1) else
                           "use cores that hold more")
    return grid


def cores_in_order(chip: Chip, grid: Grid) -> Int64Array:
    """Return the physical cores chip by chip, each next chip beside the one before, in the order of a chip's tiles."""
    chip_rows, chip_columns = grid.rows // chip.noc.rows, grid.columns // chip.noc.columns
    tiles = [_tiles_of_chip(grid, chip.noc, row, column if row % 2 == 0 else chip_columns - 1 - column)
             for row in range(chip_rows) for column in range(chip_columns)]
    per_tile = chip.noc.cores_per_tile
    first = np.concatenate(tiles)[:, None] * per_tile
    return np.asarray(first + np.arange(per_tile), np.int64).ravel()


def tile_of_first_chip(chip: Chip, grid: Grid, tile: int) -> int:
    """Return the number that a tile of the first chip has in `grid`."""
    row, column = divmod(tile, chip.noc.columns)
    return row * grid.columns + column


def chip_of_tile(grid: Grid, tile: Int64Array) -> Int64Array:
    """Return the chip of each tile, numbered row by row."""
    columns, rows = grid.chip_columns or grid.columns, grid.chip_rows or grid.rows
    y, x = np.divmod(tile, grid.columns)
    return np.asarray(y // rows * (grid.columns // columns) + x // columns, np.int64)


def chip_link_weight(chip: Chip) -> float:
    """Return what a link between chips counts in a placement, in links of the mesh; 1 or more.

    By the energy of a packet of one flit; by latency where the mesh's links cost no energy.
    """
    if chip.grid is None:
        return 1.0
    costs, noc = chip.noc.costs, chip.noc
    assert costs is not None and noc.router_latency_ns is not None     # chips that leave figures out are refused
    assert noc.link_latency_ew_ns is not None and noc.link_latency_ns_ns is not None
    within = (costs.hop_ew_pj.value + costs.flit_hop_ew_pj.value + costs.hop_ns_pj.value
              + costs.flit_hop_ns_pj.value) / 2
    across = chip.grid.hop_pj.value + chip.grid.flit_hop_pj.value
    if not within or not across:
        router = noc.router_latency_ns.value
        within = router + (noc.link_latency_ew_ns.value + noc.link_latency_ns_ns.value) / 2
        across = router + chip.grid.link_latency_ns.value
    return max(1.0, across / within)


def _tiles_of_chip(grid: Grid, noc: Noc, row: int, column: int) -> Int64Array:
    y, x = np.divmod(np.arange(noc.columns * noc.rows), noc.columns)
    return np.asarray((row * noc.rows + y) * grid.columns + column * noc.columns + x, np.int64)
