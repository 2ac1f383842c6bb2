"""`neurosim export`: a network, or the trace of a run, in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.export.trace_export import Exported


def export(
    source: Annotated[str, typer.Argument(metavar="TRACE|NET", help=(
        "A trace of `neurosim run --trace`; for nir a scenario (digits, digits:gsu), network or weight file."))],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
    format_: Annotated[str | None, typer.Option("--format", metavar="NAME", help=(
        "Of a trace: sonata, nwb, neo (a NIX file), csv, parquet, perfetto. Of a network: nir. By default what the "
        "suffix says: .sonata, .nwb, .nix, .csv, .parquet, .pftrace, else nir."))] = None,
    group: Annotated[list[str] | None, typer.Option("--group", metavar="NAME", help=(
        "Only this output of the network, such as layer_1. Repeatable."))] = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help="Only the first N samples.")] = None,
    table: Annotated[str, typer.Option("--table", metavar="NAME", help=(
        "Of csv and parquet: spikes, packets, steps or samples."))] = "spikes",
    dt_s: Annotated[float, typer.Option("--dt-s", metavar="S", help=(
        "Seconds of a time step, which NIR files do not hold; 1e-4 is usual."))] = 1e-4,
    network: options.Network = None,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the spikes of a trace for other programs, or a network as NIR."""
    from neurosim.cli.output import check_output, print_json, progress_bar
    from neurosim.export.trace_export import export_trace, find_exporter, format_of

    check_output(output, force=force)
    name = format_ or format_of(output) or "nir"
    if name == "nir":
        _export_network(source, output, dt_s, network, force=force, json=json, quiet=quiet)
        return
    find_exporter(name, table)
    with progress_bar("spikes", quiet=quiet) as progress:
        done = export_trace(source, output, name, groups=group, samples=samples, table=table, force=force,
                            progress=progress)
    if json:
        print_json(to_json(done))
    elif not quiet:
        print("\n".join([f"{output}: written, {done.n_spikes} spikes of {len(done.groups)} outputs as {name}",
                         *(f"note: {note}" for note in done.notes)]))


def _export_network(source: str, output: Path, dt_s: float, network: str | None, *, force: bool, json: bool,
                    quiet: bool) -> None:
    from neurosim.api import load_network
    from neurosim.cli.output import print_json, progress_bar
    from neurosim.export.nir import to_nir

    with progress_bar("exporting", quiet=quiet):
        notes = to_nir(load_network(source, network=network), output, dt_s, force)
    if json:
        print_json({"output": str(output), "format": "nir", "bytes": output.stat().st_size, "notes": list(notes)})
    elif not quiet:
        print("\n".join([f"{output}: written", *(f"note: {note}" for note in notes)]))


def to_json(done: Exported) -> dict[str, Any]:
    """Return what was written, for machines."""
    return {"output": str(done.path), "format": done.format, "spikes": done.n_spikes, "groups": list(done.groups),
            "bytes": done.n_bytes, "notes": list(done.notes)}
