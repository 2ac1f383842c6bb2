"""A machine as the compiled engine sees it: few wide integer tables instead of many arrays.

Numba's compile time grows with the number of arrays that each call passes on, so the fields of `machine`'s groups
become columns. `P_…`, `J_…`, `S_…`, `C_…`, `K_…`, `D_…` are the columns of populations, projections, slices, cores,
packets and destinations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import Destinations, Fixed, Machine, Packets, Populations
from neurosim.model_specs import SPEC_BY_INDEX
from neurosim.models.blocks import BLOCK_KERNELS, FIXED_BLOCK_KERNELS
from neurosim.models.calls import block_address, step_address
from neurosim.models.fixed.registry import FIXED_KERNELS, step_fixed_of
from neurosim.models.registry import INPUT, KERNELS, step_of

POPULATION_COLUMNS = ("model", "size", "first_neuron", "first_row", "stage", "n_modes", "n_ports", "n_outputs",
                      "first_output", "parameter_start", "n_parameter_rows", "state_start", "n_state_rows",
                      "charge_start", "output_start", "port_start", "input_start", "last_only", "phase", "backward",
                      "period", "reset_period", "reset_offset")
(P_MODEL, P_SIZE, P_FIRST_NEURON, P_FIRST_ROW, P_STAGE, P_N_MODES, P_N_PORTS, P_N_OUTPUTS, P_FIRST_OUTPUT,
 P_PARAMETER_START, P_N_PARAMETER_ROWS, P_STATE_START, P_N_STATE_ROWS, P_CHARGE_START, P_OUTPUT_START, P_PORT_START,
 P_INPUT_START, P_LAST_ONLY, P_PHASE, P_BACKWARD, P_PERIOD, P_RESET_PERIOD, P_RESET_OFFSET) = range(23)
# Behind them: addresses of the model's step, and of its step by blocks; 0: it has none.
P_STEP, P_BLOCK = 23, 24
PROJECTION_COLUMNS = ("source", "port", "output", "delay_tokens", "kind", "weight_start", "pointer_start")
J_SOURCE, J_PORT, J_OUTPUT, J_DELAY_TOKENS, J_KIND, J_WEIGHT_START, J_POINTER_START = range(7)
SLICE_COLUMNS = ("start", "stop", "core", "active_ps", "inactive_ps", "event_active", "event_inactive")
S_START, S_STOP, S_CORE, S_ACTIVE, S_INACTIVE, S_EVENT_ACTIVE, S_EVENT_INACTIVE = range(7)
CORE_COLUMNS = ("is_port", "overlapped", "spike_out_ps", "packet_out_ps")
C_IS_PORT, C_OVERLAPPED, C_SPIKE_OUT, C_PACKET_OUT = range(4)
PACKET_COLUMNS = ("flits", "hops_ew", "hops_ns", "hops_chip", "tree")
K_FLITS, K_HOPS_EW, K_HOPS_NS, K_HOPS_CHIP, K_TREE = range(5)
DESTINATION_COLUMNS = ("core", "service_ps", "words", "dense", "sparse", "conv", "local")
D_CORE, D_SERVICE, D_WORDS, D_DENSE, D_SPARSE, D_CONV, D_LOCAL = range(7)
# What the packets of an output row count on the chip when it fires: deliveries through the network, hops, flit hops.
W_TILE_LOCAL, W_HOP_EW, W_HOP_NS, W_FLIT_HOP_EW, W_FLIT_HOP_NS, W_CHIP_HOP, W_FLIT_CHIP_HOP = range(7)


class MachineTables(NamedTuple):
    """Durations in ticks, weights and parameters in the numbers of the run."""

    population: NDArray[np.int64]        # [population, POPULATION_COLUMNS, P_STEP, P_BLOCK]
    options: NDArray[np.int32]           # [population, N_OPTIONS]
    port_operator: NDArray[np.int8]
    projection: NDArray[np.int64]        # [projection, PROJECTION_COLUMNS]
    target_start: NDArray[np.int64]      # [population + 1]
    weights: NDArray[Any]
    targets: NDArray[np.int32]
    row_pointer: NDArray[np.int64]
    parameters: NDArray[Any]
    slice_: NDArray[np.int64]            # [slice, SLICE_COLUMNS]
    slice_start: NDArray[np.int64]       # [population + 1]
    core: NDArray[np.int64]              # [core, CORE_COLUMNS]
    row_start: NDArray[np.int64]         # [output row + 1]
    packet: NDArray[np.int64]            # [packet, PACKET_COLUMNS]
    destination_start: NDArray[np.int64]  # [packet + 1]
    destination: NDArray[np.int64]       # [destination, DESTINATION_COLUMNS]
    row_count: NDArray[np.int64]         # [output row, 7] W_TILE_LOCAL … W_FLIT_CHIP_HOP
    change_threshold: NDArray[Any]       # [output] in the numbers of the run; negative: values are sent
    single: NDArray[np.int64]            # [1] flits of each packet where all have as many, and one destination; else -1


def machine_tables(machine: Machine, tick: int, dtype: np.dtype[Any], *, with_synapses: bool = True,
                   with_blocks: bool = False) -> MachineTables:
    """Return the tables of `machine`, with its integers where `dtype` is int64; `tick` divides all its durations.

    with_synapses : with weights and targets; without them they are empty, for whoever reads `synapse_tables`
    with_blocks : with the steps by blocks of tokens; they and the models' steps compile here
    """
    synapses, packets, populations = machine.synapses, machine.packets, machine.populations
    weights: NDArray[Any] = synapses.weights
    parameters: NDArray[Any] = synapses.parameters
    if dtype == np.int64 and machine.fixed is not None:
        weights, parameters = machine.fixed.weights, machine.fixed.parameters
        populations = populations._replace(parameter_start=machine.fixed.parameter_start,
                                           n_parameter_rows=machine.fixed.n_parameter_rows)
    targets = synapses.targets
    if not with_synapses:
        weights, targets = weights[:0], targets[:0]
    addresses = _addresses(populations.model, dtype, with_blocks=with_blocks)
    return MachineTables(
        np.hstack([_table(populations, POPULATION_COLUMNS, tick), addresses]), populations.options,
        populations.port_operator, _table(machine.projections, PROJECTION_COLUMNS, tick),
        machine.projections.target_start, weights.astype(dtype), targets, synapses.row_pointer,
        parameters.astype(dtype), _table(machine.slices, SLICE_COLUMNS, tick),
        machine.slices.population_start, _table(machine.cores, CORE_COLUMNS, tick), packets.row_start,
        _table(packets, PACKET_COLUMNS, tick), packets.destination_start,
        _table(machine.destinations, DESTINATION_COLUMNS, tick), row_counts(packets, machine.destinations),
        change_thresholds(machine.populations, machine.fixed, dtype), single_flits(packets))


def _addresses(models: NDArray[Any], dtype: np.dtype[Any], *, with_blocks: bool) -> NDArray[np.int64]:
    """Return int64[population, 2], see P_STEP."""
    of, by_block = (step_fixed_of, FIXED_BLOCK_KERNELS) if dtype == np.int64 else (step_of, BLOCK_KERNELS)
    found = np.zeros((len(models), 2), np.int64)
    for population, model in enumerate(models.tolist()):
        if model == INPUT:
            continue
        found[population, 0] = step_address(of(model), dtype)
        block = by_block.get(SPEC_BY_INDEX[model].name)
        if with_blocks and block is not None:
            found[population, 1] = block_address(block, dtype)
    return found


def compile_models(dtype: np.dtype[Any]) -> list[str]:
    """Compile the steps of all built-in models for numbers of `dtype`; return their names."""
    steps, blocks = (FIXED_KERNELS, FIXED_BLOCK_KERNELS) if dtype == np.int64 else (KERNELS, BLOCK_KERNELS)
    for step in steps.values():
        step_address(step, dtype)
    for block in blocks.values():
        block_address(block, dtype)
    return list(steps)


def single_flits(packets: Packets) -> NDArray[np.int64]:
    """Return [flits] of each packet where all have as many and none has more than one destination, else [-1]."""
    alike = len(packets.flits) > 0 and (packets.flits == packets.flits[0]).all()
    is_single = alike and (packets.tree < 0).all() and (np.diff(packets.destination_start) == 1).all()
    return np.array([packets.flits[0] if is_single else -1], np.int64)


def change_thresholds(populations: Populations, fixed: Fixed | None, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the least changes that are sent, in the numbers of a run; negative where values are sent."""
    thresholds: NDArray[Any] = populations.change_threshold
    if dtype == np.int64 and fixed is not None:
        thresholds = np.where(thresholds < 0, -1, np.ceil(thresholds / fixed.output_scale))
    return thresholds.astype(dtype)


def row_counts(packets: Packets, destinations: Destinations) -> NDArray[np.int64]:
    """Return what the packets of each output row count on the chip; int64[row, 7] W_TILE_LOCAL … W_FLIT_CHIP_HOP."""
    n_far = _sums(destinations.local == 0, packets.destination_start)
    travels = n_far > 0
    hops = [array * travels for array in (packets.hops_ew, packets.hops_ns, packets.hops_chip)]
    ew, ns, chip = hops
    columns = (n_far, ew, ns, ew * packets.flits, ns * packets.flits, chip, chip * packets.flits)
    return np.ascontiguousarray(np.stack([_sums(column, packets.row_start) for column in columns], axis=1))


def _sums(values: NDArray[Any], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of each stretch of `values` from `start[i]` to below `start[i + 1]`."""
    total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.asarray(total[start[1:]] - total[start[:-1]], np.int64)


def _table(group: Any, columns: tuple[str, ...], tick: int) -> NDArray[np.int64]:
    """Stack fields of a group as columns; durations (`…_ps`) become ticks."""
    arrays = [np.asarray(getattr(group, column), np.int64) for column in columns]
    arrays = [array // tick if column.endswith("_ps") else array
              for column, array in zip(columns, arrays, strict=True)]
    return np.ascontiguousarray(np.stack(arrays, axis=1))
