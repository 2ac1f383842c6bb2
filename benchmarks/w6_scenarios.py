"""Whole scenarios: test sets of digits and smnist on `loihi2`, fixed point, event detail: time by phase, two workers.

    python benchmarks/w6_scenarios.py [--scenarios NAME ...] [--samples N] [--repeat N] [--json FILE]

What `neurosim run` does, phase by phase. Then the first 200 samples with one and with two workers in turns, whose
results must be equal. Workers are threads on two cores: their wall time is compared, the best of the repetitions, for
other work on the machine disturbs it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import Figure, Progress, environment, figures_table, parser_of, print_environment, write_figures

from neurosim.api import summarise, with_formats
from neurosim.engine import RunOptions, header, run
from neurosim.mapping import map_network
from neurosim.resolve import resolve
from neurosim.run_data import find_data, with_sequence_length
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.store import Trace, TraceWriter

TARGET_WORKERS = 1.7
COMPARED = 200          # samples, with one worker and with two
CHIP = "loihi2"
PHASES = ("read and quantise", "map", "run, kept in memory", "run into a trace", "report")


class Clock:
    """Wall and CPU seconds by phase."""

    def __init__(self) -> None:
        self.wall_s: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}

    def time(self, phase: str, work: Callable[[], Any]) -> Any:
        """Do `work`; return its result."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.wall_s[phase], self.cpu_s[phase] = time.perf_counter() - wall, time.process_time() - cpu
        return result


def phases(name: str, n_samples: int | None, clock: Clock, progress: Progress) -> tuple[Any, Any]:
    """Run a scenario phase by phase; return the machine and the data."""
    options = RunOptions(detail="event", numbers="fixed", workers=1)

    def read() -> tuple[Any, Any]:
        found = resolve(name, CHIP)
        data = find_data(found, None, None, n_samples)
        return with_formats(with_sequence_length(found, data), data)[0], data

    def write(path: Path) -> None:
        with TraceWriter(path, header(machine, options, len(data.inputs), {"source": name})) as writer:
            if data.labels is not None:
                writer.set_labels(data.labels)
            run(machine, data.inputs, options, writer)

    progress(f"{name}: read, quantise")
    found, data = clock.time(PHASES[0], read)
    progress(f"{name}: map")
    machine = clock.time(PHASES[1], lambda: map_network(found.network, found.chip, found.mapping))
    progress(f"{name}: warm-up")
    run(machine, data.inputs[:1], options, MemoryRecorder())
    progress(f"{name}: run")
    clock.time(PHASES[2], lambda: run(machine, data.inputs, options, MemoryRecorder()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        clock.time(PHASES[3], lambda: write(path))
        clock.time(PHASES[4], lambda: summarise(Trace.open(path), chip=found.chip))
    return machine, data


def two_workers(machine: Any, data: Any, n_repeats: int, progress: Progress) -> float:
    """Return the wall time of one worker over that of two; stop if their results differ."""
    best = {1: float("inf"), 2: float("inf")}
    results: dict[int, list[Any]] = {}
    for repeat in range(n_repeats):
        for n_workers in best:
            progress(f"{repeat + 1}/{n_repeats} {n_workers} workers")
            recorder = MemoryRecorder()
            started = time.perf_counter()
            run(machine, data.inputs[:COMPARED], RunOptions(detail="event", numbers="fixed", workers=n_workers),
                recorder)
            best[n_workers] = min(best[n_workers], time.perf_counter() - started)
            results[n_workers] = recorder.results
    for one, two in zip(results[1], results[2], strict=True):
        for field in ("readout", "step_end_ps", "core_counts", "chip_counts"):
            if not np.array_equal(getattr(one, field), getattr(two, field)):
                sys.exit(f"sample {one.sample}: {field} differ between one worker and two")
    return best[1] / best[2]


def figures(name: str, clock: Clock, n_samples: int, speed_up: float | None) -> list[Figure]:
    """Return what was measured."""
    whole = sum(clock.cpu_s[phase] for phase in PHASES if phase != PHASES[2])
    found = [Figure("W6", f"{name}, {phase}", clock.cpu_s[phase], "CPU s", note=f"wall {clock.wall_s[phase]:.2f} s")
             for phase in PHASES]
    found += [Figure("W6", f"{name}, share of the run in all", 100 * clock.cpu_s[PHASES[3]] / whole, "%"),
              Figure("W6", f"{name}, samples in a CPU second of the run", n_samples / clock.cpu_s[PHASES[3]], "")]
    if speed_up is None:
        return [*found, Figure("W6", f"{name}, two workers to one", float("nan"), "x", note="skipped: one core")]
    return [*found, Figure("W6", f"{name}, two workers to one", speed_up, "x", at_least=TARGET_WORKERS)]


def arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, repeat=3, repeat_help="of the comparison of workers: the best counts")
    parser.add_argument("--scenarios", nargs="+", default=["digits", "smnist"], help="default: digits smnist")
    parser.add_argument("--samples", type=int, help="only the first so many, default: the whole test set")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = arguments()
    where, progress = environment(None), Progress()
    found = []
    for name in options.scenarios:
        clock = Clock()
        machine, data = phases(name, options.samples, clock, progress)
        n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        speed_up = two_workers(machine, data, options.repeat, progress) if n_cores > 1 else None
        found += figures(name, clock, len(data.inputs), speed_up)
    progress.clear()
    print_environment(where)
    print(figures_table(found))
    samples = "" if options.samples is None else f" --samples {options.samples}"
    write_figures(options.json, where, f"python benchmarks/w6_scenarios.py --scenarios "
                  f"{' '.join(options.scenarios)}{samples}", found)


if __name__ == "__main__":
    main()
