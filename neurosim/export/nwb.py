"""NWB, Neurodata Without Borders: opens in pynwb, Neo, MatNWB and others, and passes pynwb's validator.

    /units                   a row per neuron and output, without electrodes: spike_times in s from the start of the
                             run, obs_intervals (the whole run), population, neuron, output, kind; value: sign or graded
                             value of every spike, where the trace has any but binary ones
    /intervals/trials        a row per sample: start_time, stop_time, label, prediction
    /general/devices         the chip; its description is the resolved chip file
    /general/notes           what the trace says of itself, as JSON; was_generated_by: neurosim and its version

There are no keywords, on which Neo's reader of NWB fails. A run has no date: `session_start_time` is that of the last
change of the trace file.

Source: NWB 2.9 (nwb-schema `nwb.misc.yaml`, Units), https://nwb-schema.readthedocs.io.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurosim.export.job import Job, NeuronSpikes
from neurosim.export.optional import load
from neurosim.traces.guarded_file import GuardedFile

PS_PER_S = 1e12
CHUNK_ROWS = 2**16


def write(job: Job, path: Path) -> None:
    """Write a new NWB file; OSError where the disk does not take it."""
    pynwb = load("pynwb", "format nwb")
    content = _file(job, pynwb)
    content.units = _units(job, pynwb)
    if job.n_samples:
        content.trials = _trials(job, pynwb)
    output = GuardedFile(path, "xb+")
    try:
        with h5py.File(output, "w", libver="v108") as file, pynwb.NWBHDF5IO(file=file, mode="w") as target:
            target.write(content)
        output.check()
    finally:
        output.close()


def _file(job: Job, pynwb: Any) -> Any:
    facts, trace = job.facts(), job.trace
    made = datetime.fromtimestamp(trace.path.stat().st_mtime, UTC)
    content = pynwb.NWBFile(
        session_description=f"{facts.get('network', 'a network')} on {facts.get('chip_name', 'a chip')}, simulated",
        identifier=str(uuid.uuid4()), session_start_time=made, notes=job.facts_json(),
        was_generated_by=[["neurosim", facts.get("neurosim", "unknown")]])
    content.create_device(name=str(facts.get("chip_name", "chip")).replace("/", "-"),
                          description=trace.provenance.get("chip", "unknown"))
    return content


def _units(job: Job, pynwb: Any) -> Any:
    counts = np.concatenate([job.neuron_counts(group) for group in job.groups])
    ends, n_units, n_spikes = np.cumsum(counts), len(counts), int(counts.sum())
    names = [(job.trace.group_population(group), job.output(group), job.trace.group_kind(group), job.size(group))
             for group in job.groups]
    plain = [("population", "population of the neuron", [name[0] for name in names for _ in range(name[3])]),
             ("neuron", "number of the neuron within its population",
              np.concatenate([np.arange(name[3]) for name in names])),
             ("output", "output of the neuron", [name[1] for name in names for _ in range(name[3])]),
             ("kind", "spike: binary; ternary: +1 or -1; graded: a value",
              [name[2] for name in names for _ in range(name[3])])]
    columns = [_column(pynwb, name, description, values) for name, description, values in plain]
    observed = np.tile([0.0, job.duration_ps / PS_PER_S], (n_units, 1))
    columns += _ragged(pynwb, "obs_intervals", "when the neuron was recorded: all the time", observed,
                       np.arange(1, n_units + 1))
    columns += _ragged(pynwb, "spike_times", "times of the spikes, in seconds from the start of the run",
                       _stream(job, n_spikes, lambda spikes: spikes.time_ps / PS_PER_S), ends)
    if job.has_values:
        columns += _ragged(pynwb, "value", "sign of a ternary spike, or value of a graded one",
                           _stream(job, n_spikes, lambda spikes: spikes.value), ends)
    return pynwb.misc.Units(name="units", description="simulated neurons; no electrodes", id=np.arange(n_units),
                            columns=columns)


def _trials(job: Job, pynwb: Any) -> Any:
    samples = job.trace.samples
    columns = [("start_time", "injection of the first token, s", samples.start_time_ps[:job.n_samples] / PS_PER_S),
               ("stop_time", "end of the last time step, s", job.sample_ends_ps / PS_PER_S),
               ("label", "true class, -1 where unknown", samples.label[:job.n_samples]),
               ("prediction", "index of the largest read-out, -1 without one", samples.prediction[:job.n_samples])]
    return pynwb.epoch.TimeIntervals(name="trials", description="a row per sample of the run",
                                     columns=[_column(pynwb, *column) for column in columns])


def _column(pynwb: Any, name: str, description: str, data: Any) -> Any:
    return pynwb.core.VectorData(name=name, description=description, data=data)


def _ragged(pynwb: Any, name: str, description: str, data: Any, ends: Any) -> list[Any]:
    """Return a ragged column and its index: the index first, since HDMF forgets columns that it is to stream."""
    column = _column(pynwb, name, description, data)
    return [pynwb.core.VectorIndex(name=f"{name}_index", data=ends.astype(np.uint64), target=column), column]


def _stream(job: Job, n_spikes: int, pick: Callable[[NeuronSpikes], Any]) -> Any:
    """Return what HDMF writes block by block, so that no column stands in memory."""
    tools = load("hdmf.data_utils", "format nwb", package="pynwb")

    class Stream(tools.AbstractDataChunkIterator):  # type: ignore[name-defined, misc]
        """One column of /units, in order of groups and neurons."""

        def __init__(self) -> None:
            self.blocks, self.start = _all_blocks(job), 0

        def __len__(self) -> int:
            return n_spikes

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            values = pick(next(self.blocks))
            rows = slice(self.start, self.start + len(values))
            self.start = rows.stop
            return tools.DataChunk(data=values, selection=(rows,))

        next = __next__
        dtype = property(lambda self: np.dtype("float64"))
        maxshape = property(lambda self: (n_spikes,))

        def recommended_data_shape(self) -> tuple[int]:
            return (n_spikes,)

        def recommended_chunk_shape(self) -> tuple[int] | None:
            return (min(CHUNK_ROWS, n_spikes),) if n_spikes else None

    return Stream() if n_spikes else np.zeros(0)


def _all_blocks(job: Job) -> Iterator[NeuronSpikes]:
    for group in job.groups:
        yield from job.by_neuron(group)
