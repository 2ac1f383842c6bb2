"""The reference engine of free-running chips: SimPy cores that work off what arrives. It specifies order and time.

Routers and links are those of `engine.reference_network`; users attach processes as in `engine.reference`. The rules
stand in `engine.free_rules`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.arrival_kernels import arrival_delay
from neurosim.engine.contract import RunOptions
from neurosim.engine.fixed import as_values
from neurosim.engine.free_function import FreeFunction, Updated
from neurosim.engine.free_log import FreeLog
from neurosim.engine.free_rules import last_tick_ps, too_many_jobs
from neurosim.engine.free_tokens import FreeTokens
from neurosim.engine.reference_network import ARRIVAL, SERVE, Packet, Process, Routers, phase
from neurosim.errors import SimulationError
from neurosim.machine import UNLIMITED, FreeRunning, Int64Array, Machine
from neurosim.numbers import stream_key
from neurosim.traces.schema import SampleResult

Work = list[tuple[int, Callable[[], None] | None]]      # (duration, then what), one after the other
CLOCK, PACKET = 0, 1            # ranks of jobs that arrive together: ticks, tokens and slices that take one first


class PacketKey(NamedTuple):
    """The id of a packet: its injection, its place in machine.Packets, how often its row had fired before."""

    inject_ps: int
    place: int
    ordinal: int


@dataclass
class FreePacket(Packet):
    """A packet of a free-running chip.

    value : what it carries, in the numbers of the run
    token : that it belongs to, where populations wait for whole tokens
    """

    index: int = 0
    ordinal: int = 0
    value: Any = 0
    token: int = -1


class Job(NamedTuple):
    """Something for a core to do, in the order in which it is done. number : of a token or slice, or a packet's id

    packet : None: a token (at the input port), a tick, or a slice that takes a token; sink : destination of the packet
    """

    arrival_ps: int
    rank: int
    number: PacketKey | int
    sink: int = -1
    packet: FreePacket | None = None


class FreeCore:
    """A core, or a port: works off one job after the other."""

    def __init__(self, chip: FreeChip, number: int) -> None:
        self.chip, self.number = chip, number
        self.waiting: list[Job] = []
        self.busy = False

    def put(self, job: Job) -> None:
        """A job has arrived; whoever else comes in this picosecond is in the queue before one is taken."""
        heapq.heappush(self.waiting, job)
        self._look()

    def _look(self) -> None:
        phase(self.chip.env, 0, SERVE).callbacks.append(lambda _: self._take())

    def _take(self) -> None:
        if not self.busy and self.waiting:
            self.busy = True
            self.chip.env.process(self._work(heapq.heappop(self.waiting)))

    def _work(self, job: Job) -> Process:
        for duration, then in self.chip.begin(self.number, job):
            if duration:
                yield phase(self.chip.env, duration, ARRIVAL)
            if then is not None:
                then()
        self.busy = False
        self._look()


class FreeChip(Routers):
    """Cores, routers and links of one sample, without steps."""

    def __init__(self, machine: Machine, free: FreeRunning, function: FreeFunction, options: RunOptions, sample: int,
                 times_ps: Int64Array) -> None:
        super().__init__(machine)
        self.free, self.function, self.options, self.sample = free, function, options, sample
        self.cores = [FreeCore(self, core) for core in range(len(machine.cores.tile))]
        self.log = FreeLog(machine, options, times_ps)
        self.n_jobs = self.n_travelling = 0
        self._key = stream_key(options.seed, f"arrivals {sample}")
        self._fired = np.zeros(len(machine.packets.row_start) - 1, np.int64)
        self._input_port = len(self.cores) - 2
        self._n_outputs = machine.populations.n_outputs[machine.output_population]
        self._ticked = [core for core in self.cores if any(map(function.is_ticked, function.slices(core.number)))]
        self.tokens = None if free.tokens is None else FreeTokens(self, free.tokens, len(times_ps))
        self._token = -1            # that is being taken, where populations take whole tokens

    # -- arrivals

    def enter(self, times_ps: Int64Array) -> Process:
        """Hand the tokens to the input port, each at its time."""
        for token, time_ps in enumerate(times_ps.tolist()):
            yield phase(self.env, time_ps - self.now, ARRIVAL)
            if self.tokens is None:
                self.put_clock(self._input_port, token)
            else:
                self.tokens.is_due()

    def put_clock(self, core: int, number: int) -> None:
        """Hand a core a token, a slice that is to take one, or a tick."""
        self.cores[core].put(Job(self.now, CLOCK, number))

    def let_in(self, token: int) -> None:
        """Have a whole token enter: what neurons make of it does not depend on time."""
        self.function.take(token)
        self._book_overflows()
        self.put_clock(self._input_port, token)

    def tick(self, last_ps: int) -> Process:
        """The leak clock."""
        while self.now < last_ps:
            yield phase(self.env, self.free.tick_ps, ARRIVAL)
            for core in self._ticked:
                self.put_clock(core.number, 0)

    def inject(self, packet: Packet) -> None:
        """See `Routers.inject`; here a packet gets its id."""
        assert isinstance(packet, FreePacket), "cores make no others"
        packet.number = PacketKey(self.now, packet.index, packet.ordinal)
        self.n_travelling += len(packet.sinks)
        self.log.count_packet(self.now, packet)
        super().inject(packet)

    def arrive(self, packet: Packet, sink: int) -> None:
        """See `Routers.arrive`; it may come late by what is drawn for it."""
        assert isinstance(packet, FreePacket), "cores make no others"
        target = int(self.machine.destinations.core[sink])
        delay = 0
        if self.options.arrival_jitter_ps and not self.machine.cores.is_port[target]:
            delay = int(arrival_delay(self._key, *packet.number, sink, self.options.arrival_jitter_ps))
        if delay:
            phase(self.env, delay, ARRIVAL).callbacks.append(lambda _: self._accept(packet, sink, target))
        else:
            self._accept(packet, sink, target)

    def _accept(self, packet: FreePacket, sink: int, target: int) -> None:
        self.log.arrived(self.now, packet, sink)
        self.cores[target].put(Job(self.now, PACKET, packet.number, sink, packet))

    # -- jobs

    def begin(self, core: int, job: Job) -> Work:
        """Return what a job makes a core do from now on."""
        self.n_jobs += 1
        if self.n_jobs > self.options.most_jobs:
            raise too_many_jobs(self.sample, self.now, self.options)
        if job.packet is not None:
            return self._serve(core, job, job.packet)
        assert isinstance(job.number, int), "tokens and slices are numbered"
        if core == self._input_port:
            return self._inputs(job.number)
        if self.tokens is not None:
            return self._take(core, job.number, self.tokens)
        work: Work = []
        for index in filter(self.function.is_ticked, self.function.slices(core)):
            neurons = np.arange(self.machine.slices.start[index], self.machine.slices.stop[index])
            work += self._fire(core, index, self.function.update_slice(index, neurons, None))
        self._book_overflows()
        self.log.book_soma(self.now, core, work)
        return work

    def _serve(self, core: int, job: Job, packet: FreePacket) -> Work:
        """Serve a packet: charges into ticked populations, updates of all others that it touches."""
        machine, service = self.machine, int(self.machine.destinations.service_ps[job.sink])
        self.n_travelling -= 1
        if machine.noc.core_in_packets != UNLIMITED:
            self.ejection(core).give_back(machine.noc.credit_ps)
        self.log.count_service(self.now, core, job.sink, service)
        if self.tokens is not None:
            return [(service, partial(self.tokens.served, job.sink, packet.token))]
        output, neuron = self._source(packet.row)
        work: Work = []
        for index in self.function.slices(core):
            touched = self.function.deliver(output, neuron, packet.value, index)
            if len(touched) and not self.function.is_ticked(index):
                work += self._fire(core, index, self.function.update_slice(index, touched, job.arrival_ps))
        self._book_overflows()
        self.log.book_soma(self.now, core, work)
        return [(service, None), *work]

    def _source(self, row: int) -> tuple[int, int]:
        """Return output and neuron of an output row."""
        first_row = self.machine.populations.first_row
        population = int(np.searchsorted(first_row, row, "right")) - 1
        neuron, number = divmod(row - int(first_row[population]), int(self.machine.populations.n_outputs[population]))
        return int(self.machine.populations.first_output[population]) + number, neuron

    def _inputs(self, token: int) -> Work:
        """Return the packets of a token's values, in order of populations and neurons."""
        work: Work = []
        self._token = token
        for index in self.function.slices(self._input_port):
            population = int(self.machine.slices.population[index])
            first, size = int(self.machine.populations.input_start[population]), self.machine.slices.stop[index]
            for neuron in np.flatnonzero(self.function.inputs[token, first:first + size]).tolist():
                work += self._send(self._input_port, int(self.machine.populations.first_row[population]) + neuron,
                                   self.function.inputs[token, first + neuron])
        for index in self.function.slices(self._input_port) if self.tokens is not None else ():
            work += self._mark(self._input_port, index)
        return work

    def _take(self, core: int, index: int, tokens: FreeTokens) -> Work:
        """Return what a slice does with the next token: updates, what they send, markers."""
        self._token = tokens.next[index]
        work = self._fire(core, index, self.function.taken(index, self._token))
        work += self._mark(core, index)
        self.log.book_soma(self.now, core, work)
        return [*work, (0, partial(tokens.is_done, index))]

    def _mark(self, core: int, index: int) -> Work:
        """Return the markers of a slice."""
        assert self.free.tokens is not None, "only where markers tell that a token is done"
        return self._send(core, self.free.tokens.marker_row + index, 0)

    def _fire(self, core: int, index: int, updated: Updated) -> Work:
        """Return a slice's updates, each followed by what the neuron sends."""
        machine, slices = self.machine, self.machine.slices
        population, row = int(slices.population[index]), self._token if self.tokens is not None else None
        self.log.count_updates(self.now, core, index, updated)
        work: Work = []
        for place, neuron in enumerate(updated.neurons.tolist()):
            duration = int(slices.active_ps[index] if updated.active[place] else slices.inactive_ps[index])
            duration += int(self.free.advance_ps[population]) if updated.advanced[place] else 0
            work.append((duration, partial(self._read_out, row, population, neuron, updated.output[0, place])))
            for number in np.flatnonzero(updated.output[:, place]).tolist():
                output = int(machine.populations.first_output[population]) + number
                value = updated.output[number, place]
                work.append((int(machine.cores.spike_out_ps[core]), partial(self._spike, core, output, neuron, value)))
                sender = int(machine.populations.first_row[population]) + neuron * len(updated.output) + number
                work += self._send(core, sender, value)
        return work

    def _send(self, core: int, row: int, value: Any) -> Work:
        """Return the injection of each packet of an output row."""
        table, ordinal = self.machine.packets, int(self._fired[row])
        work: Work = []
        shown, tokens = row, self.free.tokens
        if tokens is not None and row >= tokens.marker_row:
            shown = int(tokens.shown_row[row - tokens.marker_row])
        self._fired[row] += 1
        for index in range(int(table.row_start[row]), int(table.row_start[row + 1])):
            sinks = list(range(int(table.destination_start[index]), int(table.destination_start[index + 1])))
            packet = FreePacket(None, shown, core, int(table.flits[index]), int(table.tree[index]), sinks, index=index,
                                ordinal=ordinal, value=value, token=self._token)
            if self.tokens is not None:
                self.tokens.book(self._token, sinks)
            work.append((int(self.machine.cores.packet_out_ps[core]), partial(self.inject, packet)))
        return work

    def _read_out(self, row: int | None, population: int, neuron: int, value: Any) -> None:
        self.log.read_out(self.log.row_of(self.now) if row is None else row, population, neuron, value)

    def _spike(self, core: int, output: int, neuron: int, value: Any) -> None:
        self.log.spiked(self.now, core, output, neuron, value)

    def _book_overflows(self) -> None:
        self.log.count_overflows(self.now, self.function.overflow)
        self.function.overflow[:] = 0


def run_free_sample(machine: Machine, sample: int, inputs: NDArray[Any], times_ps: Int64Array, options: RunOptions, *,
                    attach: Sequence[Callable[[FreeChip], Process]] = ()) -> SampleResult:
    """Run one sample; inputs [token, column], times_ps [token]. `attach`: processes of the caller's own.

    Raises SimulationError where the network deadlocks, or never comes to rest.
    """
    free = machine.free
    assert free is not None, "only for free-running chips"
    function = FreeFunction(machine, free, inputs, options, sample, times_ps)
    chip = FreeChip(machine, free, function, options, sample, times_ps)
    for process in (chip.enter(times_ps), chip.tick(last_tick_ps(machine, times_ps)), *(own(chip) for own in attach)):
        chip.env.process(process)
    chip.env.run()
    if chip.n_travelling:
        raise SimulationError(f"sample {sample}: the network stands still with packets in flight")
    result = chip.log.result(chip, sample)
    if function.fixed is None:
        return result
    return as_values(machine, result, chip.log.overflows, function.input_overflows)
