"""The first run of an installation: a process beside compiles, and until it is done the reference engine computes.

Both engines give the same result for every sample (`engine.contract`), so that a run may change from one to the other
between samples; a sample at hand is given up and computed again. A small run is over long before its kernels are
compiled: the process beside goes on alone and leaves them in the cache, for the next run.

Whether the kernels of a run are in the cache is told by empty files beside them, named after what is compiled.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim import kernel
from neurosim.engine.contract import RunOptions
from neurosim.engine.reference import GivenUpError, run_sample
from neurosim.machine import UNLIMITED, Machine
from neurosim.model_specs import SPEC_BY_INDEX
from neurosim.traces.schema import SampleResult

# Above these, a step of the reference engine is slow, and its tables large.
_MOST_NEURONS, _MOST_WEIGHTS = 50_000, 2_000_000
# A process of this number that is older is another one, or stuck.
_LONGEST_S = 600.0
_COMMAND = [sys.executable, "-m", "neurosim.engine.first_run"]
_processes: dict[tuple[str, ...], _Compilation] = {}


def needed_kernels(machine: Machine, options: RunOptions) -> tuple[str, ...]:
    """Return names for all that a run compiles: the loop over its steps, its network, the steps of its models."""
    names = {SPEC_BY_INDEX[int(model)].name for model in machine.populations.model} - {"input"}
    network = "unlimited" if machine.noc.buffer_packets == UNLIMITED else "buffered"
    return (*(f"{options.numbers}-{name}" for name in (options.detail, *sorted(names))),
            *((f"network-{network}",) if options.detail == "event" else ()))


def note_compiled(names: Iterable[str]) -> None:
    """Note that kernels are in the cache, see `needed_kernels`."""
    folder = _marks()
    if folder is not None:
        with suppress(OSError):         # a full disk is no reason to lose a run
            folder.mkdir(exist_ok=True)
            for name in names:
                (folder / name).touch()


def is_compiled(names: Iterable[str]) -> bool:
    """Return whether kernels are in the cache, as far as was noted."""
    folder = _marks()
    return folder is not None and all((folder / name).exists() for name in names)


def may_wait(machine: Machine, options: RunOptions) -> bool:
    """Return whether the kernels are still to be compiled, while the reference engine can do something of use.

    It needs a second processor, a network that is not large, and time steps.
    """
    if options.engine != "auto" or machine.free is not None or _marks() is None:
        return False
    if is_compiled(needed_kernels(machine, options)):
        return False
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    small = machine.populations.size.sum() <= _MOST_NEURONS and machine.synapses.weights.size <= _MOST_WEIGHTS
    return bool(usable > 1 and small)


def samples_meanwhile(machine: Machine, inputs: NDArray[Any], options: RunOptions) -> Iterator[SampleResult]:
    """Have a process beside compile; yield samples of the reference engine until that is done."""
    try:
        process = _started(machine, options, inputs[:1, :1])
    except OSError:                     # none can be started, or it is gone at once: the caller compiles
        return
    for sample in range(len(inputs)):
        try:
            yield run_sample(machine, sample, inputs[sample], options, goes_on=process.goes_on)
        except GivenUpError:
            return


def compiling() -> bool:
    """Return whether a process that this one waited for still compiles."""
    return any(process.goes_on() for process in _processes.values())


@dataclass(frozen=True)
class _Compilation:
    """A process that compiles what is named; of ours, or started by another run (`own` is None)."""

    number: int
    names: tuple[str, ...]
    started_s: float
    own: subprocess.Popen[bytes] | None = None

    def goes_on(self) -> bool:
        """Return whether it still compiles; one that takes very long is not waited for."""
        if time.time() - self.started_s > _LONGEST_S:
            return False
        if self.own is not None:
            return self.own.poll() is None
        return not is_compiled(self.names) and is_alive(self.number)


def is_alive(number: int) -> bool:
    """Return whether there is a process of this number; where that cannot be asked, no."""
    if os.name == "nt":                 # there, signal 0 ends a process
        return False
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True


def _marks() -> Path | None:
    """Return the folder of empty files that stand for compiled kernels; None where these are not kept."""
    return None if kernel.CACHE_DIRECTORY is None else kernel.CACHE_DIRECTORY / "ready"


def _started(machine: Machine, options: RunOptions, inputs: NDArray[Any]) -> _Compilation:
    """Return the process that compiles what a run needs; it outlives this one. One is enough for all runs."""
    names, folder = needed_kernels(machine, options), _marks()
    assert folder is not None
    if names in _processes and _processes[names].goes_on():
        return _processes[names]
    folder.mkdir(exist_ok=True)
    by = folder / f"{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}.process"
    known = by.read_text() if by.exists() else ""
    if known.isdecimal():
        other = _Compilation(int(known), names, by.stat().st_mtime)
        if other.goes_on():
            _processes[names] = other
            return other
    process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    by.write_text(str(process.pid))
    assert process.stdin is not None
    with process.stdin as given:
        pickle.dump((machine, replace(options, engine="compiled", workers=1), inputs), given)
    _processes[names] = _Compilation(process.pid, names, time.time(), process)
    return _processes[names]


def main() -> None:
    """Compile what the run needs that a process of ours describes on the standard input."""
    from neurosim.engine.run import run
    from neurosim.traces.recorder import MemoryRecorder

    machine, options, inputs = pickle.load(sys.stdin.buffer)  # from the process that started this one
    run(machine, np.zeros_like(inputs), options, MemoryRecorder())


if __name__ == "__main__":
    main()
