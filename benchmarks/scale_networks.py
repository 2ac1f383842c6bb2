"""Networks of any size for the benchmarks of mapping and scale, made without copies."""

from __future__ import annotations

import numpy as np

from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)

_CHUNK = 1 << 16        # neurons whose synapses are drawn at once


def local_synapses(n_neurons: int, fan_out: int, window: int, seed: int = 0, sign: float = 0.8) -> SparseWeights:
    """Return `fan_out` synapses of each neuron to distinct neurons among the `window` around it.

    int32 targets, float32 weights; a share `sign` of the sources is excitatory.
    """
    random = np.random.default_rng(seed)
    window = min(window, n_neurons)
    width = window // fan_out                       # one target in each of so many pieces: distinct and ascending
    if width < 1:
        raise ValueError(f"{fan_out} synapses of a neuron do not fit among {window} neurons")
    targets = np.empty((n_neurons, fan_out), np.int32)
    values = np.empty((n_neurons, fan_out), np.float32)
    pieces = width * np.arange(fan_out, dtype=np.int32)
    for start in range(0, n_neurons, _CHUNK):
        stop = min(start + _CHUNK, n_neurons)
        first = np.clip(np.arange(start, stop) - window // 2, 0, n_neurons - window).astype(np.int32)
        drawn = random.integers(0, width, (stop - start, fan_out), np.int32)
        targets[start:stop] = first[:, None] + pieces + drawn
        values[start:stop] = random.random((stop - start, fan_out), np.float32) * 0.9 + 0.1
        values[start:stop] *= np.where(random.random(stop - start) < sign, 1.0, -4.0).astype(np.float32)[:, None]
    pointer = np.arange(n_neurons + 1, dtype=np.int64) * fan_out
    return SparseWeights(pointer, targets.reshape(-1), values.reshape(-1), n_neurons)


def local_network(n_neurons: int, fan_out: int, window: int, seed: int = 0, strength: float = 1.0) -> Network:
    """Return leaky integrate-and-fire neurons with an input each, that excite and inhibit those around them.

    strength : of synapses between neurons, in thresholds; next to 0: exactly those spike whose input does
    """
    neurons = Population("neurons", "lif", n_neurons, {"leak": 0.9, "threshold": 1.0})
    drive = OneToOneWeights(np.full(n_neurons, 1.5, np.float32))
    synapses = local_synapses(n_neurons, fan_out, window, seed)
    if strength != 1.0:
        synapses.values[...] *= np.float32(strength)
    return Network(
        "local", (Population("drive", "input", n_neurons, attributes={"payload": "spike"}), neurons),
        (Projection("drive", "neurons", drive),
         Projection("neurons", "neurons", synapses, delay_steps=1)))


def random_network(n_neurons: int, fan_out: int, seed: int = 0) -> Network:
    """Return neurons with `fan_out` synapses each to any others."""
    return local_network(n_neurons, fan_out, n_neurons, seed)


def pilotnet_like(seed: int = 0) -> Network:
    """Return PilotNet's five convolutions and four dense layers as spiking neurons with random weights.

    Source: M. Bojarski et al., "End to end learning for self-driving cars", arXiv:1604.07316, figure 4
    """
    random = np.random.default_rng(seed)
    shape = (3, 66, 200)
    populations = [Population("input", "input", 3 * 66 * 200, attributes={"payload": "spike"})]
    projections = []
    for layer, (channels, kernel, stride) in enumerate(((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))):
        output = (channels, (shape[1] - kernel) // stride + 1, (shape[2] - kernel) // stride + 1)
        values = random.normal(size=(channels, shape[0], kernel, kernel))
        weights = ConvolutionWeights(values, shape, output, (stride, stride))
        populations.append(Population(f"conv{layer}", "lif", weights.shape[1], {"leak": 0.9}))
        projections.append(Projection(populations[-2].name, populations[-1].name, weights))
        shape = output
    for layer, size in enumerate((100, 50, 10, 1)):
        dense = DenseWeights(random.normal(size=(populations[-1].size, size)))
        populations.append(Population(f"dense{layer}", "lif", size, {"leak": 0.9}))
        projections.append(Projection(populations[-2].name, populations[-1].name, dense))
    return Network("pilotnet-like", tuple(populations), tuple(projections), (populations[-1].name,))


def language_model(width: int = 1024, n_modes: int = 32, n_layers: int = 16, seed: int = 0,
                   rate: float = 0.1) -> Network:
    """Return the shape of the SpikingSSM language model without embedding, with random weights.

    Each layer: S4D channels with 2 `n_modes` states and integrate-and-fire neurons, a dense mixing to 2 `width` values
    (value and gate) and a residual. 35.8 million parameters by default.

    Parameters
    ----------
    rate : about the share of neurons that spike at each token; sets the thresholds

    Source: the configuration for WikiText-103 of the SpikingSSM code, github.com/shenshuaijie/SDN at 709640e:
    16 layers, width 1024, 64 states, causal; 35,768,720 parameters without its embedding
    """
    random = np.random.default_rng(seed)
    populations = [Population("embedding", "input", width, attributes={"payload": "graded"})]
    projections = []
    stream = "embedding"
    frequency = np.pi * np.arange(n_modes)          # S4D-Lin: -1/2 + i pi n, in steps of dt
    for layer in range(n_layers):
        step = np.exp(random.uniform(np.log(1e-3), np.log(1e-1), (width, 1)))
        decay = np.exp((-0.5 + 1j * frequency) * step)
        c = random.normal(size=(width, n_modes, 2)) @ (1, 1j) * step * 2
        populations += [
            Population(f"ssm{layer}", "ssm_lif", width, {
                "a_real": decay.real, "a_imag": decay.imag, "c_real": c.real, "c_imag": c.imag,
                "threshold": np.quantile(np.abs(c).sum(axis=1), 1 - rate)}, n_modes=n_modes),
            Population(f"glu{layer}", "glu", width)]
        mixing = random.normal(size=(2, width, width)) * np.sqrt(2 / width)
        projections += [
            Projection(stream, f"ssm{layer}", OneToOneWeights(np.ones(width))),
            Projection(f"ssm{layer}", f"glu{layer}", DenseWeights(mixing[0]), port="value"),
            Projection(f"ssm{layer}", f"glu{layer}", DenseWeights(mixing[1]), port="gate"),
            Projection(stream, f"glu{layer}", OneToOneWeights(np.ones(width)), port="skip")]
        stream = f"glu{layer}"
    return Network("language-model", tuple(populations), tuple(projections), (stream,))
