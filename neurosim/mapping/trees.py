"""Multicast trees of all packets: one template per source tile and set of destinations, copied for each packet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurosim.machine import Int64Array, Noc, Trees
from neurosim.noc.topology import Grid, Tree, grid_of, multicast_tree, tree_hops


class PacketTrees(NamedTuple):
    """The trees, and by packet their root (-1: none) and the links they cross."""

    trees: Trees
    root: Int64Array
    hops: Int64Array       # [3, packet] east-west, north-south, between chips


def packet_trees(first: Int64Array, tile: Int64Array, core: Int64Array, core_tile: Int64Array, local: np.ndarray,
                 noc: Noc) -> PacketTrees:
    """Return the tree of each packet with more than one destination.

    Parameters
    ----------
    first : int64[packet + 1]   its destinations
    tile : int64[packet]        where it starts
    core : int64[destination]
    core_tile : int64[core]
    local : bool[destination]   delivered without the network, hence no branch
    """
    branched, grid = np.flatnonzero(np.diff(first) > 1), grid_of(noc)
    templates: list[Tree] = []
    known: dict[bytes, int] = {}
    number = np.zeros(len(branched), np.int64)
    for position, packet in enumerate(branched):
        span = slice(first[packet], first[packet + 1])
        key = tile[packet].tobytes() + core[span].tobytes() + local[span].tobytes()
        if key not in known:
            known[key] = len(templates)
            templates.append(_template(tile[packet], core[span], core_tile, local[span], noc, grid))
        number[position] = known[key]
    return _copies(templates, number, branched, first, noc)


def _template(tile: np.int64, core: Int64Array, core_tile: Int64Array, local: np.ndarray, noc: Noc,
              grid: Grid) -> Tree:
    """Return the tree of one packet, `destination` counting within all its destinations."""
    away = np.flatnonzero(~local)
    tree = multicast_tree(grid, noc.link_target, int(tile), core_tile[core[away]].tolist(), core[away].tolist())
    return tree._replace(destination=np.where(tree.destination >= 0, away[tree.destination], -1))


def _copies(templates: list[Tree], number: Int64Array, branched: Int64Array, first: Int64Array,
            noc: Noc) -> PacketTrees:
    """Copy template `number[i]` for packet `branched[i]`, shifting nodes and destinations."""
    n_packets = len(first) - 1
    n_nodes = np.array([len(tree.router) for tree in templates], np.int64)
    n_branches = np.array([len(tree.link) for tree in templates], np.int64)
    root, hops = np.full(n_packets, -1, np.int64), np.zeros((3, n_packets), np.int64)
    node_start, node = _gather(n_nodes, number)
    branch_start, branch = _gather(n_branches, number)
    root[branched] = node_start[:-1]
    if templates:
        hops[:, branched] = np.array([tree_hops(tree, noc.link_kind) for tree in templates], np.int64).T[:, number]
    child, target = _column(templates, "child")[branch], _column(templates, "destination")[branch]
    per_branch = np.repeat(np.arange(len(number)), n_branches[number] if len(templates) else 0)
    child = np.where(child >= 0, child + node_start[per_branch], -1)
    target = np.where(target >= 0, target + first[branched][per_branch], -1)
    width = np.concatenate([np.zeros(0, np.int64), *(np.diff(tree.branch_start) for tree in templates)])[node]
    trees = Trees(_column(templates, "router")[node], np.concatenate([[0], np.cumsum(width)]).astype(np.int64),
                  _column(templates, "link")[branch], child, target)
    assert trees.branch_start[-1] == branch_start[-1]
    return PacketTrees(trees, root, hops)


def _gather(counts: Int64Array, number: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return where each copy starts, and for every element of the copies its place among all templates."""
    template_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    copied = counts[number] if len(counts) else np.zeros(0, np.int64)
    start = np.concatenate([[0], np.cumsum(copied)]).astype(np.int64)
    shift = template_start[number] - start[:-1] if len(counts) else copied
    return start, np.repeat(shift, copied) + np.arange(start[-1])


def _column(templates: list[Tree], name: str) -> Int64Array:
    return np.concatenate([np.zeros(0, np.int64), *(getattr(tree, name) for tree in templates)])
