"""Neurons of snnTorch.

A neuron fires where mem > threshold, and is reset at the *next* step by what it had then:

    Leaky      subtract   mem <- beta mem + x - s threshold        = soft reset by threshold / beta, at once
               zero       mem <- beta (1 - s) mem + x              = hard reset to 0, at once
    others     zero       mem <- (1 - s)(beta mem + …)             = hard reset to 0, and one step without input
    reset_delay = False   the reset comes at once; with subtract, once more where more than the threshold is left

with s the spikes of the step before. `Synaptic`: syn <- alpha syn + x, mem <- beta mem + syn. Layers with R in front
add recurrent(s) to x. beta and alpha are held within 0 and 1. Spikes may be scaled by graded_spikes_factor.

Source: snnTorch 1.0.0, documentation and behaviour of `snntorch.Leaky`, `Synaptic`, `RLeaky`, `RSynaptic`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.live.neurons import Recurrent, RefusedError, Rule, comparator_of, number

PACKAGE = "snntorch"
# Below this beta, the potential that a soft reset leaves would lose its digits.
LEAST_BETA = 1e-6


def _leaky(module: Any) -> Rule:
    return _rule(module, "lif", {"leak": _held(module.beta)}, None)


def _synaptic(module: Any) -> Rule:
    return _rule(module, "cuba", {"leak": _held(module.beta), "current_leak": _held(module.alpha)}, None)


def _recurrent_leaky(module: Any) -> Rule:
    return _rule(module, "lif", {"leak": _held(module.beta)}, _recurrent(module))


def _recurrent_synaptic(module: Any) -> Rule:
    parameters = {"leak": _held(module.beta), "current_leak": _held(module.alpha)}
    return _rule(module, "cuba", parameters, _recurrent(module))


def _rule(module: Any, model: str, parameters: dict[str, Any], recurrent: Recurrent | None) -> Rule:
    for name, what in (("inhibition", "lets only one neuron of the layer fire"), ("state_quant", "rounds its states")):
        if getattr(module, name, False):
            raise RefusedError(f"{name} {what}, which no neuron here does")
    threshold = number(module.threshold)
    if np.any(threshold < 0):
        raise RefusedError(f"its threshold reaches {threshold.min()}: it would be reset before the first step")
    mechanism = ("subtract", "zero", "none")[int(module.reset_mechanism_val)]
    delayed = bool(getattr(module, "reset_delay", True))
    simple = model == "lif" and recurrent is None
    if mechanism == "subtract":
        recurrent, parameters, reset = _subtracting(parameters, threshold, recurrent, delayed=delayed)
    elif mechanism == "zero":
        reset = "hard"
        parameters = {**parameters, "refractory_steps": 0.0 if simple or not delayed else 1.0}
    else:
        reset = "none"
    attributes = {"comparator": comparator_of(module.spike_grad), "reset": reset}
    if attributes["comparator"] == ">=" and np.any(threshold == 0):
        raise RefusedError("its threshold is 0, at which it fires without input")
    return Rule(model, {**parameters, "threshold": threshold}, attributes, recurrent=recurrent,
                bias_is_current=model == "cuba", sends=_factor(module), reset=lambda item: item.reset_mem())


def _subtracting(parameters: dict[str, Any], threshold: Any, recurrent: Recurrent | None, *, delayed: bool
                 ) -> tuple[Recurrent | None, dict[str, Any], str]:
    """Return synapses within the layer, parameters and reset for `subtract`."""
    beta = parameters["leak"]
    if not delayed:
        raise RefusedError("reset_delay = False with reset_mechanism = 'subtract' resets once more where more than the "
                           "threshold is left, which no neuron here does; leave reset_delay = True, or use 'zero'")
    if np.all(beta >= LEAST_BETA):
        return recurrent, {**parameters, "reset_value": threshold - threshold / beta}, "soft"
    if recurrent is not None or "current_leak" in parameters:
        raise RefusedError(f"beta reaches {beta.min():g} with reset_mechanism = 'subtract'; use 'zero'")
    return Recurrent(-np.asarray(threshold)), parameters, "none"


def _recurrent(module: Any) -> Recurrent:
    inner = module.recurrent
    if hasattr(inner, "V"):
        return Recurrent(number(inner.V))
    if type(inner).__name__ != "Linear":
        raise RefusedError("its recurrent synapses are a convolution; all-to-all and one-to-one ones are supported")
    bias = 0.0 if inner.bias is None else number(inner.bias)
    return Recurrent(np.ascontiguousarray(number(inner.weight).T), bias)


def _factor(module: Any) -> Any:
    factor = number(getattr(module, "graded_spikes_factor", 1.0))
    if np.any(factor == 0):
        raise RefusedError("its graded_spikes_factor is 0: no spike arrives anywhere")
    return factor


def _held(value: Any) -> Any:
    return np.clip(number(value), 0.0, 1.0)


READERS = {"Leaky": _leaky, "Synaptic": _synaptic, "RLeaky": _recurrent_leaky, "RSynaptic": _recurrent_synaptic}
REFUSED = {
    "Alpha": "its two currents with different decays are no model here; use Synaptic or Leaky",
    "Lapicque": "its membrane is given by R, C and a time step; use Leaky with beta = 1 - time_step / (R C)",
    "SLSTM": "is an LSTM cell: its gates are no spiking neuron of a chip",
    "SConv2dLSTM": "is an LSTM cell: its gates are no spiking neuron of a chip",
    **dict.fromkeys(("LeakyParallel", "LeakyKernel", "LeakyUnroll", "StateLeaky", "LinearLeaky", "AssociativeLeaky",
                     "DeltaLeaky"), "is not supported; use Leaky"),
}
