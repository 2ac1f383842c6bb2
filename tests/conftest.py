"""What all tests share.

* `--update` rewrites expected outputs instead of comparing with them; read the difference before you commit it.
* `NEUROSIM_TEST_DATA` names the folder of networks and recordings made elsewhere (docs/data.md), by default
  `../shared/data` beside the project; without it, tests that need them skip.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")      # before anything draws; also for the commands that tests start

# Tests wait for kernels: which engine runs must not depend on what is compiled already.
os.environ.setdefault("NEUROSIM_ENGINE", "compiled")

# Kernels compile within the first example: a deadline would measure the compiler.
settings.register_profile("neurosim", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("neurosim")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite expected outputs")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether expected outputs are to be rewritten."""
    return bool(request.config.getoption("--update"))


@pytest.fixture
def outside_data() -> Callable[[str], Path]:
    """Return a function from a path within NEUROSIM_TEST_DATA to the file; it skips the test where there is none."""

    def find(name: str) -> Path:
        beside = Path(__file__).resolve().parents[2] / "shared" / "data"
        path = Path(os.environ.get("NEUROSIM_TEST_DATA", beside)) / name
        if not path.exists():
            pytest.skip(f"no {path}: NEUROSIM_TEST_DATA names the folder, see docs/data.md")
        return path

    return find
