"""What tests of rewrites ask of a mapping: where its neurons are, and what they send."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.graph import Network
from neurosim.mapping import MappingResult, map_network
from tests.engine.results import results
from tests.mapping.chips import make_chip


def slices(result: MappingResult) -> list[list[tuple[str, int, int]]]:
    """Return the (population, start, stop) of each core."""
    names = [item.name for item in result.fitted.network.populations]
    return [[(names[cut.population], cut.start, cut.stop) for cut in core] for core in result.partition.cores]


def outputs_of(machine: Any, names: list[str], inputs: np.ndarray, **options: Any) -> dict[tuple[Any, ...], float]:
    """Return (sample, token, population, neuron) -> value of all outputs of some populations."""
    found = {}
    for sample, result in enumerate(results(machine, inputs, detail="functional", **options)):
        spikes = result.spikes
        population = machine.output_population[spikes.output]
        token = (spikes.step - machine.populations.stage[population]) // machine.schedule.interval
        for k in range(len(spikes.step)):
            name = machine.population_names[population[k]]
            if name in names:
                found[sample, int(token[k]), name, int(spikes.neuron[k])] = float(spikes.value[k])
    return found


def spikes_in_random(network: Network, seed: int = 0, rate: float = 0.4) -> np.ndarray:
    """Return random spikes for two samples of twelve tokens."""
    n_in = sum(item.size for item in network.inputs)
    return (np.random.default_rng(seed).random((2, 12, n_in)) < rate).astype(np.float64)


def both_outputs(network: Network, result: MappingResult, inputs: np.ndarray,
                 **options: Any) -> tuple[dict[tuple[Any, ...], float], dict[tuple[Any, ...], float]]:
    """Return what the populations of `network` send as mapped, and on a chip without limits."""
    names = [item.name for item in network.populations if item.model != "input"]
    free = make_chip(core__max_axons_in=2**20, core__max_neurons=4096, core__synapse_memory__words=2**20,
                     core__state_memory_bits=2**30, core__weight_bits=16, core__max_axons_out=2**20,
                     core__capabilities__convolution=True)
    expected = outputs_of(map_network(network, free), names, inputs, **options)
    return outputs_of(result.machine, names, inputs, **options), expected


def same_outputs(network: Network, result: MappingResult, seed: int = 0, **options: Any) -> int:
    """Assert that outputs are those of a chip without limits, bit for bit; return their number."""
    found, expected = both_outputs(network, result, spikes_in_random(network, seed), **options)
    assert found == expected
    return len(expected)
