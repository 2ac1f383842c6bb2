"""Runs a study: proposes points, has them evaluated, keeps what came of them, looks closer at the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurosim.explore.context import Context, make_context
from neurosim.explore.executors import Executor, make_executor
from neurosim.explore.pareto import as_costs, best, front
from neurosim.explore.points import Point
from neurosim.explore.search import PlannedSearch, Search, keeps_to
from neurosim.explore.store import Row, Store
from neurosim.explore.study import CHEAP, DEAR, Study, as_text, load_study
from neurosim.explore.trial import FAILED, OK, Outcome, Task, evaluate_point

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class StudyResult:
    """What came of a study.

    rows : every point at every detail, in the order of the search
    folder : where the results are kept
    n_new : points that this call ran; the others were there
    """

    study: Study
    rows: tuple[Row, ...]
    folder: Path
    n_new: int
    wall_s: float

    @property
    def final(self) -> list[Row]:
        """The results of the dearest detail, those that the front is made of."""
        return [row for row in self.rows if row.detail == self.study.details[-1]]

    @property
    def front(self) -> list[Row]:
        """The points that fit, keep to the constraints and are beaten by none."""
        return front_rows(self.study, self.final)


def run_study(study: Study | str | Path, folder: str | Path | None = None, *, workers: int | None = None,
              scheduler: str | None = None, resume: bool = False, force: bool = False,
              progress: Progress | None = None) -> StudyResult:
    """Run a study, or what is left of it.

    Parameters
    ----------
    study : or its file
    folder : of the results, `<study file without suffix>.study` in the current folder where left out
    workers : processes of this machine; as many as it has cores where left out
    scheduler : address of a Dask scheduler, whose cluster does the work
    resume : go on with the results that are there
    force : throw them away
    progress : called with (points done, points in all)

    Raises
    ------
    ConfigError, InputError  before anything runs

    A program that calls this with processes of this machine must be guarded by `if __name__ == "__main__":`, as all
    that start processes.
    """
    started = time.perf_counter()
    study = study if isinstance(study, Study) else load_study(study)
    context = make_context(study)
    place = Path(folder) if folder is not None else Path(f"{study.path.stem}.study")
    identity = {"study file": as_text(study.identity()), "networks, chips or data": context.digest()}
    with Store(place, identity, resume=resume, force=force) as store:
        search = make_search(study, place, resume=resume)
        n_before = len(store.rows())
        executor = make_executor(evaluate_point, context, workers=workers, scheduler=scheduler)
        try:
            _run(study, search, store, executor, progress)
        finally:
            executor.close()
        rows = tuple(store.rows())
    return StudyResult(study, rows, place, len(rows) - n_before, time.perf_counter() - started)


def make_search(study: Study, folder: Path, *, resume: bool) -> Search:
    """Return the search that a study asks for."""
    if study.content.search.method in ("grid", "random"):
        return PlannedSearch(study)
    from neurosim.explore.optuna_search import OptunaSearch

    return OptunaSearch(study, folder, resume=resume)


def _run(study: Study, search: Search, store: Store, executor: Executor, progress: Progress | None) -> None:
    n_total = study.n_points + (min(study.content.event_points, study.n_points) if len(study.details) > 1 else 0)
    tell = _counting(store, n_total, progress)
    while points := search.batch():
        _evaluate(points, study.details[0], store, executor, tell)
        search.tell({point.key: outcome for point in points.values()
                     if (outcome := store.get(point, study.details[0])) is not None})
    if len(study.details) > 1:
        chosen = select(study, [row for row in store.rows() if row.detail == CHEAP])
        _evaluate({row.number: row.point for row in chosen}, DEAR, store, executor, tell)


def _evaluate(points: Mapping[int, Point], detail: str, store: Store, executor: Executor,
              tell: Callable[[], None]) -> None:
    """Run those points that have no outcome yet, each once, and keep what comes of them."""
    tell()
    first = {point.key: (number, point) for number, point in reversed(list(points.items()))}      # the lowest stays
    missing = sorted((each for each in first.values() if store.get(each[1], detail) is None), key=lambda each: each[0])
    tasks = (((number, point), Task(dict(point.settings), detail)) for number, point in missing)
    for (number, point), result in executor.run(tasks):
        outcome = result if isinstance(result, Outcome) else Outcome(FAILED, str(result))
        store.put(Row(number, point, detail, outcome))
        tell()


def _counting(store: Store, n_total: int, progress: Progress | None) -> Callable[[], None]:
    def tell() -> None:
        if progress is not None:
            progress(min(n_total, store.count(CHEAP) + store.count(DEAR) + store.count("functional")), n_total)

    return tell


def eligible(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Return the rows that fit, keep to the constraints and have every objective."""
    constraints = {str(name): bound for name, bound in study.content.constraints.items()}
    return [row for row in rows if row.outcome.status == OK and keeps_to(row.outcome, constraints)
            and all((row.outcome.metrics or {}).get(name) is not None for name in study.objectives)]


def costs(study: Study, rows: Sequence[Row]) -> list[list[float]]:
    """Return the objectives of eligible rows, [row][objective]."""
    return [[float(value) for name in study.objectives if (value := (row.outcome.metrics or {})[name]) is not None]
            for row in rows]


def front_rows(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Return the rows on the Pareto front."""
    kept = eligible(study, rows)
    on_front = front(as_costs(costs(study, kept), list(study.objectives.values())))
    return [row for row, is_on in zip(kept, on_front, strict=True) if is_on]


def select(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the cheap detail that are worth the dear one: front after front."""
    kept = eligible(study, rows)
    indices = best(as_costs(costs(study, kept), list(study.objectives.values())), study.content.event_points)
    return [kept[index] for index in indices]


__all__ = ["Context", "StudyResult", "eligible", "front_rows", "make_search", "run_study", "select"]
