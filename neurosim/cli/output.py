"""What commands print: results to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Progress = Callable[[int, int], None]


def print_json(value: Any) -> None:
    """Print one JSON document on one line; NaN and infinity, which JSON does not have, become null."""
    print(json.dumps(_finite(value), ensure_ascii=False))


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Return aligned columns; those that hold numbers in every row are set to the right."""
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    right = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.rjust(width) if to_right else cell.ljust(width)
                       for cell, width, to_right in zip(row, widths, right, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def check_output(path: Path | None, *, force: bool) -> None:
    """Raise OptionError if `path` cannot be written, before anything else is done."""
    from neurosim.new_files import check_new_file

    if path is not None:
        check_new_file(path, force=force)


@contextmanager
def progress_bar(label: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Yield a function to call with (done, in all), or None where nobody looks: quiet, or stderr is no terminal.

    A bar that is never told anything moves to and fro beside the time gone by.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
               TimeElapsedColumn(), TextColumn("{task.fields[left]}"), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, count="", left="")

        def tell(n_done: int, n_total: int) -> None:
            speed = bar.tasks[task].speed
            rate = f", {short(speed)}/s" if speed else ""
            bar.update(task, completed=n_done, total=n_total, count=f"{short(n_done)} of {short(n_total)}{rate}",
                       left="left")

        yield tell


def short(number: float) -> str:
    """Return a count in at most four digits: 950, 12.3k, 4.6M; fractions below ten."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= factor:
            return f"{number / (1e3 if letter == 'k' else factor):.1f}{letter}"
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).isdigit()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
