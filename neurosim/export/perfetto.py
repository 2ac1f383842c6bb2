"""Perfetto traces: opens in ui.perfetto.dev (which loads the file within the browser) and in its trace processor.

    process          network and chip
      time steps     a slice per sample, and in it one per time step, barrier included
      core …         instants: the spikes of its neurons, named `population[neuron]`; below it counters per time step:
                     soma ns and synapse ns (time spent in each phase), spikes, packets in, synaptic operations
      router …       packets that it forwards; below it a counter per link
      link …         packets per time step where packets were recorded, else the ns that it was occupied by step, or
                     by block of steps, else the packets of the run as one value

Counters change where their value does, at the start of the step that they count. Perfetto's clock has whole
nanoseconds: times are cut to them. Graded values and signs are not written.

Source: perfetto_trace.proto of Perfetto v59, messages TracePacket, TrackDescriptor and TrackEvent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurosim.events import CORE_EVENT_INDEX
from neurosim.export.job import Job
from neurosim.export.link_steps import LinkSteps, link_steps
from neurosim.export.perfetto_stream import Counter, PacketStream, Track
from neurosim.export.places import Link, check_floor, core_name, core_of_neurons, link_name, links, router_name
from neurosim.traces.schema import Int64Array

PS_PER_NS = 1000
STEP_VALUES = 2**20             # counts read at once
CORE_COUNTERS = {"spikes": ("spike_out",), "packets in": ("packet_in",),
                 "synaptic operations": ("synapse_dense", "synapse_sparse", "synapse_conv")}


def write(job: Job, path: Path) -> None:
    """Write a new Perfetto trace."""
    check_floor(job.trace.header)
    with open(path, "xb") as file:
        stream = PacketStream(file)
        facts = job.facts()
        root = stream.process(f"{facts.get('network', 'network')} on {facts.get('chip_name', 'chip')}")
        cores = [stream.track(core_name(job.trace.header, core), root) for core in range(job.trace.n_cores)]
        _write_steps(job, stream, stream.track("time steps", root))
        _write_spikes(job, stream, cores)
        _write_cores(job, stream, cores)
        _write_links(job, stream, root)
    job.notes.append("times are whole nanoseconds in Perfetto; ps below them are cut off")
    if job.has_values:
        job.notes.append("signs and graded values are not in the file")


def _write_steps(job: Job, stream: PacketStream, track: Track) -> None:
    samples = job.trace.samples
    for sample in range(job.n_samples):
        origin, first, n_steps = (int(column[sample]) for column in (samples.start_time_ps, samples.first_step,
                                                                     samples.n_steps))
        ends = (origin + job.trace.steps("end_ps", first, first + n_steps)) // PS_PER_NS
        stream.begin(track, origin // PS_PER_NS, f"sample {sample}")
        start = origin // PS_PER_NS
        for step, end in enumerate(ends.tolist()):
            stream.begin(track, start, f"step {step}")
            stream.end(track, end)
            start = end
        stream.end(track, start)


def _write_spikes(job: Job, stream: PacketStream, cores: list[Track]) -> None:
    for group in job.groups:
        population, output = job.trace.group_population(group), job.output(group)
        plain = sum(job.trace.group_population(other) == population for other in job.groups) == 1
        name = population if plain else f"{population}.{output}"
        core = core_of_neurons(job.trace.header, population, job.size(group))
        names = [stream.name(f"{name}[{neuron}]") for neuron in range(len(core))]
        for block in job.blocks(group):
            time_ns = (block.time_ps // PS_PER_NS).tolist()
            for time, neuron, at in zip(time_ns, block.neuron.tolist(), core[block.neuron].tolist(), strict=True):
                stream.instant(cores[at], time, names[neuron])


def step_starts_ns(job: Job, start: int, stop: int) -> Int64Array:
    """Return when steps `start` to `stop` of the run begin, int64[step] in ns."""
    samples = job.trace.samples
    steps = np.arange(start, stop)
    owner = np.searchsorted(samples.first_step, steps, side="right") - 1
    ends = job.trace.steps("end_ps", max(0, start - 1), stop)
    before = ends[:len(steps)] if start else np.concatenate([[0], ends])[:len(steps)]
    within = np.where(samples.first_step[owner] == steps, 0, before)
    starts: Int64Array = (samples.start_time_ps[owner] + within) // PS_PER_NS
    return starts


def _write_cores(job: Job, stream: PacketStream, cores: list[Track]) -> None:
    trace, n_steps = job.trace, int(job.trace.samples.n_steps[:job.n_samples].sum())
    names = {"soma": "ns", "synapse": "ns", **dict.fromkeys(CORE_COUNTERS, "")}
    counters = {name: [stream.counter(name, core, unit) for core in cores] for name, unit in names.items()}
    at_once = max(1, STEP_VALUES // max(1, trace.n_cores * len(CORE_EVENT_INDEX)))
    for start in range(0, n_steps, at_once):
        stop = min(start + at_once, n_steps)
        times, counts = step_starts_ns(job, start, stop), trace.core_counts(start, stop)
        soma, synapse = (phase / PS_PER_NS for phase in trace.core_times(start, stop))
        tables = {"soma": soma, "synapse": synapse}
        for name, events in CORE_COUNTERS.items():
            columns = [CORE_EVENT_INDEX[event] for event in events if CORE_EVENT_INDEX[event] < counts.shape[2]]
            tables[name] = counts[:, :, columns].sum(axis=2)
        for name, values in tables.items():
            for core, counter in enumerate(counters[name]):
                stream.count(counter, times, values[:, core])
    _finish(job, stream, [counter for row in counters.values() for counter in row])


def _write_links(job: Job, stream: PacketStream, root: Track) -> None:
    header, totals = job.trace.header, job.trace.link_packets
    found = links(header, totals)
    routers = {tile: stream.track(router_name(header, tile), root) for tile in sorted({link.router for link in found})}
    per_step = link_steps(job)
    if per_step is None and job.trace.link_block_steps:
        _write_occupied(job, stream, found, routers)
        return
    if per_step is None:
        job.notes.append("links and routers carry the packets of the whole run as one value: give --record packets to "
                         "the run, and have them per time step")
        for link in found:
            counter = stream.counter(f"{link_name(header, link)}, packets of the run", routers[link.router])
            stream.count(counter, np.zeros(1, np.int64), totals[[link.number]])
        return
    counters = {link.number: stream.counter(link_name(header, link), routers[link.router], "packets") for link in found}
    passed = {tile: stream.counter("packets", track, "packets") for tile, track in routers.items()}
    for block in per_step:
        _count_links(job, stream, block, counters, passed)
    _finish(job, stream, [*counters.values(), *passed.values()])


def _write_occupied(job: Job, stream: PacketStream, found: list[Link], routers: dict[int, Track]) -> None:
    """Count how long each link was occupied, block of time steps by block."""
    trace, steps = job.trace, job.trace.link_block_steps
    job.notes.append("links carry the ns that they were occupied: give --record packets to the run, and have packets")
    counters = [stream.counter(link_name(trace.header, link), routers[link.router], "ns occupied") for link in found]
    first_step, n_steps = trace.samples.first_step[:job.n_samples], trace.samples.n_steps[:job.n_samples]
    first = np.concatenate([np.zeros(0, np.int64), *(np.arange(start, start + n, steps) for start, n in
                                                     zip(first_step, n_steps, strict=True))])
    at_once = max(1, STEP_VALUES // max(1, len(trace.link_packets)))
    for start in range(0, len(first), at_once):
        begun = first[start:start + at_once]
        loads = trace.link_loads(start, start + len(begun))
        assert loads is not None
        table = np.zeros((len(begun), len(trace.link_packets)))
        table[np.repeat(np.arange(len(begun)), np.diff(loads.start)), loads.link] = loads.busy_ps / PS_PER_NS
        times = step_starts_ns(job, int(begun[0]), int(begun[-1]) + 1)[begun - begun[0]]
        for link, counter in zip(found, counters, strict=True):
            stream.count(counter, times, table[:, link.number])
    _finish(job, stream, counters)


def _count_links(job: Job, stream: PacketStream, block: LinkSteps, counters: dict[int, Counter],
                 passed: dict[int, Counter]) -> None:
    times = step_starts_ns(job, block.first_step, block.first_step + len(block.packets))
    for number, counter in counters.items():
        stream.count(counter, times, block.packets[:, number])
    for tile, counter in passed.items():
        stream.count(counter, times, block.packets[:, block.routers == tile].sum(axis=1))


def _finish(job: Job, stream: PacketStream, counters: list[Counter]) -> None:
    """Let every counter fall to 0 at the end of the run."""
    for counter in counters:
        stream.count(counter, np.array([job.duration_ps // PS_PER_NS]), np.zeros(1))
