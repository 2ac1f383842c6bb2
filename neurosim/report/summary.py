"""A run in numbers: what `--json` prints and what the text report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hw_models.costs import EnergyBill
from hw_models.schema import Chip
from neurosim.report import activity, timing
from neurosim.report.activity import Outputs, PacketCheck
from neurosim.report.assumed import AssumedTime, assumed_times
from neurosim.report.energy import energy_bill, energy_json, recorded_chip, recorded_name, stored_chip
from neurosim.report.floorline import Floorline, floorline_of
from neurosim.report.neurobench import NeuroBench, neurobench
from neurosim.report.order import FREE_RUNNING, jitter_ps, markers_sent, order_study
from neurosim.report.timing import Latency, Load, Overruns
from neurosim.traces.schema import RunHeader
from neurosim.traces.trace import Trace
from neurosim.units import ps_to_s


@dataclass(frozen=True)
class Utilisation:
    """How full one resource of the cores is.

    max, mean : used over limit, among the cores in use; used, limit, core : of the fullest one
    """

    max: float
    mean: float
    used: int
    limit: int
    core: int


@dataclass(frozen=True)
class Summary:
    """Counts, times and energy of a run.

    chip : that the run was on
    priced_with : the chip whose figures price it; the same unless another was asked for
    accuracy : of labelled samples; None without labels
    confusion : [label][prediction]; None without labels
    spikes : outputs of kind spike or ternary that fired, inputs apart; graded_values beside
    synaptic_events : dense, sparse and convolutional synaptic operations
    neuron_updates : active and inactive updates of simple and programmed somata
    packets, packets_delivered : injected by cores; accepted by cores, once per destination
    input_packets, output_packets : through the ports of the chip
    packet_hops : links between routers that packets crossed; chip_hops: those of them that lead to another chip
    chips_used : chips in use, those that packets only pass included; cores_per_chip: cores in use on each
    overruns : time steps that were late on a chip with a clock; None of others
    floorline : what bounds the time steps; None at detail `functional`
    overflows : values that did not fit their format; 0 in float runs, None where a fixed-point run did not say
    overflows_by_population : those above zero, most first
    energy : see hw_models.costs; `indicative` marks float runs
    assumed_times : the assumed figures that the times rest on
    binding : the resource that is fullest
    order_dependent : packets were served as they came, on a free-running chip: another order may give another result
    markers : end-of-token packets of a free-running chip whose populations wait for whole tokens; None elsewhere
    arrival_jitter_ps : the most that they came late; order_study : what repeats with late arrivals changed
    wall_s : how long the simulation itself took; None where a run did not say
    neurobench : the metrics of NeuroBench; None where the trace does not tell the network's connections
    input_events, input_events_dropped : read from recordings, and after the last token; None where inputs were arrays
    """

    network: str
    chip: str
    priced_with: str
    detail: str
    numbers: str
    engine: str
    schedule: str
    complete: bool
    samples: int
    tokens: int
    accuracy: float | None
    confusion: tuple[tuple[int, ...], ...] | None
    time_steps: int
    simulated_s: float
    outputs: Outputs
    synaptic_events: int
    neuron_updates: int
    packets: int
    packets_delivered: int
    input_packets: int
    output_packets: int
    packet_hops: int
    chip_hops: int
    packet_check: PacketCheck | None
    cores_used: int
    chips_used: int
    cores_per_chip: tuple[int, ...]
    overruns: Overruns | None
    floorline: Floorline | None
    overflows: int | None
    overflows_by_population: Mapping[str, int]
    energy: EnergyBill
    indicative: bool
    assumed_times: tuple[AssumedTime, ...]
    latency: Latency
    utilisation: Mapping[str, Utilisation]
    core_load: Load | None
    link_load: Load | None
    queue_peak: int
    wall_s: float | None
    order_dependent: bool = False
    markers: int | None = None
    arrival_jitter_ps: int = 0
    order_study: Mapping[str, Any] | None = None
    neurobench: NeuroBench | None = None
    input_events: int | None = None
    input_events_dropped: int | None = None

    @property
    def other_price(self) -> bool:
        """Whether another chip than that of the run prices it."""
        return self.priced_with != self.chip

    @property
    def spikes(self) -> int:
        """Spikes and ternary spikes that fired, inputs apart."""
        return self.outputs.spikes

    @property
    def binding(self) -> str | None:
        """The resource that is fullest; None where no core is in use."""
        return max(self.utilisation, key=lambda name: self.utilisation[name].max, default=None)

    @property
    def energy_per_sample_j(self) -> float | None:
        """Nominal energy of one sample, static power included."""
        return self.energy.total_j / self.samples if self.samples else None

    def per_sample(self) -> dict[str, float]:
        """Return means per sample; empty without samples."""
        counts = {"time_steps": self.time_steps, "tokens": self.tokens, "spikes": self.spikes,
                  "graded_values": self.outputs.graded_values, "synaptic_events": self.synaptic_events,
                  "neuron_updates": self.neuron_updates, "packets": self.packets, "packet_hops": self.packet_hops,
                  "energy_j": self.energy.total_j}
        return {name: count / self.samples for name, count in counts.items()} if self.samples else {}

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        plain = asdict(self)
        plain.update(plain.pop("outputs"))
        plain["spikes_exact"] = plain.pop("exact")
        del plain["energy"], plain["latency"]
        plain["energy_j"] = energy_json(self.energy, n_samples=self.samples, indicative=self.indicative)
        plain["latency_s"] = asdict(self.latency)
        plain["assumed_times"] = list(plain["assumed_times"])
        plain["cores_per_chip"] = list(self.cores_per_chip)
        plain["neurobench"] = None if self.neurobench is None else self.neurobench.to_json()
        plain["floorline"] = None if self.floorline is None else self.floorline.to_json()
        plain["confusion"] = [list(row) for row in self.confusion] if self.confusion is not None else None
        return {**plain, "binding": self.binding, "per_sample": self.per_sample()}


def summarise(trace: Trace, chip: Chip | None = None) -> Summary:
    """Return the summary of a trace, priced with `chip`: the recorded one, or another with figures of your own.

    Raises
    ------
    TraceError : the trace does not hold what is needed
    ConfigError : the stored chip is at odds with the schema
    """
    ran_on = stored_chip(trace) if chip is None else recorded_chip(trace)
    chip = ran_on if chip is None else chip
    assert chip is not None
    header, matrix = trace.header, activity.confusion(trace)
    return Summary(
        network=_name(trace.provenance), chip=recorded_name(trace), priced_with=chip.name,
        detail=header.detail, numbers=header.numbers, engine=header.engine, schedule=header.schedule,
        complete=trace.complete, samples=trace.n_samples, tokens=int(trace.samples.n_tokens.sum()),
        accuracy=activity.accuracy(trace),
        confusion=tuple(tuple(row) for row in matrix.tolist()) if matrix is not None else None,
        time_steps=trace.n_steps, simulated_s=ps_to_s(trace.duration_ps), **_counts(trace),
        **_overflows(trace), energy=energy_bill(trace, chip), indicative=header.numbers != "fixed",
        assumed_times=assumed_times(trace, ran_on or chip),
        latency=timing.latency(trace), overruns=timing.overruns(trace, ran_on or chip),
        floorline=floorline_of(trace, ran_on or chip),
        utilisation=_utilisation(header.utilisation), **_loads(trace, ran_on or chip),
        markers=(markers := markers_sent(trace)),
        order_dependent=header.schedule == FREE_RUNNING and markers is None,
        arrival_jitter_ps=jitter_ps(trace.provenance), order_study=order_study(trace), neurobench=neurobench(trace),
        wall_s=_wall_s(trace), **_input_events(trace.provenance))


def _counts(trace: Trace) -> dict[str, Any]:
    core, chip = trace.core_event_totals(), trace.chip_totals
    return {
        "outputs": activity.outputs(trace),
        "synaptic_events": core["synapse_dense"] + core["synapse_sparse"] + core["synapse_conv"],
        "neuron_updates": sum(core[name] for name in ("soma_active", "soma_inactive", "program_active",
                                                      "program_inactive")),
        "packets": core["packet_out"], "packets_delivered": core["packet_in"],
        "input_packets": chip["input_packet"], "output_packets": chip["output_packet"],
        "packet_hops": chip["hop_ew"] + chip["hop_ns"] + chip["chip_hop"], "chip_hops": chip["chip_hop"],
        "packet_check": activity.packet_check(trace), "cores_used": int((trace.header.core_is_port == 0).sum()),
        "chips_used": trace.header.n_chips, "cores_per_chip": _cores_per_chip(trace.header),
    }


def _cores_per_chip(header: RunHeader) -> tuple[int, ...]:
    columns, rows = header.chip_columns or header.columns, header.chip_rows or header.rows
    y, x = np.divmod(header.core_tile[header.core_is_port == 0], header.columns)
    chip = y // rows * (header.columns // columns) + x // columns
    return tuple(np.bincount(chip, minlength=header.n_chips).tolist())


def _input_events(provenance: Mapping[str, str]) -> dict[str, Any]:
    """Return the counts of events that a run of recordings leaves; nothing for others."""
    names = ("input_events", "input_events_dropped")
    return {name: int(provenance[name]) for name in names if provenance.get(name, "").isdecimal()}


def _loads(trace: Trace, chip: Chip) -> dict[str, Any]:
    is_core = 1 - trace.header.core_is_port
    return {
        "core_load": timing.load(timing.core_load(trace, chip), is_core),
        "link_load": timing.load(timing.link_load(trace), trace.link_packets),
        "queue_peak": int(trace.queue_peak.max(initial=0)),
    }


def _utilisation(cores: Sequence[Mapping[str, tuple[int, int]]]) -> dict[str, Utilisation]:
    """Return the fullest core of each resource that has a limit."""
    names = dict.fromkeys(name for core in cores for name in core)
    found = {}
    for name in names:
        rows = [(used / limit, used, limit, index) for index, core in enumerate(cores)
                for used, limit in [core.get(name, (0, 0))] if limit > 0]
        if rows:
            fullest = max(rows, key=lambda row: row[0])
            found[name] = Utilisation(fullest[0], sum(row[0] for row in rows) / len(rows), *fullest[1:])
    return found


def _overflows(trace: Trace) -> dict[str, Any]:
    totals = trace.overflow_totals
    if totals is None:
        return {"overflows": None if trace.header.numbers == "fixed" else 0, "overflows_by_population": {}}
    most_first = sorted(totals.items(), key=lambda item: -item[1])
    return {"overflows": sum(totals.values()),
            "overflows_by_population": {name: number for name, number in most_first if number > 0}}


def _name(provenance: Mapping[str, str]) -> str:
    """Return what was run: the source without its folder, and the network's own name where that says more."""
    source, network = Path(provenance.get("source", "")).name, provenance.get("network", "")
    if not source or not network:
        return source or network
    return source if network in source else f"{source} ({network})"


def _wall_s(trace: Trace) -> float | None:
    with suppress(ValueError):
        return float(trace.provenance.get("wall_s", ""))
    return None
