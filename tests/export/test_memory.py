"""Ten million spikes in less than one gigabyte, whatever the format."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurosim.export.trace_export import FORMATS
from tests.cli.program import environment
from tests.export.big_trace import write_big_trace
from tests.export.test_trace_export import LIBRARIES

N_SPIKES, LIMIT_BYTES = 10_000_000, 10**9
EXPORT = """
import resource, sys
from neurosim.export.trace_export import export_trace
resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))
done = export_trace(sys.argv[1], sys.argv[2], sys.argv[3])
# Not ru_maxrss, which begins with what the process that started this one holds.
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(done.n_spikes, 1024 * int(peak))
"""


@pytest.fixture(scope="module")
def big_trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("big") / "big.h5"
    write_big_trace(path, N_SPIKES)
    yield path
    path.unlink()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc: Linux alone")
@pytest.mark.parametrize("name", FORMATS)
def test_ten_million_spikes_fit(name: str, big_trace: Path, tmp_path: Path) -> None:
    """The process may not even ask for more data memory than that; what it held at most is measured too."""
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason="the extra `export` is not installed")
    code = EXPORT.format(limit=LIMIT_BYTES)
    done = subprocess.run([sys.executable, "-c", code, big_trace, tmp_path / "out", name], env=environment(),
                          text=True, capture_output=True, timeout=1200, check=False)
    (tmp_path / "out").unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    n_spikes, peak_bytes = map(int, done.stdout.split())
    assert n_spikes == N_SPIKES and peak_bytes < LIMIT_BYTES
