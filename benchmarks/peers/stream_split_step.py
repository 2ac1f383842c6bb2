"""One step of the network in real numbers, for PyTorch with and without its compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stream_torch import a, c, membrane, mixing, n_layers, n_modes, tensors, width

a_real, a_imag, c_real, c_imag = (tensors(part) for part in (a.real, a.imag, c.real, c.imag))


def fresh() -> tuple[list[Any], list[Any], list[Any]]:
    """Return h_real, h_imag and the potential of each layer at the start."""
    shapes = ((width, n_modes), (width, n_modes), (width,))
    real, imag, potential = ([torch.zeros(shape) for _ in range(n_layers)] for shape in shapes)
    return real, imag, potential


def advance(spikes: Any, real: list[Any], imag: list[Any], potential: list[Any]) -> Any:
    """Advance all layers in place; return the spikes of the last."""
    for layer in range(n_layers):
        x = torch.mv(mixing[layer], spikes)
        new_real = a_real[layer] * real[layer] - a_imag[layer] * imag[layer] + x[:, None]
        new_imag = a_real[layer] * imag[layer] + a_imag[layer] * real[layer]
        y = (c_real[layer] * new_real - c_imag[layer] * new_imag).sum(1)
        spikes, left = membrane(potential[layer], y)
        real[layer].copy_(new_real)
        imag[layer].copy_(new_imag)
        potential[layer].copy_(left)
    return spikes


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    state = fresh()
    return lambda spikes: advance(spikes, *state)
