"""What the neurons compute, for all samples at once: token by token, the samples side by side.

For calibration and for comparing number formats, where nobody asks for time or packets. The somata's arithmetic is that
of the engines' kernels; dendrites are matrix products, so that float64 sums may differ from an engine's in the last
bits. Sums of integers have no order: a fixed-point pass computes what the engines compute, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.batch_arithmetic import FixedArithmetic, FloatArithmetic
from neurosim.engine.batch_dendrites import Dendrites
from neurosim.engine.tables import change_thresholds
from neurosim.errors import DataError, OptionError
from neurosim.machine import Float64Array, Int64Array, Neurons
from neurosim.model_specs import MODEL_SPECS, SPEC_BY_INDEX
from neurosim.models.registry import INPUT

NUMBERS = ("float64", "fixed")
# Numbers held at once, 4 MiB: they stay near the processor, and matrix products stay so small that none is spread over
# threads, which costs more than it brings (ten times as much where other work has the cores).
HELD_AT_ONCE = 2**19


class Update(NamedTuple):
    """One population at one token, for a few samples. The arrays are borrowed: they change with the next update."""

    token: int
    population: int
    samples: slice
    charge: NDArray[Any]      # [port, sample, neuron] float64, or int64 in fixed point
    state: NDArray[Any]       # [row, sample, neuron]
    output: NDArray[Any]      # [output, sample, neuron]


class BatchResult(NamedTuple):
    """readout : float64[sample, readout neuron] at the last token; spikes are counted over the sample.

    overflows : int64[population] values that did not fit their format, charges included
    readout_tokens : float64[sample, token, readout neuron], spikes counted so far; None unless asked for
    """

    readout: Float64Array
    overflows: Int64Array
    readout_tokens: Float64Array | None = None


class BatchPass:
    """A network on all samples of `inputs`.

    Parameters
    ----------
    neurons : Neurons               with `fixed` where `numbers` is "fixed"
    inputs : float64[sample, token, column]
    numbers : "float64" or "fixed"
    n_together : int                samples side by side; as many as memory suggests where left out
    readout_tokens : bool           keep the read-outs of every token, not of the last one alone

    Raises
    ------
    OptionError                     fixed numbers of a network that has none, or with stochastic rounding
    DataError                       inputs of another shape, or other than 0 and 1 where spikes are sent
    """

    def __init__(self, neurons: Neurons, inputs: Float64Array, numbers: str = "float64",
                 n_together: int | None = None, *, readout_tokens: bool = False) -> None:
        if numbers not in NUMBERS:
            raise OptionError(f"numbers = {numbers!r}", allowed=", ".join(NUMBERS))
        self.neurons = neurons
        self.inputs = _checked_inputs(neurons, inputs)
        self.arithmetic = FixedArithmetic(neurons) if numbers == "fixed" else FloatArithmetic(neurons)
        self.change_threshold = change_thresholds(
            neurons.populations, neurons.fixed if numbers == "fixed" else None, self.arithmetic.dtype)
        self.dendrites = Dendrites(neurons, self.arithmetic)
        self.depth = self.dendrites.depth.copy()
        self.depth[self.dendrites.buffered] = self.inputs.shape[1]
        self.n_together = min(n_together or self._suggested(), len(self.inputs))
        order = np.argsort(neurons.populations.stage, kind="stable")
        self.phases = [order[neurons.populations.phase[order] == phase].tolist()
                       for phase in range(int(neurons.populations.phase.max(initial=0)) + 1)]
        sizes = [int(neurons.populations.size[population]) for population in neurons.readouts]
        self.readout = np.zeros((len(self.inputs), sum(sizes)))
        self.overflows = np.zeros(len(neurons.population_names), np.int64)
        self.readout_tokens = np.zeros((*self.inputs.shape[:2], sum(sizes))) if readout_tokens else None

    def run(self, watch: Callable[[Update], None] | None = None) -> BatchResult:
        """Run all samples; call `watch` after every update."""
        for update in self.updates():
            if watch is not None:
                watch(update)
        return BatchResult(self.readout, self.overflows, self.readout_tokens)

    def updates(self) -> Iterator[Update]:
        """Yield every update: samples by their groups, phases, tokens in order, populations by stage.

        There is none of a population at tokens at which it rests.
        """
        self.readout[:] = 0
        self.overflows[:] = 0
        n_tokens = self.inputs.shape[1]
        for first in range(0, len(self.inputs), self.n_together):
            samples = slice(first, min(first + self.n_together, len(self.inputs)))
            group = _Group(self, samples)
            for phase in self.phases:
                for order in range(n_tokens):
                    for population in phase:
                        if self.takes(population, order):
                            yield group.update(population, self._token(population, order))
                    group.read_out(phase, order)

    def takes(self, population: int, order: int) -> bool:
        """Return whether a population takes the token that is the `order`-th in its own order."""
        return (order + 1) % int(self.neurons.populations.period[population]) == 0

    def is_reset_at(self, population: int, token: int) -> bool:
        """Return whether a population's state is emptied before it takes `token`."""
        period = int(self.neurons.populations.reset_period[population])
        return period > 0 and (token - int(self.neurons.populations.reset_offset[population])) % period == 0

    def _token(self, population: int, order: int) -> int:
        """Return the token that is the `order`-th in a population's own order."""
        return self.inputs.shape[1] - 1 - order if self.neurons.populations.backward[population] else order

    def _suggested(self) -> int:
        """Return how many samples to hold: rows of all tables, past outputs, and what dendrites need beside them."""
        populations = self.neurons.populations
        rows = (self.arithmetic.n_parameter_rows + populations.n_state_rows + populations.n_ports
                + populations.n_outputs * (self.depth + 1))
        return max(1, HELD_AT_ONCE // int((rows * populations.size).sum() + self.dendrites.n_held + 1))


class _Group:
    """The samples that are held at once. Tables are [row, sample * neuron]."""

    def __init__(self, whole: BatchPass, samples: slice) -> None:
        self.whole, self.samples = whole, samples
        self.n_samples = samples.stop - samples.start
        populations, dtype = whole.neurons.populations, whole.arithmetic.dtype
        widths = [int(size) * self.n_samples for size in populations.size]
        n_populations = range(len(widths))
        self.state = [np.zeros((int(populations.n_state_rows[p]), widths[p]), dtype) for p in n_populations]
        self.charge = [np.zeros((int(populations.n_ports[p]), widths[p]), dtype) for p in n_populations]
        self.sent: dict[tuple[int, int], NDArray[Any]] = {}      # (population, output) -> what receivers have summed
        self.active = [np.zeros(widths[p], np.uint8) for p in n_populations]
        self.past = [np.zeros((int(whole.depth[p]), int(populations.n_outputs[p]), widths[p]), dtype)
                     for p in n_populations]
        self.parameters = [np.tile(whole.arithmetic.parameters(p), (1, self.n_samples)) for p in n_populations]

    def update(self, population: int, token: int) -> Update:
        """Advance a population to `token`."""
        whole, output = self.whole, self._output(population, token)
        populations = whole.neurons.populations
        if populations.model[population] == INPUT:
            first, size = int(populations.input_start[population]), int(populations.size[population])
            given = whole.inputs[self.samples, token, first:first + size]
            output[0], n_overflows = whole.arithmetic.taken_in(population, np.ascontiguousarray(given).reshape(-1))
        else:
            n_overflows = self._gather(population, token)
            if whole.is_reset_at(population, token):
                self.state[population][:] = 0
            n_overflows += whole.arithmetic.update(population, self.parameters[population], self.state[population],
                                                   self.charge[population], output, self.active[population])
            n_overflows += self._encode(population, output)
        whole.overflows[population] += n_overflows
        return Update(token, population, self.samples, self._by_sample(self.charge[population]),
                      self._by_sample(self.state[population]), self._by_sample(output))

    def _encode(self, population: int, output: NDArray[Any]) -> int:
        """Where changes are sent, put what receivers have summed into `output`; return the changes that did not fit."""
        whole, n_overflows = self.whole, 0
        for index, values in enumerate(output):
            threshold = whole.change_threshold[whole.neurons.populations.first_output[population] + index]
            if threshold >= 0:
                sent = self.sent.setdefault((population, index), np.zeros_like(values))
                n_overflows += whole.arithmetic.encode(population, index, threshold, values, sent)
                values[:] = sent
        return n_overflows

    def read_out(self, populations: list[int], token: int) -> None:
        """Add the spikes of this token to the answer, or set the answer to its graded values, of `populations`.

        The answer of a population that rests at this token stays as it is.
        """
        whole, column = self.whole, 0
        for population in whole.neurons.readouts:
            size = int(whole.neurons.populations.size[population])
            if population not in populations:
                column += size
                continue
            part = whole.readout[self.samples, column:column + size]
            if whole.takes(population, token):
                if is_graded(whole.neurons, population, 0):
                    part[:] = 0
                values = whole.arithmetic.given_out(population, self._output(population, token)[0])
                part += values.reshape(self.n_samples, -1)
            if whole.readout_tokens is not None:
                whole.readout_tokens[self.samples, token, column:column + size] = part
            column += size

    def _gather(self, population: int, token: int) -> int:
        """Sum what reaches each port, projection by projection; return the charges that did not fit."""
        projections, charge = self.whole.neurons.projections, self.charge[population]
        charge[:] = 0
        for index in range(int(projections.target_start[population]), int(projections.target_start[population + 1])):
            source, delay = int(projections.source[index]), int(projections.delay_tokens[index])
            sent = token + delay if self.whole.neurons.populations.backward[source] else token - delay
            if 0 <= sent < self.whole.inputs.shape[1]:
                values = self._by_sample(self._output(source, sent))[int(projections.output[index])]
                port = charge[int(projections.port[index])].reshape(self.n_samples, -1)
                self.whole.dendrites.add(index, values, port)
        return self.whole.arithmetic.fitted(population, charge)

    def _output(self, population: int, token: int) -> NDArray[Any]:
        past = self.past[population]
        output: NDArray[Any] = past[token % len(past)]
        return output

    def _by_sample(self, table: NDArray[Any]) -> NDArray[Any]:
        return table.reshape(len(table), self.n_samples, table.shape[1] // self.n_samples)


def is_graded(neurons: Neurons, population: int, output: int) -> bool:
    """Return whether the packets of an output carry values; an input population says so in its options."""
    model = int(neurons.populations.model[population])
    if model == INPUT:
        return sends_values(neurons, population)
    return SPEC_BY_INDEX[model].outputs[output].kind == "graded"


def sends_values(neurons: Neurons, population: int) -> bool:
    """Return whether an input population has the payload `graded`."""
    choices = MODEL_SPECS[INPUT].attributes[0].choices
    return choices[int(neurons.populations.options[population, 0])] == "graded"


def _checked_inputs(neurons: Neurons, inputs: Float64Array) -> Float64Array:
    values = np.asarray(inputs, np.float64)
    if values.ndim != 3 or values.shape[2] != neurons.n_inputs or 0 in values.shape[:2]:
        raise DataError(f"inputs have shape {values.shape}", allowed=f"(samples, tokens, {neurons.n_inputs})")
    if not np.isfinite(values).all():
        raise DataError("inputs hold NaN or infinity", allowed="finite numbers")
    populations = neurons.populations
    for population in np.flatnonzero(populations.model == INPUT):
        first = int(populations.input_start[population])
        columns = values[:, :, first:first + int(populations.size[population])]
        if not sends_values(neurons, int(population)) and np.any((columns != 0) & (columns != 1)):
            raise DataError(f"inputs of population {neurons.population_names[population]!r} reach {columns.min():g} to "
                            f"{columns.max():g}", allowed="0 and 1: it sends spikes",
                            mend="encode the values as spikes, or give the population the attribute payload: graded")
    return values
