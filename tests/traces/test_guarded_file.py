"""A failed write is kept, not raised, and nothing after it reaches the file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from neurosim.traces.guarded_file import GuardedFile, UnfinishedFile, closed_superblock, lookup3


class FailingFile(GuardedFile):
    """Fails from a number of writes on, as a full disk does."""

    left = 3

    def _write_all(self, view: memoryview) -> None:
        if self.left == 0:
            raise OSError(28, "No space left on device")
        self.left -= 1
        super()._write_all(view)


def test_writes_after_an_error_are_dropped(tmp_path: Path):
    file = FailingFile(tmp_path / "file", "xb+")
    for letter in b"abcdef":
        assert file.write(bytes([letter])) == 1
    assert file.tell() == 6 and file.seek(0, 2) == 6
    file.truncate(2)
    with pytest.raises(OSError, match="No space left"):
        file.check()
    file.close()
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_reading_beyond_the_end_gives_zeros(tmp_path: Path):
    file = GuardedFile(tmp_path / "file", "xb+")
    file.write(b"xyz")
    file.seek(1)
    buffer = bytearray(b"????")
    assert file.readinto(buffer) == 4 and buffer == b"yz\0\0"
    file.check()
    file.close()


def test_hdf5_survives_a_full_disk(tmp_path: Path):
    output = FailingFile(tmp_path / "file.h5", "xb+")
    with h5py.File(output, "w", libver="latest") as file:
        file.create_dataset("zeros", data=np.zeros(10_000))
        file.flush()
    with pytest.raises(OSError, match="No space left"):
        output.check()


def test_checksum_is_that_of_hdf5(tmp_path: Path):
    assert lookup3(b"Four score and seven years ago") == 0x17770551     # from the author's own test
    h5py.File(tmp_path / "file.h5", "w", libver="latest").close()
    superblock = (tmp_path / "file.h5").read_bytes()[:48]
    assert lookup3(superblock[:44]) == int.from_bytes(superblock[44:], "little")


def test_an_unfinished_file_looks_closed_and_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "file.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["numbers"] = np.arange(5)
    closed = path.read_bytes()
    content = closed[:11] + b"\4" + closed[12:44]
    path.write_bytes(content + lookup3(content).to_bytes(4, "little") + closed[48:])
    flagged = path.read_bytes()
    with pytest.raises(OSError, match="already open for"):
        h5py.File(path, "r")
    with UnfinishedFile(path) as unfinished, h5py.File(unfinished, "r") as file:
        assert file["numbers"][:].tolist() == [0, 1, 2, 3, 4]
    assert path.read_bytes() == flagged
    assert closed_superblock(flagged[:48], len(closed)) == closed[:48]
    assert closed_superblock(b"else", 4) == b"else"
