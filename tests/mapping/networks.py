"""Small networks for the tests of the mapping."""

from __future__ import annotations

import numpy as np

from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights


def dense(pre: int, post: int, value: float = 1.0) -> DenseWeights:
    return DenseWeights(np.full((pre, post), value))


def one_to_one(size: int, value: float = 1.0) -> OneToOneWeights:
    return OneToOneWeights(np.full(size, value))


def sparse(rows: list[list[int]], n_post: int, value: float = 1.0) -> SparseWeights:
    """Row i targets the neurons `rows[i]`."""
    pointer = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    targets = np.array([post for row in rows for post in row], np.int64)
    return SparseWeights(pointer, targets, np.full(len(targets), value), n_post)


def lif(name: str, size: int, **parameters: float) -> Population:
    return Population(name, "lif", size, {"leak": 0.5, **parameters})


def spikes_in(size: int, name: str = "in") -> Population:
    return Population(name, "input", size, attributes={"payload": "spike"})


def lif_chain(*sizes: int) -> Network:
    """An input, then layers of LIF neurons, densely joined; the last one is read out."""
    populations = [spikes_in(sizes[0]), *(lif(f"l{i}", size) for i, size in enumerate(sizes[1:], 1))]
    projections = [Projection(pre.name, post.name, dense(pre.size, post.size))
                   for pre, post in zip(populations, populations[1:], strict=False)]
    return Network("chain", tuple(populations), tuple(projections), (populations[-1].name,))


def wired(n_nodes: int, edges: list[tuple[int, int, int]]) -> Network:
    """One LIF neuron per node; edges (source, target, delay). Node 0 is fed by an input."""
    populations = [spikes_in(1), *(lif(f"n{node}", 1) for node in range(n_nodes))]
    projections = [Projection("in", "n0", dense(1, 1))]
    projections += [Projection(f"n{a}", f"n{b}", dense(1, 1), delay_steps=delay) for a, b, delay in edges]
    return Network("wired", tuple(populations), tuple(projections))


def spiking_ssm(width: int = 64, n_modes: int = 8, n_layers: int = 2, n_classes: int = 10, seed: int = 0,
                kind: str = "ssm_lif") -> Network:
    """Encoder, layers of state-space neurons with gated linear units and residuals, running-mean read-out."""
    random = np.random.default_rng(seed)

    def weights(pre: int, post: int) -> DenseWeights:
        return DenseWeights(random.normal(size=(pre, post)))

    populations = [Population("pixels", "input", 1), Population("encoder", "linear", width)]
    projections = [Projection("pixels", "encoder", weights(1, width))]
    stream = "encoder"
    for layer in range(n_layers):
        modes = {name: random.uniform(0.1, 0.5, (width, n_modes)) for name in ("a_real", "a_imag", "c_real", "c_imag")}
        populations += [Population(f"ssm{layer}", kind, width, modes, n_modes=n_modes),
                        Population(f"glu{layer}", "glu", width)]
        projections += [
            Projection(stream, f"ssm{layer}", OneToOneWeights(random.normal(size=width))),
            Projection(f"ssm{layer}", f"glu{layer}", weights(width, width), port="value"),
            Projection(f"ssm{layer}", f"glu{layer}", weights(width, width), port="gate"),
            Projection(stream, f"glu{layer}", OneToOneWeights(np.ones(width)), port="skip"),
        ]
        stream = f"glu{layer}"
    populations.append(Population("decoder", "running_mean", n_classes))
    projections.append(Projection(stream, "decoder", weights(width, n_classes)))
    return Network("digits-like", tuple(populations), tuple(projections), ("decoder",), {"origin": "test"})
