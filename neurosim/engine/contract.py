"""What both engines promise: options in, `SampleResult`s out, and one order of events.

Same machine and same input give the same spikes, the same injection and arrival times to the picosecond and the same
counts, whichever engine runs. Within one picosecond: credits, then arrivals, then grants by (request time, packet id).
A packet's id is its place in the order (step, source neuron, output, destination), so it depends on no queue's
history. A step ends when all cores are done, no packet is in flight, all links are idle and all credits are back, plus
the barrier: every step begins with an idle network. Where a clock begins the steps, step k begins at k times its
period, or when step k − 1 is done, if that is later: the clock goes on, and steps that come late catch up. The function
pass sums dendrites in canonical order and knows
nothing of time; the time pass moves counts and times only.

Free-running chips know no steps: what both engines promise there stands in `engine.free_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError, OptionError, SimulationError, check_choice
from neurosim.machine import BETWEEN_CHIPS, EJECTION, GRADED, Int64Array, Machine, Noc

ENGINES = ("auto", "compiled", "reference")
DETAILS = ("functional", "analytic", "event")
NUMBERS = ("float64", "float32", "fixed")
MOST_JITTER_PS = 10**15
MOST_JOBS = 10**15


@dataclass(frozen=True)
class RunOptions:
    """How a run is done. None of these changes what the network computes, except `numbers`.

    engine : auto is the compiled one; where that is still to be compiled, the reference engine begins (`first_run`)
    workers : threads over samples; 0 = as many as the machine has cores
    record_graded : keep graded values of somata too, not spikes alone
    record_links : keep how long each link was occupied by time step, not for the whole run alone
    readout_tokens : keep the read-outs of every token, not of the last one alone
    seed : for what is drawn at random; kept in the trace
    arrival_jitter_ps : the most that a packet may come late at a core of a free-running chip
    most_jobs : jobs of one sample on a free-running chip before the run is given up
    """

    engine: str = "compiled"
    detail: str = "event"
    numbers: str = "float64"
    workers: int = 0
    record_spikes: bool = True
    record_graded: bool = False
    record_packets: bool = False
    record_links: bool = True
    readout_tokens: bool = False
    seed: int = 0
    arrival_jitter_ps: int = 0
    most_jobs: int = 100_000_000

    def __post_init__(self) -> None:
        for name, choices in (("engine", ENGINES), ("detail", DETAILS), ("numbers", NUMBERS)):
            check_choice(name, getattr(self, name), choices)
        if self.record_packets and self.detail != "event":
            raise OptionError(f"record_packets at detail {self.detail!r}", allowed="detail event",
                              mend="packets have arrival times at detail event only")
        if not 0 <= self.workers <= 1024:
            raise OptionError(f"workers = {self.workers}", allowed="integer from 0 to 1024")
        for name, least, most in (("arrival_jitter_ps", 0, MOST_JITTER_PS), ("most_jobs", 1, MOST_JOBS)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise OptionError(f"{name} = {value!r}", allowed=f"integer from {least} to {most}")

    def as_strings(self) -> dict[str, str]:
        """Return the options as text, for provenance."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}


def check_inputs(machine: Machine, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return inputs as float64[sample, token, column]; raise DataError if they do not fit the machine."""
    values = np.asarray(inputs)
    if values.dtype.kind not in "fiub":
        raise DataError(f"inputs have dtype {values.dtype}", allowed="real numbers")
    if values.ndim != 3 or values.shape[2] != machine.n_inputs:
        raise DataError(f"inputs have shape {values.shape}", allowed=f"(samples, tokens, {machine.n_inputs})")
    if values.shape[0] < 1 or values.shape[1] < 1:
        raise DataError(f"inputs have shape {values.shape}", allowed="at least one sample and one token")
    length = machine.schedule.sequence_length
    if machine.schedule.n_phases > 1 and values.shape[1] > length:
        raise DataError(f"inputs have {values.shape[1]} tokens", allowed=f"at most {length}: what the buffers hold",
                        mend=f"map the network with mapping.sequence_length={values.shape[1]}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0].tolist()
        raise DataError(f"inputs{where} = {values[tuple(where)]}", allowed="finite numbers")
    _check_spikes(machine, values)
    return values


def _check_spikes(machine: Machine, values: NDArray[np.float64]) -> None:
    """Input populations with the payload `spike` take 0 and 1 alone: their packets carry no value."""
    populations = machine.populations
    for population, name in enumerate(machine.population_names):
        first = int(populations.input_start[population])
        if first < 0 or machine.output_kind[populations.first_output[population]] == GRADED:
            continue
        columns = values[:, :, first:first + int(populations.size[population])]
        wrong = (columns != 0) & (columns != 1)
        if wrong.any():
            sample, token, column = np.argwhere(wrong)[0].tolist()
            raise DataError(f"inputs[{sample}, {token}, {first + column}] = {columns[sample, token, column]}",
                            allowed=f"0 and 1: input population {name!r} sends spikes",
                            mend="encode the values as spikes, or give the population the attribute payload: graded "
                                 "on a chip whose packets carry values")


def dtype_of(numbers: str) -> np.dtype[Any]:
    """Return the dtype of states, charges and outputs of a run."""
    return np.dtype("int64" if numbers == "fixed" else numbers)


def recorded_outputs(machine: Machine, options: RunOptions) -> NDArray[np.int8]:
    """Return int8[output]: 1 where the options ask for its events. Inputs are data already and not recorded."""
    recorded = np.zeros(len(machine.output_names), np.int8)
    for output, kind in enumerate(machine.output_kind):
        is_input = machine.populations.input_start[machine.output_population[output]] >= 0
        wanted = options.record_graded if kind == GRADED else options.record_spikes
        recorded[output] = wanted and not is_input
    return recorded


def tail_ps(noc: Noc) -> Int64Array:
    """Return by how much each flit after the first delays what comes behind a link, int64[kind].

    Within a chip the head goes on alone; a core, and the next chip, take a packet when its last flit has come.
    """
    tail = np.zeros_like(noc.cycle_ps)
    tail[[BETWEEN_CHIPS, EJECTION]] = noc.cycle_ps[[BETWEEN_CHIPS, EJECTION]]
    return tail


def overrun(machine: Machine, sample: int, step: int, work_ps: int) -> SimulationError:
    """Return the error of a step that is not done when the next tick comes."""
    return SimulationError(f"sample {sample}, step {step}: the work took {work_ps / 1000:g} ns, and a tick comes every "
                           f"{machine.tick_ps / 1000:g} ns\n  mend: raise tick.period_ns, spread the network over more "
                           "cores, or write tick.overrun: late")


def readout_sizes(machine: Machine) -> list[int]:
    """Return the neurons of each read-out population."""
    return [int(machine.populations.size[population]) for population in machine.readouts]


def summed_readouts(machine: Machine) -> NDArray[np.int8]:
    """Return int8[readout]: 1 where a read-out speaks in spikes, which are counted over the sample."""
    firsts = [int(machine.populations.first_output[population]) for population in machine.readouts]
    return np.array([machine.output_kind[first] != GRADED for first in firsts], np.int8)
