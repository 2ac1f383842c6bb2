"""All that the README shows is executed: commands, Python, make targets, links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.documents import make_commands, shell

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Differs from run to run, or with the figures of a chip; words and their order must be as shown.
NUMBER = re.compile(r"[-+]?\d[\d ,.]*\d|\d")
UNIT = re.compile(r"# ?(?:[pnµm]?[Js]|[kMGµm]?W)\b")


class Example(NamedTuple):
    command: str
    output: str


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def examples(text: str = README) -> list[Example]:
    """Return the commands of all console blocks, in order, with the output shown below each."""
    found = []
    for block in blocks("console", text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Example(command, output))
    return found


def loose(text: str) -> str:
    """Return `text` with numbers, units and column widths taken out."""
    return " ".join(UNIT.sub("#", NUMBER.sub("#", text)).split())


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `neurosim` is a command, installed or not."""
    folder = tmp_path_factory.mktemp("readme")
    make_commands(folder)
    (folder / "scenarios").symlink_to(ROOT / "scenarios")       # commands are shown as from the root of a clone
    return folder


def test_commands_print_what_the_readme_shows(workplace: Path) -> None:
    """One test for all: later commands use the files of earlier ones."""
    assert len(examples()) > 8
    for example in examples():
        output = shell(example.command, workplace)
        assert loose(output) == loose(example.output), f"$ {example.command}\n{output}"


def test_the_opening_run_is_true(workplace: Path) -> None:
    first = examples()[0]
    shown = re.search(r"accuracy ([\d.]+) %", first.output)
    found = re.search(r"accuracy ([\d.]+) %", shell(first.command, workplace))
    assert shown and found and shown[1] == found[1]
    assert len(first.output.splitlines()) <= 9


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code: str, workplace: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=workplace, env=environment, text=True,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_make_targets_and_files_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"`((?:neurosim|hw_models|scenarios|tests|importers)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_shown_numbers_are_compared_loosely() -> None:
    assert loose("energy 596 µJ (403 µJ to 688 µJ)  95.0 %") == loose("energy 1.2 mJ (1 mJ to 3 mJ)  97 %")
    assert loose("accuracy 95 %") != loose("accurate 95 %")
