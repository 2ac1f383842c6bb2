"""The rows of the comparison as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from neurosim.report.quantities import with_prefix

if TYPE_CHECKING:
    from scenarios.compare_chips.compare import Row

HEAD = ("chip", "accuracy", "cores", "fullest resource", "packets", "latency", "per frame", "energy", "5 to 95 %",
        "static", "assumed")


def render(rows: Sequence[Row]) -> str:
    """Return two tables: the chips that run the network, and those that do not, with the reason."""
    runs = [row for row in rows if not row.missing]
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in runs]
    lines += ["", "| chip | why the network does not run there |", "|---|---|"]
    lines += [f"| {row.label} | {'; '.join(_reasons(row.missing))} |" for row in rows if row.missing]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    chips = "1 chip" if row.chips == 1 else f"{row.chips} chips"
    return (row.label, f"{100 * row.accuracy:.1f} %", f"{row.cores} on {chips}",
            f"{row.fullest.replace('_', ' ')} {100 * row.fullest_share:.0f} %", f"{row.packets:,.0f}".replace(",", " "),
            with_prefix(row.latency_s, "s"), with_prefix(row.token_s, "s"), with_prefix(row.energy_j, "J"),
            f"{with_prefix(row.low_j, 'J')} to {with_prefix(row.high_j, 'J')}",
            f"{100 * row.static_j / row.energy_j:.0f} %", f"{100 * row.assumed_share:.0f} %")


def _reasons(message: str) -> Iterator[str]:
    """Yield what a refusal names: every missing capability once, or the fault itself."""
    head = message.partition("\n  allowed:")[0].partition("\n  mend:")[0]
    missing = dict.fromkeys(name for line in head.splitlines() if "lacks " in line
                            for name in re.findall(r"(\w+)(?: \([^)]*\))?(?:, |$)", line.rpartition("lacks ")[2]))
    if missing:
        yield "lacks " + ", ".join(missing)
    else:
        yield head.replace("\n", " ")
