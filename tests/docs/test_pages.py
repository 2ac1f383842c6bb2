"""Every block of every page in docs/ is run, by the test of its page or by this one, or says that it is only shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, Block, blocks, pages
from tests.documents import make_commands, surroundings
from tests.test_readme import loose

# Page -> the test that runs its blocks, and the languages that it runs.
OWN_TESTS: dict[str, tuple[str, set[str]]] = {
    "events.md": ("tests/recordings/test_documentation.py", {"python", "console"}),
    "explore.md": ("tests/explore/test_docs.py", {"yaml", "console", "python"}),
    "exports.md": ("tests/export/test_documentation.py", {"python", "console"}),
    "lowering.md": ("tests/advisor/test_docs.py", {"python", "console"}),
    "own_chip.md": ("tests/hw_models/test_own_chip.py", {"console", "yaml", "python"}),
    "profile.md": ("tests/profiling/test_docs.py", {"python"}),
}
HERE = [page for page in pages() if page not in OWN_TESTS and any(not each.is_illustration for each in blocks(page))]


@pytest.mark.parametrize("page", pages())
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    unknown = [str(each) for each in blocks(page) if not each.is_illustration and not is_run(each)]
    assert not unknown, f"nobody runs {', '.join(unknown)}; write `<!-- shown: why -->` before what is only shown"


def is_run(block: Block) -> bool:
    """Whether a test runs the block: that of its page, or the one below."""
    if block.page in OWN_TESTS:
        return block.language in OWN_TESTS[block.page][1]
    return block.language in ("python", "console") or block.file is not None


@pytest.mark.parametrize("page, where", [(page, test) for page, (test, _) in OWN_TESTS.items()])
def test_tests_that_are_named_read_their_page(page: str, where: str) -> None:
    source = (ROOT / where).read_text(encoding="utf-8")
    assert f'"docs" / "{page}"' in source and ("subprocess" in source or "shell(" in source)


@pytest.mark.parametrize("page", pages())
def test_no_block_escapes_the_reader(page: str) -> None:
    fences = re.findall(r"^ *(?:```|~~~)", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))


def test_what_nobody_runs_is_found() -> None:
    found = blocks("new.md", "<!-- needs: torch, neo -->\n```python\n1\n```\n\n```yaml\na: 1\n```\n"
                   "<!-- shown: too long -->\n\n```sh\nsleep\n```\n```yaml\n# a.yaml\n```\n")
    assert [(each.line, each.language, each.needs, each.shown) for each in found] == [
        (2, "python", ("torch", "neo"), ""), (6, "yaml", (), ""), (11, "sh", (), "too long"), (14, "yaml", (), "")]
    assert [is_run(each) or each.is_illustration for each in found] == [True, False, True, True]


@pytest.mark.parametrize("page", HERE)
def test_pages_do_what_they_show(page: str, tmp_path: Path) -> None:
    make_commands(tmp_path, python=True)
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")       # commands are shown as from the root of a clone
    (tmp_path / "docs").symlink_to(DOCS)
    steps, absent = blocks(page), set()
    for block, behind in zip(steps, [*steps[1:], None], strict=True):
        absent |= {*block.lacking}
        if not block.is_illustration and not block.lacking:
            run_block(block, behind, tmp_path)
    if absent:
        pytest.skip(f"the rest needs {', '.join(sorted(absent))}")


def run_block(block: Block, behind: Block | None, folder: Path) -> None:
    """Run one block; the `text` right behind a script is what it prints."""
    if block.file is not None:
        (folder / block.file).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        script = folder / f"block_{block.line}.py"      # a file, so that processes it starts can load it again
        script.write_text(block.text, encoding="utf-8")
        done = run([sys.executable, script.name], folder)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        if behind is not None and behind.language == "text":
            assert loose(done.stdout) == loose(behind.text), f"{block}\n{done.stdout}"
    else:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            done = run(command, folder)
            printed = done.stdout + done.stderr
            assert loose(printed) == loose(output), f"{block}: {command}\n{printed}"


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=isinstance(command, str), cwd=folder, env=surroundings(folder), text=True,
                          capture_output=True, timeout=300, check=False)
