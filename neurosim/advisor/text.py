"""Advice as a table, best first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from neurosim.advisor.result import Advice, Bound, Row, loses

Table = Callable[[Sequence[Sequence[str]], Sequence[str]], str]
_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
HEADER = ("option", "changes", "cores", "accuracy", "same class", "packets/token", "time/token", "energy/sample",
          "interval", "time x energy")


def to_text(advice: Advice, table: Table) -> str:
    """Return the advice as text; `table` sets rows and a header."""
    given, rows = advice.given, advice.rows
    lines = [f"{advice.network} on {advice.chip}: {advice.samples} samples of {advice.tokens} tokens, {advice.timed} "
             f"of them timed; numbers {advice.numbers}" + (" (energies indicative)" if advice.indicative else "")]
    lines += [_bound(given)] if given.fits else [f"as given it does not fit: {given.reason}"]
    fitting = [row for row in (given, *rows) if row.fits]
    lines += ["", table([_cells(row, given) for row in fitting], HEADER)] if fitting else []
    lines += ["", *_settings(advice)]
    failed = [row for row in rows if not row.fits]
    lines += ["", "does not fit:", *(f"  {row.name}: {row.reason}" for row in failed)] if failed else []
    return "\n".join([*lines, *(f"note: {note}" for note in advice.notes)])


def _settings(advice: Advice) -> list[str]:
    """Return what to type for each option that helps, or that nothing does."""
    better = [row for row in advice.rows if row.fits and row.cost < advice.given.cost and not loses(row, advice.given)]
    if not better:
        return ["nothing that was tried costs less and keeps the answers"]
    return ["what costs less and keeps the answers, best first:"] + [
        "  " + " ".join(f"--set {_quoted(setting)}" for setting in row.settings) for row in better]


def _quoted(setting: str) -> str:
    return f"'{setting}'" if any(sign in setting for sign in " {}>$") else setting


def _bound(given: Row) -> str:
    text = "" if given.fullest is None else f"fullest: {given.fullest[0]}, {100 * given.fullest[1]:.0f} %"
    bound: Bound | None = given.bound
    if bound is None:
        return text
    where = f"core {bound.core} ({', '.join(bound.populations)})"
    waits = f"packets under way, {100 * bound.share:.0f} % of the time" if bound.part == "network" else \
        f"the {bound.part} phase of {where}, busy {100 * bound.share:.0f} % of the time"
    return f"{text}; a time step waits for {waits}"


def _cells(row: Row, given: Row) -> list[str]:
    return [row.name, row.changes if row is not given else "", str(row.cores), _percent(row.accuracy),
            "" if row is given else _percent(row.agreement), _count(row.packets_per_token), _unit(row.token_s, "s"),
            _unit(row.energy_j, "J"), f"{_unit(row.low_j, 'J')} to {_unit(row.high_j, 'J')}", _ratio(row, given)]


def _ratio(row: Row, given: Row) -> str:
    return f"{row.cost / given.cost:.2f}" if given.fits and given.cost > 0 else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _unit(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    scale, prefix = next(((scale, prefix) for scale, prefix in _PREFIXES if abs(value) >= scale), _PREFIXES[-1])
    return f"{value / scale:.3g} {prefix}{unit}"
