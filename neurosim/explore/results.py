"""The results of a study as a table: CSV and Parquet, one row for each point and detail."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurosim.errors import DataError
from neurosim.explore.metrics import METRICS
from neurosim.explore.run import StudyResult

CSV_NAME, PARQUET_NAME = "results.csv", "results.parquet"


def table(result: StudyResult) -> list[dict[str, Any]]:
    """Return the results as rows of plain values, every row with the same keys; None where there is no value.

    Parameters stand under their names, metrics under theirs with the unit (`energy_j`), and a name that both have gets
    the prefix `set:`.
    """
    study, on_front = result.study, {row.point.key for row in result.front}
    last = study.details[-1]
    rows = []
    for row in result.rows:
        metrics = row.outcome.metrics or {}
        settings = {f"set:{name}" if name in FIXED else name: row.point.settings.get(name)
                    for name in (parameter.name for parameter in study.parameters)}
        rows.append({
            "point": row.point.key, "number": row.number, "detail": row.detail, "status": row.outcome.status,
            "on_front": row.detail == last and row.point.key in on_front, **settings,
            **{column_name(name): metrics.get(name) for name in METRICS},
            "reason": row.outcome.reason, "command": study.command(row.point, row.detail), "wall_s": row.outcome.wall_s,
        })
    return rows


def column_name(metric: str) -> str:
    """Return a metric's name with its unit."""
    unit = METRICS[metric].unit.lower().replace("²", "2")
    return f"{metric}_{unit}" if unit else metric


FIXED = ("point", "number", "detail", "status", "on_front", "reason", "command", "wall_s",
         *(column_name(name) for name in METRICS))


def write_csv(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the rows as CSV (RFC 4180), under another name first, so that the file is whole or the old one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else list(FIXED))
    writer.writeheader()
    writer.writerows(rows)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text.getvalue(), encoding="utf-8", newline="")
    partial.replace(path)


def write_parquet(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the rows as Parquet; a column whose values are of several kinds becomes text.

    Raises
    ------
    DataError  PyArrow is not installed
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError("PyArrow is not installed", mend="pip install 'neurosim-chips[explore]'") from None
    names = list(rows[0]) if rows else list(FIXED)
    columns = {name: _column([row[name] for row in rows]) for name in names}
    partial = path.with_name(f"{path.name}.partial")
    pyarrow.parquet.write_table(pyarrow.table(columns), partial)
    partial.replace(path)


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and len(kinds) == 2:
        return [None if value is None else float(value) for value in values]
    return values if len(kinds) < 2 else [None if value is None else str(value) for value in values]
