"""Networks on several chips: which chips are used, where cores go, and what is said about it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.errors import CapacityError, MappingError
from neurosim.machine import BETWEEN_CHIPS, EAST_WEST, Machine
from neurosim.mapping import MappingOptions, describe, map_network, map_with_details, render
from neurosim.mapping.chip_block import chip_block, chip_grid, chip_link_weight, chip_of_tile, cores_in_order
from neurosim.noc.topology import path_links
from tests.mapping.chips import figure, make_chip
from tests.mapping.networks import lif_chain


def grid(columns: int, rows: int, **changes: Any) -> dict[str, Any]:
    return {"columns": columns, "rows": rows, "link_latency_ns": figure(50.0), "link_cycle_ns": figure(2.0),
            "hop_pj": figure(30.0), "flit_hop_pj": figure(10.0), "barrier": [], **changes}


def chips(columns: int, rows: int, **changes: Any) -> Chip:
    """Return a grid of chips of 2 x 2 tiles with one core each, of one neuron."""
    return make_chip(**{"grid": grid(columns, rows), "noc__columns": 2, "noc__rows": 2, "noc__cores_per_tile": 1,
                        "core__max_neurons": 1, "output_port__tile": 0, **changes})


# -- which chips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_cores", "block"), [
    (0, (1, 1)), (1, (1, 1)), (4, (1, 1)), (5, (2, 1)), (12, (3, 1)), (13, (2, 2)), (17, (1, 5)), (24, (3, 2)),
    (25, (4, 2)), (33, (3, 3)), (99, (4, 5)),
])
def test_fewest_chips_in_a_rectangle_near_a_square(n_cores: int, block: tuple[int, int]) -> None:
    """Of 4 x 5 chips of 4 cores: 13 cores need 4 chips, 17 need 5, 25 need 7, of which there is no rectangle, so 8."""
    assert chip_block(chips(4, 5), n_cores) == block


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 110))
def test_no_rectangle_of_fewer_chips_would_do(columns: int, rows: int, n_cores: int) -> None:
    chip = chips(columns, rows)
    wide, high = chip_block(chip, n_cores)
    enough = [(x, y) for x, y in itertools.product(range(1, columns + 1), range(1, rows + 1)) if 4 * x * y >= n_cores]
    if not enough:
        assert (wide, high) == (columns, rows)
        return
    fewest = min(x * y for x, y in enough)
    assert wide * high == fewest
    assert wide + high == min(x + y for x, y in enough if x * y == fewest)


def test_one_chip_alone_has_no_grid() -> None:
    assert chip_block(make_chip(), 1000) == (1, 1)
    shape = chip_grid(make_chip())
    assert (shape.columns, shape.rows, shape.chip_columns, shape.chip_rows) == (4, 2, 4, 2)


def test_cores_are_filled_chip_by_chip() -> None:
    """2 x 2 chips in a mesh four tiles wide: east along the first row of chips, back along the second."""
    chip = chips(2, 2)
    order = cores_in_order(chip, chip_grid(chip, (2, 2)))
    assert order.tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 10, 11, 14, 15, 8, 9, 12, 13]
    assert cores_in_order(make_chip(), chip_grid(make_chip())).tolist() == list(range(16))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.sampled_from(["xy", "yx"]), st.data())
def test_routes_between_chips_in_use_stay_there(columns: int, rows: int, per_tile: int, routing: str,
                                                data: st.DataObject) -> None:
    chip = chips(columns, rows, noc__routing=routing, noc__cores_per_tile=per_tile)
    shape = chip_grid(chip, chip_block(chip, data.draw(st.integers(1, chip.n_grid_cores))))
    order = cores_in_order(chip, shape)
    assert sorted(order.tolist()) == list(range(shape.n_tiles * per_tile))
    chip_of = chip_of_tile(shape, order // per_tile)
    assert (np.diff(np.flatnonzero(np.diff(chip_of, prepend=-1))) == chip.n_cores).all()
    first, second = (data.draw(st.integers(0, shape.n_tiles - 1)) for _ in range(2))
    steps = (1, -1, -shape.columns, shape.columns)
    targets = np.array([tile + step for tile in range(shape.n_tiles) for step in steps])
    assert all(0 <= targets[link] < shape.n_tiles for link in path_links(shape, targets, first, second))


def test_too_many_tiles() -> None:
    huge = chips(256, 256, noc__columns=64, noc__rows=64)
    with pytest.raises(MappingError, match=r"256 x 2 chips = 2097152 tiles\n  allowed: at most 262144 tiles"):
        chip_grid(huge, (256, 2))
    chip_grid(make_chip(noc__columns=64, noc__rows=64))
    with pytest.raises(MappingError, match=r"noc.columns x noc.rows = 1048576 tiles"):
        chip_grid(make_chip(noc__columns=1024, noc__rows=1024))


# -- capacity ------------------------------------------------------------------------------------------------------


def test_a_network_that_does_not_fit_all_chips() -> None:
    with pytest.raises(CapacityError) as refused:
        map_network(lif_chain(1, 20, 9), chips(3, 2))
    assert str(refused.value) == (
        "chip test-chip, 6 chips of 4 cores: chip.n_grid_cores: need 29 cores, have 24 cores\n"
        "  mend: use a grid of 8 chips, e.g. grid.rows = 3, or cores that hold more")


def test_one_chip_says_what_it_always_did() -> None:
    with pytest.raises(CapacityError, match=r"chip test-chip: chip.n_cores: need 17 cores, have 16 cores"):
        map_network(lif_chain(1, 17), make_chip(core__max_neurons=1))


# -- placement -----------------------------------------------------------------------------------------------------


def crossings(machine: Machine) -> int:
    return int(machine.packets.hops_chip.sum())


def test_a_link_between_chips_weighs_what_its_packets_cost() -> None:
    """40 pJ for a packet of one flit over it, 2 pJ over a link of the mesh."""
    assert chip_link_weight(chips(2, 1)) == 20
    assert chip_link_weight(chips(2, 1, grid=grid(2, 1, hop_pj=figure(0.1), flit_hop_pj=figure(0.1)))) == 1
    free = chips(2, 1, grid=grid(2, 1, hop_pj=figure(0.0), flit_hop_pj=figure(0.0)))
    assert chip_link_weight(free) == (2 + 50) / (2 + (1.0 + 1.5) / 2)       # by latency, then
    assert chip_link_weight(make_chip()) == 1


def test_annealing_keeps_what_talks_on_one_chip() -> None:
    """Two layers of four neurons each, all to all, and a third: each layer has to cross once at the least."""
    network, chip = lif_chain(2, 4, 4, 4), chips(3, 2)
    naive, annealed, random = (map_with_details(network, chip, MappingOptions(placement=name, seed=1))
                               for name in ("naive", "annealing", "random"))
    assert annealed.placement.cost <= naive.placement.cost
    assert crossings(annealed.machine) <= crossings(naive.machine) < crossings(random.machine)
    assert annealed.machine.n_chips == 3
    assert len(set(annealed.placement.physical.tolist())) == 12


def test_cost_counts_links_between_chips_more() -> None:
    """Cores 0 to 4 in order, on chips of 2 x 2: links 0-1, 1-4 (2), 4-5, 5-2 (across, with one row up): 1 + 2 + 1 + 21,
    and from tile 2 back to the port at tile 0: one link of the mesh and one across.
    """
    placement = map_with_details(lif_chain(1, *[1] * 5), chips(2, 1), MappingOptions(placement="naive")).placement
    assert placement.physical.tolist() == [0, 1, 4, 5, 2]
    assert placement.cost == 1 + 2 + 1 + (20 + 1) + (20 + 1)


def test_hops_by_kind() -> None:
    machine = map_network(lif_chain(1, *[1] * 5), chips(2, 1), MappingOptions(placement="naive"))
    assert (machine.n_chips, machine.noc.columns, machine.noc.rows) == (2, 4, 2)
    source = [machine.cores.tile[-2], *machine.cores.tile[:5]]
    for index, (tile, target) in enumerate(zip(source, [*machine.cores.tile[:5], machine.cores.tile[-1]], strict=True)):
        (y, x), (to_y, to_x) = divmod(int(tile), 4), divmod(int(target), 4)
        across = abs(x // 2 - to_x // 2)
        assert machine.packets.hops_chip[index] == across
        assert machine.packets.hops_ew[index] == abs(x - to_x) - across
        assert machine.packets.hops_ns[index] == abs(y - to_y)
    assert machine.noc.hop_ps[BETWEEN_CHIPS] == 2_000 + 50_000 and machine.noc.hop_ps[EAST_WEST] == 3_000
    assert machine.noc.cycle_ps.tolist() == [250, 250, 2_000, 250]


# -- what is said --------------------------------------------------------------------------------------------------


def test_description() -> None:
    found = describe(map_network(lif_chain(1, *[1] * 5), chips(2, 1), MappingOptions(placement="naive")))
    assert found["chips"] == {"used": 2, "columns": 2, "rows": 1, "cores_used": [4, 1], "crossing_packets": 2,
                              "packets": 6}
    text = render(found)
    assert "2 chips (2 x 1), with 4, 1 cores in use; 2 of 6 packets (33.3 %) cross from chip to chip" in text
    assert "a link between chips counts as 20" in text
    assert text.splitlines()[-2:] == [">1<  1  |  1   .", " 1   1  |  .   ."]


def test_picture_of_chips_above_each_other() -> None:
    text = render(describe(map_network(lif_chain(1, *[1] * 5), chips(1, 2), MappingOptions(placement="naive"))))
    assert text.splitlines()[-5:] == [">1<  1", " 1   1", "-------", " 1   .", " .   ."]


def test_one_chip_is_not_spoken_of() -> None:
    text = render(describe(map_network(lif_chain(1, 1), make_chip())))
    assert "chip to chip" not in text and "|" not in text
