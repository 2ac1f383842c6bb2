"""In which order populations are computed: one after another for all tokens, loops token by token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError
from neurosim.graph import Network


def evaluation_order(network: Network) -> list[tuple[int, ...]]:
    """Return groups of population indices; each depends on earlier ones alone.

    A group of several populations, or of one that reaches itself, is a loop; within it, populations that get a value of
    the same token from each other stand in that order.

    Raises
    ------
    NetworkError           if projections without delay form a cycle
    """
    every, instant = _adjacency(network)
    reached = _closure(every)
    same = reached & reached.T
    if np.any(np.diag(_closure(instant))):
        names = [network.populations[index].name for index in np.flatnonzero(np.diag(_closure(instant)))]
        raise NetworkError(f"projections without delay form a cycle among {', '.join(names)}",
                           allowed="cycles with a logical delay of at least 1 token",
                           mend="give one projection of the cycle delay_steps = 1")
    order: list[tuple[int, ...]] = []
    left = list(range(len(every)))
    while left:
        first = next(one for one in left if not any(reached[other, one] and not same[other, one] for other in left))
        group = [index for index in left if index == first or same[first, index]]
        order.append(tuple(_by_instant(group, instant)))
        left = [index for index in left if index not in group]
    return order


def is_loop(network: Network, group: tuple[int, ...]) -> bool:
    """Return whether a group of `evaluation_order` reaches itself."""
    names = {network.populations[index].name for index in group}
    return len(group) > 1 or any(item.source in names and item.target in names for item in network.projections)


def _adjacency(network: Network) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return [source, target]: whether there is a projection, and whether one without delay."""
    index = {population.name: number for number, population in enumerate(network.populations)}
    every, instant = np.zeros((2, len(index), len(index)), bool)
    for item in network.projections:
        pair = index[item.source], index[item.target]
        if np.size(item.delay_steps):
            every[pair] = True
            instant[pair] |= np.min(item.delay_steps) == 0
    return every, instant


def _closure(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which nodes can be reached from which, by one edge and more."""
    reached = edges.copy()
    for middle in range(len(edges)):
        reached |= np.outer(reached[:, middle], reached[middle])
    return reached


def _by_instant(group: list[int], instant: NDArray[np.bool_]) -> list[int]:
    """Return a group in an order in which no projection without delay points back."""
    order: list[int] = []
    left = list(group)
    while left:
        first = next(one for one in left if not any(instant[other, one] for other in left))
        order.append(first)
        left.remove(first)
    return order
