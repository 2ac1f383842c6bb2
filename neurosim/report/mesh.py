"""The chip from above: tiles as squares, their cores coloured by load, links coloured by load."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import Rectangle

from neurosim.report import palette
from neurosim.traces.schema import Float64Array, RunHeader

TILE = 0.60                             # side of a tile; tiles are 1 apart
OFFSET = 0.10                           # of a link from the line between two tiles' centres; traffic keeps right
# Directions in the order of link indices: east, west, north, south. North is up: row 0 is at the top.
STEPS = ((1, 0), (-1, 0), (0, -1), (0, 1))


class Link(NamedTuple):
    """A link out of a router, `number` as in the trace, from (x0, y0) to (x1, y1) on the page."""

    number: int
    start: tuple[float, float]
    stop: tuple[float, float]


def draw(figure: Figure, place: SubplotSpec, header: RunHeader, core_load: Float64Array,
         link_load: Float64Array) -> None:
    """Draw the mesh and its two colour bars. Loads are busy time over simulated time, per core and per link."""
    grid = place.subgridspec(2, 2, height_ratios=(1, 0.045), hspace=0.08, wspace=0.25)
    whole = figure.add_subplot(grid[0, :])
    whole.axis("off")
    simulated = bool(np.any(core_load) or np.any(link_load))        # detail `functional` books no times
    whole.set_title("Load of cores and links" + ("" if simulated else " (none simulated)"), pad=24)
    axes = figure.add_subplot(grid[0, :])   # shrinks to the shape of the mesh; the title stays
    _draw_chips(axes, header)
    cores = _draw_cores(axes, header, 100 * core_load)
    links = _draw_links(axes, header, 100 * link_load)
    axes.set(xlim=(-0.6, header.columns - 0.4), ylim=(header.rows - 0.4, -0.6), aspect="equal")
    axes.axis("off")
    for column, (shown, name) in enumerate(((cores, "core busy (% of time)"), (links, "link busy (% of time)"))):
        bar = figure.colorbar(shown, cax=figure.add_subplot(grid[1, column]), orientation="horizontal")
        bar.set_label(name, size=10)
        bar.ax.tick_params(labelsize=9)
        bar.outline.set_visible(False)


def _draw_chips(axes: Axes, header: RunHeader) -> None:
    """Draw the edges between chips, where there are several."""
    for line, length, chip in ((axes.axvline, header.columns, header.chip_columns),
                               (axes.axhline, header.rows, header.chip_rows)):
        for place in range(chip, length, chip) if chip else ():
            line(place - 0.5, color=palette.FAINT, linewidth=1.6 * _width(header), linestyle=(0, (5, 3)))


def _draw_cores(axes: Axes, header: RunHeader, load: Float64Array) -> PatchCollection:
    tiles = [Rectangle((x - TILE / 2, y - TILE / 2), TILE, TILE)
             for y in range(header.rows) for x in range(header.columns)]
    axes.add_collection(PatchCollection(tiles, facecolor="#f3f5f7", edgecolor=palette.LINE, linewidth=_width(header)))
    used = np.flatnonzero(header.core_is_port == 0)
    cells = PatchCollection([_core_cell(header, int(core)) for core in used], cmap=palette.CORE_MAP,
                            edgecolor=palette.FAINT, linewidth=0.5 * _width(header))
    cells.set_array(load[used])
    cells.set_norm(_norm(load[used]))
    axes.add_collection(cells)
    return cells


def _core_cell(header: RunHeader, core: int) -> Rectangle:
    """Return the square of a core within its tile: cores of a tile stand in rows, as square as may be."""
    n_columns = math.ceil(math.sqrt(header.cores_per_tile))
    side = TILE / n_columns
    row, column = divmod(int(header.core_physical[core]) % header.cores_per_tile, n_columns)
    n_rows = math.ceil(header.cores_per_tile / n_columns)
    y, x = divmod(int(header.core_tile[core]), header.columns)
    return Rectangle((x - TILE / 2 + column * side, y - TILE / 2 + row * TILE / n_rows), side, TILE / n_rows)


def _draw_links(axes: Axes, header: RunHeader, load: Float64Array) -> LineCollection:
    links = mesh_links(header) if len(load) else []
    shares = np.array([load[link.number] for link in links])
    lines = LineCollection([(link.start, link.stop) for link in links], cmap=palette.LINK_MAP,
                           linewidths=4.2 * _width(header), capstyle="butt")
    lines.set_array(shares)
    lines.set_norm(_norm(shares))
    axes.add_collection(lines)
    return lines


def mesh_links(header: RunHeader) -> list[Link]:
    """Return the links between routers; those round a torus are not drawn."""
    links = []
    for tile in range(header.columns * header.rows):
        y, x = divmod(tile, header.columns)
        for direction, (dx, dy) in enumerate(STEPS):
            if 0 <= x + dx < header.columns and 0 <= y + dy < header.rows:
                right_x, right_y = -dy * OFFSET, dx * OFFSET
                first, last = TILE / 2 + 0.02, 1 - TILE / 2 - 0.02
                links.append(Link(4 * tile + direction, (x + right_x + dx * first, y + right_y + dy * first),
                                  (x + right_x + dx * last, y + right_y + dy * last)))
    return links


def _norm(values: Float64Array) -> Normalize:
    """Return a scale from 0 to the greatest value, or to 1 where all are 0."""
    return Normalize(0.0, float(values.max(initial=0.0)) or 1.0)


def _width(header: RunHeader) -> float:
    """Return 1 for small meshes, less for large ones, to scale the width of lines."""
    return min(1.0, 9.0 / max(header.columns, header.rows))
