"""`neurosim sweep`: run a study, keep its results, draw its page."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.cli import options

if TYPE_CHECKING:
    from neurosim.explore import StudyResult

# Points of the front that the text names.
SHOWN = 12


def sweep(
    study: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="A study file (docs/explore.md).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help=(
        "Folder of the results; by default the study file's name with .study, in the current folder."))] = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help=(
        "Processes of this machine; by default one per processor core."))] = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help=(
        "Run on the Dask cluster of this scheduler, such as tcp://host:8786."))] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the results that are there.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Throw the results away that are there.")] = False,
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no report and no progress.")] = False,
) -> None:
    """Search parameters of chip, mapping and formats for what is best."""
    from neurosim.cli.output import print_json, progress_bar
    from neurosim.explore import run_study

    with progress_bar("points", quiet=quiet) as progress, _told_how_to_go_on(study):
        result = run_study(study, out, workers=workers, scheduler=scheduler, resume=resume, force=force,
                           progress=progress)
    files = _write(result)
    if json:
        print_json(_as_json(result, files))
    elif not quiet:
        print(_as_text(result, files))
    if not any(row.outcome.status == "ok" for row in result.rows):
        print("neurosim: no point ran; the table of results says why", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _told_how_to_go_on(study: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"neurosim: the points so far are kept: go on with `neurosim sweep {study} --resume`", file=sys.stderr)
        raise


def _write(result: StudyResult) -> dict[str, Path]:
    """Write table and page; what needs a package that is not installed is left out, and said so."""
    from neurosim.errors import DataError
    from neurosim.explore.page import PAGE_NAME, write_study_page
    from neurosim.explore.results import CSV_NAME, PARQUET_NAME, table, write_csv, write_parquet

    rows, files = table(result), {"csv": result.folder / CSV_NAME}
    write_csv(rows, files["csv"])
    optional: dict[str, tuple[str, Any]] = {
        "parquet": (PARQUET_NAME, lambda path: write_parquet(rows, path)),
        "page": (PAGE_NAME, lambda path: write_study_page(result, path))}
    for name, (file, write) in optional.items():
        try:
            write(result.folder / file)
            files[name] = result.folder / file
        except DataError as error:
            print(f"neurosim: no {file}: {error}", file=sys.stderr)
    return files


def _as_json(result: StudyResult, files: dict[str, Path]) -> dict[str, Any]:
    from neurosim.explore.results import table

    rows, paths = table(result), {name: str(path) for name, path in files.items()}
    return {"study": result.study.name, "points": len(rows), "new": result.n_new, "status": _counts(result),
            "front": [row for row in rows if row["on_front"]], "files": paths, "wall_s": result.wall_s}


def _counts(result: StudyResult) -> dict[str, dict[str, int]]:
    return {detail: dict(Counter(row.outcome.status for row in result.rows if row.detail == detail))
            for detail in result.study.details}


def _as_text(result: StudyResult, files: dict[str, Path]) -> str:
    from neurosim.cli.output import table
    from neurosim.explore.metrics import METRICS
    from neurosim.report.quantities import with_prefix

    lines = [f"{result.study.name}: {result.n_new} points run in {result.wall_s:.1f} s"]
    lines += [f"  {detail}: " + ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
              for detail, counts in _counts(result).items()]
    varied = [parameter.name for parameter in result.study.parameters]
    names = list(result.study.objectives)
    front = sorted(result.front, key=lambda row: (row.outcome.metrics or {}).get(names[0]) or 0.0)
    cells = [[*(_cell((row.outcome.metrics or {}).get(name), METRICS[name].unit, with_prefix) for name in names),
              *(str(row.point.settings.get(name, "–")) for name in varied)] for row in front[:SHOWN]]
    lines += ["", f"front of {len(front)}" + (f", the first {SHOWN}" if len(front) > SHOWN else "") + ":"]
    lines += [table(cells, [*names, *varied])] if cells else ["  no point fits and keeps to the constraints"]
    lines += ["", *(f"{name}: {path}" for name, path in files.items())]
    return "\n".join(lines)


def _cell(value: float | None, unit: str, with_prefix: Any) -> str:
    if value is None:
        return "–"
    return with_prefix(value, unit) if unit in ("J", "s") else f"{value:g}{unit and ' '}{unit}"
