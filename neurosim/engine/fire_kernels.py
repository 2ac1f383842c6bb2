# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Somata fire: the first half of the time pass of one time step. They make the step's packets.

All times are ticks from the start of the step.
"""

from __future__ import annotations

import numpy as np

from neurosim.engine.function_kernels import R_COUNT_START, R_DEPTH, R_START, packets_of
from neurosim.engine.packet_kernels import (
    MODE_UPDATE,
    SPIKE_NEURON,
    SPIKE_OUT,
    SPIKE_OUTPUT,
    SPIKE_TIME,
    T_CLOCK,
    count_row,
    fetch_row,
    send_row,
)
from neurosim.engine.tables import (
    C_IS_PORT,
    C_SPIKE_OUT,
    P_FIRST_NEURON,
    P_FIRST_OUTPUT,
    P_FIRST_ROW,
    P_LAST_ONLY,
    P_N_MODES,
    P_N_OUTPUTS,
    P_PERIOD,
    P_SIZE,
    S_ACTIVE,
    S_CORE,
    S_EVENT_ACTIVE,
    S_EVENT_INACTIVE,
    S_INACTIVE,
    S_START,
    S_STOP,
)
from neurosim.kernel import part

AHEAD = 2           # packets are fetched so many spikes ahead


@part
def fires(tables, population, token, n_tokens):
    """Return whether a population may send packets at this token (read-outs may speak at their last one only)."""
    is_last = token + tables.population[population, P_PERIOD] >= n_tokens
    return tables.population[population, P_LAST_ONLY] == 0 or is_last


@part
def count_step(tables, function, population, token, only_events):
    """Return (packets, destinations, events) that the outputs of `population` at `token` will make."""
    n_packets, n_sinks, n_events = 0, 0, 0
    outputs = tables.population[population, P_N_OUTPUTS]
    for index in range(outputs):
        output = tables.population[population, P_FIRST_OUTPUT] + index
        ring = packets_of(tables, output)
        slot = token % function.ring[ring, R_DEPTH]
        count = function.ring_count[function.ring[ring, R_COUNT_START] + slot]
        at = function.ring[ring, R_START] + slot * tables.population[population, P_SIZE]
        n_events += count
        if only_events:
            continue
        for event in range(count):
            row = tables.population[population, P_FIRST_ROW] + function.ring_neuron[at + event] * outputs + index
            first, stop = tables.row_start[row], tables.row_start[row + 1]
            n_packets += stop - first
            n_sinks += tables.destination_start[stop] - tables.destination_start[first]
    return n_packets, n_sinks, n_events


@part
def fire(tables, function, time_state, population, token, may_send, is_counted, only_count, recorded, n_packets,
         n_sinks, n_spikes, core_counts, chip_counts):
    """Let the somata of one population fire, core by core, in order; make their packets.

    is_counted : what its packets do is counted by `count_kernels.count_sent`
    only_count : make no packets, count what they would do (detail `functional`)
    recorded : int8[output] 1: note its events in time_state.spike and value
    Adds to `core_counts` [core, event] and `chip_counts` [event] of the step. Returns the new
    (n_packets, n_sinks, n_spikes).
    """
    n_outputs = tables.population[population, P_N_OUTPUTS]
    first_output = tables.population[population, P_FIRST_OUTPUT]
    first_id = tables.population[population, P_FIRST_NEURON]
    size = tables.population[population, P_SIZE]
    next_event, stop_event = time_state.next_event, time_state.stop_event
    for index in range(n_outputs):
        ring = packets_of(tables, first_output + index)
        slot = token % function.ring[ring, R_DEPTH]
        next_event[index] = function.ring[ring, R_START] + slot * size
        count = function.ring_count[function.ring[ring, R_COUNT_START] + slot]
        stop_event[index] = next_event[index] + count
    for index in range(tables.slice_start[population], tables.slice_start[population + 1]):
        core = tables.slice_[index, S_CORE]
        updated = tables.slice_[index, S_START]
        stop = tables.slice_[index, S_STOP]
        active_ticks, inactive_ticks = tables.slice_[index, S_ACTIVE], tables.slice_[index, S_INACTIVE]
        clock = time_state.core[core, T_CLOCK]
        n_active = np.int64(0)
        while True:
            # The next neuron of this slice with an event, over all outputs.
            neuron = stop
            for output in range(n_outputs):
                if next_event[output] < stop_event[output]:
                    neuron = min(neuron, np.int64(function.ring_neuron[next_event[output]]))
            until = min(neuron + 1, stop)
            active = np.int64(0)
            for earlier in range(first_id + updated, first_id + until):
                active += function.active[earlier]
            clock += active * active_ticks + (until - updated - active) * inactive_ticks
            n_active += active
            updated = until
            if neuron >= stop:
                break
            for output in range(n_outputs):
                at = next_event[output]
                if at == stop_event[output] or function.ring_neuron[at] != neuron:
                    continue
                next_event[output] += 1
                if may_send:
                    clock += tables.core[core, C_SPIKE_OUT]
                    core_counts[core, SPIKE_OUT] += 1 - tables.core[core, C_IS_PORT]
                if recorded[first_output + output]:
                    time_state.spike[n_spikes, SPIKE_OUTPUT] = first_output + output
                    time_state.spike[n_spikes, SPIKE_NEURON] = neuron
                    time_state.value[n_spikes] = function.ring_value[at]
                    time_state.spike[n_spikes, SPIKE_TIME] = clock
                    n_spikes += 1
                if may_send:
                    if tables.single[0] >= 0 and at + AHEAD < stop_event[output]:
                        ahead = function.ring_neuron[at + AHEAD]
                        fetch_row(tables, tables.population[population, P_FIRST_ROW] + ahead * n_outputs + output)
                    row = tables.population[population, P_FIRST_ROW] + neuron * n_outputs + output
                    if not is_counted:
                        count_row(tables, row, core, core_counts, chip_counts)
                    if not only_count:
                        clock, n_packets, n_sinks = send_row(tables, time_state, row, core, clock, n_packets, n_sinks)
        time_state.core[core, T_CLOCK] = clock
        if tables.slice_[index, S_EVENT_ACTIVE] >= 0:
            core_counts[core, tables.slice_[index, S_EVENT_ACTIVE]] += n_active
            n_inactive = stop - tables.slice_[index, S_START] - n_active
            core_counts[core, tables.slice_[index, S_EVENT_INACTIVE]] += n_inactive
            core_counts[core, MODE_UPDATE] += n_active * tables.population[population, P_N_MODES]
    return n_packets, n_sinks, n_spikes
