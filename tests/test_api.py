"""The Python API: what the README shows, and its errors."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neurosim
from neurosim.errors import DataError, MappingError, NetworkError, OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from tests.cli.program import HEAVY, environment, save_tiny


def tiny(n_inputs: int = 3) -> Network:
    return Network("tiny", (Population("pixels", "input", n_inputs, attributes={"payload": "spike"}),
                            Population("neurons", "lif", 5, {"leak": 0.9})),
                   (Projection("pixels", "neurons", DenseWeights(np.full((n_inputs, 5), 0.6))),), readouts=("neurons",))


INPUTS = np.random.default_rng(0).integers(0, 2, (4, 6, 3))


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    code = f"import neurosim, sys; print(neurosim.__version__, [name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), cwd=tmp_path, text=True, check=True,
                          capture_output=True)
    assert done.stdout == f"{neurosim.__version__} []\n"


def test_public_names_are_there() -> None:
    for name in neurosim.__all__:
        assert getattr(neurosim, name) is not None and name in dir(neurosim)
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        neurosim.rum  # noqa: B018 (the access is the test)


def test_run_returns_summary_readout_and_trace() -> None:
    result = neurosim.run(tiny(), "loihi", INPUTS, labels=[0, 1, 2, 3])
    assert result.summary.samples == 4 and result.summary.chip == "loihi"
    assert result.readout.shape == (4, 5) and result.summary.accuracy == 0.25
    groups = [group for group in result.trace.spike_groups if result.trace.group_population(group) != "pixels"]
    assert result.summary.spikes == sum(result.trace.n_spikes(group) for group in groups) > 0


def test_a_run_without_trace_file_leaves_nothing_behind() -> None:
    result = neurosim.run(tiny(), "loihi", INPUTS)
    folder = result.trace.path.parent
    assert folder.is_dir()
    result.trace.close()
    del result
    gc.collect()
    assert not folder.exists()


def test_a_broken_run_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        neurosim.run(tiny(), "loihi", INPUTS, progress=broken)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_samples() -> None:
    seen: list[tuple[int, int]] = []
    neurosim.run(tiny(), "loihi", INPUTS, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_load_network_takes_scenarios_files_and_networks(tmp_path: Path) -> None:
    path, _ = save_tiny(tmp_path)
    assert neurosim.load_network(path).name == "tiny"
    assert neurosim.load_network("digits:gsu").name == neurosim.load_network("digits", network="gsu").name == "gsu"
    network = tiny()
    assert neurosim.load_network(network) is network
    with pytest.raises(OptionError, match="only a scenario holds several networks"):
        neurosim.load_network(path, network="lif")


def test_the_steps_one_by_one_equal_run() -> None:
    chip = neurosim.load_chip("generic-mesh", ["core.max_neurons=2"])
    machine = neurosim.map_network(tiny(), chip, placement="linear")
    assert machine.n_cores == 3
    assert neurosim.run(tiny(), chip, INPUTS, overrides=["mapping.placement=linear"]).summary.cores_used == 3


def test_summarise_takes_paths_and_draws(tmp_path: Path) -> None:
    result = neurosim.run(tiny(), "loihi", INPUTS, trace=tmp_path / "run.h5")
    assert neurosim.summarise(tmp_path / "run.h5", tmp_path / "page.png").spikes == result.summary.spikes
    assert (tmp_path / "page.png").stat().st_size > 1000


def test_neither_workers_nor_recording_change_results(tmp_path: Path) -> None:
    first = neurosim.run(tiny(), "loihi", INPUTS, workers=1)
    second = neurosim.run(tiny(), "loihi", INPUTS, workers=3, record="all")
    assert np.array_equal(first.readout, second.readout)
    assert np.array_equal(first.trace.core_counts(), second.trace.core_counts())
    assert np.array_equal(first.trace.step_latency_ps, second.trace.step_latency_ps)


@pytest.mark.parametrize("keywords, kind, message", [
    ({}, DataError, "no input data"),
    ({"inputs": np.zeros((2, 3, 4))}, DataError, r"allowed: \(samples, tokens, 3\)"),
    ({"inputs": INPUTS, "labels": [0, 1]}, DataError, "2 labels\n  allowed: 4"),
    ({"inputs": INPUTS, "samples": 5}, OptionError, "samples = 5\n  allowed: 1 to 4"),
    ({"inputs": INPUTS, "numbers": "fixd"}, OptionError, "did you mean .fixed."),
    ({"inputs": INPUTS, "overrides": ["mapping.seeed=1"]}, OptionError, r"did you mean mapping\.seed"),
    ({"inputs": INPUTS, "chip": neurosim.load_chip("loihi"), "overrides": ["core.weight_bits=4"]}, OptionError,
     "give them to load_chip"),
    ({"inputs": INPUTS, "overrides": ["core.max_axons_in=2"]}, MappingError, "need 3 axons, have 2 axons"),
])
def test_bad_input_is_refused_before_anything_runs(keywords: dict[str, object], kind: type[Exception], message: str,
                                                   tmp_path: Path) -> None:
    with pytest.raises(kind, match=message):
        neurosim.run(tiny(), **{"chip": "loihi", "trace": tmp_path / "run.h5", **keywords})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_network_with_nan_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"weights\[0, 0\] = nan"):
        Network("bad", tiny().populations, (Projection("pixels", "neurons", DenseWeights(np.full((3, 5), np.nan))),))


def test_refused_inputs_leave_no_partial_trace(tmp_path: Path) -> None:
    """What the engine refuses before the first sample is not in the way of the next run."""
    with pytest.raises(DataError, match="sends spikes"):
        neurosim.run(tiny(), "loihi", np.full((1, 3, 3), 0.3), trace=tmp_path / "run.h5")
    assert list(tmp_path.iterdir()) == []
    neurosim.run(tiny(), "loihi", np.ones((1, 3, 3)), trace=tmp_path / "run.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


def test_run_in_fixed_point_chooses_formats_first() -> None:
    """A scenario calibrates on its own calibration data, a network on the inputs of the run, a quantised one not."""
    scenario = neurosim.run("digits", samples=3, numbers="fixed", detail="functional")
    assert scenario.trace.provenance["calibration"] == "100 samples of the calibration data"
    assert scenario.trace.provenance["numbers"] == "fixed" and not scenario.summary.indicative
    plain = neurosim.run(tiny(), "loihi", INPUTS, numbers="fixed")
    assert plain.trace.provenance["calibration"] == "4 samples of the inputs of the run"
    quantised = neurosim.quantize(tiny(), "loihi", INPUTS).network
    again = neurosim.run(quantised, "loihi", INPUTS, numbers="fixed")
    assert again.trace.provenance["calibration"] == "formats of the network file"
    assert np.array_equal(again.readout, plain.readout) and again.summary.overflows == 0
    assert "u16.15" in again.trace.provenance["formats"]


def test_bits_change_accuracy_cores_and_energy_together() -> None:
    small = ["core.synapse_memory.words=512", "mapping.max_neurons_per_core=null"]
    found = {}
    for bits in (8, 4):
        run = neurosim.run("digits", samples=20, numbers="fixed", overrides=[*small, f"core.weight_bits={bits}"])
        found[bits] = run.summary
    assert found[4].cores_used < found[8].cores_used
    assert found[4].accuracy < found[8].accuracy and found[4].energy_per_sample_j != found[8].energy_per_sample_j


@pytest.mark.parametrize(("settings", "words"), [
    (["quantize.bit.h=8"], "quantize.bit.h: no such option"),
    (["quantize.bits=8"], "name it, as in quantize.bits.state=8"),
    (["quantize.bits.h=1"], "bits of h = 1"), (["quantize.bits.nothing=8"], "no such quantity"),
    (["quantize.method=best"], "method = 'best'"), (["quantize.method.h=max"], "quantize.method.h: no such option"),
    (["quantize.bits.h=25"], "core.state_bits: need 25 bits, have 24 bits"),
])
def test_wrong_settings_of_formats_are_named(settings: list[str], words: str) -> None:
    with pytest.raises(neurosim.NeurosimError, match=re.escape(words)):
        neurosim.run("digits", samples=1, numbers="fixed", overrides=settings)
