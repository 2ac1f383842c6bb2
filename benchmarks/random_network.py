"""Workloads W1 and W2: a random network of leaky integrate-and-fire neurons, as bare arrays.

    u <- leak u + bias + what fired one step before;  u >= 1: spike, u = 0

Each neuron is driven by a constant bias of its own and reaches `FAN_OUT` others, drawn at random with weights around
zero. There is no random input, so that every simulator does the same work from the same arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

N_NEURONS, N_STEPS, FAN_OUT = 8192, 1000, 100
LEAK, THRESHOLD = 15 / 16, 1.0      # tau = 16 steps, exactly, for simulators that take one
LEAST_BIAS, MOST_BIAS, WEIGHT = 0.062, 0.112, 0.05


@dataclass(frozen=True)
class RandomNetwork:
    """The network; row i of the synapses is what neuron i reaches."""

    row_pointer: NDArray[np.int64]      # [neuron + 1]
    targets: NDArray[np.int32]          # [synapse] ascending in each row, each once
    weights: NDArray[np.float32]        # [synapse]
    bias: NDArray[np.float32]           # [neuron]

    @property
    def n_neurons(self) -> int:
        """Neurons."""
        return len(self.bias)

    def save(self, path: Path) -> None:
        """Write the arrays into the file that peers load."""
        np.savez(path, row_pointer=self.row_pointer, targets=self.targets, weights=self.weights, bias=self.bias,
                 leak=LEAK, threshold=THRESHOLD)


def random_network(n_neurons: int = N_NEURONS, fan_out: int = FAN_OUT, seed: int = 0) -> RandomNetwork:
    """Return a network of `n_neurons` with `fan_out` synapses each."""
    generator = np.random.default_rng(seed)
    # Distinct targets, ascending: a random first one and random gaps that go once round the neurons.
    gaps = 1 + generator.multinomial(n_neurons - fan_out, np.full(fan_out, 1 / fan_out), size=n_neurons)
    first = generator.integers(n_neurons, size=(n_neurons, 1))
    targets = np.sort((first + np.cumsum(gaps, axis=1)) % n_neurons, axis=1).astype(np.int32)
    weights = generator.normal(0.0, WEIGHT, size=targets.shape).astype(np.float32)
    bias = generator.uniform(LEAST_BIAS, MOST_BIAS, n_neurons).astype(np.float32)
    return RandomNetwork(np.arange(n_neurons + 1, dtype=np.int64) * fan_out, targets.ravel(), weights.ravel(), bias)
