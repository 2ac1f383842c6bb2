"""The tables of a report, as texts: the report in the terminal and the page for browsers show the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from neurosim.report.formats import FormatRow
from neurosim.report.quantities import count, percent, shortened, with_prefix
from neurosim.report.summary import Summary
from neurosim.report.timing import Overruns, Spread

MAX_CHIPS = 16                     # whose cores are told one by one
MAX_NAMED, NAME_LETTERS = 3, 24    # populations named in the row of overflows
Row = tuple[str, ...]


@dataclass
class TextTable:
    """A table of texts.

    columns : headings; rows : one text per column, or fewer
    text : indices of the columns that do not hold numbers; wide : of those that may wrap
    sections : indices of rows with a line above
    caption : below the table
    """

    title: str
    columns: Row
    text: tuple[int, ...] = (0,)
    wide: tuple[int, ...] = ()
    rows: list[Row] = field(default_factory=list)
    sections: list[int] = field(default_factory=list)
    caption: str = ""

    def add_row(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def add_section(self) -> None:
        """Draw a line above the next row."""
        self.sections.append(len(self.rows))

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"title": self.title, "columns": list(self.columns), "text": list(self.text),
                "rows": [list(row) for row in self.rows], "sections": self.sections, "caption": self.caption}


def tables_of(summary: Summary, formats: Sequence[FormatRow] = ()) -> list[TextTable]:
    """Return the tables of a report that have rows; `formats` are those of `format_table`."""
    tables = (_activity(summary), _latency(summary), _energy(summary), _resources(summary), _neurobench(summary),
              _formats(formats))
    return [table for table in tables if table.rows]


def _activity(summary: Summary) -> TextTable:
    if summary.overflows_by_population:     # named in a column that may wrap, so that numbers stay wide
        table = TextTable("Activity", ("", "total", "per sample", ""), text=(0, 3), wide=(3,))
    else:
        table = TextTable("Activity", ("", "total", "per sample"))
    total = {
        "tokens": summary.tokens, "time steps": summary.time_steps, "spikes": summary.spikes,
        "graded values": summary.outputs.graded_values,
        "synaptic events": summary.synaptic_events, "neuron updates": summary.neuron_updates,
        "packets": summary.packets, "packet hops": summary.packet_hops,
        **({"hops between chips": summary.chip_hops} if summary.chips_used > 1 else {}),
        "input packets": summary.input_packets, "output packets": summary.output_packets,
    }
    for name, number in total.items():
        table.add_row(name, count(number), count(number / summary.samples if summary.samples else None))
    table.add_row("overflows", count(summary.overflows), "", *_most_overflowed(summary))
    return table


def _most_overflowed(summary: Summary) -> Row:
    """Return the cell that says where values overflowed; none where nowhere."""
    where = summary.overflows_by_population
    texts = [f"{shortened(name, NAME_LETTERS)} {count(number)}" for name, number in islice(where.items(), MAX_NAMED)]
    return (", ".join([*texts, "…"] if len(where) > MAX_NAMED else texts),) if where else ()


def _latency(summary: Summary) -> TextTable:
    table = TextTable("Latency", ("", "mean", "min", "median", "99 %", "max", "n"))
    spreads = {"time step": summary.latency.per_step, "token": summary.latency.per_token,
               "sample": summary.latency.per_sample}
    for name, spread in spreads.items():
        if spread is not None:
            table.add_row(name, *_durations(spread), count(spread.n))
    if summary.overruns is not None:
        table.caption = _clock(summary.overruns)
    return table


def _clock(overruns: Overruns) -> str:
    """Return what a chip's clock did to the time steps."""
    period = with_prefix(overruns.period_s, "s")
    if not overruns.steps:
        return f"a tick every {period}; no time step was late"
    return (f"a tick every {period}; {count(overruns.steps)} of {count(overruns.of_steps)} time steps "
            f"({percent(overruns.steps / overruns.of_steps)}) were not done when the next tick came, by "
            f"{with_prefix(overruns.latest_s, 's')} at most")


def _durations(spread: Spread) -> Row:
    return tuple(with_prefix(value, "s") for value in (spread.mean, spread.min, spread.p50, spread.p99, spread.max))


def _energy(summary: Summary) -> TextTable:
    """Components that took part, dearest first, then the sums."""
    bill = summary.energy
    columns = ("component", "group", "count", "low", "nominal", "high", "share", "basis")
    table = TextTable("Energy", columns, text=(0, 1, 7))
    for row in sorted(bill.rows, key=lambda row: -row.energy_j):
        if row.high_j > 0:
            share = row.energy_j / bill.total_j if bill.total_j else None
            table.add_row(row.component, row.group, count(row.count), *(
                with_prefix(value, "J") for value in (row.low_j, row.energy_j, row.high_j)), percent(share), row.basis)
    if table.rows:
        table.add_section()
    for name, value in (("static", bill.static_j), ("dynamic", bill.dynamic_j)):
        share = value / bill.total_j if bill.total_j else None
        table.add_row(name, "", "", "", with_prefix(value, "J"), "", percent(share), "")
    table.add_row("total", "", "", with_prefix(bill.interval_low_j, "J"), with_prefix(bill.total_j, "J"),
                  with_prefix(bill.interval_high_j, "J"), "", "5 to 95 %")
    table.add_row("corners", "", "", with_prefix(bill.corner_low_j, "J"), "", with_prefix(bill.corner_high_j, "J"), "",
                  "all low, all high")
    return table


def _resources(summary: Summary) -> TextTable:
    on_chips = ""
    if summary.chips_used > 1:
        per_chip = ", ".join(map(str, summary.cores_per_chip[:MAX_CHIPS]))
        on_chips = f" on {summary.chips_used} chips: {per_chip}{', …' if summary.chips_used > MAX_CHIPS else ''}"
    table = TextTable(f"Resources ({summary.cores_used} cores{on_chips})", ("", "fullest", "mean", "used", "limit"))
    for name, use in sorted(summary.utilisation.items(), key=lambda item: -item[1].max):
        table.add_row(name.replace("_", " "), percent(use.max), percent(use.mean), count(use.used), count(use.limit))
    for name, load in (("core time", summary.core_load), ("link time", summary.link_load)):
        if load is not None:
            table.add_row(name, percent(load.max), percent(load.mean), "", "")
    return table


def _neurobench(summary: Summary) -> TextTable:
    """The model in NeuroBench's words."""
    found = summary.neurobench
    table = TextTable("NeuroBench", ("of the model", "value"))
    if found is None:
        return table
    for name, number in (("effective MACs per sample", found.effective_macs),
                         ("effective ACs per sample", found.effective_acs),
                         ("dense operations per sample", found.dense)):
        table.add_row(name, count(number))
    table.add_row("activation sparsity", _share(found.activation_sparsity))
    table.add_row("connection sparsity", _share(found.connection_sparsity))
    table.add_row("footprint (bytes)", count(found.footprint_bytes))
    table.caption = found.without
    return table


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.4f}"


def _formats(formats: Sequence[FormatRow]) -> TextTable:
    table = TextTable("Formats", ("population or projection", "quantity", "format"), text=(0, 1, 2))
    for row in formats:
        table.add_row(*row)
    return table
