"""All values of a network for one sequence, by the batch pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.batch import BatchPass
from neurosim.graph import Network
from neurosim.mapping.lower_function import lower_neurons

Array = NDArray[Any]


def values_of(network: Network, x: Array, *wanted: str) -> dict[tuple[str, str], Array]:
    """Return (population, output) -> [token, neuron] of the wanted populations (all, if none is named)."""
    found: dict[tuple[str, str], Array] = {}
    names = [population.name for population in network.populations]
    for update in BatchPass(lower_neurons(network), x[None]).updates():
        name = names[update.population]
        if wanted and name not in wanted:
            continue
        for output, values in zip(network.population(name).spec.outputs, update.output, strict=True):
            table = found.setdefault((name, output.name), np.zeros((len(x), values.shape[-1])))
            table[update.token] = values[0]
    return found
