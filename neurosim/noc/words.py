"""Packets as words: what the word of a packet begins with, and what crossing a link adds to it.

From the lowest bit up: the place to go, the tile, the destination core, a mark of multicast packets, the packet's id.
The place to go is an index of `topology.turn_table`.
"""

from __future__ import annotations

import numpy as np

from neurosim.machine import Int64Array
from neurosim.noc.topology import Grid

_WORD_BITS, _LEAST_ID_BITS = 63, 16     # int64 without its sign; steps of fewer packets are common


def packet_words(grid: Grid, link_target: Int64Array, core_tile: Int64Array, n_branches: int
                 ) -> tuple[Int64Array, Int64Array, tuple[int, int, int]]:
    """Return what words are made of.

    Parameters
    ----------
    link_target : int64[link] router behind each link, -1 where there is none
    core_tile : int64[core]
    n_branches : of all multicast trees

    Returns
    -------
    int64[core, 2]  as the target and as the source of a packet: their sum, and the id, are its word at the source
    int64[link]     what crossing the link adds to a word
    (place bits, first bit of the core, first bit of the id); the last is 0 where ids would have too few bits
    """
    place_bits = (4 * grid.n_tiles - 1).bit_length()
    core_shift = place_bits + max(1, (grid.n_tiles - 1).bit_length())
    mark = max(core_shift + max(1, (len(core_tile) - 1).bit_length()), n_branches.bit_length())
    y, x = np.divmod(np.arange(grid.n_tiles), grid.columns)
    place = 2 * grid.columns * y + x
    here = (np.arange(grid.n_tiles) << place_bits) - place
    middle = 2 * grid.columns * grid.rows + grid.columns
    to_core = middle + place[core_tile] + (np.arange(len(core_tile)) << core_shift)
    link_word = np.zeros(len(link_target), np.int64)
    links = np.flatnonzero(link_target >= 0)
    link_word[links] = here[link_target[links]] - here[links // 4]
    fits = _WORD_BITS - (mark + 1) >= _LEAST_ID_BITS
    return (np.ascontiguousarray(np.stack([to_core, here[core_tile]], axis=1)), link_word,
            (place_bits, core_shift, mark + 1 if fits else 0))
