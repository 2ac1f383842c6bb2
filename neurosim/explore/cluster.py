"""Work on an existing Dask cluster: the way past one machine. The workers need neurosim installed, and nothing else."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from neurosim.errors import DataError, OptionError
from neurosim.explore.executors import Key, Work, WorkerLostError

TIMEOUT_S = 10
# Pieces of work that wait at each thread of the cluster, so that none is idle while results travel.
AHEAD = 2


class ClusterExecutor:
    """Does work on the cluster at `address`; the context is a plugin of its workers, also of those that join later."""

    def __init__(self, work: Work, context: Any, address: str) -> None:
        try:
            from distributed import Client, as_completed

            from neurosim.explore.dask_plugin import ContextPlugin
        except ImportError:
            raise DataError("Dask is not installed", mend="pip install 'neurosim-chips[explore]'") from None
        self._as_completed: Any = as_completed
        try:
            self._client: Any = Client(address, timeout=TIMEOUT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            first = (str(error).splitlines() or [""])[0][:200]
            raise OptionError(f"scheduler = {address}: {first}", allowed="the address of a Dask scheduler, such as "
                              "tcp://host:8786", mend="start it with `dask scheduler`, or check the address") from None
        self._name = f"neurosim-{uuid.uuid4().hex}"
        self._client.register_plugin(ContextPlugin(work, context), name=self._name)

    def run(self, items: Iterable[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
        """See `Executor.run`."""
        waiting = iter(items)
        keys: dict[Any, Key] = {}
        finished = self._as_completed([], loop=self._client.loop)

        def submit(n_more: int) -> None:
            for key, item in itertools.islice(waiting, max(0, n_more)):
                future = self._submit(item)
                keys[future.key] = key
                finished.add(future)

        submit(self._room())
        for future in finished:
            key = keys.pop(future.key)
            result = self._result(future)
            future.release()
            submit(self._room() - len(keys))
            yield key, result

    def _room(self) -> int:
        """Return how many pieces of work the cluster may hold now; workers come and go."""
        n_threads: int = sum(self._client.nthreads().values())
        return max(1, AHEAD * n_threads)

    def _submit(self, item: Any) -> Any:
        from neurosim.explore.dask_plugin import work_on

        return self._client.submit(work_on, self._name, item, pure=False)

    def _result(self, future: Any) -> Any:
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            return WorkerLostError(f"its workers on the cluster ended: {str(error).splitlines()[0][:200]}")

    def close(self) -> None:
        """Take the context from the workers and let go of the cluster, which stays."""
        self._client.unregister_worker_plugin(self._name)
        self._client.close()
