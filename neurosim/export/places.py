"""What a trace says of the chip's floor: which core holds which neurons, and what its links are called."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from neurosim.errors import TraceError
from neurosim.traces.schema import Int64Array, RunHeader

SLICE = re.compile(r"(.*)\[(\d+):(\d+)\]", re.DOTALL)
DIRECTIONS = ("east", "west", "north", "south")
N_DIRECTIONS = len(DIRECTIONS)
MAX_TILES = 10**6


class Link(NamedTuple):
    """A link out of the router of tile `router`; `number` as in `/links`."""

    number: int
    router: int


def check_floor(header: RunHeader) -> None:
    """Raise TraceError where a core lies on no tile of the chip."""
    most = n_tiles(header)
    if most > MAX_TILES or any(not 0 <= int(tile) < most for tile in header.core_tile):
        raise TraceError(f"/mapping/core_tile has a tile outside of {header.columns} x {header.rows}",
                         allowed=f"0 to {most - 1}, and at most {MAX_TILES} tiles", mend="run again")


def core_name(header: RunHeader, core: int) -> str:
    """Return the name of a used core: where it is on the chip, and what it holds."""
    slices = ", ".join(header.core_slices[core])
    if header.core_is_port[core]:
        return f"port {core}: {slices or 'output'}"
    return f"core {int(header.core_physical[core])} at {_place(header, int(header.core_tile[core]))}: {slices}"


def router_name(header: RunHeader, tile: int) -> str:
    """Return the name of the router of a tile."""
    return f"router {_place(header, tile)}"


def link_name(header: RunHeader, link: Link) -> str:
    """Return the name of a link."""
    direction = link.number - N_DIRECTIONS * link.router
    if link.number < N_DIRECTIONS * n_tiles(header):
        return f"link {DIRECTIONS[direction]}"
    core = link.number - N_DIRECTIONS * n_tiles(header)
    where = "port" if header.core_is_port[core] else f"core {int(header.core_physical[core])}"
    return f"link into {where}" if where != "port" else f"link into port {core}"


def links(header: RunHeader, packets: Int64Array) -> list[Link]:
    """Return the links that packets crossed, by number."""
    owner = link_routers(header, len(packets))
    return [Link(int(number), int(owner[number])) for number in np.flatnonzero(packets)]


def link_routers(header: RunHeader, n_links: int) -> Int64Array:
    """Return the tile of the router that each link leaves, int64[link]: four of each tile, then one into each core."""
    owner = np.concatenate([np.repeat(np.arange(n_tiles(header)), N_DIRECTIONS), header.core_tile])
    if n_links > len(owner):
        raise TraceError(f"/links has {n_links} rows", allowed=f"up to {len(owner)}", mend="run again")
    found: Int64Array = owner[:n_links].astype(np.int64)
    return found


def n_tiles(header: RunHeader) -> int:
    """Return the tiles of the chip."""
    return header.columns * header.rows


def port_populations(header: RunHeader) -> set[str]:
    """Return the populations that sit at a port: the inputs of the network."""
    slices = [SLICE.fullmatch(text) for core, texts in enumerate(header.core_slices) if header.core_is_port[core]
              for text in texts]
    return {found[1] for found in slices if found}


def core_of_neurons(header: RunHeader, population: str, size: int) -> Int64Array:
    """Return the core that holds each neuron of a population, int64[neuron]; cores count as in the trace."""
    cores = np.full(size, -1, np.int64)
    for core, texts in enumerate(header.core_slices):
        for text in texts:
            found = SLICE.fullmatch(text)
            if found and found[1] == population:
                cores[int(found[2]):int(found[3])] = core
    if size and cores.min() < 0:
        raise TraceError(f"/mapping/core_slices: no core holds {population}[{int(np.argmin(cores))}]",
                         allowed="every neuron on a core", mend="run again")
    return cores


def _place(header: RunHeader, tile: int) -> str:
    return f"({tile % header.columns}, {tile // header.columns})"
