"""What `w4_noc.py` compares: five ways to carry one trace of packets, each of which says when they arrived."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import plain_wheel
import simpy
import time_wheel
from numpy.typing import NDArray

from neurosim.engine.compiled import CompiledMachine, prepare
from neurosim.engine.contract import RunOptions
from neurosim.engine.reference import Chip
from neurosim.engine.reference_network import ARRIVAL, Packet, phase
from neurosim.kernel import driver
from neurosim.machine import (
    UNLIMITED,
    Cores,
    Destinations,
    Machine,
    Noc,
    Packets,
    Populations,
    Projections,
    Schedule,
    Slices,
    Synapses,
    Trees,
)
from neurosim.noc import kernels
from neurosim.noc.topology import Grid, count_hops, link_kinds, link_targets, path_links, route_table

SIDE = 16                               # columns and rows
N_TILES = SIDE * SIDE
RATE = 0.05                             # packets per node and ps, that is, per cycle of a link
HOP_PS, EJECT_PS, CYCLE_PS, CREDIT_PS = 2, 1, 1, 1
TARGET_UNLIMITED, TARGET_BUFFERED = 0.7, 0.35
Int64Array = NDArray[np.int64]


class Trace(NamedTuple):
    """Packets in order of injection; the place of a packet is its id."""

    inject: Int64Array
    source: Int64Array
    target: Int64Array
    side: int = SIDE                    # columns and rows of the mesh

    @property
    def n_hops(self) -> int:
        """Links between routers that all packets cross together."""
        return int(np.sum(count_hops(grid_of_side(self.side), self.source, self.target)))

    def head(self, n_packets: int) -> Trace:
        """Return the first packets."""
        return Trace(self.inject[:n_packets], self.source[:n_packets], self.target[:n_packets], self.side)


def grid_of_side(side: int) -> Grid:
    """Return a square mesh."""
    return Grid("mesh", "xy", side, side)


def uniform_traffic(n_packets: int, seed: int, side: int = SIDE, rate: float = RATE) -> Trace:
    """Return about `n_packets` packets, each to any other node, `rate` per node and cycle."""
    rng = np.random.default_rng(seed)
    n_tiles = side * side
    n_ticks = max(1, round(n_packets / (n_tiles * rate)))
    inject, source = np.nonzero(rng.random((n_ticks, n_tiles)) < rate)
    target = rng.integers(0, n_tiles - 1, len(source))
    return Trace(inject, source, target + (target >= source), side)


def bare_machine(buffer_packets: int, n_packets: int, target: Int64Array, side: int = SIDE) -> Machine:
    """Return a machine without neurons: the mesh, a core at each tile, and one destination per packet."""
    def empty(group: Any) -> Any:
        return group(*(np.zeros(0, np.int64) for _ in group._fields))

    n_tiles, grid = side * side, grid_of_side(side)
    core = np.arange(n_tiles)
    none = np.zeros(n_tiles, np.int64)
    noc = Noc(
        n_tiles=n_tiles, columns=side, rows=side, cores_per_tile=1, chip_columns=side, chip_rows=side, torus=0,
        y_first=0, link_target=link_targets(grid, n_tiles), link_kind=link_kinds(grid, n_tiles),
        hop_ps=np.array([HOP_PS, HOP_PS, HOP_PS, EJECT_PS]), cycle_ps=np.full(4, CYCLE_PS), credit_ps=CREDIT_PS,
        buffer_packets=buffer_packets, core_in_packets=UNLIMITED)
    no_work = np.zeros(n_packets, np.int32)
    return Machine(
        Schedule("pipelined", 1, 1), empty(Populations), empty(Projections), empty(Synapses), empty(Slices),
        Cores(core, core, none.astype(np.int8), none.astype(np.int8), none, none), empty(Packets),
        Destinations(target, np.zeros(n_packets, np.int64), no_work, no_work, no_work, no_work,
                     np.zeros(n_packets, np.int8)),
        empty(Trees)._replace(branch_start=np.zeros(1, np.int64)), noc, (), (), np.zeros(0, np.int8),
        np.zeros(0, np.int64), (), 0, 0, 0)


class Contender(ABC):
    """A way to carry a trace. `reset` makes it ready, `carry` is timed, `arrival` says what came of it."""

    name: str
    target: float | None = None         # of its speed, as a part of the plain hand-written loop's

    def __init__(self, trace: Trace, buffer_packets: int = UNLIMITED) -> None:
        self.trace = trace
        self.buffer_packets = buffer_packets

    def reset(self) -> None:  # noqa: B027  nothing to make ready, unless a contender says so
        pass

    @abstractmethod
    def carry(self) -> None: ...

    @abstractmethod
    def arrival(self) -> Int64Array: ...


@driver
def _make_state(n_links: Any, n_cores: Any, n_flights: Any, n_slots: Any, buffer_packets: Any) -> Any:
    return kernels.make_state(n_links, n_cores, n_flights, n_slots, buffer_packets, -1)


class Compiled(Contender):
    """The network of the compiled engine: all packets in one time step."""

    def __init__(self, trace: Trace, buffer_packets: int) -> None:
        super().__init__(trace, buffer_packets)
        limited = buffer_packets != UNLIMITED
        self.name = f"compiled, buffers of {buffer_packets}" if limited else "compiled, unlimited buffers"
        self.target = TARGET_BUFFERED if limited else TARGET_UNLIMITED
        n_tiles = trace.side * trace.side
        n_packets, n_links = len(trace.inject), 5 * n_tiles
        machine = bare_machine(buffer_packets, n_packets, trace.target, trace.side)
        self.compiled: CompiledMachine = prepare(machine, RunOptions())
        self.traffic = _traffic(trace)
        self.state = _make_state(n_links, n_tiles, n_packets, self.compiled.n_wheel_slots, buffer_packets)
        self.sinks = np.zeros((kernels.N_SINK_COLUMNS, n_packets), np.int64).T
        self.loads = np.zeros((n_links, 2), np.int64)
        self.queue_peak = np.zeros(n_tiles, np.int64)

    def reset(self) -> None:
        self.sinks[:] = 0

    def carry(self) -> None:
        network, n_packets = self.compiled.network, len(self.trace.inject)
        if self.buffer_packets == UNLIMITED:
            n_arrived = kernels.run_unlimited(network, self.traffic, n_packets, self.state, self.sinks, self.loads,
                                               self.queue_peak)
        else:
            n_arrived = kernels.run_buffered(network, self.traffic, n_packets, self.state, self.sinks, self.loads,
                                             self.queue_peak)
        assert n_arrived == n_packets, f"{self.name}: {n_arrived} of {n_packets} packets arrived"

    def arrival(self) -> Int64Array:
        return self.sinks[:, kernels.SINK_ARRIVAL] * self.compiled.tick


def _traffic(trace: Trace) -> kernels.Traffic:
    """Return the packets as the kernels want them: a list per core."""
    n_packets = len(trace.inject)
    packet = np.zeros((kernels.N_PACKET_COLUMNS, n_packets), np.int64).T
    packet[:, kernels.INJECT] = trace.inject
    packet[:, kernels.CORE] = trace.source
    packet[:, kernels.TARGET] = trace.target
    packet[:, kernels.TREE] = -1
    packet[:, kernels.FLITS] = 1
    packet[:, kernels.SINK] = np.arange(n_packets)
    packet[:, kernels.NEXT] = -1
    by_core = np.argsort(trace.source, kind="stable")
    same = trace.source[by_core[1:]] == trace.source[by_core[:-1]]
    packet[by_core[:-1][same], kernels.NEXT] = by_core[1:][same]
    first = np.full(trace.side * trace.side, -1, np.int64)
    first[trace.source[::-1]] = np.arange(n_packets)[::-1]
    return kernels.Traffic(packet, first)


class HandWritten(Contender):
    """The loop of `time_wheel`."""

    name = "hand-written loop, tuned"

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        number = np.arange(len(trace.inject))
        self.event = (number << 32 | trace.source << 8 | trace.target).astype(np.uint64)
        self.tick_start = np.searchsorted(trace.inject, np.arange(trace.inject[-1] + 2)).astype(np.uint64)
        route = route_table(grid_of_side(SIDE))
        tile = np.arange(N_TILES)
        link = np.where(route >= 0, 4 * tile[:, None] + route, 4 * N_TILES + tile)
        self.next_link = link.astype(np.uint16).ravel()
        self.link_target = link_targets(grid_of_side(SIDE), N_TILES).astype(np.uint64)
        self.ticks = np.zeros(len(number), np.uint32)
        self._make_scratch(256)

    def _make_scratch(self, n_slots: int) -> None:
        n_links = 5 * N_TILES
        self.wheel = np.zeros(n_slots * n_links, np.uint64)
        self.filled = np.zeros(n_slots, np.uint32)
        self.links = np.zeros((n_links, time_wheel.N_LINK_COLUMNS), np.uint32)

    def reset(self) -> None:
        self.ticks[:] = 0
        self._make_scratch(len(self.filled))

    def carry(self) -> None:
        room = np.uint64(len(self.wheel) // len(self.filled))
        n_arrived = time_wheel.carry(self.event, self.tick_start, self.next_link, self.link_target, np.uint64(HOP_PS),
                                     np.uint64(EJECT_PS), self.wheel, room, self.filled, self.links, self.ticks)
        if n_arrived == time_wheel.OVERFLOW:
            self._make_scratch(2 * len(self.filled))
            self.carry()
            return
        assert n_arrived == len(self.event), f"{self.name}: {n_arrived} of {len(self.event)} packets arrived"

    def arrival(self) -> Int64Array:
        return self.ticks.astype(np.int64)


class Plain(Contender):
    """The loop of `plain_wheel`."""

    name = "hand-written loop, plain"

    def carry(self) -> None:
        inject, source, target, _ = self.trace
        self.times = plain_wheel.carry(inject, source.astype(np.int32), target.astype(np.int32), SIDE, HOP_PS,
                                       EJECT_PS, 4096)
        assert self.times.min() >= 0, f"{self.name}: a packet waits for more than 4096 ticks"

    def arrival(self) -> Int64Array:
        return np.asarray(self.times, np.int64)


class Reference(Contender):
    """Routers, links and cores of the SimPy engine, with the trace's packets instead of neurons'."""

    def __init__(self, trace: Trace, buffer_packets: int) -> None:
        super().__init__(trace, buffer_packets)
        limited = buffer_packets != UNLIMITED
        self.name = f"SimPy, buffers of {buffer_packets}" if limited else "SimPy, unlimited buffers"

    def reset(self) -> None:
        machine = bare_machine(self.buffer_packets, len(self.trace.inject), self.trace.target)
        no_neurons: Any = None
        self.chip = Chip(machine, no_neurons, RunOptions(engine="reference"))
        self.packets = [Packet(number, number, core, 1, -1, [number])
                        for number, core in enumerate(self.trace.source.tolist())]

    def carry(self) -> None:
        self.chip.env.process(self._inject())
        self.chip.env.run()

    def _inject(self) -> Any:
        env: simpy.Environment = self.chip.env
        for packet, inject in zip(self.packets, self.trace.inject.tolist(), strict=True):
            if inject > env.now:
                yield phase(env, inject - env.now, ARRIVAL)
            self.chip.inject(packet)

    def arrival(self) -> Int64Array:
        return np.array([packet.arrival_ps[packet.number] for packet in self.packets], np.int64)


class Idiomatic(Contender):
    """SimPy as its users write it: a process per packet, a Resource per link. Ties are an accident of its queue."""

    name = "SimPy, Resource per link"

    def reset(self) -> None:
        self.env = simpy.Environment()
        grid = grid_of_side(self.trace.side)
        n_tiles = grid.n_tiles
        link_target = link_targets(grid, n_tiles)
        self.links = [simpy.Resource(self.env) for _ in range(5 * n_tiles)]
        self.times = [0] * len(self.trace.inject)
        pairs = zip(self.trace.source.tolist(), self.trace.target.tolist(), strict=True)
        self.paths = [path_links(grid, link_target, source, target) for source, target in pairs]

    def carry(self) -> None:
        for number, inject in enumerate(self.trace.inject.tolist()):
            self.env.process(self._travel(number, inject))
        self.env.run()

    def _travel(self, number: int, inject: int) -> Any:
        env, links = self.env, self.links
        yield env.timeout(inject)
        for link in self.paths[number]:
            with links[link].request() as request:
                yield request
                yield env.timeout(CYCLE_PS)
            yield env.timeout(HOP_PS - CYCLE_PS)
        with links[4 * N_TILES + int(self.trace.target[number])].request() as request:
            yield request
            yield env.timeout(EJECT_PS)
        self.times[number] = env.now

    def arrival(self) -> Int64Array:
        return np.array(self.times, np.int64)
