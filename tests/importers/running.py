"""Running an imported network on a chip, for tests that compare spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurosim.api import load_chip, map_network
from neurosim.graph import Network
from tests.engine.results import results


def spikes_on_chip(network: Network, x: NDArray[np.float64], chip: str = "loihi2", detail: str = "functional"
                   ) -> dict[str, NDArray[np.float64]]:
    """Return population -> what it sent, float64[token, neuron], of one sample."""
    machine = map_network(network, load_chip(chip))
    (result,) = results(machine, np.asarray(x, np.float64)[None], detail=detail)
    found = {population.name: np.zeros((len(x), population.size)) for population in network.populations}
    populations = machine.output_population[result.spikes.output]
    token = (result.spikes.step - machine.populations.stage[populations]) // machine.schedule.interval
    for index, name in enumerate(machine.population_names):
        mine = populations == index
        found[name][token[mine], result.spikes.neuron[mine]] = result.spikes.value[mine]
    return found
