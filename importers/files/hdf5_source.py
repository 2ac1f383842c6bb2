"""HDF5 files from elsewhere, read without believing them: sizes are checked before memory is asked for.

Only plain numbers and short text are read, stored whole and unfiltered in the file itself, and both from its bytes
(`neurosim.hdf5_bytes`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from importers.files.damage import DAMAGE, check_finite
from neurosim.errors import DataError
from neurosim.hdf5_bytes import Hdf5Bytes

Array = NDArray[Any]

MAX_BYTES = 2 * 1024**3
MAX_TEXT = 4096
_AGAIN = "copy or download it again, or export it again"


@contextmanager
def opened(path: Path, what: str, *, allowed: str = "an HDF5 file", mend: str = _AGAIN, max_bytes: int = MAX_BYTES
           ) -> Iterator[Hdf5Source]:
    """Open a file, and turn whatever the library raises while it is read into a DataError.

    what : the kind of file, for errors
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", mend="check the path")
    if path.stat().st_size > max_bytes:
        raise DataError(f"{path}: {path.stat().st_size} bytes", allowed=f"at most {max_bytes} bytes")
    try:
        with h5py.File(path, "r") as file, Hdf5Bytes(path) as content:
            if file.userblock_size:
                raise DataError(f"{path}: lies behind a user block of {file.userblock_size} bytes", allowed="none",
                                mend=mend)
            yield Hdf5Source(path, file, content)
    except DAMAGE as error:
        first_line = (str(error).strip("'\"") or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read as {what}: {first_line}", allowed=allowed, mend=mend) from None


class Hdf5Source:
    """An open file."""

    def __init__(self, path: Path, file: h5py.File, content: Hdf5Bytes) -> None:
        self.path, self.file, self.content = path, file, content
        self.file_bytes = path.stat().st_size

    def fault(self, name: str, what: str, allowed: str, mend: str = _AGAIN) -> DataError:
        """Return an error on the object `name`."""
        return DataError(f"{self.path}: {name} {what}", allowed=allowed, mend=mend)

    def has(self, name: str) -> bool:
        """Return whether the object is there."""
        return self._object(name) is not None

    def names(self, group: str, most: int) -> list[str]:
        """Return the names in a group, in the order of the file; at most so many."""
        item = self._object(group)
        if not isinstance(item, h5py.Group):
            raise self.fault(group, "is missing" if item is None else "is no group", "a group")
        if len(item) > most:
            raise self.fault(group, f"has {len(item)} entries", f"at most {most}")
        return [str(name) for name in item]

    def is_group(self, name: str) -> bool:
        """Return whether the object is there, and a group."""
        return isinstance(self._object(name), h5py.Group)

    def value(self, name: str) -> Array | str:
        """Return a dataset: numbers as they are stored, text decoded."""
        dataset = self._dataset(name)
        if h5py.check_string_dtype(dataset.dtype) is not None or dataset.dtype.kind == "S":
            return self._text(name, dataset)
        if dataset.dtype.kind not in "biuf":
            raise self.fault(name, f"has type {dataset.dtype}", "numbers, or text")
        with self._naming(name):
            values = self.content.numbers(dataset)
        check_finite(values, f"{self.path}: {name}")
        return values

    def _dataset(self, name: str) -> h5py.Dataset:
        """Return a dataset whose data lie in this file, and no larger than it."""
        dataset = self._object(name)
        if not isinstance(dataset, h5py.Dataset):
            raise self.fault(name, "is missing" if dataset is None else "is a group", "a dataset")
        if dataset.shape is None or dataset.is_virtual or dataset.external:
            raise self.fault(name, "is empty, virtual or external", "plain data in this file")
        if dataset.id.get_create_plist().get_nfilters():
            raise self.fault(name, "is compressed", "unfiltered data", "unpack it: h5repack -f NONE OLD NEW")
        n_bytes = math.prod(dataset.shape) * dataset.dtype.itemsize
        if n_bytes > self.file_bytes or dataset.id.get_storage_size() < n_bytes:
            raise self.fault(name, f"claims {n_bytes} bytes in a file of {self.file_bytes}", "data that are there")
        return dataset

    def _object(self, name: str) -> Any:
        """Return an object, None if it is not there; refuse links to other places."""
        group: Any = self.file
        for step in filter(None, name.split("/")):
            link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise self.fault(name, "is a link to another place", "data in this file")
            group = group[step]
        return group

    def _text(self, name: str, dataset: h5py.Dataset) -> str:
        if math.prod(dataset.shape) != 1:
            raise self.fault(name, f"holds {math.prod(dataset.shape)} texts", "one text")
        with self._naming(name):
            return self.content.texts(dataset, MAX_TEXT)[0]

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Name the dataset in whatever is wrong with its bytes."""
        try:
            yield
        except DAMAGE as error:
            raise self.fault(name, str(error), f"numbers, or text of at most {MAX_TEXT} bytes") from None
