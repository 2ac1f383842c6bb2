"""PilotNet: operations of its cores against a recount in plain integers, and the rows that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hw_models.load import load_chip
from neurosim.graph import ConvolutionWeights, Network
from neurosim.validate import Row, run_targets
from neurosim.validate.corners import at_end
from neurosim.validate.pilotnet import CONV1, CONV2, CONV3, FILE, STEPS_PER_FRAME, Run, run_silent, silent_network
from neurosim.validate.targets.pilotnet import steady_cycle
from tests.oracle.netx import read_layers, run_network

OnDisk = Callable[[str], Path]


@pytest.fixture
def path(outside_data: OnDisk) -> Path:
    return outside_data(FILE)


@cache
def silent_run(path: Path) -> tuple[Network, Run]:
    network = silent_network(path)
    return network, run_silent(network, load_chip("loihi2"), "functional")


def recount(network: Network, target: str, spikes: np.ndarray, core_size: int) -> list[int]:
    """Return the non-zero weights under the spikes [token, channel, row, column] in the first core's columns."""
    [weights] = [item.weights for item in network.projections if item.target == target]
    assert isinstance(weights, ConvolutionWeights) and weights.padding == (0, 0)
    n_channels, n_rows, _ = weights.output_shape
    n_columns, rest = divmod(core_size, n_channels * n_rows)
    assert rest == 0, "the core is cut along x"
    non_zero = (weights.values != 0).sum(axis=0)         # [input channel, tap row, tap column]
    counts = []
    for frame in spikes:
        count = 0
        for y in range(n_rows):
            for x in range(n_columns):
                top, left = y * weights.stride[0], x * weights.stride[1]
                count += int((frame[:, top:top + 3, left:left + 3] * non_zero).sum())
        counts.append(count)
    return counts


def test_operations_of_every_step(path: Path) -> None:
    """A frame between two resets is a fresh sample of 16 tokens: layers are emptied one step after another."""
    network, run = silent_run(path)
    sent = run_network(read_layers(path), np.zeros((STEPS_PER_FRAME, 3, 66, 200), np.int64))
    first_step = run.result.n_steps - len(run.operations)
    # Layer l is emptied at the tokens with token % 16 == 2 + l, which it takes one time step later.
    for layer, source, core_size in ((CONV2, 1, 2160), (CONV3, 2, 2688)):
        expected = recount(network, layer, sent[source].spikes, core_size)
        begins = 3 + source
        found = [expected[(first_step + index - begins) % STEPS_PER_FRAME] for index in range(len(run.operations))]
        assert run.of_full_core(layer).tolist() == found
        assert sum(expected) > 1_000_000


def test_the_log(path: Path) -> None:
    _, run = silent_run(path)
    assert run.of_full_core(CONV2).mean() == 131_010
    assert run.of_full_core(CONV3).mean() == 150_710
    assert not run.of_full_core(CONV1).any()
    assert steady_cycle(run) == [195_104, 106_176, 177_184, 124_376]
    assert run.machine.n_cores == 74


def test_the_resets_decide_the_order(path: Path) -> None:
    """Without resets the cycle runs the other way; with all layers emptied at once it is another cycle."""
    network, _ = silent_run(path)

    def run_with(offset: int) -> Run:
        period = STEPS_PER_FRAME if offset else 0
        changed = replace(network, populations=tuple(
            item if item.model == "input" else replace(item, reset_period=period, reset_offset=offset)
            for item in network.populations))
        return run_silent(changed, load_chip("loihi2"), "functional")

    assert steady_cycle(run_with(0)) == [195_104, 124_376, 177_184, 106_176]
    together = run_with(2)
    assert steady_cycle(together) == [176_456, 143_024, 158_536, 124_824]
    assert together.of_full_core(CONV3).mean() == 149_607.5


def test_the_rows(path: Path) -> None:
    [outcome] = run_targets(["pilotnet"], path.parents[2])
    rows: dict[str, Row] = {row.quantity: row for row in outcome.rows}
    missed = [name for name, row in rows.items() if row.verdict == "miss"]
    assert missed == ["step 2 of the cycle, by conv2's operations"]
    time = rows["time per operation, on the mean step of 152.8 µs"]
    assert time.predicted == pytest.approx(1e9 / (408.91 * 16) / 150_710)
    steps = [rows[name] for name in rows if name.startswith("step") and "cycle, 1" in name]
    assert [row.predicted for row in steps] == pytest.approx(
        [count * time.predicted * 1e-3 for count in (195_104, 106_176, 177_184, 124_376)])
    assert len(steps) == 4 and all(abs(row.error or 1) < 0.05 and row.kind == "predicted" for row in steps)
    assert rows["energy per operation, everything dynamic booked on it"].predicted == pytest.approx(30.13, abs=0.01)
    assert {row.kind for row in rows.values()} == {"predicted", "fitted"}


@pytest.mark.parametrize("end", ["low", "high"])
def test_corners(end: str) -> None:
    chip = load_chip("loihi2")
    corner = at_end(chip, end)      # type: ignore[arg-type]
    assert corner.core.costs.synapse_conv.latency_ns.value == getattr(chip.core.costs.synapse_conv.latency_ns, end)
    assert corner.noc.link_cycle_ns.value == getattr(chip.noc.link_cycle_ns, end)
    assert corner.barrier[0].latency_ns.value == getattr(chip.barrier[0].latency_ns, end)
    assert corner.core.costs.synapse_conv.energy_pj == chip.core.costs.synapse_conv.energy_pj
