"""Bare PyTorch: the equations as tensor operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch_network import leak, n_neurons, serve_steps, threshold


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    potential = torch.zeros(n_neurons)

    def advance(given: Any) -> Any:
        potential.mul_(leak).add_(given)
        spikes = (potential >= threshold).float()
        potential.mul_(1 - spikes)
        return spikes

    return advance


serve_steps("torch sparse", begin)
