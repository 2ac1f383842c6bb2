"""SONATA spikes: opens in libsonata, bluepysnap, NetPyNE and others.

    /spikes/<population>    attribute sorting; timestamps in ms, node_ids from 0
        value, sample       beside them: sign or graded value, row in /samples; readers of SONATA pass them over
    /samples                start_time and stop_time in ms, label, prediction
    /provenance             attribute json, and chip

Nothing is compressed: libsonata's own HDF5 cannot inflate.

Source: SONATA data format, "Spike file", https://github.com/AllenInstitute/sonata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurosim.export.job import Job, in_order
from neurosim.traces import layout
from neurosim.traces.guarded_file import GuardedFile
from neurosim.traces.trace import Spikes

CHUNK_ROWS = 2**16


def write(job: Job, path: Path) -> None:
    """Write a new SONATA file; OSError where the disk does not take it."""
    output = GuardedFile(path, "xb+")
    try:
        with h5py.File(output, "w", libver="v108") as file:
            _write_root(job, file)
            for group in job.groups:
                _write_group(job, group, file.create_group(f"spikes/{group}"), output)
        output.check()
    finally:
        output.close()


def _write_root(job: Job, file: Any) -> None:
    file.attrs["magic"] = np.uint32(layout.SONATA_MAGIC)
    file.attrs["version"] = np.array(layout.SONATA_VERSION, dtype=np.uint32)
    provenance = file.create_group("provenance")
    provenance.create_dataset("json", data=job.facts_json(), dtype=h5py.string_dtype())
    provenance.create_dataset("chip", data=job.trace.provenance.get("chip", ""), dtype=h5py.string_dtype())
    samples, table = job.trace.samples, file.create_group("samples")
    for name, time_ps in (("start_time", samples.start_time_ps[:job.n_samples]), ("stop_time", job.sample_ends_ps)):
        table.create_dataset(name, data=time_ps / layout.PS_PER_MS).attrs["units"] = "ms"
    table.create_dataset("label", data=samples.label[:job.n_samples])
    table.create_dataset("prediction", data=samples.prediction[:job.n_samples])


def _write_group(job: Job, name: str, group: Any, output: GuardedFile) -> None:
    n_rows, seen = job.count(name), list[bool]()
    columns = {"timestamps": "float64", "node_ids": "uint64", "sample": "int64"}
    if job.trace.group_kind(name) != "spike":
        columns["value"] = "float64"
    chunks = (min(CHUNK_ROWS, n_rows),) if n_rows else None
    tables = {column: group.create_dataset(column, (n_rows,), dtype, chunks=chunks)
              for column, dtype in columns.items()}
    tables["timestamps"].attrs["units"] = "ms"
    start = 0
    for block in in_order(job.by_time(name), seen):
        for column, values in _values(block).items():
            if column in tables:
                tables[column][start:start + len(values)] = values
        start += len(block.time_ps)
        output.check()
    order = layout.SORTING["by_time" if seen[0] else "none"]
    group.attrs.create("sorting", order, dtype=h5py.enum_dtype(layout.SORTING, basetype=np.int8))


def _values(block: Spikes) -> dict[str, Any]:
    return {"timestamps": block.time_ps / layout.PS_PER_MS, "node_ids": block.neuron, "sample": block.sample,
            "value": block.value}
