"""Tables of a trace as CSV or Parquet, row by row in the order of the trace.

    spikes    sample, step, time_ps, population, output, neuron, value
    packets   sample, step, packet, source_row, core, inject_ps, arrival_ps (from the start of the sample)
    steps     step, end_ps (from the start of the sample), network_ps, and a column per event of the chip
    samples   sample, start_time_ps, stop_time_ps, n_tokens, n_steps, prediction, label

Times are whole picoseconds, those of spikes from the start of the run. CSV has a line of names and then numbers;
floats are written so that they read back exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import check_choice
from neurosim.events import CHIP_EVENTS
from neurosim.export.job import Job
from neurosim.export.optional import load

STEP_ROWS = 2**16
Table = dict[str, Any]          # column name -> NumPy array, or one text for all rows


def write_csv(job: Job, path: Path, table: str = "spikes") -> None:
    """Write a new CSV file (RFC 4180, UTF-8)."""
    with open(path, "x", newline="", encoding="utf-8") as file:
        for number, block in enumerate(_tables(job, table)):
            if number == 0:
                csv.writer(file).writerow(block)
            file.write(_lines(block))


def write_parquet(job: Job, path: Path, table: str = "spikes") -> None:
    """Write a new Parquet file; the metadata `neurosim` and `chip` of its schema say where it comes from."""
    arrow, parquet = load("pyarrow", "format parquet"), load("pyarrow.parquet", "format parquet")
    words = {b"neurosim": job.facts_json().encode(), b"chip": job.trace.provenance.get("chip", "").encode()}
    writer = None
    with open(path, "xb") as file:
        try:
            for block in _tables(job, table):
                rows = arrow.table({name: _arrow(arrow, values, block) for name, values in block.items()})
                rows = rows.replace_schema_metadata(words)
                writer = writer or parquet.ParquetWriter(file, rows.schema, compression="zstd")
                writer.write_table(rows)
        finally:
            if writer is not None:
                writer.close()


def _tables(job: Job, table: str) -> Iterator[Table]:
    """Yield blocks of rows; at least one, which may be empty, so that the columns are known."""
    makers = {"spikes": _spikes, "packets": _packets, "steps": _steps, "samples": _samples}
    check_choice("table", table, makers)
    return makers[table](job)


def _spikes(job: Job) -> Iterator[Table]:
    def rows(block: Any, group: str) -> Table:
        return {"sample": block.sample, "step": block.step, "time_ps": block.time_ps,
                "population": job.trace.group_population(group) if group else "",
                "output": job.output(group) if group else "", "neuron": block.neuron, "value": block.value}

    yield rows(job.trace.spike_rows(job.groups[0], 0, 0), job.groups[0])
    for group in job.groups:
        yield from map(partial(rows, group=group), job.blocks(group))


def _packets(job: Job) -> Iterator[Table]:
    yield job.trace.packets(0, 0)._asdict()
    for block in job.trace.packet_blocks():
        kept = block.sample < job.n_samples
        yield {name: column[kept] for name, column in block._asdict().items()}


def _steps(job: Job) -> Iterator[Table]:
    n_steps = int(job.trace.samples.n_steps[:job.n_samples].sum())
    for start in range(0, max(1, n_steps), STEP_ROWS):
        stop = min(start + STEP_ROWS, n_steps)
        names = ("end_ps", "network_ps", *CHIP_EVENTS)
        yield {"step": np.arange(start, stop), **{name: job.trace.steps(name, start, stop) for name in names}}


def _samples(job: Job) -> Iterator[Table]:
    columns = {name: column[:job.n_samples] for name, column in job.trace.samples._asdict().items()}
    yield {"sample": np.arange(job.n_samples), "start_time_ps": columns["start_time_ps"],
           "stop_time_ps": job.sample_ends_ps,
           **{name: columns[name] for name in ("n_tokens", "n_steps", "prediction", "label")}}


def _lines(block: Table) -> str:
    n_rows = _n_rows(block)
    columns = [[values] * n_rows if isinstance(values, str) else values.tolist() for values in block.values()]
    text = io.StringIO()
    csv.writer(text).writerows(zip(*columns, strict=True))
    return text.getvalue()


def _arrow(arrow: Any, values: NDArray[Any] | str, block: Table) -> Any:
    if not isinstance(values, str):
        return arrow.array(values)
    rows = np.zeros(_n_rows(block), np.int32)
    return arrow.DictionaryArray.from_arrays(rows, [values])


def _n_rows(block: Table) -> int:
    return next(len(values) for values in block.values() if not isinstance(values, str))
