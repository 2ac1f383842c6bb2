"""Work on processes of this machine, started afresh (`spawn`): compiled kernels come from the cache on disk."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from neurosim.errors import OptionError
from neurosim.explore.executors import TRIES, Key, Work, WorkerLostError

MAX_WORKERS = 1024


class _Worker:
    """A process, the pipe to it, and what it is at."""

    def __init__(self, work: Work, context: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other_end = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(other_end, work, context), daemon=True)
        self.process.start()
        other_end.close()
        self.job: _Job | None = None

    def end(self) -> None:
        """Stop the process, whatever it is at."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


class _Job:
    """A piece of work, and how often it was begun."""

    def __init__(self, key: Any, item: Any) -> None:
        self.key, self.item, self.n_tries = key, item, 0


class LocalExecutor:
    """Does work on `n_workers` processes."""

    def __init__(self, work: Work, context: Any, n_workers: int | None = None) -> None:
        if n_workers is not None and not 1 <= n_workers <= MAX_WORKERS:
            raise OptionError(f"workers = {n_workers}", allowed=f"integer from 1 to {MAX_WORKERS}")
        self.n_workers = n_workers or len(os.sched_getaffinity(0))
        self._work, self._context = work, context
        self._workers: list[_Worker] = []

    def run(self, items: Iterable[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
        """See `Executor.run`."""
        waiting = iter(items)
        again: deque[_Job] = deque()
        while True:
            self._hand_out(waiting, again)
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy])
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._collect(worker, again)

    def _hand_out(self, waiting: Iterator[tuple[Any, Any]], again: deque[_Job]) -> None:
        """Give every idle worker something to do; start workers only while there is something."""
        idle = deque(worker for worker in self._workers if worker.job is None)
        while idle or len(self._workers) < self.n_workers:
            job = again.popleft() if again else next((_Job(key, item) for key, item in waiting), None)
            if job is None:
                return
            if not idle:
                self._workers.append(_Worker(self._work, self._context))
                idle.append(self._workers[-1])
            worker = idle.popleft()
            worker.job = job
            job.n_tries += 1
            try:
                worker.pipe.send(job.item)
            except OSError:             # it died while idle: its pipe is ready, and _collect takes the job back
                pass

    def _collect(self, worker: _Worker, again: deque[_Job]) -> Iterator[tuple[Any, Any]]:
        """Yield what a worker has done; replace one that died."""
        job = worker.job
        assert job is not None
        try:
            is_result, value = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(1)
            code = worker.process.exitcode
            worker.end()
            self._workers.remove(worker)
            if job.n_tries < TRIES:
                again.append(job)
            else:
                reason = f"{TRIES} workers ended while they were at it, the last with code {code}"
                yield job.key, WorkerLostError(reason)
            return
        worker.job = None
        if not is_result:
            raise value
        yield job.key, value

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()


def _serve(pipe: Connection, work: Work, context: Any) -> None:
    """Do what comes through the pipe until it closes."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is the starting program's to handle
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (True, work(context, item))
        except Exception as error:
            answer = (False, error)
        try:
            pipe.send(answer)
        except OSError:
            return


def _end_with(sentinel: int) -> None:
    """End at once when the program that started this one has ended, even if it was killed."""
    wait([sentinel])
    os._exit(1)
