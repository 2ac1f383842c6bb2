"""The values of every quantity of a population, read off an update in float64.

Charges, state and outputs stand in the update. What lies between them is computed again: y of the state-space models,
the product of the gated unit, a potential before its reset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.batch import Update
from neurosim.graph import Population
from neurosim.machine import Float64Array
from neurosim.quantity_specs import MODEL_QUANTITIES

# The state words of these are added up to a potential, and reset when it fires.
_RESET = ("lif", "cuba", "ssm_lif", "alif", "scaled_lif")


class Probe:
    """Reads the updates of one population, in order: it remembers the potential before each."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.names = MODEL_QUANTITIES[population.model].names()
        self.ports = [port.name for port in population.spec.ports]
        self.words = {word.name: row for row, word in enumerate(population.spec.state) if not word.per_mode}
        if population.model == "ssm_lif":
            self.words = {"potential": 2 * population.n_modes}
        self._potential: Float64Array | None = None

    def read(self, update: Update) -> Mapping[str, Float64Array]:
        """Return quantity -> values [..., sample, neuron] of this update."""
        population, found = self.population, self._seen(update)
        if population.n_modes:
            found["h"] = update.state[:2 * population.n_modes]
            found["y"] = self._y(update)
        if "h_real" in self.words:
            found["h"] = update.state
        if population.model == "gsu":
            biases = population.parameters
            found["product"] = ((update.charge[0] + biases["ternary_bias"])
                                * (update.charge[1] + biases["graded_bias"]))
        if population.model in _RESET:
            found["potential"] = self._before_reset(update, found)
        if population.model == "brf":
            found["u"] = np.stack([found["u"], found["v"]])
        if population.model == "sigma_delta":
            found["sigma"] = np.stack([found["sigma"], found["sigma"] + population.parameters["bias"]])
        return {name: found[name] for name in self.names if name in found}

    def _seen(self, update: Update) -> dict[str, NDArray[Any]]:
        """Return what stands in the update; a port and a state word of one name are one quantity."""
        found: dict[str, NDArray[Any]] = {word: update.state[row] for word, row in self.words.items()}
        for port, charge in zip(self.ports, update.charge, strict=True):
            found[port] = np.stack([found[port], charge]) if port in found else charge
        for output, values in zip(self.population.spec.outputs, update.output, strict=True):
            if self.population.output_kind(output.name) == "graded":
                found[output.name] = values
        return found

    def _y(self, update: Update) -> Float64Array:
        population, n_modes = self.population, self.population.n_modes
        parameters, modes = population.parameters, "nm,msn->sn"
        total = (np.einsum(modes, parameters["c_real"], update.state[:n_modes])
                 - np.einsum(modes, parameters["c_imag"], update.state[n_modes:2 * n_modes]))
        y = 2 * total + parameters["d"] * (update.charge[0] + parameters["bias"])
        return np.asarray(y / parameters["threshold"] if population.model == "ssm_lif" else y)

    def _before_reset(self, update: Update, found: Mapping[str, NDArray[Any]]) -> Float64Array:
        """Return the potential that was compared with the threshold, and what it was left at."""
        parameters, left = self.population.parameters, update.state[self.words["potential"]]
        if self.population.model == "scaled_lif":       # counted in thresholds; stored in steps of the charge
            left = left * parameters["threshold"]
        is_first = update.token < self.population.period or self.population.is_reset_at(update.token)
        before = np.zeros_like(left) if is_first or self._potential is None else self._potential
        given = found["y"] if "y" in found else found["current"] if "current" in found else found["input"]
        given = given * parameters.get("input_gain", 1.0)
        summed = parameters["leak"] * before + given + parameters.get("bias", 0.0) * ("y" not in found)
        self._potential = left.copy()
        return np.stack([summed, left])
