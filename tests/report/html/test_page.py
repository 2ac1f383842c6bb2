"""What the page of a run holds: the numbers of the report, and no more data than its bounds allow."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import DataError, OptionError
from neurosim.report import summarise, write_report_page
from neurosim.report.energy import stored_chip
from neurosim.report.html import mesh_frames, raster
from neurosim.report.html.packing import unpacked
from neurosim.report.html.page import page_data
from neurosim.traces import Trace, TraceWriter
from neurosim.traces.schema import RunHeader, SampleResult
from tests.report.test_render import idle
from tests.traces.synthetic import make_header, make_result
from tests.traces.test_link_loads import with_links

LABELS = [3, 1, 4, 1]


def open_trace(folder: Path, n_samples: int = 4, *, header: RunHeader | None = None, labels: list[int] | None = None,
               results: list[SampleResult] | None = None) -> Trace:
    results = [make_result(sample) for sample in range(n_samples)] if results is None else results
    with TraceWriter(folder / "run.h5", header or make_header(len(results)), force=True) as writer:
        for result in results:
            writer.write(result)
        writer.set_labels((labels or LABELS)[:len(results)])
    return Trace.open(folder / "run.h5")


def data_of(trace: Trace) -> dict[str, Any]:
    """Return what the page of a trace holds, as the browser reads it."""
    summary = summarise(trace)
    return json.loads(json.dumps(page_data(trace, summary, stored_chip(trace))))  # type: ignore[no-any-return]


def all_spikes(trace: Trace) -> list[tuple[int, str, int]]:
    """Return (time in ps, population, neuron) of every recorded output, in order of time."""
    found = []
    for group in trace.spike_groups:
        spikes = trace.spikes(group)
        population = trace.group_population(group)
        found += [(int(time), population, int(neuron)) for time, neuron in zip(spikes.time_ps, spikes.neuron,
                                                                              strict=True)]
    return sorted(found)


def exact_spikes(data: dict[str, Any]) -> list[tuple[int, str, int]]:
    """Return the spikes that a page holds one by one, as its script would read them."""
    content = data["raster"]
    found = []
    for chunk in content["exact"]["chunks"]:
        times = chunk["start"] + np.cumsum(unpacked(chunk["time"]), dtype=np.int64)
        assert times[-1] == chunk["stop"] and len(times) == chunk["n"]
        for time, number in zip(times.tolist(), unpacked(chunk["id"]).tolist(), strict=True):
            band = [band for band in content["bands"] if band["first"] <= number][-1]
            unit_ps = round(content["exact"]["unit_s"] * 1e12)
            found.append((time * unit_ps, band["name"], number - band["first"]))
    return sorted(found)


def test_the_page_says_what_the_json_says(tmp_path: Path) -> None:
    with open_trace(tmp_path) as trace:
        summary, data = summarise(trace), data_of(trace)
    expected = json.loads(json.dumps(summary.to_json()))
    matrix = expected.pop("confusion")
    assert data["summary"] == expected and data["confusion"]["matrix"] == matrix
    energy = sum(bar["energy_j"] for bar in data["energy"])
    assert energy == pytest.approx(expected["energy_j"]["per_sample"]["total"], rel=1e-12)


def test_every_spike_is_in_the_page(tmp_path: Path) -> None:
    with open_trace(tmp_path) as trace:
        data, spikes = data_of(trace), all_spikes(trace)
    assert data["raster"]["n"] == data["raster"]["n_exact"] == len(spikes) > 100
    assert exact_spikes(data) == spikes
    assert data["raster"]["fine"] is None


def test_aggregates_are_counts_of_the_spikes(tmp_path: Path) -> None:
    with open_trace(tmp_path) as trace:
        data, spikes, duration_ps = data_of(trace), all_spikes(trace), trace.duration_ps
    content = data["raster"]
    width = max(duration_ps, raster.N_FINE) / raster.N_FINE * (raster.N_FINE // raster.N_OVERVIEW)
    expected = np.zeros((content["rows"], raster.N_OVERVIEW), np.int64)
    bands = {band["name"]: band for band in content["bands"]}
    for time, name, neuron in spikes:
        band = bands[name]
        expected[band["bottom"] + neuron * band["rows"] // band["size"], min(int(time / width), 1023)] += 1
    found = unpacked(content["overview"]["counts"]).reshape(content["rows"], -1)
    assert np.array_equal(found, expected)


def test_beyond_the_budget_the_first_spikes_and_a_fine_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "MOST_EXACT", 300)
    monkeypatch.setattr(raster, "CHUNK", 64)
    monkeypatch.setattr(raster, "BLOCK", 50)
    with open_trace(tmp_path) as trace:
        data, spikes = data_of(trace), all_spikes(trace)
    content = data["raster"]
    kept = [spike for spike in spikes if spike[0] < content["exact"]["until_s"] * 1e12 - 0.5]
    assert 0 < content["n_exact"] == len(kept) <= 300 < content["n"] == len(spikes)
    assert exact_spikes(data) == kept
    assert len(content["exact"]["chunks"]) == -(-len(kept) // 64)
    assert unpacked(content["fine"]["counts"]).sum() == len(spikes)


def test_rates_are_those_of_the_spikes(tmp_path: Path) -> None:
    with open_trace(tmp_path, results=[make_result(0), make_result(1, n_tokens=6)]) as trace:
        data = data_of(trace)
        n_tokens, n_steps = int(trace.samples.n_tokens.sum()), trace.samples.n_steps.tolist()
        spikes = trace.spikes("layer_1")
    row = next(each for each in data["rates"]["populations"] if each["name"] == "layer_1")
    assert row["mean"] == pytest.approx(len(spikes.step) / (48 * n_tokens), rel=1e-12)
    phase = unpacked(row["phase"])
    for step in range(max(n_steps)):
        there = sum(step < n for n in n_steps)
        assert phase[step] == pytest.approx(float((spikes.step == step).sum()) / (48 * there), rel=1e-6)


def test_frames_add_up_to_the_run(tmp_path: Path) -> None:
    with open_trace(tmp_path) as trace:
        data = data_of(trace)
        used = trace.header.core_is_port == 0
        packets = trace.core_totals[used, 6]
    frames, n = data["mesh"]["frames"], int(used.sum())
    shown = unpacked(frames["packets"]).reshape(frames["n"], n).sum(axis=0) * len(LABELS)
    assert shown == pytest.approx(packets, rel=1e-5)
    assert unpacked(data["mesh"]["whole"]["packets"]) * len(LABELS) == pytest.approx(packets, rel=1e-5)


@pytest.mark.parametrize(("steps", "most_frames"), [(1, 48), (1, 4), (4, 48), (4, 3)])
def test_frames_tell_every_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, most_frames: int) -> None:
    monkeypatch.setattr(mesh_frames, "MOST_FRAMES", most_frames)
    made = [with_links(sample, steps, n_tokens=10 + 3 * sample) for sample in range(3)]
    with open_trace(tmp_path, results=[result for result, _ in made], header=make_header(3)) as trace:
        data, latency_ps = data_of(trace), trace.step_latency_ps
    frames, links = data["mesh"]["frames"], [link for link, _, _ in data["mesh"]["links"]]
    together = frames["together"]
    assert frames["link"] is None and together % steps == 0 and frames["n"] <= most_frames
    busy, time = np.zeros((frames["n"], len(links))), np.zeros(frames["n"])
    first = 0
    for result, of_block in made:
        for step in range(result.n_steps):
            time[step // together] += latency_ps[first + step]
        for block, row in enumerate(of_block):
            busy[block * steps // together] += row[links]
        first += result.n_steps
    assert unpacked(frames["links"]).reshape(busy.shape) == pytest.approx(busy / time[:, None], rel=1e-6)


def test_frames_of_traces_of_before_tell_the_busiest_link(tmp_path: Path) -> None:
    with open_trace(tmp_path) as trace:
        frames = data_of(trace)["mesh"]["frames"]
    assert frames["links"] is None and len(frames["link"]) == frames["n"]


def test_many_steps_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neurosim.report.html import steps

    monkeypatch.setattr(steps, "MOST_POINTS", 7)
    with open_trace(tmp_path) as trace:
        data, time_ps = data_of(trace)["steps"], trace.step_latency_ps
    together = data["together"]
    groups = [time_ps[start:start + together] for start in range(0, len(time_ps), together)]
    assert len(groups) <= 7
    assert unpacked(data["mean"]) == pytest.approx([group.mean() * 1e-12 for group in groups], rel=1e-6)
    assert unpacked(data["longest"]) == pytest.approx([group.max() * 1e-12 for group in groups], rel=1e-6)


@pytest.mark.parametrize("results", [[], [idle(make_result(0))], [make_result(0, n_tokens=1)]],
                         ids=["empty", "functional", "one token"])
def test_a_page_of_little(tmp_path: Path, results: list[SampleResult]) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    with open_trace(tmp_path, results=results) as trace:
        write_report_page(trace, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 7_000_000
    assert not list(tmp_path.glob("*.partial"))


def test_without_labels(tmp_path: Path) -> None:
    with open_trace(tmp_path, labels=[-1] * 4) as trace:
        data = data_of(trace)
    assert "No sample of this run has a label" in data["confusion"]["without"]
    assert data["figures"][0][1] == "samples"


def test_functional_details_say_why_nothing_binds(tmp_path: Path) -> None:
    header = make_header(1, detail="functional")
    with open_trace(tmp_path, results=[idle(make_result(0))], header=header) as trace:
        data = data_of(trace)
    assert "simulates no time" in data["steps"]["without"] and data["steps"]["binding"] is None
    assert data["mesh"]["simulated"] is False


def test_many_classes_stay_in_the_json(tmp_path: Path) -> None:
    results = [replace(make_result(sample), readout=np.arange(200.0)) for sample in range(2)]
    header = make_header(2)
    with open_trace(tmp_path, results=results, header=header) as trace:
        assert "200 classes" in data_of(trace)["confusion"]["without"]


def test_without_plotly_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with open_trace(tmp_path) as trace, pytest.raises(DataError, match=r"neurosim-chips\[explore\]"):
        write_report_page(trace, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_folder_is_no_page(tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    (tmp_path / "page.html").mkdir()
    with open_trace(tmp_path) as trace, pytest.raises(OptionError, match="not a regular file"):
        write_report_page(trace, tmp_path / "page.html")


@pytest.mark.parametrize(("column", "value"), [("node_ids", 10**9), ("step", -5), ("timestamps", -1e9),
                                               ("timestamps", float("nan"))])
def test_damaged_spikes_are_told(tmp_path: Path, column: str, value: float) -> None:
    h5py = pytest.importorskip("h5py")
    from neurosim.api import summarise as report
    from neurosim.errors import TraceError

    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    open_trace(tmp_path).close()
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file[f"spikes/layer_1/{column}"][3] = value
    with pytest.raises(TraceError, match="run.h5"), np.errstate(invalid="ignore"):
        report(tmp_path / "run.h5", html=tmp_path / "page.html")
    assert not list(tmp_path.glob("page*"))
