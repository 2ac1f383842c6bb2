from __future__ import annotations

from collections.abc import Iterator

import pytest


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
