"""`torch.compile` of a whole step of all layers, real and imaginary parts apart, states changed in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stream_split_step import advance, fresh
from stream_torch import serve_steps

compiled = torch.compile(advance, fullgraph=True)


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    state = fresh()
    return lambda spikes: compiled(spikes, *state)


serve_steps("torch.compile", begin)
