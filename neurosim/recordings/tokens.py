"""`mode = events`: one token per event, with the interval to the next. The rule stands in `binning.py`.

This is what event-based state-space networks read (M. Schöne et al., *Scalable event-by-event processing of
neuromorphic sensory signals with deep state-space models*, 2024): their state decays by the interval after the event
that it has just taken up.
"""

from __future__ import annotations

import numpy as np

from neurosim.recordings.binning import Channels
from neurosim.recordings.events import Events
from neurosim.recordings.frames import Tokens

US_PER_MS = 1000.0


def n_tokens_of(events: Events) -> int:
    """Return how many events have one after them."""
    return max(int(events.time_us.size) - 1, 0)


def tokens(events: Events, channels: Channels, n_tokens: int) -> Tokens:
    """Return a token per event: its channel, and in the last column the milliseconds to the next event."""
    n_kept = min(n_tokens_of(events), n_tokens)
    values = np.zeros((n_tokens, channels.count + 1))
    index = np.arange(n_kept)
    values[index, channels.of(events)[:n_kept]] = channels.sign(events)[:n_kept]
    values[:n_kept, -1] = np.diff(events.time_us[:n_kept + 1]) / US_PER_MS
    return Tokens(values, n_tokens_of(events) - n_kept)
