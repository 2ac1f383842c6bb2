"""Parameter trees in MessagePack, as Flax writes them; from the specification, for tests."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


def packed(value: Any) -> bytes:
    """Return a value as MessagePack; arrays as extension 1, NumPy scalars as extension 3."""
    if isinstance(value, dict):
        items = b"".join(packed(key) + packed(entry) for key, entry in value.items())
        return _head(len(value), 0x80, 16, [(2, 0xDE), (4, 0xDF)]) + items
    if isinstance(value, list | tuple):
        return _head(len(value), 0x90, 16, [(2, 0xDC), (4, 0xDD)]) + b"".join(map(packed, value))
    if isinstance(value, str):
        return _head(len(value.encode()), 0xA0, 32, [(1, 0xD9), (2, 0xDA), (4, 0xDB)]) + value.encode()
    if isinstance(value, bytes):
        return _head(len(value), 0, 0, [(1, 0xC4), (2, 0xC5), (4, 0xC6)]) + value
    if isinstance(value, np.ndarray | np.generic):
        return _extension(1 if isinstance(value, np.ndarray) else 3, (value.shape, value.dtype.name, value.tobytes()))
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value) if not 0 <= value < 128 else bytes([value])
    return struct.pack(">Bd", 0xCB, value)


def bfloat16(values: np.ndarray) -> bytes:
    """Return float32 numbers cut to 16 bits, as an extension."""
    upper = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return _extension(1, (values.shape, "bfloat16", upper.tobytes()))


def _extension(kind: int, content: Any) -> bytes:
    body = packed(content)
    if len(body) in (1, 2, 4, 8, 16):
        return bytes([0xD4 + len(body).bit_length() - 1, kind]) + body
    return _head(len(body), 0, 0, [(1, 0xC7), (2, 0xC8), (4, 0xC9)]) + bytes([kind]) + body


def _head(size: int, small: int, below: int, sizes: list[tuple[int, int]]) -> bytes:
    if size < below:
        return bytes([small + size])
    n_bytes, first = next((n, code) for n, code in sizes if size < 256**n)
    return bytes([first]) + size.to_bytes(n_bytes, "big")
