"""What lies on the workers of a Dask cluster: the work and its context. Loaded where Dask is in use only."""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin, get_worker

from neurosim.explore.executors import Work


class ContextPlugin(WorkerPlugin):  # type: ignore[misc]  # distributed is published without all of its types
    """Carries the context to every worker once, and to each that joins later."""

    def __init__(self, work: Work, context: Any) -> None:
        self.work, self.context = work, context


def work_on(plugin: str, item: Any) -> Any:
    """Do one piece of work with the context of `plugin`."""
    carried = get_worker().plugins[plugin]
    assert isinstance(carried, ContextPlugin)
    return carried.work(carried.context, item)
