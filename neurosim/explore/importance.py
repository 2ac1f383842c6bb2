"""How much each parameter matters to each objective: the share of the variance between groups of its values.

For each parameter the points where it is active are grouped by its value, numbers with many values into classes of
equal size. The share is epsilon squared, (SSB - (k - 1) MSW) / SST: the variance between k groups less what chance
alone would put there (Kelley 1935). It sees the effect of a parameter by itself, not that of a combination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.explore.parameters import Scalar

N_CLASSES = 8


def importance(settings: Sequence[Mapping[str, Scalar]], values: Sequence[float]) -> dict[str, float]:
    """Return parameter -> share of the variance of `values` that goes with it, 0 to 1."""
    names = dict.fromkeys(name for chosen in settings for name in chosen)
    targets = np.asarray(values, np.float64)
    found = {}
    for name in names:
        active = [index for index, chosen in enumerate(settings) if name in chosen]
        groups = _groups([settings[index][name] for index in active])
        found[name] = share_of_variance(groups, targets[active])
    return found


def share_of_variance(groups: NDArray[np.int64], targets: NDArray[np.float64]) -> float:
    """Return epsilon squared of `targets` grouped by `groups`, at least 0; 0 where nothing can be said."""
    n_points, n_groups = len(targets), len(np.unique(groups))
    spread = float(((targets - targets.mean()) ** 2).sum()) if n_points else 0.0
    if n_groups < 2 or n_points <= n_groups or spread <= 1e-24 * float((targets**2).sum()):
        return 0.0
    within = sum(float(((part - part.mean()) ** 2).sum())
                 for part in (targets[groups == group] for group in np.unique(groups)))
    by_chance = (n_groups - 1) * within / (n_points - n_groups)
    return max(0.0, (spread - within - by_chance) / spread)


def _groups(values: Sequence[Scalar]) -> NDArray[np.int64]:
    """Return the group of each value: its own, or of many numbers one of `N_CLASSES` of equal size."""
    distinct = list(dict.fromkeys(values))
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct)
    if len(distinct) <= N_CLASSES or not are_numbers:
        return np.array([distinct.index(value) for value in values], np.int64)
    numbers = np.array([float(value) for value in values])
    edges = np.quantile(numbers, np.linspace(0, 1, N_CLASSES + 1)[1:-1])
    return np.searchsorted(edges, numbers, side="right").astype(np.int64)
