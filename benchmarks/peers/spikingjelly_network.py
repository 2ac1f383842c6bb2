"""SpikingJelly's `LIFNode` with inputs that do not decay, a step at a time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from spikingjelly.activation_based import neuron
from torch_network import leak, serve_steps, threshold


def begin() -> Callable[[Any], Any]:
    """Return one step."""
    neurons = neuron.LIFNode(tau=1 / (1 - leak), decay_input=False, v_threshold=threshold, v_reset=0.0)
    neurons.eval()
    return neurons


serve_steps(f"SpikingJelly {version('spikingjelly')}", begin)
