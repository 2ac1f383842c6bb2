"""The report of a run for a terminal, as plain text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from neurosim.report.assumed import energy_sentence, time_sentence
from neurosim.report.floorline import Floorline
from neurosim.report.formats import FormatRow
from neurosim.report.order import order_notes, token_notes
from neurosim.report.quantities import count, percent, shortened, with_prefix
from neurosim.report.summary import Summary
from neurosim.report.timing import Overruns, Spread

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 108
MAX_CHIPS = 16                     # whose cores are told one by one
MAX_NAMED, NAME_LETTERS = 3, 24    # populations named in the row of overflows
Row = tuple[str, ...]


def to_text(summary: Summary, width: int = WIDTH, *, formats: Sequence[FormatRow] = ()) -> str:
    """Return the report as lines of at most `width` characters, without colours.

    `formats` are shown after the rest, where given: those of `format_table`.
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, markup=False,
                      emoji=False)         # a name in brackets or colons is a name
    console.print(_title(summary), highlight=False, soft_wrap=True)
    for table in (_activity(summary), _latency(summary), _energy(summary), _resources(summary),
                  _formats(formats)):
        if table.row_count:
            console.print(table)
    for note in _notes(summary):
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


def _activity(summary: Summary) -> Table:
    table = _table("Activity", ("", "total", "per sample"))
    if summary.overflows_by_population:
        table.add_column("")            # may wrap, so that long names do not narrow the numbers
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


def _latency(summary: Summary) -> Table:
    table = _table("Latency", ("", "mean", "min", "median", "99 %", "max", "n"))
    spreads = {"time step": summary.latency.per_step, "token": summary.latency.per_token,
               "sample": summary.latency.per_sample}
    for name, spread in spreads.items():
        if spread is not None:
            table.add_row(name, *_durations(spread), count(spread.n))
    if summary.overruns is not None:
        table.caption, table.caption_justify = _clock(summary.overruns), "left"
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


def _energy(summary: Summary) -> Table:
    """Components that took part, dearest first, then the sums."""
    bill = summary.energy
    columns = ("component", "group", "count", "low", "nominal", "high", "share", "basis")
    table = _table("Energy", columns, text=(0, 1, 7))
    for row in sorted(bill.rows, key=lambda row: -row.energy_j):
        if row.high_j > 0:
            share = row.energy_j / bill.total_j if bill.total_j else None
            table.add_row(row.component, row.group, count(row.count), *(
                with_prefix(value, "J") for value in (row.low_j, row.energy_j, row.high_j)), percent(share), row.basis)
    if table.row_count:
        table.add_section()
    for name, value in (("static", bill.static_j), ("dynamic", bill.dynamic_j)):
        share = value / bill.total_j if bill.total_j else None
        table.add_row(name, "", "", "", with_prefix(value, "J"), "", percent(share), "")
    table.add_row("total", "", "", with_prefix(bill.interval_low_j, "J"), with_prefix(bill.total_j, "J"),
                  with_prefix(bill.interval_high_j, "J"), "", "5 to 95 %")
    table.add_row("corners", "", "", with_prefix(bill.corner_low_j, "J"), "", with_prefix(bill.corner_high_j, "J"), "",
                  "all low, all high")
    return table


def _resources(summary: Summary) -> Table:
    on_chips = ""
    if summary.chips_used > 1:
        per_chip = ", ".join(map(str, summary.cores_per_chip[:MAX_CHIPS]))
        on_chips = f" on {summary.chips_used} chips: {per_chip}{', …' if summary.chips_used > MAX_CHIPS else ''}"
    table = _table(f"Resources ({summary.cores_used} cores{on_chips})", ("", "fullest", "mean", "used", "limit"))
    for name, use in sorted(summary.utilisation.items(), key=lambda item: -item[1].max):
        table.add_row(name.replace("_", " "), percent(use.max), percent(use.mean), count(use.used), count(use.limit))
    for name, load in (("core time", summary.core_load), ("link time", summary.link_load)):
        if load is not None:
            table.add_row(name, percent(load.max), percent(load.mean), "", "")
    return table


def _formats(formats: Sequence[FormatRow]) -> Table:
    table = _table("Formats", ("population or projection", "quantity", "format"), text=(0, 1, 2))
    for row in formats:
        table.add_row(*row)
    return table


def _notes(summary: Summary) -> list[str]:
    notes = [energy_sentence(summary.energy)]
    if (times := time_sentence(summary.assumed_times)) is not None:
        notes.append(times)
    if summary.indicative:
        notes.append("The energy is indicative: this run computed in floating point, where no graded value rounds to "
                     "zero and stays unsent as it would in fixed point.")
    if summary.order_dependent:
        notes += order_notes(summary.arrival_jitter_ps, summary.order_study)
    if summary.markers is not None:
        notes += token_notes(summary.arrival_jitter_ps, summary.markers, summary.order_study)
    if summary.input_events_dropped:
        notes.append(f"{count(summary.input_events_dropped)} of {count(summary.input_events)} input events came after "
                     "the last token and were dropped.")
    if summary.floorline is not None and summary.floorline.bottlenecks:
        notes.append(_floor(summary.floorline))
    if summary.detail == "functional":
        notes.append("Times are nominal: detail `functional` simulates neither cores nor network.")
    if not summary.complete:
        notes.append(f"Incomplete, {summary.samples} samples so far: the run did not end.")
    if not summary.outputs.exact:
        notes.append("Spikes were not recorded: graded values count as spikes here.")
    if summary.packet_check is not None and not summary.packet_check.conserved:
        notes.append(f"Packets were lost: {summary.packet_check.injected} injected, "
                     f"{summary.packet_check.delivered} deliveries.")
    if summary.wall_s is not None:
        notes.append(f"Simulated {with_prefix(summary.simulated_s, 's')} in {with_prefix(summary.wall_s, 's')}.")
    return notes


def _floor(found: Floorline) -> str:
    first = found.bottlenecks[0]
    named = first.kind if first.name == first.kind else f"{first.kind} ({shortened(first.name, 40)})"
    return (f"The busiest cores and links account for {percent(found.share)} of the time steps; {named} binds most. "
            "More, and what to change: --floorline.")


def _table(title: str, columns: Row, text: tuple[int, ...] = (0,)) -> Table:
    """Return a table whose columns hold numbers but for those of `text`."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index in text else "right", no_wrap=True)
    return table
