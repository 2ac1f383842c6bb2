"""Scenario files: the packaged ones, and faults in one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hw_models import ConfigError
from neurosim.errors import DataError, OptionError
from neurosim.scenario import Scenario, is_scenario, list_scenarios, load_scenario

GOOD = """\
name: mine
title: A scenario
licence: none
networks:
  small: {weights: small.safetensors}
default_network: small
data: {file: data.npy}
"""


def own(folder: Path, text: str = GOOD) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return path


def test_packaged_scenarios_are_found() -> None:
    assert "digits" in list_scenarios()
    assert is_scenario("digits") and is_scenario("digits:gsu") and is_scenario("mine.yaml")
    assert not is_scenario("weights.safetensors") and not is_scenario("network.h5")


@pytest.mark.parametrize("kind", ["lif", "binary", "gsu"])
def test_digits_brings_network_inputs_and_labels(kind: str) -> None:
    scenario, network = load_scenario(f"digits:{kind}")
    assert network == kind and scenario.chip == "loihi2"
    assert sum(population.size for population in scenario.network(network).inputs) == 1
    inputs, labels = scenario.inputs(1), scenario.labels()
    assert inputs.shape == (360, 64, 1) and inputs.max() == 1.0
    assert labels is not None and sorted(set(labels.tolist())) == list(range(10))
    calibration = scenario.calibration(1)
    assert calibration is not None and calibration.shape == (100, 64, 1)


def test_own_scenarios_are_read_beside_their_file(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.zeros((3, 7)))
    scenario, network = load_scenario(own(tmp_path))
    assert network is None and scenario.inputs(1).shape == (3, 7, 1)
    assert scenario.labels() is None and scenario.calibration(1) is None
    with pytest.raises(DataError, match=r"no such file .*small\.safetensors"):
        scenario.network()


@pytest.mark.parametrize("old, new, message", [
    ("title: A scenario\n", "", r"scenario\.yaml:1: title = \(missing\)"),
    ("title:", "titel:", r"titel = A scenario \(unknown key\)\n.*\n  mend: write `title`"),
    ("default_network: small", "default_network: large", r"yaml:6: default_network = large\n  allowed: small"),
    ("weights: small.safetensors", "kind: lif", r"networks\.small\.weights = \(missing\)"),
    ("small.safetensors}", "small.safetensors, format: onnx}", r"networks\.small\.format = onnx\n  allowed: ssm"),
    ("file: data.npy", "file: data.npy, scale: 0", r"data\.scale = 0\n  allowed: number above 0"),
    ("name: mine", "name: [", r"is not YAML"),
])
def test_faults_are_located(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_scenario(own(tmp_path, GOOD.replace(old, new)))


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("title: A scenario\n", "").replace("default_network: small", "default_network: large")
    with pytest.raises(ConfigError) as caught:
        load_scenario(own(tmp_path, text))
    assert len(caught.value.faults) == 2


def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no scenario 'digit'\n.*\n  mend: did you mean 'digits'\?"):
        load_scenario("digit")
    with pytest.raises(ConfigError, match=r"nothing\.yaml: no such file"):
        load_scenario(tmp_path / "nothing.yaml")
    with pytest.raises(DataError, match=r"has no data"):
        without, _ = load_scenario(own(tmp_path, GOOD.replace("data: {file: data.npy}\n", "")))
        without.inputs(1)


def test_a_scenario_is_plain_data() -> None:
    first, second = load_scenario("digits")[0], load_scenario("digits")[0]
    assert isinstance(first, Scenario) and first == second
