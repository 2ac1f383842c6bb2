"""Is a file HDF5, and which importer asks to read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from importers.files.damage import DAMAGE, damaged

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Return whether the file begins as HDF5 files do; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


@contextmanager
def looking_into(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file to see what it is.

    Raises
    ------
    DataError       if it is damaged
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGE as error:
        raise damaged(path, "HDF5", error) from None
