from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.graph import Network, Projection
from neurosim.mapping import MappingResult, map_with_details
from neurosim.mapping.anneal_kernels import anneal_level, collect, local_cost, opens_tile, swap
from neurosim.mapping.axons import axon_table, row_cores
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.place import Placement, _board, _row_rates, placement_cost
from neurosim.mapping.resources import measure_demand
from tests.mapping.chips import make_chip
from tests.mapping.networks import dense, lif, lif_chain, spikes_in, spiking_ssm


def grid_chip(columns: int, rows: int, cores_per_tile: int = 1, **changes: Any) -> Chip:
    return make_chip(**{"noc__columns": columns, "noc__rows": rows, "noc__cores_per_tile": cores_per_tile,
                        "core__max_neurons": 1, "output_port__tile": 0, **changes})


def place(network: Network, chip: Chip, **options: Any) -> Placement:
    return map_with_details(network, chip, MappingOptions(**options)).placement


def board_of(result: MappingResult, network: Network, chip: Chip) -> Any:
    demand = measure_demand(network, chip, result.staging)
    axons, source_core = axon_table(demand, result.partition), row_cores(demand, result.partition)
    return _board(chip, result.partition, axons, source_core, _row_rates(demand, {}))


def test_naive_is_in_order() -> None:
    for name in ("naive", "linear"):
        placement = place(lif_chain(1, 1, 1, 1), grid_chip(4, 2), placement=name)
        assert placement.physical.tolist() == [0, 1, 2]
        assert placement.cost == placement.naive_cost


def test_cost_by_hand() -> None:
    """Ports at tile 0; input to core 0: no link; core 0 to 1, 1 to 2: one each; core 2 back to the port: two."""
    assert place(lif_chain(1, 1, 1, 1), grid_chip(4, 2), placement="naive").cost == 4


def test_random_is_seeded() -> None:
    chip, network = grid_chip(4, 4), lif_chain(1, 1, 1, 1)
    first, again, other = (place(network, chip, placement="random", seed=seed).physical.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_chain_is_placed_at_the_optimum() -> None:
    """A chain of 12 cores that begins and ends at the port: a round trip with every neighbour one link away."""
    network = lif_chain(*([1] * 13))
    placement = place(network, grid_chip(4, 4), seed=3)
    assert placement.naive_cost > 13
    assert placement.cost == 12  # 11 links between cores, none to the first, one from the last


def test_small_networks_are_placed_like_by_exhaustion() -> None:
    network = Network("star", (spikes_in(1), lif("hub", 1), *(lif(f"rim{i}", 1) for i in range(4))),
                      (Projection("in", "hub", dense(1, 1)),
                       *(Projection("hub", f"rim{i}", dense(1, 1)) for i in range(4))))
    chip = grid_chip(3, 2)
    result = map_with_details(network, chip)
    board = board_of(result, network, chip)
    best = min(placement_cost(board, np.array(order)) for order in itertools.permutations(range(6), 5))
    assert result.placement.cost == best


def test_annealing_is_deterministic_for_a_seed() -> None:
    network, chip = lif_chain(2, 5, 7, 4), grid_chip(5, 5)
    assert place(network, chip, seed=7).physical.tolist() == place(network, chip, seed=7).physical.tolist()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(0, 5), st.sampled_from(["mesh", "torus"]))
def test_annealing_is_never_worse_than_naive(first: int, second: int, cores_per_tile: int, seed: int,
                                             topology: str) -> None:
    chip = grid_chip(5, 4, cores_per_tile, noc__topology=topology, output_port__tile=7)
    network = lif_chain(3, first, second)
    result = map_with_details(network, chip, MappingOptions(seed=seed))
    placement = result.placement
    assert placement.cost <= placement.naive_cost
    assert len(set(placement.physical.tolist())) == result.partition.n_cores
    assert placement.physical.min() >= 0 and placement.physical.max() < chip.n_cores
    assert len(np.unique(placement.physical // cores_per_tile)) <= -(-result.partition.n_cores // cores_per_tile)
    assert placement.cost == pytest.approx(placement_cost(board_of(result, network, chip), placement.physical))


def test_rates_weigh_the_traffic() -> None:
    network, chip = lif_chain(1, 1, 1), grid_chip(3, 3)
    cost = map_with_details(network, chip, MappingOptions(placement="naive"), {"l1": 0.25, "l2": 0.0}).placement.cost
    assert cost == 0.25


@pytest.mark.parametrize(("rates", "message"), [
    ({"nobody": 1.0}, "no population 'nobody'"),
    ({"l1": -1.0}, "l1 = -1.0"),
    ({"l1": float("nan")}, "l1 = nan"),
])
def test_bad_rates_are_refused(rates: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        map_with_details(lif_chain(1, 1), grid_chip(2, 2), rates=rates)


def test_kernels_are_plain_python_too() -> None:
    """The compiled level and the same source interpreted make the same moves."""
    network, chip = lif_chain(2, 6, 5), grid_chip(4, 4, 2)
    result = map_with_details(network, chip, MappingOptions(placement="naive"))
    board = board_of(result, network, chip)
    random = np.random.default_rng(0)
    slots = random.integers(0, board.n_slots, (2, 300))
    width = np.where(random.random(300) < 0.3, 2, 1)
    slots -= np.where(width == 2, slots % 2, 0)
    states = []
    for level in (anneal_level, getattr(anneal_level, "py_func", anneal_level)):
        core_at = np.full(board.n_slots, -1, np.int64)
        core_at[:board.n_cores] = np.arange(board.n_cores)
        tile_of = np.concatenate([np.arange(board.n_cores) // 2, [0, 0]])
        n_in_tile = np.bincount(tile_of[:board.n_cores], minlength=16)
        start = placement_cost(board, np.arange(board.n_cores))
        cost, best = level(slots[0], slots[1], width, np.random.default_rng(1).random(300), 0.5, 2, board.pointer,
                           board.neighbour, board.weight, board.x, board.y, *board.ring, core_at, tile_of, n_in_tile,
                           np.zeros(4, np.int64), np.zeros(len(tile_of), np.bool_), core_at.copy(), start, start)
        physical = np.argsort(np.where(core_at >= 0, core_at, 10**6), kind="stable")[:board.n_cores]
        assert cost == pytest.approx(placement_cost(board, physical))
        assert (tile_of[:-2] == physical // 2).all()
        assert (n_in_tile == np.bincount(physical // 2, minlength=16)).all()
        states.append((cost, best, core_at.tolist()))
    assert states[0] == states[1]


def test_moves_that_open_a_tile_are_seen() -> None:
    core_at, n_in_tile = np.array([0, 1, -1, -1]), np.array([2, 0])
    assert opens_tile(0, 2, 2, core_at, n_in_tile) and opens_tile(2, 0, 2, core_at, n_in_tile)
    assert not opens_tile(0, 1, 2, core_at, n_in_tile)
    assert not opens_tile(2, 3, 2, core_at, n_in_tile)
    assert not opens_tile(0, 2, 2, np.array([0, -1, -1, -1]), np.array([1, 0]))


def test_swap_is_its_own_inverse() -> None:
    core_at, tile_of, n_in_tile = np.array([0, 1, 2, -1]), np.array([0, 0, 1]), np.array([2, 1])
    swap(0, 2, 2, 2, core_at, tile_of, n_in_tile)
    assert (core_at.tolist(), tile_of.tolist(), n_in_tile.tolist()) == ([2, -1, 0, 1], [1, 1, 0], [1, 2])
    swap(0, 2, 2, 2, core_at, tile_of, n_in_tile)
    assert (core_at.tolist(), tile_of.tolist(), n_in_tile.tolist()) == ([0, 1, 2, -1], [0, 0, 1], [2, 1])


def test_edges_between_moved_cores_count_once() -> None:
    """Two cores on tiles 0 and 1, three packets between them."""
    pointer, neighbour, weight = np.array([0, 1, 2]), np.array([1, 0]), np.array([3.0, 3.0])
    nodes, marked, tile_of = np.zeros(2, np.int64), np.zeros(2, np.bool_), np.array([0, 1])
    where = (np.array([0.0, 1.0]), np.zeros(2), 0.0, 0.0)
    assert collect(0, 1, 1, np.array([0, 1]), nodes, marked) == 2
    assert local_cost(nodes, 2, marked, pointer, neighbour, weight, tile_of, *where) == 3.0
    marked[:] = False
    assert collect(0, 2, 1, np.array([0, 1, -1]), nodes, marked) == 1
    assert local_cost(nodes, 1, marked, pointer, neighbour, weight, tile_of, *where) == 3.0


def test_placement_never_changes_function() -> None:
    network, chip = spiking_ssm(width=8, n_modes=2), make_chip(core__max_neurons=4)
    machines = [map_with_details(network, chip, MappingOptions(placement=name, seed=1)).machine
                for name in ("naive", "random", "annealing")]
    for machine in machines[1:]:
        for ours, theirs in ((machine.populations, machines[0].populations),
                             (machine.projections, machines[0].projections),
                             (machine.synapses, machines[0].synapses)):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
