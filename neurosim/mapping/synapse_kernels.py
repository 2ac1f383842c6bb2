"""Passes over all synapses of a projection, compiled: what NumPy would do with a sort. For large projections alone.

Below `LEAST_SYNAPSES` NumPy is done before the kernels are loaded.
"""

from __future__ import annotations

from neurosim.kernel import kernel

LEAST_SYNAPSES = 1 << 18


@kernel
def sort_by_target(row_pointer, targets, next_place, sources):
    """Write the source of each synapse to `sources`, sorted by target, then source.

    next_place : int64[post] where each target's synapses begin; written: where they end
    """
    for source in range(row_pointer.size - 1):
        for synapse in range(row_pointer[source], row_pointer[source + 1]):
            target = targets[synapse]
            sources[next_place[target]] = source
            next_place[target] += 1


@kernel
def count_distinct(values, counts, found):
    """Count each of `values` in `counts`, which is all 0; write the distinct ones to `found`, return how many."""
    n_found = 0
    for index in range(values.size):
        value = values[index]
        if counts[value] == 0:
            found[n_found] = value
            n_found += 1
        counts[value] += 1
    return n_found
