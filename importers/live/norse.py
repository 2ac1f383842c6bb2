"""Neurons of Norse.

    LIFBoxCell   v <- v + dt tau_mem_inv (v_leak - v + x)
    LIBoxCell    the same without spikes: v is sent
    LIFCell      v <- v + dt tau_mem_inv (v_leak - v + i);  then  i <- i - dt tau_syn_inv i + x

A neuron fires where v > v_th, then v <- v_reset. In LIFCell the potential takes the current of the step before, so that
an input acts one step later. States begin at v_leak: potentials here are counted from it.

Source: documentation of `norse.torch.functional.lif`, `lif_box` and `leaky_integrator`, version 1.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.live.neurons import RefusedError, Rule, number

PACKAGE = "norse.torch"


def _lif_box(module: Any) -> Rule:
    rate = number(module.dt * module.p.tau_mem_inv)
    method = getattr(getattr(module.p, "reset_method", None), "__name__", "reset_value")
    if method != "reset_value":
        raise RefusedError(f"its reset_method {method} is not supported; use reset_value")
    return Rule("lif", {"leak": 1.0 - rate, **_firing(module.p)}, _attributes(module.p), gain=rate,
                rest=_rest(module.p), **_states())


def _li_box(module: Any) -> Rule:
    rate = number(module.dt * module.p.tau_mem_inv)
    if np.any(number(module.p.v_leak) != 0):
        raise RefusedError("its v_leak is not 0, and it sends its potential; use v_leak = 0")
    return Rule("integrator", {"leak": 1.0 - rate}, gain=rate, **_states())


def _lif(module: Any) -> Rule:
    rate = number(module.dt * module.p.tau_mem_inv)
    parameters = {"leak": 1.0 - rate, "current_leak": 1.0 - number(module.dt * module.p.tau_syn_inv),
                  **_firing(module.p)}
    return Rule("cuba", parameters, _attributes(module.p), gain=rate, delay_steps=1, bias_is_current=True,
                rest=_rest(module.p), **_states())


def _firing(p: Any) -> dict[str, Any]:
    leak = number(p.v_leak)
    threshold = number(p.v_th) - leak
    if np.any(threshold < 0):
        raise RefusedError("its v_th lies below v_leak: it fires without input")
    return {"threshold": threshold, "reset_value": number(p.v_reset) - leak}


def _attributes(p: Any) -> dict[str, str]:
    return {"comparator": ">", "reset": "hard"}


def _rest(p: Any) -> tuple[float, ...]:
    return 0.0, float(number(p.v_leak).reshape(-1)[0])


def _states() -> dict[str, Any]:
    """Return how a cell takes (input, state) and returns (spikes, state)."""
    return {"arguments": lambda args, kwargs: (args[0], [*args[1:], *kwargs.values()]),
            "results": lambda output: (output[0], _tensors(output[1]))}


def _tensors(state: Any) -> list[Any]:
    return list(state) if isinstance(state, tuple) else [state]


READERS = {"LIFBoxCell": _lif_box, "LIBoxCell": _li_box, "LIFCell": _lif}
_OTHER = "is not supported; use LIFBoxCell, LIBoxCell or LIFCell"
REFUSED = dict.fromkeys((
    "LICell", "LIFRecurrentCell", "LIFRecurrent", "LIF", "LIFBox", "LI", "LIBox", "IAFCell", "IAF",
    "LSNNCell", "LSNN", "LIFAdExCell", "LIFExCell", "LIFCorrelationCell", "LIFMCCell", "LIFMCRefracCell",
    "LIFRefracCell", "IzhikevichCell", "CobaLIFCell"), _OTHER)
