"""`neurosim validate` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.program import Program


def test_one_target(program: Program) -> None:
    outcome = program("validate", "odin", "--no-notes")
    assert outcome.code == 0
    assert outcome.out.splitlines()[1].startswith("odin    power at 75 MHz, 37.5 MSOP/s   formula      476.9")
    assert outcome.out.splitlines()[-1].startswith("2 inside, 0 missed")


def test_json(program: Program) -> None:
    outcome = program("validate", "odin", "pohoiki-knn", "--json")
    found = json.loads(outcome.out)
    assert [each["name"] for each in found["targets"]] == ["odin", "pohoiki-knn"]
    assert found["verdicts"]["inside"] == 4 and found["misses"] == []


def test_bad_input(program: Program, tmp_path: Path) -> None:
    unknown = program("validate", "odinn")
    assert unknown.code == 2 and "odin" in unknown.err and unknown.out == ""
    nowhere = program("validate", "odin", "--data", tmp_path / "none")
    assert nowhere.code == 2 and "no such folder" in nowhere.err
