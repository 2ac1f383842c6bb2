"""One network over a large data set, in batches on many workers: accuracy, counts and energy as of one run.

Every sample starts in an empty machine, so what comes out does not depend on the batches or on who had them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hw_models.schema import Chip
from neurosim import api
from neurosim.engine import RunOptions
from neurosim.engine.contract import check_inputs
from neurosim.errors import OptionError
from neurosim.explore.executors import Executor, WorkerLostError, make_executor
from neurosim.explore.totals import Batch, Measured, Placed, measure_batches, run_batch
from neurosim.graph import Network
from neurosim.mapping import map_network
from neurosim.resolve import resolve, run_options
from neurosim.run_data import find_data, with_sequence_length

Float64Array = NDArray[np.float64]
BATCH = 32


def evaluate(source: str | Path | Network, chip: Chip | str | Path | None = None,
             inputs: ArrayLike | str | Path | None = None, labels: ArrayLike | str | Path | None = None, *,
             network: str | None = None, samples: int | None = None, detail: str = "analytic",
             numbers: str = "float64", schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = (),
             batch: int = BATCH, workers: int | None = None, scheduler: str | None = None,
             progress: Callable[[int, int], None] | None = None) -> Measured:
    """Run a network over a data set, batch by batch, on processes of this machine or on a Dask cluster.

    Parameters
    ----------
    source, chip, inputs, labels, network, samples, detail, numbers, schedule, seed, overrides : as in `neurosim.run`
    batch : samples that a worker is handed at once, 1 to 1 000 000
    workers, scheduler : as in `run_study`
    progress : called with (samples done, samples in all)

    Raises
    ------
    InputError, ConfigError  before anything runs
    SimulationError          if a run broke

    A program that calls this with processes of this machine must be guarded by `if __name__ == "__main__":`.
    """
    if isinstance(batch, bool) or not 1 <= batch <= 1_000_000:
        raise OptionError(f"batch = {batch}", allowed="integer from 1 to 1 000 000")
    options = run_options(detail=detail, numbers=numbers, engine="compiled", seed=seed, workers=1, record="spikes")
    resolved = resolve(source, chip, network=network, schedule=schedule, seed=seed, overrides=overrides)
    data = find_data(resolved, inputs, labels, samples)
    resolved = with_sequence_length(resolved, data)
    if numbers == "fixed":
        resolved, _ = api.with_formats(resolved, data)
    placed = Placed(map_network(resolved.network, resolved.chip, resolved.mapping), resolved.chip, numbers)
    check_inputs(placed.machine, data.inputs)
    executor = make_executor(run_samples, (placed, options), workers=workers, scheduler=scheduler)
    try:
        batches = _collect(executor, data.inputs, batch, progress)
    finally:
        executor.close()
    return measure_batches(placed, batches, data.labels)


def run_samples(context: tuple[Placed, RunOptions], inputs: Float64Array) -> Batch:
    """Run one batch: what a worker does."""
    placed, options = context
    return run_batch(placed, inputs, options)


def _collect(executor: Executor, inputs: Float64Array, batch: int,
             progress: Callable[[int, int], None] | None) -> list[Batch]:
    """Return the batches in the order of the samples."""
    starts = range(0, len(inputs), batch)
    found: dict[int, Batch] = {}
    n_done = 0
    for start, result in executor.run((start, inputs[start:start + batch]) for start in starts):
        if isinstance(result, WorkerLostError):
            raise result
        found[start] = result
        n_done += len(result.readout)
        if progress is not None:
            progress(n_done, len(inputs))
    return [found[start] for start in starts]
