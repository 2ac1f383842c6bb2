"""Parameter trees as Flax writes them: the part of MessagePack that `flax.serialization` uses.

    map of names to maps … to arrays;  array = extension 1 = (shape, name of the type, bytes), itself in MessagePack

Extension 3 is the same for a single number of NumPy. Names are joined with `/`; lists count from 0. Numbers, strings
and None beside the arrays (a step counter, a learning rate) are dropped, with a note. Arrays above 1 GiB, which Flax
cuts into pieces, and complex numbers are refused.

Source: MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md; the extensions as described
in Flax's documentation of `flax.serialization`.
"""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from importers.files.damage import DAMAGE, damaged
from importers.files.tensors import Array, TensorFile
from neurosim.errors import DataError

MOST_NODES, DEEPEST = 300_000, 40
TYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
         "bool")
NDARRAY, NUMPY_SCALAR = 1, 3
_NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
            0xD3: ">q"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# First byte -> (what follows, bytes of its length): strings, bytes, lists, maps, extensions.
_SIZED = {0xD9: ("string", 1), 0xDA: ("string", 2), 0xDB: ("string", 4), 0xC4: ("bytes", 1), 0xC5: ("bytes", 2),
          0xC6: ("bytes", 4), 0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
          0xC7: ("extension", 1), 0xC8: ("extension", 2), 0xC9: ("extension", 4)}


class Extension(NamedTuple):
    """A value of an application's own kind."""

    kind: int
    content: bytes


def looks_like_msgpack(start: bytes) -> bool:
    """Return whether a file that starts so may be a map whose first key is a string."""
    first, rest = start[:1], start[1:]
    skipped = {b"\xde": 2, b"\xdf": 4}.get(first, 0 if b"\x81" <= first <= b"\x8f" else -1)
    key = rest[skipped:skipped + 1] if skipped >= 0 else b""
    return b"\xa0" <= key <= b"\xbf" or key in (b"\xd9", b"\xda")


def load_msgpack(path: Path) -> TensorFile:
    """Read a parameter tree.

    Raises
    ------
    DataError    damaged, too deep, of too many entries, or with an array of a kind that is not known
    """
    tensors: dict[str, Array] = {}
    dropped: list[str] = []
    try:
        reader = _Reader(path.read_bytes())
        tree = reader.value(0)
        if reader.place != len(reader.content):
            raise ValueError(f"{len(reader.content) - reader.place} bytes behind the end")
        if not isinstance(tree, dict):
            raise ValueError(f"a {type(tree).__name__} in place of a map")
        _flatten(path, "", tree, tensors, dropped)
    except DAMAGE as error:
        raise damaged(path, "MessagePack", error) from None
    shown = ", ".join(dropped[:8]) + (", …" if len(dropped) > 8 else "")
    return TensorFile(str(path), tensors, {}, (f"not arrays, dropped: {shown}",) if dropped else ())


class _Reader:
    """Reads values one behind the other; raises ValueError, IndexError or struct.error where they are damaged."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place, self.n_nodes = content, 0, 0

    def value(self, depth: int) -> Any:
        """Return the next value."""
        self.n_nodes += 1
        if depth > DEEPEST or self.n_nodes > MOST_NODES:
            raise ValueError(f"more than {DEEPEST} levels or {MOST_NODES} entries")
        first = self.taken(1)[0]
        if first <= 0x7F or first >= 0xE0:
            return first if first <= 0x7F else first - 0x100
        if first <= 0x8F:
            return self.sized("map", first & 0x0F, depth)
        if first <= 0x9F:
            return self.sized("list", first & 0x0F, depth)
        if first <= 0xBF:
            return self.sized("string", first & 0x1F, depth)
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            code = _NUMBERS[first]
            return struct.unpack(code, self.taken(struct.calcsize(code)))[0]
        if 0xD4 <= first <= 0xD8:
            return self.sized("extension", 1 << (first - 0xD4), depth)
        if first not in _SIZED:
            raise ValueError(f"byte {first:#x} begins no value")
        what, n_bytes = _SIZED[first]
        return self.sized(what, int.from_bytes(self.taken(n_bytes), "big"), depth)

    def sized(self, what: str, size: int, depth: int) -> Any:
        """Return a value of `size` bytes or entries."""
        if what == "string":
            return self.taken(size).decode()
        if what == "bytes":
            return self.taken(size)
        if what == "extension":
            kind = struct.unpack(">b", self.taken(1))[0]
            return Extension(kind, self.taken(size))
        if what == "list":
            return [self.value(depth + 1) for _ in range(size)]
        pairs = [(self.value(depth + 1), self.value(depth + 1)) for _ in range(size)]
        if not all(isinstance(key, str) for key, _ in pairs) or len({key for key, _ in pairs}) < size:
            raise ValueError("a map whose keys are no strings, or occur twice")
        return dict(pairs)

    def taken(self, size: int) -> bytes:
        """Return the next bytes."""
        if self.place + size > len(self.content):
            raise ValueError(f"{size} bytes at place {self.place}, where {len(self.content) - self.place} are left")
        self.place += size
        return self.content[self.place - size:self.place]


def _flatten(path: Path, prefix: str, value: Any, tensors: dict[str, Array], dropped: list[str]) -> None:
    """Collect the arrays of a tree under their joined names."""
    if isinstance(value, dict) and "__msgpack_chunked_array__" in value:
        raise DataError(f"{path}: {prefix} is cut into pieces", allowed="arrays up to 1 GiB",
                        mend="save it as npz: numpy.savez(file, **flat)")
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if entries is not None:
        for name, entry in entries:
            _flatten(path, f"{prefix}/{name}" if prefix else str(name), entry, tensors, dropped)
    elif isinstance(value, Extension) and value.kind in (NDARRAY, NUMPY_SCALAR):
        if prefix in tensors:
            raise ValueError(f"{prefix} occurs twice")
        tensors[prefix] = _array(path, prefix, value.content)
    elif isinstance(value, Extension):
        raise DataError(f"{path}: {prefix} is extension {value.kind}", allowed="arrays of real numbers (1), single "
                        "ones (3)", mend="split complex numbers into real and imaginary parts")
    else:
        dropped.append(prefix)


def _array(path: Path, name: str, content: bytes) -> Array:
    """Return the array of (shape, name of the type, bytes)."""
    parts = _Reader(content).value(0)
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[0], list):
        raise ValueError(f"{name} is no array")
    shape, kind, stored = parts
    kind = kind.decode() if isinstance(kind, bytes) else kind
    if not all(isinstance(length, int) and 0 <= length < 2**40 for length in shape) or not isinstance(stored, bytes):
        raise ValueError(f"{name} has shape {str(shape)[:60]}")
    if kind not in (*TYPES, "bfloat16"):
        raise DataError(f"{path}: {name} has type {str(kind)[:30]}", allowed=", ".join((*TYPES, "bfloat16")),
                        mend="convert it with .astype(numpy.float32) before saving")
    dtype = np.dtype("<u2") if kind == "bfloat16" else np.dtype(kind).newbyteorder("<")
    if prod(shape) * dtype.itemsize != len(stored):
        raise ValueError(f"{name} claims shape {shape} of {kind}, and has {len(stored)} bytes")
    values = np.frombuffer(stored, dtype).reshape(shape)
    if kind == "bfloat16":      # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return np.array(values)
