"""The page of a run: what the report says, drawn for browsers; see `pages.shell`.

Every number comes from `Summary`, whose JSON stands in the page; tables are those of the report in the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hw_models.schema import Chip
from neurosim.pages.plotly import plotly_bundle
from neurosim.pages.shell import render_page, resource, write_page
from neurosim.report.energy import recorded_chip, stored_chip
from neurosim.report.energy_bars import energy_bars
from neurosim.report.formats import format_table
from neurosim.report.headline import key_figures
from neurosim.report.html.memory import memory_json
from neurosim.report.html.mesh_frames import mesh_json
from neurosim.report.html.raster import activity_of, raster_json, rates_json
from neurosim.report.html.steps import steps_json
from neurosim.report.notes import notes_of
from neurosim.report.quantities import count, shortened
from neurosim.report.summary import Summary, summarise
from neurosim.report.tables import tables_of
from neurosim.traces.trace import Trace

PACKAGE = "neurosim.report.html"
EARLY, SCRIPTS = "texts.js", ("packed.js", "panels.js", "raster.js", "steps.js", "mesh.js", "report.js")
KINDS = frozenset({"scatter", "bar", "heatmap"})     # of traces that the scripts draw
MOST_CLASSES = 128                      # of a confusion matrix that the page draws
MOST_SAMPLES = 2000                     # told one by one
MOST_FORMATS = 500
LETTERS = 200_000                       # of one entry of the provenance


def write_report_page(trace: Trace, path: Path, chip: Chip | None = None) -> None:
    """Write the page of a run, priced with `chip` or the recorded one, and put it in place when it is whole.

    Raises
    ------
    DataError : Plotly is not installed
    TraceError, ConfigError : as `summarise`
    OptionError, SimulationError : the path cannot be used; the file could not be written
    """
    plotly_bundle()                         # where there is none, say so before the trace is read
    summary = summarise(trace, chip)
    title = f"{shortened(summary.network or 'network', 60)} on {summary.chip}"
    page = render_page(title=title, subtitle=_subtitle(summary), body=resource("report.html", PACKAGE),
                       data=page_data(trace, summary, recorded_chip(trace) or chip or stored_chip(trace)),
                       script="\n".join(resource(name, PACKAGE) for name in SCRIPTS),
                       style=resource("report.css", PACKAGE), early=resource(EARLY, PACKAGE), kinds=KINDS)
    write_page(path, page)


def page_data(trace: Trace, summary: Summary, ran_on: Chip) -> dict[str, Any]:
    """Return what the page shows, in plain data of bounded size."""
    activity = activity_of(trace)
    plain = summary.to_json()
    plain.pop("confusion")
    formats = format_table(trace)
    return {
        "summary": plain, "figures": [list(figure) for figure in key_figures(summary)], "notes": notes_of(summary),
        "tables": [table.to_json() for table in tables_of(summary, formats[:MOST_FORMATS])],
        "formats_left_out": max(0, len(formats) - MOST_FORMATS),
        "confusion": _confusion(summary), "samples": _samples(trace),
        "raster": raster_json(trace, activity), "rates": rates_json(trace, activity),
        "energy": [{**bar._asdict(), "assumed": bar.assumed} for bar in energy_bars(summary)],
        "steps": steps_json(trace, ran_on), "mesh": mesh_json(trace, ran_on), "memory": memory_json(trace.header),
        "overflows": summary.overflows_by_population if summary.numbers == "fixed" else None,
        "provenance": _provenance(trace.provenance, summary, ran_on),
    }


def _subtitle(summary: Summary) -> str:
    priced = f", priced with {summary.priced_with}" if summary.other_price else ""
    return (f"{summary.numbers}, {summary.schedule}, detail {summary.detail}, {summary.engine} engine; "
            f"{count(summary.samples)} samples{priced}")


def _confusion(summary: Summary) -> dict[str, Any]:
    """Return the confusion matrix, or why there is none."""
    matrix = summary.confusion
    if matrix is None:
        return {"without": "No sample of this run has a label, so that there is neither accuracy nor confusion."}
    if len(matrix) > MOST_CLASSES:
        return {"without": f"{len(matrix)} classes: the confusion matrix stands in the report's JSON."}
    return {"without": "", "matrix": [list(row) for row in matrix]}


def _samples(trace: Trace) -> dict[str, Sequence[Any]]:
    """Return start in s, label and prediction of the first samples."""
    samples = trace.samples
    return {"start": (samples.start_time_ps[:MOST_SAMPLES] * 1e-12).tolist(),
            "label": samples.label[:MOST_SAMPLES].tolist(), "prediction": samples.prediction[:MOST_SAMPLES].tolist()}


def _provenance(notes: Mapping[str, str], summary: Summary, chip: Chip) -> list[list[str]]:
    """Return name and text of everything that tells where the run comes from, the most asked for first."""
    first = ("command", "source", "network", "chip_name", "seed", "numbers", "detail", "engine", "schedule",
             "mapping_options", "placement", "neurosim", "python", "numpy", "numba", "platform", "wall_s")
    given = {"chip_name": f"{chip.name}: {chip.title}", "complete": "yes" if summary.complete else "no, the run did "
             "not end", **notes}
    order = [name for name in first if name in given] + sorted(set(given) - set(first))
    return [[name.replace("_", " "), shortened(given[name], LETTERS)] for name in order]
