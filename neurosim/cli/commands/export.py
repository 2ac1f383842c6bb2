"""`neurosim export`: write a network in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli import options


def export(
    net: Annotated[str, typer.Argument(metavar="NET", help="Scenario (digits, digits:gsu), network or weight file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help="nir: a graph of NIR, as HDF5.")] = "nir",
    dt_s: Annotated[float, typer.Option("--dt-s", metavar="S", help=(
        "Seconds of a time step, which NIR files do not hold; 1e-4 is usual."))] = 1e-4,
    network: options.Network = None,
    force: options.Force = False,
) -> None:
    """Write a network as NIR, or say everything that NIR cannot express."""
    from neurosim.api import load_network
    from neurosim.cli.output import check_output
    from neurosim.errors import check_choice
    from neurosim.export.nir import to_nir

    check_choice("format", format_, ("nir",))
    check_output(output, force=force)
    notes = to_nir(load_network(net, network=network), output, dt_s, force)
    print("\n".join([f"{output}: written", *(f"note: {note}" for note in notes)]))
