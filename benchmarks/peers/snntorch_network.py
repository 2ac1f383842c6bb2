"""snnTorch's `Leaky` with `reset_mechanism="zero"`, at once and not one step late."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import snntorch
import torch
from torch_network import leak, n_neurons, serve_steps, threshold


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    neurons = snntorch.Leaky(beta=leak, threshold=threshold, reset_mechanism="zero", reset_delay=False)
    potential = torch.zeros(n_neurons)

    def advance(given: Any) -> Any:
        nonlocal potential
        spikes, potential = neurons(given, potential)
        return spikes

    return advance


serve_steps(f"snnTorch {version('snntorch')}", begin)
