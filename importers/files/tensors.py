"""Named tensors out of a file, safely: nothing in the file is ever executed.

Told apart by content and not by ending: safetensors, NumPy's npz (read without pickle), PyTorch's zip container
(`torch_files`) and Flax's MessagePack (`msgpack_files`). Whatever is wrong with a file becomes one `DataError` that
names the file, the key, the value, what is allowed and how to mend it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.files.damage import DAMAGE, check_finite, damaged
from neurosim.errors import DataError

Array = NDArray[Any]

MAX_BYTES = 2 * 1024**3
SAFETENSORS_TYPES = ("F16", "F32", "F64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "BOOL")
CONVERT = ("save the weights as safetensors: safetensors.torch.save_file({name: tensor.contiguous() for name, tensor "
           "in model.state_dict().items()}, 'weights.safetensors')")


@dataclass(frozen=True)
class TensorFile:
    """What a file held.

    tensors : key -> array, as stored (all floating-point values are finite)
    metadata : strings kept with the tensors
    notes : what of the file was left out, and where the tensors stood in it
    """

    path: str
    tensors: dict[str, Array]
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def load_tensors(path: str | Path) -> TensorFile:
    """Read a safetensors, npz, PyTorch or MessagePack file.

    Raises
    ------
    DataError    unreadable, larger than 2 GB, of another kind, damaged, or with a value that is not finite
    """
    from importers.files.msgpack_files import load_msgpack
    from importers.files.torch_files import load_torch

    path = Path(path)
    start = _first_bytes(path)
    kind = detect_format(start)
    if kind == "zip":
        kind = "PyTorch" if _holds_pickle(path) else "npz"
    readers = {"safetensors": _load_safetensors, "npz": _load_npz, "PyTorch": load_torch, "MessagePack": load_msgpack}
    if kind not in readers:
        raise DataError(f"{path}: {kind or 'not a known weights file'} (starts with {start[:8].hex(' ') or 'nothing'})",
                        allowed="safetensors, npz, PyTorch, MessagePack", mend=CONVERT)
    loaded = readers[kind](path)
    for key, values in loaded.tensors.items():
        check_finite(values, f"{path}: {key}")
    return loaded


def detect_format(start: bytes) -> str | None:
    """Return what a file that starts with these (at least 9) bytes is, or None."""
    from importers.files.msgpack_files import looks_like_msgpack

    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    if start.startswith(b"\x93NUMPY"):
        return "npy (one array without a name)"
    if len(start) >= 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < MAX_BYTES:
        return "safetensors"
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return "pickle, which can run any code when loaded"
    return "MessagePack" if looks_like_msgpack(start) else None


def _first_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: {size} bytes", allowed=f"at most {MAX_BYTES} bytes",
                            mend="save the weights alone, without optimizer state")
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", mend="check the path and its permissions") from None


def _load_safetensors(path: Path) -> TensorFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            keys = file.keys()
            for key in keys:
                _check_type(path, key, str(file.get_slice(key).get_dtype()))
            tensors = {key: np.asarray(file.get_tensor(key)) for key in keys}
            return TensorFile(str(path), tensors, dict(file.metadata() or {}))
    except (SafetensorError, *DAMAGE) as error:
        raise damaged(path, "safetensors", error) from None


def _check_type(path: Path, key: str, name: str) -> None:
    if name not in SAFETENSORS_TYPES:
        raise DataError(f"{path}: {key} has type {name}", allowed=", ".join(SAFETENSORS_TYPES),
                        mend="save it as float32: tensor.float()")


def _load_npz(path: Path) -> TensorFile:
    try:
        with zipfile.ZipFile(path) as archive:
            return _sort_npz(path, dict(_npz_arrays(path, archive)))
    except DAMAGE as error:
        raise damaged(path, "npz", error) from None


def _holds_pickle(path: Path) -> bool:
    """Return whether a zip archive is a PyTorch checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).name in {"data.pkl", "constants.pkl"} for name in archive.namelist())
    except DAMAGE as error:
        raise damaged(path, "zip", error) from None


def _npz_arrays(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, Array]]:
    total = sum(entry.file_size for entry in archive.infolist())
    if total > MAX_BYTES:
        raise DataError(f"{path}: {total} bytes when unpacked", allowed=f"at most {MAX_BYTES} bytes")
    for entry in archive.infolist():
        key = entry.filename.removesuffix(".npy")
        with archive.open(entry) as file:
            shape, fortran_order, dtype = _npy_header(file)
            if dtype.kind not in "biufU":
                raise DataError(f"{path}: {key} has type {dtype}", allowed="numbers, or strings as metadata",
                                mend="convert it with .astype(numpy.float32) before saving")
            # The header is checked against the entry before any memory is reserved for the array.
            n_bytes = prod(shape) * dtype.itemsize
            if n_bytes > entry.file_size:
                raise DataError(f"{path}: {key} claims shape {shape}, {n_bytes} bytes",
                                allowed=f"at most the {entry.file_size} bytes stored")
            values: Array = np.ndarray(shape, dtype, file.read(), order="F" if fortran_order else "C")
        yield key, values


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"npy version {version}")


def _sort_npz(path: Path, arrays: dict[str, Array]) -> TensorFile:
    """Single strings are metadata, numbers are tensors."""
    metadata = {key: str(values[()]) for key, values in arrays.items() if values.dtype.kind == "U" and values.ndim == 0}
    tensors = {key: values for key, values in arrays.items() if key not in metadata}
    for key, values in tensors.items():
        if values.dtype.kind == "U":
            raise DataError(f"{path}: {key} holds {values.size} strings", allowed="numbers, or one string as metadata")
    return TensorFile(str(path), tensors, metadata)
