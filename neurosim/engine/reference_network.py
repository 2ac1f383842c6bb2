"""Routers and links as SimPy events and processes: what the chips of `reference` and `free_reference` share.

Within one picosecond events go in phases: credits, arrivals, jobs of free-running cores, grants; SimPy's event
priorities carry them. Resources and stores are not used: their ties are accidents.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.events import EventPriority

from neurosim.engine.contract import (
    tail_ps,
)
from neurosim.machine import UNLIMITED, Machine
from neurosim.noc.topology import direction, grid_of

# Phases of one picosecond; SimPy's own URGENT and NORMAL are 0 and 1. SERVE: cores of free-running chips take a job.
CREDIT, ARRIVAL, SERVE, GRANT = EventPriority(2), EventPriority(3), EventPriority(4), EventPriority(5)
Process = Generator[Any, Any, None]


def phase(env: simpy.Environment, delay: int, priority: EventPriority) -> simpy.Event:
    """Return an event that happens after `delay` ps, in the given phase of its picosecond."""
    event = simpy.Event(env)
    event._ok, event._value = True, None
    env.schedule(event, priority, delay)
    return event


@dataclass
class Packet:
    """A packet. `sinks` are its destinations (index into machine.destinations).

    number : its id: the place in its step, or on a free-running chip `free_reference.PacketKey`
    """

    number: Any
    row: int
    core: int
    flits: int
    tree: int
    sinks: list[int]
    inject_ps: int = 0
    arrival_ps: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Flight:
    """A packet, or a copy of a multicast one, at a router (or at a node of its tree)."""

    packet: Packet
    position: int


@dataclass(frozen=True)
class Branch:
    """One way on: the link, what stands behind it, or the destination where it ejects."""

    link: int
    behind: int
    sink: int


class Link:
    """An output of a router: one packet at a time, into a FIFO with slots or into a core."""

    def __init__(self, chip: Routers, number: int, slots: int) -> None:
        self.chip, self.number = chip, number
        self.cycle_ps = int(chip.machine.noc.cycle_ps[chip.machine.noc.link_kind[number]])
        self.slots = slots if slots != UNLIMITED else 1 << 60
        self.free_ps = 0
        self.requests: list[tuple[int, Any, Flight, Branch, simpy.Event]] = []
        self.n_packets = self.busy_ps = 0

    def request(self, flight: Flight, branch: Branch) -> simpy.Event:
        """Ask for the link; the event happens when the packet starts."""
        granted = simpy.Event(self.chip.env)
        self.requests.append((self.chip.now, flight.packet.number, flight, branch, granted))
        self.poke(0)
        return granted

    def poke(self, delay: int) -> None:
        """See in the grant phase, `delay` ps from now, whether a packet can start."""
        phase(self.chip.env, delay, GRANT).callbacks.append(lambda _: self._start_next())

    def give_back(self, delay: int) -> None:
        """A slot behind this link is free again `delay` ps from now."""
        def credit(_: simpy.Event) -> None:
            self.slots += 1
            self.poke(0)
            self.chip.settle(1)

        self.chip.settle(-1)
        phase(self.chip.env, delay, CREDIT).callbacks.append(credit)

    def hold(self, duration_ps: int) -> None:
        """Let no packet start for so long from now: a fault, or a link that others use too."""
        self.free_ps = max(self.free_ps, self.chip.now + duration_ps)
        self.poke(duration_ps)

    def _start_next(self) -> None:
        now = self.chip.now
        if not self.requests or now < self.free_ps or self.slots == 0:
            return
        first = min(self.requests, key=lambda request: request[:2])
        self.requests.remove(first)
        _, _, flight, branch, granted = first
        occupancy = flight.packet.flits * self.cycle_ps
        self.free_ps = now + occupancy
        self.slots -= 1
        self.n_packets += 1
        self.busy_ps += occupancy
        self.chip.settle(-1)
        phase(self.chip.env, occupancy, GRANT).callbacks.append(lambda _: self._end())
        granted.succeed()
        self.chip.cross(flight, branch, self.number)

    def _end(self) -> None:
        """The last flit has left: the link is idle, or the next packet starts."""
        self._start_next()
        self.chip.settle(1)


class InputPort:
    """A FIFO before a router, fed by a link or by a core; only its head requests. A process reads it."""

    def __init__(self, chip: Routers, router: int, feeder: Link | None) -> None:
        self.chip, self.router, self.feeder = chip, router, feeder
        self.fifo: deque[Flight] = deque()
        self.peak = 0
        self._filled = simpy.Event(chip.env)
        chip.env.process(self._read())

    def put(self, flight: Flight) -> None:
        """Append a packet whose head has come."""
        self.fifo.append(flight)
        self.peak = max(self.peak, len(self.fifo))
        if not self._filled.triggered:
            self._filled.succeed()

    def _read(self) -> Process:
        env, noc = self.chip.env, self.chip.machine.noc
        while True:
            if not self.fifo:
                self._filled = simpy.Event(env)
                yield self._filled
            flight = self.fifo[0]
            branches = self.chip.branches(flight)
            for branch in branches:
                yield self.chip.links[branch.link].request(flight, branch)
                if branch is branches[-1]:
                    self.fifo.popleft()
                    if self.feeder is not None:
                        self.feeder.give_back(noc.credit_ps)
                # The FIFO is read at the pace of the link that the packet takes.
                yield phase(env, flight.packet.flits * self.chip.links[branch.link].cycle_ps, ARRIVAL)


class Routers:
    """Routers and links of one sample, and a clock; what lies around them is up to the chip."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.env = simpy.Environment(0)
        noc = machine.noc
        self.grid, self.tail_ps = grid_of(noc), tail_ps(noc).tolist()
        n_links = 4 * noc.n_tiles + len(machine.cores.tile)
        self.links = [Link(self, link, noc.buffer_packets if link < 4 * noc.n_tiles else noc.core_in_packets)
                      for link in range(n_links)]
        self.fifo: dict[int, InputPort] = {}
        if noc.buffer_packets != UNLIMITED:
            for link, router in enumerate(noc.link_target.tolist()[:4 * noc.n_tiles]):
                if router >= 0:
                    self.fifo[link] = InputPort(self, router, self.links[link])
            for core, tile in enumerate(machine.cores.tile.tolist()):
                self.fifo[4 * noc.n_tiles + core] = InputPort(self, tile, None)

    @property
    def now(self) -> int:
        """Picoseconds since the start of the sample."""
        return int(self.env.now)

    def settle(self, count: int) -> None:
        """So many things are done (or, negative, begun): phases, packets, occupied links, credits."""

    def arrive(self, packet: Packet, sink: int) -> None:
        """The tail of a packet is out of the ejection link of one of its destinations, now."""
        raise NotImplementedError

    def ejection(self, core: int) -> Link:
        """Return the link from a router into `core`."""
        return self.links[4 * self.machine.noc.n_tiles + core]

    def branches(self, flight: Flight) -> list[Branch]:
        """Return the ways on from a router, in order of direction, then core."""
        noc, trees, packet = self.machine.noc, self.machine.trees, flight.packet
        if packet.tree >= 0:
            first, stop = trees.branch_start[flight.position], trees.branch_start[flight.position + 1]
            return [Branch(int(trees.link[b]), int(trees.child[b]), int(trees.destination[b]))
                    for b in range(first, stop)]
        [sink] = [sink for sink in packet.sinks if not self.machine.destinations.local[sink]]
        core = int(self.machine.destinations.core[sink])
        tile = int(self.machine.cores.tile[core])
        if tile == flight.position:
            return [Branch(4 * noc.n_tiles + core, -1, sink)]
        link = 4 * flight.position + direction(self.grid, flight.position, tile)
        return [Branch(link, int(noc.link_target[link]), -1)]

    def inject(self, packet: Packet) -> None:
        """A core hands a packet to its router, now."""
        packet.inject_ps = self.now
        for sink in packet.sinks:
            if self.machine.destinations.local[sink]:
                self.arrive(packet, sink)
        if all(self.machine.destinations.local[sink] for sink in packet.sinks):
            return
        position = packet.tree if packet.tree >= 0 else int(self.machine.cores.tile[packet.core])
        self._enter(Flight(packet, position), 4 * self.machine.noc.n_tiles + packet.core)

    def cross(self, flight: Flight, branch: Branch, link: int) -> None:
        """A packet starts across a link: have it arrive behind it, or its head within a chip."""
        noc, packet = self.machine.noc, flight.packet
        kind = int(noc.link_kind[link])
        delay = int(noc.hop_ps[kind]) + (packet.flits - 1) * self.tail_ps[kind]
        if branch.behind < 0:
            phase(self.env, delay, ARRIVAL).callbacks.append(lambda _: self.arrive(packet, branch.sink))
            return
        moved = Flight(packet, branch.behind)
        event = phase(self.env, delay, ARRIVAL)
        event.callbacks.append(lambda _: self._enter(moved, link))

    def _enter(self, flight: Flight, port: int) -> None:
        """The head of a packet is at a router: into the port's FIFO, or (unlimited) straight into all queues."""
        if self.machine.noc.buffer_packets != UNLIMITED:
            self.fifo[port].put(flight)
            return
        for branch in self.branches(flight):
            self.links[branch.link].request(flight, branch)

    def queue_peaks(self) -> NDArray[np.int64]:
        """Return the longest injection queue of each core, int64[core]."""
        first, n_cores = 4 * self.machine.noc.n_tiles, len(self.machine.cores.tile)
        return np.array([self.fifo[first + core].peak if self.fifo else 0 for core in range(n_cores)], np.int64)
