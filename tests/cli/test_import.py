"""`neurosim import`: its report, its options, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

import neurosim
from neurosim.graph_io import load_network
from tests.cli.program import Program
from tests.importers.state_dicts import random_network


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "trained.bin"         # the content tells, not the ending
    save_file(random_network("lif", "none", 0), path)
    return path


def test_it_prints_what_became_of_every_part(program: Program, weights: Path, tmp_path: Path) -> None:
    outcome = program("import", weights, "-o", tmp_path / "net.h5")
    assert outcome.code == 0 and outcome.err == ""
    network = load_network(tmp_path / "net.h5")
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"trained: {network.n_neurons} neurons, {network.n_synapses} synapses")
    assert lines[0].endswith(f"-> {tmp_path / 'net.h5'}")
    rows = [line.split() for line in lines]
    assert ["layer0.ssm", "ssm_lif", "6", "3"] in rows and ["kind", "lif", "(keys)"] in rows
    assert any(row[:2] == ["s4_layers.0.kernel.log_dt", "mapped"] and row[-1] == "exp(log_dt)" for row in rows)


def test_it_prints_json(program: Program, weights: Path) -> None:
    report = json.loads(program("import", weights, "--name", "mine", "--set", "leak=0.25", "--json").out)
    assert report["network"] == "mine" and report["output"] is None
    assert report["settings"]["leak"] == "0.25 (given)"
    assert {part["action"] for part in report["parts"]} <= {"mapped", "folded", "dropped"}
    assert {part["key"] for part in report["parts"]} == set(random_network("lif", "none", 0))


def test_quiet_prints_nothing(program: Program, weights: Path, tmp_path: Path) -> None:
    assert program("import", weights, "-o", tmp_path / "net.h5", "--quiet").out == ""


def test_what_was_imported_runs(program: Program, weights: Path, tmp_path: Path) -> None:
    program("import", weights, "-o", tmp_path / "net.h5")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 5, 2)))
    for source in (tmp_path / "net.h5", weights):
        outcome = program("run", source, "--input", tmp_path / "x.npy", "--json")
        assert outcome.code == 0 and json.loads(outcome.out)["samples"] == 2


def test_the_same_in_python(weights: Path) -> None:
    result = neurosim.import_network(weights, leak=0.25)
    assert np.all(result.network.population("layer0.ssm").parameters["leak"] == 0.25)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--format", "state_spaec"], "format = 'state_spaec'"),
    (["--set", "lek=0.5"], "format state_space: unknown option 'lek'\n  allowed: "),
    (["--set", "leak"], "--set leak\n  allowed: NAME=VALUE"),
    (["--set", "kind=gru"], "kind = 'gru'"),
])
def test_bad_options_end_with_2(arguments: list[str], message: str, program: Program, weights: Path) -> None:
    outcome = program("import", weights, *arguments)
    assert outcome.code == 2 and message in outcome.err and outcome.out == ""


def test_a_file_that_exists_is_kept(program: Program, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "net.h5"
    target.write_text("mine")
    outcome = program("import", weights, "-o", target)
    assert outcome.code == 2 and "exists" in outcome.err and target.read_text() == "mine"
    assert program("import", weights, "-o", target, "--force", "--quiet").code == 0


def test_files_of_no_known_kind(program: Program, tmp_path: Path) -> None:
    save_file({"conv1.weight": np.ones((2, 2), np.float32)}, tmp_path / "other.safetensors")
    outcome = program("import", tmp_path / "other.safetensors")
    assert outcome.code == 2 and "keys of no known network: conv1.weight" in outcome.err
    assert "neurosim.profile" in outcome.err
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["x"] = 1
    outcome = program("import", tmp_path / "other.nir")
    assert outcome.code == 2 and "HDF5 file of no known kind" in outcome.err
    (tmp_path / "cut.nir").write_bytes((tmp_path / "other.nir").read_bytes()[:200])
    outcome = program("import", tmp_path / "cut.nir")
    assert outcome.code == 2 and "damaged HDF5 file" in outcome.err
    outcome = program("import", tmp_path / "gone.nir")
    assert outcome.code == 2 and "gone.nir" in outcome.err
