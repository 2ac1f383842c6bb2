"""A quantised network against its float self: the error of every format, the difference of every output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.calibrate.distances import van_rossum, victor_purpura
from neurosim.calibrate.measure import Progress
from neurosim.calibrate.probes import Probe
from neurosim.calibrate.report import OutputError, QuantityError, QuantizeReport
from neurosim.engine.batch import BatchPass, Update
from neurosim.formats import Coding
from neurosim.graph import Network, Population, Projection
from neurosim.machine import Float64Array, Int64Array
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_population import stored_values
from neurosim.quantity_specs import MODEL_QUANTITIES
from neurosim.scales import gain_of_synapses

# Spike trains that distances are computed of.
N_TRAIN_SAMPLES, N_TRAIN_NEURONS = 8, 32


def compare(network: Network, inputs: Float64Array, labels: Int64Array | None = None, *, chip: str = "",
            options: Mapping[str, str] | None = None, distances: bool = False,
            progress: Progress | None = None) -> QuantizeReport:
    """Run a quantised network on `inputs` in float64 and in fixed point, side by side.

    Parameters
    ----------
    inputs : float64[sample, token, column]
    labels : int64[sample]
    chip, options : kept in the report
    distances : also between spike trains, of some neurons in some samples
    """
    neurons = lower_neurons(network)
    fixed = BatchPass(neurons, inputs, "fixed")
    floats = BatchPass(neurons, inputs, n_together=fixed.n_together)
    stored = [_Storing(population) for population in network.populations]
    outputs = [[_Output(population, output) for output in range(len(population.spec.outputs))]
               for population in network.populations]
    for update, integers in zip(floats.updates(), fixed.updates(), strict=True):
        stored[update.population].add(update)
        for item in outputs[update.population]:
            item.add(update, integers, neurons.fixed.output_scale if neurons.fixed else np.ones(0),
                     int(neurons.populations.first_output[update.population]), distances)
        if progress is not None:
            progress(update.samples.stop, len(inputs))
    overflows = {item.name: int(count) for item, count in zip(network.populations, fixed.overflows, strict=True)}
    return QuantizeReport(
        network.name, chip, dict(options or {}), len(inputs),
        tuple(error for item in stored for error in item.errors())
        + tuple(_weight_error(item) for item in network.projections),
        tuple(item.error() for items in outputs for item in items), overflows, _accuracy(floats.readout, labels),
        _accuracy(fixed.readout, labels), tuple(_notes(network, overflows)))


# -- the error of storing --------------------------------------------------------------------------------------------

class _Error:
    """Sums over values and what is stored of them."""

    def __init__(self, coding: Coding) -> None:
        self.coding = coding
        self.n_values = self.n_clipped = 0
        self.largest = self.max_error = self.squared_error = self.squared = 0.0

    def add(self, values: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        """Add values; `scale` broadcasts against them."""
        format_ = self.coding.format
        steps = _rounded(values / scale, format_.rounding)
        kept = np.clip(steps, format_.low, format_.high)
        error = np.abs(kept * scale - values)
        self.n_values += values.size
        self.n_clipped += int(np.count_nonzero(kept != steps))
        self.largest = max(self.largest, float(np.abs(values).max(initial=0.0)))
        self.max_error = max(self.max_error, float(error.max(initial=0.0)))
        self.squared_error += float(np.sum(error**2))
        self.squared += float(np.sum(values**2))

    def result(self, where: str, quantity: str) -> QuantityError:
        """Return the error of all values added."""
        format_, scale, n_values = self.coding.format, self.coding.scale, max(self.n_values, 1)
        return QuantityError(
            where, quantity, format_.bits, format_.fraction, format_.signed, format_.rounding, format_.overflow,
            int(scale.size), float(scale.min()), float(scale.max()), self.largest, self.max_error,
            float(np.sqrt(self.squared_error / n_values)),
            float(np.sqrt(self.squared_error / self.squared)) if self.squared > 0 else 0.0, self.n_values,
            self.n_clipped)


class _Storing:
    """The errors of all quantities of one population."""

    def __init__(self, population: Population) -> None:
        self.population, self.probe = population, Probe(population)
        self.found = {name: _Error(coding) for name, coding in population.codings.items()}
        for item in MODEL_QUANTITIES[population.model].quantities:
            if item.role in ("parameter", "gain") and item.name in self.found:
                self.found[item.name].add(stored_values(population, item.name), population.codings[item.name].scale)

    def add(self, update: Update) -> None:
        """Add the values of an update of the float run."""
        for name, values in self.probe.read(update).items():
            if name in self.found:
                self.found[name].add(values, self.population.codings[name].scale)

    def errors(self) -> list[QuantityError]:
        """Return the errors, in the order of the model's quantities."""
        return [error.result(self.population.name, name) for name, error in self.found.items()]


def _weight_error(projection: Projection) -> QuantityError:
    assert projection.coding is not None
    weights, error = projection.weights, _Error(projection.coding)
    error.add(weights.values, gain_of_synapses(weights, projection.coding.scale))
    return error.result(projection.name, "weight")


def _rounded(steps: NDArray[np.float64], rounding: str) -> NDArray[np.float64]:
    if rounding == "floor":
        return np.floor(steps)
    if rounding == "toward_zero":
        return np.trunc(steps)
    return np.rint(steps)       # ties and chance aside


# -- the difference of outputs -----------------------------------------------------------------------------------------

class _Trains(NamedTuple):
    floats: list[NDArray[np.float64]]       # of each token, [neuron of sample]
    fixed: list[NDArray[np.float64]]


class _Output:
    """One output of one population, in both runs."""

    def __init__(self, population: Population, output: int) -> None:
        self.population, self.output = population, output
        self.name = population.spec.outputs[output].name
        self.kind = population.output_kind(self.name)
        self.signal = self.noise = 0.0
        self.n_updates = self.n_different = self.n_floats = self.n_fixed = 0
        self.trains = _Trains([], [])

    def add(self, floats: Update, fixed: Update, scales: Float64Array, first_output: int, distances: bool) -> None:
        """Add one update of both runs."""
        one = floats.output[self.output]
        other = fixed.output[self.output] * scales[first_output + self.output]
        self.signal += float(np.sum(one**2))
        self.noise += float(np.sum((one - other) ** 2))
        self.n_updates += one.size
        self.n_different += int(np.count_nonzero(one != other))
        self.n_floats += int(np.count_nonzero(one))
        self.n_fixed += int(np.count_nonzero(other))
        if distances and self.kind != "graded" and floats.samples.start == 0:
            self.trains.floats.append(one[:N_TRAIN_SAMPLES, :N_TRAIN_NEURONS].reshape(-1).copy())
            self.trains.fixed.append(other[:N_TRAIN_SAMPLES, :N_TRAIN_NEURONS].reshape(-1).copy())

    def error(self) -> OutputError:
        """Return the difference of all updates added."""
        graded = self.kind == "graded"
        apart: list[float | None] = [None, None]
        if self.trains.floats:
            one, other = np.array(self.trains.floats), np.array(self.trains.fixed)
            apart = [float(van_rossum(one, other).mean()), float(victor_purpura(one, other).mean())]
        return OutputError(self.population.name, self.name, self.kind, self._snr_db() if graded else None,
                           None if graded else self.n_different / max(self.n_updates, 1), self.n_floats, self.n_fixed,
                           *apart)

    def _snr_db(self) -> float | None:
        if not self.noise:
            return None
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf


def _accuracy(readout: Float64Array, labels: Int64Array | None) -> float | None:
    if labels is None or not readout.shape[1]:
        return None
    return float(np.mean(readout.argmax(axis=1) == labels))


def _notes(network: Network, overflows: Mapping[str, int]) -> list[str]:
    notes = [f"population {name!r}: {count} values did not fit their format" for name, count in overflows.items()
             if count]
    for population in network.populations:
        coding = population.codings.get("a")
        if coding is not None:
            growing = _grow(population, coding)
            if growing:
                notes.append(f"population {population.name!r}: {growing} modes decay, and do not with a in "
                             f"{coding.format.bits} bits")
    return notes


def _grow(population: Population, coding: Coding) -> int:
    """Return how many modes with |a| < 1 reach 1 once a is rounded."""
    real, imag = population.parameters["a_real"], population.parameters["a_imag"]
    rounded = [np.clip(_rounded(part / coding.scale, coding.format.rounding), coding.format.low, coding.format.high)
               * coding.scale for part in (real, imag)]
    return int(np.count_nonzero((np.hypot(real, imag) < 1) & (np.hypot(*rounded) >= 1)))
