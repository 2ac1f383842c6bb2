"""`neurosim sweep` and `neurosim compare`, as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from neurosim import api
from tests.cli.program import Program
from tests.explore.fixture_studies import write_study


def test_a_sweep_writes_table_and_page(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs PyArrow: the extra `explore`")
    path, out = write_study(tmp_path, points=6), tmp_path / "out"
    outcome = program("sweep", path, "--out", out, "--workers", 1, "--json")
    found = json.loads(outcome.out)
    assert outcome.code == 0 and found["points"] == found["new"] == 6
    rows = list(csv.DictReader((out / "results.csv").open(encoding="utf-8")))
    table = parquet.read_table(out / "results.parquet").to_pylist()
    assert len(rows) == len(table) == 6
    assert [row["point"] for row in rows] == [row["point"] for row in table]
    assert [float(row["energy_j"]) for row in rows] == [row["energy_j"] for row in table]
    assert {row["point"] for row in found["front"]} == {row["point"] for row in table if row["on_front"]}
    assert all(row["command"].startswith("neurosim run ") for row in rows)
    assert (out / "study.html").stat().st_size > 1_000_000
    again = json.loads(program("sweep", path, "--out", out, "--resume", "--json").out)
    assert again["new"] == 0 and again["front"] == found["front"]
    refused = program("sweep", path, "--out", out)
    assert refused.code == 2 and "--resume" in refused.err


def test_a_sweep_in_which_nothing_fits_fails(program: Program, tmp_path: Path) -> None:
    path = write_study(tmp_path, points=3, more="settings: {core.capabilities.models: [relu]}")
    path.write_text(path.read_text().replace("[relu]", "any").replace("core.max_neurons: [2, 8]",
                                                                      "core.max_axons_in: [1]"))
    outcome = program("sweep", path, "--out", tmp_path / "out", "--workers", 1)
    assert outcome.code == 1
    assert "no point ran" in outcome.err and "3 infeasible" in outcome.out


def test_bad_studies_exit_with_2(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: a\nsource: digits\nparameters: {core.weigth_bits: [4]}\nchip: loihi2\n")
    outcome = program("sweep", path, "--out", tmp_path / "out")
    assert outcome.code == 2 and "study.yaml:3: parameters.core.weigth_bits" in outcome.err
    assert not (tmp_path / "out").exists()
    assert program("sweep", tmp_path / "none.yaml").code == 2


def test_two_traces_are_compared(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    network, data = tiny
    for name, setting in (("a", "core.weight_bits=8"), ("b", "core.costs.program_active.energy_pj=900")):
        api.run(network, "generic-mesh", f"{data}:inputs", detail="analytic", workers=1, overrides=[setting],
                trace=tmp_path / f"{name}.h5")
    found = json.loads(program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--rate", 1000, "--json").out)
    assert found["same_technology"] and 0 <= found["probability_a"] <= 1
    assert found["a"]["energy_j"] == api.summarise(tmp_path / "a.h5").energy_per_sample_j
    assert [duty["rate_hz"] for duty in found["duty"]] == [1000, 1000]
    text = program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--rate", "1e9").out
    assert "takes less energy with probability" in text and "does not keep up" in text
    found = json.loads(program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--metric", "latency", "--json").out)
    assert found["metric"] == "latency" and found["ratio"] == pytest.approx([1, 1, 1])      # energy alone was changed
    assert found["a"]["low_s"] < found["a"]["latency_s"] < found["a"]["high_s"]
    text = program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--metric", "latency").out
    assert "takes less time with probability" in text and "kept as measured: 0.0 % of A's time" in text
    assert program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--metric", "speed").code == 2
    assert program("compare", tmp_path / "a.h5", data).code == 2
    assert program("compare", tmp_path / "a.h5", tmp_path / "b.h5", "--rate", 0).code == 2
