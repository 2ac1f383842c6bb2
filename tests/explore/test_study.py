"""Study files: what is read, and one located error for everything that is wrong."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hw_models.located import ConfigError
from neurosim.explore import load_study
from neurosim.explore.points import Point
from tests.explore.fixture_studies import write_study

HEAD = "name: a\nsource: digits\nchip: loihi2\n"


def faults(tmp_path: Path, text: str) -> str:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_study(path)
    return str(error.value).replace(str(path), "s.yaml")


def test_a_study_is_read(tmp_path: Path) -> None:
    study = load_study(write_study(tmp_path, method="grid", points=100))
    assert study.n_points == 3 * 2 * 4 * 2
    assert study.objectives == {"energy": "min", "latency": "min", "cores": "min"}
    assert study.details == ("analytic",)


def test_a_command_repeats_a_point(tmp_path: Path) -> None:
    study = load_study(write_study(tmp_path))
    words = shlex.split(study.command(Point({"core.max_neurons": 8, "seed": 3}), "event"))
    assert words[:3] == ["neurosim", "run", study.content.source]
    assert words[-2:] == ["--set", "core.max_neurons=8"]
    pairs = set(zip(words, words[1:], strict=False))
    assert {("--detail", "event"), ("--seed", "3"), ("--numbers", "fixed")} <= pairs


@pytest.mark.parametrize(("text", "expected"), [
    ("parameters: {core.weigth_bits: [4]}", ("s.yaml:4: parameters.core.weigth_bits", "core.weight_bits")),
    ("parameters:\n  core.weight_bits: [4, 99]", ("s.yaml:5: parameters.core.weight_bits = 99",
                                                       "allowed: integer from")),
    ("parameters: {mapping.stratgy: [pack]}", ("mapping.stratgy: no such option", "mapping.strategy")),
    ("parameters: {mapping.strategy: [pakc]}", ("strategy = 'pakc'", "allowed: pack, balanced")),
    ("parameters: {quantize.bits.h: [99]}", ("bits of h = 99", "2 to 62")),
    ("parameters: {input.bin_us: [99]}", ("settings of chip, mapping and formats",)),
    ("parameters: {core.weight_bits: {low: 8, high: 4}}", ("8 to 4", "low below high")),
    ("parameters: {core.weight_bits: {low: 4}}", ("neither values nor a range",)),
    ("parameters: {core.weight_bits: {low: 0, high: 4, log: true}}", ("a number above 0",)),
    ("parameters: {core.weight_bits: {low: 2, high: 4, stpe: 1}}", ("stpe", "write `step`")),
    ("parameters: {core.weight_bits: []}", ("at least one value",)),
    ("parameters: {core.weight_bits: [4, 4]}", ("each value once",)),
    ("parameters: {seed: [-1]}", ("whole numbers from 0",)),
    ("parameters: {numbers: [fixd]}", ("float64, float32, fixed",)),
    ("parameters: {core.weight_bits: {values: [4], when: {seed: 1}}}", ("name a parameter that stands above",)),
    ("parameters: {seed: [1]}\nobjectives: {speed: min}", ("speed",)),
    ("parameters: {seed: [1]}\nconstraints: {accuracy: {min: 2, max: 1}}", ("s.yaml:5: constraints.accuracy",)),
    ("parameters: {seed: [1]}\nsearch: {method: magic}", ("s.yaml:5: search.method = magic",)),
    ("parameters: {noc.link_cycle_ns: {low: 1.0, high: 2.0}}\nsearch: {method: grid}", ("a grid needs `steps`",)),
    ("parameters: {seed: {low: 0, high: 999}}\nsearch: {method: grid, points: 10}", ("more than 10 points",)),
    ("parameters: {seed: {low: 0, high: 9999999999}}\nsearch: {method: grid}", ("at most 100000 in a grid",)),
    ("parameters: {numbers: {low: 0, high: 9}}", ("a list of names",)),
    ("parameters: {seed: [1]}\npoints: 4", ("unknown key",)),
])
def test_faults_name_line_field_and_mend(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    message = faults(tmp_path, HEAD + text)
    assert all(part in message for part in expected), message
    assert "mend:" in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    message = faults(tmp_path, HEAD + "parameters: {core.weight_bits: {low: 8, high: 4}, seed: []}")
    assert "8 to 4" in message and "at least one value" in message
