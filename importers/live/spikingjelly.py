"""Neurons of SpikingJelly.

    IFNode                      v <- v + x
    LIFNode, decay_input        v <- v + (x - (v - v_reset)) / tau
             not decay_input    v <- v - (v - v_reset) / tau + x
    ParametricLIFNode           the same with 1 / tau = sigmoid(w)

A neuron fires where v >= v_threshold; then v <- v_reset, or v <- v - v_threshold where v_reset is None (v_reset counts
as 0 above). States begin at v_reset: potentials here are counted from it. With step_mode `m` axis 0 of a call is time.

Source: SpikingJelly 2.0.0, documentation and behaviour of `spikingjelly.activation_based.neuron`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.live.neurons import RefusedError, Rule, comparator_of, number

PACKAGE = "spikingjelly.activation_based"


def _if(module: Any) -> Rule:
    return _rule(module, leak=1.0, gain=1.0)


def _lif(module: Any) -> Rule:
    rate = 1.0 / float(module.tau)
    return _rule(module, leak=1.0 - rate, gain=rate if module.decay_input else 1.0)


def _parametric_lif(module: Any) -> Rule:
    rate = 1.0 / (1.0 + np.exp(-number(module.w)))
    return _rule(module, leak=1.0 - rate, gain=rate if module.decay_input else 1.0)


def _rule(module: Any, leak: Any, gain: Any) -> Rule:
    rest = 0.0 if module.v_reset is None else float(module.v_reset)
    threshold = float(module.v_threshold) - rest
    if threshold <= 0:
        raise RefusedError(f"v_threshold = {module.v_threshold} is not above v_reset = {rest}: it fires without input")
    attributes = {"comparator": comparator_of(module.surrogate_function),
                  "reset": "soft" if module.v_reset is None else "hard"}
    return Rule("lif", {"leak": leak, "threshold": threshold}, attributes, gain=gain,
                time_axis=0 if module.step_mode == "m" else None, reset=lambda item: item.reset())


READERS = {"IFNode": _if, "LIFNode": _lif, "ParametricLIFNode": _parametric_lif}
_OTHER = "is not supported; use IFNode, LIFNode or ParametricLIFNode"
REFUSED = dict.fromkeys((
    "QIFNode", "EIFNode", "IzhikevichNode", "AdaptBaseNode", "GatedLIFNode", "KLIFNode", "CLIFNode",
    "ComplementaryLIFNode", "CUBALIFNode", "LIAFNode", "PSN", "MaskedPSN", "SlidingPSN", "DSRIFNode", "DSRLIFNode",
    "ILCIFNode", "ILCLIFNode", "ILCBaseNode", "NoisyILCBaseNode", "OTTTLIFNode", "SLTTLIFNode", "MPBNBaseNode",
    "MPBNLIFNode", "NonSpikingIFNode", "NonSpikingLIFNode", "NonSpikingBaseNode", "FlexSN", "SimpleIFNode",
    "SimpleLIFNode"), _OTHER)
