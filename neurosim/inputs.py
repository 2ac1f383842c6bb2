"""Input data from .npy, .npz and .h5 files, checked against a network before anything runs.

A file is named as `path`, or as `path:field` where it holds more than one array. Arrays come as
(samples, tokens, columns), as (tokens, columns) for one sample, or as (samples, tokens) for a network with one
input column. Nothing is unpickled, and shapes are read before values, so that a huge file is refused quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data_files import array_shapes, check_numbers, check_size, map_npy, read_field, split_field
from neurosim.errors import DataError, nearest

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

_DEFAULT_FIELDS = {"inputs": ("inputs", "input", "data", "x"), "labels": ("labels", "label", "targets", "y"),
                   "times": ("times_ps", "times")}


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


def load_times(source: str | Path) -> NDArray[Any]:
    """Return the numbers in `source`: when tokens enter a free-running chip; the engine checks them."""
    return _read(source, "times")[0]


def has_labels(source: str | Path) -> bool:
    """Whether the file of `source` holds an array named `labels` beside its inputs."""
    path, _ = split_field(source)
    if path.suffix == ".npy" or not path.is_file():
        return False
    return "labels" in array_shapes(path)


def check_file(path: Path) -> dict[str, tuple[int, ...]]:
    """Read every array of a data file; return their shapes; raise DataError at the first that cannot be used."""
    if path.suffix == ".npy":
        values = _read_npy(path)
        _check_finite(values, str(path))
        return {"array": values.shape}
    shapes: dict[str, tuple[int, ...]] = {}
    for name in array_shapes(path):
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
    check_numbers(array.dtype, label)
    check_size(array.shape, label)
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
    fields = array_shapes(path)
    name = _chosen_field(path, field, list(fields), kind)
    label = f"{path}: {name}"
    check_numbers(fields[name].dtype, label)
    check_size(fields[name].shape, label)
    return read_field(path, name), label


def _read_npy(path: Path) -> NDArray[Any]:
    array = map_npy(path)
    check_numbers(array.dtype, str(path))
    check_size(array.shape, str(path))
    return np.array(array)


def _chosen_field(path: Path, field: str | None, names: list[str], kind: str) -> str:
    shown = ", ".join(names[:12]) or "none: the file holds no array"
    if field is not None:
        if field in names:
            return field
        raise DataError(f"{path}: no array {field!r}", allowed=shown, mend=nearest(field, names))
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


def _check_finite(values: NDArray[Any], label: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        raise DataError(f"{label}[{', '.join(map(str, place))}] = {values[place]}", allowed="finite numbers",
                        mend=f"{int((~finite).sum())} of {values.size} values are not finite: mend or drop them")
