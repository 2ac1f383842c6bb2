"""Which files and folders hold recordings, and which reader they are for.

A folder holds one recording per file. Classes come from `labels.txt` in it (lines `name class`), or from folders within
it that are named by classes, as N-MNIST is distributed; its recordings are then in natural order of the file names,
whatever their class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from neurosim.data_files import HDF5_SUFFIXES, split_field
from neurosim.errors import DataError
from neurosim.recordings import nmnist
from neurosim.recordings.aedat4 import SUFFIX as AEDAT4_SUFFIX
from neurosim.recordings.aedat4 import open_aedat4
from neurosim.recordings.events import Int64Array, RawEvents, Recordings, Sensor
from neurosim.recordings.hdf5 import hdf5_holds_events, open_hdf5
from neurosim.recordings.names import LABELS_FILE, natural_key, read_labels_file
from neurosim.recordings.structured import npy_holds_events, npz_holds_events, open_npz, read_npy

# Files of one recording, of which a folder may hold many.
SINGLE_SUFFIXES = (*nmnist.SUFFIXES, AEDAT4_SUFFIX, ".npy")
ALLOWED = "recordings in .npy, .npz, .h5, .aedat4, .bin or .bs2 files, or a folder of .npy, .aedat4, .bin or .bs2 files"
MAX_FILES = 2**20


def holds_recordings(source: object) -> bool:
    """Whether `source` names events rather than arrays: by its suffix, or by what stands in the file."""
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(each, str | Path) for each in source)
    if not isinstance(source, str | Path):
        return False
    path, field = split_field(source)
    if path.is_dir():
        return True
    if path.suffix in (*nmnist.SUFFIXES, AEDAT4_SUFFIX):
        return True
    if not path.is_file():
        return False
    if path.suffix == ".npy":
        return field is None and npy_holds_events(path)
    if path.suffix == ".npz":
        return npz_holds_events(path, field)
    return path.suffix in HDF5_SUFFIXES and hdf5_holds_events(path, field)


def open_recordings(source: str | Path | Sequence[str | Path]) -> Recordings:
    """Return the recordings of a file, a folder, or files of one recording each.

    Raises
    ------
    DataError  where there is no such file, or it holds no events
    """
    if not isinstance(source, str | Path):
        return _of_files(f"{len(source)} files", [Path(each) for each in source])
    path, field = split_field(source)
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder", allowed=ALLOWED, mend="check the path")
    if path.suffix == ".npz" and npz_holds_events(path, field):
        return open_npz(path, field)
    if path.suffix in HDF5_SUFFIXES and hdf5_holds_events(path, field):
        return open_hdf5(path, field)
    if path.suffix == AEDAT4_SUFFIX:
        return open_aedat4(path, field)
    if field is not None:
        raise DataError(f"{path}: has no events {field!r}", allowed=ALLOWED, mend=f"give {path} alone")
    return _of_files(str(path), [path])


def _of_folder(folder: Path) -> Recordings:
    files = _recordings_in(folder)
    if files:
        labels = folder / LABELS_FILE
        classes = read_labels_file(labels, [path.stem for path in files]) if labels.is_file() else None
        return _of_files(str(folder), files, classes)
    by_class = [(path, int(each.name)) for each in sorted(folder.iterdir())
                if each.is_dir() and each.name.isdecimal() and len(each.name) <= 9 for path in _recordings_in(each)]
    if not by_class:
        raise DataError(f"{folder}: holds no recording", allowed=f"files ending in {', '.join(SINGLE_SUFFIXES)}",
                        mend="name a folder of recordings, or one whose folders are named by classes")
    by_class.sort(key=lambda each: (natural_key(each[0].stem), each[1]))
    return _of_files(str(folder), [path for path, _ in by_class],
                     np.array([number for _, number in by_class], dtype=np.int64))


def _recordings_in(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix in SINGLE_SUFFIXES and path.is_file()]
    if len(found) > MAX_FILES:
        raise DataError(f"{folder}: {len(found)} recordings", allowed=f"at most {MAX_FILES}")
    return sorted(found, key=lambda path: natural_key(path.name))


def _of_files(name: str, files: list[Path], labels: Int64Array | None = None) -> Recordings:
    """Return one recording per file; all of one sensor, which the first one names."""
    if not files:
        raise DataError(f"{name}: no recording", allowed=ALLOWED)
    opened = [_open_single(path) for path in files]
    return Recordings(name, [reader for reader, _ in opened], opened[0][1], labels)


def _open_single(path: Path) -> tuple[Callable[[], RawEvents], Sensor | None]:
    if not path.is_file():
        raise DataError(f"{path}: no such file", allowed=ALLOWED, mend="check the path")
    if path.suffix in nmnist.SUFFIXES:
        return partial(nmnist.read_nmnist, path), nmnist.SENSOR
    if path.suffix == ".npy" and npy_holds_events(path):
        return partial(read_npy, path), None
    if path.suffix == AEDAT4_SUFFIX:
        recordings = open_aedat4(path, None)
        return recordings.readers[0], recordings.sensor
    raise DataError(f"{path}: holds no events", allowed=ALLOWED,
                    mend="save events as a structured array with the fields t, x, y and p")
