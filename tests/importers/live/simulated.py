"""What a network that was read from a live module sends, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.live import read_live
from importers.live.build import LiveNetwork
from neurosim.engine.batch import BatchPass, Update
from neurosim.mapping.lower_function import lower_neurons


def sent(live: LiveNetwork, population: str) -> NDArray[np.float64]:
    """Return what the first output of a population sends, float64[sample, token, neuron]."""
    names = [item.name for item in live.network.populations]
    found = np.zeros((*live.inputs.shape[:2], live.network.population(population).size))

    def watch(update: Update) -> None:
        if names[update.population] == population:
            found[update.samples, update.token] = update.output[0]

    BatchPass(lower_neurons(live.network), live.inputs).run(watch)
    return found


def assert_same_spikes(live: LiveNetwork, *, at_least: int = 20) -> None:
    """Every layer fires as the module's own did, and every layer fires at all."""
    assert live.spikes
    for name, own in live.spikes.items():
        assert own.sum() >= at_least, f"{name} hardly fires: the comparison says nothing"
        np.testing.assert_array_equal(sent(live, name) != 0, own, name)


def read(module: Any, inputs: Any, **options: Any) -> LiveNetwork:
    """Return the network of a module in double precision, where rounding decides no spike."""
    return read_live(module.double().eval(), inputs.double(), **options)
