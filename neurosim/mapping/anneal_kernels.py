"""Simulated annealing of a placement, compiled: swaps of slots and of whole tiles, with incremental cost.

Nodes are the used cores, then the fixed ports. A slot is a physical core; its tile is slot // cores_per_tile.
"""

from __future__ import annotations

import numpy as np

from neurosim.kernel import driver


@driver
def links_between(tile, other, x, y, ring_x, ring_y):
    """Return the links from one tile to another, the shorter way round where there is a ring."""
    along_x, along_y = abs(x[tile] - x[other]), abs(y[tile] - y[other])
    if ring_x > 0.0:
        along_x, along_y = min(along_x, ring_x - along_x), min(along_y, ring_y - along_y)
    return along_x + along_y


@driver
def local_cost(nodes, n_nodes, marked, pointer, neighbour, weight, tile_of, x, y, ring_x, ring_y):
    """Return the cost of all edges that touch `nodes`; edges between two of them count once."""
    total = 0.0
    for position in range(n_nodes):
        node = nodes[position]
        for edge in range(pointer[node], pointer[node + 1]):
            other = neighbour[edge]
            cost = weight[edge] * links_between(tile_of[node], tile_of[other], x, y, ring_x, ring_y)
            total += 0.5 * cost if marked[other] else cost
    return total


@driver
def collect(slot_a, slot_b, width, core_at, nodes, marked):
    """Write the cores in `width` slots from `slot_a` and from `slot_b` to `nodes`, mark them; return how many."""
    n_nodes = 0
    for offset in range(width):
        for slot in (slot_a + offset, slot_b + offset):
            core = core_at[slot]
            if core >= 0:
                nodes[n_nodes] = core
                marked[core] = True
                n_nodes += 1
    return n_nodes


@driver
def swap(slot_a, slot_b, width, cores_per_tile, core_at, tile_of, n_in_tile):
    """Exchange the contents of `width` slots from `slot_a` with those from `slot_b`."""
    for offset in range(width):
        a, b = slot_a + offset, slot_b + offset
        core_a, core_b = core_at[a], core_at[b]
        core_at[a], core_at[b] = core_b, core_a
        tile_a, tile_b = a // cores_per_tile, b // cores_per_tile
        if core_a >= 0:
            tile_of[core_a] = tile_b
            n_in_tile[tile_a] -= 1
            n_in_tile[tile_b] += 1
        if core_b >= 0:
            tile_of[core_b] = tile_a
            n_in_tile[tile_b] -= 1
            n_in_tile[tile_a] += 1


@driver
def opens_tile(slot_a, slot_b, cores_per_tile, core_at, n_in_tile):
    """Return whether moving one core from `slot_a` to `slot_b`, or back, would use a tile more."""
    core_a, core_b = core_at[slot_a], core_at[slot_b]
    if (core_a >= 0) == (core_b >= 0):
        return False
    source = slot_a if core_a >= 0 else slot_b
    target = slot_b if core_a >= 0 else slot_a
    return n_in_tile[source // cores_per_tile] > 1 and n_in_tile[target // cores_per_tile] == 0


@driver
def keep(core_at, best_core_at):
    """Copy the placement at hand to the best one."""
    for slot in range(len(core_at)):
        best_core_at[slot] = core_at[slot]


@driver
def anneal_level(slot_a, slot_b, width, chance, temperature, cores_per_tile, pointer, neighbour, weight, x, y, ring_x,
                 ring_y, core_at, tile_of, n_in_tile, nodes, marked, best_core_at, cost, best_cost):
    """Try one swap per entry of `slot_a`; return (cost, best cost).

    A swap that costs `delta` more is kept with probability exp(−delta / temperature), `chance` deciding; none may
    use more tiles than before. Writes core_at, tile_of, n_in_tile, best_core_at, and the scratch `nodes`, `marked`.
    """
    is_best = False      # the placement at hand is the best one so far, and not copied yet
    for move in range(len(slot_a)):
        a, b, wide = slot_a[move], slot_b[move], width[move]
        if a == b or (wide == 1 and opens_tile(a, b, cores_per_tile, core_at, n_in_tile)):
            continue
        n_nodes = collect(a, b, wide, core_at, nodes, marked)
        before = local_cost(nodes, n_nodes, marked, pointer, neighbour, weight, tile_of, x, y, ring_x, ring_y)
        swap(a, b, wide, cores_per_tile, core_at, tile_of, n_in_tile)
        delta = local_cost(nodes, n_nodes, marked, pointer, neighbour, weight, tile_of, x, y, ring_x, ring_y) - before
        for position in range(n_nodes):
            marked[nodes[position]] = False
        if delta <= 0.0 or (temperature > 0.0 and chance[move] < np.exp(-delta / temperature)):
            cost += delta
            if cost < best_cost:
                best_cost = cost
                is_best = True
            elif is_best:      # copied only now that it is left: a chip may have a hundred thousand slots
                swap(a, b, wide, cores_per_tile, core_at, tile_of, n_in_tile)
                keep(core_at, best_core_at)
                swap(a, b, wide, cores_per_tile, core_at, tile_of, n_in_tile)
                is_best = False
        else:
            swap(a, b, wide, cores_per_tile, core_at, tile_of, n_in_tile)
    if is_best:
        keep(core_at, best_core_at)
    return cost, best_cost
