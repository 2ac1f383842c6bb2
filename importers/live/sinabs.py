"""Neurons of Sinabs. Calls are [batch, time, neuron …].

    IAF       v <- v + x
    LIF       v <- a v + (1 - a) x,   a = exp(-1 / tau_mem);   norm_input = False: without the (1 - a)

A neuron fires where v >= spike_threshold; `MembraneSubtract`: v <- v - threshold (or subtract_value),
`MembraneReset`: v <- 0 (or reset_value). `MultiSpike`, the default, fires as often in one step as the threshold goes
into the potential: such a layer is taken as long as it fires at most once.

Source: documentation of `sinabs.layers` and `sinabs.activation`, version 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.live.neurons import Rule, Unsupported, number

PACKAGE = "sinabs.layers"


def _iaf(module: Any) -> Rule:
    return _rule(module, leak=1.0, gain=1.0)


def _lif(module: Any) -> Rule:
    if getattr(module, "tau_syn", None) is not None:
        raise Unsupported("its synaptic time constant tau_syn is not supported; use tau_syn = None")
    leak = np.exp(-1.0 / number(module.tau_mem))
    return _rule(module, leak=leak, gain=1.0 - leak if module.norm_input else 1.0)


def _rule(module: Any, leak: Any, gain: Any) -> Rule:
    if getattr(module, "min_v_mem", None) is not None:
        raise Unsupported(f"min_v_mem = {number(module.min_v_mem)} holds its potential from below, which no neuron here "
                          "does; use min_v_mem = None")
    if getattr(module, "rec_connect", None) is not None:
        raise Unsupported("its recurrent synapses are not supported")
    threshold = number(module.spike_threshold)
    if np.any(threshold <= 0):
        raise Unsupported(f"its threshold reaches {threshold.min()}: it fires without input")
    reset, landing = _reset(module.reset_fn, threshold)
    return Rule("lif", {"leak": leak, "threshold": threshold, "reset_value": landing},
                {"comparator": ">=", "reset": reset}, gain=gain, time_axis=1, may_count=True,
                reset=lambda item: item.reset_states())


def _reset(function: Any, threshold: Any) -> tuple[str, Any]:
    """Return the kind of reset, and where a potential lands that just reaches the threshold."""
    name = type(function).__name__
    if name == "MembraneSubtract":
        amount = getattr(function, "subtract_value", None)
        return "soft", 0.0 if amount is None else threshold - number(amount)
    if name == "MembraneReset":
        return "hard", number(getattr(function, "reset_value", 0.0))
    raise Unsupported(f"its reset_fn {name} is not supported; use MembraneSubtract or MembraneReset")


READERS = {"IAF": _iaf, "LIF": _lif}
_OTHER = "is not supported; use IAF or LIF"
REFUSED = dict.fromkeys((
    "IAFRecurrent", "LIFRecurrent", "ALIF", "ALIFRecurrent", "IAFSqueeze", "LIFSqueeze", "ExpLeak", "ExpLeakSqueeze",
    "StatefulLayer"), _OTHER)
