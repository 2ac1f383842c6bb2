"""The report of a run for a terminal, as plain text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurosim.report.formats import FormatRow
from neurosim.report.notes import notes_of
from neurosim.report.quantities import count, percent, with_prefix
from neurosim.report.summary import Summary
from neurosim.report.tables import TextTable, tables_of

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 108


def to_text(summary: Summary, width: int = WIDTH, *, formats: Sequence[FormatRow] = ()) -> str:
    """Return the report as lines of at most `width` characters, without colours.

    `formats` are shown after the rest, where given: those of `format_table`.
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, markup=False,
                      emoji=False)         # a name in brackets or colons is a name
    console.print(_title(summary), highlight=False, soft_wrap=True)
    for table in tables_of(summary, formats):
        console.print(_printed(table))
    for note in notes_of(summary):
        console.print(note, highlight=False)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip() + "\n"


def _title(summary: Summary) -> str:
    energy = summary.energy
    n_samples = max(1, summary.samples)
    interval = (f"{with_prefix(energy.interval_low_j / n_samples, 'J')} to "
                f"{with_prefix(energy.interval_high_j / n_samples, 'J')}")
    per_sample = summary.latency.per_sample
    priced = f", priced with {summary.priced_with}" if summary.other_price else ""
    lines = [
        f"{summary.network or 'network'} on {summary.chip}{priced}"
        f"  ({summary.numbers}, {summary.schedule}, {summary.detail}, {summary.engine} engine)",
        f"accuracy {percent(summary.accuracy)} of {count(summary.samples)} samples"
        f"   energy {with_prefix(summary.energy_per_sample_j, 'J')} per sample ({interval})"
        f"   latency {with_prefix(per_sample.mean if per_sample else None, 's')} per sample",
    ]
    return "\n".join(lines) + "\n"


def _printed(shown: TextTable) -> Table:
    """Return a table for the terminal."""
    from rich import box
    from rich.table import Table

    table = Table(title=shown.title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False,
                  caption=shown.caption or None, caption_justify="left" if shown.caption else "center")
    for index, column in enumerate(shown.columns):
        table.add_column(column, justify="left" if index in shown.text else "right", no_wrap=index not in shown.wide)
    for index, row in enumerate(shown.rows):
        if index in shown.sections:
            table.add_section()
        table.add_row(*row)
    return table
