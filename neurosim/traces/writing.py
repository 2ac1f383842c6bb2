"""Tables that grow: rows wait in memory, then go to the file together. Knows datasets, not HDF5 itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.traces import layout
from neurosim.traces.layout import Column
from neurosim.traces.schema import Int64Array, LinkLoads, PacketTable, SampleResult, SpikeTable

AnyArray = NDArray[Any]
CHUNK_VALUES = 65_536                   # of the per-core tables: 256 KiB of counts


class GrowingColumn:
    """A dataset and the rows that wait for it.

    Rows are copied when they arrive, since an engine may reuse its arrays for the next sample.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.waiting: list[AnyArray] = []

    def add(self, rows: Any) -> int:
        """Keep a copy of `rows`; return its bytes."""
        block: AnyArray = np.array(rows, dtype=self.dataset.dtype)
        self.waiting.append(block)
        return block.nbytes

    def write(self) -> None:
        """Append the waiting rows to the dataset."""
        if not self.waiting:
            return
        block = np.concatenate(self.waiting)
        n_before = self.dataset.shape[0]
        self.dataset.resize(n_before + len(block), axis=0)
        self.dataset[n_before:] = block
        self.waiting = []


def create_column(file: Any, column: Column, shape: tuple[int, ...] = (), *, compress: bool = False) -> GrowingColumn:
    """Create an empty dataset of rows of `shape` with its unit and description."""
    if compress:                        # level 1: counts are mostly zero, higher levels gain little and cost time
        options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    else:
        options = {}
    rows = layout.chunk_rows(shape, wanted_values=CHUNK_VALUES)
    chunks = (rows, *(max(1, extent) for extent in shape))
    limits = (None, *(extent or None for extent in shape))      # chunks must not pass a limit, and hold at least 1
    dataset = file.create_dataset(column.name, shape=(0, *shape), maxshape=limits, dtype=column.dtype, chunks=chunks,
                                  **options)
    dataset.attrs["unit"], dataset.attrs["description"] = column.unit, column.description
    if column.name.endswith("timestamps"):
        dataset.attrs["units"] = column.unit    # SONATA's spelling
    return GrowingColumn(dataset)


class SpikeGroup:
    """The SONATA group of one output.

    sorted_by_time : timestamps so far never ran back
    """

    def __init__(self, group: Any, *, with_value: bool) -> None:
        self.group = group
        wanted = (*layout.SPIKE_COLUMNS, layout.SPIKE_VALUE) if with_value else layout.SPIKE_COLUMNS
        self.columns = {column.name: create_column(group, column) for column in wanted}
        self.sorted_by_time = True
        self.last_ps = -1

    def add(self, sample: int, start_ps: int, spikes: SpikeTable, rows: Int64Array) -> int:
        """Keep `rows` of `spikes`; return bytes. `start_ps` is the start of the sample within the run."""
        time_ps = spikes.time_ps[rows] + start_ps
        self._note_order(time_ps)
        table: dict[str, AnyArray] = {
            "timestamps": time_ps / layout.PS_PER_MS,
            "node_ids": spikes.neuron[rows],
            "step": spikes.step[rows],
            "sample": np.full(len(rows), sample),
            "value": spikes.value[rows],
        }
        return sum(column.add(table[name]) for name, column in self.columns.items())

    def _note_order(self, time_ps: Int64Array) -> None:
        if len(time_ps) == 0:
            return
        self.sorted_by_time &= bool(time_ps[0] >= self.last_ps and np.all(time_ps[1:] >= time_ps[:-1]))
        self.last_ps = int(time_ps[-1])


def link_rows(loads: LinkLoads) -> dict[str, AnyArray]:
    """Return the columns of links by block of time steps, for one sample."""
    return {layout.LINK_BLOCKS.name: np.diff(loads.start), "links/block_link": loads.link,
            "links/block_busy_ps": loads.busy_ps}


def packet_rows(sample: int, packets: PacketTable) -> dict[str, AnyArray]:
    """Return the columns of /packets for one sample."""
    names = [column.name.removeprefix("packets/") for column in layout.PACKET_COLUMNS[1:]]
    columns = {f"packets/{name}": getattr(packets, name) for name in names}
    return {"packets/sample": np.full(len(packets.step), sample), **columns}


def step_rows(result: SampleResult) -> dict[str, AnyArray]:
    """Return the columns of /steps and /cores for one sample."""
    chip = {column.name: result.chip_counts[:, index] for index, column in enumerate(layout.STEP_COLUMNS[2:])}
    loads = {} if result.loads is None else {
        column.name: getattr(result.loads, column.name.removeprefix("steps/")) for column in layout.LOAD_COLUMNS}
    overflows = {} if result.overflows is None else {layout.OVERFLOWS.name: result.overflows}
    return {
        "steps/end_ps": result.step_end_ps,
        "steps/network_ps": result.network_ps,
        **chip,
        **loads,
        **overflows,
        layout.CORE_COUNTS.name: result.core_counts,
        "cores/soma_ps": result.soma_ps,
        "cores/synapse_ps": result.synapse_ps,
    }


def prediction(readout: NDArray[np.float64]) -> int:
    """Return the index of the largest read-out value (the first of equals), -1 without a read-out."""
    return int(np.argmax(readout)) if readout.size else -1
