from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.export.trace_files import write_trace


@pytest.fixture(autouse=True, scope="module")
def one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small tensors on many threads: more waiting than work, above all beside other tests."""
    if "torch" not in request.path.stem:
        yield
        return
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    """Return a random trace of three samples, with packets, in a folder of its own."""
    folder = tmp_path / "trace"
    folder.mkdir()
    return write_trace(folder)
