"""Neo blocks, their NIX file, and what Elephant makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import OptionError, TraceError
from neurosim.export import neo as exporter
from neurosim.export.trace_export import export_trace
from neurosim.traces.trace import Trace
from tests.export.trace_files import N_SAMPLES, groups, library, sample_bounds, trains
from tests.traces.synthetic import SIZES


@pytest.fixture(autouse=True)
def _neo() -> None:
    library("neo")


def times_ps(train: Any) -> list[int]:
    return [round(float(time) * 1e9) for time in train.rescale("ms").magnitude]


def test_a_segment_per_sample_from_zero(trace_file: Path) -> None:
    block, bounds = exporter.load(trace_file), sample_bounds(trace_file)
    assert [segment.annotations["label"] for segment in block.segments] == [4, 1, 3]
    assert [group.name for group in block.groups] == list(groups())
    for group in block.groups:
        name = groups()[group.name]
        assert len(group.spiketrains) == N_SAMPLES * SIZES[name[0]]
        wanted = trains(trace_file, group.name)
        for index, train in enumerate(group.spiketrains):
            neuron, sample = divmod(index, N_SAMPLES)
            spikes = [row for row in wanted.get(neuron, []) if row.sample == sample]
            start, stop = bounds[sample]
            assert times_ps(train) == [row.time_ps - start for row in spikes]
            assert round(float(train.t_stop.rescale("ms")) * 1e9) == stop - start
            assert train.annotations["neuron"] == neuron and train.annotations["population"] == name[0]
            if name[2]:
                assert train.array_annotations["value"].tolist() == [row.value for row in spikes]
            assert any(train is other for other in block.segments[sample].spiketrains)


def test_groups_and_samples_are_chosen(trace_file: Path) -> None:
    with Trace.open(trace_file) as trace:
        block = exporter.load(trace, ["layer_1"], samples=2)
    assert len(block.segments) == 2 and len(block.groups) == 1
    assert sum(len(segment.spiketrains) for segment in block.segments) == 2 * SIZES["layer_1"]


def test_the_nix_file_holds_the_same_spikes(trace_file: Path, tmp_path: Path) -> None:
    library("nixio")
    import neo

    path = export_trace(trace_file, tmp_path / "run.nix", "neo", groups=["layer_1", "layer_2.value"]).path
    with neo.io.NixIO(str(path), "ro") as file:
        block = file.read_block()
    segment, = block.segments
    bounds = sample_bounds(trace_file)
    epoch, = segment.epochs
    assert [round(float(time) * 1e9) for time in epoch.times.rescale("ms").magnitude] == [start for start, _ in bounds]
    assert epoch.array_annotations["label"].tolist() == [4, 1, 3]
    for train in segment.spiketrains:
        words = train.annotations
        group = "layer_1" if words["population"] == "layer_1" else "layer_2.value"
        wanted = trains(trace_file, group).get(int(words["neuron"]), [])
        assert times_ps(train) == [row.time_ps for row in wanted]
        if group == "layer_2.value":
            assert np.asarray(train.array_annotations["value"]).tolist() == [row.value for row in wanted]
    assert len(segment.spiketrains) == SIZES["layer_1"] + SIZES["layer_2"]
    assert '"command": "neurosim run"' in block.annotations["neurosim"]
    assert b"pickle" not in path.read_bytes()


def test_elephant_finds_the_rates(trace_file: Path) -> None:
    library("elephant")
    from elephant.statistics import mean_firing_rate

    block, bounds = exporter.load(trace_file, ["layer_1"]), sample_bounds(trace_file)
    train = max(block.segments[1].spiketrains, key=len)
    start, stop = bounds[1]
    wanted = [row for row in trains(trace_file, "layer_1")[train.annotations["neuron"]] if row.sample == 1]
    assert len(wanted) > 1
    assert float(mean_firing_rate(train).rescale("Hz")) == pytest.approx(len(wanted) / ((stop - start) / 1e12))


def test_too_much_for_neo_is_refused(trace_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "MAX_TRAINS", 10)
    with pytest.raises(OptionError, match=r"too many for Neo\n  allowed: up to 10\n  mend: .*--group"):
        exporter.load(trace_file)
    monkeypatch.setattr(exporter, "MAX_SPIKES", 10)
    with pytest.raises(OptionError, match="spikes are too many"):
        export_trace(trace_file, tmp_path / "run.nix", "neo")
    assert not list(tmp_path.glob("*.nix*"))


def test_faults_of_the_source(trace_file: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"group = 'layer'"):
        exporter.load(trace_file, ["layer"])
    with pytest.raises(TraceError, match="no such file"):
        exporter.load(tmp_path / "none.h5")


def test_spikes_at_the_seam_belong_to_their_sample(trace_file: Path) -> None:
    """A spike at the very end of a sample is not taken for one of the next."""
    import h5py

    with h5py.File(trace_file, "r+") as file:
        table = file["spikes/layer_1"]
        last = int(np.flatnonzero(table["sample"][:] == 0)[-1])
        table["timestamps"][last] = sample_bounds(trace_file)[0][1] / 1e9
        neuron = int(table["node_ids"][last])
    block = exporter.load(trace_file, ["layer_1"])
    train = block.segments[0].spiketrains[neuron]
    assert float(train[-1]) == pytest.approx(float(train.t_stop))
