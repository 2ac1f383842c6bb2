"""What docs/exports.md shows is executed, in its order, in one folder."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from neurosim.export.trace_export import FORMATS, format_of
from tests.documents import make_commands, surroundings
from tests.export.test_trace_export import LIBRARIES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|console|text)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d .]*")


class Example(NamedTuple):
    """A command or a script, what it needs, and what it prints, or None where that is not shown."""

    command: list[str] | str
    needs: tuple[str, ...]
    output: str | None


def examples() -> Iterator[Example]:
    for index, (language, block) in enumerate(BLOCKS):
        if language == "python":
            libraries = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
            also = ("pyarrow",) if "read_parquet" in block else ("nixio",) if "NixIO" in block else ()
            shown = BLOCKS[index + 1][1] if BLOCKS[index + 1:index + 2] and BLOCKS[index + 1][0] == "text" else None
            yield Example([sys.executable, "-c", block], (*libraries, *also), shown)
        elif language == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                target = re.search(r"export .* -o (\S+)", command)
                library = LIBRARIES.get(format_of(Path(target[1])) or "") if target else None
                yield Example(command, (library,) if library else (), output)


def loose(text: str) -> str:
    """Return `text` without numbers and the widths of columns."""
    return " ".join(NUMBER.sub("# ", text).split())


def test_the_examples_do_what_is_shown(tmp_path: Path) -> None:
    found_there, absent = surroundings(make_commands(tmp_path)), set()
    assert len(list(examples())) > 15
    for example in examples():
        lacking = {name for name in example.needs if find_spec(name) is None}
        if lacking:
            absent |= lacking
            continue
        done = subprocess.run(example.command, shell=isinstance(example.command, str), cwd=tmp_path, env=found_there,
                              text=True, capture_output=True, timeout=600, check=False)
        assert done.returncode == 0, f"{example.command}\n{done.stderr}"
        if example.output is not None:
            assert loose(done.stdout) == loose(example.output), f"{example.command}\n{done.stdout}"
    if absent:
        pytest.skip(f"the rest needs {', '.join(sorted(absent))}: pip install 'neurosim-chips[export]'")


def test_every_format_stands_in_the_table() -> None:
    for name, format_ in FORMATS.items():
        row = re.search(rf"^\| `{name}` \|([^|]*)\|[^|]*\|([^|]*)\|", TEXT, re.MULTILINE)
        assert row, name
        for suffix in format_.suffixes[:1]:
            assert f"`{suffix}`" in row[1]
        assert LIBRARIES.get(name, "") in row[2]


def test_every_part_of_a_job_that_is_named_exists() -> None:
    from neurosim.export.job import Job

    table = TEXT.partition("| of a `Job` |")[2].partition("\n\n")[0]
    names = {name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)", row)}
    assert len(names) > 12
    for name in names:
        assert hasattr(Job, name) or name in Job.__dataclass_fields__, name


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
