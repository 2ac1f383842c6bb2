"""Counts, energy and latencies of a summary, each recomputed by other means."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from hw_models import from_mapping
from neurosim.errors import OptionError, TraceError
from neurosim.events import CHIP_EVENTS, CORE_EVENT_INDEX, CORE_EVENTS
from neurosim.report import Summary, summarise, to_text
from neurosim.report.activity import Outputs, input_populations
from neurosim.report.quantities import count, percent, shortened, with_prefix
from neurosim.report.timing import spread
from neurosim.traces import Trace, TraceWriter
from neurosim.traces.schema import SampleResult
from tests.traces.synthetic import N_CORES, SIZES, chip_mapping, make_header, make_result

# DESIGN 9: what `--json` holds at least.
REQUIRED_KEYS = {"samples", "accuracy", "time_steps", "spikes", "synaptic_events", "neuron_updates", "packets",
                 "packet_hops", "cores_used", "energy_j", "latency_s", "overflows", "wall_s"}


def summary_of(tmp_path: Path, results: list[SampleResult], header=None, labels=None, notes=(), **chip) -> Summary:
    with TraceWriter(tmp_path / "run.h5", header or make_header(len(results)), force=True) as writer:
        for result in results:
            writer.write(result)
        if labels is not None:
            writer.set_labels(labels)
        for name, text in notes:
            writer.note(name, text)
    with Trace.open(tmp_path / "run.h5") as trace:
        return summarise(trace, **chip)


@pytest.fixture
def results() -> list[SampleResult]:
    return [make_result(sample, packets=True) for sample in range(3)]


@pytest.fixture
def summary(tmp_path: Path, results: list[SampleResult]) -> Summary:
    return summary_of(tmp_path, results, labels=[0, 0, 1], notes=[("wall_s", "2.5")])


# -- energy --------------------------------------------------------------------------------------------------------


def recomputed_energy_j(results: list[SampleResult], end: str) -> float:
    """Counts x figures + static power x time, straight from the arrays and the plain chip."""
    chip = chip_mapping()
    core = sum(result.core_counts[:, :N_CORES].sum(axis=(0, 1), dtype=np.int64) for result in results)
    counts = dict(zip(CHIP_EVENTS, sum(result.chip_counts.sum(axis=0) for result in results), strict=True))
    total_pj = sum(n * chip["core"]["costs"][name]["energy_pj"][end] for n, name in zip(core, CORE_EVENTS, strict=True))
    total_pj += sum(counts[name] * chip["noc"]["costs"][f"{name}_pj"][end]
                    for name in ("hop_ew", "hop_ns", "flit_hop_ew", "flit_hop_ns", "tile_local"))
    total_pj += counts["input_packet"] * chip["input_port"]["packet_pj"][end]
    total_pj += counts["output_packet"] * chip["output_port"]["packet_pj"][end]
    total_pj += sum(counts[name] * chip["grid"][f"{name.replace('chip_', '')}_pj"][end]
                    for name in ("chip_hop", "flit_chip_hop"))
    total_pj += counts["barrier"] * chip["barrier_pj"][end]
    power_mw = chip["power"]["chip_idle_mw"][end] + N_CORES * chip["power"]["core_active_mw"][end]
    time_s = sum(int(result.step_end_ps[-1]) for result in results) * 1e-12
    return total_pj * 1e-12 + power_mw * 1e-3 * time_s


def test_energy_is_counts_times_figures_plus_power_times_time(summary: Summary, results: list[SampleResult]):
    assert summary.energy.total_j == pytest.approx(recomputed_energy_j(results, "value"), rel=1e-12)
    assert summary.energy.corner_low_j == pytest.approx(recomputed_energy_j(results, "low"), rel=1e-12)
    assert summary.energy.corner_high_j == pytest.approx(recomputed_energy_j(results, "high"), rel=1e-12)


def test_energy_adds_up_and_keeps_its_order(summary: Summary):
    energy = summary.to_json()["energy_j"]
    rows = energy["by_component"].values()
    assert energy["static"] + energy["dynamic"] == pytest.approx(energy["total"])
    assert sum(row["energy_j"] for row in rows) == pytest.approx(energy["total"])
    assert energy["corner_low"] <= energy["low"] <= energy["total"] <= energy["high"] <= energy["corner_high"]
    assert all(row["low_j"] <= row["energy_j"] <= row["high_j"] for row in rows)
    assumed = sum(row["energy_j"] for row in rows if row["basis"] == "assumed")
    assert energy["assumed_share"] == pytest.approx(assumed / energy["total"]) and 0 < energy["assumed_share"] < 1
    assert energy["per_sample"]["total"] == pytest.approx(energy["total"] / 3)


def test_another_chip_gives_another_price_for_the_same_run(tmp_path: Path, results: list[SampleResult]):
    dearer = chip_mapping()
    for end in ("value", "low", "high"):
        dearer["core"]["costs"]["soma_active"]["energy_pj"][end] *= 10
    first = summary_of(tmp_path, results)
    second = summary_of(tmp_path, results, chip=from_mapping(dearer))
    n_active = sum(r.core_counts[:, :N_CORES, CORE_EVENT_INDEX["soma_active"]].sum() for r in results)
    assert second.energy.total_j - first.energy.total_j == pytest.approx(n_active * 18e-12)
    assert second.spikes == first.spikes


def test_no_activity_costs_static_power_alone(tmp_path: Path):
    result = make_result(0)
    result.core_counts[:], result.chip_counts[:] = 0, 0
    assert summary_of(tmp_path, [result]).energy.dynamic_j == 0


# -- counts --------------------------------------------------------------------------------------------------------


def test_json_holds_what_the_command_line_promises(summary: Summary):
    plain = summary.to_json()
    assert set(plain) >= REQUIRED_KEYS
    assert set(plain["energy_j"]) >= {"total", "static", "dynamic", "low", "high", "by_component"}
    assert set(plain["latency_s"]) == {"per_step", "per_token", "per_sample"}
    assert json.loads(json.dumps(plain)) == plain


def test_counts_follow_their_definitions(summary: Summary, results: list[SampleResult]):
    def total(*names: str, cores: slice = slice(0, N_CORES)) -> int:
        return sum(int(r.core_counts[:, cores, CORE_EVENT_INDEX[name]].sum()) for r in results for name in names)

    assert summary.time_steps == sum(result.n_steps for result in results)
    assert summary.synaptic_events == total("synapse_dense", "synapse_sparse", "synapse_conv")
    assert summary.neuron_updates == total("soma_active", "soma_inactive", "program_active", "program_inactive")
    assert summary.packets == total("packet_out")
    assert summary.input_packets == sum(int(r.chip_counts[:, 5].sum()) for r in results)
    assert summary.chip_hops == sum(int(r.chip_counts[:, 8].sum()) for r in results)
    assert summary.packet_hops == sum(int(r.chip_counts[:, :2].sum()) for r in results) + summary.chip_hops
    assert (summary.chips_used, summary.cores_per_chip, summary.overruns) == (1, (N_CORES,), None)
    assert summary.cores_used == N_CORES and summary.wall_s == 2.5
    assert summary.per_sample()["packets"] == summary.packets / 3


def test_spikes_are_told_from_graded_values_and_inputs(summary: Summary, results: list[SampleResult]):
    outputs = np.concatenate([result.spikes.output for result in results])
    assert summary.spikes == int(np.isin(outputs, [1, 2]).sum())
    assert summary.outputs.graded_values == int((outputs >= 3).sum())
    assert summary.outputs.exact


@pytest.mark.parametrize(("kept", "spikes", "exact"), [([1, 2], "told apart", True), ([], "all", False)])
def test_kinds_where_not_everything_was_recorded(tmp_path: Path, kept: list[int], spikes: str, exact: bool):
    result = make_result(0)
    rows = np.isin(result.spikes.output, kept)
    table = replace(result.spikes, **{name: getattr(result.spikes, name)[rows]
                                      for name in ("step", "output", "neuron", "value", "time_ps")})
    outputs = summary_of(tmp_path, [replace(result, spikes=table)]).outputs
    n_fired, n_spikes = int((result.spikes.output > 0).sum()), int(rows.sum())
    assert outputs.spikes == (n_spikes if spikes == "told apart" else n_fired)
    assert outputs.graded_values == n_fired - outputs.spikes and outputs.exact is exact


@pytest.mark.parametrize(("kind", "expected"), [(0, "spikes"), (2, "graded_values")])
def test_networks_of_one_kind_need_no_recorded_spikes(tmp_path: Path, kind: int, expected: str):
    result = make_result(0)
    table = replace(result.spikes, **{name: getattr(result.spikes, name)[:0]
                                      for name in ("step", "output", "neuron", "value", "time_ps")})
    outputs = summary_of(tmp_path, [replace(result, spikes=table)], make_header(1, output_kind=(kind,) * 6)).outputs
    assert getattr(outputs, expected) == int((result.spikes.output > 0).sum()) and outputs.exact


def test_input_populations_are_those_on_ports(tmp_path: Path):
    summary_of(tmp_path, [make_result(0)])
    with Trace.open(tmp_path / "run.h5") as trace:
        assert input_populations(trace) == {"input"}


@pytest.mark.parametrize(("fault", "conserved"), [(None, True), ("lost", False), ("late", False)])
def test_packets_are_conserved(tmp_path: Path, results: list[SampleResult], fault: str | None, conserved: bool):
    packets = results[1].packets
    if fault == "lost":
        packets = replace(packets, **{name: getattr(packets, name)[:-1] for name in (
            "step", "packet", "source_row", "core", "inject_ps", "arrival_ps")})
    if fault == "late":
        packets.arrival_ps[3] = packets.inject_ps[3] - 1
    results[1] = replace(results[1], packets=packets)
    summary = summary_of(tmp_path, results)
    assert summary.packet_check.conserved is conserved
    if conserved:
        assert summary.packet_check.injected == summary.packets + summary.input_packets
        assert summary.packet_check.delivered == summary.packets_delivered + summary.output_packets
    else:
        assert "Packets were lost" in to_text(summary)


def test_packets_that_were_not_recorded_are_not_checked(tmp_path: Path):
    assert summary_of(tmp_path, [make_result(0)]).packet_check is None


# -- accuracy, overflows -------------------------------------------------------------------------------------------


def test_accuracy_and_confusion(tmp_path: Path, results: list[SampleResult]):
    found = [int(np.argmax(result.readout)) for result in results]
    labels = [found[0], (found[1] + 1) % 5, -1]
    summary = summary_of(tmp_path, results, labels=labels)
    assert summary.accuracy == 0.5
    matrix = np.array(summary.confusion)
    assert matrix.shape == (5, 5) and matrix.sum() == 2
    assert matrix[labels[0], found[0]] >= 1 and matrix[labels[1], found[1]] == 1


def test_without_labels_there_is_no_accuracy(tmp_path: Path, results: list[SampleResult]):
    summary = summary_of(tmp_path, results)
    assert summary.accuracy is None and summary.confusion is None


def with_overflows(sample: int, *totals: int) -> SampleResult:
    """Return a sample with as many overflows of each population, all in its last time step."""
    overflows = np.zeros((15, len(SIZES)), np.int64)
    overflows[-1] = totals
    return replace(make_result(sample), overflows=overflows)


@pytest.mark.parametrize(("numbers", "indicative"), [("float64", True), ("fixed", False)])
def test_energy_is_indicative_in_float_runs_alone(tmp_path: Path, numbers: str, indicative: bool):
    summary = summary_of(tmp_path, [make_result(0, numbers=numbers)], make_header(1, numbers))
    assert summary.indicative is indicative is summary.to_json()["energy_j"]["indicative"]
    assert ("indicative" in to_text(summary)) is indicative


def test_overflows_by_population_most_first(tmp_path: Path):
    summary = summary_of(tmp_path, [with_overflows(0, 0, 3, 20, 0, 1), with_overflows(1, 0, 4, 0, 0, 0)])
    assert summary.overflows == 28
    assert list(summary.overflows_by_population.items()) == [("layer_2", 20), ("layer_1", 7), ("readout", 1)]
    plain = json.loads(json.dumps(summary.to_json()))
    assert plain["overflows"] == 28
    assert plain["overflows_by_population"] == {"layer_2": 20, "layer_1": 7, "readout": 1}
    assert "layer_2 20, layer_1 7, readout 1\n" in to_text(summary)


def test_at_most_three_populations_are_named(tmp_path: Path):
    text = to_text(summary_of(tmp_path, [with_overflows(0, 2, 1000, 30, 0, 1)]))
    row = next(line for line in text.splitlines() if "overflows" in line)
    assert row.split() == "overflows 1 033 layer_1 1 000, layer_2 30, input 2, …".split()


def test_long_names_of_populations_leave_the_numbers_whole(tmp_path: Path):
    names = tuple(f"{index} [bold] :smile: {'x' * 90}" for index in range(len(SIZES)))
    header = make_header(1, population_names=names, output_names=tuple("abcdef"))
    text = to_text(summary_of(tmp_path, [with_overflows(0, 10**9, 10**9, 10**9, 10**9, 1)], header))
    assert max(len(line) for line in text.splitlines()) <= 120
    assert "overflows         4 000 000 001" in text and "0 [bold] :smile: xxx" in text


@pytest.mark.parametrize(("numbers", "overflows", "shown"), [("float64", 0, "0"), ("fixed", 0, "0"),
                                                             ("fixed", None, "–")])
def test_no_overflows_name_no_population(tmp_path: Path, numbers: str, overflows: int | None, shown: str):
    result = with_overflows(0, 0, 0, 0, 0, 0) if numbers == "fixed" else make_result(0, numbers=numbers)
    summary_of(tmp_path, [result], make_header(1, numbers))
    if overflows is None:
        with h5py.File(tmp_path / "run.h5", "r+") as file:
            del file["steps/overflows"]
    with Trace.open(tmp_path / "run.h5") as trace:
        summary = summarise(trace)
    assert (summary.overflows, summary.overflows_by_population) == (overflows, {})
    plain = summary.to_json()
    assert (plain["overflows"], plain["overflows_by_population"]) == (overflows, {})
    assert ["overflows", shown] in [line.split() for line in to_text(summary).splitlines()]


# -- time and load -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "network", "name"), [
    ("digits", "lif", "digits (lif)"), ("digits:lif", "lif", "digits:lif"), ("/data/net.h5", "", "net.h5"),
    ("", "lif", "lif")])
def test_the_name_of_a_run(tmp_path: Path, source: str, network: str, name: str):
    provenance = make_header().provenance | {"source": source, "network": network}
    assert summary_of(tmp_path, [make_result(0)], make_header(1, provenance=provenance)).network == name


def test_latencies(summary: Summary, results: list[SampleResult]):
    steps = np.concatenate([np.diff(result.step_end_ps, prepend=0) for result in results]) * 1e-12
    samples = np.array([result.step_end_ps[-1] for result in results]) * 1e-12
    # interval 1, depth 4: token k leaves with step 3 + k
    tokens = np.concatenate([np.diff(result.step_end_ps[3:]) for result in results]) * 1e-12
    for found, values in ((summary.latency.per_step, steps), (summary.latency.per_sample, samples),
                          (summary.latency.per_token, tokens)):
        assert found.n == len(values)
        expected = [values.mean(), values.min(), np.percentile(values, 50), np.percentile(values, 99), values.max()]
        np.testing.assert_allclose([found.mean, found.min, found.p50, found.p99, found.max], expected, rtol=1e-12)


def test_tokens_that_enter_every_third_step(tmp_path: Path):
    result = make_result(0, n_tokens=10)                # 13 time steps: tokens leave with steps 3, 6, 9 and 12
    summary = summary_of(tmp_path, [replace(result, n_tokens=4)], make_header(1, interval=3, depth=4))
    expected = np.diff(result.step_end_ps[[3, 6, 9, 12]]) * 1e-12
    assert summary.latency.per_token.n == 3
    assert summary.latency.per_token.mean == pytest.approx(expected.mean())


def test_a_single_token_has_no_interval(tmp_path: Path):
    assert summary_of(tmp_path, [make_result(0, n_tokens=1)]).latency.per_token is None


def test_spread_of_equal_values():
    found = spread(np.full(7, 333_333_333))
    assert found.min == found.mean == found.p50 == found.p99 == found.max
    assert spread(np.zeros(0, np.int64)) is None


def test_loads(summary: Summary, results: list[SampleResult]):
    time_ps = sum(result.duration_ps for result in results)
    busy = sum((result.soma_ps + result.synapse_ps).sum(axis=0) for result in results)[:N_CORES] / time_ps
    assert summary.core_load.max == pytest.approx(busy.max()) and summary.core_load.mean == pytest.approx(busy.mean())
    links = sum(result.link_busy_ps for result in results) / time_ps
    used = sum(result.link_packets for result in results) > 0
    assert summary.link_load.max == pytest.approx(links[used].max())
    assert summary.link_load.n == used.sum() and summary.link_load.mean == pytest.approx(links[used].mean())
    assert summary.queue_peak == max(int(result.queue_peak.max()) for result in results)


def test_utilisation_names_the_fullest_core(summary: Summary):
    assert summary.binding == "synapse_words"
    use = summary.utilisation["synapse_words"]
    assert (use.used, use.limit, use.core) == (9000, 16384, 8)
    assert summary.utilisation["neurons"].max == 16 / 1024


def test_a_run_without_samples(tmp_path: Path):
    summary = summary_of(tmp_path, [])
    plain = summary.to_json()
    assert plain["samples"] == 0 and plain["energy_j"]["total"] == 0 and plain["latency_s"]["per_step"] is None
    assert "0 samples" in to_text(summary)


def test_a_partial_run_says_so(tmp_path: Path):
    with pytest.raises(KeyError), TraceWriter(tmp_path / "run.h5", make_header(5)) as writer:
        writer.write(make_result(0))
        raise KeyError
    with Trace.open(tmp_path / "run.h5.partial", partial=True) as trace:
        summary = summarise(trace)
    assert summary.samples == 1 and not summary.complete
    assert summary.overflows == make_result(0).overflows.sum()
    assert "did not end" in to_text(summary)


def test_a_chip_that_is_not_json(tmp_path: Path):
    with pytest.raises(TraceError, match="/provenance/chip"):
        summary_of(tmp_path, [make_result(0)], make_header(1, provenance={"chip": "{"}))


# -- text ----------------------------------------------------------------------------------------------------------


def test_the_text_shows_the_bill(summary: Summary):
    text = to_text(summary)
    assert max(len(line) for line in text.splitlines()) <= 120
    for wanted in ("synthetic on toy", "accuracy", "synapse_dense", "static", "5 to 95 %", "assumed", "time step",
                   "synapse words", with_prefix(summary.energy.total_j, "J"), "Simulated"):
        assert wanted in text, wanted
    assert "\x1b" not in text


@pytest.mark.parametrize(("value", "unit", "text"), [
    (0.00123, "J", "1.23 mJ"), (999.7e-9, "s", "1.00 µs"), (0, "J", "0.00 J"), (12.34, "s", "12.3 s"),
    (1e-3, "s", "1.00 ms"), (123.4e3, "", "123 k"), (2e-18, "J", "0.00 fJ"), (None, "J", "–")])
def test_prefixes(value: float | None, unit: str, text: str):
    assert with_prefix(value, unit) == text


def test_shares_counts_and_cuts():
    assert (percent(0.5), percent(0.0012), percent(0), percent(None)) == ("50.0 %", "0.12 %", "0.0 %", "–")
    assert (count(1234567), count(2.5), count(None)) == ("1 234 567", "2.50", "–")
    assert shortened("abcdef", 4) == "abc…" and shortened("abcd", 4) == "abcd"


def test_recorded_spikes_are_counted_even_where_more_were_recorded_than_sent(tmp_path: Path):
    result = make_result(0)
    result.core_counts[:, :, CORE_EVENT_INDEX["spike_out"]] = 0
    spikes = int(np.isin(result.spikes.output, [1, 2]).sum())
    assert summary_of(tmp_path, [result]).outputs == Outputs(spikes, 0, True)


def test_a_chip_with_too_few_cores_cannot_price_a_run(tmp_path: Path):
    small = chip_mapping()
    small["noc"].update(columns=2, rows=1)
    small["output_port"]["tile"] = 0
    with pytest.raises(OptionError, match=r"chip toy has 4 cores, the run used 9 on 1 chip\n"):
        summary_of(tmp_path, [make_result(0)], chip=from_mapping(small))
