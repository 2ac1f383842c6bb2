"""One network over a large data set, in batches on many workers: accuracy, counts and energy as of one run.

Every sample starts in an empty machine, so what comes out does not depend on the batches or on who had them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hw_models.costs import EnergyBill, price
from hw_models.schema import Chip
from neurosim import api, engine
from neurosim.engine import RunOptions
from neurosim.engine.contract import check_inputs
from neurosim.errors import OptionError
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.explore.executors import Executor, WorkerLostError, make_executor
from neurosim.explore.trial import Placed
from neurosim.graph import Network
from neurosim.mapping import map_network
from neurosim.report.timing import Spread, spread
from neurosim.resolve import resolve, run_options
from neurosim.run_data import find_data, with_sequence_length
from neurosim.traces.schema import SampleResult
from neurosim.traces.writing import prediction
from neurosim.units import ps_to_s

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
BATCH = 32


class _Batch(NamedTuple):
    """What came of one batch of samples."""

    readout: Float64Array
    prediction: Int64Array
    core_counts: Any
    chip_counts: Any
    duration_ps: Int64Array


@dataclass(frozen=True)
class Evaluation:
    """A network over a data set.

    readout : float64[sample, readout neuron], at the last token
    prediction : int64[sample]
    accuracy : of labelled samples; None without labels
    energy : of all samples; the same bill that one run of them has
    latency : per sample, in seconds
    """

    samples: int
    readout: Float64Array
    prediction: Int64Array
    accuracy: float | None
    counts: dict[str, int]
    energy: EnergyBill
    latency: Spread | None
    wall_s: float


def evaluate(source: str | Path | Network, chip: Chip | str | Path | None = None,
             inputs: ArrayLike | str | Path | None = None, labels: ArrayLike | str | Path | None = None, *,
             network: str | None = None, samples: int | None = None, detail: str = "analytic",
             numbers: str = "float64", schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = (),
             batch: int = BATCH, workers: int | None = None, scheduler: str | None = None,
             progress: Callable[[int, int], None] | None = None) -> Evaluation:
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
    started = time.perf_counter()
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
    return _merged(placed, batches, data.labels, time.perf_counter() - started)


def run_samples(context: tuple[Placed, RunOptions], inputs: Float64Array) -> _Batch:
    """Run one batch: what a worker does."""
    placed, options = context
    totals = _Totals(placed)
    engine.run(placed.machine, inputs, options, totals)
    return totals.batch()


class _Totals:
    """A recorder that adds up and keeps nothing else."""

    def __init__(self, placed: Placed) -> None:
        self._n_cores = placed.machine.n_cores          # ports stand behind them
        self._core: Any = 0
        self._chip: Any = 0
        self._readout: list[Float64Array] = []
        self._duration_ps: list[int] = []

    def write(self, result: SampleResult) -> None:
        """Add one sample."""
        self._core = self._core + result.core_counts[:, :self._n_cores].sum(axis=(0, 1), dtype=np.int64)
        self._chip = self._chip + result.chip_counts.sum(axis=0, dtype=np.int64)
        self._readout.append(result.readout)
        self._duration_ps.append(result.duration_ps)

    def batch(self) -> _Batch:
        """Return the sums."""
        readout = np.array(self._readout)
        return _Batch(readout, predictions(readout), self._core, self._chip, np.array(self._duration_ps))


def predictions(readout: Float64Array) -> Int64Array:
    """Return the class of each sample, as a trace has it; int64[sample]."""
    return np.array([prediction(row) for row in readout], np.int64)


def _collect(executor: Executor, inputs: Float64Array, batch: int,
             progress: Callable[[int, int], None] | None) -> list[_Batch]:
    """Return the batches in the order of the samples."""
    starts = range(0, len(inputs), batch)
    found: dict[int, _Batch] = {}
    n_done = 0
    for start, result in executor.run((start, inputs[start:start + batch]) for start in starts):
        if isinstance(result, WorkerLostError):
            raise result
        found[start] = result
        n_done += len(result.readout)
        if progress is not None:
            progress(n_done, len(inputs))
    return [found[start] for start in starts]


def _merged(placed: Placed, batches: list[_Batch], labels: Int64Array | None, wall_s: float) -> Evaluation:
    readout = np.concatenate([each.readout for each in batches])
    found = np.concatenate([each.prediction for each in batches])
    duration_ps = np.concatenate([each.duration_ps for each in batches])
    core = dict(zip(CORE_EVENTS, sum(each.core_counts for each in batches).tolist(), strict=True))
    chip = dict(zip(CHIP_EVENTS, sum(each.chip_counts for each in batches).tolist(), strict=True))
    bill = price(placed.chip, core, chip, placed.machine.n_cores, ps_to_s(int(duration_ps.sum())))
    accuracy = None if labels is None else float((found == labels)[labels >= 0].mean())
    return Evaluation(len(readout), readout, found, accuracy, {**core, **chip}, bill, spread(duration_ps), wall_s)
