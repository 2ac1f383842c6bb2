"""Plain-Python oracle of the network-on-chip: packets of one time step, one event at a time.

Written from the semantics in the docstring of `neurosim.noc.kernels`. Routes come from coordinates, multicast trees
from splitting the set of targets router by router; nothing of the package is used. Times are integers.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Place = tuple[Any, ...]                # a link: (tile, direction) or ("core", core); a port: the link that feeds it
DIRECTIONS = ("east", "west", "north", "south")
STEP = {"east": (1, 0), "west": (-1, 0), "north": (0, -1), "south": (0, 1)}


@dataclass(frozen=True)
class Network:
    """Routers and links. `buffer_packets` and `core_in_packets` None: unlimited. Tile = row * columns + column.

    chip : columns and rows of tiles of each chip; (0, 0): one chip
    """

    columns: int
    rows: int
    core_tile: tuple[int, ...]
    torus: bool = False
    routing: str = "xy"
    hop_ew: int = 1
    hop_ns: int = 1
    eject: int = 1
    cycle: int = 1
    credit: int = 1
    buffer_packets: int | None = None
    core_in_packets: int | None = None
    chip: tuple[int, int] = (0, 0)
    hop_chip: int = 1
    cycle_chip: int = 1

    def direction(self, tile: int, target: int) -> str | None:
        """Return the way from one tile to another, None where it has been reached."""
        x, y = tile % self.columns, tile // self.columns
        to_x, to_y = target % self.columns, target // self.columns
        along_x = self._along(to_x - x, self.columns, "east", "west")
        along_y = self._along(to_y - y, self.rows, "south", "north")
        return (along_x or along_y) if self.routing == "xy" else (along_y or along_x)

    def _along(self, offset: int, length: int, up: str, down: str) -> str | None:
        if self.torus and abs(offset) * 2 > length:
            offset = -offset
        elif self.torus and abs(offset) * 2 == length:
            return up if offset else None
        return up if offset > 0 else down if offset < 0 else None

    def behind(self, tile: int, direction: str) -> int:
        """Return the tile behind a link."""
        x, y = tile % self.columns + STEP[direction][0], tile // self.columns + STEP[direction][1]
        return y % self.rows * self.columns + x % self.columns

    def leaves_chip(self, tile: int, direction: str) -> bool:
        """Whether a link leads to another chip."""
        return self.chip != (0, 0) and self._chip(tile) != self._chip(self.behind(tile, direction))

    def _chip(self, tile: int) -> tuple[int, int]:
        return tile % self.columns // self.chip[0], tile // self.columns // self.chip[1]

    def hop(self, tile: int, direction: str, flits: int) -> int:
        """Return the time from the start of a packet until it requests behind the link."""
        if self.leaves_chip(tile, direction):
            return self.hop_chip + (flits - 1) * self.cycle_chip      # all of it must have come
        return self.hop_ew if direction in ("east", "west") else self.hop_ns

    def cycle_of(self, place: Place) -> int:
        """Return the time of a flit on a link."""
        return self.cycle_chip if place[0] != "core" and self.leaves_chip(*place) else self.cycle

    def hops(self, tile: int, target: int) -> list[tuple[int, str]]:
        """Return the links from one tile to another."""
        links = []
        while (direction := self.direction(tile, target)) is not None:
            links.append((tile, direction))
            tile = self.behind(tile, direction)
        return links

    def zero_load(self, core: int, target: int, flits: int) -> int:
        """Return the latency without contention: hops * (router + link) + router + eject + (flits - 1) * cycle.

        Each link between chips adds (flits - 1) of its cycles.
        """
        links = self.hops(self.core_tile[core], self.core_tile[target])
        along = sum(self.hop(tile, direction, flits) for tile, direction in links)
        return along + self.eject + (flits - 1) * self.cycle


@dataclass(frozen=True)
class Packet:
    """Its number is its place in the list. `service` is what each target core spends on it."""

    inject: int
    core: int
    targets: tuple[int, ...]
    flits: int = 1
    service: int = 0


@dataclass
class Outcome:
    """What became of the packets."""

    arrivals: dict[tuple[int, int], int] = field(default_factory=dict)   # (packet, core) -> time
    crossings: Counter[Place] = field(default_factory=Counter)           # link -> packets
    queue_peak: Counter[int] = field(default_factory=Counter)            # core -> longest injection queue
    quiet: int = 0                                                       # all links are idle, all credits are back


@dataclass
class _Flight:
    number: int
    packet: Packet
    tile: int
    targets: tuple[int, ...]


class _Link:
    def __init__(self, slots: int | None) -> None:
        self.slots, self.free_at = slots, 0
        self.requests: list[tuple[int, int, _Flight, tuple[int, ...], Callable[[int], None]]] = []


class _Port:
    def __init__(self) -> None:
        self.fifo: deque[_Flight] = deque()
        self.is_busy = False     # its head requests, or is still being read


class _Simulation:
    def __init__(self, network: Network) -> None:
        self.network, self.outcome = network, Outcome()
        self.events: list[tuple[int, int, Callable[[int], None]]] = []
        self.links: dict[Place, _Link] = {}
        self.ports: dict[Place, _Port] = {}
        self.server_free: Counter[int] = Counter()
        self.order = count()

    def at(self, time: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self.events, (time, next(self.order), what))

    def link(self, place: Place) -> _Link:
        if place not in self.links:
            is_ejection = place[0] == "core"
            slots = self.network.core_in_packets if is_ejection else self.network.buffer_packets
            self.links[place] = _Link(slots)
        return self.links[place]

    def branches(self, flight: _Flight) -> list[tuple[Place, tuple[int, ...]]]:
        """Return (link, targets that lie behind it), by direction, then core."""
        network = self.network
        split: dict[str | None, list[int]] = {}
        for target in flight.targets:
            split.setdefault(network.direction(flight.tile, network.core_tile[target]), []).append(target)
        ways = [((flight.tile, direction), tuple(split[direction])) for direction in DIRECTIONS if direction in split]
        return ways + [(("core", target), (target,)) for target in sorted(split.get(None, []))]

    def enter(self, flight: _Flight, place: Place, now: int) -> None:
        """The head of a packet has come to a router, through the port that link (or core) `place` feeds."""
        if self.network.buffer_packets is None:
            for link, targets in self.branches(flight):
                self.request(link, flight, targets, now, lambda _: None)
            return
        port = self.ports.setdefault(place, _Port())
        port.fifo.append(flight)
        if place[0] == "core":
            self.outcome.queue_peak[place[1]] = max(self.outcome.queue_peak[place[1]], len(port.fifo))
        if not port.is_busy:
            port.is_busy = True
            self.request_head(port, place, 0, now)

    def request_head(self, port: _Port, place: Place, branch: int, now: int) -> None:
        """Let the head of a FIFO, or its next branch, request its link."""
        flight = port.fifo[0]
        ways = self.branches(flight)
        link, targets = ways[branch]

        def started(then: int) -> None:
            read_at = then + flight.packet.flits * self.network.cycle_of(link)
            if branch + 1 < len(ways):
                self.at(read_at, lambda time: self.request_head(port, place, branch + 1, time))
                return
            port.fifo.popleft()
            if place[0] != "core":
                self.at(then + self.network.credit, lambda _: self.give_back(place))
            self.at(read_at, lambda time: self.next_head(port, place, time))

        self.request(link, flight, targets, now, started)

    def next_head(self, port: _Port, place: Place, now: int) -> None:
        """The last flit of a head has been read: the next one requests, now or when it comes."""
        port.is_busy = bool(port.fifo)
        if port.is_busy:
            self.request_head(port, place, 0, now)

    def request(self, place: Place, flight: _Flight, targets: tuple[int, ...], now: int,
                started: Callable[[int], None]) -> None:
        self.link(place).requests.append((now, flight.number, flight, targets, started))

    def give_back(self, place: Place) -> None:
        link = self.link(place)
        assert link.slots is not None
        link.slots += 1

    def grant(self, now: int) -> None:
        """Start what can start: on each link the request of lowest (time, packet)."""
        for place, link in list(self.links.items()):
            if not link.requests or link.free_at > now or link.slots == 0:
                continue
            first = min(link.requests, key=lambda request: request[:2])
            link.requests.remove(first)
            _, _, flight, targets, started = first
            occupancy = flight.packet.flits * self.network.cycle_of(place)
            link.free_at = now + occupancy
            self.at(link.free_at, lambda _: None)     # the link is looked at again then
            if link.slots is not None:
                link.slots -= 1
            self.outcome.crossings[place] += 1
            self.cross(place, flight, targets, now)
            started(now)

    def cross(self, place: Place, flight: _Flight, targets: tuple[int, ...], now: int) -> None:
        network, packet = self.network, flight.packet
        if place[0] == "core":
            core = place[1]
            arrived = now + network.eject + (packet.flits - 1) * network.cycle
            self.outcome.arrivals[flight.number, core] = arrived
            served = max(arrived, self.server_free[core])
            self.server_free[core] = served + packet.service
            if network.core_in_packets is not None:
                self.at(served + network.credit, lambda _: self.give_back(place))
            return
        tile, direction = place
        hop = network.hop(tile, direction, packet.flits)
        moved = _Flight(flight.number, packet, network.behind(tile, direction), targets)
        self.at(now + hop, lambda time: self.enter(moved, place, time))


def carry(network: Network, packets: list[Packet]) -> Outcome:
    """Carry packets, numbered in order; those of one core have ascending times of injection."""
    simulation = _Simulation(network)
    for number, packet in enumerate(packets):
        flight = _Flight(number, packet, network.core_tile[packet.core], packet.targets)
        simulation.at(packet.inject, lambda now, flight=flight: simulation.enter(
            flight, ("core", flight.packet.core), now))
    while simulation.events:
        now = simulation.events[0][0]
        while simulation.events and simulation.events[0][0] == now:
            heapq.heappop(simulation.events)[2](now)
        simulation.grant(now)
        simulation.outcome.quiet = now      # every start puts an event at its end, and so does every credit
    return simulation.outcome
