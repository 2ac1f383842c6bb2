"""PyTorch step by step, complex numbers; the real part of c h as a sum of products of their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stream_torch import a, c, membrane, mixing, n_layers, n_modes, serve_steps, tensors, width

turn = tensors(a)
# Re(c h) = c_re h_re + (-c_im) h_im: parts side by side, as `view_as_real` shows those of h
parts = [torch.view_as_real(layer.conj().resolve_conj()).reshape(width, 2 * n_modes) for layer in tensors(c)]


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    state = [torch.zeros(width, n_modes, dtype=torch.complex64) for _ in range(n_layers)]
    seen = [torch.view_as_real(h).view(width, 2 * n_modes) for h in state]
    potential = [torch.zeros(width) for _ in range(n_layers)]

    def advance(spikes: Any) -> Any:
        for layer in range(n_layers):
            x = torch.mv(mixing[layer], spikes)
            state[layer].mul_(turn[layer]).add_(x[:, None])
            y = (seen[layer] * parts[layer]).sum(1)
            spikes, potential[layer] = membrane(potential[layer], y)
        return spikes

    return advance


serve_steps("torch eager, complex", begin)
