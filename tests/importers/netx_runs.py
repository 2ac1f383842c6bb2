"""Runs of imported netx networks, in the arrays of `tests.oracle.netx`: [token, channel, row, column]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurosim.engine.batch import BatchPass, Update
from neurosim.graph import Network
from neurosim.mapping.lower_function import lower_neurons


class Record(NamedTuple):
    """output: [token, ...shape]; state: [row, token, ...shape], after the update."""

    output: np.ndarray
    state: np.ndarray


def as_lava(image: np.ndarray) -> np.ndarray:
    """Return [token, neuron] in Lava's order x, y, channel of images [token, channel, row, column]."""
    return image.transpose(0, *range(image.ndim - 1, 0, -1)).reshape(len(image), -1)


def as_image(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return [..., channel, row, column] of [..., neuron]."""
    axes = values.ndim - 1
    image = values.reshape(*values.shape[:-1], *shape[::-1])
    return image.transpose(*range(axes), *range(image.ndim - 1, axes - 1, -1))


def record(network: Network, given: np.ndarray, numbers: str = "fixed") -> dict[str, Record]:
    """Return what every population does; given: [token, ...shape]. In fixed point all are the chip's integers."""
    neurons = lower_neurons(network)
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in neurons.population_names}
    states: dict[str, list[np.ndarray]] = {name: [] for name in neurons.population_names}

    def watch(update: Update) -> None:
        name = neurons.population_names[update.population]
        outputs[name].append(update.output[0, 0].copy())
        states[name].append(update.state[:, 0].copy())

    BatchPass(neurons, as_lava(given).astype(float)[None], numbers).run(watch)
    return {name: Record(np.array(outputs[name]), np.array(states[name]).swapaxes(0, 1)) for name in outputs}
