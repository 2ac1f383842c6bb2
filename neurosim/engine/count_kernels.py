# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""What the spikes of a population do is counted from sums of their rows; see `count_tables`.

In detail `functional` that is all there is to do, as nothing travels.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.count_tables import (
    Q_FIRST_STRETCH,
    Q_LAST_STRETCH,
    Q_START,
    Q_WIDTH,
    X_CORE,
    X_FIRST_BOOKING,
    X_LAST_BOOKING,
    X_SLICE,
    X_STOP,
    X_WIDTH,
)
from neurosim.engine.function_kernels import R_COUNT_START, R_DEPTH, R_START, packets_of
from neurosim.engine.packet_kernels import (
    INPUT_PACKET,
    MODE_UPDATE,
    PACKET_OUT,
    SPIKE_NEURON,
    SPIKE_OUT,
    SPIKE_OUTPUT,
    count_row,
)
from neurosim.engine.piece_tables import B_COLUMN, B_CORE, B_EVENT, B_TIMES, CHIP, PACKETS_HIGH, PACKETS_LOW
from neurosim.engine.tables import (
    C_IS_PORT,
    P_FIRST_NEURON,
    P_FIRST_OUTPUT,
    P_FIRST_ROW,
    P_N_MODES,
    P_SIZE,
    S_CORE,
    S_EVENT_ACTIVE,
    S_EVENT_INACTIVE,
    S_START,
    S_STOP,
)
from neurosim.kernel import inlined, part, prefetch

LINE_BYTES = 64
AHEAD = 8           # rows are fetched so many spikes ahead


@part
def count_fired(tables, counts, totals, function, time_state, population, token, may_send, recorded, n_spikes,
                core_counts, chip_counts):
    """Count what the spikes of one population do; note those that are recorded.

    totals : int32[most width] scratch
    Adds to `core_counts` [core, event] and `chip_counts` [event] of the step. Returns the new n_spikes.
    """
    output = tables.population[population, P_FIRST_OUTPUT]
    at, count = fired(tables, function, population, token)
    neurons = function.ring_neuron[at:at + count]
    if recorded[output]:
        for event in range(count):
            time_state.spike[n_spikes, SPIKE_OUTPUT] = output
            time_state.spike[n_spikes, SPIKE_NEURON] = neurons[event]
            time_state.value[n_spikes] = function.ring_value[at + event]
            n_spikes += 1
    first, size = tables.population[population, P_FIRST_NEURON], tables.population[population, P_SIZE]
    count_token(tables, counts, totals, population, may_send, neurons, function.active[first:first + size], core_counts,
                chip_counts)
    return n_spikes


@inlined
def count_token(tables, counts, totals, population, may_send, neurons, active, core_counts, chip_counts):
    """Count what the events `neurons` of one population at one token do, and the updates of `active` [neuron]."""
    totals[:] = 0
    event, n_fired = 0, 0
    for index in range(counts.population[population, Q_FIRST_STRETCH], counts.population[population, Q_LAST_STRETCH]):
        stop = _end_of_stretch(neurons, event, counts.stretch[index, X_STOP])
        if may_send:
            _count_stretch(tables, counts, totals, population, index, neurons, event, stop, core_counts, chip_counts)
        n_fired += stop - event
        event = stop
        if counts.stretch[index, X_SLICE] >= 0:
            core = counts.stretch[index, X_CORE]
            if may_send and not tables.core[core, C_IS_PORT]:
                core_counts[core, SPIKE_OUT] += n_fired
            _count_updates(tables, active, population, counts.stretch[index, X_SLICE], core_counts)
            n_fired = 0


@part
def count_sent(tables, counts, totals, function, population, token, core_counts, chip_counts):
    """Count the packets of what one population fired: at their sources, on their ways, and at their destinations.

    Arguments as in `count_fired`.
    """
    at, count = fired(tables, function, population, token)
    neurons = function.ring_neuron[at:at + count]
    totals[:] = 0
    event = 0
    for index in range(counts.population[population, Q_FIRST_STRETCH], counts.population[population, Q_LAST_STRETCH]):
        stop = _end_of_stretch(neurons, event, counts.stretch[index, X_STOP])
        _count_stretch(tables, counts, totals, population, index, neurons, event, stop, core_counts, chip_counts)
        event = stop


@part
def fired(tables, function, population, token):
    """Return where in ring_neuron what a population with one output fired begins, and how much it is."""
    ring = packets_of(tables, tables.population[population, P_FIRST_OUTPUT])
    slot = token % function.ring[ring, R_DEPTH]
    at = function.ring[ring, R_START] + slot * tables.population[population, P_SIZE]
    return at, function.ring_count[function.ring[ring, R_COUNT_START] + slot]


@part
def _end_of_stretch(neurons, event, stop):
    """Return the first event from `event` on whose neuron is not below `stop`."""
    low, high = event, neurons.size
    while low < high:
        middle = (low + high) // 2
        if neurons[middle] < stop:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _count_stretch(tables, counts, totals, population, index, neurons, event, stop, core_counts, chip_counts):
    """Count the packets of some events of one stretch; book its piece's, where it ends the piece.

    totals : those of the piece so far; 0 again behind its end
    """
    core, width = counts.stretch[index, X_CORE], counts.stretch[index, X_WIDTH]
    if width == 0:
        for walked in range(event, stop):
            row = tables.population[population, P_FIRST_ROW] + neurons[walked]
            count_row(tables, row, core, core_counts, chip_counts)
        return
    n_packets = _add_rows(counts, totals[:width], population, neurons, event, stop)
    _count_packets(tables, core, n_packets, core_counts, chip_counts)
    first, last = counts.stretch[index, X_FIRST_BOOKING], counts.stretch[index, X_LAST_BOOKING]
    if first < last and totals[PACKETS_LOW] + totals[PACKETS_HIGH] != 0:
        _book(counts, totals, first, last, core_counts, chip_counts)
        totals[:width] = 0


@inlined
def _add_rows(counts, sums, population, neurons, first, stop):
    """Add the rows of some events to `sums` [column]; return how many packets they send."""
    before = sums[PACKETS_LOW] + 256 * sums[PACKETS_HIGH]
    start, width = counts.population[population, Q_START], counts.population[population, Q_WIDTH]
    for event in range(first, stop):
        if event + AHEAD < neurons.size:
            ahead = start + neurons[event + AHEAD] * width
            for byte in range(0, sums.size, LINE_BYTES):
                prefetch(counts.rows, ahead + byte)
        at = start + neurons[event] * width
        row = counts.rows[at:at + sums.size]
        for column in range(sums.size):
            sums[column] += row[column]
    return sums[PACKETS_LOW] + 256 * sums[PACKETS_HIGH] - before


@inlined
def _count_packets(tables, core, n_packets, core_counts, chip_counts):
    """Count packets at the core that sends them; a port only passes packets on."""
    if tables.core[core, C_IS_PORT]:
        chip_counts[INPUT_PACKET] += n_packets
    else:
        core_counts[core, PACKET_OUT] += n_packets


@inlined
def _count_updates(tables, active, population, index, core_counts):
    """Count the updates of one slice."""
    if tables.slice_[index, S_EVENT_ACTIVE] < 0:
        return
    first, stop = tables.slice_[index, S_START], tables.slice_[index, S_STOP]
    n_active = np.int64(0)
    for neuron in range(first, stop):
        n_active += active[neuron]
    core = tables.slice_[index, S_CORE]
    core_counts[core, tables.slice_[index, S_EVENT_ACTIVE]] += n_active
    core_counts[core, tables.slice_[index, S_EVENT_INACTIVE]] += stop - first - n_active
    core_counts[core, MODE_UPDATE] += n_active * tables.population[population, P_N_MODES]


@inlined
def _book(counts, totals, first, last, core_counts, chip_counts):
    """Book the totals of a piece."""
    for booking in range(first, last):
        amount = totals[counts.booking[booking, B_COLUMN]] * counts.booking[booking, B_TIMES]
        core, event = counts.booking[booking, B_CORE], counts.booking[booking, B_EVENT]
        if core == CHIP:
            chip_counts[event] += amount
        else:
            core_counts[core, event] += amount
