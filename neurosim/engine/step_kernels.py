"""One sample, step by step: the compiled engine's main loop.

It reads like the chip's manual: every population whose token has come updates (dendrite, soma) and fires (axon);
packets travel (network); cores serve them (synapse); the barrier closes the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.count_kernels import count_fired, count_sent
from neurosim.engine.count_tables import Q_WIDTH
from neurosim.engine.fire_kernels import count_step, fire, fires
from neurosim.engine.function_kernels import reset, token_of, update_population
from neurosim.engine.packet_kernels import (
    BARRIER,
    ORIGIN_PACKET,
    ORIGIN_ROW,
    SPIKE_NEURON,
    SPIKE_OUTPUT,
    SPIKE_TIME,
    T_CLOCK,
    T_WORK,
    clear_step,
    make_time_state,
)
from neurosim.engine.record_kernels import grown, make_records
from neurosim.engine.tables import P_OUTPUT_START, P_PERIOD, P_SIZE
from neurosim.engine.time_kernels import bound, count_local, last_arrival, load_links, serve
from neurosim.kernel import driver, part
from neurosim.noc.called_kernels import call_network
from neurosim.noc.kernels import (
    BUFFER_PACKETS,
    BUSIEST,
    BUSIEST_LINK,
    CORE_IN_PACKETS,
    INJECT,
    LOAD_BUSY,
    N_TILES,
    QUIET_TIME,
    SINK_ARRIVAL,
    SINK_CORE,
    make_state,
)

FUNCTIONAL, ANALYTIC, EVENT = 0, 1, 2
DONE, DEADLOCK, STOPPED, OVERRUN = 0, 1, 2, 3
# Scratch is made for this many packets at first and doubled when a step needs more.
FIRST_CAPACITY = 256
# Columns of `times`; DETAIL is FUNCTIONAL, ANALYTIC or EVENT; CLOCK_TICKS is the period of the clock that begins the
# steps (0: none), LATE_STEPS is 1 where they may last beyond it; LINK_STEPS are the steps of a block of link_so_far;
# NETWORK_ADDRESS is that of the kernel that carries packets (detail `event`);
# whoever sets STOP ends the run after the step at hand.
INTERVAL, N_STEPS, DETAIL, BARRIER_TICKS, NOMINAL_TICKS, WHEEL_SLOTS, CLOCK_TICKS = range(7)
LATE_STEPS, LINK_STEPS, NETWORK_ADDRESS, STOP = 7, 8, 9, 10
N_TIMES = 11


class SampleOutput(NamedTuple):
    """What one sample leaves behind. Times in ticks."""

    core_counts: NDArray[np.int32]     # [step, core, event]
    chip_counts: NDArray[np.int64]     # [step, event]
    phase: NDArray[np.int64]           # [step, core, 2] soma, synapse
    step: NDArray[np.int64]            # [step, 5] DURATION … BUSIEST_NUMBER
    link: NDArray[np.int64]            # [link, 2] LOAD_PACKETS, LOAD_BUSY of noc.kernels
    link_so_far: NDArray[np.int64]     # [block of steps, link] LOAD_BUSY at its end; no rows where it is not kept
    queue_peak: NDArray[np.int64]      # [core]
    readout: NDArray[np.float64]       # [token, readout neuron]; one row where only the last token is kept
    overflow: NDArray[np.int64]        # [step, population]; no rows in floating point


# SampleOutput.step: duration of the step; last arrival; when its work was done, barrier included; how long the busiest
# link was occupied, and its number
DURATION, NETWORK, WORK, BUSIEST_TICKS, BUSIEST_NUMBER = 0, 1, 2, 3, 4
N_STEP_COLUMNS = 5


@driver
def run_sample(tables, synapses, counts, fixed, network_tables, function, sample, times, recorded, readout,
               record_packets, output):
    """Run one sample from an empty machine to its last step.

    synapses : SynapseTables
    counts : CountTables, empty where packets are sent
    fixed : FixedTables, or None in floating point
    times : int64[N_TIMES] INTERVAL … STOP
    recorded : int8[output] 1: keep its events
    readout : int64[readout population, 2] population; 1 where its spikes are counted over the sample
    Returns (status, step, records, n_spikes, n_packet_rows); `step` is where a deadlock, a stop or an overrun stood.
    """
    reset(function)
    interval, detail = times[INTERVAL], times[DETAIL]
    n_cores = tables.core.shape[0]
    n_links = 4 * network_tables.scalar[N_TILES] + n_cores
    buffer_packets = network_tables.scalar[BUFFER_PACKETS]
    core_in_packets = network_tables.scalar[CORE_IN_PACKETS]
    records = make_records(64, 64 if record_packets else 0)
    n_spikes_kept, n_packets_kept = 0, 0
    time_state = make_time_state(n_cores, FIRST_CAPACITY, FIRST_CAPACITY, FIRST_CAPACITY, tables.single[0])
    network = make_state(n_links, n_cores, FIRST_CAPACITY, times[WHEEL_SLOTS], buffer_packets, core_in_packets)
    link_load = np.zeros(n_links, np.int64)
    totals = np.zeros(counts.most_width, np.int32)
    now = np.int64(0)
    for step in range(times[N_STEPS]):
        if times[STOP] != 0:
            return STOPPED, step, records, n_spikes_kept, n_packets_kept
        n_packets_due, n_sinks_due, n_events_due = _update_all(tables, synapses, fixed, function, sample, interval,
                                                               step, detail == FUNCTIONAL)
        for population in range(output.overflow.shape[1]):
            output.overflow[step, population] = function.overflow[population]
            function.overflow[population] = 0
        if (n_packets_due > time_state.origin.shape[0] or n_sinks_due > time_state.sink.shape[0]
                or n_events_due > time_state.value.size):
            time_state = make_time_state(n_cores, 2 * n_packets_due, 2 * n_sinks_due, 2 * n_events_due,
                                         tables.single[0])
        n_flights = max(n_packets_due, n_sinks_due)
        if detail == EVENT and n_flights > network.flight.shape[0]:
            network = make_state(n_links, n_cores, 2 * n_flights, times[WHEEL_SLOTS], buffer_packets, core_in_packets)
        clear_step(time_state)
        n_packets, n_sinks, n_spikes = _fire_all(tables, counts, totals, function, time_state, sample, interval,
                                                 step, detail == FUNCTIONAL, recorded, output.core_counts[step],
                                                 output.chip_counts[step])
        if detail != FUNCTIONAL:
            for core in range(n_cores):
                output.phase[step, core, 0] = time_state.core[core, T_CLOCK]
                output.phase[step, core, 1] = time_state.core[core, T_WORK]
        if detail == EVENT:
            n_arrived = call_network(times[NETWORK_ADDRESS], network_tables, time_state.traffic, n_packets, network,
                                     time_state.sink, output.link, output.queue_peak)
            if n_arrived + count_local(time_state) != n_sinks:
                return DEADLOCK, step, records, n_spikes_kept, n_packets_kept
            done = max(serve(tables, time_state, network), network.stack[QUIET_TIME])
            output.step[step, WORK] = done + times[BARRIER_TICKS]
            output.step[step, NETWORK] = last_arrival(time_state, n_sinks)
            output.step[step, BUSIEST_TICKS] = network.stack[BUSIEST]
            output.step[step, BUSIEST_NUMBER] = network.stack[BUSIEST_LINK]
        elif detail == ANALYTIC:
            link_load[:] = 0
            load_links(network_tables, time_state, n_packets, output.link, link_load)
            longest, busiest, busiest_link = bound(tables, time_state, link_load)
            output.step[step, WORK] = longest + times[BARRIER_TICKS]
            output.step[step, BUSIEST_TICKS], output.step[step, BUSIEST_NUMBER] = busiest, busiest_link
        else:
            output.step[step, WORK] = times[NOMINAL_TICKS]
            output.step[step, BUSIEST_NUMBER] = -1
        if output.link_so_far.shape[0] > 0 and ((step + 1) % times[LINK_STEPS] == 0 or step + 1 == times[N_STEPS]):
            for link in range(n_links):
                output.link_so_far[step // times[LINK_STEPS], link] = output.link[link, LOAD_BUSY]
        end = now + output.step[step, WORK]
        if times[CLOCK_TICKS] > 0:
            due = (step + 1) * times[CLOCK_TICKS]
            if end > due and times[LATE_STEPS] == 0:
                return OVERRUN, step, records, n_spikes_kept, n_packets_kept
            end = max(end, due)
        output.step[step, DURATION] = end - now
        now = end
        n_rows = n_sinks if record_packets else 0
        records = grown(records, n_spikes_kept, n_spikes_kept + n_spikes, n_packets_kept, n_packets_kept + n_rows)
        _keep_spikes(records, n_spikes_kept, time_state, n_spikes, step, detail)
        n_spikes_kept += n_spikes
        if record_packets:
            _keep_packets(records, n_packets_kept, tables, time_state, n_packets, n_sinks, step)
            n_packets_kept += n_sinks
        _read_out(tables, function, sample, interval, step, readout, output.readout)
    return DONE, times[N_STEPS], records, n_spikes_kept, n_packets_kept


@part
def _update_all(tables, synapses, fixed, function, sample, interval, step, only_count):
    """Update every population whose token has come; return the (packets, destinations, events) to make room for."""
    n_packets, n_sinks, n_events = 0, 0, 0
    for population in range(tables.population.shape[0]):
        token = token_of(tables, population, interval, step, sample.n_tokens)
        if token >= 0:
            update_population(tables, synapses, fixed, function, sample, population, token)
            due = count_step(tables, function, population, token, only_count)
            n_packets += due[0]
            n_sinks += due[1]
            n_events += due[2]
    return n_packets, n_sinks, n_events


@part
def _fire_all(tables, counts, totals, function, time_state, sample, interval, step, only_count, recorded, core_counts,
              chip_counts):
    """Let every updated population fire; return (packets, destinations, recorded events)."""
    n_packets, n_sinks, n_spikes = 0, 0, 0
    for population in range(tables.population.shape[0]):
        token = token_of(tables, population, interval, step, sample.n_tokens)
        if token >= 0:
            may_send = fires(tables, population, token, sample.n_tokens)
            is_counted = counts.population[population, Q_WIDTH] > 0
            if is_counted and only_count:
                n_spikes = count_fired(tables, counts, totals, function, time_state, population, token, may_send,
                                       recorded, n_spikes, core_counts, chip_counts)
                continue
            n_packets, n_sinks, n_spikes = fire(
                tables, function, time_state, population, token, may_send, is_counted, only_count, recorded, n_packets,
                n_sinks, n_spikes, core_counts, chip_counts)
            if is_counted and may_send:
                count_sent(tables, counts, totals, function, population, token, core_counts, chip_counts)
    chip_counts[BARRIER] += 1
    return n_packets, n_sinks, n_spikes


@part
def _keep_spikes(records, n_kept, time_state, n_spikes, step, detail):
    """Append the step's recorded outputs."""
    for index in range(n_spikes):
        row = n_kept + index
        records.spike[row, 0] = step
        records.spike[row, 1] = time_state.spike[index, SPIKE_OUTPUT]
        records.spike[row, 2] = time_state.spike[index, SPIKE_NEURON]
        records.spike[row, 3] = time_state.spike[index, SPIKE_TIME] if detail != FUNCTIONAL else 0
        records.value[row] = time_state.value[index]


@part
def _keep_packets(records, n_kept, tables, time_state, n_packets, n_sinks, step):
    """Append the step's packets, one row per destination."""
    row = n_kept
    for number in range(n_packets):
        packet = time_state.origin[number, ORIGIN_PACKET]
        for _ in range(tables.destination_start[packet], tables.destination_start[packet + 1]):
            records.packet[row, 0] = step
            records.packet[row, 1] = number
            records.packet[row, 2] = time_state.origin[number, ORIGIN_ROW]
            records.packet[row, 4] = time_state.traffic.packet[number, INJECT]
            row += 1
    for sink in range(n_sinks):
        records.packet[n_kept + sink, 3] = time_state.sink[sink, SINK_CORE]
        records.packet[n_kept + sink, 5] = time_state.sink[sink, SINK_ARRIVAL]


@part
def _read_out(tables, function, sample, interval, step, readout, values):
    """Keep the values (or spike counts so far) of read-out populations; all tokens, or the last one in row 0.

    They hold until the population takes its next token; before its first one they are 0.
    """
    column = 0
    for index in range(readout.shape[0]):
        population = readout[index, 0]
        size = tables.population[population, P_SIZE]
        token = token_of(tables, population, interval, step, sample.n_tokens)
        if token >= 0:
            start = tables.population[population, P_OUTPUT_START]
            row = token if values.shape[0] > 1 else 0
            before = row if values.shape[0] == 1 else row - 1
            stop = min(row + tables.population[population, P_PERIOD], values.shape[0])
            for neuron in range(size):
                value = np.float64(function.output[start + neuron])
                if readout[index, 1] and before >= 0:
                    value += values[before, column + neuron]
                for held in range(row, stop):
                    values[held, column + neuron] = value
        column += size
