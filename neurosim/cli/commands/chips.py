"""`neurosim chips`: the chip library, or everything about one chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from hw_models.schema import Chip


def chips(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A chip's name or YAML file.")] = None,
    set_: options.ChipSettings = None,
    json: options.Json = False,
) -> None:
    """List the chips, or show one with every figure, its interval and its source."""
    from hw_models.load import list_chips, load_chip, to_mapping
    from neurosim.cli.output import print_json

    if name is None:
        found = [load_chip(each, set_ or []) for each in list_chips()]
        print_json([_brief(chip) for chip in found]) if json else print(_list(found))
        return
    chip = load_chip(name, set_ or [])
    print_json(to_mapping(chip)) if json else print(_details(to_mapping(chip)))


def _brief(chip: Chip) -> dict[str, object]:
    return {"name": chip.name, "title": chip.title, "process_nm": chip.process_nm, "cores": chip.n_cores,
            "neurons_per_core": chip.core.max_neurons, "sync": chip.sync,
            "mesh": f"{chip.noc.columns}x{chip.noc.rows}"}


def _list(found: list[Chip]) -> str:
    from neurosim.cli.output import table

    rows = [[chip.name, str(chip.n_cores), str(chip.core.max_neurons), f"{chip.process_nm:g}", chip.sync, chip.title]
            for chip in found]
    return table(rows, ["name", "cores", "neurons/core", "nm", "sync", "title"])


def _details(chip: dict[str, object]) -> str:
    """Return every value as `path value`, figures with interval, basis and source."""
    from neurosim.cli.output import table

    plain, figures = [], []
    for path, value in _leaves("", chip):
        if isinstance(value, dict):
            condition = f" ({value['condition']})" if value.get("condition") else ""
            figures.append([path, _number(value["value"]), _number(value["low"]), _number(value["high"]),
                            str(value["basis"]), f"{value['source']}{condition}"])
        elif path != "leaves_out":
            plain.append(f"{path}: {'none' if value is None else value}")
    absent = chip["leaves_out"] if isinstance(chip["leaves_out"], list) else []
    listed = "\n".join(f"- {item}" for item in absent)
    return "\n".join([*plain, "", table(figures, ["figure", "value", "low", "high", "basis", "source"]), "",
                      "leaves out:", listed])


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _leaves(path: str, value: object) -> list[tuple[str, object]]:
    """Return (dotted path, value) of everything below; a figure counts as one value, and so does a plain list."""
    if isinstance(value, dict) and "basis" not in value:
        return [leaf for key, item in value.items() for leaf in _leaves(f"{path}.{key}" if path else str(key), item)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for index, item in enumerate(value) for leaf in _leaves(f"{path}.{index}", item)]
    if isinstance(value, list):
        return [(path, value if path == "leaves_out" else ", ".join(map(str, value)))]
    return [(path, value)]
