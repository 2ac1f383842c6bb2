"""Recordings of a file or folder as the inputs of a network, by the rule of `binning.py`.

Recordings are read one at a time. Where the rule leaves the number of tokens to the longest of them, each is read
twice, first for its length: what is held is the result and one recording.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.data_files import check_size
from neurosim.errors import DataError
from neurosim.recordings.binning import LARGEST, PREFIX, Binning, Channels, channels_of
from neurosim.recordings.events import Events, Int64Array, Recordings, Sensor, checked
from neurosim.recordings.files import open_recordings
from neurosim.recordings.frames import Tokens, frames, n_bins_of
from neurosim.recordings.tokens import n_tokens_of, tokens


class Loaded(NamedTuple):
    """Inputs made of recordings."""

    inputs: NDArray[np.float64]     # [sample, token, column]
    labels: Int64Array | None       # [sample], where the source has them
    n_recordings: int               # in the source; more than samples where a limit was given
    notes: Mapping[str, str]        # the rule, and how many events were read and dropped; kept with a run


def load_recordings(source: str | Path | Sequence[str | Path], n_columns: int, rule: Binning | None = None, *,
                    limit: int | None = None) -> Loaded:
    """Return the recordings of files or a folder as inputs of a network of `n_columns` inputs.

    Parameters
    ----------
    source : a file, `file:field`, a folder, or files of one recording each
    rule : how events become tokens; by default counts per millisecond
    limit : only the first so many recordings

    Raises
    ------
    DataError    naming file, event, value, what is allowed and what to do
    """
    return loaded(open_recordings(source), n_columns, rule or Binning(), limit=limit)


def loaded(recordings: Recordings, n_columns: int, rule: Binning, *, limit: int | None = None) -> Loaded:
    """Return opened recordings as inputs; see `load_recordings`."""
    chosen = recordings.readers[:limit]
    channels = _channels(recordings, n_columns, rule)
    n_tokens = _n_tokens(recordings, len(chosen), channels, rule)
    check_size((len(chosen), n_tokens, n_columns), f"{recordings.name}: {PREFIX[:-1]}")
    inputs = np.zeros((len(chosen), n_tokens, n_columns))
    n_events = n_dropped = 0
    for sample, events in enumerate(_events(recordings, len(chosen), channels, rule)):
        found = _tokens(events, rule, channels, n_tokens)
        inputs[sample] = found.values
        n_events, n_dropped = n_events + events.time_us.size, n_dropped + found.n_dropped
    labels = None if recordings.labels is None else recordings.labels[:limit]
    notes = {"input_rule": json.dumps(rule.as_dict()), "input_columns": str(channels),
             "input_events": str(n_events), "input_events_dropped": str(n_dropped)}
    return Loaded(inputs, labels, len(recordings.readers), notes)


def summed_up(source: str | Path | Sequence[str | Path]) -> str:
    """Read every recording of a source and say in a line what it holds; raise DataError at the first that is wrong."""
    recordings = open_recordings(source)
    sensor = recordings.sensor or Sensor(LARGEST, LARGEST)
    lengths = [checked(read(), sensor, recordings.time_unit_us).time_us.size for read in recordings.readers]
    known = f", {sensor.width} x {sensor.height} pixels" if recordings.sensor else ""
    labelled = "" if recordings.labels is None else ", labels"
    return f"recordings {len(lengths)}, events {sum(lengths)}{known}{labelled}"


def _events(recordings: Recordings, n_recordings: int, channels: Channels, rule: Binning) -> Iterator[Events]:
    """Read and check one recording after another."""
    unit = rule.time_unit_us or recordings.time_unit_us
    for read in recordings.readers[:n_recordings]:
        raw = read()
        if channels.polarity != "merged" and raw.p is None:
            raise DataError(f"{raw.name}: has no polarity, and the first recording has",
                            mend=f"set {PREFIX}polarity=merged")
        yield checked(raw, channels.sensor, unit, sort=rule.sort)


def _tokens(events: Events, rule: Binning, channels: Channels, n_tokens: int) -> Tokens:
    if rule.mode == "bins":
        return frames(events, rule, channels, n_tokens)
    return tokens(events, channels, n_tokens)


def _n_tokens(recordings: Recordings, n_recordings: int, channels: Channels, rule: Binning) -> int:
    """Return the tokens of every sample: as the rule says, or else those of the longest recording."""
    given = rule.n_bins if rule.mode == "bins" else rule.max_events
    if given is not None:
        return given
    longest = max(n_bins_of(events, rule) if rule.mode == "bins" else n_tokens_of(events)
                  for events in _events(recordings, n_recordings, channels, rule))
    if not longest:
        least = "one event" if rule.mode == "bins" else "two events: the last gives no token"
        raise DataError(f"{recordings.name}: no recording gives a token", allowed=f"recordings of at least {least}")
    return longest


def _channels(recordings: Recordings, n_columns: int, rule: Binning) -> Channels:
    """Return the channels; raise DataError where they are not the columns of the network."""
    has_polarity = recordings.readers[0]().p is not None
    channels = channels_of(rule, recordings.sensor, recordings.name, has_polarity=has_polarity)
    n_extra = _n_extra(rule)
    if channels.count + n_extra != n_columns:
        interval = " and one of intervals" if n_extra else ""
        raise DataError(f"{recordings.name}: {channels}{interval}", allowed=f"{n_columns}, as the network has inputs",
                        mend=_fitting(channels, n_columns - n_extra, has_polarity=has_polarity))
    return channels


def _n_extra(rule: Binning) -> int:
    return 1 if rule.mode == "events" else 0


def _fitting(channels: Channels, n_channels: int, *, has_polarity: bool) -> str:
    """Return the settings that would give the columns of the network, if any do."""
    polarities = ("separate", "merged") if has_polarity else ("merged",)
    for polarity, downscale in itertools.product(polarities, range(1, 65)):
        if Channels(channels.sensor, polarity, downscale).count == n_channels:
            return f"set {PREFIX}polarity={polarity} and {PREFIX}downscale={downscale}"
    return f"set {PREFIX}polarity, {PREFIX}downscale, or {PREFIX}width and {PREFIX}height"
