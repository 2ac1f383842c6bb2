"""Docstrings as this project writes them, as reStructuredText: what `autodoc` hands to Sphinx.

a text of words and `code`                     a paragraph
an indented block                          as it stands
- or * at the start of lines                   a list
Parameters, with a line of dashes below        a heading
name, other : what it is [shape]               a term and what it means
SomeError  when it is raised                   the same
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

RULE = re.compile(r"-{3,}$")
BULLET = re.compile(r"[-*] ")
NAMES = r"[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*"
TERM = re.compile(rf"({NAMES}) : (.*)|((?:[A-Z]\w*(?:Error|Exit|Interrupt))(?:, [A-Z]\w*Error)*)(?::? +| *$)(.*)")
CODE = re.compile(r"(``.+?``|`[^`]+`|\*\*.+?\*\*)")
# What means something to reStructuredText and nothing in these docstrings.
SPECIAL = re.compile(r"[\\*|`]|(?<=\w)_(?!\w)|(?<!\w)_(?=\w)")


def to_rst(lines: list[str]) -> list[str]:
    """Return a docstring as reStructuredText.

    >>> to_rst(["Return it.", "", "Raises", "------", "DataError  a file that is not there"])
    ['Return it.', '', '.. rubric:: Raises', '', '``DataError``', '    a file that is not there', '']
    """
    found: list[str] = []
    for block in _blocks(lines):
        found += [*_block(block), ""]
    return found


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield runs of lines: between empty lines, before and after indented code, headings, items."""
    block: list[str] = []
    for index, line in enumerate(lines):
        behind = lines[index + 1] if index + 1 < len(lines) else ""
        is_heading = bool(line) and not line.startswith(" ") and bool(RULE.match(behind))
        begins = is_heading or (not line.startswith(" ") and bool(TERM.match(line) or BULLET.match(line)))
        if block and (not line.strip() and not _goes_on(block, lines[index:]) or begins
                      or line.startswith(" ") and not _is_item(block) and not block[0].startswith(" ")):
            yield block
            block = []
        if RULE.match(line):
            continue
        if is_heading:
            yield [line, "---"]
        elif line.strip() or block:
            block.append(line)
    if block:
        yield block


def _is_item(block: list[str]) -> bool:
    return bool(TERM.match(block[0]) or BULLET.match(block[0]))


def _goes_on(block: list[str], rest: list[str]) -> bool:
    """Whether an indented block goes on behind an empty line."""
    behind = next((line for line in rest if line.strip()), "")
    return block[0].startswith(" ") and behind.startswith(" ")


def _block(block: list[str]) -> list[str]:
    if block[-1] == "---":
        return [f".. rubric:: {escaped(block[0])}"]
    if block[0].strip().startswith(">>>"):
        return [line.strip() for line in block]
    if block[0].startswith(" "):
        return ["::", "", *block]
    text = escaped(" ".join(line.strip() for line in block))
    if BULLET.match(block[0]):
        return [f"- {escaped(' '.join(line.strip() for line in block)[2:])}"]
    if (term := TERM.match(block[0])) is None:
        return [text]
    names = ", ".join(f"``{name}``" for name in (term[1] or term[3]).split(", "))
    rest = [term[2] if term[1] else term[4], *(line.strip() for line in block[1:])]
    return [names, f"    {escaped(' '.join(rest).strip()) or '|nothing|'}".replace("|nothing|", "\\ ")]


def escaped(text: str) -> str:
    r"""Return words with code marked for reStructuredText and everything else taken literally.

    >>> escaped("`a_` is **not** a*b")
    '``a_`` is **not** a\\*b'
    """
    parts = CODE.split(text)
    return "".join(_marked(part) if index % 2 else SPECIAL.sub(lambda hit: "\\" + hit[0], part)
                   for index, part in enumerate(parts)).strip()


def _marked(part: str) -> str:
    return part if part.startswith(("``", "**")) else f"``{part.strip('`')}``"


def setup(app: Any) -> dict[str, Any]:
    """Have Sphinx call this for every docstring."""

    def process(_app: Any, _what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
        lines[:] = to_rst(lines)

    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
