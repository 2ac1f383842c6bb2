"""The written requirements of a trace, checked when it is opened. Reads shapes and attributes, not the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import TraceError
from neurosim.events import CORE_EVENTS
from neurosim.traces import layout
from neurosim.traces.schema import SCHEMA_VERSION

# What h5py, json and the code that trusts a header raise on damaged bytes.
DAMAGE = (OSError, RuntimeError, LookupError, AttributeError, TypeError, ValueError, ArithmeticError, MemoryError,
          AssertionError)
REWRITE = "run again with this version of neurosim"
NAMES_OF_SPIKES = tuple(column.name for column in layout.SPIKE_COLUMNS)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a trace is read into one TraceError."""
    try:
        yield
    except DAMAGE as error:
        raise damaged(path, error) from error


def damaged(path: Path, what: object) -> TraceError:
    """Return the error of a trace whose content cannot be."""
    first_line = (str(what).splitlines() or [""])[0][:300]
    return TraceError(f"{path}: is damaged: {first_line or type(what).__name__}", allowed="a whole trace",
                      mend="copy it again, or run again")


def check_trace(file: Any, path: Path, *, partial: bool) -> None:
    """Check an opened trace.

    Raises
    ------
    TraceError : names file, field, what is allowed and how to mend it
    """
    _check_version(file, path)
    _check_storage(file, path)
    _check_complete(file, path, partial=partial)
    _check_groups(file, path)
    if not partial or "samples" in file:        # an unfinished file may have ended before its first sample
        _check_columns(file, path)
        _check_cores(file, path)
    if not partial:
        _check_lengths(file, path)


def _fault(path: Path, field: str, found: object, allowed: str, mend: str = REWRITE) -> TraceError:
    return TraceError(f"{path}: {field} = {found}", allowed=allowed, mend=mend)


def _check_version(file: Any, path: Path) -> None:
    version = file.attrs.get("schema_version")
    if version is None:
        raise _fault(path, "schema_version", "missing", str(SCHEMA_VERSION),
                     "this HDF5 file is not a trace: give one written by `neurosim run --trace`")
    if np.size(version) != 1 or int(version) != SCHEMA_VERSION:
        raise _fault(path, "schema_version", version, str(SCHEMA_VERSION), "use the version of neurosim that wrote it")


def _check_complete(file: Any, path: Path, *, partial: bool) -> None:
    complete = file.attrs.get("complete")
    if complete is None:
        raise _fault(path, "complete", "missing", "0 or 1")
    if not partial and int(complete) != 1:
        raise _fault(path, "complete", int(complete), "1",
                     "its run did not end: run again, or read what there is with Trace.open(path, partial=True)")


def _check_groups(file: Any, path: Path) -> None:
    for group in ("provenance", "run", "mapping"):
        if group not in file:
            raise _fault(path, f"/{group}", "missing", "a group")
    for name in layout.RUN_ATTRIBUTES:
        if name not in file["run"].attrs:
            raise _fault(path, f"/run, attribute {name}", "missing", "a value")
    _check_chips(file["run"].attrs, path)
    for name in layout.JSON_TABLES:
        if name not in file["mapping"]:
            raise _fault(path, f"/mapping/{name}", "missing", "JSON")


def _check_chips(run: Any, path: Path) -> None:
    """The mesh is one of whole chips."""
    for name, length in (("chip_columns", run["columns"]), ("chip_rows", run["rows"])):
        chip, length = int(run.get(name, 0)), int(length)
        if chip < 0 or length < 0 or (chip and length % chip):
            raise _fault(path, f"/run, attribute {name}", chip, f"0, or a divisor of {length}")


def _check_columns(file: Any, path: Path) -> None:
    later = {name: 1 for name in layout.LATER_COLUMNS if name in file}
    for name, n_dims in (layout.REQUIRED | later).items():
        if name not in file:
            raise _fault(path, f"/{name}", "missing", f"a dataset with {n_dims} dimension(s)")
        dataset = file[name]
        if dataset.ndim != n_dims:
            raise _fault(path, f"/{name}, shape", dataset.shape, f"{n_dims} dimension(s)")
        if dataset.dtype.kind not in "iuf":
            raise _fault(path, f"/{name}, type", dataset.dtype, "numbers")


def _check_cores(file: Any, path: Path) -> None:
    n_core = file["mapping/core_physical"].shape[0]
    for name in (layout.CORE_COUNTS.name, *(column.name for column in layout.CORE_TIMES)):
        if file[name].shape[1] != n_core:
            raise _fault(path, f"/{name}, shape", file[name].shape, f"{n_core} cores in the second place")
    counts = file[layout.CORE_COUNTS.name]
    events = [str(name) for name in counts.attrs.get("events", [])]
    if tuple(events) != CORE_EVENTS[:len(events)] or counts.shape[2] != len(events) or not events:
        raise _fault(path, f"/{layout.CORE_COUNTS.name}, attribute events", events, ", ".join(CORE_EVENTS))


def check_spikes(file: Any, path: Path, groups: tuple[str, ...]) -> None:
    """Check that every output of the network has its group under /spikes, in SONATA's layout.

    Raises
    ------
    TraceError : see check_trace
    """
    if "samples" not in file:                   # unfinished, before the first sample
        return
    for group in groups:
        for column in NAMES_OF_SPIKES:
            if f"spikes/{group}/{column}" not in file:
                raise _fault(path, f"/spikes/{group}/{column}", "missing", "a dataset")
        units = file[f"spikes/{group}/timestamps"].attrs.get("units")
        if units != "ms":
            raise _fault(path, f"/spikes/{group}/timestamps, units", units, "ms")


def check_overflows(file: Any, path: Path, n_populations: int, *, partial: bool) -> None:
    """Check the overflows of a fixed-point run, where the trace has them: a row per step, a count per population.

    Raises
    ------
    TraceError : see check_trace
    """
    if layout.OVERFLOWS.name not in file:
        return
    overflows = file[layout.OVERFLOWS.name]
    if overflows.ndim != 2 or overflows.shape[1] != n_populations:
        raise _fault(path, f"/{layout.OVERFLOWS.name}, shape", overflows.shape,
                     f"2 dimensions, with {n_populations} populations in the second place")
    if overflows.dtype.kind not in "iu":
        raise _fault(path, f"/{layout.OVERFLOWS.name}, type", overflows.dtype, "integers")
    if not partial:
        _check_rows(overflows, path, int(np.sum(file["samples/n_steps"][:])))


def check_link_loads(file: Any, path: Path, *, partial: bool) -> None:
    """Check the loads of links by block of time steps, where the trace has them.

    Raises
    ------
    TraceError : see check_trace
    """
    if layout.LINK_BLOCKS.name not in file:
        return
    blocks = file[layout.LINK_BLOCKS.name]
    for column in (layout.LINK_BLOCKS, *layout.LINK_ROWS):
        if column.name not in file:
            raise _fault(path, f"/{column.name}", "missing", "a dataset with 1 dimension(s)")
        if file[column.name].ndim != 1 or file[column.name].dtype.kind not in "iu":
            raise _fault(path, f"/{column.name}", f"{file[column.name].dtype}, {file[column.name].ndim} dimension(s)",
                         "integers in 1 dimension")
    steps = blocks.attrs.get("steps", 0)
    if np.size(steps) != 1 or int(steps) < 1:
        raise _fault(path, f"/{layout.LINK_BLOCKS.name}, attribute steps", steps, "integer from 1")
    n_blocks = int(np.sum(-(-file["samples/n_steps"][:] // int(steps)))) if "samples" in file else 0
    if blocks.shape[0] < n_blocks or (not partial and blocks.shape[0] != n_blocks):
        raise _fault(path, f"/{layout.LINK_BLOCKS.name}, rows", blocks.shape[0],
                     f"{n_blocks}, {int(steps)} steps to each")
    rows = blocks[:]
    for column in layout.LINK_ROWS:
        found = file[column.name].shape[0]
        if (rows < 0).any() or found < rows[:n_blocks].sum() or (not partial and found != rows.sum()):
            raise _fault(path, f"/{column.name}, rows", found, f"{int(rows[:n_blocks].sum())}, as the blocks have")


def _check_lengths(file: Any, path: Path) -> None:
    """Columns of one table are equally long; the steps are those of the samples."""
    n_samples = file["samples/n_steps"].shape[0]
    _check_samples(file, path)
    n_steps = int(np.sum(file["samples/n_steps"][:]))
    tables = [(column.name, n_samples) for column in layout.SAMPLE_COLUMNS]
    tables += [(column.name, n_steps) for column in (*layout.STEP_COLUMNS, layout.CORE_COUNTS, *layout.CORE_TIMES)]
    tables += [(layout.READOUT.name, n_samples)]
    tables += [(column.name, n_steps) for column in layout.LOAD_COLUMNS]
    for name, n_rows in tables:
        if name in layout.LATER_COLUMNS and name not in file:
            continue
        _check_rows(file[name], path, n_rows)
    for group in file.get("spikes", {}).values():
        for column in group:
            _check_rows(group[column], path, group["timestamps"].shape[0])


def _check_samples(file: Any, path: Path) -> None:
    """The samples lie end to end; every token takes a time step at least."""
    column = {each.name.removeprefix("samples/"): file[each.name][:] for each in layout.SAMPLE_COLUMNS}
    n_steps, n_tokens, start = column["n_steps"], column["n_tokens"], column["start_time_ps"]
    n_readout = max(1, file[layout.READOUT.name].shape[1])
    sound = {
        "n_steps": n_steps >= 0,
        "n_tokens": (n_tokens >= 0) & (n_tokens <= n_steps),
        "first_step": column["first_step"] == np.cumsum(n_steps) - n_steps,
        "start_time_ps": np.diff(start, prepend=np.zeros(1, start.dtype)) >= 0,
        "prediction": (column["prediction"] >= -1) & (column["prediction"] < n_readout),
        "label": column["label"] >= layout.NO_LABEL,
    }
    for name, good in sound.items():
        if not good.all():
            row = int(np.argmin(good))
            raise damaged(path, f"/samples/{name}[{row}] = {column[name][row]}")


def _check_storage(file: Any, path: Path) -> None:
    """No dataset claims more values than the file has room for, so that reading one cannot fill the memory."""
    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "shape") or not item.size:
            return
        room = (item.id.get_num_chunks() * math.prod(item.chunks) if item.chunks
                else item.id.get_storage_size() // max(1, item.dtype.itemsize))
        if item.size > room:
            raise damaged(path, f"/{name} claims {item.size} values, the file has room for {room}")

    file.visititems(visit)


def _check_rows(dataset: Any, path: Path, n_rows: int) -> None:
    if dataset.shape[0] != n_rows:
        raise _fault(path, f"{dataset.name}, rows", dataset.shape[0], f"{n_rows}, as the other columns have")
