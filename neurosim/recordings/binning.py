"""The rule that turns a recording into tokens, stated once and kept with every run.

Columns. An event at (x, y) with polarity p belongs to the channel

    ((p * height) + y // downscale) * width + x // downscale          order: polarity, y, x; off before on

with width and height of the sensor divided by `downscale`, rounded up. Without separate polarities p is 0.

`mode = bins`. Bin k of a recording, which is token k, holds the events with

    origin + k * bin_us <= t < origin + (k + 1) * bin_us              t and origin in whole microseconds

A column's value is the number of its events in the bin (`merge = count`), or 1 where there is any (`merge = any`).
With `polarity = signed` on counts +1 and off -1, and `any` gives the sign of the sum. There are `n_bins` bins; where
that is left out, as many as the longest of the recordings needs for its last event, and the shorter ones end in empty
bins. Events after the last bin are dropped and counted.

`mode = events`. Token k is event k: 1 in the column of its channel (-1 for off where signed), and in one more column,
the last, the interval from event k to event k + 1 in milliseconds. The last event has no interval after it and gives no
token. There are `max_events` tokens; where that is left out, as many as the longest of the recordings has, and the
shorter ones end in tokens of zeros. Later events are dropped and counted.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError, OptionError, check_choice
from neurosim.recordings.events import Events, Sensor

PREFIX = "input."
MODES = ("bins", "events")
ORIGINS = ("first", "zero")
MERGES = ("count", "any")
POLARITIES = ("separate", "merged", "signed")
# What has a meaning in one mode alone.
OF_MODE: Mapping[str, tuple[str, ...]] = {"bins": ("bin_us", "n_bins", "origin", "merge"), "events": ("max_events",)}
# Whole numbers from 1; those of the second line may be left out.
_COUNTS = ("bin_us", "downscale")
_OPTIONAL_COUNTS = ("n_bins", "max_events", "width", "height")
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Binning:
    """How recordings become tokens; the module says the rule.

    mode : "bins" of equal duration, or "events", one token each
    bin_us : duration of a bin in microseconds
    n_bins : bins per recording; None for the whole recording
    origin : where bin 0 begins: at the "first" event of each recording, or at time "zero"
    merge : "count" the events of a bin, or 1 where there is "any"
    polarity : "separate" channels, "merged" into one, or one "signed"; None for separate where there is polarity
    downscale : this many pixels by as many become one
    width, height : of the sensor in pixels; None for what the format says
    max_events : tokens per recording in mode "events"; None for all
    time_unit_us : what one unit of the file's times is; None for what the format says
    sort : put events in order of time; without it, one out of order is an error
    """

    mode: str = "bins"
    bin_us: int = 1000
    n_bins: int | None = None
    origin: str = "first"
    merge: str = "count"
    polarity: str | None = None
    downscale: int = 1
    width: int | None = None
    height: int | None = None
    max_events: int | None = None
    time_unit_us: float | None = None
    sort: bool = False

    def __post_init__(self) -> None:
        check_choice(f"{PREFIX}mode", self.mode, MODES)
        check_choice(f"{PREFIX}origin", self.origin, ORIGINS)
        check_choice(f"{PREFIX}merge", self.merge, MERGES)
        if self.polarity is not None:
            check_choice(f"{PREFIX}polarity", self.polarity, POLARITIES)
        for name in (*_COUNTS, *_OPTIONAL_COUNTS):
            self._check_count(name, getattr(self, name), optional=name in _OPTIONAL_COUNTS)
        if not isinstance(self.sort, bool):
            raise OptionError(f"{PREFIX}sort = {self.sort!r}", allowed="true, false")
        unit = self.time_unit_us
        if unit is not None and not (_is_number(unit) and 0 < unit <= 1e12):
            raise OptionError(f"{PREFIX}time_unit_us = {unit!r}", allowed="a number above 0, at most 1e12",
                              mend="1000 for milliseconds, 0.001 for nanoseconds")

    @staticmethod
    def _check_count(name: str, value: Any, *, optional: bool) -> None:
        if value is None and optional:
            return
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
            raise OptionError(f"{PREFIX}{name} = {value!r}", allowed=f"integer from 1 to {LARGEST}")

    def as_dict(self) -> dict[str, Any]:
        """Return the options that differ from the defaults, and the mode."""
        given = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)
                 if getattr(self, item.name) != item.default}
        return {"mode": self.mode} | given


@dataclass(frozen=True)
class Channels:
    """The columns of a recording under a rule.

    sensor : the sensor as it is
    polarity : "separate", "merged" or "signed"
    downscale : pixels by pixels that become one
    """

    sensor: Sensor
    polarity: str
    downscale: int

    @property
    def width(self) -> int:
        """Columns of pixels after scaling down."""
        return -(-self.sensor.width // self.downscale)

    @property
    def height(self) -> int:
        """Rows of pixels after scaling down."""
        return -(-self.sensor.height // self.downscale)

    @property
    def n_polarities(self) -> int:
        """Channels per pixel."""
        return 2 if self.polarity == "separate" else 1

    @property
    def count(self) -> int:
        """Channels in all."""
        return self.n_polarities * self.height * self.width

    def of(self, events: Events) -> NDArray[np.int64]:
        """Return the channel of every event, int64[event]."""
        place = events.y // self.downscale * self.width + events.x // self.downscale
        if self.polarity == "separate" and events.on is not None:
            return np.asarray(place + events.on * (self.height * self.width))
        return np.asarray(place)

    def sign(self, events: Events) -> NDArray[np.float64]:
        """Return what every event adds: 1, or -1 for off where signed; float64[event]."""
        if self.polarity == "signed" and events.on is not None:
            return np.where(events.on, 1.0, -1.0)
        return np.ones(events.x.size)

    def __str__(self) -> str:
        words = {"separate": "2 polarities", "merged": "1 channel", "signed": "1 signed channel"}
        return f"{self.width} x {self.height} pixels, {words[self.polarity]} each: {self.count} columns"


def channels_of(rule: Binning, sensor: Sensor | None, name: str, *, has_polarity: bool) -> Channels:
    """Return the columns of recordings; raise DataError where the size of the sensor is not known."""
    width = rule.width or (sensor.width if sensor is not None else None)
    if width is None:
        raise DataError(f"{name}: does not say how large the sensor is", allowed="input.width, input.height",
                        mend="give its pixels, as in --set input.width=128 --set input.height=128")
    height = rule.height or (sensor.height if sensor is not None else 1)
    polarity = rule.polarity or ("separate" if has_polarity else "merged")
    if polarity != "merged" and not has_polarity:
        raise DataError(f"{name}: {PREFIX}polarity = {polarity}, and the events have no polarity", allowed="merged")
    return Channels(Sensor(width, height), polarity, rule.downscale)


def binning_options(choices: Mapping[str, Any]) -> Binning:
    """Return the rule of `name: value` choices.

    Raises
    ------
    OptionError  naming the nearest option where one is unknown, or the other mode's
    """
    names = [item.name for item in dataclasses.fields(Binning)]
    mode = choices.get("mode", Binning.mode)
    for name in choices:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            raise OptionError(f"{PREFIX}{name}: no such option", allowed=", ".join(names),
                              mend=f"did you mean {PREFIX}{close[0]}?" if close else None)
        other = next((other for other in MODES if other != mode and name in OF_MODE[other]), None)
        if mode in MODES and other is not None:
            raise OptionError(f"{PREFIX}{name} has no meaning with {PREFIX}mode = {mode}",
                              mend=f"leave it out, or set {PREFIX}mode={other}")
    return Binning(**choices)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
