"""`neurosim chips`: the chip library, or everything about one chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from hw_models.page import Page

LINE = 110


def chips(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A chip's name or YAML file.")] = None,
    set_: options.ChipSettings = None,
    json: options.Json = False,
) -> None:
    """List the chips, or show one with every figure, its interval and its source."""
    from hw_models.load import list_chips, load_chip
    from hw_models.page import chip_page, summary_row
    from neurosim.cli.output import print_json

    if name is None:
        found = [summary_row(load_chip(each, set_ or [])) for each in list_chips()]
        print_json(found) if json else print(_list(found))
        return
    page = chip_page(load_chip(name, set_ or []))
    print_json(_plain(page)) if json else print(_details(page))


def _plain(page: Page) -> dict[str, Any]:
    """Return the chip as its file has it, with the works it cites beside."""
    from hw_models.load import to_mapping

    return {**to_mapping(page.chip), "figures": page.bases, "sources": [row._asdict() for row in page.sources]}


def _list(found: list[dict[str, Any]]) -> str:
    from neurosim.cli.output import table

    rows = [[row["name"], str(row["cores"]), str(row["neurons_per_core"]), f"{row['process_nm']:g}", row["sync"],
             _share(row), row["title"]] for row in found]
    return table(rows, ["name", "cores", "neurons/core", "nm", "sync", "assumed", "title"])


def _share(row: dict[str, Any]) -> str:
    """Return how many of the figures are assumed."""
    if row["unpublished"] is not None:
        return "no run"
    return f"{row['figures'].get('assumed', 0)}/{sum(row['figures'].values())}"


def _details(page: Page) -> str:
    """Return every value, figures with interval, basis and source, then what else there is to say."""
    from neurosim.cli.output import table

    chip = page.chip
    figures = [[row.field, f"{row.value:g}", f"{row.low:g}", f"{row.high:g}", row.basis,
                row.source + (f" ({row.condition})" if row.condition else "")
                + (f" [{row.scaled_from}]" if row.scaled_from else "")] for row in page.figures]
    counts = ", ".join(f"{number} {basis}" for basis, number in page.bases.items())
    parts = [f"{chip.name}: {chip.title}"]
    if chip.unpublished is not None:
        parts += ["", *_wrapped(f"no figures per event: {chip.unpublished}; maps networks, runs none")]
    parts += ["", *(f"{field}: {value}" for field, value in page.values.items()), "",
              f"can compute (source: {chip.core.capabilities.source}):",
              *(f"  {name}: {value}" for name, value in page.capabilities.items()), "",
              f"{sum(page.bases.values())} figures that are not zero: {counts}", "",
              table(figures, ["figure", "value", "low", "high", "basis", "source"])]
    for title, items in (("missing", chip.missing), ("leaves out", chip.leaves_out),
                         ("sources", [f"{row.key} ({row.access}): {row.title}; {row.where}" for row in page.sources])):
        if items:
            parts += ["", f"{title}:", *(line for item in items for line in _wrapped(item, "- "))]
    return "\n".join(parts)


def _wrapped(text: str, mark: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, LINE, initial_indent=mark, subsequent_indent=" " * len(mark))
