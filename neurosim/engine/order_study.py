"""How much results on a free-running chip hang on the order of arrivals: the run again, with packets coming late.

Each repeat delays every arrival at a core by a draw of its own, up to a bound, and is held against the run without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import RunOptions
from neurosim.engine.free_rules import check_machine
from neurosim.engine.run import run
from neurosim.errors import OptionError
from neurosim.events import CORE_EVENT_INDEX
from neurosim.machine import Int64Array, Machine
from neurosim.traces.schema import Float64Array, SampleResult

MOST_REPEATS = 1000


@dataclass(frozen=True)
class OrderReport:
    """What repeats with late arrivals changed.

    jitter_ps : the most that an arrival came late
    repeats : runs, each with draws of its own
    readout_change_mean, readout_change_max : of a read-out value against the calm run, over all values and repeats
    spikes, spikes_min, spikes_max : outputs that fired, in the calm run and over the repeats
    predictions_changed : share of samples and repeats in which another read-out was largest
    accuracy, accuracy_min, accuracy_max : None without labels
    """

    jitter_ps: int
    repeats: int
    readout_change_mean: float
    readout_change_max: float
    spikes: int
    spikes_min: int
    spikes_max: int
    predictions_changed: float
    accuracy: float | None
    accuracy_min: float | None
    accuracy_max: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        return asdict(self)


class Outcome:
    """A recorder that keeps read-outs and the number of outputs that fired, and nothing else."""

    def __init__(self) -> None:
        self._readouts: list[Float64Array] = []
        self.spikes = 0

    def write(self, result: SampleResult) -> None:
        """Keep what a sample came to."""
        self._readouts.append(result.readout)
        self.spikes += int(result.core_counts[..., CORE_EVENT_INDEX["spike_out"]].sum())

    @property
    def readouts(self) -> Float64Array:
        """Return float64[sample, readout neuron]."""
        return np.array(self._readouts)


def check_repeats(machine: Machine, options: RunOptions, repeats: int) -> None:
    """Raise OptionError where a number of repeats does not suit; 0: none."""
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 0 <= repeats <= MOST_REPEATS:
        raise OptionError(f"jitter_runs = {repeats!r}", allowed=f"integer from 0 to {MOST_REPEATS}")
    if repeats and machine.free is not None and options.arrival_jitter_ps < 1:
        raise OptionError(f"jitter_runs = {repeats} with jitter_ns = 0", allowed="0.001 ns or more",
                          mend="say how late arrivals may be, such as jitter_ns = 10")
    check_machine(machine, options if options.arrival_jitter_ps or not repeats else replace(options,
                                                                                            arrival_jitter_ps=1))


def study_order(machine: Machine, inputs: NDArray[Any], options: RunOptions, calm: Outcome, *, repeats: int,
                times_ps: Int64Array | None = None, labels: Int64Array | None = None,
                progress: Callable[[int], None] | None = None) -> OrderReport:
    """Repeat a run with arrivals that come late.

    Parameters
    ----------
    options : of the repeats; repeat n has the seed `options.seed` + 1 + n
    calm : what the run without delays came to
    progress : gets the repeats done

    Raises
    ------
    OptionError     as `check_repeats` does
    """
    check_repeats(machine, options, repeats)
    shaken = []
    for repeat in range(repeats):
        outcome = Outcome()
        run(machine, inputs, replace(options, seed=options.seed + 1 + repeat, record_spikes=False, record_graded=False,
                                     record_packets=False, readout_tokens=False), outcome, times_ps=times_ps)
        shaken.append(outcome)
        if progress is not None:
            progress(repeat + 1)
    return _compared(calm, shaken, labels, options.arrival_jitter_ps)


def _compared(calm: Outcome, shaken: list[Outcome], labels: Int64Array | None, jitter_ps: int) -> OrderReport:
    changes = np.abs(np.array([outcome.readouts for outcome in shaken]) - calm.readouts)
    has_values = changes.size > 0
    before = calm.readouts.argmax(axis=1) if has_values else np.zeros(0)
    after = [outcome.readouts.argmax(axis=1) for outcome in shaken] if has_values else []
    right = [float((found == labels).mean()) for found in after] if labels is not None else []
    spikes = [outcome.spikes for outcome in shaken]
    return OrderReport(
        jitter_ps, len(shaken), float(changes.mean()) if has_values else 0.0, float(changes.max(initial=0.0)),
        calm.spikes, min(spikes), max(spikes), float(np.mean([found != before for found in after] or [0.0])),
        float((before == labels).mean()) if right else None, min(right, default=None), max(right, default=None))
