"""The page of a study: Pareto fronts, what matters, every point and the command that repeats it; see `pages.shell`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from neurosim.explore.importance import importance
from neurosim.explore.metrics import METRICS
from neurosim.explore.run import StudyResult, costs, eligible
from neurosim.explore.trial import FAILED, INFEASIBLE, OK
from neurosim.pages.shell import render_page, resource, write_page

PAGE_NAME = "study.html"
KINDS = frozenset({"scatter", "bar", "parcoords"})   # of traces that the script draws


def write_study_page(result: StudyResult, path: Path) -> None:
    """Write the page of a study; raise DataError where Plotly is not installed."""
    content = result.study.content
    n_points = len({row.point.key for row in result.rows})
    details = " and ".join(result.study.details)
    subtitle = f"{content.source}, {content.search.method} search, {n_points} points, detail {details}"
    page = render_page(title=result.study.name, subtitle=subtitle, body=resource("study.html", "neurosim.explore"),
                       data=page_data(result), script=resource("study.js", "neurosim.explore"), kinds=KINDS)
    write_page(path, page)


def page_data(result: StudyResult) -> dict[str, Any]:
    """Return what the page shows, in plain data."""
    study = result.study
    on_front = {row.point.key for row in result.front}
    allowed = {(row.point.key, row.detail) for row in eligible(study, result.rows)}
    rows = [{"number": row.number, "key": row.point.key, "detail": row.detail, "status": row.outcome.status,
             "reason": row.outcome.reason, "settings": dict(row.point.settings),
             "metrics": dict(row.outcome.metrics or {}),
             "front": row.detail == study.details[-1] and row.point.key in on_front,
             "allowed": (row.point.key, row.detail) in allowed, "command": study.command(row.point, row.detail)}
            for row in result.rows]
    counts = Counter(row.outcome.status for row in result.rows)
    return {
        "details": list(study.details), "rows": rows,
        "counts": {"points": len(rows), **{status: counts[status] for status in (OK, INFEASIBLE, FAILED)},
                   "front": len(on_front)},
        "parameters": [parameter.name for parameter in study.parameters],
        "metrics": [{"name": name, "title": metric.title, "unit": metric.unit,
                     "direction": study.objectives.get(name, metric.direction), "objective": name in study.objectives}
                    for name, metric in METRICS.items()],
        "constraints": {str(name): bound.model_dump(exclude_none=True)
                        for name, bound in study.content.constraints.items()},
        "importance": matters(result),
    }


def matters(result: StudyResult) -> dict[str, dict[str, float]]:
    """Return objective -> parameter -> share of the variance, among all points of the first detail that ran."""
    study = result.study
    rows = [row for row in result.rows if row.detail == study.details[0] and row.outcome.status == OK]
    rows = [row for row in rows if all((row.outcome.metrics or {}).get(name) is not None for name in study.objectives)]
    if not rows:
        return {}
    settings, values = [row.point.settings for row in rows], costs(study, rows)
    return {name: importance(settings, [row[index] for row in values]) for index, name in enumerate(study.objectives)}
