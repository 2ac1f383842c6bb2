"""What the PyTorch libraries share: the synapses as a sparse matrix, a loop over the steps, CPU time of that loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from peer import arrays, edges, serve, timed

torch.set_num_threads(1)
network, n_steps = arrays()
n_neurons = len(network["bias"])
leak, threshold = float(network["leak"]), float(network["threshold"])
bias = torch.from_numpy(network["bias"])


def matrix() -> Any:
    """Return the synapses, [post, pre] in float32: what multiplies a vector of spikes fastest."""
    source, target, weight = edges(network)
    indices = torch.stack([torch.from_numpy(target), torch.from_numpy(source)])
    shape = (n_neurons, n_neurons)
    return torch.sparse_coo_tensor(indices, torch.from_numpy(weight).float(), shape).coalesce().to_sparse_csr()


def serve_steps(version: str, begin: Callable[[], Callable[[Any], Any]]) -> None:
    """Simulate once per line: `begin` returns a fresh function from a step's input to its spikes."""
    synapses = matrix()

    def loop() -> float:
        advance = begin()
        spikes = torch.zeros(n_neurons)
        total = torch.zeros(())
        with torch.no_grad():
            for _ in range(n_steps):
                spikes = advance(torch.mv(synapses, spikes) + bias)
                total += spikes.sum()
        return float(total)

    def run() -> tuple[float, int]:
        cpu_s, n_spikes = timed(loop)
        return cpu_s, round(n_spikes)

    serve(f"{version}, torch {torch.__version__}", run)
