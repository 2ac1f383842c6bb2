"""Words of packets: along every route, the place to go says where to turn, and the links lead to the destination."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.noc.topology import Grid, link_targets, path_links, turn_table
from neurosim.noc.words import packet_words

grids = st.builds(Grid, st.sampled_from(["mesh", "torus"]), st.sampled_from(["xy", "yx"]), st.integers(1, 5),
                  st.integers(1, 5))


@given(grids)
def test_a_word_takes_the_route_of_its_packet(grid: Grid) -> None:
    tiles = np.arange(grid.n_tiles)
    link_target, turn = link_targets(grid, grid.n_tiles), turn_table(grid)
    core_word, link_word, (place_bits, core_shift, id_shift) = packet_words(grid, link_target, tiles, 0)
    place_mask, tile_mask = (1 << place_bits) - 1, (1 << (core_shift - place_bits)) - 1
    number = (1 << (63 - id_shift)) - 1
    for source in tiles.tolist():
        for target in tiles.tolist():
            word = (number << id_shift) + int(core_word[target, 0]) + int(core_word[source, 1])
            links = []
            while turn[word & place_mask] >= 0:
                links.append(4 * (word >> place_bits & tile_mask) + int(turn[word & place_mask]))
                word += int(link_word[links[-1]])
            assert links == path_links(grid, link_target, source, target)
            assert word >> place_bits & tile_mask == target
            assert word >> core_shift & ((1 << (id_shift - 1 - core_shift)) - 1) == target
            assert word >> (id_shift - 1) == number << 1, "the id, and no mark of a multicast packet"


@pytest.mark.parametrize(("side", "n_branches", "fits"), [(16, 0, True), (16, 2**46 - 1, True), (16, 2**46, False),
                                                          (1024, 0, False)])
def test_words_need_room_for_ids(side: int, n_branches: int, fits: bool) -> None:
    grid = Grid("mesh", "xy", side, side)
    link_target = link_targets(grid, grid.n_tiles)
    assert (packet_words(grid, link_target, np.arange(grid.n_tiles), n_branches)[2][2] > 0) == fits
