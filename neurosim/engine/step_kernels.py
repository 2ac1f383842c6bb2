"""One sample, step by step: the compiled engine's main loop.

It reads like the chip's manual: every population whose token has come updates (dendrite, soma) and fires (axon);
packets travel (network); cores serve them (synapse); the barrier closes the step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.function_kernels import reset, token_of, update_population
from neurosim.engine.time_kernels import (
    BARRIER,
    bound,
    clear_step,
    count_step,
    fire,
    fires,
    last_arrival,
    load_links,
    make_time_state,
    serve,
)
from neurosim.kernel import kernel
from neurosim.machine import UNLIMITED
from neurosim.noc.kernels import make_state, run_buffered, run_unlimited

FUNCTIONAL, ANALYTIC, EVENT = 0, 1, 2
DONE, DEADLOCK = 0, 1
# Scratch is made for this many packets at first and doubled when a step needs more.
FIRST_CAPACITY = 256


class SampleOutput(NamedTuple):
    """What one sample leaves behind. Times in ticks."""

    core_counts: NDArray[np.int32]     # [step, core, event]
    chip_counts: NDArray[np.int64]     # [step, event]
    duration: NDArray[np.int64]        # [step] barrier included
    soma: NDArray[np.int64]            # [step, core]
    synapse: NDArray[np.int64]         # [step, core]
    network: NDArray[np.int64]         # [step]
    link_packets: NDArray[np.int64]    # [link]
    link_busy: NDArray[np.int64]       # [link]
    queue_peak: NDArray[np.int64]      # [core]
    readout: NDArray[np.float64]       # [token, readout neuron]; one row where only the last token is kept


class SpikeBuffer(NamedTuple):
    """Recorded outputs, growing."""

    step: NDArray[np.int32]
    output: NDArray[np.int32]
    neuron: NDArray[np.int64]
    value: NDArray[np.float64]
    time: NDArray[np.int64]            # ticks from the start of the step


class PacketBuffer(NamedTuple):
    """Recorded packets, growing; one row per destination."""

    step: NDArray[np.int32]
    packet: NDArray[np.int64]
    row: NDArray[np.int64]
    core: NDArray[np.int64]
    inject: NDArray[np.int64]          # ticks from the start of the step
    arrival: NDArray[np.int64]


@kernel
def make_spike_buffer(size):
    """Return room for `size` spikes."""
    return SpikeBuffer(np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int64),
                       np.zeros(size, np.float64), np.zeros(size, np.int64))


@kernel
def make_packet_buffer(size):
    """Return room for `size` packets."""
    return PacketBuffer(np.zeros(size, np.int32), np.zeros(size, np.int64), np.zeros(size, np.int64),
                        np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64))


@kernel
def _grown_spikes(buffer, n_used, n_needed):
    """Return a buffer with the same first `n_used` rows and room for `n_needed`."""
    if n_needed <= buffer.step.size:
        return buffer
    larger = make_spike_buffer(max(n_needed, 2 * buffer.step.size))
    larger.step[:n_used] = buffer.step[:n_used]
    larger.output[:n_used] = buffer.output[:n_used]
    larger.neuron[:n_used] = buffer.neuron[:n_used]
    larger.value[:n_used] = buffer.value[:n_used]
    larger.time[:n_used] = buffer.time[:n_used]
    return larger


@kernel
def _grown_packets(buffer, n_used, n_needed):
    """Return a buffer with the same first `n_used` rows and room for `n_needed`."""
    if n_needed <= buffer.step.size:
        return buffer
    larger = make_packet_buffer(max(n_needed, 2 * buffer.step.size))
    larger.step[:n_used] = buffer.step[:n_used]
    larger.packet[:n_used] = buffer.packet[:n_used]
    larger.row[:n_used] = buffer.row[:n_used]
    larger.core[:n_used] = buffer.core[:n_used]
    larger.inject[:n_used] = buffer.inject[:n_used]
    larger.arrival[:n_used] = buffer.arrival[:n_used]
    return larger


@kernel
def run_sample(populations, projections, synapses, slices, cores, packets, destinations, tables, function, sample,
               interval, n_steps, detail, barrier_ticks, nominal_ticks, n_wheel_slots, recorded, readouts,
               summed, record_packets, output):
    """Run one sample from an empty machine to its last step.

    recorded : int8[output] 1: keep its events
    readouts : int64[readout population]
    summed : int8[readout population] 1: its spikes are counted over the sample
    Returns (status, step, spikes, n_spikes, packet rows, n_packet_rows); `step` is where a deadlock stood.
    """
    reset(function)
    n_cores = cores.tile.size
    n_links = 4 * tables.n_tiles + n_cores
    spikes = make_spike_buffer(64)
    n_spikes_kept = 0
    kept = make_packet_buffer(64)
    n_kept = 0
    time_state = make_time_state(n_cores, FIRST_CAPACITY, FIRST_CAPACITY, FIRST_CAPACITY)
    network = make_state(n_links, n_cores, FIRST_CAPACITY, n_wheel_slots, tables.buffer_packets,
                         tables.core_in_packets)
    link_load = np.zeros(n_links, np.int64)
    for step in range(n_steps):
        n_packets_due, n_sinks_due, n_events_due = 0, 0, 0
        for population in range(populations.model.size):
            token = token_of(populations, population, interval, step, sample.n_tokens)
            if token >= 0:
                update_population(populations, projections, synapses, function, sample, population, token)
                due = count_step(populations, function, packets, population, token)
                n_packets_due += due[0]
                n_sinks_due += due[1]
                n_events_due += due[2]
        if (n_packets_due > time_state.packet.size or n_sinks_due > time_state.service.size
                or n_events_due > time_state.spike_time.size):
            time_state = make_time_state(n_cores, 2 * n_packets_due, 2 * n_sinks_due, 2 * n_events_due)
        n_flights = max(n_packets_due, n_sinks_due)
        if detail == EVENT and n_flights > network.flight.shape[0]:
            network = make_state(n_links, n_cores, 2 * n_flights, n_wheel_slots, tables.buffer_packets,
                                 tables.core_in_packets)
        core_counts, chip_counts = output.core_counts[step], output.chip_counts[step]
        clear_step(time_state)
        n_packets, n_sinks, n_spikes = 0, 0, 0
        for population in range(populations.model.size):
            token = token_of(populations, population, interval, step, sample.n_tokens)
            if token >= 0:
                may_send = fires(populations, population, token, sample.n_tokens)
                n_packets, n_sinks, n_spikes = fire(
                    populations, function, slices, cores, packets, destinations, time_state, population, token,
                    may_send, recorded, n_packets, n_sinks, n_spikes, core_counts, chip_counts)
        chip_counts[BARRIER] += 1
        n_arrived = n_sinks
        if detail == EVENT:
            for core in range(n_cores):
                output.soma[step, core] = time_state.clock[core]
                output.synapse[step, core] = time_state.work[core]
            if tables.buffer_packets == UNLIMITED:
                n_arrived = run_unlimited(tables, time_state.traffic, n_packets, network, time_state.arrival,
                                          output.link_packets, output.link_busy)
            else:
                n_arrived = run_buffered(tables, time_state.traffic, n_packets, network, time_state.service,
                                         time_state.arrival, output.link_packets, output.link_busy,
                                         output.queue_peak)
            for core in range(n_cores):
                sink = time_state.local_first[core]
                while sink >= 0:
                    n_arrived += 1
                    sink = time_state.local_next[sink]
            if n_arrived != n_sinks:
                return DEADLOCK, step, spikes, n_spikes_kept, kept, n_kept
            done = serve(cores, time_state, network.arrived_first, network.arrived_next)
            output.network[step] = last_arrival(time_state, n_sinks)
            output.duration[step] = done + barrier_ticks
        elif detail == ANALYTIC:
            for core in range(n_cores):
                output.soma[step, core] = time_state.clock[core]
                output.synapse[step, core] = time_state.work[core]
            link_load[:] = 0
            load_links(tables, time_state, n_packets, output.link_packets, output.link_busy, link_load)
            output.duration[step] = bound(cores, time_state, link_load) + barrier_ticks
        else:
            output.duration[step] = nominal_ticks
        spikes = _grown_spikes(spikes, n_spikes_kept, n_spikes_kept + n_spikes)
        for index in range(n_spikes):
            at = n_spikes_kept + index
            spikes.step[at] = step
            spikes.output[at] = time_state.spike_output[index]
            spikes.neuron[at] = time_state.spike_neuron[index]
            spikes.value[at] = time_state.spike_value[index]
            spikes.time[at] = time_state.spike_time[index] if detail != FUNCTIONAL else 0
        n_spikes_kept += n_spikes
        if record_packets:
            kept = _grown_packets(kept, n_kept, n_kept + n_sinks)
            for number in range(n_packets):
                first = packets.destination_start[time_state.packet[number]]
                last = packets.destination_start[time_state.packet[number] + 1]
                for destination in range(last - first):
                    kept.step[n_kept] = step
                    kept.packet[n_kept] = number
                    kept.row[n_kept] = time_state.row[number]
                    kept.inject[n_kept] = time_state.traffic.inject[number]
                    n_kept += 1
            for sink in range(n_sinks):
                kept.core[n_kept - n_sinks + sink] = time_state.sink_core[sink]
                kept.arrival[n_kept - n_sinks + sink] = time_state.arrival[sink]
        _read_out(populations, function, sample, interval, step, readouts, summed, output.readout)
    return DONE, n_steps, spikes, n_spikes_kept, kept, n_kept


@kernel
def _read_out(populations, function, sample, interval, step, readouts, summed, readout):
    """Keep the values (or spike counts so far) of read-out populations; all tokens, or the last one in row 0."""
    column = 0
    for index in range(readouts.size):
        population = readouts[index]
        size = populations.size[population]
        token = token_of(populations, population, interval, step, sample.n_tokens)
        if token >= 0:
            start = populations.output_start[population]
            row = token if readout.shape[0] > 1 else 0
            before = row if readout.shape[0] == 1 else row - 1
            for neuron in range(size):
                value = np.float64(function.output[start + neuron])
                if summed[index] and before >= 0:
                    value += readout[before, column + neuron]
                readout[row, column + neuron] = value
        column += size
