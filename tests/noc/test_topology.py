from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.machine import BETWEEN_CHIPS, EAST, EAST_WEST, EJECTION, NORTH, NORTH_SOUTH, SOUTH, WEST
from neurosim.noc.topology import (
    Grid,
    count_hops,
    direction,
    link_kinds,
    link_targets,
    multicast_tree,
    path_links,
    route_table,
    tree_hops,
)

grids = st.builds(Grid, st.sampled_from(["mesh", "torus"]), st.sampled_from(["xy", "yx"]), st.integers(1, 5),
                  st.integers(1, 5))


def walk(grid: Grid, source: int, destination: int) -> list[int]:
    """Return the directions from `source` to `destination`."""
    return [link % 4 for link in path_links(grid, link_targets(grid, 0), source, destination)]


def test_xy_goes_along_the_row_first() -> None:
    assert walk(Grid("mesh", "xy", 4, 3), 0, 10) == [EAST, EAST, SOUTH, SOUTH]
    assert walk(Grid("mesh", "xy", 4, 3), 10, 0) == [WEST, WEST, NORTH, NORTH]


def test_yx_goes_along_the_column_first() -> None:
    assert walk(Grid("mesh", "yx", 4, 3), 0, 10) == [SOUTH, SOUTH, EAST, EAST]


def test_torus_takes_the_shorter_way() -> None:
    assert walk(Grid("torus", "xy", 5, 5), 0, 4) == [WEST]
    assert walk(Grid("torus", "xy", 5, 5), 0, 20) == [NORTH]
    assert walk(Grid("torus", "xy", 5, 5), 0, 12) == [EAST, EAST, SOUTH, SOUTH]


def test_torus_goes_east_or_south_where_both_ways_are_equal() -> None:
    assert walk(Grid("torus", "xy", 4, 4), 0, 10) == [EAST, EAST, SOUTH, SOUTH]
    assert walk(Grid("torus", "xy", 4, 4), 10, 0) == [EAST, EAST, SOUTH, SOUTH]


def test_mesh_ends_at_its_edges_and_torus_wraps() -> None:
    mesh, torus = link_targets(Grid("mesh", "xy", 3, 2), 0), link_targets(Grid("torus", "xy", 3, 2), 0)
    assert mesh[4 * 0 + WEST] == mesh[4 * 0 + NORTH] == mesh[4 * 5 + EAST] == mesh[4 * 5 + SOUTH] == -1
    assert (torus[4 * 0 + WEST], torus[4 * 0 + NORTH], torus[4 * 5 + EAST], torus[4 * 5 + SOUTH]) == (2, 3, 3, 2)


def test_ejection_links_lead_to_no_router() -> None:
    targets = link_targets(Grid("mesh", "xy", 2, 2), 3)
    assert len(targets) == 4 * 4 + 3
    assert (targets[16:] == -1).all()


def test_torus_of_one_column_has_no_link_to_itself() -> None:
    targets = link_targets(Grid("torus", "xy", 1, 3), 0)
    assert (targets[EAST::4] == -1).all() and (targets[WEST::4] == -1).all()


@given(grids, st.data())
def test_routes_are_shortest(grid: Grid, data: st.DataObject) -> None:
    source, destination = (data.draw(st.integers(0, grid.n_tiles - 1)) for _ in range(2))
    graph = nx.grid_2d_graph(grid.rows, grid.columns, periodic=grid.topology == "torus")
    shortest = nx.shortest_path_length(graph, divmod(source, grid.columns), divmod(destination, grid.columns))
    walked = walk(grid, source, destination)
    assert len(walked) == shortest
    hops = count_hops(grid, np.array(source), np.array(destination))
    assert sum(direction in (EAST, WEST) for direction in walked) == hops.ew
    assert sum(direction in (NORTH, SOUTH) for direction in walked) == hops.ns
    assert hops.chip == 0


@given(grids, st.data())
def test_one_way_and_the_table_agree(grid: Grid, data: st.DataObject) -> None:
    table = route_table(grid)
    source, destination = (data.draw(st.integers(0, grid.n_tiles - 1)) for _ in range(2))
    assert direction(grid, source, destination) == table[source, destination]


@given(grids, st.data())
def test_tree_is_the_union_of_the_routes(grid: Grid, data: st.DataObject) -> None:
    tiles = data.draw(st.lists(st.integers(0, grid.n_tiles - 1), min_size=1, max_size=8))
    source = data.draw(st.integers(0, grid.n_tiles - 1))
    target = link_targets(grid, len(tiles))
    tree = multicast_tree(grid, target, source, tiles, range(len(tiles)))
    paths = [path_links(grid, target, source, tile) for tile in tiles]
    union = {link for path in paths for link in path}
    between = tree.link[tree.child >= 0]
    assert sorted(between.tolist()) == sorted(union)
    assert sum(tree_hops(tree, link_kinds(grid, len(tiles)))) == len(union) <= sum(map(len, paths))
    assert sorted(tree.destination[tree.destination >= 0].tolist()) == list(range(len(tiles)))


@given(grids, st.data())
def test_tree_nodes_lie_behind_their_links(grid: Grid, data: st.DataObject) -> None:
    tiles = data.draw(st.lists(st.integers(0, grid.n_tiles - 1), min_size=1, max_size=8))
    target = link_targets(grid, len(tiles))
    tree = multicast_tree(grid, target, 0, tiles, range(len(tiles)))
    assert tree.router[0] == 0
    for node, router in enumerate(tree.router):
        for branch in range(tree.branch_start[node], tree.branch_start[node + 1]):
            link, child = tree.link[branch], tree.child[branch]
            if child >= 0:
                assert link // 4 == router and target[link] == tree.router[child]
            else:
                assert link == 4 * grid.n_tiles + tree.destination[branch]
                assert tiles[tree.destination[branch]] == router


def test_branches_go_by_direction_then_ejections_by_core() -> None:
    grid = Grid("mesh", "xy", 3, 3)
    tiles, cores = [3, 5, 4, 1, 4, 7], [4, 1, 5, 0, 2, 3]
    tree = multicast_tree(grid, link_targets(grid, 6), 4, tiles, cores)
    root = tree.link[tree.branch_start[0]:tree.branch_start[1]]
    assert root.tolist() == [16 + EAST, 16 + WEST, 16 + NORTH, 16 + SOUTH, 36 + 2, 36 + 5]
    assert tree.destination[:6].tolist() == [-1, -1, -1, -1, 4, 2]


CHIPS = Grid("mesh", "xy", 6, 4, chip_columns=2, chip_rows=4)     # three chips in a row


def test_links_between_chips() -> None:
    """Tiles 1, 2 and 3, 4 of each row stand on both sides of an edge; each side has a link over it."""
    kinds = link_kinds(CHIPS, 2)
    crossing = {4 * (6 * y + x) + way for y in range(4) for x, way in ((1, EAST), (2, WEST), (3, EAST), (4, WEST))}
    assert set(np.flatnonzero(kinds == BETWEEN_CHIPS).tolist()) == crossing
    assert set(kinds[[EAST, WEST]].tolist()) == {EAST_WEST} and set(kinds[[NORTH, SOUTH]].tolist()) == {NORTH_SOUTH}
    assert kinds[-2:].tolist() == [EJECTION, EJECTION]


def test_hops_across_chips() -> None:
    """From tile 0 east to column 5, then south to row 3: five links, of which two lead to another chip."""
    assert [int(hops) for hops in count_hops(CHIPS, np.array(0), np.array(23))] == [3, 3, 2]


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["xy", "yx"]),
       st.data())
def test_hops_by_kind_are_those_of_the_route(columns: int, rows: int, wide: int, high: int, routing: str,
                                             data: st.DataObject) -> None:
    grid = Grid("mesh", routing, columns * wide, rows * high, columns, rows)
    source, destination = (data.draw(st.integers(0, grid.n_tiles - 1)) for _ in range(2))
    kinds = link_kinds(grid, 0)[path_links(grid, link_targets(grid, 0), source, destination)]
    hops = count_hops(grid, np.array(source), np.array(destination))
    assert [int(count) for count in hops] == np.bincount(kinds, minlength=3)[:3].tolist()


@pytest.mark.parametrize("topology", ["mesh", "torus"])
def test_route_table_is_small(topology: str) -> None:
    route = route_table(Grid(topology, "xy", 8, 4))
    assert route.dtype == np.int8 and route.shape == (32, 32)
    assert (np.diagonal(route) == -1).all()
