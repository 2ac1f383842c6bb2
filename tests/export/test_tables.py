"""CSV and Parquet, read with the standard library, pyarrow and pandas."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurosim.errors import OptionError, TraceError
from neurosim.export import job, tables
from neurosim.export.trace_export import export_trace
from tests.export.trace_files import groups, library, rows, sample_bounds, write_trace

Cells = dict[str, list[object]]


def read_csv(path: Path) -> Cells:
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    return {name: [line[column] for line in lines[1:]] for column, name in enumerate(lines[0])}


def read_parquet(path: Path) -> Cells:
    from pyarrow import parquet

    return {name: values for name, values in parquet.read_table(path).to_pydict().items()}


def table_of(kind: str, trace_file: Path, tmp_path: Path, **options: object) -> Cells:
    if kind == "parquet":
        library("pyarrow")
    path = export_trace(trace_file, tmp_path / f"out.{kind}", kind, **options).path  # type: ignore[arg-type]
    return read_csv(path) if kind == "csv" else read_parquet(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("at_once", [7, 2**19])
def test_spikes_read_back(kind: str, at_once: int, trace_file: Path, tmp_path: Path,
                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "BLOCK_ROWS", at_once)
    cells = table_of(kind, trace_file, tmp_path)
    assert list(cells) == ["sample", "step", "time_ps", "population", "output", "neuron", "value"]
    found = [(str(name), str(output), int(str(time)), int(str(neuron)), float(str(value)), int(str(sample)))
             for sample, time, name, output, neuron, value in zip(*(cells[column] for column in (
                 "sample", "time_ps", "population", "output", "neuron", "value")), strict=True)]
    wanted = [(population, output, row.time_ps, row.neuron, row.value, row.sample)
              for group, (population, output, _) in groups().items() for row in rows(trace_file, group)]
    assert found == wanted                      # floats too, to the last bit


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_other_tables(kind: str, trace_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "STEP_ROWS", 5)
    for name in ("packets", "steps", "samples"):
        (tmp_path / name).mkdir()
    packets = table_of(kind, trace_file, tmp_path / "packets", table="packets")
    steps = table_of(kind, trace_file, tmp_path / "steps", table="steps")
    samples = table_of(kind, trace_file, tmp_path / "samples", table="samples")
    with h5py.File(trace_file) as file:
        for cells, folder in ((packets, "packets"), (steps, "steps")):
            for column in set(cells) & set(file[folder]):
                assert list(map(int, map(str, cells[column]))) == file[folder][column][:].tolist(), column
        assert len(set(packets) & set(file["packets"])) == 7
        assert len(set(steps) & set(file["steps"])) >= 11
        assert list(map(int, map(str, samples["n_steps"]))) == file["samples/n_steps"][:].tolist()
    bounds = list(zip(*(map(int, map(str, samples[name])) for name in ("start_time_ps", "stop_time_ps")), strict=True))
    assert bounds == sample_bounds(trace_file)


def test_the_first_samples_alone(trace_file: Path, tmp_path: Path) -> None:
    cells = table_of("csv", trace_file, tmp_path, samples=2, groups=["layer_1"])
    assert len(cells["sample"]) == len(rows(trace_file, "layer_1", samples=2))
    (tmp_path / "packets").mkdir()
    packets = table_of("csv", trace_file, tmp_path / "packets", samples=1, table="packets")
    assert set(packets["sample"]) == {"0"}


def test_pandas_reads_both(trace_file: Path, tmp_path: Path) -> None:
    library("pandas")
    library("pyarrow")
    import pandas

    first = pandas.read_csv(export_trace(trace_file, tmp_path / "a.csv", "csv").path)
    second = pandas.read_parquet(export_trace(trace_file, tmp_path / "a.parquet", "parquet").path)
    assert list(first.columns) == list(second.columns) and len(first) == len(second) > 100
    for column in first.columns:
        assert np.array_equal(first[column].astype(str), second[column].astype(str)) or column == "value"
    assert np.array_equal(first["value"], second["value"])


def test_parquet_says_where_it_comes_from(trace_file: Path, tmp_path: Path) -> None:
    library("pyarrow")
    from pyarrow import parquet

    words = parquet.read_schema(export_trace(trace_file, tmp_path / "a.parquet", "parquet").path).metadata
    assert json.loads(words[b"neurosim"])["command"] == "neurosim run" and json.loads(words[b"chip"])["name"] == "toy"


def test_faults_of_tables(trace_file: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"table = 'spike'\n  allowed: spikes, packets.*\n.*'spikes'\?"):
        export_trace(trace_file, tmp_path / "a.csv", "csv", table="spike")
    with pytest.raises(OptionError, match="use csv or parquet"):
        export_trace(trace_file, tmp_path / "a.nwb", "nwb", table="packets")
    (tmp_path / "without").mkdir()
    with pytest.raises(TraceError, match="record packets"):
        export_trace(write_trace(tmp_path / "without", packets=False), tmp_path / "a.csv", "csv", table="packets")
    assert not (tmp_path / "a.csv").exists()
