"""Traces on their way to the disk; with `opening`, export and graph_io the only place that opens HDF5.

**Half-written output never passes for a whole one.** A run writes to `<path>.partial`; closing it sets the attribute
`complete` to 1 and renames the file. After a crash the partial file is read with `Trace.open(path, partial=True)`.

**Readable after a crash.** Between two flushes nothing touches the file: rows wait in memory, at most `flush_bytes`
plus one sample, and go out every `flush_s` seconds. The file is written in HDF5's single-writer-multiple-reader
mode, whose order of writes keeps it readable even when the process dies within a flush. The rows of `/samples` are
flushed last, so that every sample they name is whole; a reader ignores rows beyond them.
(`/links` and `/cores/queue_peak` are sums and peaks over the run: after a crash they may be one flush ahead.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from neurosim.errors import InputError, OptionError, SimulationError
from neurosim.events import CORE_EVENTS
from neurosim.new_files import refuse_special
from neurosim.traces import head, layout, writing
from neurosim.traces.guarded_file import GuardedFile
from neurosim.traces.opening import partial_path
from neurosim.traces.schema import Int64Array, RunHeader, SampleResult
from neurosim.traces.trace import Trace
from neurosim.traces.writing import GrowingColumn, SpikeGroup, create_column

__all__ = ["Trace", "TraceWriter", "partial_path"]

FLUSH_S = 2.0
FLUSH_BYTES = 32 * 2**20


class TraceWriter:
    """Records a run in an HDF5 file; a `Recorder` and a context manager.

    Leaving the context without an exception, or `close()`, makes the trace whole. An exception leaves `<path>.partial`
    with all samples so far, marked incomplete.

    Parameters
    ----------
    path : the trace; must not exist, nor its `.partial`, unless `force`
    header : what the trace must know before the first sample
    force : overwrite both
    flush_s, flush_bytes : how long, and how much, rows may wait in memory

    Raises
    ------
    OptionError : the path cannot be used
    SimulationError : the file could not be written (disk full); the partial file stays
    """

    def __init__(self, path: str | Path, header: RunHeader, force: bool = False, *,
                 flush_s: float = FLUSH_S, flush_bytes: int = FLUSH_BYTES) -> None:
        self.path, self.partial = Path(path), partial_path(path)
        self.header, self.force = header, force
        self.flush_s, self.flush_bytes = flush_s, flush_bytes
        self._labels: Int64Array | None = None
        self._notes: dict[str, str] = {}
        self._next_start_ps, self._next_step = 0, 0
        self._waiting_bytes, self._last_flush = 0, time.monotonic()
        self._columns: dict[str, GrowingColumn] = {}
        self._spikes: list[SpikeGroup] = []
        self._links: dict[str, Int64Array] = {}
        self._fixed = header.numbers == "fixed"
        self._with_tokens = self._with_packets = self._with_loads = False
        self._link_block_steps = 0              # of a block in which the links are told; 0: they are not
        _check_path(self.path, self.partial, force)
        self._group_names = _group_names(header)
        self._open_file()

    # -- the recorder's life ---------------------------------------------------------------------------------------

    def write(self, result: SampleResult) -> None:
        """Append one sample. The arrays are copied; the caller may reuse them."""
        if not self._columns:
            with self._guard():
                self._create_tables(result)
        self._check_optional(result)
        self._check_overflows(result)
        self._waiting_bytes += self._add_steps(result) + self._add_spikes(result) + self._add_optional(result)
        self._waiting_bytes += self._add_sample(result)
        self._add_links(result)
        self._next_start_ps += result.duration_ps
        self._next_step += result.n_steps
        if self._waiting_bytes >= self.flush_bytes or time.monotonic() - self._last_flush >= self.flush_s:
            self.flush()

    def flush(self) -> None:
        """Bring everything recorded so far to the file, the rows of /samples last."""
        with self._guard():
            self._write_rows()

    def set_labels(self, labels: Sequence[int] | Int64Array) -> None:
        """Give the true class of every sample, -1 where unknown; before, during or after the run."""
        self._labels = np.array(labels, dtype=np.int64)

    def note(self, name: str, text: str) -> None:
        """Add a provenance string that is known only at the end, such as `wall_s`."""
        self._notes[name] = text

    def close(self) -> None:
        """Make the trace whole and give it its final name."""
        if not self._file:
            return
        with self._guard():
            if not self._columns:
                self._create_tables(None)
            self._write_rows()
            self._close_file()
            self._output.check()
            self._complete()
        if not self.force and self.path.exists():
            raise OptionError(f"{self.path}: appeared while the run went on; the trace is in {self.partial}",
                              mend=f"rename {self.partial.name}")
        os.replace(self.partial, self.path)

    def abandon(self) -> None:
        """Keep what was recorded as `<path>.partial`, marked incomplete."""
        if self._file:
            with self._guard():
                self._write_rows()
                self._close_file()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(SimulationError):     # the error under way says more
                self.abandon()
            if isinstance(error, InputError) and self._next_step == 0:
                self.partial.unlink(missing_ok=True)    # refused before it began: nothing to keep, nothing in the way

    # -- the file --------------------------------------------------------------------------------------------------

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Turn a failed write into a SimulationError; the partial file is closed and stays."""
        try:
            yield
            self._output.check()
        except (OSError, RuntimeError) as error:
            self._close_file()
            raise SimulationError(
                f"{self.partial}: cannot write the trace: {self._output.error or error}\n"
                f"  mend: free disk space, or give another path; the file keeps the samples written before, "
                f"marked incomplete") from error

    def _open_file(self) -> None:
        try:
            self._output = GuardedFile(self.partial, "wb+" if self.force else "xb+")
        except OSError as error:
            raise OptionError(f"{self.partial}: cannot be created: {error}",
                              mend="give a path in a folder that can be written") from error
        with self._guard():
            self._file = h5py.File(self._output, "w", libver="latest")
            head.write_root(self._file)
            head.write_header(self._file, self.header)
            self._file.flush()

    def _close_file(self) -> None:
        with suppress(OSError, RuntimeError):
            self._file.close()
        self._output.close()

    def _create_tables(self, first: SampleResult | None) -> None:
        """Create every dataset: none can be added once the single-writer mode has begun."""
        n_core = len(self.header.core_physical)
        n_link = len(first.link_packets) if first else 0
        self._create_rows(n_core, first)
        self._spikes = [self._create_spikes(output) for output in range(len(self.header.output_names))]
        self._create_sums(n_link, n_core)
        self._file.swmr_mode = True

    def _create_rows(self, n_core: int, first: SampleResult | None) -> None:
        file, columns = self._file, self._columns
        n_readout = first.readout.size if first else 0
        self._with_loads = first is not None and first.loads is not None
        loads = layout.LOAD_COLUMNS if self._with_loads else ()
        for column in (*layout.SAMPLE_COLUMNS, *layout.STEP_COLUMNS, *loads):
            columns[column.name] = create_column(file, column)
        if self._fixed:
            shape = (len(self.header.population_names),)
            columns[layout.OVERFLOWS.name] = create_column(file, layout.OVERFLOWS, shape, compress=True)
        for column in layout.CORE_TIMES:
            columns[column.name] = create_column(file, column, (n_core,), compress=True)
        counts = layout.CORE_COUNTS
        columns[counts.name] = create_column(file, counts, (n_core, len(CORE_EVENTS)), compress=True)
        columns[counts.name].dataset.attrs["events"] = list(CORE_EVENTS)
        columns[layout.READOUT.name] = create_column(file, layout.READOUT, (n_readout,))
        self._with_tokens = first is not None and first.readout_tokens is not None
        self._with_packets = first is not None and first.packets is not None
        if self._with_tokens:
            columns[layout.READOUT_TOKENS.name] = create_column(file, layout.READOUT_TOKENS, (n_readout,))
        for column in layout.PACKET_COLUMNS if self._with_packets else ():
            columns[column.name] = create_column(file, column)
        self._link_block_steps = first.link_loads.block_steps if first and first.link_loads else 0
        for column in (layout.LINK_BLOCKS, *layout.LINK_ROWS) if self._link_block_steps else ():
            columns[column.name] = create_column(file, column, compress=True)
        if self._link_block_steps:
            file[layout.LINK_BLOCKS.name].attrs["steps"] = np.int64(self._link_block_steps)

    def _create_spikes(self, output: int) -> SpikeGroup:
        group = self._file.create_group(f"spikes/{self._group_names[output]}")
        kind = self.header.output_kind[output]
        group.attrs["population"] = self.header.population_names[self.header.output_population[output]]
        group.attrs["output"] = self.header.output_names[output]
        group.attrs["kind"] = layout.KINDS[kind]
        head.set_sorting(group, "none")
        return SpikeGroup(group, with_value=kind != 0)

    def _create_sums(self, n_link: int, n_core: int) -> None:
        for column in (*layout.LINK_COLUMNS, layout.QUEUE_PEAK):
            size = n_core if column is layout.QUEUE_PEAK else n_link
            self._links[column.name] = np.zeros(size, dtype=np.int64)
            dataset = self._file.create_dataset(column.name, data=self._links[column.name])
            dataset.attrs["unit"], dataset.attrs["description"] = column.unit, column.description

    def _write_rows(self) -> None:
        samples = [name for name in self._columns if name.startswith("samples/")]
        for name, column in self._columns.items():
            if name not in samples:
                column.write()
        for group in self._spikes:
            for column in group.columns.values():
                column.write()
        for name, sums in self._links.items():
            self._file[name][...] = sums
        self._file.flush()
        for name in samples:                    # the record of what is whole
            self._columns[name].write()
        self._file.flush()
        self._waiting_bytes, self._last_flush = 0, time.monotonic()

    def _complete(self) -> None:
        """Write what single-writer mode forbids, then mark the file whole."""
        self._output = GuardedFile(self.partial, "rb+")
        with self._output, h5py.File(self._output, "r+", libver="latest") as file:
            for name, text in self._notes.items():
                head.write_text(file["provenance"], name, text)
            for name, group in zip(self._group_names, self._spikes, strict=True):
                if group.sorted_by_time:
                    head.set_sorting(file[f"spikes/{name}"], "by_time")
            if self._labels is not None:
                labels = file["samples/label"]
                labels[...] = _fitted(self._labels, labels.shape[0])
            file.flush()
            self._output.check()
            file.attrs["complete"] = np.uint8(1)
            file.flush()
            self._output.sync()

    # -- one sample ------------------------------------------------------------------------------------------------

    def _add_steps(self, result: SampleResult) -> int:
        return sum(self._columns[name].add(rows) for name, rows in writing.step_rows(result).items())

    def _add_spikes(self, result: SampleResult) -> int:
        by_output = np.argsort(result.spikes.output, kind="stable")
        bounds = np.searchsorted(result.spikes.output[by_output], np.arange(len(self._spikes) + 1))
        return sum(group.add(result.sample, self._next_start_ps, result.spikes, by_output[start:stop])
                   for group, start, stop in zip(self._spikes, bounds[:-1], bounds[1:], strict=True) if stop > start)

    def _add_optional(self, result: SampleResult) -> int:
        n_bytes = 0
        if result.readout_tokens is not None:
            n_bytes += self._columns[layout.READOUT_TOKENS.name].add(result.readout_tokens)
        if result.packets is not None:
            rows = writing.packet_rows(result.sample, result.packets)
            n_bytes += sum(self._columns[name].add(array) for name, array in rows.items())
        if result.link_loads is not None:
            rows = writing.link_rows(result.link_loads)
            n_bytes += sum(self._columns[name].add(array) for name, array in rows.items())
        return n_bytes

    def _add_sample(self, result: SampleResult) -> int:
        row = {
            "samples/start_time_ps": self._next_start_ps,
            "samples/n_tokens": result.n_tokens,
            "samples/n_steps": result.n_steps,
            "samples/first_step": self._next_step,
            "samples/prediction": writing.prediction(result.readout),
            "samples/label": self._label(result.sample),
        }
        return (sum(self._columns[name].add([value]) for name, value in row.items())
                + self._columns[layout.READOUT.name].add(result.readout[None]))

    def _add_links(self, result: SampleResult) -> None:
        self._links["links/packets"] += result.link_packets
        self._links["links/busy_ps"] += result.link_busy_ps
        peak = self._links[layout.QUEUE_PEAK.name]
        np.maximum(peak, result.queue_peak, out=peak)

    def _check_optional(self, result: SampleResult) -> None:
        """Every sample records what the first one did."""
        found = (result.readout_tokens is not None, result.packets is not None, result.loads is not None,
                 result.link_loads.block_steps if result.link_loads else 0)
        first = (self._with_tokens, self._with_packets, self._with_loads, self._link_block_steps)
        if found != first:
            raise SimulationError(f"sample {result.sample}: read-out tokens, packets, loads and steps to a block of "
                                  f"links are {found}, in the first sample they were {first}")

    def _check_overflows(self, result: SampleResult) -> None:
        """Fixed-point runs count the overflows of every step and population, others none."""
        wanted = (result.n_steps, len(self.header.population_names)) if self._fixed else None
        found = None if result.overflows is None else result.overflows.shape
        if found != wanted:
            raise SimulationError(f"sample {result.sample}: the shape of its overflows is {found}, "
                                  f"in this {self.header.numbers} run it must be {wanted}")

    def _label(self, sample: int) -> int:
        known = self._labels is not None and sample < len(self._labels)
        return int(self._labels[sample]) if known and self._labels is not None else layout.NO_LABEL


def _check_path(path: Path, partial: Path, force: bool) -> None:
    if not path.parent.is_dir():
        raise OptionError(f"{path}: the folder {path.parent} does not exist", mend="create it, or give another path")
    if path.is_dir():
        raise OptionError(f"{path}: is a folder", mend="give the name of a file, such as run.h5")
    refuse_special(path)
    refuse_special(partial)
    for existing, what in ((path, "exists"), (partial, "exists: an unfinished run, or one that goes on")):
        if existing.exists() and not force:
            raise OptionError(f"{existing}: {what}", allowed="a file that does not exist",
                              mend="give another path, remove the file, or overwrite it (--force)")


def _group_names(header: RunHeader) -> tuple[str, ...]:
    names = layout.spike_groups(header)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"two outputs would share the spike group {', '.join(twice)}",
                          mend="rename a population: a slash in a name becomes a dot in a trace")
    return names


def _fitted(labels: Int64Array, n_samples: int) -> Int64Array:
    """Return `labels` cut or filled with -1 to `n_samples`."""
    fitted = np.full(n_samples, layout.NO_LABEL, dtype=np.int64)
    fitted[:min(n_samples, len(labels))] = labels[:n_samples]
    return fitted
