"""Every value of a trace read once and held against its range; finds damage that opening a trace does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.traces import layout
from neurosim.traces.check import damaged
from neurosim.traces.schema import Int64Array
from neurosim.traces.verify_header import verify_header

if TYPE_CHECKING:
    from neurosim.traces.trace import Trace

BLOCK_VALUES = 2**20                    # values read at once
SIGNED = ("readout/values", "readout/tokens", "value")      # may be anything; times and counts may not be negative
FROM_MINUS_1 = ("samples/prediction", "samples/label", "steps/link", "mapping/core_physical", "mapping/core_tile")


def verify(trace: Trace, file: Any) -> None:
    """Raise TraceError at the first value that cannot be; of an unfinished trace, only whole samples count."""
    verify_header(trace)
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    for name in names:
        _check_dataset(trace, name, file[name])
    _check_times(trace)
    _check_links(trace)
    for group in trace.spike_groups:
        if f"spikes/{group}" in file:
            size = trace.header.population_sizes[trace.header.population_names.index(trace.group_population(group))]
            _check_spikes(trace, f"spikes/{group}", file[f"spikes/{group}"], size)
    if "packets" in file:
        _check_packets(trace, file["packets"])
        _check_belongs(trace, "packets", file["packets"])


def _check_dataset(trace: Trace, name: str, dataset: Any) -> None:
    """Read all of it; numbers that are counts or times must not be negative."""
    if dataset.shape == () or dataset.dtype.kind not in "iuf":
        dataset[()]
        return
    least = -np.inf if name.endswith(SIGNED) else -1 if name in FROM_MINUS_1 else 0
    width = max(1, int(np.prod(dataset.shape[1:])))
    for start, block in _blocks(dataset, dataset.shape[0], width):
        bad = ~(block >= least) & ~(np.isnan(block) & (least == -np.inf))
        if bad.any():
            row = start + int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
            raise damaged(trace.path, f"/{name}, row {row} = {block[bad][0]}")


def _check_times(trace: Trace) -> None:
    """Time steps end one after the other, and samples begin where the one before ended."""
    samples = trace.samples
    for sample, (first, n_steps) in enumerate(zip(samples.first_step, samples.n_steps, strict=True)):
        end_ps = trace.steps("end_ps", int(first), int(first + n_steps))
        if np.any(np.diff(end_ps) < 0):
            raise damaged(trace.path, f"/steps/end_ps runs back in sample {sample}")
        ended = int(samples.start_time_ps[sample]) + (int(end_ps[-1]) if len(end_ps) else 0)
        if sample + 1 < trace.n_samples and ended != int(samples.start_time_ps[sample + 1]):
            raise damaged(trace.path, f"/samples/start_time_ps[{sample + 1}] is not where sample {sample} ended")


def _check_links(trace: Trace) -> None:
    """Links by block exist, once in a block, and were not occupied for longer than in the run."""
    n_links = len(trace.link_packets)
    busy_ps = np.zeros(n_links, np.int64)
    for first, loads in trace.link_load_blocks():
        inside = np.ones(len(loads.link), bool)
        inside[loads.start[:-1][np.diff(loads.start) > 0]] = False
        if np.any(loads.link >= n_links) or np.any(inside[1:] & (np.diff(loads.link) <= 0)):
            raise damaged(trace.path, f"/links/block_link, from block {first}: not ascending links of {n_links}")
        np.add.at(busy_ps, loads.link, loads.busy_ps)
    if trace.link_block_steps and trace.complete and not np.array_equal(busy_ps, trace.link_busy_ps):
        raise damaged(trace.path, "/links/block_busy_ps does not add up to /links/busy_ps")


def _check_spikes(trace: Trace, name: str, table: Any, size: int) -> None:
    _check_belongs(trace, name, table)
    for start, neurons in _blocks(table["node_ids"], table["node_ids"].shape[0]):
        if np.any(neurons >= size):
            row = start + int(np.argmax(neurons >= size))
            raise damaged(trace.path, f"/{name}/node_ids[{row}] is no neuron of {size}")
    for start, times in _blocks(table["timestamps"], table["timestamps"].shape[0]):
        if not np.all(np.isfinite(times)):
            raise damaged(trace.path, f"/{name}/timestamps, from row {start}: not finite")


def _check_packets(trace: Trace, table: Any) -> None:
    n_rows = table["sample"].shape[0] if "sample" in table else 0
    for column in layout.PACKET_COLUMNS:
        name = column.name.removeprefix("packets/")
        if name not in table or table[name].shape != (n_rows,):
            raise damaged(trace.path, f"/{column.name} is missing, or not as long as the others")


def _check_belongs(trace: Trace, name: str, table: Any) -> None:
    """Rows go by samples, in order, and lie in a time step that the sample has."""
    last, n_steps = 0, trace.samples.n_steps
    for start, sample in _blocks(table["sample"], table["sample"].shape[0]):
        if not trace.complete:                  # rows of a sample that was not finished
            sample = sample[:int(np.argmax(sample >= trace.n_samples))] if np.any(sample >= trace.n_samples) else sample
        step: Int64Array = table["step"][start:start + len(sample)]
        if len(sample) == 0:
            return
        ascending = sample[0] >= last and bool(np.all(np.diff(sample) >= 0))
        if not ascending or sample[-1] >= trace.n_samples or np.any(step >= n_steps[sample]):
            raise damaged(trace.path, f"/{name}: rows from {start} are not in order, or outside of their sample")
        last = int(sample[-1])


def _blocks(dataset: Any, n_rows: int, width: int = 1) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (first row, rows)."""
    at_once = max(1, BLOCK_VALUES // width)
    for start in range(0, n_rows, at_once):
        yield start, dataset[start:min(start + at_once, n_rows)]
