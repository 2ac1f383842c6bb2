"""A file that forgets what it cannot write, and says so when asked.

HDF5 does not survive a failed write: its library crashes the process when it is unloaded. So it writes through this
object, which keeps the first error, drops this and every later write (the file on disk stays as it was), and lets
HDF5 go on and close in peace. Whoever writes asks `check` after every flush.

A run that dies leaves flags in the superblock that make HDF5 refuse the file. `UnfinishedFile` shows it without them.
(HDF5 File Format Specification, version 3.0, "Superblock version 3" and its checksum.)
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK_SIZE = 48                     # version 3 with 8-byte addresses; the last four bytes are the checksum
FLAGS = 11
END_OF_FILE = slice(28, 36)
MASK = 0xFFFFFFFF


class GuardedFile(io.RawIOBase):
    """A binary file for reading and writing, as h5py's file-object driver wants it.

    Parameters
    ----------
    path : the file
    mode : as of `open`: "xb+", "wb+" or "rb+"
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._file = io.FileIO(path, mode)
        self._size = os.fstat(self._file.fileno()).st_size
        self._position = 0
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the first error that a write met."""
        if self.error is not None:
            raise self.error

    def sync(self) -> None:
        """Bring the file to the disk; an error is kept."""
        self._attempt(lambda: os.fsync(self._file.fileno()))

    def write(self, data: Any) -> int:
        """Write all of `data` at the position; after an error, only pretend to."""
        view = memoryview(data).cast("B")
        self._attempt(lambda: self._write_all(view))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the position, with zeros where the file holds nothing."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._position)
        n_read = self._file.readinto(view)
        view[n_read:] = bytes(len(view) - n_read)
        self._position += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; the end is where it would be had every write succeeded."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file."""
        wanted = self._position if size is None else size
        self._attempt(lambda: self._file.truncate(wanted))
        self._size = wanted
        return wanted

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def _attempt(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error

    def _write_all(self, view: memoryview) -> None:
        self._file.seek(self._position)
        n_written = 0
        while n_written < len(view):            # a full disk takes a part first
            n_written += self._file.write(view[n_written:])


class UnfinishedFile(io.RawIOBase):
    """A read-only view of an HDF5 file that its writer did not close, as if it had; the file stays as it is."""

    def __init__(self, path: Path) -> None:
        self._file = io.FileIO(path, "r")
        self._size = os.fstat(self._file.fileno()).st_size
        self._head = closed_superblock(self._file.read(SUPERBLOCK_SIZE) or b"", self._size)
        self._position = 0

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the position, as far as the file goes."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._position)
        n_read = self._file.readinto(view)
        for index in range(self._position, min(len(self._head), self._position + n_read)):
            view[index - self._position] = self._head[index]
        self._position += n_read
        return n_read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True


def closed_superblock(block: bytes, file_size: int) -> bytes:
    """Return a superblock without flags, that ends the file where it ends; unchanged where it is none of version 3."""
    if not block.startswith(SIGNATURE) or len(block) < SUPERBLOCK_SIZE or block[8] != 3:
        return block
    content = bytearray(block[:SUPERBLOCK_SIZE - 4])
    content[FLAGS] = 0
    content[END_OF_FILE] = file_size.to_bytes(8, "little")
    return bytes(content) + lookup3(bytes(content)).to_bytes(4, "little")


def lookup3(data: bytes) -> int:
    """Return Bob Jenkins's 32-bit hash `lookup3` (public domain) of `data`, at least one byte, with seed 0."""
    words = [(0xDEADBEEF + len(data)) & MASK] * 3
    padded = data + bytes(-len(data) % 12)
    for start in range(0, len(padded), 12):
        for index in range(3):
            first = start + 4 * index
            words[index] = (words[index] + int.from_bytes(padded[first:first + 4], "little")) & MASK
        words = _final(*words) if start + 12 >= len(padded) else _mix(*words)
    return words[2]


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & MASK


def _mix(a: int, b: int, c: int) -> list[int]:
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & MASK) ^ _rotated(c, by)
        c = (c + b) & MASK
        a, b, c = b, c, a
    return [a, b, c]


def _final(a: int, b: int, c: int) -> list[int]:
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, by)) & MASK
        a, b, c = b, c, a
    return [c, a, b]                     # seven turns: one more than two rounds of names
