"""Integrate-and-fire populations with the resets that frameworks use, made of the models at hand.

* `hard`: v = v_reset where it fires, within the step.
* `soft`: v -= threshold where it fires, within the step.
* `soft_delayed`: the threshold is subtracted in the next step, after its leak and input: a synapse of the neuron onto
  itself, with weight -threshold and a delay of one step. Behind a synaptic current, a second one, with weight
  threshold times the current's decay and a delay of two steps, takes away what would stay in the current.
* `hard_delayed`: v = v_reset where it fires and through the whole next step, whose input is lost: a refractory step.
* `none`: v goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import OneToOneWeights, Population, Projection

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Neurons:
    """A population and what goes with it.

    gain : float64[neuron], what weights and biases are multiplied with on the way in
    own : (delay in steps, weight float64[neuron]) of synapses of each neuron onto itself
    takes_bias : whether a constant input can be its parameter `bias`; with a synaptic current it cannot
    input_delay_steps : delay of everything that comes in
    behind : a second population, fed one to one: (its population, weight float64[neuron], delay in steps)
    """

    population: Population
    gain: FloatArray
    own: tuple[tuple[int, FloatArray], ...] = ()
    takes_bias: bool = True
    input_delay_steps: int = 0
    behind: tuple[Population, FloatArray, int] | None = field(default=None)

    @property
    def output(self) -> str:
        """The population that others take from."""
        return self.behind[0].name if self.behind else self.population.name

    def own_projections(self) -> list[Projection]:
        """Return the projections that belong to the neurons themselves."""
        name = self.population.name
        found = [Projection(name, name, OneToOneWeights(weight), delay_steps=delay) for delay, weight in self.own]
        if self.behind:
            population, weight, delay = self.behind
            found.append(Projection(name, population.name, OneToOneWeights(weight), delay_steps=delay))
        return found


def integrate_and_fire(name: str, leak: FloatArray, threshold: FloatArray, *, gain: FloatArray, bias: FloatArray,
                       reset: str, comparator: str, reset_value: FloatArray | float = 0.0,
                       current_leak: FloatArray | None = None, input_delay_steps: int = 0) -> Neurons:
    """Return `lif` neurons, or `cuba` where there is a `current_leak`, with one of the resets above.

    leak, threshold, gain, bias, current_leak : float64[neuron]
    """
    parameters: dict[str, Any] = {"leak": leak, "threshold": threshold, "reset_value": reset_value, "bias": bias}
    if current_leak is not None:
        parameters["current_leak"] = current_leak
    if reset == "hard_delayed":
        parameters["refractory_steps"] = 1.0
    own: list[tuple[int, FloatArray]] = []
    if reset == "soft_delayed":
        own.append((1, -threshold))
        if current_leak is not None and np.any(current_leak != 0):
            own.append((2, current_leak * threshold))
    attributes = {"comparator": comparator, "reset": {"hard_delayed": "hard", "soft_delayed": "none"}.get(reset, reset)}
    population = Population(name, "lif" if current_leak is None else "cuba", len(leak), parameters, attributes)
    return Neurons(population, gain, tuple(own), current_leak is None, input_delay_steps)
