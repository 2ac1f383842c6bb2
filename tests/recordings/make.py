"""Recordings in the formats that are read, written from the formats' descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tests.oracle.events import Event

EVENTS = [Event(3, 1, 2, True), Event(3, 0, 0, False), Event(1000, 33, 33, True), Event(5000, 7, 4, False)]
OTHERS = [Event(1, 9, 9, True), Event(2500, 33, 0, True)]


USUAL = [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")]


def structured(events: list[Event], fields: Any = USUAL) -> NDArray[Any]:
    """Return a structured array; fields in any order."""
    array = np.zeros(len(events), dtype=fields)
    for name in array.dtype.names or ():
        array[name] = [getattr(event, "on" if name in ("p", "polarity") else name[0]) for event in events]
    return array


def columns(events: list[Event]) -> dict[str, NDArray[Any]]:
    return {"t": np.array([event.t for event in events]), "x": np.array([event.x for event in events], np.uint16),
            "y": np.array([event.y for event in events], np.uint16), "p": np.array([event.on for event in events])}


def nmnist(events: list[Event], path: Path) -> Path:
    """Write five bytes per event: x, y, polarity and the time's seven high bits, its other sixteen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [bytes((event.x, event.y, event.on << 7 | event.t >> 16, event.t >> 8 & 255, event.t & 255))
            for event in events]
    path.write_bytes(b"".join(rows))
    return path


def spike_lists(path: Path, times: list[list[float]], units: list[list[int]], labels: list[int] | None = None,
                kind: str = "f2", **storage: Any) -> Path:
    """Write `spikes/times` and `spikes/units`, a list per recording; `storage` as h5py's create_dataset takes it."""
    with h5py.File(path, "w") as file:
        for name, lists, element in (("times", times, kind), ("units", units, "u2")):
            data = file.create_dataset(f"spikes/{name}", (len(lists),), dtype=h5py.vlen_dtype(np.dtype(element)),
                                       **storage)
            for index, values in enumerate(lists):
                data[index] = np.array(values, dtype=element)
        if labels is not None:
            file["labels"] = np.array(labels, dtype=np.uint8)
    return path
