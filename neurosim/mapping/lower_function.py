"""The function half of a machine: populations, projections, synapses. Independent of the placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    SparseWeights,
)
from neurosim.machine import (
    CONVOLUTION,
    DENSE,
    GRADED,
    MAX,
    MAX_ABS,
    N_OPTIONS,
    ONE_TO_ONE,
    SPARSE,
    SPIKE,
    SUM,
    TERNARY,
    Float64Array,
    Int8Array,
    Int32Array,
    Int64Array,
    Neurons,
    Populations,
    Projections,
    Synapses,
)
from neurosim.mapping.connections import Connection, connections
from neurosim.mapping.kernel_layout import kernel_layout
from neurosim.mapping.lower_fixed import lower_fixed
from neurosim.mapping.profiles import parameter_table
from neurosim.mapping.resources import first_rows
from neurosim.mapping.schedule import Staging, stage_network
from neurosim.model_specs import MODEL_INDEX

_OPERATOR = {"sum": SUM, "max": MAX, "max_abs": MAX_ABS}
_OUTPUT_KIND = {"spike": SPIKE, "ternary": TERNARY, "graded": GRADED}


class Outputs(NamedTuple):
    """One entry per output, in the order of the populations."""

    names: tuple[str, ...]
    kind: Int8Array
    population: Int64Array


def lower_neurons(network: Network) -> Neurons:
    """Return the function half of a machine, without a chip; with integers where the network is quantised."""
    staging = stage_network(network, "whole_sequence" if network.needs_whole_sequence else "pipelined")
    found = connections(network, staging)
    projections, synapses = lower_projections(network, found)
    names = tuple(population.name for population in network.populations)
    return Neurons(lower_populations(network, staging, False), projections, synapses, lower_fixed(network, found),
                   names, tuple(names.index(name) for name in network.readouts),
                   sum(population.size for population in network.inputs))


def lower_populations(network: Network, staging: Staging, readout_every_token: bool) -> Populations:
    """Return the table of populations.

    A read-out that feeds no other population sends at the last token only, unless `readout_every_token`.
    """
    items = network.populations
    size = _integers([item.size for item in items])
    n_modes = _integers([item.n_modes for item in items])
    n_ports = _integers([len(item.spec.ports) for item in items])
    n_outputs = _integers([len(item.spec.outputs) for item in items])
    n_parameters = _integers([item.spec.n_parameter_rows(item.n_modes) for item in items])
    n_states = _integers([item.spec.n_state_rows(item.n_modes) for item in items])
    operators = [_OPERATOR[port.operator] for item in items for port in item.spec.ports]
    return Populations(
        model=np.array([MODEL_INDEX[item.model] for item in items], np.int32), size=size, first_neuron=_starts(size),
        first_row=first_rows(network)[:-1], stage=staging.stage.astype(np.int64),
        phase=staging.phase.astype(np.int64),
        backward=np.array([item.direction == "reversed" for item in items], np.int8),
        period=_integers([int(item.period) for item in items]),
        reset_period=_integers([int(item.reset_period) for item in items]),
        reset_offset=_integers([int(item.reset_offset) for item in items]),
        n_modes=n_modes, n_ports=n_ports, n_outputs=n_outputs,
        first_output=_starts(n_outputs), options=_options(network),
        parameter_start=_starts(n_parameters * size), n_parameter_rows=n_parameters,
        state_start=_starts(n_states * size), n_state_rows=n_states, charge_start=_starts(n_ports * size),
        output_start=_starts(n_outputs * size), port_start=_starts(n_ports),
        port_operator=np.array(operators, np.int8), input_start=_input_starts(items),
        last_only=_last_only(network, readout_every_token), change_threshold=_change_thresholds(items))


def lower_projections(network: Network, found: tuple[Connection, ...]) -> tuple[Projections, Synapses]:
    """Return the table of projections, and their weights with the parameters of all populations."""
    values, targets, kinds = [], [], []
    pointers: list[Int64Array] = []
    for connection in found:
        kind, weights, target, pointer = _flat(connection)
        kinds.append(kind)
        values.append(weights)
        targets.append(target)
        pointers.append(pointer)
    target_of = _integers([connection.target for connection in found])
    projections = Projections(
        source=_integers([connection.source for connection in found]), target=target_of,
        port=_integers([connection.port for connection in found]),
        output=_integers([connection.output for connection in found]),
        delay_tokens=_integers([connection.delay_tokens for connection in found]),
        delay_steps=_integers([connection.delay_steps for connection in found]), kind=np.array(kinds, np.int8),
        weight_start=_starts(_integers([len(item) for item in values])),
        pointer_start=_starts(_integers([len(item) for item in pointers])),
        target_start=np.searchsorted(target_of, np.arange(len(network.populations) + 1)).astype(np.int64))
    parameters = [parameter_table(item).reshape(-1) for item in network.populations]
    # Weights that are all given in 32 bits stay so: half the memory of large networks.
    narrow = bool(values) and all(item.dtype == np.float32 for item in values)
    return projections, Synapses(_joined(values, np.float32 if narrow else np.float64), _joined(targets, np.int32),
                                 _joined(pointers, np.int64), _joined(parameters, np.float64))


def lower_outputs(network: Network) -> Outputs:
    """Return name, kind and population of each output; a population's only output has its name.

    Raises
    ------
    NetworkError           if two outputs would have one name
    """
    names, kinds, numbers = [], [], []
    for number, item in enumerate(network.populations):
        for output in item.spec.outputs:
            names.append(item.name if len(item.spec.outputs) == 1 else f"{item.name}.{output.name}")
            kinds.append(_OUTPUT_KIND[item.output_kind(output.name)])
            numbers.append(number)
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise NetworkError(f"two outputs would be called {', '.join(doubled)}", mend="rename a population")
    return Outputs(tuple(names), np.array(kinds, np.int8), _integers(numbers))


def _flat(connection: Connection) -> tuple[int, Float64Array, Int32Array, Int64Array]:
    """Return kind, weights, targets and row pointer of a connection."""
    weights, none = connection.weights, np.zeros(0, np.int64)
    if isinstance(weights, ConvolutionWeights):
        values = kernel_layout(weights.values).astype(np.float64)
        return CONVOLUTION, values, np.zeros(len(values), np.int32), _geometry(weights)
    values = weights.values.reshape(-1)
    if isinstance(weights, SparseWeights):
        return SPARSE, values, weights.targets.astype(np.int32, copy=False), weights.row_pointer.astype(np.int64)
    kind = {DenseWeights: DENSE, OneToOneWeights: ONE_TO_ONE}[type(weights)]
    return kind, values, np.zeros(len(values), np.int32), none


def _geometry(weights: ConvolutionWeights) -> Int64Array:
    """Return the numbers that describe a convolution, in the order of `machine.GEOMETRY_…`."""
    return _integers([
        *weights.input_shape, *weights.strides(weights.input_shape), *weights.output_shape,
        *weights.strides(weights.output_shape), *weights.values.shape[2:], *weights.stride, *weights.padding,
        *weights.dilation, weights.groups])


def _options(network: Network) -> Int32Array:
    options = np.zeros((len(network.populations), N_OPTIONS), np.int32)
    for number, item in enumerate(network.populations):
        for column, attribute in enumerate(item.spec.attributes):
            options[number, column] = attribute.choices.index(item.attributes[attribute.name])
    return options


def _input_starts(items: tuple[Population, ...]) -> Int64Array:
    is_input = np.array([item.model == "input" for item in items])
    columns = _starts(_integers([item.size if item.model == "input" else 0 for item in items]))
    return np.where(is_input, columns, -1)


def _last_only(network: Network, readout_every_token: bool) -> Int8Array:
    """Graded read-outs hold their answer, so they send it once; spikes are the answer and are all sent."""
    sources = {projection.source for projection in network.projections}
    return np.array([item.name in network.readouts and item.name not in sources and not readout_every_token
                     and all(item.output_kind(output.name) == "graded" for output in item.spec.outputs)
                     for item in network.populations], np.int8)


def _change_thresholds(items: tuple[Population, ...]) -> Float64Array:
    """Return the threshold of each output: -1 where it sends values or spikes."""
    return np.array([-1.0 if item.change_threshold is None or item.output_kind(output.name) != "graded"
                     else item.change_threshold for item in items for output in item.spec.outputs])


def _integers(values: list[int]) -> Int64Array:
    return np.array(values, np.int64)


def _starts(counts: Int64Array) -> Int64Array:
    """Return where each of consecutive pieces begins."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])[:-1]


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *parts])
