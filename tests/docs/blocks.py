"""The fenced blocks of a page, and how a test runs them.

    python   a script; one whose first line is `# name.py` is that file, for later blocks
    console  commands after `$ `, each with what it prints below it
    text     what the script above it prints, or an illustration
    others   a file, whose name stands in the first line as a comment

Pages run from top to bottom, each in a folder of its own. A comment in front of a block says what it needs, or why it
is only shown: `<!-- needs: torch -->`, `<!-- shown: takes an hour -->`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?:<!-- (?P<note>needs|shown): (?P<words>.+?) -->\n+)?"
                   r"```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w.-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `line` is that of the first one."""

    page: str
    line: int
    language: str
    text: str
    needs: tuple[str, ...] = ()
    shown: str = ""

    @property
    def file(self) -> str | None:
        """The file that the block is, if it is one."""
        found = FILE.match(self.text)
        return found[1] if found else None

    @property
    def lacking(self) -> tuple[str, ...]:
        """What the block needs that is not installed; a program is asked for on the path."""
        return tuple(name for name in self.needs if find_spec(name) is None)

    @property
    def is_illustration(self) -> bool:
        """Whether nothing is to be run: output, a directive of the site, or a block that says why it is only shown."""
        return self.language == "text" or self.language.startswith("{") or bool(self.shown)

    def __str__(self) -> str:
        return f"docs/{self.page}:{self.line} ({self.language or 'no language'})"


def pages() -> list[str]:
    """Return every page, by its path within docs/."""
    return sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_build" not in path.parts)


def blocks(page: str, text: str | None = None) -> list[Block]:
    """Return the blocks of a page in order."""
    text = (DOCS / page).read_text(encoding="utf-8") if text is None else text
    found = []
    for hit in FENCE.finditer(text):
        words = hit["words"] or ""
        needs = tuple(re.split(r",\s*", words)) if hit["note"] == "needs" else ()
        line = text.count("\n", 0, hit.start("language")) + 1
        found.append(Block(page, line, hit["language"].strip(), hit["text"], needs,
                           words if hit["note"] == "shown" else ""))
    return found


def extension(name: str) -> ModuleType:
    """Return one of the site's own extensions of Sphinx; they are no package."""
    spec = spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
