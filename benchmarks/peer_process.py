"""A peer simulator in a process and an environment of its own, which simulates once whenever it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "peers"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}


class PeerError(Exception):
    """The peer ended or said what it should not; the text is its last words."""


class PeerProcess:
    """Runs `benchmarks/peers/<script>.py` with the Python of an environment, on the cores of this process.

    The peer gets the arrays as a file, says when it is ready, and answers each line with CPU seconds and spikes. It
    waits between runs, so that several peers can take turns.
    """

    def __init__(self, python: Path, script: str, network: Path, n_steps: int) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(python), str(SCRIPTS / f"{script}.py"), str(network), str(n_steps)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._errors, env={**os.environ, **ONE_THREAD})
        self.version = str(self._answer()["version"])

    def run(self) -> tuple[float, int]:
        """Simulate once; return (CPU seconds, spikes)."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        answer = self._answer()
        return float(answer["cpu_s"]), int(answer["spikes"])

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        """Return the next line that is JSON; peers print banners as well."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        self._process.wait()
        self._errors.seek(0)
        raise PeerError((self._errors.read().strip().splitlines() or ["it ended without a word"])[-1])
