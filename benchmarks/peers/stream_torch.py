"""What the PyTorch scripts of workload W3 share: one step of the streaming state-space network, and the loop over them.

Complex numbers are split into real and imaginary parts, which is faster here than PyTorch's complex type both eagerly
and compiled; constants are folded into the output matrix; all layers run in one function, so that a compiler may fuse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer import arrays, serve_words, timed

torch.set_num_threads(1)
network, n_steps = arrays()
kept = Path(sys.argv[3])
n_layers, width, n_modes = network["a"].shape
leak = float(network["leak"])
inputs = torch.from_numpy(network["inputs"][:n_steps])
mixing = [torch.from_numpy(np.ascontiguousarray(layer.T)) for layer in network["mixing"]]     # [to, from]: what mv takes
# y / threshold = 2 Re sum c h / threshold
_c = 2 * network["c"] / network["threshold"][:, :, None]


def parts(values: Any) -> tuple[list[Any], list[Any]]:
    """Return real and imaginary parts of [layer, channel, mode], a tensor per layer."""
    return ([torch.from_numpy(np.ascontiguousarray(layer.real)) for layer in values],
            [torch.from_numpy(np.ascontiguousarray(layer.imag)) for layer in values])


a_real, a_imag = parts(network["a"])
c_real, c_imag = parts(_c)


def serve_steps(version: str, begin: Callable[[], Callable[[Any], Any]]) -> None:
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

    serve_words(version, run)
