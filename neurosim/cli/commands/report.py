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
    chip: Annotated[str | None, typer.Option("--chip", metavar="CHIP", help=(
        "Price with the figures of this chip instead of those recorded."))] = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> None:
    """Report on a trace: accuracy, energy by component, latency, load."""
    from neurosim import api
    from neurosim.cli.output import check_output, print_json, progress_bar
    from neurosim.report import to_text
    from neurosim.traces.store import Trace

    check_output(png, force=force)
    with Trace.open(trace, partial=trace.suffix == ".partial") as opened:
        with progress_bar("reporting", quiet=quiet):
            summary = api.summarise(opened, png, chip)
        if json:
            print_json(summary.to_json())
        elif not quiet:
            print(to_text(summary))
