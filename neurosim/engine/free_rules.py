"""What both engines promise on a free-running chip, and what they take there.

There are no time steps (`Machine.free`), and the order of arrival is what the network computes. To the picosecond:

* **Input.** Token k enters at its time: k token periods, or a time that the user gives. The input port injects a packet
  for each value that is not zero, in order of populations and neurons, one every `packet_latency`.
* **Jobs.** A core works off one job after the other: packets, ticks of the leak clock, tokens (the input port) and
  slices that take one, in order of (arrival, packets last, number of the token or slice, packet id). A packet's id is
  (its injection, its place in the table of packets, how often its neuron had fired before): no queue's history. It
  arrives `arrival_jitter_ps` later at most, by a draw that depends on the seed, the sample, its id and its destination
  alone.
* **A packet** occupies the core for its service (look-up, synapses), then for one update of each neuron that it
  touches, by population and neuron. Touched is who has a synapse from the source; a zero weight is none where the chip
  skips them. The update is that of `models.elapse`: state advanced by the time since the neuron's last packet, *from
  arrival to arrival*, plus the charges of this packet, in order of projections and synapses. Whoever fires sends right
  after its own update: `spike_out`, then `packet_out` and an injection for each packet. A population updated by ticks
  only gathers charges.
* **A tick** happens at every multiple of the leak clock up to the last token's time + one token period, and once more
  for each further ticked population on the longest way. It updates all neurons of the core's ticked populations by
  their ordinary step.
* **Within one picosecond**: credits, arrivals, jobs, grants. A job of no duration ends before the next one is taken.
* **Rows.** What a trace calls a step is the time from one token to the next; the last one lasts until all is quiet.
  What a core does for a job is booked in the row in which it begins, spikes and packets in that in which they leave.
  Read-outs hold the last value of each neuron, or count its spikes.
* **Whole tokens** (`mapping.join`). Token k enters at its time, or when the input port has heard that token
  k - tokens_in_flight has left the network, if that is later. What neurons make of it is an ordinary step in canonical
  order, whatever arrives when; an `event_mode` decays over the time between its tokens, as they were given. Packets
  only take service. A slice sends markers behind the packets of a token, in the order of destinations. Once all
  packets of a token are served that lead from a slice to a core, markers included, whoever waits there may go on: a
  job, in order with the packets, of all updates of the slice. A core sends and serves markers like any packet.
  Read-outs are by token.
* A sample of more than `most_jobs` jobs is stopped: a network that excites itself is never quiet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.engine.contract import RunOptions
from neurosim.errors import CapabilityError, DataError, OptionError, SimulationError
from neurosim.machine import DECAY_SHIFT, LAZY, LEAK_SHIFT, SLOT_ROUNDING, Int64Array, Machine
from neurosim.model_specs import SPEC_BY_INDEX
from neurosim.models.fixed.sums import LEAK as INTEGRATOR_LEAK
from neurosim.models.lif import LEAK as LIF_LEAK
from neurosim.models.lif import REFRACTORY_STEPS
from neurosim.numbers import STOCHASTIC

MOST_TIME_PS = 2**58        # leaves room for the phases of a picosecond in 64 bits
UNDECAYING = ("input", "linear", "relu", "gelu", "sigma_delta")


def check_machine(machine: Machine, options: RunOptions) -> None:
    """Raise OptionError or CapabilityError where the options do not suit the machine."""
    if machine.free is None:
        if options.arrival_jitter_ps:
            raise OptionError(f"arrival_jitter_ps = {options.arrival_jitter_ps} on a chip with time steps",
                              allowed="0: no result depends on the order of arrivals there",
                              mend="choose a chip with sync: free_running")
        return
    if options.detail != "event":
        raise OptionError(f"detail = {options.detail!r} on a free-running chip", allowed="event",
                          mend="the order in which packets arrive is what the network computes: it cannot be left out")
    if options.numbers == "fixed":
        _check_integers(machine)


def _check_integers(machine: Machine) -> None:
    """In integers only what does not decay can be left alone between events, or takes whole tokens without a clock."""
    assert machine.free is not None, "only free-running chips advance neurons"
    populations, lines = machine.populations, []
    if machine.free.tokens is not None:
        clocked = [name for name, is_clocked in zip(machine.population_names, machine.free.tokens.clocked, strict=True)
                   if is_clocked]
        if clocked:
            raise CapabilityError(
                f"numbers = 'fixed' on a free-running chip: populations {', '.join(clocked)} (model event_mode) decay "
                "over the time from token to token, whose exponential is no integer arithmetic",
                allowed="float64, float32", mend="choose float64, or a chip with time steps and intervals as an input")
        return
    if machine.fixed is not None and np.any(machine.fixed.constants[:, SLOT_ROUNDING:DECAY_SHIFT:4] == STOCHASTIC):
        raise CapabilityError("rounding = 'stochastic' on a free-running chip", allowed="any other rounding",
                              mend="its draws are numbered by tokens, which such a chip does not know")
    for number, name in enumerate(machine.population_names):
        model = SPEC_BY_INDEX[int(populations.model[number])].name
        if machine.free.advance[number] == LAZY and model not in UNDECAYING:
            if model not in ("lif", "integrator") or not _keeps_its_state(machine, number, model):
                lines.append(f"population {name!r} (model {model}): decays or rests, and the power of a decay over any "
                             "time is no integer arithmetic")
    if lines:
        raise CapabilityError("numbers = 'fixed' on a free-running chip\n" + "\n".join(lines),
                              allowed="integrate-and-fire without leak, stateless models, and whatever a tick updates",
                              mend="let the leak clock update it (mapping.advance.*=tick), or choose float64")


def _keeps_its_state(machine: Machine, population: int, model: str) -> bool:
    """Return whether all neurons have a leak of exactly 1, as stored, and never rest."""
    if machine.fixed is None:
        return True         # not quantised: the engine says so itself
    start, size = int(machine.fixed.parameter_start[population]), int(machine.populations.size[population])
    rows = machine.fixed.parameters[start:start + int(machine.fixed.n_parameter_rows[population]) * size]
    table = rows.reshape(-1, size)
    rests = model == "lif" and bool(np.any(table[REFRACTORY_STEPS] != 0))
    leak = table[INTEGRATOR_LEAK if model == "integrator" else LIF_LEAK]
    return not rests and bool(np.all(leak == 1 << int(machine.fixed.constants[population, LEAK_SHIFT])))


def check_times(machine: Machine, times_ps: Any, shape: tuple[int, int]) -> Int64Array:
    """Return when each token enters, int64[sample, token] in ps from the start of its sample.

    Parameters
    ----------
    times_ps : integers of that shape, or [token] for all samples, not descending; None: every token period
    shape : (samples, tokens)

    Raises
    ------
    DataError       times that do not fit, descend, or lie before the sample
    OptionError     times of one's own on a chip with time steps
    """
    if machine.free is None:
        if times_ps is not None:
            raise OptionError("times of tokens on a chip with time steps", allowed="none: a token takes a step there",
                              mend="choose a chip with sync: free_running, or bin the events into tokens")
        return np.zeros(shape, np.int64)
    if times_ps is None:
        times_ps = np.arange(shape[1], dtype=np.int64) * machine.free.token_period_ps
    given = np.asarray(times_ps)
    if given.dtype.kind not in "iu":
        raise DataError(f"times of tokens have dtype {given.dtype}", allowed="integers, picoseconds",
                        mend="round them to picoseconds")
    if given.shape not in (shape, shape[1:]):
        raise DataError(f"times of tokens have shape {given.shape}", allowed=f"{shape}, or {shape[1:]} for all samples")
    times = np.ascontiguousarray(np.broadcast_to(given, shape).astype(np.int64))
    if times.min() < 0 or times.max() > MOST_TIME_PS:
        raise DataError(f"times of tokens reach {given.min()} to {given.max()}", allowed=f"0 to {MOST_TIME_PS} ps")
    if np.any(np.diff(times, axis=1) < 0):
        sample, token = np.argwhere(np.diff(times, axis=1) < 0)[0].tolist()
        raise DataError(f"times of tokens[{sample}, {token + 1}] = {times[sample, token + 1]}",
                        allowed=f"{times[sample, token]} or more: the time of the token before",
                        mend="sort the tokens by time")
    return times


def too_many_jobs(sample: int, time_ps: int, options: RunOptions) -> SimulationError:
    """Return the error of a sample that does not come to rest."""
    return SimulationError(
        f"sample {sample}: {options.most_jobs} jobs done at {time_ps} ps, and there is more to do. A network that "
        "excites itself is never quiet: lower its recurrent weights, or raise most_jobs")


def last_tick_ps(machine: Machine, times_ps: Int64Array) -> int:
    """Return the time of the last tick of a sample with tokens at `times_ps` [token]; 0 where nothing ticks."""
    assert machine.free is not None, "only free-running chips have ticks of this kind"
    tick_ps = machine.free.tick_ps
    if tick_ps == 0:
        return 0
    until = int(times_ps[-1]) + machine.free.token_period_ps
    return until // tick_ps * tick_ps + (machine.free.tick_stages - 1) * tick_ps
