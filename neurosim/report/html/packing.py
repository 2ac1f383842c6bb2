"""Arrays in a page: little-endian, bytes of equal weight side by side, deflated, base64. `packed.js` unpacks them.

Bytes of equal weight side by side (a transposition, as HDF5's shuffle filter does it) deflate far better than numbers
one after the other, since the upper bytes of small numbers are all zero.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 6
# NumPy's kind and width -> the typed array of JavaScript.
_TYPES = {"u1": "Uint8Array", "u2": "Uint16Array", "u4": "Uint32Array", "f4": "Float32Array"}


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """Return an array as plain data: {type, n, data}.

    Integers take the narrowest of 8, 16 and 32 bits that holds them, none below zero; other numbers become float32.

    Raises
    ------
    ValueError : an integer is below zero, or needs more than 32 bits
    """
    flat = np.ascontiguousarray(values).reshape(-1)
    narrow = flat.astype("<f4") if flat.dtype.kind == "f" else flat.astype(_narrowest(flat))
    planes = narrow.view(np.uint8).reshape(-1, narrow.itemsize).T
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), LEVEL)).decode("ascii")
    return {"type": _TYPES[narrow.dtype.str[1:]], "n": len(flat), "data": data}


def unpacked(content: dict[str, Any]) -> NDArray[Any]:
    """Return the array of `packed`, flat: what the page's script does."""
    dtype = next(name for name, script in _TYPES.items() if script == content["type"])
    planes = np.frombuffer(zlib.decompress(base64.b64decode(content["data"])), np.uint8)
    width = int(dtype[1:])
    return np.ascontiguousarray(planes.reshape(width, -1).T).view(f"<{dtype}" if width > 1 else dtype).reshape(-1)


def _narrowest(flat: NDArray[Any]) -> str:
    low, high = (int(flat.min()), int(flat.max())) if len(flat) else (0, 0)
    if low < 0 or high >= 2**32:
        raise ValueError(f"{low} to {high}: integers of a page lie from 0 to 2**32 - 1")
    return "u1" if high < 2**8 else "<u2" if high < 2**16 else "<u4"
