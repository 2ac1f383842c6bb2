"""Opening a trace for reading, or as much as there is of one that was not finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from neurosim.errors import TraceError
from neurosim.traces.check import DAMAGE
from neurosim.traces.guarded_file import UnfinishedFile


def partial_path(path: str | Path) -> Path:
    """Return where the trace `path` is while it is being written."""
    path = Path(path)
    return path.with_name(path.name + ".partial")


def open_file(path: Path, *, partial: bool) -> Any:
    """Open a trace for reading and return the HDF5 file.

    With `partial`, an unfinished file is read as it stands, even while its writer goes on.

    Raises
    ------
    TraceError : no such file, or not HDF5, or cut short
    """
    _check_readable(path)
    try:
        return h5py.File(path, "r")
    except DAMAGE as error:
        if partial and "already open for" in str(error):        # the flags that a writer leaves
            return _open_unfinished(path)
        raise TraceError(f"{path}: cannot be opened, it is damaged or unfinished: {error}", allowed="a whole trace",
                         mend="copy it again, or run again; if its run never ended, read it as partial "
                         "(Trace.open(path, partial=True))") from error


def _open_unfinished(path: Path) -> Any:
    try:
        return h5py.File(UnfinishedFile(path), "r")
    except DAMAGE as error:
        raise TraceError(f"{path}: cannot be opened, not even as partial: {error}", allowed="a trace",
                         mend="the file is damaged: run again; if its run goes on, try once more") from error


def _check_readable(path: Path) -> None:
    if not path.is_file():
        unfinished = partial_path(path)
        hint = (f"its run did not end: read {unfinished} as partial" if unfinished.is_file() else "give the path of a "
                "trace written by `neurosim run --trace`")
        raise TraceError(f"{path}: no such file", mend=hint)
    if not h5py.is_hdf5(path):
        raise TraceError(f"{path}: is not HDF5", allowed="a trace written by `neurosim run --trace`",
                         mend="give another file; copy it again if it was cut short")
