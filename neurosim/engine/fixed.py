"""Fixed-point runs: tables of the kernels, inputs as integers, results as values again. Shared by both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import OptionError, SimulationError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Format
from neurosim.machine import (
    GRADED,
    OUTPUT_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    STREAM_KEY,
    STRICT,
    Fixed,
    Machine,
)
from neurosim.numbers import MOST_SHIFT, quantise, stream_key
from neurosim.traces.schema import SampleResult

# Samples of a run take entries of the random streams from here on each.
SAMPLE_SHIFT = 40


class FixedTables(NamedTuple):
    """What the kernels read of `machine.Fixed`, with the streams of a run's seed. See there."""

    constants: NDArray[np.int64]
    table: NDArray[np.int64]
    conversion_start: NDArray[np.int64]
    mantissa: NDArray[np.int64]
    shift: NDArray[np.int64]
    stream_key: NDArray[np.int64]       # [projection]


def fixed_of(machine: Machine) -> Fixed:
    """Return the integers of a machine; raise OptionError where its network is not quantised."""
    if machine.fixed is None:
        raise OptionError("numbers = 'fixed' for a network without formats", allowed="a quantised network",
                          mend="quantise it first: neurosim quantize")
    return machine.fixed


def fixed_tables(machine: Machine, seed: int) -> FixedTables:
    """Return the tables, with a random stream for each population and projection."""
    fixed = fixed_of(machine)
    constants = fixed.constants.copy()
    constants[:, STREAM_KEY] = [stream_key(seed, f"population {name}") for name in machine.population_names]
    keys = [stream_key(seed, f"projection {index}") for index in range(len(machine.projections.source))]
    return FixedTables(constants, fixed.table, fixed.conversion_start, fixed.mantissa, fixed.shift,
                       np.array(keys, np.int64))


def integer_inputs(machine: Machine, sample: int, inputs: NDArray[Any], seed: int) \
        -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
    """Return inputs [token, column] as integers, and for each input population its overflows int64[token]."""
    fixed, populations = fixed_of(machine), machine.populations
    values = np.zeros(inputs.shape, np.int64)
    overflows = {}
    for population in np.flatnonzero(populations.input_start >= 0).tolist():
        first = int(populations.input_start[population])
        columns = slice(first, first + int(populations.size[population]))
        output = int(populations.first_output[population])
        if machine.output_kind[output] != GRADED:
            values[:, columns] = inputs[:, columns]
            continue
        key = stream_key(seed, f"input {machine.population_names[population]} {sample}")
        kept = input_format(fixed.constants[population])
        scaled = np.asarray(inputs[:, columns], np.float64) / fixed.output_scale[output]
        values[:, columns] = quantise(scaled, kept, key=key)[0]
        unlimited = quantise(scaled, replace(kept, bits=MOST_SHIFT, signed=True), key=key)[0]
        overflows[population] = np.count_nonzero(values[:, columns] != unlimited, axis=1)
    return values, overflows


def input_format(constants: NDArray[np.int64]) -> Format:
    """Return the payload's format, in integers; what does not fit is counted by the caller."""
    slot = constants[OUTPUT_SLOT:OUTPUT_SLOT + 4].tolist()
    overflow = OVERFLOWS[slot[SLOT_OVERFLOW]]
    return Format(slot[SLOT_BITS], 0, bool(slot[SLOT_SIGNED]), ROUNDINGS[slot[SLOT_ROUNDING]],
                  "saturate" if overflow == "error" else overflow)


def as_values(machine: Machine, result: SampleResult, overflows: NDArray[np.int64],
              input_overflows: dict[int, NDArray[np.int64]]) -> SampleResult:
    """Return a result whose integers are values again, with its overflows [step, population].

    Raises SimulationError where a population whose formats say `error` overflowed.
    """
    fixed, schedule, populations = fixed_of(machine), machine.schedule, machine.populations
    for population, counts in input_overflows.items():
        steps = int(populations.stage[population]) + schedule.interval * np.arange(len(counts))
        overflows[steps, population] += counts
    for population in np.flatnonzero(fixed.constants[:, STRICT]).tolist():
        found = np.flatnonzero(overflows[:, population])
        if found.size:
            raise SimulationError(
                f"sample {result.sample}, step {found[0]}: {overflows[found[0], population]} values of population "
                f"{machine.population_names[population]!r} do not fit their format, whose overflow is `error`")
    scale = np.concatenate([np.full(int(populations.size[readout]),
                                    fixed.output_scale[populations.first_output[readout]])
                            for readout in machine.readouts] or [np.zeros(0)])
    tokens = None if result.readout_tokens is None else result.readout_tokens * scale
    spikes = replace(result.spikes, value=result.spikes.value * fixed.output_scale[result.spikes.output])
    return replace(result, readout=result.readout * scale, readout_tokens=tokens, spikes=spikes, overflows=overflows)
