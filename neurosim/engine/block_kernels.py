# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Detail `functional`, a block of tokens at once: networks without loops, population after population.

What a population sends reaches only populations behind it, so each may take a whole block of tokens before the next
one begins. Its parameters and states are then read once per block instead of once per token, and calls are few.
Function and counts are those of `step_kernels`, number by number: a token is booked in the step in which it is due.
`engine.blocks` says which machines run so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.count_kernels import count_token, fired
from neurosim.engine.function_kernels import (
    keep_events,
    reset,
    sum_dendrites,
    take_input,
)
from neurosim.engine.packet_kernels import BARRIER, SPIKE_NEURON, SPIKE_OUTPUT
from neurosim.engine.record_kernels import grown, make_records
from neurosim.engine.step_kernels import (
    BUSIEST_NUMBER,
    DONE,
    DURATION,
    INTERVAL,
    N_STEPS,
    NOMINAL_TICKS,
    STOP,
    STOPPED,
    WORK,
)
from neurosim.engine.tables import (
    P_BLOCK,
    P_FIRST_OUTPUT,
    P_LAST_ONLY,
    P_MODEL,
    P_N_MODES,
    P_N_PARAMETER_ROWS,
    P_N_PORTS,
    P_N_STATE_ROWS,
    P_PARAMETER_START,
    P_SIZE,
    P_STAGE,
    P_STATE_START,
    P_STEP,
)
from neurosim.kernel import driver, part
from neurosim.models.calls import call_block, call_fixed_block, call_fixed_step, call_step
from neurosim.models.fixed.registry import draws_per_update
from neurosim.models.fixed.state_space import may_block
from neurosim.models.registry import INPUT


class Blocks(NamedTuple):
    """What the populations make of one block, one after the other; room for the largest of them."""

    charge: NDArray[np.float64]         # flat: [token, port, neuron]
    output: NDArray[np.float64]         # flat: [token, neuron]
    live: NDArray[np.float64]           # flat: [token, neuron] scratch
    active: NDArray[np.uint8]           # flat: [token, neuron]
    overflow: NDArray[np.int64]         # [token] values that did not fit


@driver
def run_in_blocks(tables, synapses, counts, fixed, function, blocks, sample, times, recorded, readout, output):
    """Run one sample from an empty machine to its last token; arguments and results as those of `run_sample`.

    Recorded spikes come population by population within each block, not yet in the order of steps.
    """
    reset(function)
    interval = times[INTERVAL]
    records = make_records(64, 0)
    totals = np.zeros(counts.most_width, np.int32)
    n_kept = 0
    for first in range(0, sample.n_tokens, blocks.overflow.size):
        if times[STOP] != 0:
            return STOPPED, first * interval, records, n_kept, 0
        n_tokens = min(blocks.overflow.size, sample.n_tokens - first)
        for population in range(tables.population.shape[0]):
            _compute(tables, synapses, fixed, function, blocks, sample, population, first, n_tokens)
            _count(tables, counts, totals, function, blocks, sample, interval, population, first, n_tokens, output)
            if recorded[tables.population[population, P_FIRST_OUTPUT]]:
                n_events = _n_events(tables, function, population, first, n_tokens)
                records = grown(records, n_kept, n_kept + n_events, 0, 0)
                n_kept = _keep_spikes(tables, function, interval, population, first, n_tokens, records, n_kept)
            _read_out(tables, blocks, population, first, n_tokens, readout, output.readout)
    _book_plain_steps(times, output)
    return DONE, times[N_STEPS], records, n_kept, 0


@part
def _book_plain_steps(times, output):
    """Book steps that all last as long as the chip says, without a clock."""
    for step in range(times[N_STEPS]):
        output.chip_counts[step, BARRIER] += 1
        output.step[step, WORK] = times[NOMINAL_TICKS]
        output.step[step, DURATION] = times[NOMINAL_TICKS]
        output.step[step, BUSIEST_NUMBER] = -1


@part
def _compute(tables, synapses, fixed, function, blocks, sample, population, first, n_tokens):
    """Have a population take `n_tokens` from `first` on; put what it sends into its ring."""
    model, size = tables.population[population, P_MODEL], tables.population[population, P_SIZE]
    values = blocks.output[:n_tokens * size].reshape(n_tokens, size)
    blocks.overflow[:] = 0
    if model == INPUT:
        blocks.active[:n_tokens * size] = 0
        for index in range(n_tokens):
            take_input(tables, function, sample, population, first + index, values[index])
        return
    width = tables.population[population, P_N_PORTS] * size
    for index in range(n_tokens):
        blocks.overflow[index] += sum_dendrites(tables, synapses, fixed, function, sample, population, first + index,
                                                blocks.charge[index * width:(index + 1) * width])
    start, rows = tables.population[population, P_PARAMETER_START], tables.population[population, P_N_PARAMETER_ROWS]
    parameters = tables.parameters[start:start + rows * size].reshape(rows, size)
    start, rows = tables.population[population, P_STATE_START], tables.population[population, P_N_STATE_ROWS]
    state = function.state[start:start + rows * size].reshape(rows, size)
    charges = blocks.charge[:n_tokens * width].reshape(n_tokens, width)
    live = blocks.live[:n_tokens * size].reshape(n_tokens, size)
    active = blocks.active[:n_tokens * size].reshape(n_tokens, size)
    n_modes, options = tables.population[population, P_N_MODES], tables.options[population]
    step, block = tables.population[population, P_STEP], tables.population[population, P_BLOCK]
    if fixed is None:
        _compute_floating(options, n_modes, parameters, state, charges, values, live, active, step, block)
    else:
        _compute_fixed(fixed, population, options, n_modes, parameters, state, charges, values, live, active,
                       blocks.overflow, step, block, sample.first_draw, first)
    output = tables.population[population, P_FIRST_OUTPUT]
    for index in range(n_tokens):
        keep_events(function, output, values[index], first + index)


@part
def _compute_floating(options, n_modes, parameters, state, charges, values, live, active, step, block):
    """Advance a population by a block of tokens."""
    if block != 0:
        call_block(block, options, n_modes, parameters, state, charges, values, live, active)
        return
    size = values.shape[1]
    for index in range(values.shape[0]):
        call_step(step, options, n_modes, parameters, state, charges[index].reshape(charges.shape[1] // size, size),
                  values[index].reshape(1, size), active[index])


@part
def _compute_fixed(fixed, population, options, n_modes, parameters, state, charges, values, live, active, overflow,
                   step, block, first_draw, first):
    """Advance a population by a block of tokens in integers."""
    constants, size, draws = fixed.constants[population], values.shape[1], draws_per_update(n_modes, values.shape[1])
    draw = first_draw + first * draws
    if block != 0 and may_block(constants):
        call_fixed_block(block, constants, fixed.table, options, n_modes, parameters, state, charges, values, live,
                         active, overflow, draw, draws)
        return
    for index in range(values.shape[0]):
        overflow[index] += call_fixed_step(
            step, constants, fixed.table, options, n_modes, parameters, state,
            charges[index].reshape(charges.shape[1] // size, size), values[index].reshape(1, size), active[index],
            draw + np.int64(index) * draws)


@part
def _count(tables, counts, totals, function, blocks, sample, interval, population, first, n_tokens, output):
    """Book what a population's block counts, each token in its step."""
    size = tables.population[population, P_SIZE]
    for index in range(n_tokens):
        token = first + index
        step = tables.population[population, P_STAGE] + token * interval
        at, count = fired(tables, function, population, token)
        may_send = tables.population[population, P_LAST_ONLY] == 0 or token + 1 >= sample.n_tokens
        count_token(tables, counts, totals, population, may_send, function.ring_neuron[at:at + count],
                    blocks.active[index * size:(index + 1) * size], output.core_counts[step], output.chip_counts[step])
        if output.overflow.shape[0] > 0:
            output.overflow[step, population] += blocks.overflow[index]


@part
def _n_events(tables, function, population, first, n_tokens):
    """Return how many events a population's block has."""
    n_events = 0
    for token in range(first, first + n_tokens):
        n_events += fired(tables, function, population, token)[1]
    return n_events


@part
def _keep_spikes(tables, function, interval, population, first, n_tokens, records, n_kept):
    """Append the events of a population's block; return how many there are now."""
    for token in range(first, first + n_tokens):
        at, count = fired(tables, function, population, token)
        step = tables.population[population, P_STAGE] + token * interval
        for event in range(at, at + count):
            records.spike[n_kept, 0] = step
            records.spike[n_kept, 1 + SPIKE_OUTPUT] = tables.population[population, P_FIRST_OUTPUT]
            records.spike[n_kept, 1 + SPIKE_NEURON] = function.ring_neuron[event]
            records.spike[n_kept, 3] = 0
            records.value[n_kept] = function.ring_value[event]
            n_kept += 1
    return n_kept


@part
def _read_out(tables, blocks, population, first, n_tokens, readout, values):
    """Keep the values, or spike counts so far, of a population that is read out; all tokens, or the last in row 0."""
    column = 0
    size = tables.population[population, P_SIZE]
    for index in range(readout.shape[0]):
        if readout[index, 0] == population:
            for place in range(n_tokens):
                row = first + place if values.shape[0] > 1 else 0
                before = row - 1 if values.shape[0] > 1 else 0
                sums = readout[index, 1] != 0 and before >= 0
                for neuron in range(size):
                    value = np.float64(blocks.output[place * size + neuron])
                    values[row, column + neuron] = value + values[before, column + neuron] if sums else value
        column += tables.population[readout[index, 0], P_SIZE]
