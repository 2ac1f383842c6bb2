"""How long each link was occupied in each block of time steps, from what it was occupied so far at the end of each.

A block is one time step where the chip has few links for its cores. Where it has many, it is as many steps as keep a
step from having more values of links than a core has counts: then the memory of a sample grows by less than half.
It follows from the machine alone, so that all samples of a run, and both engines, have the same blocks.
"""

from __future__ import annotations

import numpy as np

from neurosim.machine import Machine
from neurosim.traces.schema import Int64Array, LinkLoads

VALUES_PER_CORE = 8
FEWEST_VALUES = 4096                    # of a step: 32 KiB


def block_steps(machine: Machine) -> int:
    """Return the time steps of a block, a power of two."""
    n_cores = len(machine.cores.tile)
    n_links = 4 * machine.noc.n_tiles + n_cores
    steps = 1
    while n_links > steps * max(FEWEST_VALUES, VALUES_PER_CORE * n_cores):
        steps *= 2
    return steps


def n_blocks(n_steps: int, steps: int) -> int:
    """Return how many blocks of `steps` a sample has."""
    return -(-n_steps // steps)


def link_loads(so_far: Int64Array, steps: int) -> LinkLoads:
    """Return the loads of the links that were occupied, block by block.

    so_far : int64[block, link] ps that each link was occupied from the start of the sample to the end of the block
    """
    busy = np.diff(so_far, axis=0, prepend=np.zeros((1, so_far.shape[1]), np.int64))
    block, link = np.nonzero(busy)
    start = np.searchsorted(block, np.arange(len(so_far) + 1)).astype(np.int64)
    return LinkLoads(steps, start, link.astype(np.int32), busy[block, link])
