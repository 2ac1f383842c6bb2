"""How large the values of a quantity are: the largest of each channel, and a histogram of magnitudes.

Whoever runs the network fills them (`neurosim.calibrate`); `mapping.quantize` reads ranges out of them. Memory is
bounded whatever the number of samples: a histogram has four bins per octave, and where a quantity has too many
channels, all of them share one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from neurosim.machine import Float64Array, Int64Array

# Bins from 2**-48 to 2**48. A float64 shifted right by 50 bits is its exponent and the first two bits behind the point.
BINS_PER_OCTAVE = 4
LOWEST_EXPONENT, N_OCTAVES = -48, 96
N_BINS = BINS_PER_OCTAVE * N_OCTAVES
_SHIFT = 50
_FIRST = (1023 + LOWEST_EXPONENT) * BINS_PER_OCTAVE
MOST_COUNTS = 2**18


def _edges() -> Float64Array:
    """Return the lower edges of all bins and the upper one of the last."""
    steps = np.arange(N_BINS + 1)
    return np.ldexp(1.0 + steps % BINS_PER_OCTAVE / BINS_PER_OCTAVE, LOWEST_EXPONENT + steps // BINS_PER_OCTAVE)


class Magnitudes:
    """Magnitudes of one quantity. Zeros are left out: every format holds them exactly.

    largest : float64[channel]
    counts : int64[channel or 1, N_BINS]    1: all channels in one histogram
    """

    edges = _edges()

    def __init__(self, n_channels: int, *, by_channel: bool = False) -> None:
        self.largest = np.zeros(n_channels)
        n_rows = n_channels if by_channel and n_channels * N_BINS <= MOST_COUNTS else 1
        self.counts = np.zeros((n_rows, N_BINS), np.int64)

    def add(self, values: ArrayLike) -> None:
        """Add values; [..., channel]."""
        magnitudes = np.abs(np.asarray(values, np.float64)).reshape(-1, len(self.largest))
        if not len(magnitudes):
            return
        np.maximum(self.largest, magnitudes.max(axis=0), out=self.largest)
        bins = np.clip((magnitudes.view(np.int64) >> _SHIFT) - _FIRST, 0, N_BINS - 1)
        if len(self.counts) > 1:
            bins += N_BINS * np.arange(len(self.counts))
        self.counts += np.bincount(bins[magnitudes > 0], minlength=self.counts.size).reshape(self.counts.shape)

    def together(self) -> Magnitudes:
        """Return the magnitudes of all channels as those of one."""
        whole = Magnitudes(1)
        whole.largest[:] = self.largest.max(initial=0.0)
        whole.counts[:] = self.counts.sum(axis=0)
        return whole

    @property
    def is_shared(self) -> bool:
        """Whether several channels share one histogram."""
        return len(self.counts) < len(self.largest)

    def percentile(self, percent: float) -> Float64Array:
        """Return the magnitude that `percent` of a channel's values do not exceed, rounded up to a bin's end."""
        totals = np.cumsum(self.counts, axis=1)
        ends = np.append(self.edges[1:-1], np.inf)          # the last bin has no end
        return np.asarray(np.minimum(ends[np.argmax(totals >= _part(totals[:, -1:], percent), axis=1)], self.largest))

    def squared_error(self, scale: Float64Array, high: int, rounding_error: float) -> Float64Array:
        """Return the sum of squared errors of each channel at one scale each; `rounding_error` in squared steps."""
        centres = np.minimum(np.sqrt(self.edges[1:] * self.edges[:-1]), self.largest[:, None])
        beyond = np.maximum(centres - high * scale[:, None], 0.0)
        errors = np.where(beyond > 0, beyond**2, rounding_error * scale[:, None] ** 2)
        return np.asarray((self.counts * errors).sum(axis=1))


class Given:
    """Values that are known, such as weights: what `Magnitudes` says of samples, exactly.

    Parameters
    ----------
    values : float64[value]
    channel : int64[value]      its channel, 0 where there is but one
    """

    is_shared = False

    def __init__(self, values: ArrayLike, channel: ArrayLike = 0, n_channels: int = 1) -> None:
        self.values = np.asarray(values, np.float64).reshape(-1)
        self.channel = np.broadcast_to(np.asarray(channel, np.int64), self.values.shape)
        self.largest = np.zeros(n_channels)
        np.maximum.at(self.largest, self.channel, np.abs(self.values))

    def together(self) -> Given:
        """Return the same values as those of one channel."""
        return Given(self.values)

    def percentile(self, percent: float) -> Float64Array:
        """Return the magnitude that `percent` of a channel's values other than 0 do not exceed."""
        kept = self.values != 0
        magnitudes, channel = np.abs(self.values[kept]), self.channel[kept]
        magnitudes = magnitudes[np.lexsort((magnitudes, channel))]
        counts = np.bincount(channel, minlength=len(self.largest))
        found = np.zeros(len(self.largest))
        place = np.cumsum(counts) - counts + _part(counts, percent) - 1
        found[counts > 0] = magnitudes[place[counts > 0]]
        return found

    def squared_error(self, scale: Float64Array, high: int, rounding_error: float) -> Float64Array:
        """Return the sum of squared errors of each channel at one scale each, rounded to the nearest."""
        steps = np.where(scale > 0, scale, 1.0)[self.channel]
        kept = np.clip(np.rint(self.values / steps), -high - 1, high) * steps
        return np.asarray(np.bincount(self.channel, (kept - self.values) ** 2, minlength=len(scale)), np.float64)


def _part(counts: Int64Array, percent: float) -> Int64Array:
    """Return how many of `counts` values are `percent` of them, at least 1."""
    return np.asarray(np.maximum(np.ceil(counts * percent / 100 - 1e-9), 1), np.int64)


Statistics = Mapping[str, Mapping[str, Magnitudes]]
