"""`neurosim quantize`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurosim.graph_io import load_network
from tests.cli.program import Program


def test_it_writes_a_network_for_other_commands(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "quantised.h5"
    outcome = program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "-o", target)
    assert outcome.code == 0 and outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0] == "tiny for loihi: method max, powers of two, one per tensor"
    assert lines[1].startswith("4 samples: accuracy ") and lines[1].endswith(" % in fixed point")
    assert any(line.split()[:1] == ["neurons.potential"] and line.split()[1].startswith("s24.") for line in lines)
    assert load_network(target).is_quantised
    assert program("check", target).out.startswith(f"{target}: ok, network tiny")
    assert program("map", target, "--chip", "loihi", "--json").code == 0


def test_it_prints_json(program: Program, tiny: tuple[Path, Path]) -> None:
    outcome = program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "--json", "--distances",
                      "--samples", "2")
    report = json.loads(outcome.out)
    assert report["samples"] == 2 and report["chip"] == "loihi"
    assert set(report) >= {"quantities", "outputs", "overflows", "accuracy_float", "accuracy_fixed", "options", "notes"}
    assert report["outputs"][1]["van_rossum"] is not None


def test_distances_are_columns(program: Program, tiny: tuple[Path, Path]) -> None:
    out = program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "--distances").out
    assert "van Rossum  Victor-Purpura" in out
    assert "van Rossum" not in program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1]).out


def test_options_reach_the_formats(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "q.h5"
    program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "-o", target, "--quiet", "--bits", "weight=5",
            "--bits", "leak=12", "--method", "mse", "--granularity", "channel", "--scales", "free", "--rounding",
            "floor", "--rounding", "neurons.input=nearest_even", "--overflow", "state=twos_complement",
            "--headroom-bits", "3", "--set", "quantize.bits.threshold=14")
    network = load_network(target)
    codings, coding = network.population("neurons").codings, network.projections[0].coding
    assert coding is not None and coding.format.bits == 5 and coding.gain.shape == (5,)
    assert codings["leak"].format.bits == 12 and codings["threshold"].format.bits == 14
    assert codings["potential"].format.rounding == "floor" and codings["input"].format.rounding == "nearest_even"
    assert codings["potential"].format.overflow == "twos_complement"


def test_a_scenario_brings_its_calibration_data(program: Program) -> None:
    out = program("quantize", "digits", "--samples", "5", "--method", "percentile", "--percentile", "99").out
    assert out.startswith("lif for loihi2: method percentile 99.0, powers of two, one per tensor\n5 samples: accuracy")


def test_a_file_that_exists_is_kept(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "mine.h5"
    target.write_text("mine")
    outcome = program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "-o", target)
    assert outcome.code == 2 and "--force" in outcome.err and target.read_text() == "mine"
    assert program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "-o", target, "--force").code == 0
    assert load_network(target).is_quantised


@pytest.mark.parametrize("arguments, message", [
    (["--bits", "weight"], r"--bits weight\n  allowed: NAME=N"), (["--bits", "=4"], r"--bits =4\n  allowed"),
    (["--bits", "weight=9"], "core.weight_bits: need 9 bits, have 8 bits"),
    (["--bits", "wieght=4"], "did you mean 'weight'"), (["--bits", "weight=four"], "bits of weight = 'four'"),
    (["--method", "avg"], "method = 'avg'\n  allowed: max, percentile, mse"),
    (["--percentile", "120"], "percentile = 120.0\n  allowed: 50 to 100"),
    (["--granularity", "neuron"], "allowed: tensor, channel"), (["--scales", "fixed"], "allowed: power_of_two, free"),
    (["--rounding", "up"], "rounding = 'up'"), (["--rounding", "h="], "--rounding h="),
    (["--rounding", "state=stochastic"], "rounds stochastically"), (["--samples", "0"], "samples = 0"),
    (["--overflow", "h=stop"], "overflow of h = 'stop'"), (["--headroom-bits", "99"], "headroom_bits = 99"),
    (["--data", "nothing.npz"], "no such file"), (["-o", "no/such/folder/x.h5"], "does not exist"),
    (["--chip", "loihi3"], "no such chip"), (["--labels", "nothing.npy"], "no such file"),
])
def test_bad_input_ends_with_2_and_says_why(arguments: list[str], message: str, program: Program,
                                           tiny: tuple[Path, Path], tmp_path: Path) -> None:
    given = [] if "--data" in arguments else ["--data", tiny[1]]
    chip = [] if "--chip" in arguments else ["--chip", "loihi"]
    outcome = program("quantize", tiny[0], *chip, *given, *arguments)
    assert outcome.code == 2 and outcome.out == "" and "Traceback" not in outcome.err
    assert message.replace(r"\n", "\n") in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.h5", "tiny.npz"]


def test_graded_values_need_a_chip_that_carries_them(program: Program) -> None:
    outcome = program("quantize", "digits", "--chip", "loihi")
    assert outcome.code == 2 and "population 'input' (model input) sends values, noc.payload_bits = 0" in outcome.err


def test_labels_may_stand_elsewhere(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.array([0, 0, 0, 0]))
    report = json.loads(program("quantize", tiny[0], "--chip", "loihi", "--data", tiny[1], "--labels",
                                tmp_path / "labels.npy", "--json").out)
    assert report["accuracy_float"] is not None
