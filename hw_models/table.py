"""The chip library as Markdown: `python -m hw_models.table > docs/chips.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hw_models.load import list_chips, load_chip
from hw_models.page import FigureRow, Page, chip_page

BASES = ("measured", "simulated", "scaled", "assumed")
_HEAD = """# Chips

`neurosim chips` lists the chips, `neurosim chips NAME` shows one; `--chip NAME` takes one, `--chip my-chip.yaml` a chip
file of your own, `--set core.weight_bits=4` changes a field. Chip files stand in `hw_models/chips`; `generic-mesh.yaml`
explains every field.

Every figure has a nominal value, an interval from low to high, a basis and a source:

- *measured*: on silicon, or a fit to measurements; *simulated*: by the makers, before silicon;
- *scaled*: from a published figure, by a rule of `hw_models/scaling.py`; both are kept, tests recompute the value;
- *assumed*: nobody published it. Reports name every assumed figure that a run's energy or time rests on.

Static power is never part of an event's energy. How a source was read is said below: *first hand* in the work itself,
*second hand* in a quotation, *recalled* from memory; figures of the latter two are to be checked against the work
before much is built on them. A chip of which no energy or time of an event is published maps networks (`neurosim map`)
and has a constant power; it runs none. Figures that are zero at both ends are left out of this page and its counts, and
equal ones share a row.

This page is made by `python -m hw_models.table`.

"""
_COLUMNS = ("chip", "cores", "neurons per core", "nm", "steps", *BASES)


def document() -> str:
    """Return the page."""
    pages = [chip_page(load_chip(name)) for name in list_chips()]
    return _HEAD + _table(_COLUMNS, (_overview(page) for page in pages)) + "".join(_section(page) for page in pages)


def _overview(page: Page) -> tuple[str, ...]:
    chip = page.chip
    counts = tuple(str(page.bases.get(basis, 0)) for basis in BASES)
    return (f"[`{chip.name}`](#{chip.name})", str(chip.n_cores), str(chip.core.max_neurons), f"{chip.process_nm:g}",
            chip.sync.replace("_", " "), *counts)


def _section(page: Page) -> str:
    chip = page.chip
    parts = [f"\n## {chip.name}\n\n{chip.title}.\n"]
    if chip.unpublished is not None:
        parts.append(f"\n**No figures per event**: {chip.unpublished}.\n")
    parts += [
        "\n", _table(("figure", "value", "low", "high", "basis", "source", "condition", "scaled from"),
                     (_figure_cells(rows) for rows in _alike(page.figures))),
        f"\nCan compute: {', '.join(f'{name} {value}' for name, value in page.capabilities.items())}.\n",
        _list("Missing", chip.missing), _list("Left out", chip.leaves_out),
        _list("Sources", [f"`{row.key}` ({row.access}): {row.title}; {row.where}" for row in page.sources]),
    ]
    return "".join(parts)


def _alike(figures: Iterable[FigureRow]) -> list[list[FigureRow]]:
    """Return the figures that are not zero throughout, those together that differ in their field alone."""
    groups: dict[tuple[object, ...], list[FigureRow]] = {}
    for row in figures:
        if row.high > 0:
            unit = row.field.rsplit("_", 1)[-1]
            groups.setdefault((unit, *row[1:]), []).append(row)
    return list(groups.values())


def _figure_cells(rows: list[FigureRow]) -> tuple[str, ...]:
    row = rows[0]
    fields = ", ".join(f"`{each.field}`" for each in rows)
    return (fields, f"{row.value:g}", f"{row.low:g}", f"{row.high:g}", row.basis, row.source, row.condition,
            f"`{row.scaled_from}`" if row.scaled_from else "")


def _list(title: str, items: Sequence[str]) -> str:
    return f"\n{title}:\n\n" + "".join(f"- {item}\n" for item in items) if items else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    print(document(), end="")
