"""All that docs/lowering.md shows is executed, and all options that it names exist."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from neurosim.mapping import MappingOptions
from neurosim.mapping.options import GateForm, MaxForm, StateSpaceForm
from tests.cli.program import make_program
from tests.test_readme import loose

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "lowering.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_command_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("console")
    command, _, shown = block.removeprefix("$ ").partition("\n")
    found = make_program(capsys)(*command.split()[1:])
    assert found.code == 0 and loose(found.out) == loose(shown)


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_the_table_of_options() -> None:
    rows = dict(re.findall(r"^\| `mapping\.(\w+)` \| ([^|]*) \|", TEXT, re.MULTILINE))
    fields = {item.name for item in dataclasses.fields(MappingOptions)}
    assert rows.keys() == {"ssm", "max", "fold_b", "fold_norms", "sigma_delta", "glu"} <= fields
    for name, choices in (("ssm", StateSpaceForm), ("max", MaxForm), ("glu", GateForm)):
        assert set(re.findall(r"`(\w+)`", rows[name])) == set(get_args(choices))
