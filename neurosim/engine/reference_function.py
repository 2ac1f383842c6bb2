"""The function pass of the reference engine: plain NumPy around the same model kernels, token by token.

Written to be read, and independent of the compiled pass: it keeps all outputs of a sample instead of rings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import RunOptions, dtype_of
from neurosim.engine.fixed import SAMPLE_SHIFT, FixedTables, fixed_of, fixed_tables, integer_inputs
from neurosim.engine.tables import change_thresholds
from neurosim.machine import (
    CONVOLUTION,
    DENSE,
    GEOMETRY_DILATION,
    GEOMETRY_GROUPS,
    GEOMETRY_IN_SHAPE,
    GEOMETRY_IN_STRIDE,
    GEOMETRY_KERNEL,
    GEOMETRY_OUT_SHAPE,
    GEOMETRY_OUT_STRIDE,
    GEOMETRY_PADDING,
    GEOMETRY_STEP,
    MAX,
    N_GEOMETRY,
    PORT_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    SPARSE,
    SUM,
    Machine,
)
from neurosim.models.changes import largest_change
from neurosim.models.fixed.registry import draws_per_update, update_fixed
from neurosim.models.registry import INPUT, update
from neurosim.numbers import fit_rows, multiply_shift_rows


class FunctionPass:
    """The neurons of one sample. `output[population][token]` is [n_outputs, size] once updated."""

    def __init__(self, machine: Machine, inputs: NDArray[Any], options: RunOptions, sample: int) -> None:
        self.machine = machine
        self.dtype = dtype_of(options.numbers)
        self.fixed = fixed_tables(machine, options.seed) if options.numbers == "fixed" else None
        self.first_draw = sample << SAMPLE_SHIFT
        populations = machine.populations
        n_populations = machine.n_populations
        self.overflow = np.zeros(n_populations, np.int64)
        self.input_overflows: dict[int, NDArray[np.int64]] = {}
        values: NDArray[Any] = inputs
        self.weights: NDArray[Any] = machine.synapses.weights
        parameters: NDArray[Any] = machine.synapses.parameters
        starts, rows = populations.parameter_start, populations.n_parameter_rows
        if self.fixed is not None:
            values, self.input_overflows = integer_inputs(machine, sample, inputs, options.seed)
            integers = fixed_of(machine)
            self.weights, parameters = integers.weights, integers.parameters
            starts, rows = integers.parameter_start, integers.n_parameter_rows
        self.inputs = np.asarray(values).astype(self.dtype)
        self.weights = self.weights.astype(self.dtype)
        self.parameters = [self._table(parameters.astype(self.dtype), starts, rows, p) for p in range(n_populations)]
        self.state = [np.zeros((int(populations.n_state_rows[p]), int(populations.size[p])), self.dtype)
                      for p in range(n_populations)]
        self.active = [np.zeros(int(populations.size[p]), np.uint8) for p in range(n_populations)]
        self.output: list[dict[int, NDArray[Any]]] = [{} for _ in range(n_populations)]
        # What receivers have: other than `output` where that holds changes.
        self.summed: list[dict[int, NDArray[Any]]] = [{} for _ in range(n_populations)]
        self.sent: dict[tuple[int, int], NDArray[Any]] = {}
        self.change_threshold = change_thresholds(populations, machine.fixed, np.dtype(self.dtype))

    def token_of(self, population: int, step: int) -> int:
        """Return the token a population takes in this step, −1 if none or if it rests at that token."""
        populations, interval, n_tokens = self.machine.populations, self.machine.schedule.interval, len(self.inputs)
        begun = int(populations.stage[population]) + int(populations.phase[population]) * n_tokens * interval
        token, rest = divmod(step - begun, interval)
        if rest != 0 or not 0 <= token < n_tokens or (token + 1) % populations.period[population]:
            return -1
        return n_tokens - 1 - token if populations.backward[population] else token

    def update(self, population: int, token: int) -> None:
        """Advance one population to `token`."""
        populations = self.machine.populations
        size = int(populations.size[population])
        output = np.zeros((int(populations.n_outputs[population]), size), self.dtype)
        reset_period = int(populations.reset_period[population])
        if reset_period and (token - int(populations.reset_offset[population])) % reset_period == 0:
            self.state[population][:] = 0
        if populations.model[population] == INPUT:
            first = int(populations.input_start[population])
            output[0] = self.inputs[token, first:first + size]
        elif self.fixed is None:
            update(populations.model[population], populations.options[population], populations.n_modes[population],
                   self.parameters[population], self.state[population], self._charges(population, token), output,
                   self.active[population])
        else:
            n_modes, charges = int(populations.n_modes[population]), self._charges(population, token)
            self.overflow[population] += update_fixed(
                populations.model[population], self.fixed.constants[population], self.fixed.table,
                populations.options[population], n_modes, self.parameters[population], self.state[population], charges,
                output, self.active[population], self.first_draw + token * draws_per_update(n_modes, size))
        self.output[population][token], self.summed[population][token] = self._sent(population, output)

    def _sent(self, population: int, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what is sent, and what receivers have summed: the same, unless changes are sent."""
        given, summed = values.copy(), values.copy()
        for index, output in enumerate(values):
            threshold = self.change_threshold[int(self.machine.populations.first_output[population]) + index]
            if threshold < 0:
                continue
            known = self.sent.setdefault((population, index), np.zeros_like(output))
            change = output - known
            large = (change != 0) & (np.abs(change) >= threshold)
            fitted = change
            if self.fixed is not None:
                limit = largest_change(self.fixed.constants[population], index)
                fitted = np.clip(change, -limit, limit)
                self.overflow[population] += np.count_nonzero(large & (fitted != change))
            known[large] = output[large] if self.fixed is None else (known + fitted)[large]
            given[index], summed[index] = np.where(large, fitted, 0), known
        return given, summed

    def _table(self, flat: NDArray[Any], start: NDArray[Any], rows: NDArray[Any], population: int) -> NDArray[Any]:
        size = int(self.machine.populations.size[population])
        first, n_rows = int(start[population]), int(rows[population])
        return flat[first:first + n_rows * size].reshape(n_rows, size).copy()

    def _charges(self, population: int, token: int) -> NDArray[Any]:
        """Sum the ports of a population in canonical order: projection, then source neuron."""
        populations, projections = self.machine.populations, self.machine.projections
        charge = np.zeros((int(populations.n_ports[population]), int(populations.size[population])), self.dtype)
        for index in range(int(projections.target_start[population]), int(projections.target_start[population + 1])):
            source, delay = int(projections.source[index]), int(projections.delay_tokens[index])
            sent = token + delay if populations.backward[source] else token - delay
            if not 0 <= sent < len(self.inputs):
                continue
            port = int(projections.port[index])
            operator = populations.port_operator[populations.port_start[population] + port]
            values = self.summed[source][sent][int(projections.output[index])]
            gathered = charge[port] if self.fixed is None else np.zeros_like(charge[port])
            for neuron in np.flatnonzero(values):
                posts, weights = self._row(index, int(neuron), charge.shape[1])
                add_products(gathered, operator, posts, weights * values[neuron])
            if self.fixed is not None:
                given = self._converted(self.fixed, index, population, port, gathered, token)
                charge[port] = charge[port] + given if operator == SUM else np.maximum(charge[port], given)
        if self.fixed is not None:
            for port in range(len(charge)):
                slot = self.fixed.constants[population, PORT_SLOT + 4 * port:]
                self.overflow[population] += fit_rows(charge[port], slot[SLOT_BITS], slot[SLOT_SIGNED] != 0,
                                                      slot[SLOT_OVERFLOW])
        return charge

    def _converted(self, fixed: FixedTables, projection: int, population: int, port: int, gathered: NDArray[Any],
                   token: int) -> NDArray[Any]:
        """Return a projection's sums in the scale of the port, each rounded once."""
        start, size = int(fixed.conversion_start[projection]), len(gathered)
        given = np.empty_like(gathered)
        multiply_shift_rows(gathered, fixed.mantissa[start:start + size], fixed.shift[start:start + size],
                            fixed.constants[population, PORT_SLOT + 4 * port + SLOT_ROUNDING],
                            fixed.stream_key[projection], self.first_draw + token * size, given)
        return given

    def _row(self, projection: int, neuron: int, n_post: int) -> tuple[Any, NDArray[Any]]:
        """Return (target neurons, weights) of one source neuron."""
        projections, synapses = self.machine.projections, self.machine.synapses
        start = int(projections.weight_start[projection])
        kind = projections.kind[projection]
        if kind == DENSE:
            return slice(None), self.weights[start + neuron * n_post:start + (neuron + 1) * n_post]
        if kind == SPARSE:
            pointer = int(projections.pointer_start[projection]) + neuron
            first, stop = start + synapses.row_pointer[pointer], start + synapses.row_pointer[pointer + 1]
            return synapses.targets[first:stop], self.weights[first:stop]
        if kind == CONVOLUTION:
            first = int(projections.pointer_start[projection])
            posts, taps = _under_kernel(synapses.row_pointer[first:first + N_GEOMETRY], neuron)
            return posts, self.weights[start + taps]
        return np.array([neuron]), self.weights[start + neuron:start + neuron + 1]


def add_products(charge: NDArray[Any], operator: int, posts: Any, products: NDArray[Any]) -> None:
    """Add products to one port, in order of synapses."""
    if isinstance(posts, slice):
        posts = np.arange(len(charge))
    if operator == SUM:
        np.add.at(charge, posts, products)
    elif operator == MAX:
        np.maximum.at(charge, posts, products)
    else:
        np.maximum.at(charge, posts, np.abs(products))


def _under_kernel(geometry: NDArray[np.int64], neuron: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the target neurons of a convolution's source neuron, and the places of their weights in the kernel."""
    def three(first: int) -> list[int]:
        return [int(number) for number in geometry[first:first + 3]]

    (n_in, *in_shape), in_stride = three(GEOMETRY_IN_SHAPE), three(GEOMETRY_IN_STRIDE)
    (n_out, *out_shape), out_stride = three(GEOMETRY_OUT_SHAPE), three(GEOMETRY_OUT_STRIDE)
    groups = int(geometry[GEOMETRY_GROUPS])
    channel = neuron // in_stride[0] % n_in
    pairs = []          # per axis: the (output place, tap) pairs over this pixel
    for axis in (0, 1):
        place = neuron // in_stride[1 + axis] % in_shape[axis]
        step, dilation = int(geometry[GEOMETRY_STEP + axis]), int(geometry[GEOMETRY_DILATION + axis])
        padding, n_taps = int(geometry[GEOMETRY_PADDING + axis]), int(geometry[GEOMETRY_KERNEL + axis])
        pairs.append([(output, tap) for tap in range(n_taps) for output in range(out_shape[axis])
                      if output * step + tap * dilation - padding == place])
    posts, taps = [], []
    width, n_in_group, n_out_group = int(geometry[GEOMETRY_KERNEL + 1]), n_in // groups, n_out // groups
    first = channel // n_in_group * n_out_group
    for row, row_tap in pairs[0]:
        for column, column_tap in pairs[1]:
            for out in range(first, first + n_out_group):
                posts.append(out * out_stride[0] + row * out_stride[1] + column * out_stride[2])
                taps.append(((row_tap * width + column_tap) * n_in_group + channel % n_in_group) * n_out + out)
    return np.array(posts, np.int64), np.array(taps, np.int64)
