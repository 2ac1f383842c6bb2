"""NWB files, read with pynwb and its validator, and with Neo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.export import job
from neurosim.export.trace_export import export_trace
from tests.export.trace_files import groups, library, rows, sample_bounds, trains
from tests.traces.synthetic import SIZES

N_UNITS = sum(SIZES[name] for name, _, _ in groups().values())


@pytest.fixture
def exported(trace_file: Path, tmp_path: Path) -> Path:
    library("pynwb")
    return export_trace(trace_file, tmp_path / "run.nwb", "nwb").path


@pytest.fixture
def content(exported: Path) -> Any:
    import pynwb

    with pynwb.NWBHDF5IO(str(exported), "r") as file:
        yield file.read()


def test_the_validator_finds_nothing(exported: Path) -> None:
    import pynwb

    assert pynwb.validate(path=str(exported)) == []


def test_pynwb_reads_the_same_spikes(trace_file: Path, content: Any) -> None:
    units = content.units
    assert len(units.id) == N_UNITS
    row = 0
    for group, (population, output, kind) in groups().items():
        found = trains(trace_file, group)
        for neuron in range(SIZES[population]):
            spikes = found.get(neuron, [])
            assert np.rint(units["spike_times"][row] * 1e12).tolist() == [spike.time_ps for spike in spikes]
            assert units["value"][row].tolist() == [spike.value for spike in spikes]
            words = (units["population"][row], units["output"][row], units["neuron"][row], units["kind"][row])
            assert words == (population, output, neuron, ("spike", "ternary", "graded")[kind])
            row += 1
    assert row == N_UNITS


def test_samples_are_trials(trace_file: Path, content: Any) -> None:
    trials = content.trials.to_dataframe()
    found = [(round(start * 1e12), round(stop * 1e12)) for start, stop in zip(trials.start_time, trials.stop_time,
                                                                              strict=True)]
    assert found == sample_bounds(trace_file)
    assert trials.label.tolist() == [4, 1, 3]
    assert np.allclose(content.units["obs_intervals"][N_UNITS - 1], [[0, found[-1][1] / 1e12]])


def test_provenance_is_kept(content: Any) -> None:
    notes = json.loads(content.notes)
    assert notes["command"] == "neurosim run" and notes["samples"] == 3
    assert json.loads(content.devices["toy"].description)["name"] == "toy"
    assert content.was_generated_by[0].tolist() == ["neurosim", "0.0.0"]


def test_binary_spikes_have_no_column_of_values(trace_file: Path, tmp_path: Path) -> None:
    library("pynwb")
    import pynwb

    path = export_trace(trace_file, tmp_path / "one.nwb", "nwb", groups=["layer_1"], samples=2).path
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        units = file.read().units
        assert "value" not in units.colnames and len(units.id) == SIZES["layer_1"]
        assert len(units.spike_times.data) == len(rows(trace_file, "layer_1", samples=2))


def test_a_trace_without_spikes_is_written_too(trace_file: Path, tmp_path: Path) -> None:
    """Every unit is there and silent, and the validator is content."""
    library("pynwb")
    import h5py
    import pynwb

    with h5py.File(trace_file, "r+") as file:
        for column in file["spikes/layer_1"].values():
            column.resize(0, axis=0)
    path = export_trace(trace_file, tmp_path / "none.nwb", "nwb", groups=["layer_1"]).path
    assert pynwb.validate(path=str(path)) == []


def test_neurons_in_many_passes(trace_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file, whether one pass over the spikes holds them all or a few neurons."""
    library("pynwb")
    import pynwb

    monkeypatch.setattr(job, "NEURON_ROWS", 20)
    monkeypatch.setattr(job, "BLOCK_ROWS", 7)
    path = export_trace(trace_file, tmp_path / "run.nwb", "nwb").path
    assert pynwb.validate(path=str(path)) == []
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        test_pynwb_reads_the_same_spikes(trace_file, file.read())


def test_neo_reads_it(trace_file: Path, exported: Path) -> None:
    library("neo")
    import neo

    block, = neo.io.NWBIO(str(exported), "r").read_all_blocks()
    spikes = [train for segment in block.segments for train in segment.spiketrains]
    assert len(spikes) == N_UNITS
    wanted = sum(len(rows(trace_file, group)) for group in groups())
    assert sum(len(train) for train in spikes) == wanted
