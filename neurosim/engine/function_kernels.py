"""The function pass of one time step: dendrites and somata of the populations whose token has come.

Dendrites sum in canonical order: projection, then source neuron. Outputs are kept per token in rings of event lists,
so the pass knows nothing of placement, packets or time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import kernel
from neurosim.machine import DENSE, MAX, ONE_TO_ONE, SPARSE, SUM
from neurosim.models.registry import INPUT, update


class FunctionState(NamedTuple):
    """Everything the neurons remember. Floats in the numbers of the run."""

    state: NDArray[np.float64]         # flat, see machine.Populations
    charge: NDArray[np.float64]
    output: NDArray[np.float64]
    active: NDArray[np.uint8]          # [neuron id] of the last update
    ring_depth: NDArray[np.int64]      # [output] tokens kept
    ring_start: NDArray[np.int64]      # [output] into ring_neuron, ring_value
    ring_count_start: NDArray[np.int64]  # [output] into ring_count
    ring_count: NDArray[np.int64]      # [output, slot] events
    ring_neuron: NDArray[np.int32]     # [output, slot, event] ascending
    ring_value: NDArray[np.float64]


class SampleInput(NamedTuple):
    """One sample: the non-zero inputs of each token."""

    n_tokens: int
    start: NDArray[np.int64]           # [token + 1]
    column: NDArray[np.int64]          # ascending within a token
    value: NDArray[np.float64]


@kernel
def reset(function):
    """Empty the machine: all states and rings to zero."""
    function.state[:] = 0
    function.output[:] = 0
    function.ring_count[:] = 0


@kernel
def token_of(populations, population, interval, step, n_tokens):
    """Return the token that `population` takes in time step `step`, −1 if none."""
    since = step - populations.stage[population]
    if since < 0 or since % interval != 0:
        return np.int64(-1)
    token = since // interval
    return token if token < n_tokens else np.int64(-1)


@kernel
def update_population(populations, projections, synapses, function, sample, population, token):
    """Advance one population to `token` and put its outputs into the rings."""
    if populations.model[population] == INPUT:
        _take_input(populations, function, sample, population, token)
        return
    size = populations.size[population]
    _sum_dendrites(populations, projections, synapses, function, population, token)
    first = populations.first_neuron[population]
    start = populations.parameter_start[population]
    rows = populations.n_parameter_rows[population]
    parameters = synapses.parameters[start:start + rows * size].reshape(rows, size)
    start, rows = populations.state_start[population], populations.n_state_rows[population]
    state = function.state[start:start + rows * size].reshape(rows, size)
    start, rows = populations.charge_start[population], populations.n_ports[population]
    charge = function.charge[start:start + rows * size].reshape(rows, size)
    start, rows = populations.output_start[population], populations.n_outputs[population]
    output = function.output[start:start + rows * size].reshape(rows, size)
    update(populations.model[population], populations.options[population], populations.n_modes[population],
           parameters, state, charge, output, function.active[first:first + size])
    for index in range(rows):
        _keep_events(function, populations.first_output[population] + index, output[index], token)


@kernel
def _take_input(populations, function, sample, population, token):
    """Enter the given values of an input population as its output of this token."""
    output = populations.first_output[population]
    slot = token % function.ring_depth[output]
    size = populations.size[population]
    first = populations.input_start[population]
    at = function.ring_start[output] + slot * size
    count = 0
    for index in range(sample.start[token], sample.start[token + 1]):
        column = sample.column[index] - first
        if 0 <= column < size:
            function.ring_neuron[at + count] = column
            function.ring_value[at + count] = sample.value[index]
            count += 1
    function.ring_count[function.ring_count_start[output] + slot] = count


@kernel
def _keep_events(function, output, values, token):
    """Put the non-zero outputs of a token into the ring."""
    slot = token % function.ring_depth[output]
    at = function.ring_start[output] + slot * values.size
    count = 0
    for neuron in range(values.size):
        value = values[neuron]
        if value != 0:
            function.ring_neuron[at + count] = neuron
            function.ring_value[at + count] = value
            count += 1
    function.ring_count[function.ring_count_start[output] + slot] = count


@kernel
def _sum_dendrites(populations, projections, synapses, function, population, token):
    """Sum what reaches each port of `population` at `token`, in canonical order."""
    size = populations.size[population]
    start = populations.charge_start[population]
    function.charge[start:start + populations.n_ports[population] * size] = 0
    for projection in range(projections.target_start[population], projections.target_start[population + 1]):
        sent = token - projections.delay_tokens[projection]
        if sent < 0:
            continue
        source = projections.source[projection]
        output = populations.first_output[source] + projections.output[projection]
        slot = sent % function.ring_depth[output]
        count = function.ring_count[function.ring_count_start[output] + slot]
        at = function.ring_start[output] + slot * populations.size[source]
        neurons = function.ring_neuron[at:at + count]
        values = function.ring_value[at:at + count]
        port = projections.port[projection]
        operator = populations.port_operator[populations.port_start[population] + port]
        charge = function.charge[start + port * size:start + (port + 1) * size]
        weights = synapses.weights[projections.weight_start[projection]:]
        kind = projections.kind[projection]
        if kind == SPARSE:
            pointer = synapses.row_pointer[projections.pointer_start[projection]:]
            targets = synapses.targets[projections.weight_start[projection]:]
            add_sparse(charge, operator, neurons, values, pointer, targets, weights)
        elif kind == DENSE:
            add_dense(charge, operator, neurons, values, weights)
        elif kind == ONE_TO_ONE:
            add_one_to_one(charge, operator, neurons, values, weights)


@kernel
def add_dense(charge, operator, neurons, values, weights):
    """Add the rows of firing neurons; weights [pre, post] flat."""
    n_post = charge.size
    for event in range(neurons.size):
        value = values[event]
        at = np.int64(neurons[event]) * n_post
        row = weights[at:at + n_post]
        if operator == SUM:
            for post in range(n_post):
                charge[post] += row[post] * value
        elif operator == MAX:
            for post in range(n_post):
                charge[post] = max(charge[post], row[post] * value)
        else:
            for post in range(n_post):
                charge[post] = max(charge[post], abs(row[post] * value))


@kernel
def add_sparse(charge, operator, neurons, values, pointer, targets, weights):
    """Add the rows of firing neurons; CSR."""
    for event in range(neurons.size):
        value = values[event]
        neuron = neurons[event]
        if operator == SUM:
            for synapse in range(pointer[neuron], pointer[neuron + 1]):
                charge[targets[synapse]] += weights[synapse] * value
        elif operator == MAX:
            for synapse in range(pointer[neuron], pointer[neuron + 1]):
                post = targets[synapse]
                charge[post] = max(charge[post], weights[synapse] * value)
        else:
            for synapse in range(pointer[neuron], pointer[neuron + 1]):
                post = targets[synapse]
                charge[post] = max(charge[post], abs(weights[synapse] * value))


@kernel
def add_one_to_one(charge, operator, neurons, values, weights):
    """Add neuron i to neuron i."""
    for event in range(neurons.size):
        neuron = neurons[event]
        product = weights[neuron] * values[event]
        if operator == SUM:
            charge[neuron] += product
        elif operator == MAX:
            charge[neuron] = max(charge[neuron], product)
        else:
            charge[neuron] = max(charge[neuron], abs(product))
