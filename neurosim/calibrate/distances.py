"""Distances between spike trains: how far the spikes of two runs lie apart, not only whether they differ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from neurosim.machine import Float64Array

TIME_CONSTANT = 10.0        # tokens
COST_PER_TOKEN = 0.2        # spikes more than 10 tokens apart are rather taken away and put in again


def van_rossum(first: ArrayLike, second: ArrayLike, time_constant: float = TIME_CONSTANT) -> Float64Array:
    """Return the van Rossum distances of spike trains; float64[train].

        D**2 = 1 / tau * integral from 0 of (f - g)**2 dt,   f(t) = sum over spikes t_i <= t of exp(-(t - t_i) / tau)

    One spike more or less gives 1 / sqrt 2, two spikes far from each other 1. Computed in closed form from the times:
    the integral of exp(-(t - a) / tau) exp(-(t - b) / tau) is tau / 2 exp(-|a - b| / tau).

    Parameters
    ----------
    first, second : [token, train]      0 and 1, or -1 for the negative spikes of ternary neurons
    time_constant : tau, in tokens

    Source
    ------
    van Rossum, "A Novel Spike Distance", Neural Computation 13 (2001), 751-763.
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    kept, squared, decay = np.zeros(difference.shape[1]), np.zeros(difference.shape[1]), math.exp(-1 / time_constant)
    for row in difference:
        kept = kept * decay
        squared += row * (row + 2 * kept)       # the pairs that this token ends, itself included
        kept = kept + row
    return np.sqrt(np.maximum(squared / 2, 0.0))


def victor_purpura(first: ArrayLike, second: ArrayLike, cost: float = COST_PER_TOKEN) -> Float64Array:
    """Return the Victor-Purpura distances of spike trains; float64[train].

    The least cost to turn one train into the other: 1 to add or delete a spike, `cost` per token to move one. A spike
    of the other sign is another spike: to turn it costs 2, which is to delete and to add it.

        G[i, j] = min(G[i - 1, j] + 1, G[i, j - 1] + 1, G[i - 1, j - 1] + cost |t_i - t_j|)

    Parameters
    ----------
    first, second : [token, train]      0 and 1, or -1

    Source
    ------
    Victor and Purpura, "Nature and precision of temporal coding in visual cortex: a metric-space analysis",
    Journal of Neurophysiology 76 (1996), 1310-1326.
    """
    one, other = np.asarray(first), np.asarray(second)
    return np.array([_edit_cost(one[:, train], other[:, train], cost) for train in range(one.shape[1])])


def _edit_cost(first: Float64Array, second: Float64Array, cost: float) -> float:
    times, signs = np.flatnonzero(second), np.sign(second[second != 0])
    places = np.arange(len(times) + 1)
    row = places.astype(np.float64)
    for time in np.flatnonzero(first):
        moved = row[:-1] + np.where(signs == np.sign(first[time]), cost * np.abs(times - time), 2.0)
        below = row + 1
        below[1:] = np.minimum(below[1:], moved)
        # Adding spikes of the second train costs 1 each: a running minimum along the row.
        row = np.minimum.accumulate(below - places) + places
    return float(row[-1])
