"""Names of recordings: their order, and the classes that stand beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from neurosim.data_files import ArrayShape, read_field
from neurosim.errors import DataError
from neurosim.recordings.events import Int64Array

LABELS_FILE = "labels.txt"
MAX_LABELS_BYTES = 2**26


def natural_order(names: Iterable[str]) -> list[str]:
    """Return the names with the numbers in them in order of size: `arr_2` before `arr_10`."""
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a key by which numbers in names sort by size."""
    parts = re.split(r"([0-9]+)", name)          # text and digits in turn
    bare = [part.lstrip("0") if index % 2 else part for index, part in enumerate(parts)]
    return (*((len(part) if index % 2 else 0, part) for index, part in enumerate(bare)), (0, name))


def labels_beside(path: Path, shapes: Mapping[str, ArrayShape], n_recordings: int) -> Int64Array | None:
    """Return the array `labels` of a file of recordings, where it has one."""
    if "labels" not in shapes:
        return None
    stored = shapes["labels"]
    if stored.shape != (n_recordings,) or not np.issubdtype(stored.dtype, np.integer):
        raise DataError(f"{path}: labels: {stored.dtype} of shape {stored.shape}",
                        allowed=f"whole numbers of shape ({n_recordings},), one per recording")
    return _checked(read_field(path, "labels").astype(np.int64), f"{path}: labels")


def read_labels_file(path: Path, stems: list[str]) -> Int64Array:
    """Return the classes of a text file with lines `name class`, for files of the names `stems`.

    Lines that begin with # are skipped. A name may be written without leading zeros, as `7` for 00007.bin.
    """
    if path.stat().st_size > MAX_LABELS_BYTES:
        raise DataError(f"{path}: {path.stat().st_size} bytes", allowed=f"at most {MAX_LABELS_BYTES}")
    classes: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 9:
            raise DataError(f"{path}:{number}: {line.strip()[:60]!r}",
                            allowed="a file's name without suffix, and its class", mend="write a line such as `7 3`")
        classes[_bare(words[0])] = int(words[1])
    missing = [stem for stem in stems if _bare(stem) not in classes]
    if missing:
        raise DataError(f"{path}: has no line for {missing[0]}", allowed="a line per recording",
                        mend=f"{len(missing)} of {len(stems)} recordings have no class: add them, or rename the file")
    return np.array([classes[_bare(stem)] for stem in stems], dtype=np.int64)


def _bare(name: str) -> str:
    return name.lstrip("0") or "0"


def _checked(labels: Int64Array, name: str) -> Int64Array:
    if labels.size and int(labels.min()) < 0:
        raise DataError(f"{name}: smallest label is {labels.min()}", allowed="whole numbers from 0")
    return labels
