"""Traces to export, and what is in them, read with h5py alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest

from neurosim.traces.store import TraceWriter
from tests.traces.synthetic import OUTPUTS, make_header, make_result

N_SAMPLES = 3
CORE_SLICES = (("layer_1[0:24]",), ("layer_1[24:48]", "layer_2[0:8]"), ("layer_2[8:32]",), ("gate[0:16]",),
               ("readout[0:5]",), (), (), (), (), ("input[0:20]",), ())


class Row(NamedTuple):
    """A spike: times in ps from the start of the run."""

    time_ps: int
    neuron: int
    value: float
    sample: int


def write_trace(folder: Path, *, packets: bool = True) -> Path:
    """Write a random trace of three samples of unequal length; outputs are binary, ternary and graded."""
    path = folder / "run.h5"
    provenance = {**make_header().provenance, "chip_name": "toy", "record_graded": "True", "neurosim": "0.0.0",
                  "command": "neurosim run"}
    header = make_header(N_SAMPLES, provenance=provenance, core_slices=CORE_SLICES)
    with TraceWriter(path, header) as writer:
        writer.set_labels([4, 1, 3])
        for sample in range(N_SAMPLES):
            writer.write(make_result(sample, n_tokens=12 - 3 * sample, packets=packets))
    return path


def groups() -> dict[str, tuple[str, str, int]]:
    """Return group -> (population, output, kind), worked out by hand from OUTPUTS."""
    return {(name if name != "layer_2" else f"{name}.{output}"): (name, output, kind)
            for name, output, kind in OUTPUTS}


def rows(path: Path, group: str, samples: int = N_SAMPLES) -> list[Row]:
    """Return the spikes of a group in the order of the file."""
    with h5py.File(path) as file:
        table = file[f"spikes/{group}"]
        value = table["value"][:] if "value" in table else np.ones(len(table["step"]))
        columns = (table["timestamps"][:], table["node_ids"][:], value, table["sample"][:])
        return [Row(round(float(time) * 1e9), int(neuron), float(value), int(sample))
                for time, neuron, value, sample in zip(*columns, strict=True) if sample < samples]


def trains(path: Path, group: str) -> dict[int, list[Row]]:
    """Return the spikes of each neuron that fired, in order of time."""
    found: dict[int, list[Row]] = {}
    for row in sorted(rows(path, group), key=lambda row: row.time_ps):
        found.setdefault(row.neuron, []).append(row)
    return found


def sample_bounds(path: Path) -> list[tuple[int, int]]:
    """Return start and end of each sample in ps."""
    with h5py.File(path) as file:
        starts = file["samples/start_time_ps"][:].tolist()
        last = int(file["samples/first_step"][-1] + file["samples/n_steps"][-1]) - 1
        return list(zip(starts, [*starts[1:], starts[-1] + int(file["steps/end_ps"][last])], strict=True))


def library(name: str) -> None:
    """Skip where a library of the extra `export` is not installed."""
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'neurosim-chips[export]'")
