"""A run: samples through an engine, in order, into a recorder."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine import first_run
from neurosim.engine.contract import RunOptions, check_inputs
from neurosim.engine.free_rules import check_machine, check_times
from neurosim.errors import OptionError
from neurosim.machine import Int64Array, Machine
from neurosim.own_models import check_known
from neurosim.traces.schema import Recorder, RunHeader, SampleResult

# Gets the chip of the reference engine, before its first step, and returns a generator of SimPy's events.
Attachment = Callable[[Any], Generator[Any, Any, None]]


def run(machine: Machine, inputs: NDArray[Any], options: RunOptions, recorder: Recorder, *,
        progress: Callable[[int], None] | None = None, times_ps: NDArray[Any] | None = None,
        attach: Sequence[Attachment] = ()) -> None:
    """Run every sample of `inputs` [sample, token, column] on `machine`, from an empty machine each.

    Results reach `recorder` in the order of the samples, whatever the workers. `progress` gets the samples done.
    `times_ps` [sample, token] or [token]: when each token enters a free-running chip; see `free_rules.check_times`.
    `attach`: processes of the caller's own beside the chip, in the reference engine.
    Raises DataError if the inputs do not fit, OptionError if the options do not, SimulationError if a run breaks.
    """
    check_known(machine.populations.model.tolist(), machine.population_names)
    check_machine(machine, options)
    check_attached(attach, options)
    values = check_inputs(machine, inputs)
    times = check_times(machine, times_ps, (values.shape[0], values.shape[1]))
    for n_done, result in enumerate(_results(machine, values, times, options, attach), 1):
        recorder.write(result)
        if progress is not None:
            progress(n_done)


def check_attached(attach: Sequence[Attachment], options: RunOptions) -> None:
    """Raise OptionError where processes cannot be attached."""
    for each in attach:
        if not callable(each):
            raise OptionError(f"attach = {each!r}", allowed="functions that take a chip and return a generator")
    if attach and (options.engine != "reference" or options.detail != "event"):
        raise OptionError(f"attach with engine {options.engine!r} at detail {options.detail!r}",
                          allowed="engine reference at detail event",
                          mend="processes live among the events of the reference engine: choose engine='reference'")


def _results(machine: Machine, inputs: NDArray[Any], times: Int64Array, options: RunOptions,
             attach: Sequence[Attachment]) -> Iterator[SampleResult]:
    if options.engine == "reference":
        yield from _simulated(machine, inputs, times, options, attach)
        return
    n_done = 0
    if first_run.may_wait(machine, options):
        for result in first_run.samples_meanwhile(machine, inputs, options):
            yield result
            n_done += 1
    if n_done == len(inputs):
        return
    n_workers = min(options.workers or os.cpu_count() or 1, len(inputs) - n_done)
    yield from _in_threads(_workers(machine, options, n_workers), inputs, times, n_done)
    if machine.free is None:
        first_run.note_compiled(first_run.needed_kernels(machine, options))


def _simulated(machine: Machine, inputs: NDArray[Any], times: Int64Array, options: RunOptions,
               attach: Sequence[Attachment]) -> Iterator[SampleResult]:
    """Yield what the reference engine makes of each sample."""
    if machine.free is not None:
        from neurosim.engine.free_reference import run_free_sample

        for sample in range(len(inputs)):
            yield run_free_sample(machine, sample, inputs[sample], times[sample], options, attach=attach)
        return
    from neurosim.engine.reference import run_sample

    for sample in range(len(inputs)):
        yield run_sample(machine, sample, inputs[sample], options, attach=attach)


def _workers(machine: Machine, options: RunOptions, n_workers: int) -> list[Any]:
    """Return workers of the compiled engine: with time steps or without."""
    if machine.free is not None:
        from neurosim.engine.free_compiled import FreeWorker, prepare_free

        prepared = prepare_free(machine, options)
        return [FreeWorker(prepared) for _ in range(n_workers)]
    from neurosim.engine.compiled import Worker, prepare

    compiled = prepare(machine, options)
    return [Worker(compiled) for _ in range(n_workers)]


def _in_threads(workers: list[Any], inputs: NDArray[Any], times: Int64Array, first: int) -> Iterator[SampleResult]:
    """Yield results from sample `first` on, in order; at most two samples per worker are held at once.

    Even one worker gets a thread, so that Ctrl-C reaches the main one; the others then stop at their next step.
    """
    idle: SimpleQueue[Any] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def one(sample: int) -> SampleResult:
        worker = idle.get()
        try:
            result: SampleResult = worker.run(sample, inputs[sample], times[sample])
            return result
        finally:
            idle.put(worker)

    pending: deque[Future[SampleResult]] = deque()
    with ThreadPoolExecutor(len(workers)) as pool:
        try:
            for sample in range(first, len(inputs)):
                pending.append(pool.submit(one, sample))
                if len(pending) > 2 * len(workers):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BaseException:
            for future in pending:
                future.cancel()
            for worker in workers:
                worker.stop()
            raise


def header(machine: Machine, options: RunOptions, n_samples: int, provenance: Mapping[str, str]) -> RunHeader:
    """Return what a trace must know before the first sample."""
    populations, cores, slices = machine.populations, machine.cores, machine.slices
    texts: list[list[str]] = [[] for _ in range(len(cores.tile))]
    for index in range(len(slices.population)):
        name = machine.population_names[int(slices.population[index])]
        texts[int(slices.core[index])].append(f"{name}[{slices.start[index]}:{slices.stop[index]}]")
    schedule = machine.schedule
    return RunHeader(
        {**machine.provenance, **options.as_strings(), **provenance}, machine.population_names,
        tuple(int(size) for size in populations.size), machine.output_names,
        tuple(int(index) for index in machine.output_population), tuple(int(kind) for kind in machine.output_kind),
        tuple(machine.population_names[index] for index in machine.readouts), cores.physical, cores.tile,
        cores.is_port.astype(np.int64), machine.noc.columns, machine.noc.rows, machine.noc.cores_per_tile,
        tuple(tuple(of_core) for of_core in texts), machine.utilisation, n_samples, schedule.name, schedule.interval,
        schedule.depth, options.detail, options.numbers,
        "compiled" if options.engine == "auto" else options.engine, machine.noc.chip_columns,
        machine.noc.chip_rows)

