"""docs/accuracy.md shows the table that `neurosim validate` prints; `--update` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from neurosim.validate import KINDS, TARGETS, VERDICTS, Outcome, render, run_targets
from neurosim.validate.data import data_folder
from neurosim.validate.table import lines_of

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)
# Drawn ends of intervals move when a figure is added to the chip files.
INTERVAL_SLACK = 0.25


class Shown(NamedTuple):
    """One row of the page: `cells` are its numbers and words from `predicted` on, empty ones left out."""

    quantity: str
    kind: str
    cells: list[str]


def page_rows() -> dict[str, list[Shown]]:
    """Return target -> its rows on the page."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, "the page has lost its table"
    header, *lines = found[0].strip().removeprefix("```text\n").splitlines()
    quantity, kind, after = (header.index(word) for word in ("quantity", "kind", "predicted"))
    after = min(after, kind + max(map(len, KINDS)))
    rows: dict[str, list[Shown]] = {}
    name = ""
    for line in lines[:lines.index("")]:
        name = line[:quantity].strip() or name
        rows.setdefault(name, []).append(
            Shown(line[quantity:kind].strip(), line[kind:after].strip(), line[after:].split()))
    return rows


def assert_same(found: Shown, line: tuple[str, ...]) -> None:
    """Compare a row with what the table prints for it now."""
    _, quantity, kind, *cells = line
    assert (found.quantity, found.kind) == (quantity, kind)
    n_ends = sum(cell != "" for cell in cells[1:3])
    now = " ".join(cells).split()
    assert len(found.cells) == len(now), quantity
    for index, (shown, text) in enumerate(zip(found.cells, now, strict=True)):
        if 1 <= index <= n_ends:
            assert float(shown) == pytest.approx(float(text), rel=INTERVAL_SLACK), quantity
        else:
            assert shown == text, quantity


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run_targets([], data_folder())


def test_the_table_is_on_the_page(outcomes: list[Outcome], update: bool) -> None:
    if update:
        assert not any(outcome.missing for outcome in outcomes), "the page shows every target: give the data"
        text = f"```text\n{render(outcomes, notes=False)}\n```\n"
        PAGE.write_text(TABLE.sub(lambda _: text, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    shown = page_rows()
    assert list(shown) == [target.name for target in TARGETS]
    for outcome in outcomes:
        if outcome.missing:
            continue
        for found, line in zip(shown[outcome.target.name], lines_of(outcome), strict=True):
            assert_same(found, line)


def test_the_page_explains_every_word_of_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{word}` |" in text for word in (*KINDS, *VERDICTS))


def test_every_miss_is_explained(outcomes: list[Outcome]) -> None:
    """In a remark beside the row, and what the page says of PilotNet is what the table says."""
    rows = [row for outcome in outcomes for row in outcome.rows]
    assert all(row.note for row in rows if row.verdict in ("miss", "wide"))
    by_name = {row.quantity: row for row in rows}
    by_conv2 = by_name.get("step 2 of the cycle, by conv2's operations")
    if by_conv2 is not None:
        assert f"{by_conv2.predicted:.0f} µs" in " ".join(
            PAGE.read_text(encoding="utf-8").split())
