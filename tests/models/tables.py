"""Named numbers into the tables that kernels see and back, and random ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.machine import N_OPTIONS
from neurosim.model_specs import MODEL_INDEX, SPEC_BY_NAME, ModelSpec
from neurosim.models.registry import KERNELS, update
from tests.oracle import models as oracle

Array = NDArray[Any]


@dataclass
class Tables:
    """One population as kernels see it."""

    spec: ModelSpec
    attributes: dict[str, str]
    n_modes: int
    parameters: Array
    state: Array
    charge: Array
    output: Array
    active: NDArray[np.uint8]

    @property
    def options(self) -> NDArray[np.int32]:
        """Index of each attribute's choice."""
        options = np.zeros(N_OPTIONS, np.int32)
        for index, attribute in enumerate(self.spec.attributes):
            options[index] = attribute.choices.index(self.attributes[attribute.name])
        return options

    def arguments(self) -> tuple[Any, ...]:
        """Return the arguments of a kernel."""
        return (self.options, self.n_modes, self.parameters, self.state, self.charge, self.output, self.active)

    def copy(self) -> Tables:
        """Return tables of their own."""
        return Tables(self.spec, self.attributes, self.n_modes, self.parameters.copy(), self.state.copy(),
                      self.charge.copy(), self.output.copy(), self.active.copy())

    def run(self) -> Tables:
        """Run the kernel through `update`."""
        update(MODEL_INDEX[self.spec.name], *self.arguments())
        return self

    def run_kernel(self, *, compiled: bool) -> Tables:
        """Run the model's own kernel, compiled (through `update`, the way into it) or as Python."""
        if compiled:
            return self.run()
        function = KERNELS[self.spec.name]
        getattr(function, "py_func", function)(*self.arguments())
        return self

    def state_word(self, name: str) -> Array:
        """Return the row or rows of a state word."""
        row = 0
        for word in self.spec.state:
            n_rows = self.n_modes if word.per_mode else 1
            if word.name == name:
                return self.state[row] if n_rows == 1 else self.state[row:row + n_rows]
            row += n_rows
        raise KeyError(name)

    def neuron(self, neuron: int) -> dict[str, Any]:
        """Return the named numbers of one neuron for the oracle: Python floats, or float32 scalars."""
        values: dict[str, Any] = {}
        for words, table in ((self.spec.parameters, self.parameters), (self.spec.state, self.state)):
            rows = iter(table[:, neuron])
            for word in words:
                taken = [plain(next(rows)) for _ in range(self.n_modes if word.per_mode else 1)]
                values[word.name] = taken if word.per_mode else taken[0]
        for port, value in zip(self.spec.ports, self.charge[:, neuron], strict=True):
            values[f"charge.{port.name}"] = plain(value)
        return values

    def run_oracle(self) -> Tables:
        """Run the oracle neuron by neuron."""
        for neuron in range(self.charge.shape[1]):
            values = self.neuron(neuron)
            self.active[neuron] = oracle.is_active(values, self.spec)
            results = oracle.MODELS[self.spec.name](values, self.attributes)
            words = [np.atleast_1d(results[word.name]) for word in self.spec.state]
            self.state[:, neuron] = np.concatenate(words) if words else 0
            self.output[:, neuron] = [results[f"out.{output.name}"] for output in self.spec.outputs]
        return self


def plain(value: Any) -> Any:
    """Return a float64 scalar as Python float, a float32 scalar as it is."""
    return value if isinstance(value, np.float32) else float(value)


def make_tables(model: str, values: Mapping[str, Any], *, size: int = 1, n_modes: int = 0, dtype: Any = np.float64,
                **attributes: str) -> Tables:
    """Build tables of `size` neurons from named numbers; missing parameters take their default, the rest 0."""
    spec = SPEC_BY_NAME[model]

    def rows(words: Any, default: Any) -> Array:
        taken = [np.broadcast_to(values.get(word.name, default(word)), (n_modes if word.per_mode else 1, size))
                 for word in words]
        return np.ascontiguousarray(np.concatenate(taken) if taken else np.zeros((0, size)), dtype)

    charge = [np.broadcast_to(values.get(f"charge.{port.name}", 0), (1, size)) for port in spec.ports]
    chosen = {attribute.name: attributes.get(attribute.name, attribute.default) for attribute in spec.attributes}
    return Tables(spec, chosen, n_modes, rows(spec.parameters, lambda word: word.default),
                  rows(spec.state, lambda word: 0.0), np.ascontiguousarray(np.concatenate(charge), dtype),
                  np.full((len(spec.outputs), size), 7, dtype), np.full(size, 7, np.uint8))


def random_tables(model: str, seed: int, dtype: Any, **attributes: str) -> Tables:
    """Build tables of random numbers with many zeros, ties and thresholds met exactly."""
    random, spec = np.random.default_rng(seed), SPEC_BY_NAME[model]
    n_modes = int(random.integers(1, 5)) if spec.has_modes else 0
    size = int(random.integers(1, 20))

    def draw(low: float, n_rows: int = 1, high: float = np.inf) -> Array:
        mixed = random.choice([0.0, 0.0, 0.5, 1.0, -1.0, 2.0, 1e-3], (n_rows, size))
        normal = random.normal(size=(n_rows, size)) * random.choice([0.1, 1.0, 10.0])
        return np.clip(np.where(random.random((n_rows, size)) < 0.5, mixed, normal), low, high)

    values: dict[str, Any] = {}
    for parameter in spec.parameters:
        values[parameter.name] = draw(parameter.low, n_modes if parameter.per_mode else 1, parameter.high)
    for word in spec.state:
        values[word.name] = draw(-np.inf, n_modes if word.per_mode else 1) * random.integers(0, 2)
    for port in spec.ports:
        values[f"charge.{port.name}"] = draw(0 if port.operator != "sum" or port.name == "variance" else -np.inf)
    for name in ("refractory", "refractory_steps", "count", "first_shift", "second_shift", "membrane_shift",
                 "most_spikes"):
        if name in values:
            values[name] = random.integers(0, 4, (1, size))
    if model in ("ssm_lif", "scaled_lif", "bit_shift_lif"):
        values["threshold"] = np.abs(values["threshold"]) + 0.25
    return make_tables(model, values, size=size, n_modes=n_modes, dtype=dtype, **attributes)


def assert_same(left: Tables, right: Tables) -> None:
    """Compare state, outputs and flags bit for bit; 0 and -0 count as the same."""
    for name in ("output", "state", "active"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=f"{left.spec.name}: {name}",
                                      strict=True)
