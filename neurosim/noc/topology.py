"""Meshes and tori as arrays: tiles, links, routes, hops, multicast trees.

Tiles are numbered row by row: tile = y * columns + x. East is x + 1, west x − 1, north y − 1, south y + 1. Routing is
by dimension order, `xy` (east-west first) or `yx`. A torus takes the shorter way round; where both ways are equally
long it goes east, or south.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurosim.machine import EAST, NORTH, SOUTH, WEST, Int8Array, Int32Array, Int64Array


@dataclass(frozen=True)
class Grid:
    """Shape and routing of a network-on-chip.

    topology : `mesh` or `torus`
    routing : `xy` or `yx`
    """

    topology: str
    routing: str
    columns: int
    rows: int

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


def route_table(grid: Grid) -> Int8Array:
    """Return the direction to take; int8[tile, destination tile], -1 where they are the same."""
    x, y = _coordinates(grid)
    torus = grid.topology == "torus"
    along_x = _directions(x, grid.columns, torus, EAST, WEST)
    along_y = _directions(y, grid.rows, torus, SOUTH, NORTH)
    first, second = (along_x, along_y) if grid.routing == "xy" else (along_y, along_x)
    return np.where(first >= 0, first, second)


def hop_counts(grid: Grid) -> tuple[Int32Array, Int32Array]:
    """Return the east-west and the north-south links of each route; two int32[tile, destination tile]."""
    x, y = _coordinates(grid)
    torus = grid.topology == "torus"
    return _distances(x, grid.columns, torus), _distances(y, grid.rows, torus)


def link_targets(grid: Grid, n_cores: int) -> Int64Array:
    """Return the router behind each link; int64[4 * n_tiles + n_cores], -1 at a mesh edge and for ejection links."""
    target = np.full(4 * grid.n_tiles + n_cores, -1, np.int64)
    x, y = _coordinates(grid)
    for direction, dx, dy in ((EAST, 1, 0), (WEST, -1, 0), (NORTH, 0, -1), (SOUTH, 0, 1)):
        to_x, to_y = x + dx, y + dy
        if grid.topology == "torus":
            to_x, to_y = to_x % grid.columns, to_y % grid.rows
        tile = to_y * grid.columns + to_x
        exists = (to_x >= 0) & (to_x < grid.columns) & (to_y >= 0) & (to_y < grid.rows)
        exists &= tile != np.arange(grid.n_tiles)  # a torus of one column has no link to itself
        target[direction:4 * grid.n_tiles:4] = np.where(exists, tile, -1)
    return target


def path_links(route: Int8Array, link_target: Int64Array, source: int, destination: int) -> list[int]:
    """Return the links from tile `source` to tile `destination`, in order, without the ejection."""
    links: list[int] = []
    tile = source
    while tile != destination:
        links.append(4 * tile + int(route[tile, destination]))
        tile = int(link_target[links[-1]])
    return links


def multicast_tree(route: Int8Array, link_target: Int64Array, source: int, tiles: Sequence[int],
                   cores: Sequence[int]) -> Tree:
    """Return the union of the routes from tile `source` to each of `tiles`.

    Parameters
    ----------
    tiles, cores : tile and core of each destination; cores name the ejection links
    """
    n_tiles = len(route)
    routers, starts = [source], [0]
    branches: list[tuple[int, int, int]] = []
    waiting = deque([list(range(len(tiles)))])
    for router in routers:  # grows while it is walked: nodes in order of breadth
        ahead = _by_direction(route[router], tiles, waiting.popleft())
        for direction in (EAST, WEST, NORTH, SOUTH):
            if direction in ahead:
                link = 4 * router + direction
                branches.append((link, len(routers), -1))
                routers.append(int(link_target[link]))
                waiting.append(ahead[direction])
        for position in sorted(ahead.get(-1, []), key=lambda position: cores[position]):
            branches.append((4 * n_tiles + cores[position], -1, position))
        starts.append(len(branches))
    table = np.array(branches, np.int64).reshape(-1, 3)
    return Tree(np.array(routers, np.int64), np.array(starts, np.int64), table[:, 0], table[:, 1], table[:, 2])


def tree_hops(tree: Tree) -> tuple[int, int]:
    """Return the east-west and the north-south links of `tree`."""
    direction = tree.link[tree.child >= 0] % 4
    east_west = int(np.isin(direction, (EAST, WEST)).sum())
    return east_west, len(direction) - east_west


def _by_direction(route: Int8Array, tiles: Sequence[int], positions: list[int]) -> dict[int, list[int]]:
    ahead: dict[int, list[int]] = {}
    for position in positions:
        ahead.setdefault(int(route[tiles[position]]), []).append(position)
    return ahead


def _coordinates(grid: Grid) -> tuple[Int32Array, Int32Array]:
    tile = np.arange(grid.n_tiles, dtype=np.int32)
    return tile % grid.columns, tile // grid.columns


def _directions(position: Int32Array, length: int, torus: bool, up: int, down: int) -> Int8Array:
    offset = position[None, :] - position[:, None]
    if torus:
        offset %= length
        offset = np.where(2 * offset > length, offset - length, offset)
    return np.select([offset > 0, offset < 0], [np.int8(up), np.int8(down)], np.int8(-1))


def _distances(position: Int32Array, length: int, torus: bool) -> Int32Array:
    offset = np.abs(position[None, :] - position[:, None])
    return np.asarray(np.minimum(offset, length - offset) if torus else offset, np.int32)
