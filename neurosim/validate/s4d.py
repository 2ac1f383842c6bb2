"""The S4D networks that ran on Loihi 2, with random weights of their shape.

Four layers of width d with N / 2 complex modes per channel: (64, 64) and (128, 128). One value enters per token; each
layer is state space, ReLU, all-to-all; no norm, no residual, ten outputs. Time and energy depend on how many messages
are sent, hence on how many values are zero after a ReLU: about half, with random weights.

Source: shape inferred from the published numbers of parameters (67 k and 265 k), Meyer et al., arXiv 2409.15022.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurosim.graph import DenseWeights, FloatArray, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions
from neurosim.mapping.options import ScheduleName

N_LAYERS, N_CLASSES = 4, 10
SHORTEST_STEP, LONGEST_STEP = 1e-3, 1e-1


class Shape(NamedTuple):
    """width : channels of a layer;  n_modes : complex modes of a channel;  cores : published"""

    width: int
    n_modes: int
    cores: int


SMALL, LARGE = Shape(64, 32, 31), Shape(128, 64, 111)


def network_of(shape: Shape, seed: int = 0) -> Network:
    """Return the network; poles as S4D-Lin begins, a = exp(dt (-1/2 + i pi n))."""
    random, width = np.random.default_rng(seed), shape.width
    populations = [Population("pixel", "input", 1, attributes={"payload": "graded"}),
                   Population("encoder", "linear", width)]
    projections = [Projection("pixel", "encoder", DenseWeights(random.normal(size=(1, width))))]
    stream = "encoder"
    for layer in range(N_LAYERS):
        channels, mixed = f"layer{layer}.ssm", f"layer{layer}.mix"
        populations += [Population(channels, "ssm", width, _channels(shape, random), {"activation": "relu"},
                                   n_modes=shape.n_modes), Population(mixed, "relu", width)]
        projections += [Projection(stream, channels, OneToOneWeights(np.ones(width))),
                        Projection(channels, mixed, DenseWeights(_mixing(random, width, width)))]
        stream = mixed
    populations.append(Population("decoder", "linear", N_CLASSES))
    projections.append(Projection(stream, "decoder", DenseWeights(_mixing(random, width, N_CLASSES))))
    return Network(f"s4d_{width}", tuple(populations), tuple(projections), ("decoder",))


def options(shape: Shape, schedule: ScheduleName) -> MappingOptions:
    """Return the mapping: one neuron per mode, soma time spread evenly over the published number of cores."""
    return MappingOptions(strategy="balanced", n_cores=shape.cores, placement="naive", ssm="expanded",
                          schedule=schedule)


def pixels(n_tokens: int) -> FloatArray:
    """Return random pixels [token, 1]."""
    return np.random.default_rng(1).normal(size=(n_tokens, 1))


def _channels(shape: Shape, random: np.random.Generator) -> dict[str, FloatArray]:
    step = np.exp(random.uniform(np.log(SHORTEST_STEP), np.log(LONGEST_STEP), (shape.width, 1)))
    pole = np.exp(step * (-0.5 + 1j * np.pi * np.arange(shape.n_modes)))
    c = random.normal(size=(2, shape.width, shape.n_modes)) * np.sqrt(step / shape.n_modes)
    return {"a_real": pole.real, "a_imag": pole.imag, "c_real": c[0], "c_imag": c[1],
            "d": random.normal(size=shape.width)}


def _mixing(random: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
    return np.asarray(random.normal(size=(n_in, n_out)) * np.sqrt(2 / n_in))
