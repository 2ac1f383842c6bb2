"""`neurosim import`: read a trained network that another program wrote, and say what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from importers.result import ImportResult


def import_network(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help=(
        "A checkpoint (.safetensors, .pt, .npz, .msgpack), a NIR graph or a lava-dl netx file; told by content."))],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="NET.h5", help=(
        "Write the network here; without it, only the report is printed."))] = None,
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help=(
        "Importer; auto (default): the one that recognises the content. docs/importers.md has the names."))] = "auto",
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the network.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=(
        "Option of the importer, such as kind=gsu or dt=0.0001. Repeatable."))] = None,
    force: options.Force = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Import a trained network, and report what was mapped, folded and dropped."""
    from importers import import_network as read
    from neurosim.cli.output import check_output, print_json, progress_bar
    from neurosim.graph_io import save_network

    check_output(output, force=force)
    chosen = _settings(set_ or [])
    if name is not None:
        chosen["name"] = name
    with progress_bar("importing", quiet=quiet):
        result = read(source, format_, **chosen)
        if output is not None:
            save_network(result.network, output, force=force)
    if json:
        print_json(to_json(result, output))
    elif not quiet:
        print(to_text(result, output))


def _settings(texts: list[str]) -> dict[str, Any]:
    """Return `NAME=VALUE` texts as options; raise OptionError where one cannot be read."""
    from hw_models.located import parse_located
    from neurosim.errors import OptionError

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise OptionError(f"--set {text}", allowed="NAME=VALUE, such as kind=gsu")
        found[name.strip()] = parse_located(value.strip(), f"--set {text}").value
    return found


def to_text(result: ImportResult, output: Path | None) -> str:
    """Return what was made, the settings, and what became of every part of the source."""
    from neurosim.cli.output import table

    network, report = result.network, result.report
    populations = [[item.name, item.model, str(item.size), str(item.n_modes or "")] for item in network.populations]
    actions = [line.action for line in report.lines]
    counts = ", ".join(f"{actions.count(action)} {action}" for action in ("mapped", "folded", "dropped"))
    parts = [f"{network.name}: {network.n_neurons} neurons, {network.n_synapses} synapses, "
             f"{len(network.populations)} populations, {len(network.projections)} projections"
             + ("" if output is None else f" -> {output}"), "",
             table(populations, ["population", "model", "size", "modes"]), ""]
    if report.settings:
        parts += [table([[name, value] for name, value in report.settings.items()], ["setting", "value"]), ""]
    rows = [[line.key, line.action, line.target, line.reason] for line in report.lines]
    parts += [f"of {len(rows)} parts of the source: {counts}", table(rows, ["source", "action", "to", "why"])]
    return "\n".join([*parts, *(f"note: {note}" for note in report.notes)])


def to_json(result: ImportResult, output: Path | None) -> dict[str, Any]:
    """Return the same for machines."""
    network, report = result.network, result.report
    return {"network": network.name, "output": None if output is None else str(output),
            "neurons": network.n_neurons, "synapses": network.n_synapses,
            "populations": [{"name": item.name, "model": item.model, "size": item.size, "modes": item.n_modes}
                            for item in network.populations],
            "settings": dict(report.settings), "notes": list(report.notes),
            "parts": [vars(line) for line in report.lines]}
