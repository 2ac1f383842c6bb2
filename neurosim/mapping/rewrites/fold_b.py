"""`mapping.fold_b`: the input gain of state-space channels goes into their read-out. The same, up to rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.errors import OptionError
from neurosim.graph import Network, Population


def fold_b(network: Network) -> Network:
    """Return the network with every input gain folded into the read-out.

    Raises
    ------
    OptionError            if a population has formats, which were made for its own b and c
    """
    return replace(network, populations=tuple(_with_b_in_c(population) for population in network.populations))


def _with_b_in_c(population: Population) -> Population:
    """Fold the input gain b of a state-space population into its read-out: c <- c b, b <- 1.

    y = 2 Re sum c h is the same, but h is 1/b times as large: up to hundreds where b, of the order of the time step,
    was small. In fixed point that moves the bits of the state, and spares the products b x.
    """
    parameters = population.parameters
    if "b_real" not in parameters:
        return population
    b = np.asarray(parameters["b_real"]) + 1j * np.asarray(parameters["b_imag"])
    c = np.asarray(parameters["c_real"]) + 1j * np.asarray(parameters["c_imag"])
    unread = c == 0         # the gain of what nobody reads is nobody's (channels expanded: the neuron of d x)
    if np.all((b == 1) | unread):
        return population
    if population.codings:
        raise OptionError(f"mapping.fold_b with population {population.name!r}, which has formats already",
                          allowed="a network that is not quantised, or whose b is 1",
                          mend="quantise the network with fold_b: neurosim quantize --set mapping.fold_b=true")
    c = c * b
    b = np.where(unread, b, 1)
    folded = {"b_real": b.real, "b_imag": b.imag, "c_real": c.real, "c_imag": c.imag}
    return replace(population, parameters={**parameters, **folded})
