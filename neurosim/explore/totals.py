"""What studies keep of a run: sums of counts, read-outs, durations. No trace is written, which would cost more than a
short run itself; every figure is the one that the report of a trace gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hw_models.costs import EnergyBill, price
from hw_models.schema import Chip
from neurosim import engine
from neurosim.engine import RunOptions
from neurosim.events import CHIP_EVENTS, CORE_EVENTS
from neurosim.report.timing import Spread, spread
from neurosim.traces.schema import SampleResult
from neurosim.traces.writing import prediction
from neurosim.units import ps_to_s

if TYPE_CHECKING:
    from neurosim.machine import Machine

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


class Placed(NamedTuple):
    """A network on a chip, ready to run."""

    machine: Machine
    chip: Chip
    numbers: str


class Batch(NamedTuple):
    """What came of some samples.

    readout : float64[sample, readout neuron]
    core_counts, chip_counts : int64[event], the ports' own left out
    duration_ps, n_steps, overflows : int64[sample]; overflows None where they were not counted
    """

    readout: Float64Array
    core_counts: Int64Array
    chip_counts: Int64Array
    duration_ps: Int64Array
    n_steps: Int64Array
    overflows: Int64Array | None


@dataclass(frozen=True)
class Measured:
    """Samples of a network on a chip, as `neurosim.report.summarise` would have them.

    readout : float64[sample, readout neuron], at the last token
    prediction : int64[sample]
    accuracy : of labelled samples; None without labels
    counts : event -> how often, on cores and chip
    energy : of all samples together
    latency : of a sample, in seconds
    overflows : 0 in float runs; None where a fixed-point run did not say
    """

    samples: int
    readout: Float64Array
    prediction: Int64Array
    accuracy: float | None
    counts: dict[str, int]
    energy: EnergyBill
    latency: Spread | None
    cores_used: int
    time_steps: int
    overflows: int | None


class _Totals:
    """A recorder that adds up."""

    def __init__(self, machine: Machine) -> None:
        self._is_core = machine.cores.is_port == 0      # what ports book as cores has no price
        self._core = np.zeros(len(CORE_EVENTS), np.int64)
        self._chip = np.zeros(len(CHIP_EVENTS), np.int64)
        self._readout: list[Float64Array] = []
        self._rows: list[tuple[int, int, int]] = []
        self._counted = True

    def write(self, result: SampleResult) -> None:
        """Add one sample."""
        self._core += result.core_counts[:, self._is_core].sum(axis=(0, 1), dtype=np.int64)
        self._chip += result.chip_counts.sum(axis=0, dtype=np.int64)
        self._readout.append(result.readout)
        overflows = 0 if result.overflows is None else int(result.overflows.sum())
        self._counted &= result.overflows is not None
        self._rows.append((result.duration_ps, result.n_steps, overflows))

    def batch(self) -> Batch:
        """Return the sums."""
        duration_ps, n_steps, overflows = np.array(self._rows, np.int64).T
        return Batch(np.array(self._readout), self._core, self._chip, duration_ps, n_steps,
                     overflows if self._counted else None)


def run_batch(placed: Placed, inputs: Any, options: RunOptions) -> Batch:
    """Run some samples; raise DataError or SimulationError as `engine.run` does."""
    totals = _Totals(placed.machine)
    engine.run(placed.machine, inputs, options, totals)
    return totals.batch()


def measure_batches(placed: Placed, batches: Sequence[Batch], labels: Int64Array | None) -> Measured:
    """Return what came of all samples; `batches` in their order, at least one."""
    readout = np.concatenate([each.readout for each in batches])
    duration_ps = np.concatenate([each.duration_ps for each in batches])
    found = np.array([prediction(row) for row in readout], np.int64)
    core = dict(zip(CORE_EVENTS, np.sum([each.core_counts for each in batches], axis=0).tolist(), strict=True))
    chip = dict(zip(CHIP_EVENTS, np.sum([each.chip_counts for each in batches], axis=0).tolist(), strict=True))
    n_cores = placed.machine.n_cores
    return Measured(
        samples=len(readout), readout=readout, prediction=found, accuracy=_accuracy(found, labels),
        counts={**core, **chip}, energy=price(placed.chip, core, chip, n_cores, ps_to_s(int(duration_ps.sum())),
                                              n_chips=placed.machine.n_chips),
        latency=spread(duration_ps), cores_used=n_cores, time_steps=int(sum(each.n_steps.sum() for each in batches)),
        overflows=_overflows(placed, batches))


def _accuracy(found: Int64Array, labels: Int64Array | None) -> float | None:
    return None if labels is None or not (labels >= 0).any() else float((found == labels)[labels >= 0].mean())


def _overflows(placed: Placed, batches: Sequence[Batch]) -> int | None:
    if placed.numbers != "fixed":
        return 0
    return sum(int(each.overflows.sum()) if each.overflows is not None else 0 for each in batches) \
        if all(each.overflows is not None for each in batches) else None
