"""Workload W3: a streaming spiking state-space network, as bare arrays.

    input spikes -> [mixing -> S4D channels -> leaky integrate-and-fire] x 4

Each layer mixes what fired before it by a dense matrix, one value per channel; each channel is a state space of
complex modes (S4D-Lin, real parts -1/2, imaginary parts pi n) with a membrane behind it, which fires at about every
tenth token. The input matrix is 1 in all modes, as if folded into the output matrix: nobody has to multiply by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import DenseWeights, Network, Population, Projection

N_LAYERS, WIDTH, N_MODES, N_STEPS = 4, 128, 32, 1024
RATE, LEAK = 0.1, 0.125
LEAST_STEP, MOST_STEP = 1e-3, 1e-1      # dt of the channels, spread evenly on a logarithmic scale
BISECTIONS = 24


@dataclass(frozen=True)
class StreamNetwork:
    """The network; all values are exact in float32."""

    a: NDArray[np.complex64]            # [layer, channel, mode]
    c: NDArray[np.complex64]            # [layer, channel, mode]
    mixing: NDArray[np.float32]         # [layer, from channel, to channel]
    threshold: NDArray[np.float32]      # [layer, channel]
    inputs: NDArray[np.float32]         # [step, channel] 0 and 1

    def save(self, path: Path) -> None:
        """Write the arrays into the file that peers load."""
        np.savez(path, a=self.a, c=self.c, mixing=self.mixing, threshold=self.threshold, inputs=self.inputs, leak=LEAK)

    @property
    def network(self) -> Network:
        """The network as neurosim knows it; its last layer is read out."""
        n_layers, width, n_modes = self.a.shape
        populations = [Population("input", "input", width, attributes={"payload": "spike"})]
        projections = []
        for layer in range(n_layers):
            a, c = self.a[layer].astype(np.complex128), self.c[layer].astype(np.complex128)
            populations.append(Population(f"layer{layer}", "ssm_lif", width, {
                "a_real": a.real, "a_imag": a.imag, "c_real": c.real, "c_imag": c.imag,
                "threshold": self.threshold[layer].astype(np.float64), "leak": LEAK}, n_modes=n_modes))
            projections.append(Projection(populations[-2].name, populations[-1].name,
                                          DenseWeights(self.mixing[layer].astype(np.float64))))
        return Network("stream", tuple(populations), tuple(projections), (populations[-1].name,))


def stream_network(n_layers: int = N_LAYERS, width: int = WIDTH, n_modes: int = N_MODES, n_steps: int = N_STEPS,
                   seed: int = 0) -> StreamNetwork:
    """Return a random network whose thresholds let every channel fire at about `RATE` of `n_steps` tokens."""
    random = np.random.default_rng(seed)
    inputs = (random.random((n_steps, width)) < RATE).astype(np.float32)
    step = np.exp(random.uniform(np.log(LEAST_STEP), np.log(MOST_STEP), (n_layers, width, 1)))
    a = np.exp((-0.5 + 1j * np.pi * np.arange(n_modes)) * step).astype(np.complex64)
    c = (random.normal(size=(*a.shape, 2)) @ (1, 1j) * np.sqrt(step)).astype(np.complex64)
    mixing = (random.normal(size=(n_layers, width, width)) / np.sqrt(width)).astype(np.float32)
    threshold = np.zeros((n_layers, width), np.float32)
    given = inputs
    for layer in range(n_layers):
        y = _outputs(a[layer], c[layer], given @ mixing[layer])
        signs = np.where(y.mean(axis=0) < 0, -1, 1)     # else slow channels hardly fire at any threshold
        c[layer], y = c[layer] * signs[:, None], y * signs
        threshold[layer] = _threshold(y)
        given = _spikes(y, threshold[layer])
    return StreamNetwork(a, c, mixing, threshold, inputs)


def _outputs(a: NDArray[Any], c: NDArray[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """Return y [step, channel] of one layer."""
    h = np.zeros(a.shape, np.complex128)
    y = np.empty(x.shape)
    for step in range(len(x)):
        h = a * h + x[step, :, None]
        y[step] = 2 * (c * h).real.sum(axis=1)
    return y


def _spikes(y: NDArray[np.float64], threshold: NDArray[Any]) -> NDArray[np.float32]:
    """Return the spikes [step, channel] of the membranes."""
    potential = np.zeros(y.shape[1])
    spikes = np.zeros(y.shape, np.float32)
    for step in range(len(y)):
        potential = LEAK * potential + y[step] / threshold
        spikes[step] = potential >= 1
        potential[potential >= 1] = 0
    return spikes


def _threshold(y: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return thresholds with which each channel fires at about `RATE` of the tokens, by bisection."""
    low, high = np.full(y.shape[1], 1e-6), np.abs(y).max(axis=0) * 2 + 1e-6
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        fires_much = _spikes(y, middle).mean(axis=0) > RATE
        low, high = np.where(fires_much, middle, low), np.where(fires_much, high, middle)
    return high.astype(np.float32)
