"""`mode = bins`: events summed over intervals of equal duration. The rule stands in `binning.py`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.recordings.binning import Binning, Channels
from neurosim.recordings.events import Events


class Tokens(NamedTuple):
    """A recording as a network sees it."""

    values: NDArray[np.float64]     # [token, column]
    n_dropped: int                  # events after the last token


def n_bins_of(events: Events, rule: Binning) -> int:
    """Return how many bins reach the last event; 0 for a recording without events."""
    if not events.time_us.size:
        return 0
    return (int(events.time_us[-1]) - _origin(events, rule)) // rule.bin_us + 1


def frames(events: Events, rule: Binning, channels: Channels, n_bins: int) -> Tokens:
    """Return the events of every bin and channel; those after the last bin are dropped and counted."""
    bins = (events.time_us - _origin(events, rule)) // rule.bin_us
    kept = bins < n_bins
    places = bins[kept] * channels.count + channels.of(events)[kept]
    counted = np.bincount(places, channels.sign(events)[kept], n_bins * channels.count)
    summed = np.asarray(counted, dtype=np.float64)
    if rule.merge == "any":
        summed = np.sign(summed)
    return Tokens(summed.reshape(n_bins, channels.count), int((~kept).sum()))


def _origin(events: Events, rule: Binning) -> int:
    """Return the time at which bin 0 begins, in microseconds."""
    return int(events.time_us[0]) if rule.origin == "first" and events.time_us.size else 0
