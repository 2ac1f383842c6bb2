"""The page of the chip library is made from the chip files, and holds what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hw_models import chip_path, list_chips, load_chip
from hw_models.checks import load_sources, source_key
from hw_models.page import chip_page, summary_row
from hw_models.table import document

PAGE = Path(__file__).parents[2] / "docs" / "chips.md"


def test_the_page_is_up_to_date(update: bool) -> None:
    if update:
        PAGE.write_text(document(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == document(), "python -m hw_models.table > docs/chips.md"


def figures(value: object, path: str = "") -> dict[str, dict[str, object]]:
    """Return every figure of a plain chip file by its dotted path."""
    found = {}
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        here = f"{path}.{key}" if path else str(key)
        found.update({here: item} if isinstance(item, dict) and "basis" in item else figures(item, here))
    return found


@pytest.mark.parametrize("name", list_chips())
def test_a_section_holds_every_figure_source_and_gap(name: str) -> None:
    plain = yaml.safe_load(chip_path(name).read_text(encoding="utf-8"))
    section = document().split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    shown = 0
    for field, figure in figures(plain).items():
        if not figure["high"]:
            continue
        (row,) = [row for row in rows if f"`{field}`" in row]
        for key in ("value", "low", "high"):
            assert f" {figure[key]:g} " in row, field
        assert f" {figure['basis']} " in row and str(figure["source"]) in row
        assert source_key(str(figure["source"])) in section.rpartition("Sources:")[2]
        assert str(figure.get("rule", "")) in row
        shown += 1
    assert shown == sum(chip_page(load_chip(name)).bases.values())
    for text in (*plain.get("missing", []), *plain["leaves_out"]):
        assert f"- {text}\n" in section
    assert (plain.get("unpublished") or "no such thing") in section or plain.get("unpublished") is None


@pytest.mark.parametrize("name", list_chips())
def test_the_page_says_how_each_source_was_read(name: str) -> None:
    page = chip_page(load_chip(name))
    known = load_sources()
    assert {row.key for row in page.sources} >= {source_key(row.source) for row in page.figures}
    assert all(row.access.replace(" ", "_") == known[row.key].access for row in page.sources)


def test_assumed_capabilities_are_marked() -> None:
    able = chip_page(load_chip("darwin3")).capabilities
    assert able["complex_state"] == "yes (assumed)" and able["programmable"] == "yes"
    assert set(able) >= {"models", "graded_output", "lookup_table"} and "assumed" not in able


def test_a_row_of_the_list() -> None:
    row = summary_row(load_chip("truenorth"))
    assert (row["cores"], row["sync"], row["unpublished"]) == (4096, "tick", None)
    assert row["figures"]["measured"] >= 5
    assert "analog" in summary_row(load_chip("brainscales2"))["unpublished"]
