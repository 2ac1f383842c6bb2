"""A peer simulator in a process and an environment of its own, which simulates once whenever it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}


class PeerError(Exception):
    """The simulator ended or said what it should not; the text is its last words."""


class PeerProcess:
    """Runs a script of `benchmarks` with the Python of an environment, on the cores of this process.

    The simulator gets the arrays as a file, says when it is ready (`ready`), and answers each line with what it
    measured. It waits between runs, so that several can take turns.
    """

    def __init__(self, python: Path, script: str, *arguments: object) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        command = [str(python), str(HERE / f"{script}.py"), *map(str, arguments)]
        self._process = subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, **ONE_THREAD})
        self.ready = self._answer()

    def run(self) -> dict[str, Any]:
        """Simulate once; return what was measured and counted."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._answer()

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
