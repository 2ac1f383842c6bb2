"""Arrays in .npy, .npz and .h5 files: their names, shapes and values.

Nothing is unpickled, and shapes are read before values, so that a huge file is refused quickly.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

MAX_BYTES = 4 * 2**30
HDF5_SUFFIXES = (".h5", ".hdf5")
# What damaged, encrypted or oddly packed files make zipfile, zlib, NumPy and h5py raise.
DAMAGE = (zipfile.BadZipFile, zlib.error, tokenize.TokenError, ValueError, EOFError, OSError, RuntimeError,
          NotImplementedError, KeyError, SyntaxError, TypeError, OverflowError, MemoryError)


class ArrayShape(NamedTuple):
    """An array in a file, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def split_field(source: str | Path) -> tuple[Path, str | None]:
    """Return path and field of `path:field`; a path that exists as it stands has no field."""
    text = str(source)
    path, colon, field = text.rpartition(":")
    if not colon or not path or Path(text).exists() or "/" in field and not Path(path).is_file():
        return Path(text), None
    return Path(path), field


def array_shapes(path: Path) -> dict[str, ArrayShape]:
    """Return the arrays of a .npz or .h5 file by name, values unread; raise DataError where it is none."""
    if path.suffix == ".npz":
        return _npz_fields(path)
    if path.suffix in HDF5_SUFFIXES:
        return _hdf5_fields(path)
    raise DataError(f"{path}: unknown kind of file {path.suffix!r}", allowed=".npy, .npz, .h5",
                    mend="save the array with numpy.save or numpy.savez")


def map_npy(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file, mapped: the header alone says how large it is."""
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except DAMAGE as error:
        raise broken(path, error, "a .npy file of numbers") from None


def _npz_fields(path: Path) -> dict[str, ArrayShape]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _npy_header(archive, name) for name in names}
    except DAMAGE as error:
        raise broken(path, error, "a .npz file of arrays") from None


def _npy_header(archive: zipfile.ZipFile, name: str) -> ArrayShape:
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    return ArrayShape(shape, dtype)


def _hdf5_fields(path: Path) -> dict[str, ArrayShape]:
    import h5py

    found: dict[str, ArrayShape] = {}

    def keep(name: str | bytes, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            text = name if isinstance(name, str) else name.decode("utf-8", "replace")
            found[text] = ArrayShape(item.shape, item.dtype)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except DAMAGE as error:
        raise broken(path, error, "an HDF5 file") from None
    return found


def read_field(path: Path, name: str) -> NDArray[Any]:
    """Return one array of a .npz or .h5 file; raise DataError where it cannot be read."""
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive[name])
        import h5py

        with h5py.File(path, "r") as file:
            return np.asarray(file[name][()])
    except DAMAGE as error:
        raise broken(path, error, "a whole file") from None


def check_numbers(dtype: np.dtype[Any], label: str) -> None:
    """Raise DataError where the type is none of real numbers."""
    if not (np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer) or dtype == np.bool_):
        raise DataError(f"{label}: holds {dtype}", allowed="real numbers (float, integer or bool)",
                        mend="save it as a plain numeric array; objects are never unpickled")


def check_size(shape: tuple[int, ...], label: str) -> None:
    """Raise DataError where an array of float64 would hold nothing, or more than MAX_BYTES."""
    n_bytes = 8 * math.prod(shape)
    if n_bytes == 0:
        raise DataError(f"{label}: shape {shape} holds no value", allowed="at least one sample of one token")
    if n_bytes > MAX_BYTES:
        raise DataError(f"{label}: shape {shape} takes {n_bytes / 2**30:.1f} GiB as float64",
                        allowed=f"at most {MAX_BYTES / 2**30:.0f} GiB", mend="split it into several runs")


def broken(path: Path, error: BaseException, allowed: str) -> DataError:
    """Return the error that says why a file cannot be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: cannot be read: {reason}", allowed=allowed, mend="check that the file is whole")
