"""What the PyTorch scripts of workload W3 share: its arrays as tensors, a loop over the steps, CPU time of that loop.

The factor 2 and the threshold are folded into the output matrix. Complex states come as real and imaginary parts or as
PyTorch's complex numbers; each script takes what is faster for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer import arrays, serve, timed

torch.set_num_threads(1)
network, n_steps = arrays()
kept = Path(sys.argv[3])
n_layers, width, n_modes = network["a"].shape
leak = float(network["leak"])
inputs = torch.from_numpy(network["inputs"][:n_steps])


def tensors(values: Any) -> list[Any]:
    """Return a tensor for each layer."""
    return [torch.from_numpy(np.ascontiguousarray(layer)) for layer in values]


mixing = tensors(np.swapaxes(network["mixing"], 1, 2))      # [to, from]: what a product with a vector takes
a = network["a"]
c = (2 * network["c"] / network["threshold"][:, :, None]).astype(np.complex64)


def membrane(potential: Any, y: Any) -> tuple[Any, Any]:
    """Return (spikes, potential after them)."""
    value = torch.add(y, potential, alpha=leak)
    fired = value >= 1
    return fired.float(), value.masked_fill(fired, 0.0)


def serve_steps(name: str, begin: Callable[[], Callable[[Any], Any]]) -> None:
    """Stream once per line: `begin` returns a fresh function from a step's input spikes to the last layer's."""
    found = torch.zeros(n_steps, width)

    def loop() -> None:
        advance = begin()
        with torch.inference_mode():
            for step in range(n_steps):
                found[step] = advance(inputs[step])

    def run() -> tuple[float, int]:
        cpu_s, _ = timed(loop)
        np.save(kept, found.numpy() != 0)
        return cpu_s, int(found.sum())

    run()                                                   # a compiler compiles now
    serve(f"{name} {torch.__version__}", run)
