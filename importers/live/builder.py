"""Populations and projections of what was written down of a module's run.

Weights, scales and pools between two layers of neurons become one projection where that is the same; two matrices in a
row get a population of `linear` neurons between them, a pool of maxima one of `reduce`, and activations their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from importers.live.neurons import RefusedError
from importers.live.origin import Layer, Source
from importers.live.record import NeuronLayer, Path
from importers.live.synapses import (
    FloatArray,
    Way,
    applied,
    kernel_of,
    over_image,
    per_channel,
    pooled,
    reach,
    rows_of,
    selected,
    selection,
    size_of,
    times,
)
from neurosim.graph import DenseWeights, OneToOneWeights, Population, Projection

CONSTANT = "constant"


@dataclass
class _Built:
    """What one element of the computation is: a sum of ways plus a bias [element]."""

    ways: list[Way]
    bias: FloatArray


@dataclass
class Builder:
    """Collects populations and projections of all layers.

    n_steps : tokens
    """

    n_samples: int
    n_steps: int
    populations: list[Population] = field(default_factory=list)
    projections: list[Projection] = field(default_factory=list)
    inputs: dict[str, FloatArray] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    _made: dict[Any, str] = field(default_factory=dict)
    _bounds: dict[str, float] = field(default_factory=dict)     # of what each population sends, in magnitude
    _sends: dict[str, FloatArray] = field(default_factory=dict)
    _graded: set[str] = field(default_factory=set)

    def declare(self, layers: Sequence[NeuronLayer]) -> None:
        """Note what the neurons of all layers send, before any is read."""
        for layer in layers:
            name = layer.layer.name
            self._sends[name] = np.broadcast_to(np.asarray(layer.rule.sends, np.float64), layer.layer.shape).reshape(-1)
            self._bounds[name] = 1.0
            if not layer.rule.is_spiking:
                self._graded.add(name)
                self._bounds[name] = layer.largest

    def add_layer(self, layer: NeuronLayer) -> None:
        """Add a layer of neurons with all that it reads."""
        shape, rule, size = layer.layer.shape, layer.rule, size_of(layer.layer)

        def full(value: Any) -> FloatArray:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), shape)).reshape(-1)

        try:
            parameters = {name: full(value) for name, value in rule.parameters.items()}
            gain = full(rule.gain)
        except ValueError:
            raise RefusedError(f"has parameters of another shape than its neurons, {shape}") from None
        built = self._sum(layer, layer.sources, (), size)
        bias = built.bias * gain
        name = layer.layer.name
        if rule.recurrent is not None:
            bias = bias + full(rule.recurrent.bias) * gain
            self._add_recurrent(name, rule.recurrent.weights, full(rule.sends), full)
        if not rule.bias_is_current:
            parameters["bias"] = bias
        elif bias.any():
            self._join(Way(self._constant(), DenseWeights(bias[None]), 0, True), name, rule.delay_steps)
        for way in built.ways:
            self._join(Way(way.population, times(way.weights, gain), way.delay_steps, way.is_positive), name,
                       rule.delay_steps)
        self.populations.append(Population(name, rule.model, size, parameters, rule.attributes))

    def _join(self, way: Way, target: str, more_steps: int = 0, port: str = "input") -> None:
        self.projections.append(Projection(way.population, target, way.weights, port,
                                           delay_steps=way.delay_steps + more_steps))

    def _add_recurrent(self, name: str, weights: FloatArray, sends: FloatArray, full: Any) -> None:
        if weights.ndim == 2:
            if weights.shape != (len(sends), len(sends)):
                raise RefusedError(f"has recurrent weights of shape {weights.shape} for {len(sends)} neurons")
            self._join(Way(name, DenseWeights(weights * sends[:, None]), 1, False), name)
        else:
            self._join(Way(name, OneToOneWeights(full(weights) * sends), 1, False), name)

    def _constant(self) -> str:
        """Return the neuron that sends 1 at every step."""
        if CONSTANT not in self._made:
            self._made[CONSTANT] = self._free(CONSTANT)
            self._add(Population(self._made[CONSTANT], "linear", 1, {"bias": 1.0}), 1.0)
        return self._made[CONSTANT]

    def _free(self, base: str) -> str:
        """Return a name that no population has, nor a layer will have: `base`, or with a number behind it."""
        known = {population.name for population in self.populations} | set(self._sends)
        return next(name for name in (base, *(f"{base}{n}" for n in range(2, len(known) + 3))) if name not in known)

    # -- what a layer reads ----------------------------------------------------------------------------------------

    def _sum(self, reader: NeuronLayer, sources: Sequence[Source], path: Path, size: int) -> _Built:
        """Return the sum of what is read by `path`, element by element."""
        total = _Built([], np.zeros(size))
        for index, source in enumerate(sources):
            found = self._read(reader, source, (*path, index))
            total.ways += found.ways
            total.bias = total.bias + found.bias
        return total

    def _read(self, reader: NeuronLayer, source: Source, path: Path) -> _Built:
        """Return what one source gives: its neurons in the order in which they are read, times its factor."""
        layer, n_elements = source.layer, len(source.neurons)
        if layer.kind == "neurons":
            sent = self._sends[layer.name]
            values = np.where(source.neurons >= 0, sent[source.neurons], 0.0) * source.factor
            way = Way(layer.name, selection(size_of(layer), source.neurons, values), reader.delays[path],
                      self._is_positive(layer))
            return _Built([way], np.zeros(n_elements))
        if layer.kind == "outside":
            name, is_positive = self._input(reader, path, size_of(layer))
            weights = selection(size_of(layer), source.neurons, np.full(n_elements, source.factor))
            return _Built([Way(name, weights, 0, is_positive)], np.zeros(n_elements))
        made = self._operation(reader, layer, path)
        if np.array_equal(source.neurons, np.arange(size_of(layer))):
            return _Built([Way(way.population, times(way.weights, source.factor), way.delay_steps, way.is_positive)
                           for way in made.ways], made.bias * source.factor)
        inside = source.neurons >= 0
        bias = np.where(inside, made.bias[source.neurons], 0.0) * source.factor
        population, is_positive = self._between(layer, _Built(made.ways, np.zeros(size_of(layer))), what="")
        weights = selection(size_of(layer), source.neurons, np.full(n_elements, source.factor))
        return _Built([Way(population, weights, 0, is_positive)], bias)

    def _is_positive(self, layer: Layer) -> bool:
        return bool(np.all(self._sends[layer.name] > 0)) and layer.name not in self._graded

    def _input(self, reader: NeuronLayer, path: Path, size: int) -> tuple[str, bool]:
        """Return the input population that sends what arrives by `path`."""
        values = np.zeros((self.n_samples, self.n_steps, size))
        for step, rows in reader.outside[path].steps.items():
            values[:, step] = rows
        name = next((name for name, known in self.inputs.items() if np.array_equal(known, values)), None)
        if name is None:
            name = self._free("input")
            payload = "spike" if np.isin(values, (0.0, 1.0)).all() else "graded"
            self.inputs[name] = values
            self.populations.insert(len(self.inputs) - 1, Population(name, "input", size, {}, {"payload": payload}))
            self._bounds[name] = float(np.abs(values).max(initial=0.0))
        return name, bool(values.min() >= 0)

    # -- operations ------------------------------------------------------------------------------------------------

    def _operation(self, reader: NeuronLayer, layer: Layer, path: Path) -> _Built:
        """Return what an operation gives, element by element."""
        size_in = int(np.prod(layer.settings["input_shape"], dtype=np.int64))
        given = self._sum(reader, layer.sources, path, size_in)
        if layer.kind == "scale":
            scale = per_channel(layer.settings["scale"], layer.shape)
            shift = per_channel(layer.settings["shift"], layer.shape)
            return _Built([Way(way.population, times(way.weights, scale), way.delay_steps, False)
                           for way in given.ways], given.bias * scale + shift)
        if layer.kind == "linear":
            return self._linear(layer, given)
        if layer.kind in ("convolution", "average"):
            return self._convolution(layer, given)
        if layer.kind == "maximum":
            return self._maximum(layer, given)
        name, is_positive = self._between(layer, given, layer.kind, what="")
        return _whole(name, size_of(layer), is_positive)

    def _linear(self, layer: Layer, given: _Built) -> _Built:
        matrix, bias = layer.settings["weights"], layer.settings["bias"]
        ways = []
        for way in self._simple(layer, given):
            weights = rows_of(way.weights, matrix)
            assert weights is not None
            ways.append(Way(way.population, weights, way.delay_steps, False))
        return _Built(ways, given.bias @ matrix + (0.0 if bias is None else bias))

    def _convolution(self, layer: Layer, given: _Built) -> _Built:
        kernel, bias = kernel_of(layer), layer.settings.get("bias")
        added = 0.0 if bias is None else per_channel(bias, layer.shape)
        passed = [over_image(way.weights, kernel) or pooled(way.weights, layer, kernel) for way in given.ways]
        if any(weights is None for weights in passed):
            name, is_positive = self._between(layer, given)
            return _Built([Way(name, kernel, 0, is_positive and layer.kind == "average")], np.zeros(size_of(layer))
                          + added)
        ways = [Way(way.population, weights, way.delay_steps, way.is_positive and layer.kind == "average")
                for way, weights in zip(given.ways, passed, strict=True) if weights is not None]
        return _Built(ways, applied(kernel, given.bias) + added)

    def _maximum(self, layer: Layer, given: _Built) -> _Built:
        """A dendrite's maximum rests at 0: it is that of a pool where nothing below 0 arrives."""
        kernel, lift = kernel_of(layer), 0.0
        weights = over_image(given.ways[0].weights, kernel) if len(given.ways) == 1 else None
        if weights is None or given.bias.any() or not given.ways[0].is_positive or weights.values.min() < 0:
            given, lift = self._lifted(layer, given)
            weights = kernel
        way = given.ways[0]
        key = (id(layer), way.population, way.delay_steps)
        if key not in self._made:
            self._made[key] = self._name(layer)
            self._join(Way(way.population, weights, way.delay_steps, True), self._made[key], port="max")
            self._add(Population(self._made[key], "reduce", size_of(layer)), self._bounds[way.population])
        built = _whole(self._made[key], size_of(layer), True)
        return _Built(built.ways, built.bias - lift)

    def _lifted(self, layer: Layer, given: _Built) -> tuple[_Built, float]:
        """Return values of either sign, raised above 0 by a constant that is taken off behind the maximum.

        The constant is a power of two beyond all that the values can reach, so that little is lost in rounding.
        """
        lift = 2.0 ** np.ceil(np.log2(max(self._bound(given), 2.0**-20)))
        size = len(given.bias)
        name, _ = self._between(layer, _Built(given.ways, given.bias + lift))
        note = (f"{layer.name} pools values, not spikes: all of them are sent at every step, raised by {lift:g} to be "
                "above 0")
        self.notes[note] = None
        return _whole(name, size, True), float(lift)

    def _bound(self, given: _Built) -> float:
        """Return what no element exceeds in magnitude."""
        reached = sum(reach(way.weights) * self._bounds[way.population] for way in given.ways)
        return float(reached + np.abs(given.bias).max(initial=0.0))

    def _add(self, population: Population, bound: float) -> None:
        self.populations.append(population)
        self._bounds[population.name] = bound

    def _simple(self, layer: Layer, given: _Built) -> list[Way]:
        """Return ways that choose one neuron for each element; a population in between where they do not."""
        if all(selected(way.weights) is not None for way in given.ways):
            return given.ways
        name, is_positive = self._between(layer, _Built(given.ways, np.zeros(len(given.bias))))
        return [Way(name, OneToOneWeights(np.ones(len(given.bias))), 0, is_positive)]

    def _between(self, layer: Layer, given: _Built, model: str = "linear", *, what: str = ".input"
                 ) -> tuple[str, bool]:
        """Return a population that receives `given`, and whether it sends nothing below 0."""
        key = (id(layer), model, what, tuple((way.population, way.delay_steps) for way in given.ways))
        if key not in self._made:
            self._made[key] = self._name(layer, what)
            for way in given.ways:
                self._join(way, self._made[key])
            self._add(Population(self._made[key], model, len(given.bias), {"bias": given.bias}), self._bound(given))
        return self._made[key], model == "relu"

    def _name(self, layer: Layer, what: str = "") -> str:
        """Return a name for the population of an operation."""
        return self._free(f"{layer.name}.{layer.kind}{what}")

def _whole(population: str, size: int, is_positive: bool) -> _Built:
    return _Built([Way(population, OneToOneWeights(np.ones(size)), 0, is_positive)], np.zeros(size))
