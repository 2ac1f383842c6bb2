"""A recorded run, read lazily: tables by slice, totals chunk by chunk, so that memory stays bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import TraceError
from neurosim.events import CHIP_EVENTS, CORE_EVENTS, N_CORE_EVENTS
from neurosim.traces import layout
from neurosim.traces.check import DAMAGE, check_link_loads, check_overflows, check_spikes, check_trace, damaged, reading
from neurosim.traces.schema import Float64Array, Int32Array, Int64Array, LinkLoads, RunHeader, StepLoads

BLOCK_VALUES = 2**21                    # values read at once: 16 MiB of int64


class Samples(NamedTuple):
    """One row per sample: see layout.SAMPLE_COLUMNS. All int64[sample]."""

    start_time_ps: Int64Array
    n_tokens: Int64Array
    n_steps: Int64Array
    first_step: Int64Array
    prediction: Int64Array
    label: Int64Array


class Spikes(NamedTuple):
    """Recorded outputs of one group, in the order of samples, then steps, then neurons.

    time_ps : int64[spike]   from the start of the run
    neuron : int64[spike]    within the population
    step, sample : int32[spike], int64[spike]
    value : float64[spike]   1 for binary spikes
    """

    time_ps: Int64Array
    neuron: Int64Array
    step: Int32Array
    sample: Int64Array
    value: Float64Array


class Packets(NamedTuple):
    """Recorded packets, one row per packet and destination; times from the start of the sample."""

    sample: Int64Array
    step: Int32Array
    packet: Int64Array
    source_row: Int64Array
    core: Int64Array
    inject_ps: Int64Array
    arrival_ps: Int64Array


class Trace:
    """A recorded run.

    >>> with Trace.open("run.h5") as trace:          # doctest: +SKIP
    ...     trace.core_event_totals()["synapse_dense"]

    Steps are numbered through the whole run here (row in /steps); `samples.first_step` tells where a sample begins.
    Of a partial trace only whole samples are seen.
    """

    def __init__(self, file: Any, path: Path, *, partial: bool = False) -> None:
        """Take an open, checked file; use `Trace.open`."""
        self._file, self.path, self.partial = file, path, partial

    @classmethod
    def open(cls, path: str | Path, partial: bool = False) -> Trace:
        """Open and check a trace.

        Parameters
        ----------
        path : file written by TraceWriter
        partial : also read a file whose run did not end, up to the last whole sample

        Raises
        ------
        TraceError : not a trace, not whole, or at odds with its written requirements
        """
        from neurosim.traces.opening import open_file  # h5py is loaded only by those who open a file

        path = Path(path)
        file = open_file(path, partial=partial)
        try:
            check_trace(file, path, partial=partial)
            trace = cls(file, path, partial=partial)
            check_spikes(file, path, trace.spike_groups)
            check_overflows(file, path, len(trace.header.population_names), partial=partial)
            check_link_loads(file, path, partial=partial)
            return trace
        except TraceError:
            file.close()
            raise
        except DAMAGE as error:
            file.close()
            raise damaged(path, error) from error

    def verify(self) -> None:
        """Read every value, a bounded number at a time, and raise TraceError at the first that cannot be."""
        from neurosim.traces.verify import verify

        with reading(self.path):
            verify(self, self._file)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    # -- what was run ----------------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether the run ended."""
        return bool(self._file.attrs["complete"])

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """Strings: resolved network, chip (JSON), mapping, seed, versions, command."""
        return {name: dataset.asstr()[()] for name, dataset in self._file["provenance"].items()}

    @property
    def chip_json(self) -> str:
        """The resolved chip as JSON text."""
        if "chip" not in self.provenance:
            raise TraceError(f"{self.path}: /provenance/chip = missing", allowed="the resolved chip as JSON",
                             mend="write it into RunHeader.provenance, and run again")
        return self.provenance["chip"]

    @cached_property
    def header(self) -> RunHeader:
        """What was known before the first sample."""
        run, mapping = self._file["run"].attrs, self._file["mapping"]
        fields: dict[str, Any] = {name: _python(run[name]) for name in layout.RUN_ATTRIBUTES}
        fields |= {name: _python(run.get(name, 0)) for name in layout.LATER_RUN_ATTRIBUTES}
        for name in ("core_physical", "core_tile", "core_is_port"):
            fields[name] = mapping[name][:]
        for name in layout.JSON_TABLES:
            fields[name] = tuple(json.loads(mapping[name].asstr()[()]))
        fields["core_slices"] = tuple(tuple(core) for core in fields["core_slices"])
        fields["utilisation"] = tuple({name: (pair[0], pair[1]) for name, pair in core.items()}
                                      for core in fields["utilisation"])
        return RunHeader(provenance=self.provenance, **fields)

    # -- samples ---------------------------------------------------------------------------------------------------

    @cached_property
    def n_samples(self) -> int:
        """Whole samples in the file."""
        if "samples" not in self._file:
            return 0
        return int(min(self._file[column.name].shape[0] for column in layout.SAMPLE_COLUMNS))

    @cached_property
    def samples(self) -> Samples:
        """The table of samples."""
        if self.n_samples == 0:
            return Samples(*(np.zeros(0, dtype=np.int64) for _ in Samples._fields))
        return Samples(*(self._file[f"samples/{name}"][:self.n_samples] for name in Samples._fields))

    @property
    def labels(self) -> Int64Array | None:
        """True classes, int64[sample], -1 where unknown; None where no sample has one."""
        label = self.samples.label
        return label if np.any(label != layout.NO_LABEL) else None

    @property
    def readout(self) -> Float64Array:
        """Read-out at the last token, float64[sample, readout neuron]."""
        if self.n_samples == 0:
            return np.zeros((0, 0))
        values: Float64Array = self._file[layout.READOUT.name][:self.n_samples]
        return values

    def readout_tokens(self, sample: int) -> Float64Array | None:
        """Return the read-out at every token of `sample`, float64[token, readout neuron], if it was recorded."""
        if layout.READOUT_TOKENS.name not in self._file:
            return None
        first = int(self.samples.n_tokens[:sample].sum())
        stop = first + int(self.samples.n_tokens[sample])
        values: Float64Array = self._file[layout.READOUT_TOKENS.name][first:stop]
        return values

    # -- steps -----------------------------------------------------------------------------------------------------

    @cached_property
    def n_steps(self) -> int:
        """Time steps of all whole samples."""
        return int(self.samples.n_steps.sum())

    @property
    def duration_ps(self) -> int:
        """Simulated time: the samples laid end to end."""
        if self.n_samples == 0:
            return 0
        last_step = self.steps("end_ps", self.n_steps - 1, self.n_steps)
        return int(self.samples.start_time_ps[-1] + last_step[0])

    def steps(self, column: str, start: int = 0, stop: int | None = None) -> Int64Array:
        """Return rows `start` to `stop` of a column of /steps: `end_ps`, `network_ps` or a chip event, int64[step]."""
        if column in layout.LATER_EVENTS and f"steps/{column}" not in self._file:
            return np.zeros(len(range(self.n_steps)[start:stop]), np.int64)
        rows: Int64Array = self._rows(f"steps/{column}", start, stop)
        return rows

    @property
    def has_loads(self) -> bool:
        """Whether the time steps tell their work and their busiest link."""
        return all(column.name in self._file for column in layout.LOAD_COLUMNS)

    def loads(self, start: int = 0, stop: int | None = None) -> StepLoads | None:
        """Return the loads of steps `start` to `stop`; None where they were not recorded."""
        if not self.has_loads:
            return None
        return StepLoads(*(self._rows(column.name, start, stop) for column in layout.LOAD_COLUMNS))

    @property
    def link_block_steps(self) -> int:
        """Time steps of a block in which the trace tells each link; 0 where it tells them for the whole run alone."""
        if layout.LINK_BLOCKS.name not in self._file:
            return 0
        return int(self._file[layout.LINK_BLOCKS.name].attrs["steps"])

    @cached_property
    def _link_block_start(self) -> Int64Array:
        """First row of each block of whole samples, and the end of the last, int64[block + 1]."""
        n_blocks = int((-(-self.samples.n_steps // self.link_block_steps)).sum())
        rows = self._file[layout.LINK_BLOCKS.name][:n_blocks]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(rows, dtype=np.int64)])

    def link_loads(self, start: int = 0, stop: int | None = None) -> LinkLoads | None:
        """Return the links that were occupied in blocks `start` to `stop` of the run; None where they are not told.

        Each sample begins a block, of `link_block_steps` steps; its last one may have fewer.
        """
        if not self.link_block_steps:
            return None
        bounds = self._link_block_start[start:None if stop is None else stop + 1]
        rows = slice(int(bounds[0]), int(bounds[-1])) if len(bounds) else slice(0, 0)
        link, busy_ps = (self._file[column.name][rows] for column in layout.LINK_ROWS)
        return LinkLoads(self.link_block_steps, bounds - rows.start, link, busy_ps)

    def link_load_blocks(self) -> Iterator[tuple[int, LinkLoads]]:
        """Yield (first block, loads of the links in some blocks), a bounded number of rows at a time."""
        if not self.link_block_steps:
            return
        starts, start = self._link_block_start, 0
        while start < len(starts) - 1:
            stop = max(start + 1, int(np.searchsorted(starts, starts[start] + BLOCK_VALUES, side="right")) - 1)
            found = self.link_loads(start, stop)
            if found is not None:
                yield start, found
            start = stop

    @cached_property
    def step_latency_ps(self) -> Int64Array:
        """Duration of every time step, barrier to barrier, int64[step]."""
        if self.n_steps == 0:
            return np.zeros(0, dtype=np.int64)
        end_ps = self.steps("end_ps")
        latency = np.diff(end_ps, prepend=np.int64(0))
        latency[self.samples.first_step] = end_ps[self.samples.first_step]
        return latency

    def core_counts(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint32]:
        """Return counts of steps `start` to `stop`, uint32[step, core, event]; events in the order of CORE_EVENTS."""
        rows: NDArray[np.uint32] = self._rows(layout.CORE_COUNTS.name, start, stop)
        return rows

    def core_times(self, start: int = 0, stop: int | None = None) -> tuple[Int64Array, Int64Array]:
        """Return (soma_ps, synapse_ps) of steps `start` to `stop`, each int64[step, core]."""
        return self._rows("cores/soma_ps", start, stop), self._rows("cores/synapse_ps", start, stop)

    def overflows(self, start: int = 0, stop: int | None = None) -> Int64Array | None:
        """Return the values of steps `start` to `stop` that did not fit their format, int64[step, population].

        None where they were not counted, as in floating-point runs.
        """
        if layout.OVERFLOWS.name not in self._file:
            return None
        rows: Int64Array = self._rows(layout.OVERFLOWS.name, start, stop)
        return rows

    # -- totals ----------------------------------------------------------------------------------------------------

    @cached_property
    def core_totals(self) -> Int64Array:
        """Counts of the run per core, int64[core, event]; ports included."""
        totals = np.zeros((self.n_cores, N_CORE_EVENTS), dtype=np.int64)
        for start, stop in self._blocks(totals.size):
            counts = self.core_counts(start, stop).sum(axis=0, dtype=np.int64)
            totals[:, :counts.shape[1]] += counts
        return totals

    def core_event_totals(self, *, ports: bool = False) -> dict[str, int]:
        """Return how often each core event happened in the run: on cores alone, or on `ports` too."""
        kept = np.ones(self.n_cores, dtype=bool) if ports else self.header.core_is_port == 0
        return dict(zip(CORE_EVENTS, self.core_totals[kept].sum(axis=0).tolist(), strict=True))

    @cached_property
    def chip_totals(self) -> dict[str, int]:
        """How often each chip event happened in the run."""
        return {name: sum(int(self.steps(name, start, stop).sum()) for start, stop in self._blocks(1))
                for name in CHIP_EVENTS}

    @cached_property
    def overflow_totals(self) -> dict[str, int] | None:
        """Values of the run that did not fit their format, by population; None where they were not counted."""
        if layout.OVERFLOWS.name not in self._file:
            return None
        names = self.header.population_names
        totals = np.zeros(len(names), dtype=np.int64)
        for start, stop in self._blocks(len(names)):
            totals += self._rows(layout.OVERFLOWS.name, start, stop).sum(axis=0, dtype=np.int64)
        return dict(zip(names, totals.tolist(), strict=True))

    def core_busy_ps(self, *, overlapped: bool) -> Int64Array:
        """Return how long each core worked, int64[core].

        A step counts the sum of both phases, or, where they are `overlapped`, the longer one.
        """
        busy = np.zeros(self.n_cores, dtype=np.int64)
        for start, stop in self._blocks(2 * self.n_cores):
            soma, synapse = self.core_times(start, stop)
            busy += (np.maximum(soma, synapse) if overlapped else soma + synapse).sum(axis=0)
        return busy

    @property
    def n_cores(self) -> int:
        """Used cores, ports included."""
        return int(self._file["mapping/core_physical"].shape[0])

    @property
    def queue_peak(self) -> Int64Array:
        """Longest injection queue of the run, int64[core], in packets."""
        return self._sums(layout.QUEUE_PEAK.name)

    @property
    def link_packets(self) -> Int64Array:
        """Packets over each link in the run, int64[link]."""
        return self._sums("links/packets")

    @property
    def link_busy_ps(self) -> Int64Array:
        """Time each link was occupied in the run, int64[link]."""
        return self._sums("links/busy_ps")

    # -- spikes and packets ----------------------------------------------------------------------------------------

    @cached_property
    def spike_groups(self) -> tuple[str, ...]:
        """Names under /spikes, in the order of the outputs of the network."""
        return layout.spike_groups(self.header)

    def group_population(self, group: str) -> str:
        """Return the population that a spike group belongs to."""
        return self.header.population_names[self.header.output_population[self._output(group)]]

    def group_kind(self, group: str) -> str:
        """Return `spike`, `ternary` or `graded`."""
        return layout.KINDS[self.header.output_kind[self._output(group)]]

    def n_spikes(self, group: str, first_sample: int = 0, stop_sample: int | None = None) -> int:
        """Return how many outputs of samples `first_sample` to `stop_sample` (default: all) a group holds."""
        stop_sample = self.n_samples if stop_sample is None else min(stop_sample, self.n_samples)
        start, stop = self._bounds(group, first_sample, stop_sample)
        return stop - start

    def spikes(self, group: str, first_sample: int = 0, stop_sample: int | None = None) -> Spikes:
        """Return the recorded outputs of a group, of samples `first_sample` to `stop_sample` (default: all)."""
        stop_sample = self.n_samples if stop_sample is None else min(stop_sample, self.n_samples)
        return self.spike_rows(group, *self._bounds(group, first_sample, stop_sample))

    def spike_rows(self, group: str, start: int, stop: int) -> Spikes:
        """Return rows `start` to `stop` of a group; `n_spikes` says how many there are."""
        stop = min(stop, self.n_spikes(group))
        if stop <= start:
            return Spikes(*(np.zeros(0, dtype) for dtype in ("int64", "int64", "int32", "int64", "float64")))
        table, rows = self._file[f"spikes/{group}"], slice(start, stop)
        time_ps = np.rint(table["timestamps"][rows] * layout.PS_PER_MS).astype(np.int64)
        value = table["value"][rows] if "value" in table else np.ones(len(time_ps))
        return Spikes(time_ps, table["node_ids"][rows].astype(np.int64), table["step"][rows], table["sample"][rows],
                      value)

    @property
    def n_packets(self) -> int | None:
        """Rows of /packets that belong to whole samples; None where packets were not recorded."""
        if "packets" not in self._file:
            return None
        return _first_row(self._file["packets/sample"], self.n_samples)

    def packets(self, start: int = 0, stop: int | None = None) -> Packets:
        """Return rows `start` to `stop` of /packets.

        Raises
        ------
        TraceError : packets were not recorded
        """
        if self.n_packets is None:
            raise TraceError(f"{self.path}: /packets = missing", mend="run again and record packets")
        stop = self.n_packets if stop is None else min(stop, self.n_packets)
        return Packets(*(self._file[f"packets/{name}"][start:stop] for name in Packets._fields))

    def packet_blocks(self) -> Iterator[Packets]:
        """Yield all recorded packets, a bounded number at a time."""
        n_packets = self.n_packets or 0
        n_rows = BLOCK_VALUES // len(Packets._fields)
        for start in range(0, n_packets, n_rows):
            yield self.packets(start, start + n_rows)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _output(self, group: str) -> int:
        if group not in self.spike_groups:
            raise TraceError(f"{self.path}: /spikes/{group} = missing", allowed=", ".join(self.spike_groups) or "none",
                             mend="give the name of an output of the network")
        return self.spike_groups.index(group)

    def _bounds(self, group: str, first_sample: int, stop_sample: int) -> tuple[int, int]:
        self._output(group)
        if self.n_samples == 0:
            return 0, 0
        samples = self._file[f"spikes/{group}/sample"]
        return _first_row(samples, first_sample), _first_row(samples, stop_sample)

    def _rows(self, name: str, start: int, stop: int | None) -> Any:
        stop = self.n_steps if stop is None else min(stop, self.n_steps)
        if name not in self._file:
            if self.n_samples == 0:
                return np.zeros((0,), dtype=np.int64)
            raise TraceError(f"{self.path}: /{name} = missing", mend="give the name of a column of the trace")
        return self._file[name][start:stop]

    def _sums(self, name: str) -> Int64Array:
        sums: Int64Array = self._file[name][:] if name in self._file else np.zeros(0, dtype=np.int64)
        return sums

    def _blocks(self, values_per_step: int) -> Iterator[tuple[int, int]]:
        n_rows = max(1, BLOCK_VALUES // max(1, values_per_step))
        for start in range(0, self.n_steps, n_rows):
            yield start, min(start + n_rows, self.n_steps)


def _first_row(samples: Any, sample: int) -> int:
    """Return the first row of an ascending dataset that is not below `sample`, without reading all of it."""
    low, high = 0, int(samples.shape[0])
    while low < high:
        middle = (low + high) // 2
        if int(samples[middle]) < sample:
            low = middle + 1
        else:
            high = middle
    return low


def _python(value: Any) -> Any:
    """Return an HDF5 attribute as a Python int or str."""
    return value.item() if isinstance(value, np.generic) else value
