"""How many packets crossed each link in each time step: from recorded packets, along the routes of the chip.

A packet with several destinations follows a tree: a link that two of its routes share counts once. The sums over the
run must equal what the engine counted per link; where they do not (a chip whose routes are others), there is no table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.export.job import Job
from neurosim.export.places import N_DIRECTIONS, core_of_neurons, link_routers, n_tiles
from neurosim.export.whole_steps import take, whole_steps
from neurosim.noc.topology import Grid, link_targets, path_links
from neurosim.traces.schema import Int64Array, RunHeader
from neurosim.traces.trace import Packets

STEP_VALUES = 2**20
MAX_TILES = 4096                # the table of routes has a row per tile and a column per tile


class LinkSteps(NamedTuple):
    """Packets of steps from `first_step` of the run on, int64[step, link]; `routers`: int64[link]."""

    first_step: int
    packets: Int64Array
    routers: Int64Array


def link_steps(job: Job) -> Iterator[LinkSteps] | None:
    """Return blocks of packets per time step and link, or None where the trace does not tell them."""
    noc = _noc(job)
    grid = _grid(job, noc)
    if grid is None or not job.trace.n_packets:
        return None
    routes = _Routes(job.trace.header, grid, skips_self=noc.get("self_delivery") == "skip")
    return _counted(job, routes) if _sums_agree(job, routes) else None


def _sums_agree(job: Job, routes: _Routes) -> bool:
    """Whether the packets of the whole run, along these routes, are what the engine counted on each link."""
    totals = job.trace.link_packets
    if len(totals) != N_DIRECTIONS * n_tiles(job.trace.header) + job.trace.n_cores:
        return False
    for packets in job.trace.packet_blocks():
        if packets.source_row.max() >= len(routes.source_core) or packets.core.max() >= job.trace.n_cores:
            return False
    found = np.zeros(len(totals), np.int64)
    for block in _counted(replace(job, n_samples=job.trace.n_samples), routes):
        found += block.packets.sum(axis=0)
    return np.array_equal(found, totals)


def _noc(job: Job) -> dict[str, Any]:
    """Return the network-on-chip of the recorded chip; empty where nothing sound is recorded."""
    try:
        return dict(json.loads(job.trace.provenance.get("chip", "{}")).get("noc") or {})
    except (ValueError, AttributeError, TypeError):
        return {}


def _grid(job: Job, noc: dict[str, Any]) -> Grid | None:
    """Return the grid of routers, if its routes are known."""
    header = job.trace.header
    known = noc.get("topology") in ("mesh", "torus") and noc.get("routing") in ("xy", "yx")
    if not (known and 0 < n_tiles(header) <= MAX_TILES):
        return None
    return Grid(noc["topology"], noc["routing"], header.columns, header.rows)


class _Routes:
    """The links between any two used cores."""

    def __init__(self, header: RunHeader, grid: Grid, *, skips_self: bool) -> None:
        self.header, self.skips_self = header, skips_self
        self.grid, self.targets = grid, link_targets(grid, len(header.core_tile))
        self.source_core = _row_cores(header)
        self.between = lru_cache(maxsize=None)(self._between)

    def _between(self, source: int, destination: int) -> Int64Array:
        if source == destination and self.skips_self:
            return np.zeros(0, np.int64)
        tiles = self.header.core_tile
        path = path_links(self.grid, self.targets, int(tiles[source]), int(tiles[destination]))
        return np.array([*path, N_DIRECTIONS * n_tiles(self.header) + destination], np.int64)


def _row_cores(header: RunHeader) -> Int64Array:
    """Return the core of each output row: population by population, neuron by neuron, output by output."""
    cores = []
    for index, (name, size) in enumerate(zip(header.population_names, header.population_sizes, strict=True)):
        cores.append(np.repeat(core_of_neurons(header, name, size), header.output_population.count(index)))
    return np.concatenate(cores)


def _counted(job: Job, routes: _Routes) -> Iterator[LinkSteps]:
    n_links = len(job.trace.link_packets)
    owners = link_routers(job.trace.header, n_links)
    samples, n_steps = job.trace.samples, int(job.trace.samples.n_steps[:job.n_samples].sum())
    at_once = max(1, STEP_VALUES // max(1, n_links))
    first, table = 0, np.zeros((min(at_once, n_steps), n_links), np.int64)
    for packets in whole_steps(_packets(job)):
        step = samples.first_step[packets.sample] + packets.step
        for start, rows in _windows(step, at_once):
            while start >= first + len(table):
                yield LinkSteps(first, table, owners)
                first += len(table)
                table = np.zeros((min(at_once, n_steps - first), n_links), np.int64)
            _add(table, step[rows] - first, take(packets, rows), routes)
    while first < n_steps:
        yield LinkSteps(first, table, owners)
        first += len(table)
        table = np.zeros((min(at_once, n_steps - first), n_links), np.int64)


def _windows(step: Int64Array, at_once: int) -> Iterator[tuple[int, slice]]:
    """Yield (first step, rows) of the windows of `at_once` steps that ascending `step` falls into."""
    if not len(step):
        return
    window = step // at_once
    cuts = [0, *(np.flatnonzero(np.diff(window)) + 1).tolist(), len(step)]
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        yield int(window[start]) * at_once, slice(start, stop)


def _packets(job: Job) -> Iterator[Packets]:
    for block in job.trace.packet_blocks():
        yield take(block, block.sample < job.n_samples)


def _add(table: Int64Array, step: Int64Array, packets: Packets, routes: _Routes) -> None:
    """Count the packets of one window into `table`, each link of a packet's tree once."""
    source = routes.source_core[packets.source_row]
    pairs, which = np.unique(source * len(routes.header.core_tile) + packets.core, return_inverse=True)
    paths = [routes.between(*divmod(int(pair), len(routes.header.core_tile))) for pair in pairs]
    lengths = np.array([len(path) for path in paths], np.int64)[which]
    link = np.concatenate([paths[index] for index in which]) if len(which) else lengths
    rows: NDArray[np.int64] = np.repeat(step, lengths)
    packet = np.repeat(packets.packet, lengths)
    crossed = np.unique(np.stack([rows, packet, link]), axis=1)
    np.add.at(table, (crossed[0], crossed[2]), 1)
