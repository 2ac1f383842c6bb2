"""A Dask cluster: a real scheduler and two workers, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs Dask: the extra `explore`")

from neurosim.errors import OptionError
from neurosim.explore import run_study
from neurosim.explore.cluster import ClusterExecutor
from tests.explore import work
from tests.explore.fixture_studies import write_study

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """A scheduler and two workers with one thread each, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = folder / "scheduler.json"
        self._processes = [self._start("scheduler", "--scheduler-file", file, "--host", "127.0.0.1", "--port", 0,
                                       "--dashboard-address", "127.0.0.1:0", "--no-dashboard")]
        self.workers = [self._start("worker", "--scheduler-file", file, "--nthreads", 1, "--no-nanny", "--no-dashboard",
                                    "--host", "127.0.0.1") for _ in range(2)]
        self._processes += self.workers
        self.address = self._address(file)

    def _start(self, command: str, *arguments: object) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        log = (self._folder / f"{command}.log").open("ab")
        return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + command, *map(str, arguments)],
                                cwd=self._folder, env=environment, stdout=log, stderr=log)

    def _address(self, file: Path) -> str:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if file.exists() and file.stat().st_size:
                return str(json.loads(file.read_text())["address"])
            time.sleep(0.1)
        raise TimeoutError((self._folder / "scheduler.log").read_text())

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


def test_a_study_gives_the_same_on_a_cluster_and_here(cluster: Cluster, tmp_path: Path) -> None:
    path = write_study(tmp_path, detail="cheap_first", points=10)
    there = run_study(path, tmp_path / "there", scheduler=cluster.address)
    here = run_study(path, tmp_path / "here", workers=1)
    assert [(row.number, row.point.key, row.detail, row.outcome.status, row.outcome.metrics) for row in there.rows] \
        == [(row.number, row.point.key, row.detail, row.outcome.status, row.outcome.metrics) for row in here.rows]
    assert len({(row.point.key, row.detail) for row in there.rows}) == len(there.rows)


def test_nobody_at_the_address_is_bad_input() -> None:
    with pytest.raises(OptionError, match="address of a Dask scheduler"):
        ClusterExecutor(work.slow, None, "tcp://127.0.0.1:9")


def test_a_worker_that_is_killed_loses_nothing(cluster: Cluster) -> None:
    """The last test of the module: one of the two workers is gone afterwards."""
    executor = ClusterExecutor(work.slow, None, cluster.address)
    found = []
    try:
        for key, result in executor.run((item, item) for item in range(16)):
            found.append((key, result[0]))
            if len(found) == 5:
                cluster.workers[0].kill()
    finally:
        executor.close()
    assert sorted(found) == [(item, item) for item in range(16)]
    assert cluster.workers[0].wait() != 0 and cluster.workers[1].poll() is None
