"""The comparison of chips: what is committed can be computed again, and its table says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import neurosim
from hw_models.load import list_chips
from scenarios.compare_chips import compare as module
from scenarios.compare_chips.compare import SCENARIO, SUBJECTS, Row, compare, subjects
from scenarios.compare_chips.figure import draw
from scenarios.compare_chips.table import render

FOLDER = Path(module.__file__).parent
ABLE = {"loihi2", "spinnaker1", "spinnaker2", "seneca", "darwin3", "generic-mesh"}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "results.json").read_text())
    return [Row(**{**row, "overrides": tuple(row["overrides"])}) for row in found]


def test_the_weights_have_the_accuracy_of_their_log() -> None:
    log = json.loads((FOLDER / "logs" / "lif.json").read_text())
    assert (log["network"]["n_layers"], log["network"]["width"], log["network"]["state_size"]) == (4, 128, 64)
    found = neurosim.run(SCENARIO, detail="functional", numbers="float32").summary
    assert found.accuracy == pytest.approx(log["epochs"][-1]["test_accuracy"], abs=1e-6)
    assert found.samples == 370


def test_every_chip_is_there(rows: list[Row]) -> None:
    assert [(row.label, row.chip, row.overrides) for row in rows] == [
        (item.label, item.chip, item.overrides) for item in subjects()]
    assert {row.chip for row in rows} == set(list_chips())
    assert {row.chip for row in rows if not row.missing} == ABLE


@pytest.mark.parametrize("label", ["Loihi 2, fused", "SpiNNaker 2"])
def test_a_committed_row_can_be_computed_again(rows: list[Row], label: str) -> None:
    """With fewer utterances: what does not depend on them is equal, the rest near."""
    [subject] = [item for item in SUBJECTS if item.label == label]
    [row] = [item for item in rows if item.label == label]
    found = compare(subject, 2, 2)
    same = ("label", "chip", "missing", "cores", "chips", "fullest", "fullest_share", "overrides")
    assert {name: asdict(found)[name] for name in same} == {name: asdict(row)[name] for name in same}
    for name in ("latency_s", "token_s", "energy_j", "low_j", "high_j", "static_j", "packets"):
        assert getattr(found, name) == pytest.approx(getattr(row, name), rel=0.05), name


@pytest.mark.parametrize("chip", sorted(set(list_chips()) - ABLE))
def test_other_chips_say_what_is_missing(rows: list[Row], chip: str) -> None:
    [subject] = [item for item in subjects() if item.chip == chip]
    [row] = [item for item in rows if item.chip == chip]
    assert compare(subject, 1, 1).missing == row.missing
    assert ("lacks " in row.missing) != ("unpublished" in row.missing)


def test_the_table_is_that_of_the_rows(rows: list[Row]) -> None:
    text = render(rows)
    assert text == (FOLDER / "table.md").read_text()
    assert "| truenorth | lacks graded_output, programmable" in text
    assert text.count("complex_state") == sum(1 for row in rows if "complex_state" in row.missing)


def test_the_figure_is_drawn(rows: list[Row], tmp_path: Path) -> None:
    assert draw(rows, tmp_path / "new" / "figure.png").read_bytes().startswith(b"\x89PNG")
