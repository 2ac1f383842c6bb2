"""`neurosim report`: price a trace and show it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli import options


def report(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace written by `neurosim run --trace`.")],
    json: options.Json = False,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw a page into this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help=(
        "Write a page for browsers, which works offline, into this file. Needs the extra `explore`."))] = None,
    chip: Annotated[str | None, typer.Option("--chip", metavar="CHIP", help=(
        "Price with the figures of this chip instead of those recorded."))] = None,
    floorline: Annotated[bool, typer.Option("--floorline", help=(
        "Tell what bounds the time steps, and what to change; --png draws that."))] = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Report on a trace: accuracy, energy by component, latency, load."""
    from neurosim import api
    from neurosim.cli.output import check_output, print_json, progress_bar
    from neurosim.report import floorline_png, floorline_text, to_text
    from neurosim.traces.store import Trace

    check_output(png, force=force)
    check_output(html, force=force)
    with Trace.open(trace, partial=trace.suffix == ".partial") as opened:
        with progress_bar("reporting", quiet=quiet):
            summary = api.summarise(opened, None if floorline else png, chip, html=html)
            if floorline and png is not None:
                floorline_png(opened, png)
        if json:
            print_json(summary.to_json())
        elif floorline and not quiet:
            print(floorline_text(summary.floorline), end="")
        elif not quiet:
            print(to_text(summary))
