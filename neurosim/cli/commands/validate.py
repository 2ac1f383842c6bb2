"""`neurosim validate`: predictions against published measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli import options


def validate(
    targets: Annotated[list[str] | None, typer.Argument(metavar="[TARGET]...", help=(
        "Names of targets, as in the first column; all where left out."))] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help=(
        "Folder of outside data (docs/data.md); by default what NEUROSIM_TEST_DATA names."))] = None,
    notes: Annotated[bool, typer.Option("--notes/--no-notes", help=(
        "Print sources, networks and remarks below the table."))] = True,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Hold predictions against measurements on silicon, and against SANA-FE."""
    from neurosim.cli.output import print_json, progress_bar
    from neurosim.errors import DataError
    from neurosim.validate import as_mapping, render, run_targets
    from neurosim.validate.data import data_folder

    if data is not None and not data.is_dir():
        raise DataError(f"--data {data}: no such folder", allowed="a folder laid out as docs/data.md says")
    with progress_bar("targets", quiet=quiet) as tell:
        outcomes = run_targets(targets or [], data or data_folder(), tell)
    if json:
        print_json(as_mapping(outcomes))
    elif not quiet:
        print(render(outcomes, notes=notes))
