"""Recordings in `.npy` and `.npz` files, as event libraries and NumPy users keep them.

* a structured array with the fields t and x, and y and p where there are such, in any order: one recording;
  in a `.npz` file each such array is one, in natural order of their names, `labels` may stand beside them;
* a `.npz` file with plain arrays t, x, y, p of one length: one recording.

t counts microseconds, p is 0 and 1, false and true, or -1 and 1. `events.ALIASES` has the other names that are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data_files import ArrayShape, array_shapes, map_npy, read_field
from neurosim.errors import DataError
from neurosim.recordings.events import RawEvents, Recordings, check_n_events, column_names
from neurosim.recordings.names import labels_beside, natural_order


def is_structured(dtype: np.dtype[Any]) -> bool:
    """Whether an array of this type holds events."""
    return dtype.names is not None and {"t", "x"} <= column_names(dtype.names).keys()


def holds_columns(shapes: Mapping[str, ArrayShape]) -> bool:
    """Whether arrays are the columns of a recording: t and x, of one length."""
    names = column_names(list(shapes))
    if not {"t", "x"} <= names.keys():
        return False
    t, x = shapes[names["t"]].shape, shapes[names["x"]].shape
    return len(t) == 1 and t == x


def npy_holds_events(path: Path) -> bool:
    """Whether a .npy file holds a structured array of events."""
    return is_structured(map_npy(path).dtype)


def npz_holds_events(path: Path, field: str | None) -> bool:
    """Whether a .npz file, or the array that is named, holds events."""
    shapes = array_shapes(path)
    if field is not None:
        return field in shapes and is_structured(shapes[field].dtype)
    return holds_columns(shapes) or any(is_structured(each.dtype) for each in shapes.values())


def read_npy(path: Path) -> RawEvents:
    """Return the events of a .npy file."""
    return events_of(_checked_shape(map_npy(path), str(path)), str(path))


def open_npz(path: Path, field: str | None) -> Recordings:
    """Return the recordings of a .npz file, or the one in the array that is named."""
    shapes = array_shapes(path)
    if field is None and holds_columns(shapes):
        return Recordings(str(path), [partial(_read_columns, path, shapes)])
    names = [name for name, each in shapes.items() if is_structured(each.dtype)] if field is None else [field]
    ordered = natural_order(names)
    readers = [partial(_read_array, path, name, shapes[name]) for name in ordered]
    return Recordings(str(path), readers, labels=labels_beside(path, shapes, len(names)) if field is None else None)


def _read_array(path: Path, name: str, stored: ArrayShape) -> RawEvents:
    label = f"{path}: {name}"
    _check_shape(stored.shape, label)
    return events_of(read_field(path, name), label)


def _read_columns(path: Path, shapes: Mapping[str, ArrayShape]) -> RawEvents:
    names = column_names(list(shapes))
    for name in names.values():
        _check_shape(shapes[name].shape, f"{path}: {name}")
    return RawEvents(str(path), **{column: read_field(path, name) for column, name in names.items()})


def events_of(array: NDArray[Any], label: str) -> RawEvents:
    """Return the columns of a structured array."""
    return RawEvents(label, **{column: np.array(array[name])
                               for column, name in column_names(array.dtype.names or ()).items()})


def _checked_shape(array: NDArray[Any], label: str) -> NDArray[Any]:
    _check_shape(array.shape, label)
    return array


def _check_shape(shape: tuple[int, ...], label: str) -> None:
    if len(shape) != 1:
        raise DataError(f"{label}: shape {shape}", allowed="(events,)", mend="save one recording per array")
    check_n_events(shape[0], label)
