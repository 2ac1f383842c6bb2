"""The compiled engine: a machine as Numba sees it, and one sample as a `SampleResult`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.block_kernels import run_in_blocks
from neurosim.engine.blocks import block_tokens, in_order_of_steps, make_blocks
from neurosim.engine.contract import (
    RunOptions,
    dtype_of,
    overrun,
    readout_sizes,
    recorded_outputs,
    summed_readouts,
)
from neurosim.engine.count_tables import CountTables, count_tables
from neurosim.engine.fixed import SAMPLE_SHIFT, FixedTables, as_values, fixed_tables, integer_inputs
from neurosim.engine.function_kernels import FunctionState, SampleInput
from neurosim.engine.link_blocks import block_steps, link_loads, n_blocks
from neurosim.engine.record_kernels import Records
from neurosim.engine.step_kernels import (
    ANALYTIC,
    BUSIEST_NUMBER,
    BUSIEST_TICKS,
    DEADLOCK,
    DURATION,
    EVENT,
    FUNCTIONAL,
    N_STEP_COLUMNS,
    N_TIMES,
    NETWORK,
    OVERRUN,
    STOP,
    STOPPED,
    WORK,
    SampleOutput,
    run_sample,
)
from neurosim.engine.synapse_tables import SynapseTables, synapse_tables
from neurosim.engine.tables import MachineTables, machine_tables
from neurosim.errors import MappingError, SimulationError
from neurosim.events import N_CHIP_EVENTS, N_CORE_EVENTS
from neurosim.machine import EJECTION, UNLIMITED, Machine
from neurosim.noc.called_kernels import network_address
from neurosim.noc.kernels import HERE, LOAD_BUSY, LOAD_PACKETS, NetworkTables
from neurosim.noc.topology import grid_of, route_table, turn_table
from neurosim.noc.words import packet_words
from neurosim.traces.schema import PacketTable, SampleResult, SpikeTable, StepLoads

_DETAIL = {"functional": FUNCTIONAL, "analytic": ANALYTIC, "event": EVENT}
_MOST_OCCUPANCY = 2**32         # of a link within a chip by a packet, in ticks: kept in 32 bits
_MOST_TABLE_TILES = 1024        # in larger networks the kernels compute the way: 1 MiB of table, and it misses caches
_LEAST_WHEEL_SLOTS, _MOST_WHEEL_SLOTS = 256, 65536


def tick_of(machine: Machine) -> int:
    """Return the greatest common divisor of all durations of the machine, in ps."""
    noc = machine.noc
    durations = [noc.credit_ps, machine.barrier_ps, machine.nominal_step_ps, machine.tick_ps, *noc.hop_ps.tolist(),
                 *noc.cycle_ps.tolist()]
    for array in (machine.slices.active_ps, machine.slices.inactive_ps, machine.cores.spike_out_ps,
                  machine.cores.packet_out_ps, machine.destinations.service_ps):
        durations.append(int(np.gcd.reduce(array)))
    return math.gcd(*durations) or 1


def _wheel_slots(machine: Machine, tick: int) -> int:
    """Return a horizon of a few of the network's longest steps, as a power of two."""
    most_flits = int(machine.packets.flits.max(initial=1))
    longest = max(int(machine.noc.hop_ps.max()), int(machine.noc.cycle_ps.max()) * most_flits)
    wanted = 8 * longest // tick
    slots = _LEAST_WHEEL_SLOTS
    while slots < wanted and slots < _MOST_WHEEL_SLOTS:
        slots *= 2
    return slots


def network_tables(machine: Machine, tick: int) -> NetworkTables:
    """Return routers and links for `noc.kernels`, in ticks."""
    noc, cores, flits = machine.noc, machine.cores, machine.packets.flits
    core_word, link_word, bits = packet_words(grid_of(noc), noc.link_target, cores.tile, len(machine.trees.link))
    scalar = np.array([noc.n_tiles, noc.columns, noc.rows, noc.torus, noc.y_first, noc.credit_ps // tick,
                       noc.buffer_packets, noc.core_in_packets, (flits == flits[:1]).all(),
                       *(noc.hop_ps // tick), *(noc.cycle_ps // tick), *bits], np.int64)
    trees = machine.trees
    branch = np.ascontiguousarray(np.stack([trees.link, trees.child, trees.destination], axis=1))
    fits = noc.n_tiles <= _MOST_TABLE_TILES
    route = route_table(grid_of(noc)) if fits else np.zeros((0, 0), np.int8)
    turn = turn_table(grid_of(noc))
    return NetworkTables(scalar, route.astype(np.uint8), noc.link_target, noc.link_kind.astype(np.uint8), cores.tile,
                         trees.branch_start, branch, np.where(turn < 0, HERE, turn).astype(np.uint8), core_word,
                         link_word)


@dataclass(frozen=True)
class CompiledMachine:
    """A machine with its durations in ticks and its weights in the numbers of the run."""

    machine: Machine
    options: RunOptions
    tick: int
    tables: MachineTables
    synapses: SynapseTables
    counts: CountTables
    fixed: FixedTables | None
    network: NetworkTables
    n_wheel_slots: int
    recorded: NDArray[np.int8]
    ring_depth: NDArray[np.int64]
    block_tokens: int = 0               # tokens that each population takes at once; 0: step by step
    network_address: int = 0            # of the kernel that carries packets; 0: none travels


def prepare(machine: Machine, options: RunOptions) -> CompiledMachine:
    """Return the machine as the kernels want it."""
    if machine.noc.core_in_packets != UNLIMITED and machine.noc.buffer_packets == UNLIMITED:
        raise MappingError("a finite core_in_packets with unlimited router buffers", allowed="finite buffers as well",
                           mend="give noc.buffer_packets a number, or core.core_in_packets: unlimited")
    tick = tick_of(machine)
    occupancy = int(machine.packets.flits.max(initial=1)) * (int(machine.noc.cycle_ps[EJECTION]) // tick)
    if occupancy >= _MOST_OCCUPANCY:
        raise MappingError(f"a packet holds a link for {occupancy} ticks of {tick} ps",
                           allowed=f"up to {_MOST_OCCUPANCY - 1} ticks",
                           mend="lower noc.link_cycle_ns or payload bits, or round durations to a coarser unit")
    fixed = fixed_tables(machine, options.seed) if options.numbers == "fixed" else None
    dtype = dtype_of(options.numbers)
    counts = count_tables(machine)
    n_block = block_tokens(machine, counts) if options.detail == "functional" else 0
    network = network_tables(machine, tick)
    tables = machine_tables(machine, tick, dtype, with_synapses=False, with_blocks=n_block > 0)
    return CompiledMachine(machine, options, tick, tables,
                           synapse_tables(machine, dtype), counts, fixed, network,
                           _wheel_slots(machine, tick), recorded_outputs(machine, options),
                           _ring_depth(machine, n_block), n_block,
                           network_address(network) if options.detail == "event" else 0)


def _ring_depth(machine: Machine, n_block: int) -> NDArray[np.int64]:
    """Return how many tokens of each output are kept: of a block, all, and those before it that are still to arrive."""
    if n_block:
        return ring_depths(machine, machine.projections.delay_tokens) + n_block - 1
    return ring_depths(machine, machine.projections.delay_steps // machine.schedule.interval)


def ring_depths(machine: Machine, delay_tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many tokens of each output are needed at once; `delay_tokens` of each projection."""
    depth = np.ones(len(machine.output_names), np.int64)
    projections = machine.projections
    np.maximum.at(depth, machine.populations.first_output[projections.source] + projections.output, delay_tokens + 1)
    return depth


def _buffered_outputs(machine: Machine) -> NDArray[np.bool_]:
    """Return the outputs that are kept for a whole sequence, since a later phase takes them."""
    projections, phase = machine.projections, machine.populations.phase
    buffered = np.zeros(len(machine.output_names), bool)
    later = phase[projections.target] > phase[projections.source]
    buffered[(machine.populations.first_output[projections.source] + projections.output)[later]] = True
    return buffered


def _function_state(compiled: CompiledMachine, n_tokens: int) -> FunctionState:
    """Return an empty state for one worker and samples of `n_tokens`."""
    return empty_function(compiled.machine, dtype_of(compiled.options.numbers),
                          np.where(_buffered_outputs(compiled.machine), n_tokens, compiled.ring_depth))


def empty_function(machine: Machine, dtype: np.dtype[Any], ring_depth: NDArray[np.int64]) -> FunctionState:
    """Return neurons without a past; ring_depth [output]: how many tokens of each output are kept."""
    populations = machine.populations
    ring_depth = np.concatenate([ring_depth, populations.change_threshold >= 0])      # what packets hold
    size = populations.size
    ring_sizes = ring_depth * np.tile(size[machine.output_population], 2)
    starts = np.concatenate(([0], np.cumsum(ring_sizes))).astype(np.int64)
    count_starts = np.concatenate(([0], np.cumsum(ring_depth))).astype(np.int64)
    return FunctionState(
        np.zeros(int((populations.n_state_rows * size).sum()), dtype),
        np.zeros(int((populations.n_ports * size).sum()), dtype),
        np.zeros(int((populations.n_outputs * size).sum()), dtype),
        np.zeros(int(size.sum()), np.uint8),
        np.ascontiguousarray(np.stack([ring_depth, starts[:-1], count_starts[:-1]], axis=1)),
        np.zeros(int(count_starts[-1]), np.int64), np.zeros(int(starts[-1]), np.int32),
        np.zeros(int(starts[-1]), dtype), np.zeros(int(size.max(initial=0)), dtype), np.zeros(len(size), np.int64),
        np.zeros(int((populations.n_outputs * size).sum()), dtype), np.full(len(size), -1.0))


class Worker:
    """Runs samples one after the other; not to be shared between threads."""

    def __init__(self, compiled: CompiledMachine) -> None:
        self._compiled = compiled
        self._function = _function_state(compiled, 1)
        self._n_tokens = 1
        self._blocks = make_blocks(compiled.machine, compiled.block_tokens, dtype_of(compiled.options.numbers))
        self._times = np.zeros(N_TIMES, np.int64)

    def stop(self) -> None:
        """End the sample at hand after its present step; may be called from another thread."""
        self._times[STOP] = 1

    def run(self, sample: int, inputs: NDArray[Any], _times: NDArray[np.int64] | None = None) -> SampleResult:
        """Run one sample; inputs [token, column]; tokens have no times of their own.

        Raises SimulationError on a deadlock of the network.
        """
        compiled, machine, options = self._compiled, self._compiled.machine, self._compiled.options
        n_tokens = len(inputs)
        if machine.schedule.n_phases > 1 and n_tokens != self._n_tokens:
            self._function, self._n_tokens = _function_state(compiled, n_tokens), n_tokens
        n_steps = machine.schedule.n_steps(n_tokens)
        output = _empty_output(machine, n_steps, n_tokens if options.readout_tokens else 1, compiled.fixed is not None,
                               with_links=options.record_links and options.detail != "functional")
        values, input_overflows = inputs, dict[int, NDArray[np.int64]]()
        if compiled.fixed is not None:
            values, input_overflows = integer_inputs(machine, sample, inputs, options.seed)
        self._times[:STOP] = (machine.schedule.interval, n_steps, _DETAIL[options.detail],
                              machine.barrier_ps // compiled.tick, machine.nominal_step_ps // compiled.tick,
                              compiled.n_wheel_slots, machine.tick_ps // compiled.tick, machine.late_steps,
                              block_steps(machine), compiled.network_address)
        readout = np.stack([np.array(machine.readouts, np.int64), summed_readouts(machine)], axis=1)
        given = _sample_input(values, dtype_of(options.numbers), sample)
        if compiled.block_tokens:
            status, step, records, n_spikes, n_packets = run_in_blocks(
                compiled.tables, compiled.synapses, compiled.counts, compiled.fixed, self._function, self._blocks,
                given, self._times, compiled.recorded, readout, output)
        else:
            status, step, records, n_spikes, n_packets = run_sample(
                compiled.tables, compiled.synapses, compiled.counts, compiled.fixed, compiled.network, self._function,
                given, self._times, compiled.recorded, readout, options.record_packets, output)
        if status == DEADLOCK:
            raise SimulationError(f"sample {sample}, step {step}: the network stands still with packets in flight")
        if status == OVERRUN:
            raise overrun(machine, sample, step, int(output.step[step, WORK]) * compiled.tick)
        if status == STOPPED:
            raise SimulationError(f"sample {sample} was stopped after step {step}")
        result = _result(compiled, sample, n_tokens, output, records, n_spikes, n_packets)
        return result if compiled.fixed is None else as_values(machine, result, output.overflow, input_overflows)


def _empty_output(machine: Machine, n_steps: int, n_readout_rows: int, is_fixed: bool, *,
                  with_links: bool) -> SampleOutput:
    n_cores = len(machine.cores.tile)
    n_links = 4 * machine.noc.n_tiles + n_cores
    return SampleOutput(
        np.zeros((n_steps, n_cores, N_CORE_EVENTS), np.int32), np.zeros((n_steps, N_CHIP_EVENTS), np.int64),
        np.zeros((n_steps, n_cores, 2), np.int64), np.zeros((n_steps, N_STEP_COLUMNS), np.int64),
        np.zeros((n_links, 2), np.int64),
        np.zeros((n_blocks(n_steps, block_steps(machine)) if with_links else 0, n_links), np.int64),
        np.zeros(n_cores, np.int64), np.zeros((n_readout_rows, sum(readout_sizes(machine)))),
        np.zeros((n_steps, machine.n_populations) if is_fixed else (0, 0), np.int64))


def _sample_input(inputs: NDArray[Any], dtype: np.dtype[Any], sample: int) -> SampleInput:
    """Return the non-zero inputs of each token."""
    values = np.asarray(inputs)
    given = values != 0
    places = np.flatnonzero(given)      # of bytes, in one dimension: a quarter of the time of `np.nonzero`
    starts = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.count_nonzero(given, axis=1), out=starts[1:])
    return SampleInput(len(values), starts, places % values.shape[1], values.ravel()[places].astype(dtype),
                       sample << SAMPLE_SHIFT)


def _result(compiled: CompiledMachine, sample: int, n_tokens: int, output: SampleOutput, records: Records,
            n_spikes: int, n_packets: int) -> SampleResult:
    """Turn ticks into picoseconds from the start of the sample."""
    tick = compiled.tick
    step_end = np.cumsum(output.step[:, DURATION]) * tick
    step_start = step_end - output.step[:, DURATION] * tick
    spike, value = records.spike[:n_spikes], records.value[:n_spikes]
    if compiled.block_tokens:
        spike, value = in_order_of_steps(spike, value)
    table = SpikeTable(spike[:, 0].astype(np.int32), spike[:, 1].astype(np.int32), spike[:, 2].copy(),
                       value.copy(), step_start[spike[:, 0]] + spike[:, 3] * tick)
    kept = None
    if compiled.options.record_packets:
        packet = records.packet[:n_packets]
        started = step_start[packet[:, 0]]
        kept = PacketTable(packet[:, 0].astype(np.int32), packet[:, 1].copy(), packet[:, 2].copy(),
                           packet[:, 3].copy(), started + packet[:, 4] * tick, started + packet[:, 5] * tick)
    loads = None
    if compiled.options.detail != "functional":
        loads = StepLoads(output.step[:, WORK] * tick, output.step[:, BUSIEST_TICKS] * tick,
                          output.step[:, BUSIEST_NUMBER].copy())
    kept_links = None
    if len(output.link_so_far):
        kept_links = link_loads(output.link_so_far * tick, block_steps(compiled.machine))
    return SampleResult(sample, n_tokens, output.readout[-1].copy(),
                        output.readout if compiled.options.readout_tokens else None, step_end, output.core_counts,
                        output.chip_counts, output.phase[:, :, 0] * tick, output.phase[:, :, 1] * tick,
                        output.step[:, NETWORK] * tick, output.link[:, LOAD_PACKETS].copy(),
                        output.link[:, LOAD_BUSY] * tick, output.queue_peak, table, kept, loads=loads,
                        link_loads=kept_links)
