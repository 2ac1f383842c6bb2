"""Norse's `LIFBoxCell`: v + dt/tau (v_leak - v + i), so inputs are multiplied by tau."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import norse.torch as norse
import torch
from torch_network import leak, serve_steps, threshold

DT = 0.001
RATE = (1 - leak) / DT


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    neurons = norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=torch.tensor(RATE), v_th=torch.tensor(threshold)),
                               dt=DT)
    state = None

    def advance(given: Any) -> Any:
        nonlocal state
        spikes, state = neurons(given / (1 - leak), state)
        return spikes

    return advance


serve_steps(f"Norse {version('norse')}", begin)
