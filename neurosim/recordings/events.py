"""One recording: when and where every event was, and which way the light changed.

Whatever the file, a recording becomes `Events`, checked once here: times that are finite, not negative and in order;
places within the sensor; polarity off or on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

Int64Array = NDArray[np.int64]

MAX_EVENTS = 2**26              # of one recording: 1.7 GiB as `Events`
MAX_TIME_US = 2**62             # differences of two times stay within int64
# Columns of a recording, and what else files call them.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "t": ("t", "ts", "timestamp", "timestamps", "time", "times"),
    "x": ("x",),
    "y": ("y",),
    "p": ("p", "polarity", "polarities", "on"),
}


class Sensor(NamedTuple):
    """Places that events can have: columns and rows."""

    width: int
    height: int = 1


class Events(NamedTuple):
    """One recording, in order of time."""

    time_us: Int64Array                 # [event]
    x: Int64Array                       # [event], column, from 0
    y: Int64Array                       # [event], row, from 0
    on: NDArray[np.bool_] | None        # [event], brighter; None where the recording has no polarity


@dataclass(frozen=True)
class Recordings:
    """The recordings of a file or folder, each read when it is called for.

    readers : one per recording; each call reads it from the file
    sensor : where the format says it
    labels : int64[recording], where the source has them
    time_unit_us : what one unit of the format's times is; a rule may say otherwise
    """

    name: str
    readers: Sequence[Callable[[], RawEvents]]
    sensor: Sensor | None = None
    labels: Int64Array | None = None
    time_unit_us: float = 1.0


class RawEvents(NamedTuple):
    """Columns as they stand in a file, and the name that messages give the recording."""

    name: str
    t: NDArray[Any]
    x: NDArray[Any]
    y: NDArray[Any] | None = None
    p: NDArray[Any] | None = None


def checked(raw: RawEvents, sensor: Sensor, time_unit_us: float, *, sort: bool = False) -> Events:
    """Return the recording with times to the nearest microsecond; raise DataError at the first event that is wrong.

    sort : put events that are out of order in order, those of one time as they stand
    """
    check_n_events(raw.t.size, raw.name)
    for name, column in (("t", raw.t), ("x", raw.x), ("y", raw.y), ("p", raw.p)):
        if column is not None and column.shape != (raw.t.size,):
            raise DataError(f"{raw.name}: {name} has shape {column.shape}", allowed=f"({raw.t.size},), like t")
    time_us = _times(raw.t, raw.name, time_unit_us)
    x = _places(raw.x, f"{raw.name}: x", sensor.width, "width")
    y = np.zeros(x.size, np.int64) if raw.y is None else _places(raw.y, f"{raw.name}: y", sensor.height, "height")
    events = Events(time_us, x, y, None if raw.p is None else _polarity(raw.p, raw.name))
    return _in_order(events, raw.name, sort=sort)


def check_n_events(n_events: int, name: str) -> None:
    """Raise DataError where a recording is too long to hold; before it is read."""
    if n_events > MAX_EVENTS:
        raise DataError(f"{name}: {n_events} events", allowed=f"at most {MAX_EVENTS}",
                        mend="split it into several recordings")


def column_names(names: Sequence[str]) -> dict[str, str]:
    """Return which of `names` is t, x, y and p, by their usual names; those that are there."""
    return {column: found for column, known in ALIASES.items()
            if (found := next((name for name in known if name in names), None)) is not None}


def _times(values: NDArray[Any], name: str, unit_us: float) -> Int64Array:
    times = _numbers(values, f"{name}: t", floating=True)
    if times.dtype == np.uint64 and times.size and int(times.max()) > MAX_TIME_US:
        _refuse(times > MAX_TIME_US, times, f"{name}: t", f"0 to {MAX_TIME_US} µs")
    if unit_us == 1.0 and not np.issubdtype(times.dtype, np.floating):
        found = times.astype(np.int64)
    else:
        scaled = times.astype(np.float64) * unit_us
        _refuse(~(np.abs(scaled) <= MAX_TIME_US), times, f"{name}: t", "finite times below 2^62 µs")
        found = np.rint(scaled).astype(np.int64)
    _refuse((found < 0) | (found > MAX_TIME_US), times, f"{name}: t", f"0 to {MAX_TIME_US} µs")
    return found


def _places(values: NDArray[Any], name: str, n_places: int, option: str) -> Int64Array:
    places = _numbers(values, name, floating=False)
    _refuse((places < 0) | (places >= n_places), places, name, f"0 to {n_places - 1}",
            f"give the sensor's size, as in input.{option}={n_places * 2}, or mend the event")
    return places.astype(np.int64)


def _polarity(values: NDArray[Any], name: str) -> NDArray[np.bool_]:
    polarity = _numbers(values, f"{name}: p", floating=False)
    _refuse((polarity != 0) & (polarity != 1) & (polarity != -1), polarity, f"{name}: p", "0 and 1, or -1 and 1")
    return np.asarray(polarity > 0)


def _numbers(values: NDArray[Any], name: str, *, floating: bool) -> NDArray[Any]:
    if values.dtype == np.bool_:
        return values.astype(np.int8)
    if not (np.issubdtype(values.dtype, np.integer) or floating and np.issubdtype(values.dtype, np.floating)):
        raise DataError(f"{name}: holds {values.dtype}", allowed=f"integers{' or floats' if floating else ''}")
    return values


def _in_order(events: Events, name: str, *, sort: bool) -> Events:
    back = np.flatnonzero(np.diff(events.time_us) < 0)
    if not back.size:
        return events
    if sort:
        order = np.argsort(events.time_us, kind="stable")
        return Events(*(None if column is None else column[order] for column in events))    # type: ignore[arg-type]
    at = int(back[0]) + 1
    raise DataError(f"{name}: event {at} at {events.time_us[at]} µs follows one at {events.time_us[at - 1]} µs",
                    allowed="times in order", mend="sort the recording, or set input.sort=true")


def _refuse(wrong: NDArray[np.bool_], values: NDArray[Any], name: str, allowed: str, mend: str | None = None) -> None:
    """Raise DataError naming the first wrong value."""
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(f"{name}[{at}] = {values[at]}", allowed=allowed,
                        mend=mend or f"{int(wrong.sum())} of {wrong.size} events are wrong: mend or drop them")
