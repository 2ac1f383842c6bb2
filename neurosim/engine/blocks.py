"""Which machines run in blocks of tokens at detail `functional`, and their scratch. See `block_kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.block_kernels import Blocks
from neurosim.engine.count_tables import Q_WIDTH, CountTables
from neurosim.machine import Machine

BLOCK_TOKENS = 32
# Words of all rings and of the largest population's scratch: blocks pay as long as the caches hold them.
_MOST_WORDS = 2**19


def block_tokens(machine: Machine, counts: CountTables) -> int:
    """Return how many tokens each population takes at once; 0 where steps must follow each other.

    A block needs that nothing sends backward, that all that spikes count is known beforehand (`counts`), and
    populations without rests, resets and sums of changes.
    """
    populations, projections = machine.populations, machine.projections
    in_order = bool((projections.source < projections.target).all())
    plain = (machine.schedule.n_phases == 1 and machine.tick_ps == 0 and not populations.backward.any()
             and bool((populations.period == 1).all()) and not populations.reset_period.any()
             and bool((populations.change_threshold < 0).all()))
    if not (in_order and plain and bool((counts.population[:, Q_WIDTH] > 0).all())):
        return 0
    words = int(populations.size.sum()) + int(((populations.n_ports + 3) * populations.size).max())
    return BLOCK_TOKENS if words * BLOCK_TOKENS <= _MOST_WORDS else 0


def make_blocks(machine: Machine, n_tokens: int, dtype: np.dtype[Any]) -> Blocks:
    """Return scratch for blocks of `n_tokens`; 0: none."""
    populations = machine.populations
    size = n_tokens * int(populations.size.max())
    n_charges = n_tokens * int((populations.n_ports * populations.size).max())
    charge, output, live = (np.zeros(length, dtype) for length in (n_charges, size, size))
    return Blocks(charge, output, live, np.zeros(size, np.uint8), np.zeros(n_tokens, np.int64))


def in_order_of_steps(spike: NDArray[np.int64], value: NDArray[np.float64]
                      ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return recorded events as the step loop would have left them: by step, then output, then neuron."""
    order = np.lexsort((spike[:, 1], spike[:, 0]))
    return spike[order], value[order]
