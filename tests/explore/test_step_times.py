"""Latencies under other figures, from counts: held against runs on chips that have these figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim
from hw_models.costs import sample_figures
from hw_models.figures import Figure
from hw_models.load import load_chip
from hw_models.schema import Chip, Tick
from neurosim.errors import DataError, OptionError
from neurosim.explore import compare, step_times
from neurosim.explore.decide import as_design
from neurosim.explore.step_times import StepTimes
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.report.energy import stored_chip
from neurosim.traces.trace import Trace

RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.integers(0, 2, (3, 9, 12))
N_REDRAWN = 4


def network() -> Network:
    sizes = (12, 40, 30, 10)
    names = ("pixels", "first", "second", "last")
    layers = (Population("pixels", "input", 12, attributes={"payload": "spike"}),
              *(Population(name, "lif", size, {"leak": 0.8}) for name, size in zip(names[1:], sizes[1:], strict=True)))
    weights = [RANDOM.uniform(-0.2, 0.6, pair) for pair in zip(sizes, sizes[1:], strict=False)]
    joins = tuple(Projection(pre, post, DenseWeights(values))
                  for pre, post, values in zip(names, names[1:], weights, strict=False))
    return Network("layers", layers, joins, readouts=("last",))


NETWORK = network()


def figure(value: float, low: float, high: float) -> Figure:
    return Figure(value=value, low=low, high=high, basis="assumed", source="user")


def mesh(kind: str) -> Chip:
    """Return generic-mesh with small cores, in one of its kinds."""
    chip = load_chip("generic-mesh", ["core.max_neurons=8"])
    if kind == "serial":
        pipeline = chip.core.pipeline.model_copy(update={"kind": "serial"})
        return chip.model_copy(update={"core": chip.core.model_copy(update={"pipeline": pipeline})})
    if kind == "clock":             # about as long as a step takes, so that some are late
        return chip.model_copy(update={"sync": "tick", "barrier": [],
                                       "tick": Tick(period_ns=figure(160.0, 100.0, 300.0), overrun="late")})
    return chip


def with_times(chip: Chip, values: dict[str, float]) -> Chip:
    """Return the chip with other nominal times, in ns."""
    def at(found: Figure, name: str) -> Figure:
        value = values[name]
        return found.model_copy(update={"value": value, "low": min(found.low, value), "high": max(found.high, value)})

    costs = {name: cost.model_copy(update={"latency_ns": at(cost.latency_ns, name)})
             for name in type(chip.core.costs).model_fields if (cost := getattr(chip.core.costs, name)) is not None}
    core = chip.core.model_copy(update={"costs": chip.core.costs.model_copy(update=costs)})
    ports = {name: getattr(chip, name).model_copy(update={"packet_latency_ns": at(
        getattr(chip, name).packet_latency_ns, name)}) for name in ("input_port", "output_port")}
    noc = chip.noc.model_copy(update={"link_cycle_ns": at(chip.noc.link_cycle_ns, "link_cycle")})
    barrier = [entry.model_copy(update={"latency_ns": at(entry.latency_ns, "barrier")}) for entry in chip.barrier]
    tick = {} if chip.tick is None else {"tick": chip.tick.model_copy(update={"period_ns": at(
        chip.tick.period_ns, "tick")})}
    step = {"nominal_step_ns": at(chip.nominal_step_ns, "nominal_step")}
    return chip.model_copy(update={"core": core, "noc": noc, "barrier": barrier, **ports, **tick, **step})


def run(chip: Chip, detail: str) -> Trace:
    return neurosim.run(NETWORK, chip, INPUTS, detail=detail, workers=1).trace


def latency_s(trace: Trace) -> float:
    return trace.duration_ps * 1e-12 / trace.n_samples


def redrawn(times: StepTimes, seed: int) -> list[dict[str, float]]:
    """Return figures drawn a few times, in whole picoseconds."""
    samples = sample_figures(list(times.figures.values()), N_REDRAWN, seed)
    return [dict(zip(times.figures, np.round(column, 3).tolist(), strict=True)) for column in samples.T]


def told(times: StepTimes, values: dict[str, float]) -> float:
    return float(times.latency_s({name: np.array([value]) for name, value in values.items()})[0])


@pytest.mark.parametrize("kind", ["overlapped", "serial", "clock"])
def test_at_detail_analytic_it_is_the_engine(kind: str) -> None:
    chip = mesh(kind)
    trace = run(chip, "analytic")
    times = step_times.step_times(trace, chip)
    assert times.kept_share == pytest.approx(0, abs=1e-9)
    assert told(times, {name: each.value for name, each in times.figures.items()}) == pytest.approx(latency_s(trace))
    spread = set()
    for values in redrawn(times, 1):
        expected = latency_s(run(with_times(chip, values), "analytic"))
        assert told(times, values) == pytest.approx(expected, rel=1e-9)
        spread.add(round(expected / latency_s(trace), 2))
    assert len(spread) > 2


@pytest.mark.parametrize("kind", ["overlapped", "serial"])
def test_at_detail_event_what_is_kept_is_the_error(kind: str) -> None:
    """Travel and waiting are those of the nominal run, and that is all that a run with the drawn figures may add."""
    chip = mesh(kind)
    trace = run(chip, "event")
    times = step_times.step_times(trace, chip)
    assert 0 < times.kept_share < 0.5
    assert told(times, {name: each.value for name, each in times.figures.items()}) == pytest.approx(latency_s(trace))
    for values in redrawn(times, 2):
        run_again = run(with_times(chip, values), "event")
        again = step_times.step_times(run_again, with_times(chip, values))
        kept = (times.kept_share * latency_s(trace), again.kept_share * latency_s(run_again))
        assert told(times, values) - kept[0] == pytest.approx(latency_s(run_again) - kept[1], rel=1e-6)
        assert told(times, values) == pytest.approx(latency_s(run_again), rel=0.15)


def test_a_functional_run_takes_its_nominal_steps() -> None:
    chip = mesh("overlapped")
    trace = run(chip, "functional")
    times = step_times.step_times(trace, chip)
    values = {name: each.value for name, each in times.figures.items()} | {"nominal_step": 1234.0}
    assert times.used == {"nominal_step"}
    assert told(times, values) == pytest.approx(1234e-9 * trace.n_steps / trace.n_samples)


@pytest.mark.parametrize(("kind", "most"), [("overlapped", "STEPS"), ("overlapped", "ROWS"), ("clock", "STEPS")])
def test_some_steps_stand_for_all(monkeypatch: pytest.MonkeyPatch, kind: str, most: str) -> None:
    """Half of the steps give what was measured, and nearly what all of them tell of other figures."""
    chip = mesh(kind)
    trace = run(chip, "event")
    whole = step_times.step_times(trace, chip)
    monkeypatch.setattr(step_times, f"MOST_{most}", len(whole.rest if most == "STEPS" else whole.rows.step) * 2 // 3)
    monkeypatch.setattr(step_times, "BLOCK_VALUES", 1000)
    some = step_times.step_times(trace, chip)
    assert 0 < len(some.rest) < len(whole.rest)
    nominal = {name: each.value for name, each in whole.figures.items()}
    assert told(some, nominal) == pytest.approx(told(whole, nominal))
    for values in redrawn(whole, 3):
        assert told(some, values) == pytest.approx(told(whole, values), rel=0.3)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_rows_that_are_left_out_are_never_the_longest(seed: int) -> None:
    random = np.random.default_rng(seed)
    ends = np.sort(random.integers(0, 9, (4, 3)), axis=1)
    figures = {str(index): figure(value, low, high) for index, (low, value, high) in enumerate(ends.astype(float))}
    weight = random.integers(0, 6, (5, 7, 5)).astype(float)
    kept = step_times._may_be_longest(weight, figures)
    for _ in range(50):
        drawn = np.append(random.uniform(ends[:, 0], ends[:, 2]), 1.0)
        busy = weight @ drawn
        assert np.where(kept, busy, -1).max(axis=1) == pytest.approx(busy.max(axis=1))


def test_designs_are_compared_in_latency(tmp_path: Path) -> None:
    chip = mesh("overlapped")
    for name, inputs in (("short", INPUTS[:, :5]), ("long", INPUTS)):
        neurosim.run(NETWORK, chip, inputs, detail="analytic", workers=1, trace=tmp_path / f"{name}.h5")
    found = compare(tmp_path / "short.h5", tmp_path / "long.h5", metric="latency", n_samples=1000)
    assert found.metric == "latency" and found.same_technology and found.probability_a == 1.0
    assert found.a["low_s"] < found.a["latency_s"] < found.a["high_s"] and json.dumps(found.to_json())
    same = compare(tmp_path / "long.h5", tmp_path / "long.h5", metric="latency", n_samples=1000)
    assert same.probability_a == 0.5 and same.ratio == (1.0, 1.0, 1.0)


def test_the_chance_is_that_of_runs_with_drawn_figures(tmp_path: Path) -> None:
    """Two chips whose figures are drawn independently: the same draws, one run after the other, win as often."""
    chips = [mesh("overlapped"), mesh("serial").model_copy(update={"name": "other"})]
    for name, chip in zip("ab", chips, strict=True):
        neurosim.run(NETWORK, chip, INPUTS, detail="analytic", workers=1, trace=tmp_path / f"{name}.h5")
    found = compare(tmp_path / "a.h5", tmp_path / "b.h5", metric="latency", n_samples=1000, seed=4)
    latencies = []
    for seed, (name, chip) in enumerate(zip("ab", chips, strict=True), 4):
        design = as_design(tmp_path / f"{name}.h5", metric="latency")
        assert design.times is not None
        samples = sample_figures(list(design.times.figures.values()), 1000, seed)
        figures = list(design.times.figures)
        latencies.append([told(design.times, dict(zip(figures, column, strict=True))) for column in samples.T])
        values = dict(zip(figures, np.round(samples[:, 7], 3).tolist(), strict=True))
        assert latency_s(run(with_times(chip, values), "analytic")) == pytest.approx(latencies[-1][7], rel=1e-3)
    assert not found.same_technology
    assert found.probability_a == pytest.approx(np.mean(np.array(latencies[0]) < np.array(latencies[1])), abs=1e-12)
    assert 0 < found.probability_a < 1
    assert all(each.unit == "ns" and each.low < each.high for each in found.figures)


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(OptionError, match="metric = 'latncy'"):
        compare("a", "b", metric="latncy")


def test_old_traces_without_loads_are_told_too() -> None:
    chip = mesh("overlapped")
    trace = run(chip, "analytic")
    without: Any = Trace(trace._file, trace.path)
    without.loads = lambda *_: None
    times = step_times.step_times(without, stored_chip(trace))
    nominal = {name: each.value for name, each in times.figures.items()}
    assert told(times, nominal) == pytest.approx(latency_s(trace))


def test_free_running_chips_are_refused() -> None:
    class Free:
        path = "run.h5"
        header = type("Header", (), {"schedule": "free_running"})()

    with pytest.raises(DataError, match="does not follow from counts"):
        step_times.step_times(Free(), load_chip("generic-mesh"))  # type: ignore[arg-type]
