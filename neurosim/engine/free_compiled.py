"""The compiled engine of free-running chips: a machine as its kernels see it, and one sample as a `SampleResult`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.compiled import empty_function, network_tables, ring_depths
from neurosim.engine.contract import RunOptions, dtype_of, readout_sizes, recorded_outputs, summed_readouts
from neurosim.engine.fixed import SAMPLE_SHIFT, FixedTables, as_values, fixed_tables, integer_inputs
from neurosim.engine.free_kernels import DEADLOCK, NEEDS_ROOM, NEEDS_TOKEN, RUNAWAY, STOPPED, begin_free, run_free
from neurosim.engine.free_rules import last_tick_ps, too_many_jobs
from neurosim.engine.free_state_kernels import (
    DRAW_KEY,
    FREE_NODE,
    FREE_PACKET,
    K_NEXT,
    L_BUSY,
    L_FIRST,
    L_LAST,
    L_MARK,
    L_PACKETS,
    L_SLOTS,
    LAST_TICK,
    N_ARRIVALS,
    N_COUNTERS,
    N_ENTERED,
    N_FREE_NODES,
    N_FREE_PACKETS,
    N_NEXT,
    N_NODE_COLUMNS,
    N_PACKET_COLUMNS,
    N_SPIKES,
    NOW,
    P_PEAK,
    Q_FIRST,
    Q_LAST,
    Q_PENDING,
    ROW,
    FreeOutput,
    FreeState,
    FreeTables,
)
from neurosim.engine.free_token_kernels import compute_token
from neurosim.engine.function_kernels import SampleInput
from neurosim.engine.synapse_tables import SynapseTables, synapse_tables
from neurosim.engine.tables import (
    P_N_OUTPUTS,
    P_N_PARAMETER_ROWS,
    P_N_PORTS,
    P_N_STATE_ROWS,
    MachineTables,
    machine_tables,
)
from neurosim.errors import SimulationError
from neurosim.events import N_CHIP_EVENTS, N_CORE_EVENTS
from neurosim.machine import TICKED, UNLIMITED, FreeRunning, Int64Array, Machine
from neurosim.noc.kernels import NetworkTables
from neurosim.numbers import stream_key
from neurosim.traces.schema import PacketTable, SampleResult, SpikeTable

_UNBOUNDED = 1 << 60        # slots where there is no limit
_FIRST_ROOM = 256           # of whatever grows: at first


@dataclass(frozen=True)
class FreeMachine:
    """A machine with its durations in ps and its weights in the numbers of the run."""

    machine: Machine
    options: RunOptions
    tables: MachineTables
    synapses: SynapseTables | None      # for whole tokens, where populations wait for them
    fixed: FixedTables | None
    network: NetworkTables
    free: FreeTables


def prepare_free(machine: Machine, options: RunOptions) -> FreeMachine:
    """Return a free-running machine as the kernels want it."""
    assert machine.free is not None, "only for free-running chips"
    fixed = fixed_tables(machine, options.seed) if options.numbers == "fixed" else None
    dtype = dtype_of(options.numbers)
    synapses = None if machine.free.tokens is None else synapse_tables(machine, dtype)
    return FreeMachine(machine, options, machine_tables(machine, 1, dtype, with_synapses=synapses is None), synapses,
                       fixed, network_tables(machine, 1), _free_tables(machine, machine.free, options))


def _free_tables(machine: Machine, free: FreeRunning, options: RunOptions) -> FreeTables:
    populations, slices = machine.populations, machine.slices
    readout, summed = np.full(machine.n_populations, -1), np.zeros(machine.n_populations, np.int64)
    readout[list(machine.readouts)] = np.cumsum([0, *readout_sizes(machine)])[:-1]
    summed[list(machine.readouts)] = summed_readouts(machine)
    flow, none = free.tokens, np.zeros(0, np.int64)
    clocked = np.zeros(machine.n_populations, np.int64) if flow is None else flow.clocked
    columns = (free.advance, free.advance_ps, free.advance_exp, free.advance_multiply, readout, summed, clocked)
    rows = [np.stack([np.tile(np.arange(first, first + n_outputs), size), np.repeat(np.arange(size), n_outputs)], 1)
            for first, n_outputs, size in zip(populations.first_output.tolist(), populations.n_outputs.tolist(),
                                              populations.size.tolist(), strict=True)]
    ticked = np.unique(slices.core[free.advance[slices.population] == TICKED])
    room = _room(machine)
    scalar = [free.step_ps, free.tick_ps, free.skips_zero, len(machine.cores.tile) - 2, options.arrival_jitter_ps,
              options.most_jobs, options.record_packets, 0 if flow is None else flow.n_slots,
              0 if flow is None else flow.marker_row, *room]
    waits = (none,) * 7 if flow is None else (flow.order, flow.shown_row, flow.channel, flow.channel_slice,
                                              flow.wait_start, flow.wait_who, flow.need_start)
    needs = np.zeros((0, 2), np.int64) if flow is None else np.stack([flow.need_channel, flow.need_delay], axis=1)
    return FreeTables(
        np.array(scalar, np.int64), np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int64)),
        np.concatenate(rows).astype(np.int64), free.outgoing_start, free.outgoing, machine.projections.target,
        free.core_start, free.core_slice, slices.population, ticked.astype(np.int64),
        recorded_outputs(machine, options), *waits, np.ascontiguousarray(needs))


def _room(machine: Machine) -> tuple[int, int, int]:
    """Return the packets, nodes and records of outputs that one event may take: what a whole core sends at once."""
    populations, slices, packets = machine.populations, machine.slices, machine.packets
    n_cores = len(machine.cores.tile)
    sent, reached, fired = (np.zeros(n_cores, np.int64) for _ in range(3))
    for index, population in enumerate(slices.population.tolist()):
        n_outputs, core = int(populations.n_outputs[population]), int(slices.core[index])
        first = int(populations.first_row[population])
        start, stop = (packets.row_start[first + int(edge[index]) * n_outputs] for edge in (slices.start, slices.stop))
        sent[core] += stop - start
        reached[core] += packets.destination_start[stop] - packets.destination_start[start]
        fired[core] += (slices.stop[index] - slices.start[index]) * n_outputs
    flow = None if machine.free is None else machine.free.tokens
    jobs = n_cores + 8
    if flow is not None:        # its markers, and what may become due at once
        start = packets.row_start[flow.marker_row:]
        np.add.at(sent, slices.core, np.diff(start))
        np.add.at(reached, slices.core, np.diff(packets.destination_start[start]))
        jobs += flow.in_flight + len(slices.core)
    return int(sent.max()), int(reached.max()) + jobs, int(fired.max())


class FreeWorker:
    """Runs samples one after the other; not to be shared between threads."""

    def __init__(self, prepared: FreeMachine) -> None:
        self._prepared = prepared
        self._stop = np.zeros(1, np.int64)

    def stop(self) -> None:
        """End the sample at hand; may be called from another thread."""
        self._stop[0] = 1

    def run(self, sample: int, inputs: NDArray[Any], times_ps: Int64Array) -> SampleResult:
        """Run one sample; inputs [token, column], times_ps [token].

        Raises SimulationError where the network deadlocks, or never comes to rest.
        """
        prepared, machine, options = self._prepared, self._prepared.machine, self._prepared.options
        values, input_overflows = inputs, dict[int, NDArray[np.int64]]()
        if prepared.fixed is not None:
            values, input_overflows = integer_inputs(machine, sample, inputs, options.seed)
        entered = _entered(values, dtype_of(options.numbers), sample)
        state, output = _empty_state(prepared), _empty_output(prepared, times_ps)
        state.counter[DRAW_KEY] = stream_key(options.seed, f"arrivals {sample}")
        state.counter[LAST_TICK] = last_tick_ps(machine, times_ps)
        begin_free(prepared.free, state, output)
        tokens, status = _Tokens(prepared, entered), NEEDS_ROOM
        while status in (NEEDS_ROOM, NEEDS_TOKEN):
            if status == NEEDS_ROOM:
                state, output = _grown_state(state), _grown_output(output)
            else:
                tokens.compute(state, output)
            status = run_free(prepared.tables, prepared.network, prepared.free, prepared.fixed, entered, state, output,
                              tokens.n_computed, self._stop)
        if status == RUNAWAY:
            raise too_many_jobs(sample, int(state.counter[NOW]), options)
        if status == DEADLOCK:
            raise SimulationError(f"sample {sample}: the network stands still with packets in flight")
        if status == STOPPED:
            raise SimulationError(f"sample {sample} was stopped at {int(state.counter[NOW])} ps")
        result = _result(prepared, sample, state, output)
        return result if prepared.fixed is None else as_values(machine, result, output.overflow, input_overflows)


class _Tokens:
    """What neurons make of whole tokens, in one sample."""

    def __init__(self, prepared: FreeMachine, sample: SampleInput) -> None:
        self._prepared, self._sample = prepared, sample
        self.n_computed = 0
        machine = prepared.machine
        assert machine.free is not None, "only free-running chips take tokens in this way"
        self._function = None if machine.free.tokens is None else empty_function(
            machine, dtype_of(prepared.options.numbers), ring_depths(machine, machine.projections.delay_tokens))

    def compute(self, state: FreeState, output: FreeOutput) -> None:
        """Have the neurons take all tokens that have entered; a token's overflows are booked where it enters."""
        prepared, function = self._prepared, self._function
        assert function is not None, "only where populations wait for whole tokens"
        while self.n_computed < state.counter[N_ENTERED]:
            compute_token(prepared.tables, prepared.synapses, prepared.free, prepared.fixed, function, self._sample,
                          output.times, self.n_computed, state.said, state.was_active)
            self.n_computed += 1
        output.overflow[state.counter[ROW]] += function.overflow
        function.overflow[:] = 0


def _entered(inputs: NDArray[Any], dtype: np.dtype[Any], sample: int) -> SampleInput:
    """Return the non-zero inputs of each token, in the numbers of the run."""
    values = np.asarray(inputs).astype(dtype)
    tokens, columns = np.nonzero(values)
    starts = np.searchsorted(tokens, np.arange(len(values) + 1)).astype(np.int64)
    return SampleInput(len(values), starts, columns.astype(np.int64), values[tokens, columns], sample << SAMPLE_SHIFT)


def _empty_state(prepared: FreeMachine) -> FreeState:
    machine, populations, noc = prepared.machine, prepared.machine.populations, prepared.machine.noc
    dtype, size = dtype_of(prepared.options.numbers), prepared.machine.populations.size
    n_cores, largest = len(machine.cores.tile), int(size.max())
    n_links = 4 * noc.n_tiles + n_cores
    links, cores = np.zeros((n_links, 7), np.int64), np.zeros((n_cores, 5), np.int64)
    links[:, [L_FIRST, L_LAST, L_MARK]] = -1
    links[:4 * noc.n_tiles, L_SLOTS] = noc.buffer_packets if noc.buffer_packets != UNLIMITED else _UNBOUNDED
    links[4 * noc.n_tiles:, L_SLOTS] = noc.core_in_packets if noc.core_in_packets != UNLIMITED else _UNBOUNDED
    cores[:, [Q_FIRST, Q_LAST, Q_PENDING]] = -1
    counter = np.zeros(N_COUNTERS, np.int64)
    counter[[FREE_PACKET, FREE_NODE]] = -1
    columns = [P_N_PARAMETER_ROWS, P_N_STATE_ROWS, P_N_PORTS, P_N_OUTPUTS]
    table_rows = prepared.tables.population[:, columns].sum(axis=1)
    return FreeState(
        np.zeros((2, 3), np.int64), np.zeros((0, N_PACKET_COLUMNS), np.int64), np.zeros(0, dtype),
        np.zeros((0, N_NODE_COLUMNS), np.int64), links, np.zeros((n_links, 6), np.int64), cores,
        np.zeros(len(machine.packets.row_start) - 1, np.int64), np.zeros(machine.n_neurons, np.int64),
        np.zeros(machine.n_neurons, np.int64), np.zeros(int((populations.n_state_rows * size).sum()), dtype),
        np.zeros(int((populations.n_ports * size).sum()), dtype), np.zeros(int((table_rows * size).max()), dtype),
        np.zeros(largest, np.uint8), np.zeros(largest), np.zeros(largest, np.uint8), np.zeros(largest, np.int64),
        counter, *_no_tokens(machine, dtype))


def _no_tokens(machine: Machine, dtype: np.dtype[Any]) -> tuple[NDArray[Any], ...]:
    """Return channels, packets under way, slices, and what was said and who was active, before the first token."""
    assert machine.free is not None, "only free-running chips take tokens in this way"
    flow, populations = machine.free.tokens, machine.populations
    period = populations.period[machine.slices.population]
    if flow is None:
        return (np.zeros((0, 2), np.int64), np.zeros((0, 0), np.int32), np.zeros((0, 3), np.int64),
                np.zeros((0, 0), dtype), np.zeros((0, 0), np.uint8))
    head = period[flow.channel_slice] - 1
    return (np.stack([head, np.full_like(head, -1)], axis=1), np.zeros((len(head), flow.n_slots), np.int32),
            np.stack([period - 1, np.zeros_like(period), period], axis=1),
            np.zeros((flow.n_slots, int((populations.n_outputs * populations.size).sum())), dtype),
            np.zeros((flow.n_slots, machine.n_neurons), np.uint8))


def _empty_output(prepared: FreeMachine, times_ps: Int64Array) -> FreeOutput:
    machine, n_rows = prepared.machine, len(times_ps)
    n_cores, n_readout = len(machine.cores.tile), sum(readout_sizes(machine))
    return FreeOutput(
        times_ps, np.zeros((n_rows, n_cores, N_CORE_EVENTS), np.int32), np.zeros((n_rows, N_CHIP_EVENTS), np.int64),
        np.zeros((n_rows, n_cores, 2), np.int64), np.zeros(n_rows, np.int64), np.zeros((n_rows, n_readout)),
        np.zeros((n_rows, n_readout), np.uint8), np.zeros((n_rows, machine.n_populations), np.int64),
        np.zeros((0, 4), np.int64), np.zeros(0), np.zeros((0, 7), np.int64))


def _grown_state(state: FreeState, least: int = _FIRST_ROOM) -> FreeState:
    """Return the state with twice the room for events, packets and nodes; what is new is free."""
    heap, packet, value, node = (_longer(table, least) for table in (state.heap, state.packet, state.value, state.node))
    for table, old, column, first, n_free in (
            (packet, len(state.packet), K_NEXT, FREE_PACKET, N_FREE_PACKETS),
            (node, len(state.node), N_NEXT, FREE_NODE, N_FREE_NODES)):
        table[old:, column] = np.arange(old + 1, len(table) + 1)
        table[-1, column] = state.counter[first]
        state.counter[first] = old
        state.counter[n_free] += len(table) - old
    return state._replace(heap=heap, packet=packet, value=value, node=node)


def _grown_output(output: FreeOutput, least: int = _FIRST_ROOM) -> FreeOutput:
    """Return the output with twice the room for records."""
    spike, value, arrival = (_longer(table, least) for table in (output.spike, output.value, output.arrival))
    return output._replace(spike=spike, value=value, arrival=arrival)


def _longer(table: NDArray[Any], least: int) -> NDArray[Any]:
    longer = np.zeros((max(least, 2 * len(table)), *table.shape[1:]), table.dtype)
    longer[:len(table)] = table
    return longer


def _result(prepared: FreeMachine, sample: int, state: FreeState, output: FreeOutput) -> SampleResult:
    """Return everything as the contract wants it."""
    machine, options = prepared.machine, prepared.options
    readout = _held(machine, output)
    first = 4 * machine.noc.n_tiles
    return SampleResult(
        sample, len(output.times), readout[-1], readout if options.readout_tokens else None,
        np.append(output.times[1:], state.counter[NOW]), output.core_counts, output.chip_counts,
        output.phase[:, :, 0].copy(), output.phase[:, :, 1].copy(), output.network, state.link[:, L_PACKETS].copy(),
        state.link[:, L_BUSY].copy(), state.port[first:, P_PEAK].copy(), _spike_table(machine, state, output),
        _packet_table(machine, state, output) if options.record_packets else None)


def _held(machine: Machine, output: FreeOutput) -> NDArray[np.float64]:
    """Return the read-outs row by row: held until something new is said, or spikes counted so far."""
    held, column = output.readout, 0
    for size, summed in zip(readout_sizes(machine), summed_readouts(machine), strict=True):
        columns = slice(column, column + size)
        if summed:
            held[:, columns] = np.cumsum(held[:, columns], axis=0)
        else:
            last = np.maximum.accumulate(np.where(output.read[:, columns], np.arange(len(held))[:, None], 0), axis=0)
            held[:, columns] = np.take_along_axis(held[:, columns], last, axis=0)
        column += size
    return held


def _spike_table(machine: Machine, state: FreeState, output: FreeOutput) -> SpikeTable:
    """Sort by (row, population, neuron, output, time)."""
    n_spikes = int(state.counter[N_SPIKES])
    row, number, neuron, time_ps = output.spike[:n_spikes].T
    order = np.lexsort((time_ps, number, neuron, machine.output_population[number], row))
    return SpikeTable(row[order].astype(np.int32), number[order].astype(np.int32), neuron[order],
                      output.value[:n_spikes][order], time_ps[order])


def _packet_table(machine: Machine, state: FreeState, output: FreeOutput) -> PacketTable:
    """Number the packets of each row by their ids; one row of the table per destination."""
    arrivals = output.arrival[:int(state.counter[N_ARRIVALS])]
    order = np.lexsort((arrivals[:, 5], arrivals[:, 3], arrivals[:, 2], arrivals[:, 1], arrivals[:, 0]))
    row, inject_ps, place, ordinal, source_row, sink, arrival_ps = arrivals[order].T
    if not len(row):
        return PacketTable(row.astype(np.int32), row, source_row, sink, inject_ps, arrival_ps)
    other_row = np.concatenate([[True], row[1:] != row[:-1]])
    other = np.stack([inject_ps, place, ordinal])
    other_packet = other_row | np.concatenate([[True], (other[:, 1:] != other[:, :-1]).any(axis=0)])
    count = np.cumsum(other_packet) - 1
    number = count - np.maximum.accumulate(np.where(other_row, count, 0))
    return PacketTable(row.astype(np.int32), number, source_row.copy(), machine.destinations.core[sink],
                       inject_ps.copy(), arrival_ps.copy())
