"""The cross-check with SANA-FE: equal counts, energy and time, from the recorded network alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.traces.schema import SampleResult
from neurosim.validate import Row, run_targets
from neurosim.validate.runs import one_sample
from neurosim.validate.sanafe import (
    DETAILED,
    FILES,
    SIMPLE,
    Counts,
    Net,
    architecture,
    counts_of,
    machine_of,
    read_net,
    read_results,
)
from neurosim.validate.targets.sanafe import differing_spikes

OnDisk = Callable[[str], Path]
STEPS = 300


@pytest.fixture
def folder(outside_data: OnDisk) -> Path:
    return [outside_data(name) for name in FILES][0].parent.parent


@cache
def run_of(folder: Path, detail: str) -> tuple[Net, Any, SampleResult, Counts]:
    """Return the first steps."""
    whole = read_net(folder)
    kept = whole.spike_step <= STEPS
    net = whole._replace(raster=whole.raster[:STEPS], spike_step=whole.spike_step[kept],
                         spike_neuron=whole.spike_neuron[kept])
    chip = architecture()
    machine = machine_of(net, chip)
    result = one_sample(machine, net.raster, detail, "fixed")
    return net, machine, result, counts_of(net, result.core_counts, result.chip_counts, chip)


def test_spikes_and_counts_are_equal(folder: Path) -> None:
    net, machine, result, counts = run_of(folder, "analytic")
    found = read_results(folder, SIMPLE)
    assert differing_spikes(net, result, machine) == 0
    assert len(net.spike_step) > 100_000
    np.testing.assert_array_equal(counts.fired, found.fired[:STEPS])
    np.testing.assert_array_equal(counts.synapses, found.synapses[:STEPS])
    np.testing.assert_array_equal(counts.hops, found.hops[:STEPS])
    np.testing.assert_allclose(counts.network_j, found.network_j[:STEPS], rtol=1e-12)
    assert (counts.updated <= found.updated[:STEPS]).all()
    np.testing.assert_allclose(counts.total_j, found.total_j[:STEPS], rtol=1e-4)
    update_j = 21.6e-12 * (found.updated[:STEPS] - counts.updated)
    np.testing.assert_allclose(counts.total_j + update_j, found.total_j[:STEPS], rtol=1e-12)


def test_one_spike_less_is_noticed(folder: Path) -> None:
    net, machine, result, _ = run_of(folder, "analytic")
    assert differing_spikes(net._replace(spike_step=net.spike_step[1:], spike_neuron=net.spike_neuron[1:]), result,
                            machine) == 1


def test_messages_hops_and_synapses_follow_from_the_weights(folder: Path) -> None:
    """Independent of the mapping: one message per firing neuron and core it reaches, tile t at (t // 4, t % 4)."""
    net, _, _, counts = run_of(folder, "analytic")
    n_neurons = len(net.threshold)
    pair = np.unique(net.pre * 32 + net.post // 256)
    pre, tile, to_tile = pair // 32, pair // 32 // 256 // 4, pair % 32 // 4
    hops = np.abs(tile // 4 - to_tile // 4) + np.abs(tile % 4 - to_tile % 4)
    for found, per_spike in ((counts.messages, np.bincount(pre, minlength=n_neurons)),
                             (counts.hops, np.bincount(pre, hops, n_neurons)),
                             (counts.synapses, np.bincount(net.pre, minlength=n_neurons))):
        expected = np.bincount(net.spike_step, per_spike[net.spike_neuron], STEPS + 1)[1:]
        np.testing.assert_array_equal(found, expected)


def test_the_analytic_level_is_the_simple_time(folder: Path) -> None:
    """To the picosecond in every step; and the longest processing of any core, from the weights alone, binds."""
    net, _, result, _ = run_of(folder, "analytic")
    found = np.diff(result.step_end_ps)
    simple = read_results(folder, SIMPLE).time_s[:STEPS] * 1e12
    np.testing.assert_allclose(found, simple, rtol=0, atol=0.5)
    work = np.zeros((STEPS, 32))
    for core in range(32):
        synapses = np.bincount(net.pre[net.post // 256 == core], minlength=len(net.threshold))
        service = np.where(synapses > 0, 16 + 3.8 * synapses, 0)
        work[:, core] = np.bincount(net.spike_step, service[net.spike_neuron], STEPS + 1)[1:]
    np.testing.assert_allclose(work.max(axis=1) * 1e3 + 1.4e6, simple, rtol=1e-9)


def test_the_event_level_is_near_the_detailed_time(folder: Path) -> None:
    _, _, result, _ = run_of(folder, "event")
    ours, theirs = float(np.diff(result.step_end_ps).sum()), read_results(folder, DETAILED).time_s[:STEPS].sum() * 1e12
    assert 0.95 < ours / theirs < 1.01
    simple = read_results(folder, SIMPLE).time_s[:STEPS] * 1e12
    assert (np.diff(result.step_end_ps) >= simple - 1).all(), "faster than its longest core"


def test_the_rows(folder: Path) -> None:
    [outcome] = run_targets(["sanafe"], folder)
    rows: dict[str, Row] = {row.quantity: row for row in outcome.rows}
    assert {row.verdict for row in rows.values()} == {"inside", "shown"}
    assert rows["messages"].predicted == 6_695_379
    assert rows["energy"].measured == pytest.approx(2.7384047617999905, rel=1e-13)
    assert abs(rows["energy, with SANA-FE's number of updates"].error or 0) < 1e-12
    assert rows["simple time, level analytic"].predicted == pytest.approx(17.5164202, rel=1e-12)
    times = [rows[f"detailed time, {name}"].predicted for name in
             ("level event", "links held for a hop", "one packet per buffer")]
    measured = rows["detailed time, level event"].measured
    assert measured is not None and times[0] < times[1] < measured < times[2]
