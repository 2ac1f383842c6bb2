"""SONATA files, read with libsonata and with h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from neurosim.export import job
from neurosim.export.trace_export import export_trace
from tests.export import trace_files
from tests.export.trace_files import groups, library, rows


@pytest.fixture
def exported(trace_file: Path, tmp_path: Path) -> Path:
    return export_trace(trace_file, tmp_path / "spikes.sonata", "sonata").path


def test_libsonata_reads_the_same_spikes(trace_file: Path, exported: Path) -> None:
    library("libsonata")
    import libsonata

    reader = libsonata.SpikeReader(str(exported))
    assert sorted(reader.get_population_names()) == sorted(groups())
    for name in groups():
        population = reader[name]
        assert population.time_units == "ms"
        found = [(round(time * 1e9), int(node)) for node, time in population.get()]
        assert sorted(found) == sorted((row.time_ps, row.neuron) for row in rows(trace_file, name))
        assert population.sorting == "by_time"
        assert [time for time, _ in found] == sorted(time for time, _ in found)


def test_libsonata_selects_neurons_and_times(trace_file: Path, exported: Path) -> None:
    library("libsonata")
    import libsonata

    some = libsonata.SpikeReader(str(exported))["layer_1"].get(node_ids=[3, 7], tstart=0.01, tstop=0.03)
    wanted = [(row.neuron, row.time_ps) for row in rows(trace_file, "layer_1")
              if row.neuron in (3, 7) and 0.01e9 <= row.time_ps <= 0.03e9]
    assert wanted and sorted((int(node), round(time * 1e9)) for node, time in some) == sorted(wanted)


def test_values_samples_and_provenance_stand_beside(trace_file: Path, exported: Path) -> None:
    with h5py.File(exported) as file:
        table = file["spikes/layer_2.spike"]
        found = list(zip((round(time * 1e9) for time in table["timestamps"]), table["node_ids"][:], table["value"][:],
                         table["sample"][:], strict=True))
        assert sorted(found) == sorted(tuple(row) for row in rows(trace_file, "layer_2.spike"))
        assert "value" not in file["spikes/layer_1"]
        bounds = trace_files.sample_bounds(trace_file)
        assert [round(time * 1e9) for time in file["samples/stop_time"]] == [stop for _, stop in bounds]
        assert file["samples/label"][:].tolist() == [4, 1, 3]
        assert '"command": "neurosim run"' in file["provenance/json"].asstr()[()]
        assert '"toy"' in file["provenance/chip"].asstr()[()]


def test_nothing_is_compressed(exported: Path) -> None:
    with h5py.File(exported) as file:
        filters = [item.compression for item in _datasets(file)]
    assert len(filters) > 10 and set(filters) == {None}


def test_order_holds_across_blocks(trace_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks end anywhere; whole time steps are sorted all the same."""
    monkeypatch.setattr(job, "BLOCK_ROWS", 7)
    path = export_trace(trace_file, tmp_path / "spikes.sonata", "sonata").path
    with h5py.File(path) as file:
        times = [round(time * 1e9) for time in file["spikes/layer_1/timestamps"]]
        assert times == sorted(row.time_ps for row in rows(trace_file, "layer_1"))
        assert file["spikes/layer_1"].attrs["sorting"] == 2


def test_steps_that_overlap_are_not_called_sorted(trace_file: Path, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "BLOCK_ROWS", 7)
    with h5py.File(trace_file, "r+") as file:
        file["spikes/layer_1/timestamps"][...] = file["spikes/layer_1/timestamps"][:][::-1]
    path = export_trace(trace_file, tmp_path / "spikes.sonata", "sonata").path
    with h5py.File(path) as file:
        assert file["spikes/layer_1"].attrs["sorting"] == 0 and file["spikes/input"].attrs["sorting"] == 2


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found
