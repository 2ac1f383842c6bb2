"""Traces as other people's programs take them: one function for all formats.

An exporter is a function of a `Job` and a path that writes a new file there. Its name, and the suffixes that choose it,
stand in `FORMATS`; those of other packages are found by their entry points in the group `neurosim.exporters`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from neurosim.errors import OptionError, check_choice
from neurosim.export.job import Job, make_job
from neurosim.export.whole_file import whole_file
from neurosim.new_files import check_new_file
from neurosim.traces.check import reading
from neurosim.traces.trace import Trace

Exporter = Callable[[Job, Path], None]
ENTRY_POINTS = "neurosim.exporters"
TABLES = ("spikes", "packets", "steps", "samples")


class Format(NamedTuple):
    """Where an exporter stands: module and function; and the suffixes of its files."""

    module: str
    function: str
    suffixes: tuple[str, ...]


FORMATS = {
    "sonata": Format("neurosim.export.sonata", "write", (".sonata",)),
    "nwb": Format("neurosim.export.nwb", "write", (".nwb",)),
    "neo": Format("neurosim.export.neo", "write", (".nix",)),
    "csv": Format("neurosim.export.tables", "write_csv", (".csv",)),
    "parquet": Format("neurosim.export.tables", "write_parquet", (".parquet", ".pq")),
    "perfetto": Format("neurosim.export.perfetto", "write", (".pftrace", ".perfetto-trace")),
}


@dataclass(frozen=True)
class Exported:
    """What was written.

    path, format : of the file
    n_spikes : how many recorded outputs it holds
    groups : which outputs of the network
    n_bytes : size of the file
    notes : what the file does not hold, or holds in another way
    """

    path: Path
    format: str
    n_spikes: int
    groups: tuple[str, ...]
    n_bytes: int
    notes: tuple[str, ...]


def export_trace(trace: Trace | str | Path, path: str | Path, format: str | Exporter, *,
                 groups: Sequence[str] | None = None, samples: int | None = None, table: str = "spikes",
                 force: bool = False, progress: Callable[[int, int], None] | None = None) -> Exported:
    """Write a trace in another format; the file appears when it is whole.

    Parameters
    ----------
    trace : open trace, or its path
    path : file to write
    format : a name of `format_names()`, or an exporter of one's own: a function of a Job and a path
    groups : outputs, named as in `Trace.spike_groups`; all where left out
    samples : only the first so many
    table : of CSV and Parquet: spikes, packets, steps or samples
    force : overwrite the file
    progress : called with (spikes written, spikes in all)

    Raises
    ------
    OptionError     an option outside its range, a library that is missing, or a path that cannot be written
    TraceError      a trace that is damaged, not whole, or does not hold the table
    SimulationError the disk does not take the file
    """
    exporter, name = find_exporter(format, table)
    path = Path(path)
    check_new_file(path, force=force)
    if isinstance(trace, str | Path):
        with Trace.open(trace, partial=str(trace).endswith(".partial")) as opened:
            return export_trace(opened, path, format, groups=groups, samples=samples, table=table, force=force,
                                progress=progress)
    if path.exists() and path.samefile(trace.path):
        raise OptionError(f"{path}: is the trace itself", mend="give another path")
    with reading(trace.path):
        trace.verify()
        job = _job(trace, groups, samples, progress)
    with whole_file(path, force=force) as part:
        _run(exporter, job, part)
    return Exported(path, name, job.n_spikes, job.groups, path.stat().st_size, tuple(job.notes))


def format_names() -> tuple[str, ...]:
    """Return the formats of traces, those of other packages behind ours."""
    others = sorted(point.name for point in entry_points(group=ENTRY_POINTS) if point.name not in FORMATS)
    return (*FORMATS, *others)


def format_of(path: Path) -> str | None:
    """Return the format that a suffix stands for, if any."""
    return next((name for name, each in FORMATS.items() if path.suffix.lower() in each.suffixes), None)


def find_exporter(format: str | Exporter, table: str = "spikes") -> tuple[Exporter, str]:
    """Return an exporter and its name.

    Raises
    ------
    OptionError     no such format, or no such table in this format
    """
    if callable(format):
        return format, getattr(format, "__name__", "own")
    check_choice("table", table, TABLES)
    if table != "spikes" and format not in ("csv", "parquet"):
        raise OptionError(f"table = {table!r}", allowed=f"spikes, in format {format}", mend="use csv or parquet")
    if format in FORMATS:
        found = getattr(import_module(FORMATS[format].module), FORMATS[format].function)
        return (partial(found, table=table) if format in ("csv", "parquet") else found), format
    for point in entry_points(group=ENTRY_POINTS, name=format):
        exporter: Exporter = point.load()
        return exporter, format
    names = format_names()
    close = difflib.get_close_matches(format, names, 1)
    raise OptionError(f"format = {format!r}", allowed=", ".join(("nir", *names)),
                      mend=f"did you mean {close[0]!r}?" if close else None)


def _job(trace: Trace, groups: Sequence[str] | None, samples: int | None,
         progress: Callable[[int, int], None] | None) -> Job:
    n_done, n_total = 0, 0

    def tell(n_spikes: int) -> None:
        nonlocal n_done
        n_done += n_spikes
        if progress is not None:
            progress(n_done, max(n_done, n_total))

    job = make_job(trace, groups, samples, tell)
    n_total = job.n_spikes
    return job


def _run(exporter: Exporter, job: Job, path: Path) -> None:
    exporter(job, path)
    if not path.is_file():
        raise OptionError(f"{job.trace.path}: the exporter wrote nothing", mend="let it write a file at the given path")
