"""One choice of options, measured: answers from a batch pass, times and energies from an analytic run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hw_models.load import to_mapping
from hw_models.schema import Chip
from neurosim import api
from neurosim.advisor.candidates import Candidate
from neurosim.advisor.result import Bound, Row
from neurosim.engine.batch import BatchPass, Update
from neurosim.graph import Network
from neurosim.machine import Float64Array, Machine
from neurosim.mapping import map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrite import rewritten
from neurosim.report import Summary
from neurosim.resolve import Resolved, run_options
from neurosim.run_data import Data
from neurosim.traces.store import Trace


class Measurement(NamedTuple):
    """A row, and what others are compared with and made from; nothing but the row where it does not fit.

    readout : float64[sample, readout neuron]
    sizes : population -> root mean square of its graded outputs
    cores_of : population -> cores that it lies on
    """

    row: Row
    network: Network | None = None
    readout: Float64Array | None = None
    sizes: Mapping[str, float] = {}
    cores_of: Mapping[str, int] = {}


def measure(found: Resolved, candidate: Candidate, data: Data, numbers: str, timed: int,
            first: Measurement | None) -> Measurement:
    """Return what the options bring.

    Raises
    ------
    MappingError           if the network does not go on the chip with them
    """
    network = rewritten(found.network, found.mapping, found.chip)
    machine = map_network(network, found.chip, found.mapping)
    readout, sizes = _answers(network, data, numbers)
    summary, bound = _timed(machine, found.chip, data, numbers, timed)
    n_tokens = timed * data.inputs.shape[1]
    fullest = summary.binding
    energy, latency = summary.energy, summary.latency
    row = Row(
        candidate.name, candidate.settings, candidate.changes, True, "", summary.cores_used,
        _accuracy(readout, data), *_compared(readout, first), summary.packets / n_tokens,
        summary.packet_hops / n_tokens, None if latency.per_token is None else latency.per_token.mean,
        None if latency.per_sample is None else latency.per_sample.mean, energy.total_j / timed,
        energy.interval_low_j / timed, energy.interval_high_j / timed,
        None if fullest is None else (fullest, summary.utilisation[fullest].max), bound)
    return Measurement(row, network, readout, sizes, _cores_of(machine))


def _answers(network: Network, data: Data, numbers: str) -> tuple[Float64Array, dict[str, float]]:
    """Run all samples; return the read-outs, and the root mean square of graded outputs."""
    neurons = lower_neurons(network)
    squares: dict[int, tuple[float, int]] = {}
    scales = np.ones(len(neurons.populations.change_threshold)) if neurons.fixed is None or numbers != "fixed" \
        else neurons.fixed.output_scale

    def watch(update: Update) -> None:
        population = network.populations[update.population]
        if population.model != "input" and population.output_kind(population.spec.outputs[0].name) == "graded":
            scale = scales[neurons.populations.first_output[update.population]]
            total, n = squares.get(update.population, (0.0, 0))
            squares[update.population] = (total + float(np.square(update.output[0] * scale).sum()),
                                          n + update.output[0].size)

    result = BatchPass(neurons, data.inputs, numbers).run(watch)
    return result.readout, {network.populations[number].name: float(np.sqrt(total / n))
                            for number, (total, n) in squares.items()}


def _timed(machine: Machine, chip: Chip, data: Data, numbers: str, timed: int) -> tuple[Summary, Bound | None]:
    """Run the first samples at detail `analytic`."""
    options = run_options(detail="analytic", numbers=numbers, engine="compiled", seed=0, workers=None, record="spikes")
    few = Data(data.inputs[:timed], None if data.labels is None else data.labels[:timed])
    with tempfile.TemporaryDirectory(prefix="neurosim-") as folder:
        provenance = {"chip": json.dumps(to_mapping(chip), sort_keys=True)}
        done = api.run_machine(machine, few, options, provenance, trace=Path(folder) / "run.h5")
        with done.trace:
            return done.summary, _bound(done.trace, machine)


def _bound(trace: Trace, machine: Machine) -> Bound | None:
    """Return what time steps wait for: a phase of the busiest core, or packets under way."""
    if machine.n_cores == 0 or trace.duration_ps == 0:
        return None
    soma, synapse = (part[:, :machine.n_cores].sum(axis=0) for part in trace.core_times())
    overlapped = machine.cores.overlapped[:machine.n_cores] != 0
    busy = np.where(overlapped, np.maximum(soma, synapse), soma + synapse)
    core, network_ps = int(np.argmax(busy)), int(trace.steps("network_ps").sum())
    on_core = np.unique(machine.slices.population[machine.slices.core == core])
    names = tuple(machine.population_names[number] for number in on_core)
    if network_ps > busy[core]:
        return Bound("network", network_ps / trace.duration_ps, core, names)
    part = "soma" if soma[core] >= synapse[core] else "synapse"
    return Bound(part, float(busy[core]) / trace.duration_ps, core, names)


def _accuracy(readout: Float64Array, data: Data) -> float | None:
    if data.labels is None or readout.shape[1] == 0:
        return None
    return float((readout.argmax(axis=1) == data.labels).mean())


def _compared(readout: Float64Array, first: Measurement | None) -> tuple[float | None, float | None]:
    """Return the part of samples that end in the same class, and the largest difference over the largest read-out."""
    if first is None or first.readout is None or readout.shape[1] == 0:
        return None, None
    agreement = float((readout.argmax(axis=1) == first.readout.argmax(axis=1)).mean())
    largest = float(np.abs(first.readout).max()) or 1.0
    return agreement, float(np.abs(readout - first.readout).max()) / largest


def _cores_of(machine: Machine) -> dict[str, int]:
    pairs = np.unique(np.stack([machine.slices.population, machine.slices.core]), axis=1)
    counts = np.bincount(pairs[0], minlength=machine.n_populations)
    return {name: int(count) for name, count in zip(machine.population_names, counts, strict=True)}
