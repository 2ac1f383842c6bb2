"""Whole studies: every point once, killed or not; what does not fit is a result; the best run again in detail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurosim import api
from neurosim.errors import DataError, OptionError
from neurosim.explore import load_study, run_study
from neurosim.explore.run import StudyResult
from neurosim.explore.store import FILE_NAME
from neurosim.explore.trial import INFEASIBLE, OK
from tests.cli.program import command, environment
from tests.explore.fixture_studies import write_study


def summary(result: StudyResult) -> list[tuple[object, ...]]:
    return [(row.number, row.point.key, row.detail, row.outcome.status, row.outcome.metrics) for row in result.rows]


def test_a_grid_runs_each_point_and_says_what_does_not_fit(tmp_path: Path) -> None:
    more = "settings: {noc.columns: 2, noc.rows: 1, output_port.tile: 1}"
    result = run_study(write_study(tmp_path, method="grid", points=100, more=more), tmp_path / "out", workers=1)
    assert len(result.rows) == 48 and result.n_new == 48
    for row in result.rows:
        # Five neurons on two cores: one on each, or two on each, do not fit.
        limit = min(int(row.point.settings[name]) for name in ("mapping.max_neurons_per_core", "core.max_neurons"))
        assert row.outcome.status == (OK if limit >= 5 else INFEASIBLE), row
        assert bool(row.outcome.reason) == (row.outcome.status == INFEASIBLE)
    assert {row.outcome.status for row in result.rows} == {OK, INFEASIBLE}


def test_a_point_is_what_a_run_with_its_command_gives(tmp_path: Path) -> None:
    result = run_study(write_study(tmp_path, points=3), tmp_path / "out", workers=1)
    study, row = result.study, result.rows[0]
    content = study.content
    found = api.run(content.source, content.chip, content.input, content.labels, detail="analytic", workers=1,
                    numbers=content.numbers, seed=content.seed, overrides=row.point.overrides)
    metrics = row.outcome.metrics or {}
    assert metrics["energy"] == found.summary.energy_per_sample_j
    assert found.summary.latency.per_sample and metrics["latency"] == found.summary.latency.per_sample.mean
    assert metrics["cores"] == found.summary.cores_used and metrics["accuracy"] == found.summary.accuracy


def test_cheap_first_runs_the_best_again_in_detail(tmp_path: Path) -> None:
    result = run_study(write_study(tmp_path, points=12, detail="cheap_first"), tmp_path / "out", workers=1)
    cheap = {row.point.key for row in result.rows if row.detail == "analytic"}
    dear = {row.point.key for row in result.rows if row.detail == "event"}
    assert len(cheap) == 12 and len(dear) == 5 and dear <= cheap
    assert {row.point.key for row in result.front} <= dear


def test_constraints_keep_points_off_the_front(tmp_path: Path) -> None:
    path = write_study(tmp_path, method="grid", points=100, more="constraints: {cores: {min: 2, max: 3}}")
    result = run_study(path, tmp_path / "out", workers=1)
    assert result.front
    assert {(row.outcome.metrics or {})["cores"] for row in result.front} <= {2.0, 3.0}
    assert min((row.outcome.metrics or {})["cores"] for row in result.rows if row.outcome.metrics) == 1.0


def test_a_budget_may_grow(tmp_path: Path) -> None:
    run_study(write_study(tmp_path, points=4), tmp_path / "out", workers=1)
    grown = run_study(write_study(tmp_path, points=7), tmp_path / "out", workers=1, resume=True)
    assert (grown.n_new, len(grown.rows)) == (3, 7)
    with pytest.raises(OptionError, match="study file differs"):
        run_study(write_study(tmp_path, points=7, more="seed: 1"), tmp_path / "out", workers=1, resume=True)


def test_accuracy_needs_labels(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    text = path.read_text().replace("energy: min", "accuracy: max").replace("labels: ", "# labels: ")
    data = tmp_path / "inputs.npy"
    import numpy as np

    np.save(data, np.load(tmp_path / "tiny.npz")["inputs"])
    path.write_text(text.replace(f"{tmp_path / 'tiny.npz'}:inputs", str(data)))
    with pytest.raises(DataError, match="the data have no labels"):
        run_study(path, tmp_path / "out", workers=1)


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_optuna_gives_the_same_however_often_it_is_killed(method: str, tmp_path: Path) -> None:
    """The program is ended as by SIGKILL at each of several points of the search."""
    pytest.importorskip("optuna", reason="needs Optuna: the extra `explore`")
    path = write_study(tmp_path, method=method, points=16)
    whole = run_study(path, tmp_path / "whole", workers=1)
    assert len(whole.rows) == 16 == len({row.point.key for row in whole.rows})
    script = ("import os, signal, sys\nfrom neurosim.explore import run, run_study, store\n"
              "kill = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
              "class Inline:\n"
              "    def __init__(self, work, context): self.work, self.context = work, context\n"
              "    def run(self, items): return ((key, self.work(self.context, item)) for key, item in items)\n"
              "    def close(self): pass\n"
              "run.make_executor = lambda work, context, **_: Inline(work, context)\n"
              "n_left, real = int(sys.argv[3]), store.Store.put\n"
              "def put(self, row):\n"
              "    global n_left\n"
              "    real(self, row)\n"
              "    n_left -= 1\n"
              "    n_left or kill()\n"
              "store.Store.put = put\n"
              "run_study(sys.argv[1], sys.argv[2], resume=True)\n")
    for n_points in (2, 5, 1):
        ended = subprocess.run([sys.executable, "-c", script, str(path), str(tmp_path / "killed"), str(n_points)],
                               env=environment(), check=False)
        assert ended.returncode == -signal.SIGKILL
    killed = run_study(path, tmp_path / "killed", workers=1, resume=True)
    assert killed.n_new == 8
    assert summary(killed) == summary(whole)


def test_area_is_that_of_the_cores_in_use_and_must_be_known(tmp_path: Path) -> None:
    path = write_study(tmp_path, points=6)
    text = path.read_text().replace("cores: min}", "cores: min, area: min}")
    path.write_text(text)
    with pytest.raises(DataError, match=r"chip generic-mesh has no area_mm2\n  mend: .*settings"):
        run_study(path, tmp_path / "out", workers=1)
    path.write_text(text.replace("detail:", "settings: {area_mm2: 16}\ndetail:"))
    for row in run_study(path, tmp_path / "out", workers=1).rows:
        if row.outcome.status == "ok":
            metrics = row.outcome.metrics or {}
            assert metrics["area"] == 16 * (metrics["cores"] or 0) / 64


def test_any_optuna_storage_will_do(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs Optuna: the extra `explore`")
    storage = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    path = write_study(tmp_path, method="nsga2", points=6)
    text = path.read_text()
    path.write_text(text.replace("population: 6", f"population: 6, storage: '{storage}'"))
    assert len(run_study(path, tmp_path / "a", workers=1).rows) == 6
    assert (tmp_path / "elsewhere.db").exists() and not (tmp_path / "a" / "optuna.db").exists()
    with pytest.raises(OptionError, match="holds a study 'tiny' already"):
        run_study(path, tmp_path / "b", workers=1)
    path.write_text(text.replace("population: 6", "population: 6, storage: 'nonsense://x'"))
    with pytest.raises(OptionError, match=r"search\.storage"):
        run_study(path, tmp_path / "c", workers=1)


def test_a_sweep_killed_three_times_ends_with_each_point_once(tmp_path: Path) -> None:
    path, out = write_study(tmp_path, points=40, detail="cheap_first"), tmp_path / "out"
    for n_wanted in (3, 12, 25):
        process = subprocess.Popen(command("sweep", path, "--out", out, "--workers", 2, "--resume", "--quiet"),
                                   env=environment(), start_new_session=True)
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None and n_rows(out) < n_wanted:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    n_before = n_rows(out)
    result = run_study(path, out, workers=1, resume=True)
    assert 25 <= n_before <= 45 and result.n_new == 45 - n_before
    assert summary(result) == summary(run_study(path, tmp_path / "whole", workers=1))


def n_rows(folder: Path) -> int:
    import sqlite3

    if not (folder / FILE_NAME).exists():
        return 0
    try:
        with sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True) as database:
            return int(database.execute("SELECT COUNT(*) FROM points").fetchone()[0])
    except sqlite3.OperationalError:        # not made yet
        return 0


def test_the_study_counts_its_points(tmp_path: Path) -> None:
    assert load_study(write_study(tmp_path, points=12)).n_points == 12
