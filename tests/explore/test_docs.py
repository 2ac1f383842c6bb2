"""All that docs/explore.md shows is executed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import environment
from tests.documents import shell
from tests.test_readme import blocks, examples, loose, workplace

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explore.md").read_text(encoding="utf-8")

__all__ = ["workplace"]         # the fixture: a folder in which `neurosim` is a command


def test_commands_print_what_the_page_shows(workplace: Path) -> None:
    for module in ("plotly", "pyarrow"):
        pytest.importorskip(module, reason="needs the extra `explore`")
    (workplace / "digits.yaml").write_text(blocks("yaml", PAGE)[0], encoding="utf-8")
    assert len(examples(PAGE)) == 5
    for example in examples(PAGE):
        output = shell(example.command, workplace)
        assert loose(output) == loose(example.output), f"$ {example.command}\n{output}"


@pytest.mark.parametrize("code", blocks("python", PAGE))
def test_python_runs(code: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, env=environment(), text=True,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout, done.stderr
