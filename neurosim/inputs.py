"""Input data from .npy, .npz and .h5 files, checked against a network before anything runs.

A file is named as `path`, or as `path:field` where it holds more than one array. Arrays come as
(samples, tokens, columns), as (tokens, columns) for one sample, or as (samples, tokens) for a network with one
input column. Nothing is unpickled, and shapes are read before values, so that a huge file is refused quickly.
"""

from __future__ import annotations

import difflib
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

MAX_BYTES = 4 * 2**30
# What damaged, encrypted or oddly packed files make zipfile, zlib, NumPy and h5py raise.
_DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError, NotImplementedError, KeyError)
_HDF5_SUFFIXES = (".h5", ".hdf5")
_DEFAULT_FIELDS = {"inputs": ("inputs", "input", "data", "x"), "labels": ("labels", "label", "targets", "y")}


class ArrayShape(NamedTuple):
    """An array in a file, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def load_inputs(source: str | Path, n_columns: int, *, scale: float = 1.0) -> Float64Array:
    """Return the inputs in `source`, multiplied by `scale`, as float64[sample, token, column].

    Raises
    ------
    DataError  naming file, field, shape, what is allowed and what to do
    """
    values, label = _read(source, "inputs")
    return check_inputs(values, n_columns, label, scale=scale)


def load_labels(source: str | Path) -> Int64Array:
    """Return the class numbers in `source` as int64[sample]; raise DataError where they are none."""
    values, label = _read(source, "labels")
    return check_labels(values, label)


def has_labels(source: str | Path) -> bool:
    """Whether the file of `source` holds an array named `labels` beside its inputs."""
    path, _ = split_field(source)
    if path.suffix == ".npy" or not path.is_file():
        return False
    return "labels" in _fields(path)


def array_shapes(path: Path) -> dict[str, ArrayShape]:
    """Return the arrays of a .npz or .h5 file by name, values unread; raise DataError where it is none."""
    return _fields(path)


def check_file(path: Path) -> dict[str, tuple[int, ...]]:
    """Read every array of a data file; return their shapes; raise DataError at the first that cannot be used."""
    if path.suffix == ".npy":
        values = _read_npy(path)
        _check_finite(values, str(path))
        return {"array": values.shape}
    shapes: dict[str, tuple[int, ...]] = {}
    for name in _fields(path):
        values, label = _read(f"{path}:{name}", "inputs")
        _check_finite(values, label)
        shapes[name] = values.shape
    return shapes


def check_inputs(values: Any, n_columns: int, label: str = "inputs", *, scale: float = 1.0) -> Float64Array:
    """Return `values` as float64[sample, token, column] of finite numbers; raise DataError where they are none."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{label}: {error}", allowed="one array of numbers",
                        mend="give all rows the same length") from None
    _check_numbers(array.dtype, label)
    _check_size(array.shape, label)
    shaped = array.reshape(_full_shape(array.shape, n_columns, label))
    result = np.ascontiguousarray(shaped, dtype=np.float64)
    if scale != 1.0:
        result = result * scale
    _check_finite(result, label)
    return result


def check_labels(values: Any, label: str = "labels", n_samples: int | None = None) -> Int64Array:
    """Return `values` as int64[sample]; raise DataError where they are no whole numbers from 0, or too few or many."""
    array = np.asarray(values)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_):
        raise DataError(f"{label}: {array.dtype} of shape {array.shape}", allowed="whole numbers of shape (samples,)",
                        mend="give the number of each sample's class, such as 7, as an integer array")
    if array.size and int(array.min()) < 0:
        raise DataError(f"{label}: smallest label is {array.min()}", allowed="whole numbers from 0")
    if array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{label}: largest label is {array.max()}", allowed="whole numbers below 2^63")
    if n_samples is not None and len(array) != n_samples:
        raise DataError(f"{label}: {len(array)} labels", allowed=f"{n_samples}, one per sample")
    return array.astype(np.int64)


def split_field(source: str | Path) -> tuple[Path, str | None]:
    """Return path and field of `path:field`; a path that exists as it stands has no field."""
    text = str(source)
    path, colon, field = text.rpartition(":")
    if not colon or not path or Path(text).exists() or "/" in field and not Path(path).is_file():
        return Path(text), None
    return Path(path), field


def _read(source: str | Path, kind: str) -> tuple[NDArray[Any], str]:
    """Return the array of `source` and the name that messages give it."""
    path, field = split_field(source)
    if path.is_dir():
        raise DataError(f"{path}: is a directory", allowed="a .npy, .npz or .h5 file", mend="name a file in it")
    if not path.is_file():
        raise DataError(f"{path}: no such file", allowed="a .npy, .npz or .h5 file", mend="check the path")
    if path.suffix == ".npy":
        if field is not None:
            raise DataError(f"{path}: a .npy file has no field {field!r}", mend=f"give {path} alone")
        return _read_npy(path), str(path)
    fields = _fields(path)
    name = _chosen_field(path, field, list(fields), kind)
    label = f"{path}: {name}"
    _check_numbers(fields[name].dtype, label)
    _check_size(fields[name].shape, label)
    return _read_field(path, name), label


def _fields(path: Path) -> dict[str, ArrayShape]:
    """Return the arrays of a .npz or .h5 file, values unread."""
    if path.suffix == ".npz":
        return _npz_fields(path)
    if path.suffix in _HDF5_SUFFIXES:
        return _hdf5_fields(path)
    raise DataError(f"{path}: unknown kind of file {path.suffix!r}", allowed=".npy, .npz, .h5",
                    mend="save the array with numpy.save or numpy.savez")


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        # Mapped first: the header alone says how large it would be.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _broken(path, error, "a .npy file of numbers") from None
    _check_numbers(array.dtype, str(path))
    _check_size(array.shape, str(path))
    return np.array(array)


def _npz_fields(path: Path) -> dict[str, ArrayShape]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _npy_header(archive, name) for name in names}
    except _DAMAGE as error:
        raise _broken(path, error, "a .npz file of arrays") from None


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

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found[name] = ArrayShape(item.shape, item.dtype)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except _DAMAGE as error:
        raise _broken(path, error, "an HDF5 file") from None
    return found


def _read_field(path: Path, name: str) -> NDArray[Any]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive[name])
        import h5py

        with h5py.File(path, "r") as file:
            return np.asarray(file[name][()])
    except _DAMAGE as error:
        raise _broken(path, error, "a whole file") from None


def _chosen_field(path: Path, field: str | None, names: list[str], kind: str) -> str:
    shown = ", ".join(names[:12]) or "none: the file holds no array"
    if field is not None:
        if field in names:
            return field
        close = difflib.get_close_matches(field, names, 1)
        raise DataError(f"{path}: no array {field!r}", allowed=shown,
                        mend=f"did you mean {close[0]!r}?" if close else None)
    for name in _DEFAULT_FIELDS[kind]:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    example = names[0] if names else "inputs"
    raise DataError(f"{path}: holds {len(names)} arrays and none named {_DEFAULT_FIELDS[kind][0]!r}", allowed=shown,
                    mend=f"name one of them, as in {path.name}:{example}")


def _full_shape(shape: tuple[int, ...], n_columns: int, label: str) -> tuple[int, int, int]:
    """Return (samples, tokens, columns); raise DataError where `shape` does not say it without doubt."""
    if len(shape) == 3 and shape[2] == n_columns:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2 and n_columns > 1 and shape[1] == n_columns:
        return 1, shape[0], shape[1]
    if len(shape) == 2 and n_columns == 1:
        if shape[1] == 1 and shape[0] > 1:
            raise DataError(f"{label}: shape {shape} may be {shape[0]} samples or {shape[0]} tokens",
                            allowed=f"(samples, tokens, {n_columns})",
                            mend=f"reshape it to (1, {shape[0]}, 1) for one sample, or to ({shape[0]}, 1, 1)")
        return shape[0], shape[1], 1
    short = "(samples, tokens)" if n_columns == 1 else f"(tokens, {n_columns})"
    raise DataError(f"{label}: shape {shape}", allowed=f"(samples, tokens, {n_columns}) or {short}",
                    mend=f"the network has {n_columns} input column{'' if n_columns == 1 else 's'}: "
                         "arrange the values with one row per token")


def _check_numbers(dtype: np.dtype[Any], label: str) -> None:
    if not (np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer) or dtype == np.bool_):
        raise DataError(f"{label}: holds {dtype}", allowed="real numbers (float, integer or bool)",
                        mend="save it as a plain numeric array; objects are never unpickled")


def _check_size(shape: tuple[int, ...], label: str) -> None:
    n_bytes = 8 * math.prod(shape)
    if n_bytes == 0:
        raise DataError(f"{label}: shape {shape} holds no value", allowed="at least one sample of one token")
    if n_bytes > MAX_BYTES:
        raise DataError(f"{label}: shape {shape} takes {n_bytes / 2**30:.1f} GiB as float64",
                        allowed=f"at most {MAX_BYTES / 2**30:.0f} GiB", mend="split it into several runs")


def _check_finite(values: NDArray[Any], label: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        raise DataError(f"{label}[{', '.join(map(str, place))}] = {values[place]}", allowed="finite numbers",
                        mend=f"{int((~finite).sum())} of {values.size} values are not finite: mend or drop them")


def _broken(path: Path, error: Exception, allowed: str) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: cannot be read: {reason}", allowed=allowed, mend="check that the file is whole")
