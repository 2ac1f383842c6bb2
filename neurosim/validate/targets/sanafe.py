"""SANA-FE: the same network, mapping, figures and input in both simulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hw_models.schema import Chip
from hw_models.unpublished import core_costs
from neurosim.machine import Machine
from neurosim.traces.schema import SampleResult
from neurosim.validate.rows import Row, Target
from neurosim.validate.runs import one_sample
from neurosim.validate.sanafe import (
    DETAILED,
    FILES,
    NEURONS,
    SIMPLE,
    Counts,
    Net,
    architecture,
    counts_of,
    machine_of,
    read_net,
    read_results,
)

COUNTS = ("fired", "synapses", "hops")
ENERGY_TOLERANCE = 1e-3
EVENT_NOTE = ("SANA-FE's detailed model estimates waiting from the messages in flight along a path (recalled from its "
              "sources), and its result varies by 0.35 % between loads of one network; here every packet moves through "
              "buffers. The gap is wide in steps with few packets and closes under load, where the cores bind")
HELD_NOTE = "a link is held for the whole 6.5 ns of a hop instead of one flit's 0.6 ns"
SLOT_NOTE = "each input of a router holds one packet instead of eight: waiting packets block those behind them"


class _Run(NamedTuple):
    net: Net
    chip: Chip
    machine: Machine

    def at(self, detail: str, **noc: Any) -> SampleResult:
        """Return the recorded input's run, with some of the network's numbers changed."""
        machine = replace(self.machine, noc=self.machine.noc._replace(**noc))
        return one_sample(machine, self.net.raster, detail, "fixed")


def rows(folder: Path | None) -> tuple[Row, ...]:
    """Return counts, energy and times."""
    assert folder is not None
    net, chip = read_net(folder), architecture()
    run = _Run(net, chip, machine_of(net, chip))
    analytic = run.at("analytic")
    counts = counts_of(net, analytic.core_counts, analytic.chip_counts, chip)
    return (*_counts(folder, run, analytic, counts), *_energies(folder, chip, counts), *_times(folder, run, analytic))


def differing_spikes(net: Net, result: SampleResult, machine: Machine) -> int:
    """Return the spikes that only one of the two simulators has. Both count steps from 1 on: ours from the input."""
    neurons = machine.population_names.index(NEURONS)
    shift = np.where(machine.output_population[result.spikes.output] == neurons, net.n_inputs, 0)
    ours = result.spikes.step.astype(np.int64) * len(net.threshold) + result.spikes.neuron + shift
    theirs = net.spike_step * len(net.threshold) + net.spike_neuron
    return len(np.setxor1d(ours, theirs))


def _counts(folder: Path, run: _Run, result: SampleResult, counts: Counts) -> tuple[Row, ...]:
    found = read_results(folder, SIMPLE)
    differ = {name: int((getattr(counts, name) != getattr(found, name)).sum()) for name in COUNTS}
    # Of messages SANA-FE keeps the sum; the energy of the network, step by step, tells them and the hops apart.
    network = int((np.abs(counts.network_j / found.network_j - 1) > 1e-12).sum())
    return (
        Row("spikes that differ", "predicted", "spikes", differing_spikes(run.net, result, run.machine), 0),
        *(Row(f"steps in which {name} differ", "predicted", "steps", differ[name], 0) for name in COUNTS),
        Row("messages", "predicted", "", int(counts.messages.sum()), found.n_messages),
        Row("steps in which the network's energy differs by 1e-12", "predicted", "steps", network, 0),
        Row("updates of somata with charge or state", "predicted", "", int(counts.updated.sum()),
            int(found.updated.sum()), tolerance=ENERGY_TOLERANCE,
            note="SANA-FE also counts a neuron without potential whose charges add up to zero; here it is inactive"),
    )


def _energies(folder: Path, chip: Chip, counts: Counts) -> tuple[Row, ...]:
    found, costs = read_results(folder, SIMPLE), core_costs(chip)
    ours, theirs = float(counts.total_j.sum()) * 1e3, float(found.total_j.sum()) * 1e3
    update_pj = costs.soma_active.energy_pj.value - costs.soma_inactive.energy_pj.value
    missing = float(found.updated.sum() - counts.updated.sum()) * update_pj * 1e-9
    return (
        Row("energy", "predicted", "mJ", ours, theirs, tolerance=ENERGY_TOLERANCE),
        Row("energy, with SANA-FE's number of updates", "derived", "mJ", ours + missing, theirs, tolerance=1e-12),
    )


def _times(folder: Path, run: _Run, analytic: SampleResult) -> tuple[Row, ...]:
    simple, detailed = (float(read_results(folder, name).time_s.sum()) * 1e3 for name in (SIMPLE, DETAILED))
    hop = np.full_like(run.machine.noc.cycle_ps, run.machine.noc.hop_ps.max())
    return (
        Row("simple time, level analytic", "predicted", "ms", _duration_ms(analytic), simple, tolerance=1e-9),
        Row("detailed time, level event", "predicted", "ms", _duration_ms(run.at("event")), detailed, shown=True,
            note=EVENT_NOTE),
        Row("detailed time, links held for a hop", "predicted", "ms", _duration_ms(run.at("event", cycle_ps=hop)),
            detailed, shown=True, note=HELD_NOTE),
        Row("detailed time, one packet per buffer", "predicted", "ms", _duration_ms(run.at("event", buffer_packets=1)),
            detailed, shown=True, note=SLOT_NOTE),
    )


def _duration_ms(result: SampleResult) -> float:
    """Return the time without step 0, in which the input enters."""
    return float(result.step_end_ps[-1] - result.step_end_ps[0]) * 1e-9


TARGETS = (
    Target("sanafe", "cross-check with another simulator, SANA-FE",
           "SANA-FE 2.2.9 (Boyle et al., IEEE TCAD 44(8), 2025) run on net_x1, recorded counts, energies and times",
           "8 192 leaky neurons on 32 cores of 256, 819 200 synapses, 1 000 steps, 4.9 % firing per step",
           "loihi-nahuku, with SANA-FE's table of barriers, dense synapses everywhere, and free links into cores",
           rows, FILES),
)
