"""What commands print: results to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurosim.errors import OptionError

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
    from neurosim.traces.guarded_file import refuse_special

    if path is None:
        return
    if path.is_dir():
        raise OptionError(f"{path}: is a directory", mend="give the name of a file")
    refuse_special(path)
    if not path.parent.is_dir():
        raise OptionError(f"{path}: the folder {path.parent} does not exist", mend="create it, or give another path")
    if path.exists() and not force:
        raise OptionError(f"{path}: exists", allowed="a file that does not exist",
                          mend="give another path, or overwrite it with --force")


@contextmanager
def progress_bar(label: str, *, quiet: bool) -> Iterator[Progress | None]:
    """Yield a function to call with (done, in all), or None where nobody looks: quiet, or stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, rate="")

        def tell(n_done: int, n_total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=n_done, total=n_total, rate=f"{speed:.1f}/s" if speed else "")

        yield tell


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
