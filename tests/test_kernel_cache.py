"""Where compiled kernels are kept: never beside the sources, which may be read-only. And what loading them imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Two small kernels, called from Python; then where the cache is, and how many entries were loaded from it.
PROGRAM = """
import numpy as np
from neurosim import kernel
from neurosim.mapping import synapse_kernels
counts, found = np.zeros(4, np.int32), np.zeros(4, np.int32)
assert synapse_kernels.count_distinct(np.array([3, 1, 3], np.int32), counts, found) == 2
assert counts.tolist() == [0, 1, 0, 2]
print(synapse_kernels.__file__)
print(kernel.CACHE_DIRECTORY)
print(sum(synapse_kernels.count_distinct.stats.cache_hits.values()))
"""


# SciPy is imported where a function needs BLAS, and not before.
LATE_SCIPY = """
import sys
import numba
import numpy as np
import neurosim.kernel
assert numba.njit(lambda x: x + 1)(1) == 2
assert "scipy.linalg" not in sys.modules
assert numba.njit(lambda x: np.dot(x, x))(np.arange(3.0)) == 5
"""


@pytest.fixture(name="package")
def _package(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package that nobody may write to."""
    place = tmp_path / "site-packages"
    shutil.copytree(ROOT / "neurosim", place / "neurosim", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [place, *place.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    return place


def run(package: Path, **changes: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1", **changes}
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_DISABLE_JIT"):
        if name not in changes:
            environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, cwd=package.parent, text=True, timeout=300,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def content(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_kernels_of_a_read_only_package_are_kept_in_the_user_s_cache(package: Path, tmp_path: Path) -> None:
    before, cache = content(package), tmp_path / "cache"
    file, directory, n_hits = run(package, XDG_CACHE_HOME=str(cache))
    assert Path(file).is_relative_to(package)
    assert Path(directory).is_relative_to(cache) and int(n_hits) == 0
    assert list(Path(directory).rglob("*.nbi")) and list(Path(directory).rglob("*.nbc"))
    assert content(package) == before
    assert run(package, XDG_CACHE_HOME=str(cache)) == [file, directory, "1"]     # loaded, not compiled


def test_the_user_s_cache_is_taken_where_the_named_one_cannot_be_written(package: Path, tmp_path: Path) -> None:
    """A file stands where the folder should be: that stops the superuser, too."""
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    _, directory, _ = run(package, NUMBA_CACHE_DIR=str(blocked), HOME=str(tmp_path / "home"))
    assert Path(directory).is_relative_to(tmp_path / "home" / ".cache")


def test_without_any_cache_kernels_compile_all_the_same(package: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    _, directory, _ = run(package, NUMBA_CACHE_DIR=str(blocked), XDG_CACHE_HOME=str(blocked), HOME=str(blocked))
    assert directory == "None"


def test_scipy_is_imported_where_blas_is_needed() -> None:
    pytest.importorskip("scipy")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "0"}
    subprocess.run([sys.executable, "-c", LATE_SCIPY], env=environment,
                   timeout=300, check=True)
