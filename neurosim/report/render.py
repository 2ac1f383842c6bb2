"""One page with what a run did: for a poster, a paper, a first look. matplotlib loads when a page is drawn."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hw_models.schema import Chip
from neurosim.errors import OptionError, SimulationError
from neurosim.new_files import refuse_special
from neurosim.report import palette
from neurosim.report.energy import recorded_chip, stored_chip
from neurosim.report.headline import key_figures
from neurosim.report.quantities import percent, shortened
from neurosim.report.summary import Summary, summarise
from neurosim.report.timing import core_load, link_load
from neurosim.traces.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE_INCHES = (16.0, 11.0)
DOTS_PER_INCH = 150                     # 2400 x 1650 pixels; still readable at 1600
FOOTER_LETTERS = 110                    # of the names of assumed figures
# What another path would mend; any other OSError (disk full, I/O error) is a failure.
_BAD_PATH = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


def to_png(trace: Trace, path: str | Path, chip: Chip | None = None) -> Path:
    """Draw the page of a run, priced with `chip` or the recorded one; return its path. An existing file is replaced.

    Raises
    ------
    OptionError : the path cannot be used
    SimulationError : the file could not be written (disk full); nothing is left of it
    """
    return draw(lambda: page(trace, chip), path)


def draw(figure: Callable[[], Figure], path: str | Path) -> Path:
    """Draw `figure` in our style into a PNG file; return its path. Raises what `to_png` does."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(path)
    unfinished = path.with_name(path.name + ".partial")
    refuse_special(path)
    refuse_special(unfinished)
    with rc_context(palette.STYLE):
        canvas = FigureCanvasAgg(figure())
        try:
            canvas.figure.savefig(unfinished, format="png", dpi=DOTS_PER_INCH)
            os.replace(unfinished, path)
        except BaseException as error:
            with suppress(OSError):
                unfinished.unlink()
            if isinstance(error, _BAD_PATH):
                raise OptionError(f"{path}: cannot be written: {error}", mend="give a path in a folder that can be "
                                  "written") from error
            if isinstance(error, OSError):
                raise SimulationError(f"{path}: cannot write the picture: {error}\n"
                                      "  mend: free disk space, or give another path") from error
            raise
    return path


def page(trace: Trace, chip: Chip | None = None) -> Figure:
    """Return the page as a matplotlib figure, priced with `chip` or the recorded one."""
    from matplotlib.figure import Figure

    from neurosim.report import mesh, panels

    summary = summarise(trace, chip)
    ran_on = recorded_chip(trace) or chip or stored_chip(trace)
    figure = Figure(figsize=SIZE_INCHES)
    _headline(figure, summary, ran_on.title if ran_on.name == summary.chip else summary.chip)
    grid = figure.add_gridspec(2, 12, left=0.105, right=0.975, bottom=0.078, top=0.765, hspace=0.36, wspace=1.2,
                               height_ratios=(1.15, 1))
    panels.raster(figure.add_subplot(grid[0, :8]), trace)
    mesh.draw(figure, grid[0, 8:], trace.header, core_load(trace, ran_on), link_load(trace))
    below = grid[1, :].subgridspec(1, 2, width_ratios=(7, 4.6), wspace=0.2)
    panels.energy(figure.add_subplot(below[0]), summary)
    panels.step_times(figure.add_subplot(below[1]), trace, summary)
    _footer(figure, summary)
    return figure


def _headline(figure: Figure, summary: Summary, chip_title: str) -> None:
    title = f"{shortened(summary.network or 'network', 50)} on {shortened(summary.chip, 20)}"
    figure.text(0.025, 0.962, title, size=25, weight="bold", va="center")
    priced = f"  ·  priced with {shortened(summary.priced_with, 24)}" if summary.other_price else ""
    figure.text(0.025, 0.926, f"{shortened(chip_title, 60 if priced else 90)}{priced}  ·  {summary.numbers}, "
                f"{summary.schedule}, detail {summary.detail}", size=11.5, color=palette.FAINT, va="center")
    cells = key_figures(summary)
    width = 0.95 / len(cells)
    for index, (value, name, detail) in enumerate(cells):
        left = 0.025 + index * width
        figure.text(left, 0.888, name, size=11, color=palette.FAINT, va="center")
        figure.text(left, 0.863, value, size=20, weight="bold", va="center")
        figure.text(left, 0.838, detail, size=10.5, color=palette.FAINT, va="center")


def _footer(figure: Figure, summary: Summary) -> None:
    named = ", ".join(row.component for row in summary.energy.assumed_rows if row.energy_j > 0)
    parts = [f"{percent(summary.energy.assumed_share)} of the energy rests on assumed figures"
             + (f" ({shortened(named, FOOTER_LETTERS)})" if named else "")]
    if summary.indicative:
        parts.append("energy of a floating-point run is indicative")
    if not summary.complete:
        parts.append("the run did not end")
    figure.text(0.975, 0.014, "  ·  ".join(parts), size=9.5, color=palette.FAINT, ha="right")
    figure.text(0.025, 0.014, "neurosim", size=9.5, color=palette.FAINT, weight="bold")
