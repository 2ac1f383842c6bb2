"""Processes of this machine: all work done once, whoever dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurosim.errors import OptionError
from neurosim.explore.executors import WorkerLostError, make_executor
from neurosim.explore.local import LocalExecutor
from tests.explore import work


def test_work_is_spread_over_processes() -> None:
    executor = LocalExecutor(work.scaled, 2.5, 2)
    try:
        found = dict(executor.run((item, item) for item in range(12)))
        again = dict(executor.run([("x", 4)]))
    finally:
        executor.close()
    assert {item: value for item, (value, _) in found.items()} == {item: 2.5 * item for item in range(12)}
    assert again["x"][0] == 10.0
    assert len({process for _, process in found.values()}) == 2


def test_work_of_a_worker_that_dies_is_done_by_another(tmp_path: Path) -> None:
    executor = LocalExecutor(work.fatal_once, str(tmp_path), 2)
    try:
        found = list(executor.run((item, item) for item in range(8)))
    finally:
        executor.close()
    assert (tmp_path / "died").exists()
    assert sorted(found) == [(item, item * item) for item in range(8)]


def test_work_that_always_kills_comes_back_as_lost() -> None:
    executor = LocalExecutor(work.fatal, None, 1)
    try:
        found = dict(executor.run((item, item) for item in range(3)))
    finally:
        executor.close()
    assert isinstance(found[1], WorkerLostError) and "code -9" in str(found[1])
    assert (found[0], found[2]) == (0, 2)


def test_an_exception_of_the_work_is_raised_here() -> None:
    executor = LocalExecutor(work.wrong, None, 1)
    try:
        with pytest.raises(ValueError, match="item 7"):
            list(executor.run([("a", 7)]))
    finally:
        executor.close()


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match="1 to 1024"):
        LocalExecutor(work.scaled, 1.0, 0)
    with pytest.raises(OptionError, match="leave --workers out"):
        make_executor(work.scaled, 1.0, workers=2, scheduler="tcp://127.0.0.1:1")
