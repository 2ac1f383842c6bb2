"""The network on which NeuroBench and neurosim are held against each other, its numbers given by rule.

Two linear layers with snnTorch's `Leaky` behind each. Weights, inputs and leaks are small multiples of powers of two,
so that float32 there and float64 here compute the same potentials to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SIZES = (12, 20, 6)
N_SAMPLES, N_TOKENS = 8, 15             # a power of two: NeuroBench multiplies and divides by the number of samples
BETA, THRESHOLD = 0.875, 1.0


def weights(layer: int) -> np.ndarray[Any, Any]:
    """Return float32[post, pre], one in eleven zero."""
    pre, post = SIZES[layer], SIZES[layer + 1]
    row, column = np.meshgrid(np.arange(post), np.arange(pre), indexing="ij")
    return (((7 * row + 3 * column + layer) % 11 - 4) / 16).astype(np.float32) * (((row + 2 * column) % 11) != 0)


def bias(layer: int) -> np.ndarray[Any, Any]:
    """Return float32[post]."""
    return ((np.arange(SIZES[layer + 1]) % 5) / 32).astype(np.float32)


def inputs(kind: str) -> np.ndarray[Any, Any]:
    """Return float32[sample, token, neuron]: spikes, or values of which some tokens hold 0 and 1 alone."""
    sample, token, neuron = np.meshgrid(np.arange(N_SAMPLES), np.arange(N_TOKENS), np.arange(SIZES[0]), indexing="ij")
    mixed = (sample * 131 + token * 71 + neuron * 37 + sample * token * 5) % 23
    spikes = (mixed % 3 == 0).astype(np.float32)
    if kind == "spike":
        return spikes
    values = np.where(mixed > 9, mixed / 16, 0).astype(np.float32)
    return np.where((token % 4 == sample % 4), spikes, values)


def state() -> dict[str, np.ndarray[Any, Any]]:
    """Return the state dict of `torch_network`."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for layer in range(2):
        found[f"{2 * layer}.weight"], found[f"{2 * layer}.bias"] = weights(layer), bias(layer)
        found |= {f"{2 * layer + 1}.threshold": np.float32(THRESHOLD).reshape(()),
                  f"{2 * layer + 1}.graded_spikes_factor": np.float32(1).reshape(()),
                  f"{2 * layer + 1}.reset_mechanism_val": np.array(0, np.int64),
                  f"{2 * layer + 1}.beta": np.float32(BETA).reshape(())}
    return found


def torch_network() -> Any:
    """Return the network as an snnTorch module."""
    import snntorch
    import torch

    layers: list[Any] = []
    for layer in range(2):
        linear = torch.nn.Linear(SIZES[layer], SIZES[layer + 1])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights(layer)))
            linear.bias.copy_(torch.from_numpy(bias(layer)))
        layers += [linear, snntorch.Leaky(beta=BETA, threshold=THRESHOLD, init_hidden=True, output=layer == 1)]
    return torch.nn.Sequential(*layers)


def measured(kind: str, batch: int) -> dict[str, Any]:
    """Return what NeuroBench finds, `batch` samples at a time."""
    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import SNNTorchModel
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.from_numpy(inputs(kind)), torch.zeros(N_SAMPLES, dtype=torch.long))
    model = SNNTorchModel(torch_network())
    benchmark = Benchmark(model, DataLoader(data, batch_size=batch, shuffle=False), [], [],
                          [[Footprint, ConnectionSparsity], [ActivationSparsity, SynapticOperations]])
    with torch.no_grad():
        results = benchmark.run(quiet=True)
    return {name: dict(value) if isinstance(value, dict) else value for name, value in results.items()}
