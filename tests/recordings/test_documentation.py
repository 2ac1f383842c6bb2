"""What docs/events.md shows is executed, in its order, in one folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from neurosim.recordings.binning import Binning, binning_options
from neurosim.recordings.events import ALIASES, MAX_EVENTS
from neurosim.resolve import split_settings
from tests.documents import make_commands, surroundings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def words(text: str) -> str:
    """Return `text` without the widths of columns and without numbers that the seed decides."""
    return " ".join(re.sub(r"^\d[\d ]* of 2 000", "# of 2 000", text, flags=re.MULTILINE).split())


def test_the_examples_do_what_is_shown(tmp_path: Path) -> None:
    found_there = surroundings(make_commands(tmp_path))
    assert [language for language, _ in BLOCKS] == ["python", "console", "python"]
    for language, block in BLOCKS:
        if language == "python":
            subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=found_there, check=True, timeout=600)
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            done = subprocess.run(command, shell=True, cwd=tmp_path, env=found_there, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
            assert words(done.stdout) == words(output), f"$ {command}\n{done.stdout}"


@pytest.mark.parametrize("command", re.findall(r"^neurosim run .*--set input.*$", TEXT, re.MULTILINE))
def test_settings_of_other_commands_are_taken(command: str) -> None:
    words = shlex.split(command)
    settings = [value for key, value in zip(words, words[1:], strict=False) if key == "--set"]
    assert settings and isinstance(binning_options(split_settings(settings).input), Binning)


def test_the_documentation_names_every_option() -> None:
    for name, field in Binning.__dataclass_fields__.items():
        row = re.search(rf"^\| `input\.{name}` \|([^|]*)\|", TEXT, re.MULTILINE)
        assert row, name
        if field.default not in (None, False) and name != "height":
            assert row[1].strip(" `") == str(field.default), name


def test_the_documentation_names_every_alias_and_the_limit() -> None:
    for column, names in ALIASES.items():
        for name in names:
            assert f"`{name}`" in TEXT, (column, name)
    assert f"{MAX_EVENTS:,}".replace(",", " ") in TEXT
