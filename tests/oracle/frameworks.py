"""One layer of neurons as each framework documents it, step by step, in NumPy.

Each function takes what comes into the layer, float64[step, neuron], and returns its spikes. `recurrent` gives
(weights [out, in], bias) of a recurrence, `starts` whether it acts at the first step. Written from the frameworks'
equations (beta and alpha of snnTorch, tau_inv of Norse, tau in steps of sinabs), not from NIR's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Recurrent = tuple[FloatArray, FloatArray] | None


def _run(current: FloatArray, recurrent: Recurrent, step: Callable[[FloatArray], FloatArray], *,
         starts: bool = True) -> FloatArray:
    spikes = np.zeros_like(current)
    before = np.zeros(current.shape[1])
    for index, given in enumerate(current):
        x = given
        if recurrent is not None and (index or starts):
            x = x + recurrent[0] @ before + recurrent[1]
        before = spikes[index] = step(x)
    return spikes


def snntorch(current: FloatArray, beta: FloatArray, threshold: FloatArray, *, alpha: FloatArray | None = None,
             mechanism: str = "subtract", reset_delay: bool = True, recurrent: Recurrent = None) -> FloatArray:
    """Leaky, Synaptic, RLeaky, RSynaptic: U = beta U + I - R threshold, R = (U of the step before > threshold)."""
    syn, mem = np.zeros_like(beta), np.zeros_like(beta)

    def step(x: FloatArray) -> FloatArray:
        nonlocal syn, mem
        reset = mem > threshold
        if alpha is not None:
            syn = alpha * syn + x
            x = syn
        if reset_delay and mechanism == "zero" and alpha is None and recurrent is None:
            mem = np.where(reset, 0.0, mem)
        mem = beta * mem + x
        if reset_delay and mechanism == "subtract":
            mem = mem - reset * threshold
        if reset_delay and mechanism == "zero" and not (alpha is None and recurrent is None):
            mem = np.where(reset, 0.0, mem)
        spike = mem > threshold
        if not reset_delay and mechanism == "zero":
            mem = np.where(spike, 0.0, mem)
        if not reset_delay and mechanism == "subtract":
            mem = mem - spike * threshold
        return spike.astype(float)

    return _run(current, recurrent, step)


def norse_lif_box(current: FloatArray, tau_mem_inv: FloatArray, threshold: FloatArray, dt: float) -> FloatArray:
    """LIFBoxCell: v += dt tau_mem_inv (i - v), reset to 0."""
    v = np.zeros(current.shape[1])

    def step(x: FloatArray) -> FloatArray:
        nonlocal v
        v = v + dt * tau_mem_inv * (x - v)
        spike = v > threshold
        v = np.where(spike, 0.0, v)
        return spike.astype(float)

    return _run(current, None, step)


def norse_lif(current: FloatArray, tau_syn_inv: FloatArray, tau_mem_inv: FloatArray, threshold: FloatArray, dt: float
              ) -> FloatArray:
    """LIFCell: the membrane takes the current of the step before, which then jumps by the input."""
    v, i = np.zeros(current.shape[1]), np.zeros(current.shape[1])

    def step(x: FloatArray) -> FloatArray:
        nonlocal v, i
        v = v + dt * tau_mem_inv * (i - v)
        i = i - dt * tau_syn_inv * i + x
        spike = v > threshold
        v = np.where(spike, 0.0, v)
        return spike.astype(float)

    return _run(current, None, step)


def sinabs_lif(current: FloatArray, tau_mem: FloatArray, threshold: FloatArray) -> FloatArray:
    """LIF with norm_input and one spike per step: v = a v + (1 - a) i, a = exp(-1 / tau), threshold subtracted."""
    v, a = np.zeros(current.shape[1]), np.exp(-1.0 / tau_mem)

    def step(x: FloatArray) -> FloatArray:
        nonlocal v
        v = a * v + (1 - a) * x
        spike = v >= threshold
        v = v - spike * threshold
        return spike.astype(float)

    return _run(current, None, step)


def spikingjelly_lif(current: FloatArray, tau: float, threshold: float, *, decay_input: bool) -> FloatArray:
    """LIFNode with hard reset to 0: v += (x - v) / tau, or v += x - v / tau; fires from the threshold on."""
    v = np.zeros(current.shape[1])

    def step(x: FloatArray) -> FloatArray:
        nonlocal v
        v = v + (x - v) / tau if decay_input else v + x - v / tau
        spike = v >= threshold
        v = np.where(spike, 0.0, v)
        return spike.astype(float)

    return _run(current, None, step)


def rockpool_lif(current: FloatArray, tau_mem: float, threshold: float, dt: float) -> FloatArray:
    """LIFNeuronTorch: v = exp(-dt / tau) v + i, threshold subtracted."""
    v = np.zeros(current.shape[1])

    def step(x: FloatArray) -> FloatArray:
        nonlocal v
        v = np.exp(-dt / tau_mem) * v + x
        spike = v >= threshold
        v = v - spike * threshold
        return spike.astype(float)

    return _run(current, None, step)
