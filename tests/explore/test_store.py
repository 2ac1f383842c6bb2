"""Results that survive: nothing twice, nothing of another study, nobody else at work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neurosim.errors import DataError, OptionError
from neurosim.explore.points import Point
from neurosim.explore.store import Row, Store
from neurosim.explore.trial import INFEASIBLE, OK, Outcome

IDENTITY = {"study file": "a"}
ROW = Row(3, Point({"core.weight_bits": 4}), "analytic", Outcome(OK, "", {"energy": 1.5, "accuracy": None}, 0.25))


def test_what_is_put_is_there_afterwards(tmp_path: Path) -> None:
    with Store(tmp_path / "s", IDENTITY) as store:
        store.put(ROW)
        assert store.get(ROW.point, "event") is None
    with Store(tmp_path / "s", IDENTITY, resume=True) as store:
        assert store.rows() == [ROW]
        assert store.get(ROW.point, "analytic") == ROW.outcome


def test_no_point_stands_there_twice(tmp_path: Path) -> None:
    with Store(tmp_path / "s", IDENTITY) as store:
        store.put(ROW)
        store.put(Row(9, ROW.point, "analytic", Outcome(INFEASIBLE, "later")))
        assert store.rows() == [ROW]


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    with Store(tmp_path / "s", IDENTITY) as store:
        store.put(ROW)
    with pytest.raises(OptionError, match="--resume"):
        Store(tmp_path / "s", IDENTITY)
    with pytest.raises(OptionError, match="its study file differs"):
        Store(tmp_path / "s", {"study file": "b"}, resume=True)
    with Store(tmp_path / "s", {"study file": "b"}, force=True) as store:
        assert store.rows() == []


def test_two_programs_do_not_share_a_study(tmp_path: Path) -> None:
    with Store(tmp_path / "s", IDENTITY), pytest.raises(DataError, match="another program is at work"):
        Store(tmp_path / "s", IDENTITY, resume=True)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.db").write_text("not a database, " * 100)
    with pytest.raises(DataError, match=r"results\.db"):
        Store(tmp_path, IDENTITY, resume=True)


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    script = ("import os, signal, sys\nfrom pathlib import Path\nfrom tests.explore.test_store import *\n"
              "store = Store(Path(sys.argv[1]), IDENTITY)\nstore.put(ROW)\nos.kill(os.getpid(), signal.SIGKILL)\n")
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path / "s")], cwd=root, check=False)
    assert ended.returncode == -9
    with Store(tmp_path / "s", IDENTITY, resume=True) as store:
        assert store.rows() == [ROW]
