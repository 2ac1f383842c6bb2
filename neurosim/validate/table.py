"""The table of `neurosim validate`, as text and as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from neurosim.validate.data import VARIABLE
from neurosim.validate.rows import HOLDS, INSIDE, MISS, MOST_RATIO, NEEDS, SHOWN, VERDICTS, WIDE, Outcome, Row

# Sums of float64 in another order differ by so little.
ROUNDING = 1e-12
HEADER = ("target", "quantity", "kind", "predicted", "low", "high", "measured", "unit", "error", "verdict")


def render(outcomes: Sequence[Outcome], *, notes: bool = True) -> str:
    """Return the table, below it the sum, and what every target and row says besides (unless `notes` is False)."""
    lines = [HEADER, *(line for outcome in outcomes for line in lines_of(outcome))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    right = {HEADER.index(name) for name in ("predicted", "low", "high", "measured", "error")}
    table = ["  ".join(cell.rjust(width) if column in right else cell.ljust(width)
                       for column, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
             for line in lines]
    return "\n".join([*table, "", _sum(outcomes), *(["", *_notes(outcomes)] if notes else [])])


def as_mapping(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the outcomes as plain data for JSON: targets with their rows, and the number of each verdict."""
    return {"targets": [_target(outcome) for outcome in outcomes],
            "verdicts": dict(_counted(outcomes)),
            "misses": [f"{outcome.target.name}: {row.quantity}" for outcome, row in misses(outcomes)]}


def misses(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, Row]]:
    """Return every row that misses."""
    return [(outcome, row) for outcome in outcomes for row in outcome.rows if row.verdict == MISS]


def lines_of(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the cells of a target's rows, in the order of HEADER."""
    name = outcome.target.name
    if outcome.missing:
        return [(name, f"needs {', '.join(outcome.missing)} (docs/data.md)", *[""] * 7, NEEDS)]
    return [(name if index == 0 else "", row.quantity, row.kind, number(row.predicted), number(row.low),
             number(row.high), number(row.measured), row.unit, percent(row.error), row.verdict)
            for index, row in enumerate(outcome.rows)]


def number(value: float | None) -> str:
    """Return four significant digits; whole numbers in full; nothing for None."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e12:
        return f"{value:.0f}"
    return f"{value:.4g}"


def percent(share: float | None) -> str:
    """Return a signed percentage, with as many digits as it takes to tell a small error from the rounding of sums."""
    if share is None:
        return ""
    if abs(share) < ROUNDING:
        return "0 %"
    return f"{100 * share:+.1f} %" if abs(share) >= 5e-4 else f"{100 * share:+.2g} %"


def _counted(outcomes: Sequence[Outcome]) -> Counter[str]:
    found: Counter[str] = Counter(dict.fromkeys(VERDICTS, 0))
    for outcome in outcomes:
        found.update([NEEDS] if outcome.missing else [row.verdict for row in outcome.rows])
    return found


def _sum(outcomes: Sequence[Outcome]) -> str:
    found = _counted(outcomes)
    text = (f"{found[INSIDE]} inside, {found[MISS]} missed, {found[WIDE]} in an interval wider than x{MOST_RATIO:g}, "
            f"{found[HOLDS]} floors hold, {found[SHOWN]} shown without a verdict")
    if found[NEEDS]:
        text += f"; {found[NEEDS]} targets need data that {VARIABLE} does not hold (docs/data.md)"
    return text


def _notes(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for outcome in outcomes:
        target = outcome.target
        lines += [f"{target.name}: {target.title}", f"  source: {target.source}", f"  network: {target.network}",
                  f"  figures: {target.figures}"]
        lines += [f"  {row.quantity}: {row.note}" for row in outcome.rows if row.note]
    return lines


def _target(outcome: Outcome) -> dict[str, Any]:
    target = outcome.target
    return {"name": target.name, "title": target.title, "source": target.source, "network": target.network,
            "figures": target.figures, "missing": list(outcome.missing), "wall_s": outcome.wall_s,
            "rows": [_row(row) for row in outcome.rows]}


def _row(row: Row) -> dict[str, Any]:
    return {"quantity": row.quantity, "kind": row.kind, "unit": row.unit, "predicted": row.predicted, "low": row.low,
            "high": row.high, "measured": row.measured, "error": row.error, "verdict": row.verdict, "note": row.note}
