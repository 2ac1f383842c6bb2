"""Neurons of Sinabs. Calls are [batch, time, neuron …].

    IAF       v <- v + x
    LIF       v <- a v + (1 - a) x,   a = exp(-1 / tau_mem);   norm_input = False: without the (1 - a)

A neuron fires where v >= spike_threshold; `MembraneSubtract`: v <- v - threshold (or subtract_value),
`MembraneReset`: v <- 0 (or reset_value). `MultiSpike`, the default, fires as often in one step as the threshold goes
into the potential: such a layer is taken as long as it fires at most once. `ExpLeak` is LIF without spikes: v is sent.

Source: documentation of `sinabs.layers` and `sinabs.activation`, version 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.live.neurons import RefusedError, Rule, number

PACKAGE = "sinabs.layers"


def _iaf(module: Any) -> Rule:
    return _rule(module, leak=1.0, gain=1.0)


def _lif(module: Any) -> Rule:
    leak = np.exp(-1.0 / number(module.tau_mem))
    return _rule(module, leak=leak, gain=1.0 - leak if module.norm_input else 1.0)


def _exp_leak(module: Any) -> Rule:
    _check(module)
    leak = np.exp(-1.0 / number(module.tau_mem))
    return Rule("integrator", {"leak": leak}, gain=1.0 - leak if module.norm_input else 1.0, time_axis=1,
                reset=lambda item: item.reset_states())


def _check(module: Any) -> None:
    if getattr(module, "tau_syn", None) is not None:
        raise RefusedError("its synaptic time constant tau_syn is not supported; use tau_syn = None")
    if getattr(module, "min_v_mem", None) is not None:
        raise RefusedError(f"min_v_mem = {number(module.min_v_mem)} holds its potential from below, which no neuron "
                               "here does; use min_v_mem = None")
    if getattr(module, "rec_connect", None) is not None:
        raise RefusedError("its recurrent synapses are not supported")


def _rule(module: Any, leak: Any, gain: Any) -> Rule:
    _check(module)
    threshold = number(module.spike_threshold)
    if np.any(threshold <= 0):
        raise RefusedError(f"its threshold reaches {threshold.min()}: it fires without input")
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
    raise RefusedError(f"its reset_fn {name} is not supported; use MembraneSubtract or MembraneReset")


READERS = {"IAF": _iaf, "LIF": _lif, "ExpLeak": _exp_leak}
_OTHER = "is not supported; use IAF, LIF or ExpLeak"
REFUSED = dict.fromkeys((
    "IAFRecurrent", "LIFRecurrent", "ALIF", "ALIFRecurrent", "IAFSqueeze", "LIFSqueeze", "ExpLeakSqueeze",
    "StatefulLayer"), _OTHER)
