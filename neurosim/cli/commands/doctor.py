"""`neurosim doctor`: whether everything is there that a run needs, and what else could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.doctor import Finding


def doctor(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Look at versions, compiled kernels, threads, extras and folders."""
    import sys

    from neurosim.cli.output import print_json
    from neurosim.doctor import examine

    findings = examine()
    faults = [each for each in findings if each.state == "fault"]
    if json:
        print_json({"ok": not faults, "findings": [each._asdict() for each in findings]})
    elif not quiet:
        print(to_text(findings))
    for each in faults:
        print(f"neurosim: {each.name}: {each.text}\n  mend: {each.mend}", file=sys.stderr)
    if faults:
        raise typer.Exit(2)


def to_text(findings: list[Finding]) -> str:
    """Return a paragraph per section, and what to do below what is missing."""
    lines: list[str] = []
    width = max(len(each.name) for each in findings)
    for index, each in enumerate(findings):
        if index == 0 or each.section != findings[index - 1].section:
            lines += ["", each.section] if lines else [each.section]
        mark = {"ok": " ", "note": "-", "fault": "!"}[each.state]
        lines.append(f"{mark} {each.name.ljust(width)}  {each.text}")
        if each.mend:
            lines.append(f"  {' ' * width}  {each.mend}")
    return "\n".join(lines)
