"""The two arithmetics of a batch pass: float64, and the integers of a quantised network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.fixed import input_format
from neurosim.errors import OptionError
from neurosim.formats import ROUNDINGS
from neurosim.machine import (
    N_PORT_SLOTS,
    OUTPUT_SLOT,
    PORT_SLOT,
    SLOT_BITS,
    SLOT_OVERFLOW,
    SLOT_ROUNDING,
    SLOT_SIGNED,
    Fixed,
    Float64Array,
    Int64Array,
    Neurons,
)
from neurosim.models.changes import encode_changes, encode_integer_changes, largest_change
from neurosim.models.fixed.registry import update_fixed
from neurosim.models.registry import update
from neurosim.numbers import STOCHASTIC, fit_rows, multiply_shift_rows, quantise

# From here on not every whole float64 is an integer of its own.
EXACT = 2**53
# The first columns of `Fixed.constants` are the formats, four columns each.
N_SLOTS = 8


class FloatArithmetic:
    """float64. Nothing is rounded, nothing overflows."""

    dtype: np.dtype[Any] = np.dtype(np.float64)

    def __init__(self, neurons: Neurons) -> None:
        self.populations = neurons.populations
        self.weights: NDArray[Any] = neurons.synapses.weights
        self.flat_parameters: NDArray[Any] = neurons.synapses.parameters
        self.parameter_start = neurons.populations.parameter_start
        self.n_parameter_rows = neurons.populations.n_parameter_rows

    def parameters(self, population: int) -> NDArray[Any]:
        """Return the parameters of a population; [row, neuron]."""
        size, n_rows = int(self.populations.size[population]), int(self.n_parameter_rows[population])
        start = int(self.parameter_start[population])
        table: NDArray[Any] = self.flat_parameters[start:start + n_rows * size].reshape(n_rows, size)
        return table

    def taken_in(self, population: int, values: Float64Array) -> tuple[NDArray[Any], int]:
        """Return input values as outputs of their population, and how many did not fit."""
        return values, 0

    def given_out(self, population: int, values: NDArray[Any]) -> Float64Array:
        """Return what values of a population's first output stand for."""
        return values

    def encode(self, population: int, output: int, threshold: Any, values: NDArray[Any], sent: NDArray[Any]) -> int:
        """Advance `sent`, leave the changes that are sent in `values`; return those that did not fit a packet."""
        encode_changes(threshold, values, sent)
        return 0

    def product(self, values: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Return values [sample, pre] times weights [pre, post]."""
        return np.asarray(values @ weights)

    def converted(self, projection: int, sums: NDArray[Any]) -> NDArray[Any]:
        """Return the sums [sample, post] of a projection in the units of their port."""
        return sums

    def fitted(self, population: int, charge: NDArray[Any]) -> int:
        """Make the charges [port, sample * neuron] fit; return how many did not."""
        return 0

    def update(self, population: int, parameters: NDArray[Any], state: NDArray[Any], charge: NDArray[Any],
               output: NDArray[Any], active: NDArray[Any]) -> int:
        """Run the model's kernel; return how many values did not fit."""
        populations = self.populations
        update(populations.model[population], populations.options[population], populations.n_modes[population],
               parameters, state, charge, output, active)
        return 0


class FixedArithmetic(FloatArithmetic):
    """Integers, as `machine.Fixed` describes. Overflows of the kind `error` saturate here and are counted."""

    dtype = np.dtype(np.int64)

    def __init__(self, neurons: Neurons) -> None:
        if neurons.fixed is None:
            raise OptionError("numbers = 'fixed' for a network that is not quantised",
                              mend="quantise it first: neurosim quantize")
        super().__init__(neurons)
        _refuse_stochastic(neurons, neurons.fixed)
        self.fixed, self.projections = neurons.fixed, neurons.projections
        self.weights, self.flat_parameters = neurons.fixed.weights, neurons.fixed.parameters
        self.parameter_start = neurons.fixed.parameter_start
        self.n_parameter_rows = neurons.fixed.n_parameter_rows
        self._tiles: dict[tuple[int, int], tuple[Int64Array, Int64Array]] = {}

    def taken_in(self, population: int, values: Float64Array) -> tuple[NDArray[Any], int]:
        """Round graded values to the format of the payload; spikes are 0 and 1 already."""
        constants = self.fixed.constants[population]
        if constants[OUTPUT_SLOT + SLOT_BITS] == 0:
            return values.astype(np.int64), 0
        return quantise(values / self._scale(population), input_format(constants))

    def encode(self, population: int, output: int, threshold: Any, values: NDArray[Any], sent: NDArray[Any]) -> int:
        """Do it in integers."""
        limit = largest_change(self.fixed.constants[population], output)
        return int(encode_integer_changes(threshold, limit, values, sent))

    def given_out(self, population: int, values: NDArray[Any]) -> Float64Array:
        """Multiply by the scale of the payload."""
        return values * self._scale(population)

    def product(self, values: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        """Multiply exactly: as floats, which is faster by far, where all sums are whole floats."""
        largest = int(np.abs(values).max(initial=0)) * int(np.abs(weights).sum(axis=0).max(initial=0))
        if largest < EXACT:
            return np.asarray(values.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
        return np.asarray(values @ weights)

    def converted(self, projection: int, sums: NDArray[Any]) -> NDArray[Any]:
        """Multiply by the mantissa and shift, rounded as the port says."""
        mantissa, shift = self._tile(projection, sums.shape)
        target, port = self.projections.target[projection], self.projections.port[projection]
        rounding = self.fixed.constants[target, PORT_SLOT + 4 * port + SLOT_ROUNDING]
        output = np.empty(sums.size, np.int64)
        multiply_shift_rows(np.ascontiguousarray(sums).reshape(-1), mantissa, shift, rounding, 0, 0, output)
        return output.reshape(sums.shape)

    def fitted(self, population: int, charge: NDArray[Any]) -> int:
        """Apply each port's overflow."""
        n_overflows = 0
        for port in range(min(len(charge), N_PORT_SLOTS)):
            slot = self.fixed.constants[population, PORT_SLOT + 4 * port:PORT_SLOT + 4 * port + 4]
            n_overflows += int(fit_rows(charge[port], slot[SLOT_BITS], slot[SLOT_SIGNED] != 0, slot[SLOT_OVERFLOW]))
        return n_overflows

    def update(self, population: int, parameters: NDArray[Any], state: NDArray[Any], charge: NDArray[Any],
               output: NDArray[Any], active: NDArray[Any]) -> int:
        """Run the model's integer kernel."""
        populations = self.populations
        return int(update_fixed(populations.model[population], self.fixed.constants[population], self.fixed.table,
                                populations.options[population], populations.n_modes[population], parameters, state,
                                charge, output, active, 0))

    def _scale(self, population: int) -> float:
        return float(self.fixed.output_scale[self.populations.first_output[population]])

    def _tile(self, projection: int, shape: tuple[int, ...]) -> tuple[Int64Array, Int64Array]:
        """Return mantissa and shift of every sample and target neuron, flat."""
        key = (projection, shape[0])
        if key not in self._tiles:
            start = int(self.fixed.conversion_start[projection])
            self._tiles[key] = (np.tile(self.fixed.mantissa[start:start + shape[1]], shape[0]),
                                np.tile(self.fixed.shift[start:start + shape[1]], shape[0]))
        return self._tiles[key]


def _refuse_stochastic(neurons: Neurons, fixed: Fixed) -> None:
    """Samples side by side would share their random numbers."""
    roundings = fixed.constants[:, SLOT_ROUNDING:4 * N_SLOTS:4]
    wrong = np.flatnonzero(np.any(roundings == STOCHASTIC, axis=1))
    if wrong.size:
        raise OptionError(f"population {neurons.population_names[wrong[0]]!r} rounds stochastically",
                          allowed=", ".join(ROUNDINGS[:STOCHASTIC]),
                          mend="run it on an engine (neurosim run), or quantise with another rounding")

