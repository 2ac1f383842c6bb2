"""A look at the heaps of an HDF5 file before its library follows them.

Text of variable length lies in "global heap collections", lists of objects that tell their own sizes. The library
trusts them, and can loop or read out of bounds where a size is damaged; NIR keeps its names there.

Source: HDF5 File Format Specification, version 3.0, section III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

import mmap
from pathlib import Path

from neurosim.errors import DataError

SIGNATURE = b"GCOL"
HEADER_BYTES, OBJECT_HEADER_BYTES = 16, 16
MAX_COLLECTIONS = 1_000_000


def check_heaps(path: Path) -> None:
    """Walk every global heap collection; raise DataError where one does not add up."""
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty", allowed="an HDF5 file")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(SIGNATURE)
        for _ in range(MAX_COLLECTIONS):
            if at < 0:
                return
            # Weights may hold the signature by chance: version and reserved bytes tell.
            if at % 8 == 0 and content[at + 4:at + 8] == b"\x01\0\0\0":
                _check_collection(path, content, at)
            at = content.find(SIGNATURE, at + 1)


def _check_collection(path: Path, content: mmap.mmap, start: int) -> None:
    size = int.from_bytes(content[start + 8:start + 16], "little")
    if size < HEADER_BYTES or start + size > len(content):
        raise _damaged(path, start)
    at, seen = start + HEADER_BYTES, set()
    while at + OBJECT_HEADER_BYTES <= start + size:
        index = int.from_bytes(content[at:at + 2], "little")
        length = int.from_bytes(content[at + 8:at + 16], "little")
        if index == 0:              # the free space, which ends the list; its length counts the header
            if at + length > start + size:
                raise _damaged(path, start)
            return
        if index in seen or length > start + size - at - OBJECT_HEADER_BYTES:
            raise _damaged(path, start)
        seen.add(index)
        at += OBJECT_HEADER_BYTES + (length + 7) // 8 * 8


def _damaged(path: Path, start: int) -> DataError:
    return DataError(f"{path}: cannot be read as NIR: the heap of texts at byte {start} does not add up",
                     allowed="an HDF5 file written by nir.write", mend="copy or export the file again")
