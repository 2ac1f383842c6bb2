"""A Dask cluster: a real scheduler and two workers, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs Dask: the extra `explore`")

from neurosim.errors import OptionError
from neurosim.explore import StudyResult, evaluate, run_study
from neurosim.explore.cluster import ClusterExecutor
from tests.cli.program import save_tiny
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
        self.workers: list[subprocess.Popen[bytes]] = []
        self.add_worker()
        self.add_worker()
        self.address = self._address(file)

    def add_worker(self) -> None:
        """Start one more."""
        self.workers.append(self._start("worker", "--scheduler-file", self._folder / "scheduler.json", "--nthreads", 1,
                                        "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"))
        self._processes.append(self.workers[-1])

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


# One that a parameter is a condition of, ranges in the logarithm, and the area of the cores in use.
SPACE = """\
name: wide
source: {network}
chip: generic-mesh
input: {data}:inputs
labels: {data}:labels
numbers: fixed
parameters:
  mapping.strategy: [pack, balanced]
  mapping.n_cores: {{low: 2, high: 5, when: {{mapping.strategy: balanced}}}}
  mapping.max_neurons_per_core: {{low: 1, high: 8, log: true, when: {{mapping.strategy: pack}}}}
  noc.link_cycle_ns: {{low: 1.0, high: 64.0, log: true}}
settings: {{area_mm2: 64}}
objectives: {{accuracy: max, energy: min, area: min}}
search: {{method: nsga2, points: 20, seed: 1, population: 8}}
detail: cheap_first
event_points: 6
"""


def outcomes(result: StudyResult) -> list[tuple[object, ...]]:
    return [(row.number, row.point, row.detail, row.outcome.status, row.outcome.metrics) for row in result.rows]


def test_a_study_goes_on_when_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs Optuna: the extra `explore`")
    network, data = save_tiny(tmp_path)
    path = tmp_path / "wide.yaml"
    path.write_text(SPACE.format(network=network, data=data))
    cluster.add_worker()

    def kill_one(n_done: int, n_total: int) -> None:
        if n_done >= 12 and cluster.workers[-1].poll() is None:      # within the second batch of eight
            cluster.workers[-1].kill()
            cluster.workers[-1].wait()

    there = run_study(path, tmp_path / "there", scheduler=cluster.address, progress=kill_one)
    here = run_study(path, tmp_path / "here", workers=1)
    assert cluster.workers[-1].returncode == -signal.SIGKILL
    assert outcomes(there) == outcomes(here) and there.n_new == len(there.rows) == 20 + 6
    assert len({(row.point.key, row.detail) for row in there.rows}) == 26
    for row in there.rows:
        chosen = row.point.settings
        assert ("mapping.n_cores" in chosen) == (chosen["mapping.strategy"] == "balanced")
        assert ("mapping.max_neurons_per_core" in chosen) == (chosen["mapping.strategy"] == "pack")
    areas = {(row.outcome.metrics or {})["area"] for row in there.rows if row.outcome.status == "ok"}
    assert areas == {float(cores) for row in there.rows if (cores := (row.outcome.metrics or {}).get("cores"))}


def test_a_data_set_gives_the_same_on_a_cluster_and_here(cluster: Cluster, tmp_path: Path) -> None:
    network, data = save_tiny(tmp_path)
    there, here = (evaluate(network, "generic-mesh", f"{data}:inputs", f"{data}:labels", batch=1, numbers="fixed", **on)
                   for on in ({"scheduler": cluster.address}, {"workers": 2}))
    assert np.array_equal(there.readout, here.readout)
    assert (there.accuracy, there.energy, there.counts) == (here.accuracy, here.energy, here.counts)


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
