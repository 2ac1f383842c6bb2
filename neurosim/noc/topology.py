"""Meshes and tori as arrays: tiles, links, routes, hops, multicast trees.

Tiles are numbered row by row: tile = y * columns + x. East is x + 1, west x − 1, north y − 1, south y + 1. Routing is
by dimension order, `xy` (east-west first) or `yx`. A torus takes the shorter way round; where both ways are equally
long it goes east, or south. Chips side by side are one mesh, whose links between two chips are of a kind of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurosim.machine import (
    BETWEEN_CHIPS,
    EAST,
    EAST_WEST,
    EJECTION,
    NORTH,
    NORTH_SOUTH,
    SOUTH,
    WEST,
    Int8Array,
    Int64Array,
    Noc,
)


@dataclass(frozen=True)
class Grid:
    """Shape and routing of a network-on-chip.

    topology : `mesh` or `torus`
    routing : `xy` or `yx`
    columns, rows : tiles of all chips together
    chip_columns, chip_rows : tiles of one chip; 0: there is one alone
    """

    topology: str
    routing: str
    columns: int
    rows: int
    chip_columns: int = 0
    chip_rows: int = 0

    @property
    def n_tiles(self) -> int:
        """Tiles, and routers."""
        return self.columns * self.rows


class Tree(NamedTuple):
    """A multicast tree from one tile, in the form of `machine.Trees`; node 0 is the root.

    `destination` counts within the list of destinations that the tree was made for.
    """

    router: Int64Array
    branch_start: Int64Array
    link: Int64Array
    child: Int64Array
    destination: Int64Array


class Hops(NamedTuple):
    """Links crossed, by kind; int64 arrays of one shape."""

    ew: Int64Array
    ns: Int64Array
    chip: Int64Array


def grid_of(noc: Noc) -> Grid:
    """Return the shape of a machine's network."""
    return Grid("torus" if noc.torus else "mesh", "yx" if noc.y_first else "xy", noc.columns, noc.rows,
                noc.chip_columns, noc.chip_rows)


def route_table(grid: Grid) -> Int8Array:
    """Return the direction to take; int8[tile, destination tile], -1 where they are the same."""
    tile = np.arange(grid.n_tiles)
    return directions(grid, tile[:, None], tile[None, :])


def turn_table(grid: Grid) -> Int8Array:
    """Return the direction to take by the offset of the destination; -1 where it is reached.

    int8[2 rows * 2 columns]: the destination `y` rows and `x` columns further on (down to −rows + 1, −columns + 1) is
    entry (y + rows) * 2 columns + x + columns.
    """
    y, x = np.divmod(np.arange(4 * grid.n_tiles), 2 * grid.columns)
    return _turns(grid, x - grid.columns, y - grid.rows)


def directions(grid: Grid, tile: Int64Array, destination: Int64Array) -> Int8Array:
    """Return the direction to take from each of `tile` to each of `destination`; -1 where they are the same."""
    (y, x), (to_y, to_x) = np.divmod(tile, grid.columns), np.divmod(destination, grid.columns)
    return _turns(grid, to_x - x, to_y - y)


def direction(grid: Grid, tile: int, destination: int) -> int:
    """Return the direction to take from `tile` to `destination`; -1 where they are the same."""
    (y, x), (to_y, to_x) = divmod(tile, grid.columns), divmod(destination, grid.columns)
    torus = grid.topology == "torus"
    along_x = _one_direction(to_x - x, grid.columns, torus, EAST, WEST)
    along_y = _one_direction(to_y - y, grid.rows, torus, SOUTH, NORTH)
    first, second = (along_x, along_y) if grid.routing == "xy" else (along_y, along_x)
    return first if first >= 0 else second


def count_hops(grid: Grid, tile: Int64Array, destination: Int64Array) -> Hops:
    """Return the links of the routes from each of `tile` to each of `destination`."""
    (y, x), (to_y, to_x) = np.divmod(tile, grid.columns), np.divmod(destination, grid.columns)
    torus = grid.topology == "torus"
    chip_x = np.abs(to_x // _chip_columns(grid) - x // _chip_columns(grid))
    chip_y = np.abs(to_y // _chip_rows(grid) - y // _chip_rows(grid))
    return Hops(distances(to_x - x, grid.columns if torus else 0) - chip_x,
                distances(to_y - y, grid.rows if torus else 0) - chip_y, chip_x + chip_y)


def distances(offset: Int64Array, ring: int) -> Int64Array:
    """Return how far it is along one dimension; `ring` is its length on a torus, 0 on a mesh."""
    offset = np.abs(np.asarray(offset, np.int64))
    return np.minimum(offset, ring - offset) if ring else offset


def link_targets(grid: Grid, n_cores: int) -> Int64Array:
    """Return the router behind each link; int64[4 * n_tiles + n_cores], -1 at a mesh edge and for ejection links."""
    target = np.full(4 * grid.n_tiles + n_cores, -1, np.int64)
    y, x = np.divmod(np.arange(grid.n_tiles), grid.columns)
    for way, dx, dy in ((EAST, 1, 0), (WEST, -1, 0), (NORTH, 0, -1), (SOUTH, 0, 1)):
        to_x, to_y = x + dx, y + dy
        if grid.topology == "torus":
            to_x, to_y = to_x % grid.columns, to_y % grid.rows
        tile = to_y * grid.columns + to_x
        exists = (to_x >= 0) & (to_x < grid.columns) & (to_y >= 0) & (to_y < grid.rows)
        exists &= tile != np.arange(grid.n_tiles)  # a torus of one column has no link to itself
        target[way:4 * grid.n_tiles:4] = np.where(exists, tile, -1)
    return target


def link_kinds(grid: Grid, n_cores: int) -> Int8Array:
    """Return the kind of each link; int8[4 * n_tiles + n_cores]."""
    kind = np.full(4 * grid.n_tiles + n_cores, EJECTION, np.int8)
    y, x = np.divmod(np.arange(grid.n_tiles), grid.columns)
    columns, rows = _chip_columns(grid), _chip_rows(grid)
    # Whether a link in the direction leaves the chip: its tile stands at the chip's edge, and not at the mesh's.
    leaves = {EAST: (x % columns == columns - 1) & (x < grid.columns - 1), WEST: (x % columns == 0) & (x > 0),
              NORTH: (y % rows == 0) & (y > 0), SOUTH: (y % rows == rows - 1) & (y < grid.rows - 1)}
    for way, crosses in leaves.items():
        within = EAST_WEST if way in (EAST, WEST) else NORTH_SOUTH
        kind[way:4 * grid.n_tiles:4] = np.where(crosses, BETWEEN_CHIPS, within)
    return kind


def path_links(grid: Grid, link_target: Int64Array, source: int, destination: int) -> list[int]:
    """Return the links from tile `source` to tile `destination`, in order, without the ejection."""
    links: list[int] = []
    tile = source
    while tile != destination:
        links.append(4 * tile + direction(grid, tile, destination))
        tile = int(link_target[links[-1]])
    return links


def multicast_tree(grid: Grid, link_target: Int64Array, source: int, tiles: Sequence[int],
                   cores: Sequence[int]) -> Tree:
    """Return the union of the routes from tile `source` to each of `tiles`.

    Parameters
    ----------
    tiles, cores : tile and core of each destination; cores name the ejection links
    """
    routers, starts = [source], [0]
    branches: list[tuple[int, int, int]] = []
    waiting = deque([list(range(len(tiles)))])
    for router in routers:  # grows while it is walked: nodes in order of breadth
        ahead = _by_direction(grid, router, tiles, waiting.popleft())
        for way in (EAST, WEST, NORTH, SOUTH):
            if way in ahead:
                link = 4 * router + way
                branches.append((link, len(routers), -1))
                routers.append(int(link_target[link]))
                waiting.append(ahead[way])
        for position in sorted(ahead.get(-1, []), key=lambda position: cores[position]):
            branches.append((4 * grid.n_tiles + cores[position], -1, position))
        starts.append(len(branches))
    table = np.array(branches, np.int64).reshape(-1, 3)
    return Tree(np.array(routers, np.int64), np.array(starts, np.int64), table[:, 0], table[:, 1], table[:, 2])


def tree_hops(tree: Tree, link_kind: Int8Array) -> tuple[int, int, int]:
    """Return the links of `tree` by kind: east-west, north-south, between chips."""
    n_links = np.bincount(link_kind[tree.link], minlength=EJECTION)
    return int(n_links[EAST_WEST]), int(n_links[NORTH_SOUTH]), int(n_links[BETWEEN_CHIPS])


def _by_direction(grid: Grid, router: int, tiles: Sequence[int], positions: list[int]) -> dict[int, list[int]]:
    ahead: dict[int, list[int]] = {}
    for position in positions:
        ahead.setdefault(direction(grid, router, tiles[position]), []).append(position)
    return ahead


def _chip_columns(grid: Grid) -> int:
    return grid.chip_columns or grid.columns


def _chip_rows(grid: Grid) -> int:
    return grid.chip_rows or grid.rows


def _turns(grid: Grid, along_x: Int64Array, along_y: Int64Array) -> Int8Array:
    """Return the direction to take towards what is so many columns and rows away; -1 for 0 and 0."""
    torus = grid.topology == "torus"
    x = _directions(along_x, grid.columns, torus, EAST, WEST)
    y = _directions(along_y, grid.rows, torus, SOUTH, NORTH)
    first, second = (x, y) if grid.routing == "xy" else (y, x)
    return np.where(first >= 0, first, second)


def _directions(offset: Int64Array, length: int, torus: bool, up: int, down: int) -> Int8Array:
    if torus:
        offset = offset % length
        offset = np.where(2 * offset > length, offset - length, offset)
    return np.select([offset > 0, offset < 0], [np.int8(up), np.int8(down)], np.int8(-1))


def _one_direction(offset: int, length: int, torus: bool, up: int, down: int) -> int:
    if torus:
        offset %= length
        offset = offset - length if 2 * offset > length else offset
    return up if offset > 0 else down if offset < 0 else -1
