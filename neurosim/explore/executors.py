"""Who does the work: processes of this machine, or a Dask cluster. Both take one function and one shared context.

The context goes to each worker once. A worker that dies loses nothing but its time: what it was at is done by
another, and work that kills its workers again and again comes back as `WorkerLostError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from neurosim.errors import SimulationError

Key = TypeVar("Key")
# work(context, item) -> result; a function of a module, so that it can be sent by name.
Work = Callable[[Any, Any], Any]
# How often work is tried whose worker dies; on a cluster, the scheduler's `allowed-failures` says so.
TRIES = 3


class WorkerLostError(SimulationError):
    """The worker of a piece of work died, again and again."""


class Executor(Protocol):
    """Does many pieces of work at once."""

    def run(self, items: Iterable[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
        """Yield (key, result) of each (key, item) as it is done; a result may be a WorkerLostError.

        An exception that the work raises is raised here.
        """
        ...

    def close(self) -> None:
        """End the workers, or let go of the cluster."""
        ...


def make_executor(work: Work, context: Any, *, workers: int | None = None, scheduler: str | None = None) -> Executor:
    """Return processes of this machine, or the Dask cluster at `scheduler`.

    Parameters
    ----------
    workers : processes; as many as there are processor cores where left out
    scheduler : address such as tcp://host:8786

    Raises
    ------
    OptionError  both are given, or one is out of range, or nobody answers at the address
    """
    from neurosim.errors import OptionError

    if scheduler is not None:
        if workers is not None:
            raise OptionError(f"workers = {workers} beside scheduler = {scheduler}", mend="the cluster has its own "
                              "workers: leave --workers out")
        from neurosim.explore.cluster import ClusterExecutor

        return ClusterExecutor(work, context, scheduler)
    from neurosim.explore.local import LocalExecutor

    return LocalExecutor(work, context, workers)
