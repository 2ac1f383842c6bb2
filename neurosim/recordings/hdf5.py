"""Recordings in HDF5 files.

* `spikes/times` and `spikes/units`, a list per recording, and `labels` beside them where there are such: the layout of
  the Heidelberg digits (B. Cramer et al., *The Heidelberg spiking data sets*, 2020). Times are seconds where they are
  floats, else microseconds; units become x, of 700 places.
* data sets t and x, and y and p where there are such, of one length, in the root or a group: one recording per group,
  in natural order of their names;
* data sets of compound type with such fields: one recording each.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.data_files import DAMAGE, ArrayShape, array_shapes, broken, read_field
from neurosim.errors import DataError
from neurosim.recordings.events import RawEvents, Recordings, Sensor, check_n_events, column_names
from neurosim.recordings.names import labels_beside, natural_order
from neurosim.recordings.structured import events_of, holds_columns, is_structured

TIMES, UNITS = "spikes/times", "spikes/units"
COCHLEA = Sensor(700)
US_PER_S = 1e6


def hdf5_holds_events(path: Path, field: str | None) -> bool:
    """Whether a file, or the group or data set that is named, holds events."""
    return bool(_found(array_shapes(path), field))


def open_hdf5(path: Path, field: str | None) -> Recordings:
    """Return the recordings of a file, or those in the group or data set that is named."""
    shapes = array_shapes(path)
    found = _found(shapes, field)
    if found == [TIMES]:
        return _open_lists(path, shapes)
    groups = _groups(shapes)
    readers = [partial(_read_compound, path, name, shapes[name]) if name in shapes
               else partial(_read_columns, path, name, groups[name]) for name in found]
    return Recordings(str(path), readers,
                      labels=labels_beside(path, shapes, len(found)) if field is None else None)


def _found(shapes: dict[str, ArrayShape], field: str | None) -> list[str]:
    """Return what holds events: `spikes/times`, or groups ("" for the root) and data sets; nothing where none does."""
    if TIMES in shapes and UNITS in shapes and field in (None, "spikes"):
        return [TIMES]
    found = [name for name, each in shapes.items() if is_structured(each.dtype)]
    found += [group for group, members in _groups(shapes).items() if holds_columns(members)]
    return natural_order(name for name in found if field is None or name == field)


def _groups(shapes: dict[str, ArrayShape]) -> dict[str, dict[str, ArrayShape]]:
    """Return the data sets of every group by their names within it; the root is ""."""
    groups: dict[str, dict[str, ArrayShape]] = {}
    for path, each in shapes.items():
        group, _, name = path.rpartition("/")
        groups.setdefault(group, {})[name] = each
    return groups


def _read_compound(path: Path, name: str, stored: ArrayShape) -> RawEvents:
    _check_flat(stored, f"{path}: {name}")
    return events_of(read_field(path, name), f"{path}: {name}")


def _read_columns(path: Path, group: str, members: dict[str, ArrayShape]) -> RawEvents:
    label = f"{path}: {group}" if group else str(path)
    columns = column_names(list(members))
    for column in columns.values():
        _check_flat(members[column], f"{label}: {column}")
    prefix = f"{group}/" if group else ""
    return RawEvents(label, **{key: read_field(path, f"{prefix}{column}") for key, column in columns.items()})


def _check_flat(stored: ArrayShape, label: str) -> None:
    if len(stored.shape) != 1:
        raise DataError(f"{label}: shape {stored.shape}", allowed="(events,)")
    check_n_events(stored.shape[0], label)


def _open_lists(path: Path, shapes: dict[str, ArrayShape]) -> Recordings:
    """Return the recordings of `spikes/times` and `spikes/units`."""
    element = _element_type(path, shapes)
    n_recordings = shapes[TIMES].shape[0]
    return Recordings(str(path), [partial(_read_list, path, index) for index in range(n_recordings)], COCHLEA,
                      labels_beside(path, shapes, n_recordings),
                      US_PER_S if np.issubdtype(element, np.floating) else 1.0)


def _element_type(path: Path, shapes: dict[str, ArrayShape]) -> np.dtype[Any]:
    """Return the type of times; raise DataError where the two data sets are no lists of numbers, one per recording."""
    import h5py

    n_recordings = shapes[TIMES].shape
    for name in (TIMES, UNITS):
        shape, dtype = shapes[name]
        if len(shape) != 1 or shape != n_recordings or not isinstance(h5py.check_vlen_dtype(dtype), np.dtype):
            raise DataError(f"{path}: {name}: {dtype} of shape {shape}",
                            allowed="a list of numbers per recording (variable length), as many in times as in units")
    if not n_recordings[0]:
        raise DataError(f"{path}: {TIMES}: no recording", allowed="at least one")
    element: np.dtype[Any] = h5py.check_vlen_dtype(shapes[TIMES].dtype)
    return element


def _read_list(path: Path, index: int) -> RawEvents:
    """Return a recording, taken from the bytes: the HDF5 library can loop for ever on a damaged length."""
    import h5py

    from neurosim.hdf5_bytes import Hdf5Bytes

    label = f"{path}: recording {index}"
    try:
        with h5py.File(path, "r") as file, Hdf5Bytes(path) as content:
            times, units = (content.numbers_at(file[name], index) for name in (TIMES, UNITS))
    except DAMAGE as error:
        raise broken(path, error, "a whole file") from None
    if times.size != units.size:
        raise DataError(f"{label}: {times.size} times and {units.size} units", allowed="as many of each")
    return RawEvents(label, times, units)
