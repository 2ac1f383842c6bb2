"""The reference engine: SimPy processes for cores, routers, links and the barrier. It specifies order and time.

Small and slow on purpose. Users attach processes of their own (a sensor, a memory, a fault) by `attach`, a function
that gets the `Chip` below and returns a generator. Within one picosecond events go in phases: credits, arrivals,
grants; SimPy's event priorities carry them. Resources and stores are not used: their ties are accidents.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from neurosim.engine.contract import (
    RunOptions,
    overrun,
    readout_sizes,
    recorded_outputs,
    summed_readouts,
)
from neurosim.engine.fixed import as_values
from neurosim.engine.link_blocks import block_steps, link_loads
from neurosim.engine.reference_function import FunctionPass
from neurosim.engine.reference_network import (
    ARRIVAL,
    GRANT,
    Flight,
    Packet,
    Process,
    Routers,
    phase,
)
from neurosim.errors import SimulationError
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX, N_CHIP_EVENTS, N_CORE_EVENTS
from neurosim.machine import UNLIMITED, Machine
from neurosim.traces.schema import LinkLoads, PacketTable, SampleResult, SpikeTable, StepLoads


class Core:
    """Somata update and fire in order; arrivals are served in order of (arrival, packet)."""

    def __init__(self, chip: Chip, number: int) -> None:
        self.chip, self.number = chip, number
        self.waiting: list[tuple[int, int, int]] = []  # (arrival, packet number, destination)
        self.serving = False
        self.soma_done = True
        self.soma_ps = self.synapse_ps = 0
        self.stalled_ps = 0

    def stall(self, duration_ps: int) -> None:
        """Let the core serve no further packet for so long from now, as when it waits for a memory."""
        self.stalled_ps = max(self.stalled_ps, self.chip.now + duration_ps)
        phase(self.chip.env, duration_ps, GRANT).callbacks.append(lambda _: self._serve_next())

    def soma_phase(self, work: list[tuple[int, Callable[[], None] | None]]) -> Process:
        """Run through (duration, then what) pairs, from the start of the step."""
        started = self.chip.now
        for duration, then in work:
            if duration:
                yield phase(self.chip.env, duration, ARRIVAL)
            if then is not None:
                then()
        self.soma_ps = self.chip.now - started
        self.soma_done = True
        self.chip.settle(1)
        self._serve_next()

    def accept(self, packet: Packet, destination: int) -> None:
        """A packet has arrived."""
        now = self.chip.now
        packet.arrival_ps[destination] = now
        heapq.heappush(self.waiting, (now, packet.number, destination))
        # Whoever else arrives in this picosecond is in the queue before the next one is taken.
        phase(self.chip.env, 0, GRANT).callbacks.append(lambda _: self._serve_next())

    def _serve_next(self) -> None:
        overlapped = bool(self.chip.machine.cores.overlapped[self.number])
        if self.serving or not self.waiting or not (overlapped or self.soma_done) or self.chip.now < self.stalled_ps:
            return
        self.serving = True
        _, _, destination = heapq.heappop(self.waiting)
        if self.chip.machine.noc.core_in_packets != UNLIMITED:
            self.chip.ejection(self.number).give_back(self.chip.machine.noc.credit_ps)
        service = int(self.chip.machine.destinations.service_ps[destination])
        self.synapse_ps += service

        def done(_: simpy.Event) -> None:
            self.serving = False
            self.chip.settle(1)
            self._serve_next()

        phase(self.chip.env, service, ARRIVAL).callbacks.append(done)


class Chip(Routers):
    """Cores, routers, links and the barrier of one sample."""

    def __init__(self, machine: Machine, function: FunctionPass, options: RunOptions, sample: int = 0,
                 goes_on: Callable[[], bool] = lambda: True) -> None:
        super().__init__(machine)
        self.function, self.options, self.sample, self.goes_on = function, options, sample, goes_on
        self.walked_ps: int | None = None  # the time where nothing is simulated (details below `event`)
        self.cores = [Core(self, core) for core in range(len(machine.cores.tile))]
        self.log = _Log(machine, options, recorded_outputs(machine, options))
        self._unsettled = 0
        self._quiet = simpy.Event(self.env)

    @property
    def now(self) -> int:
        """Picoseconds since the start of the sample."""
        return int(self.env.now) if self.walked_ps is None else self.walked_ps

    def settle(self, count: int) -> None:
        """See `Routers.settle`; the step is over when nothing is left."""
        self._unsettled -= count
        if self._unsettled == 0 and not self._quiet.triggered:
            self._quiet.succeed()

    def arrive(self, packet: Packet, sink: int) -> None:
        """See `Routers.arrive`."""
        self.cores[int(self.machine.destinations.core[sink])].accept(packet, sink)

    def inject(self, packet: Packet) -> None:
        """See `Routers.inject`; below detail `event` no packet travels."""
        if self.walked_ps is None:
            super().inject(packet)
        else:
            packet.inject_ps = self.now

    def run(self, n_steps: int) -> Process:
        """The barrier: a step ends when all cores are done and the network is quiet, plus the barrier.

        Where a clock begins the steps, the next one waits for its tick.
        """
        for step in range(n_steps):
            started = self.now
            work, packets = self.log.begin(self, step)
            self._quiet = simpy.Event(self.env)
            self._unsettled = len(self.cores) + sum(len(packet.sinks) for packet in packets)
            for core, of_core in zip(self.cores, work, strict=True):
                core.soma_done, core.soma_ps, core.synapse_ps = False, 0, 0
                self.env.process(core.soma_phase(of_core))
            yield self._quiet
            yield phase(self.env, self.machine.barrier_ps, ARRIVAL)
            work_ps = self.now - started
            if (wait_ps := until_tick(self.machine, self.sample, step, started, work_ps)):
                yield phase(self.env, wait_ps, ARRIVAL)
            for link in self.links:
                if link.requests:
                    raise SimulationError(f"step {step}: link {link.number} has requests after the barrier")
            self.log.end(self, step, started, packets, work_ps)


class _Log:
    """Books what happens, and makes each step's work for the cores."""

    def __init__(self, machine: Machine, options: RunOptions, recorded: NDArray[np.int8]) -> None:
        self.machine, self.options, self.recorded = machine, options, recorded
        self.core_counts: list[NDArray[np.int32]] = []
        self.chip_counts: list[NDArray[np.int64]] = []
        self.step_end: list[int] = []
        self.soma: list[list[int]] = []
        self.synapse: list[list[int]] = []
        self.network: list[int] = []
        self.loads: list[tuple[int, int, int]] = []
        self.links_busy: list[int] = []
        self.links_so_far: list[list[int]] = []
        self.spikes: list[tuple[int, int, int, float, int]] = []
        self.packets: list[tuple[int, int, int, int, int, int]] = []
        self.overflows: list[NDArray[np.int64]] = []

    def begin(self, chip: Chip, step: int) -> tuple[list[list[tuple[int, Any]]], list[Packet]]:
        """Do the function pass of `step`; return each core's soma work and the packets to come."""
        if not chip.goes_on():
            raise GivenUpError
        machine, function = self.machine, chip.function
        populations, slices = machine.populations, machine.slices
        self.core_counts.append(np.zeros((len(machine.cores.tile), N_CORE_EVENTS), np.int32))
        self.chip_counts.append(np.zeros(N_CHIP_EVENTS, np.int64))
        work: list[list[tuple[int, Any]]] = [[] for _ in machine.cores.tile]
        packets: list[Packet] = []
        due = [(p, function.token_of(p, step)) for p in range(machine.n_populations)]
        function.overflow[:] = 0
        for population, token in due:
            if token >= 0:
                function.update(population, token)
        self.overflows.append(function.overflow.copy())
        for population, token in due:
            if token < 0:
                continue
            is_last = token + int(populations.period[population]) >= len(function.inputs)
            sends = is_last or not populations.last_only[population]
            for index in range(int(slices.population_start[population]), int(slices.population_start[population + 1])):
                self._slice(chip, step, population, token, index, sends, work, packets)
        return work, packets

    def _slice(self, chip: Chip, step: int, population: int, token: int, index: int, sends: bool,
               work: list[list[tuple[int, Any]]], packets: list[Packet]) -> None:
        """Book the updates of one slice; its firing neurons' packets follow each update."""
        machine, function = self.machine, chip.function
        slices, cores, populations = machine.slices, machine.cores, machine.populations
        core = int(slices.core[index])
        counts = self.core_counts[-1][core]
        output = function.output[population][token]
        for neuron in range(int(slices.start[index]), int(slices.stop[index])):
            active = bool(function.active[population][neuron])
            work[core].append((int(slices.active_ps[index] if active else slices.inactive_ps[index]), None))
            if slices.event_active[index] >= 0:
                counts[slices.event_active[index] if active else slices.event_inactive[index]] += 1
                counts[CORE_EVENT_INDEX["mode_update"]] += int(populations.n_modes[population]) if active else 0
            for number in np.flatnonzero(output[:, neuron]).tolist():
                if sends:
                    work[core].append((int(cores.spike_out_ps[core]), None))
                    counts[CORE_EVENT_INDEX["spike_out"]] += 0 if cores.is_port[core] else 1
                row = int(populations.first_row[population]) + neuron * len(output) + number
                first_output = int(populations.first_output[population])
                spike = (step, first_output + number, neuron, float(output[number, neuron]))
                if self.recorded[spike[1]]:
                    work[core].append((0, lambda spike=spike: self.spikes.append((*spike, chip.now))))
                if sends:
                    for packet in range(int(machine.packets.row_start[row]), int(machine.packets.row_start[row + 1])):
                        made = self._packet(len(packets), row, core, packet)
                        packets.append(made)
                        work[core].append((int(cores.packet_out_ps[core]), lambda made=made: chip.inject(made)))

    def _packet(self, number: int, row: int, core: int, index: int) -> Packet:
        """Make a packet and book everything it will cause."""
        machine = self.machine
        table, destinations = machine.packets, machine.destinations
        sinks = list(range(int(table.destination_start[index]), int(table.destination_start[index + 1])))
        chip_counts = self.chip_counts[-1]
        flits = int(table.flits[index])
        far = [sink for sink in sinks if not destinations.local[sink]]
        if far:
            for name, hops in (("hop_ew", table.hops_ew), ("hop_ns", table.hops_ns), ("chip_hop", table.hops_chip)):
                chip_counts[CHIP_EVENT_INDEX[name]] += int(hops[index])
                chip_counts[CHIP_EVENT_INDEX[f"flit_{name}"]] += int(hops[index]) * flits
        chip_counts[CHIP_EVENT_INDEX["tile_local"]] += len(far)
        if machine.cores.is_port[core]:
            chip_counts[CHIP_EVENT_INDEX["input_packet"]] += 1
        else:
            self.core_counts[-1][core, CORE_EVENT_INDEX["packet_out"]] += 1
        for sink in sinks:
            target = int(destinations.core[sink])
            if machine.cores.is_port[target]:
                chip_counts[CHIP_EVENT_INDEX["output_packet"]] += 1
                continue
            kinds = {"synapse_dense": int(destinations.dense[sink]), "synapse_sparse": int(destinations.sparse[sink]),
                     "synapse_conv": int(destinations.conv[sink])}
            booked = {"packet_in": 1, "synapse_read": int(destinations.words[sink]), **kinds,
                      "dendrite": sum(kinds.values())}
            for name, count in booked.items():
                self.core_counts[-1][target, CORE_EVENT_INDEX[name]] += count
        return Packet(number, row, core, flits, int(table.tree[index]), sinks)

    def load(self, chip: Chip, work_ps: int) -> None:
        """Book how long the step worked, and its busiest link."""
        before = self.links_busy or [0] * len(chip.links)
        self.links_busy = [link.busy_ps for link in chip.links]
        if len(self.loads) % block_steps(self.machine) == 0:
            self.links_so_far.append(self.links_busy)
        else:
            self.links_so_far[-1] = self.links_busy
        loads = [busy - earlier for busy, earlier in zip(self.links_busy, before, strict=True)]
        self.loads.append((work_ps, max(loads), loads.index(max(loads)) if max(loads) else -1))

    def end(self, chip: Chip, step: int, started: int, packets: list[Packet], work_ps: int) -> None:
        """Book the end of a step."""
        self.chip_counts[-1][CHIP_EVENT_INDEX["barrier"]] += 1
        self.step_end.append(chip.now)
        self.load(chip, work_ps)
        self.soma.append([core.soma_ps for core in chip.cores])
        self.synapse.append([core.synapse_ps for core in chip.cores])
        self.network.append(max((arrival - started for packet in packets for arrival in packet.arrival_ps.values()),
                                default=0))
        if self.options.record_packets:
            self.packets += [(step, packet.number, packet.row, int(self.machine.destinations.core[sink]),
                              packet.inject_ps, packet.arrival_ps[sink])
                             for packet in packets for sink in packet.sinks]

    def result(self, chip: Chip, sample: int) -> SampleResult:
        """Return everything as the contract wants it."""
        machine, function = self.machine, chip.function
        readout = _readouts(machine, function)
        packets = None
        if self.options.record_packets:
            columns = np.array(self.packets, np.int64).reshape(-1, 6).T
            packets = PacketTable(columns[0].astype(np.int32), *columns[1:])
        result = SampleResult(
            sample, len(function.inputs), readout[-1], readout if self.options.readout_tokens else None,
            np.array(self.step_end, np.int64), np.array(self.core_counts), np.array(self.chip_counts),
            np.array(self.soma, np.int64), np.array(self.synapse, np.int64), np.array(self.network, np.int64),
            np.array([link.n_packets for link in chip.links], np.int64),
            np.array([link.busy_ps for link in chip.links], np.int64), chip.queue_peaks(),
            _spike_table(self.spikes, machine), packets,
            loads=StepLoads(*np.array(self.loads, np.int64).T.copy()) if self.loads else None,
            link_loads=self._link_loads())
        if function.fixed is None:
            return result
        return as_values(machine, result, np.array(self.overflows), function.input_overflows)

    def _link_loads(self) -> LinkLoads | None:
        if not self.loads or not self.options.record_links:
            return None
        return link_loads(np.array(self.links_so_far, np.int64), block_steps(self.machine))


def _spike_table(spikes: list[tuple[int, int, int, float, int]], machine: Machine) -> SpikeTable:
    """Sort by (step, population, neuron, output): somata fire on many cores at once."""
    ordered = sorted(spikes, key=lambda s: (s[0], int(machine.output_population[s[1]]), s[2], s[1]))
    columns = list(zip(*ordered, strict=True)) if ordered else [(), (), (), (), ()]
    return SpikeTable(np.array(columns[0], np.int32), np.array(columns[1], np.int32), np.array(columns[2], np.int64),
                      np.array(columns[3], np.float64), np.array(columns[4], np.int64))


def _readouts(machine: Machine, function: FunctionPass) -> NDArray[np.float64]:
    """Return float64[token, readout neuron]: values, or spikes counted so far; held where a population rests."""
    rows = np.zeros((len(function.inputs), sum(readout_sizes(machine))))
    column = 0
    for population, summed in zip(machine.readouts, summed_readouts(machine), strict=True):
        size = int(machine.populations.size[population])
        held = np.zeros(size)
        for token in range(len(rows)):
            if token in function.output[population]:
                sent = function.output[population][token][0].astype(np.float64)
                held = held + sent if summed else sent
            rows[token, column:column + size] = held
        column += size
    return rows


class GivenUpError(Exception):
    """A sample that nobody waits for any more."""


def run_sample(machine: Machine, sample: int, inputs: NDArray[Any], options: RunOptions, *,
               attach: Sequence[Callable[[Chip], Process]] = (),
               goes_on: Callable[[], bool] = lambda: True) -> SampleResult:
    """Run one sample; inputs [token, column]. `attach`: processes of the caller's own, given the chip.

    `goes_on` is asked before every step. Raises GivenUpError where it says no, SimulationError where the network
    deadlocks.
    """
    function = FunctionPass(machine, inputs, options, sample)
    chip = Chip(machine, function, options, sample, goes_on)
    n_steps = machine.schedule.n_steps(len(inputs))
    if options.detail != "event":
        return _without_network(chip, sample, n_steps)
    for process in attach:
        chip.env.process(process(chip))
    barrier = chip.env.process(chip.run(n_steps))
    try:
        chip.env.run(barrier)
    except RuntimeError as error:
        if barrier.triggered:
            raise
        raise SimulationError(f"sample {sample}, step {len(chip.log.step_end)}: the network stands still with "
                              "packets in flight") from error
    return chip.log.result(chip, sample)


def until_tick(machine: Machine, sample: int, step: int, started: int, work_ps: int) -> int:
    """Return how long a step that is done waits for the next tick, in ps; 0 without a clock, and where it is late.

    Raises SimulationError where it is late and must not be.
    """
    if not machine.tick_ps:
        return 0
    wait_ps = (step + 1) * machine.tick_ps - started - work_ps
    if wait_ps < 0 and not machine.late_steps:
        raise overrun(machine, sample, step, work_ps)
    return max(wait_ps, 0)


def _without_network(chip: Chip, sample: int, n_steps: int) -> SampleResult:
    """Details `functional` and `analytic`: the same counts; a nominal step, or bounds on cores and links."""
    machine, log = chip.machine, chip.log
    analytic = chip.options.detail == "analytic"
    started = 0
    for step in range(n_steps):
        chip.walked_ps = started
        work, packets = log.begin(chip, step)
        soma, synapse = _walk(chip, work, packets) if analytic else _skip(chip, work)
        duration = _bound(chip, soma, synapse, packets) + machine.barrier_ps if analytic else machine.nominal_step_ps
        if analytic:
            log.load(chip, duration)
        log.chip_counts[-1][CHIP_EVENT_INDEX["barrier"]] += 1
        started += duration + until_tick(machine, sample, step, started, duration)
        log.step_end.append(started)
        log.soma.append(soma)
        log.synapse.append(synapse)
        log.network.append(0)
    return log.result(chip, sample)


def _skip(chip: Chip, work: list[list[tuple[int, Any]]]) -> tuple[list[int], list[int]]:
    """Let all somata fire at once; phases take no time."""
    for of_core in work:
        for _, then in of_core:
            if then is not None:
                then()
    return [0] * len(chip.cores), [0] * len(chip.cores)


def _walk(chip: Chip, work: list[list[tuple[int, Any]]], packets: list[Packet]) -> tuple[list[int], list[int]]:
    """Run through the cores' soma work; return the time of each phase on each core."""
    started = chip.now
    soma, synapse = [0] * len(chip.cores), [0] * len(chip.cores)
    for core, of_core in enumerate(work):
        for duration, then in of_core:
            soma[core] += duration
            chip.walked_ps = started + soma[core]
            if then is not None:
                then()
    destinations = chip.machine.destinations
    for packet in packets:
        for sink in packet.sinks:
            synapse[int(destinations.core[sink])] += int(destinations.service_ps[sink])
    return soma, synapse


def _bound(chip: Chip, soma: list[int], synapse: list[int], packets: list[Packet]) -> int:
    """Return the longest core or link of a step, without queues."""
    before = [link.busy_ps for link in chip.links]
    for packet in packets:
        if all(chip.machine.destinations.local[sink] for sink in packet.sinks):
            continue
        position = packet.tree if packet.tree >= 0 else int(chip.machine.cores.tile[packet.core])
        flights = [Flight(packet, position)]
        while flights:
            for branch in chip.branches(flights.pop()):
                chip.links[branch.link].n_packets += 1
                chip.links[branch.link].busy_ps += packet.flits * chip.links[branch.link].cycle_ps
                if branch.behind >= 0:
                    flights.append(Flight(packet, branch.behind))
    overlapped = chip.machine.cores.overlapped
    cores = [max(a, b) if overlapped[core] else a + b for core, (a, b) in enumerate(zip(soma, synapse, strict=True))]
    links = [link.busy_ps - earlier for link, earlier in zip(chip.links, before, strict=True)]
    return max(cores + links)
