"""Profiles a live PyTorch network: reads it, runs it on every chip, and puts the answers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from neurosim import api
from neurosim.errors import MappingError, OptionError, check_choice
from neurosim.graph import Network
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.schedule import stage_network
from neurosim.profiling.estimate import Activity, Operations, activities, estimate, operations
from neurosim.profiling.result import ChipProfile, LayerProfile, ProfileResult
from neurosim.resolve import mapping_options, split_settings

if TYPE_CHECKING:
    from importers.live.build import LiveNetwork
    from neurosim.report import Summary
    from neurosim.traces.store import Trace

DETAILS, NUMBERS = ("functional", "analytic", "event"), ("float64", "float32", "fixed")
# Events that are the synaptic operations themselves; all else the customary estimate leaves out.
SEEN = ("synapse_dense", "synapse_sparse", "synapse_conv")
Spikes = Mapping[str, NDArray[np.bool_]]


class _Run(NamedTuple):
    """What came of one chip; the chip alone where the network does not go on it."""

    chip: ChipProfile
    summary: Summary | None = None
    spikes: Spikes | None = None
    readout: NDArray[np.float64] | None = None


def profile(module: Any, inputs: Any, chip: str | Path | Chip | Sequence[str | Path | Chip] = "loihi2", *,
            time_axis: int | None = None, steps: int | None = None, per_step: bool | None = None,
            numbers: str | None = None, detail: str = "event", seed: int = 0, workers: int | None = None,
            overrides: Sequence[str] = (), name: str | None = None) -> ProfileResult:
    """Run a PyTorch network on chips: spikes, rates, synaptic operations, whether it fits, latency, energy.

    The module's own forward runs once on `inputs` and is watched; what its layers of neurons do and read becomes a
    network, which is simulated on each chip with what the first layers received. Every item of the batch is a sample.

    Parameters
    ----------
    module : of layers of snnTorch, SpikingJelly, Norse or Sinabs; a state-space network with the keys of the published
        code; or what `neurosim.export.to_torch` returned. On cpu, in eval mode
    inputs : tensor or array [sample, …]; with `time_axis` [time, sample, …] (0) or [sample, time, …] (1)
    chip : name, file or chip, or a list of them
    time_axis : which axis of the inputs is time; None: they have none, and the module runs through time by itself
    steps : call the module so often with the same inputs, where one call is one time step
    per_step : whether one call of the module is one time step; by default it is with `steps`, and with `time_axis`
        where no neuron takes whole sequences
    numbers : "float64", "float32" or "fixed"; by default fixed for a quantised network, else float64
    detail : "functional", "analytic" or "event"
    seed, workers, overrides : as in `run`
    name : of the network; the class of the module by default

    Raises
    ------
    NetworkError, DataError, OptionError, ConfigError  saying what cannot be read or does not fit together
    """
    from importers.live import read_live

    for label, value, choices in (("numbers", numbers, NUMBERS), ("detail", detail, DETAILS)):
        if value is not None:
            check_choice(label, value, choices)
    settings = split_settings(overrides)
    chips = [item if isinstance(item, Chip) else api.load_chip(item, settings.chip) for item in _chips(chip)]
    live = read_live(module, inputs, time_axis=time_axis, steps=steps, per_step=per_step, name=name)
    chosen = mapping_options(settings.mapping)
    options = {"detail": detail, "numbers": numbers or ("fixed" if live.network.is_quantised else "float64"),
               "seed": seed, "workers": workers, "overrides": [text for text in overrides if text not in settings.chip]}
    runs = [_run_on(item, live, rewritten(live.network, chosen, item), options) for item in chips]
    return _result(live, runs, str(options["numbers"]))


def _run_on(chip: Chip, live: LiveNetwork, mapped: Network, options: Mapping[str, Any]) -> _Run:
    """Run the network on one chip; a chip that it does not go on is an answer too."""
    try:
        done = api.run(live.network, chip, live.inputs, **options)
    except MappingError as error:
        return _Run(ChipProfile(chip.name, str(error), has_cores=chip.n_cores))
    with done.trace:
        spikes = simulated_spikes(done.trace, mapped, done.summary.schedule, live.inputs.shape[:2])
        return _Run(_chip_profile(done.summary, chip), done.summary, spikes, done.readout)


def _result(live: LiveNetwork, runs: Sequence[_Run], numbers: str) -> ProfileResult:
    """Put the runs together. Spikes do not depend on the chip: they are compared once."""
    first = next((run for run in runs if run.summary is not None), _Run(ChipProfile("")))
    notes = live.notes
    if live.readout is not None and first.readout is not None:
        notes = _compared(first.readout, live.readout, live.notes)
    active, counted = _operations(live.network, live.inputs, numbers)
    layers = _layers(live.network, live.inputs, active, counted, _differences(live.spikes, first.spikes))
    summaries = {run.chip.name: run.summary for run in runs if run.summary is not None}
    n_samples, n_steps = live.inputs.shape[:2]
    return ProfileResult(live.network, live.inputs, numbers, n_samples, n_steps, layers,
                         tuple(run.chip for run in runs), estimate(counted, n_samples), summaries, notes)


def simulated_spikes(trace: Trace, network: Network, schedule: str, shape: tuple[int, ...]
                     ) -> dict[str, NDArray[np.bool_]]:
    """Return what the populations of spiking neurons sent, population -> bool[sample, token, neuron].

    Parameters
    ----------
    network : as it was mapped
    shape : (samples, tokens)
    """
    staging = stage_network(network, schedule)
    index = {population.name: number for number, population in enumerate(network.populations)}
    found = {}
    for group in trace.spike_groups:
        name = trace.group_population(group)
        if trace.group_kind(group) == "graded":
            continue
        spikes = trace.spikes(group)
        token = (spikes.step.astype(np.int64) - int(staging.stage[index[name]])) // staging.schedule.interval
        sent = np.zeros((*shape, network.population(name).size), bool)
        sent[spikes.sample, token, spikes.neuron] = True
        found[name] = sent
    return found


def _chips(chip: Any) -> list[Any]:
    chips = [chip] if isinstance(chip, str | Path | Chip) else list(chip)
    if not chips:
        raise OptionError("chip = []", allowed="a chip, or a list of at least one")
    names = [item.name if isinstance(item, Chip) else str(item) for item in chips]
    if len(set(names)) < len(names):
        raise OptionError(f"chip = {', '.join(names)}", allowed="each chip once")
    return chips


def _operations(network: Network, inputs: NDArray[Any], numbers: str
                ) -> tuple[dict[tuple[str, str], Activity], list[Operations]]:
    # Without formats a network counts as it computes in float64, whatever the chip made of it.
    active = activities(network, inputs, "fixed" if numbers == "fixed" and network.is_quantised else "float64")
    return active, operations(network, active)


def _compared(found: NDArray[Any], own: NDArray[Any], notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return how far the read-out lies from what the module returned; what was guessed is told where it is far."""
    if found.shape != own.shape:
        return notes
    largest, same = np.abs(found - own).max(), int(np.count_nonzero(found.argmax(1) == own.argmax(1)))
    text = (f"the read-out differs from the module's own by {largest:.2g} at most; {same} of {len(own)} samples have "
            "the same largest output")
    return (text,) if largest <= 1e-3 * np.abs(own).max() else (text, *notes)


def _differences(own: Spikes, found: Spikes | None) -> dict[str, int]:
    if found is None:
        return {}
    return {name: int(np.count_nonzero(own[name] != found[name])) for name in own if name in found}


def _layers(network: Network, inputs: NDArray[Any], active: Mapping[tuple[str, str], Activity],
            found: Sequence[Operations], differences: Mapping[str, int]) -> tuple[LayerProfile, ...]:
    n_samples, n_tokens = inputs.shape[:2]
    layers = []
    for population in network.populations:
        output = population.spec.outputs[0].name
        sent = int(active[population.name, output].sent.sum()) / n_samples
        ends = [item for projection, item in zip(network.projections, found, strict=True)
                if projection.target == population.name]
        counted = [kind for kind, is_ac in (("AC", True), ("MAC", False)) if any(item.is_ac is is_ac for item in ends)]
        layers.append(LayerProfile(
            population.name, population.model, population.output_kind(output), population.size, sent,
            sent / (population.size * n_tokens), sum(item.n_operations for item in ends) / n_samples,
            " + ".join(counted), differences.get(population.name)))
    return tuple(layers)


def _chip_profile(summary: Summary, chip: Chip) -> ChipProfile:
    bill, binding, n_samples = summary.energy, summary.binding, summary.samples
    unseen: dict[str, float] = {}
    for row in bill.rows:
        if row.component not in SEEN and bill.total_j > 0:
            unseen[row.group] = unseen.get(row.group, 0.0) + row.energy_j / bill.total_j
    latency = summary.latency
    return ChipProfile(
        summary.chip, None, summary.cores_used, summary.chips_used * chip.n_cores, binding,
        None if binding is None else summary.utilisation[binding].max,
        latency.per_sample.mean if latency.per_sample else None, latency.per_step.mean if latency.per_step else None,
        bill.total_j / n_samples, bill.interval_low_j / n_samples, bill.interval_high_j / n_samples, unseen)
