"""State-space networks in plain NumPy, from the equations: convolutions written out as sums, neurons step by step.

Nothing here discretises, orders or folds as importers do: kernels are sampled, and every output is the sum over all
inputs. One sequence at a time, float64[token, channel].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensors = Mapping[str, Array]


def sampled_kernel(dt: Array, poles: Array, gains: Array, n_tokens: int, method: str = "zoh") -> Array:
    """Return K[channel, lag] = 2 Re sum_n gains_n b_n a_n^lag; gains [channel, mode] hold C and B."""
    step = dt.reshape(-1, 1) * poles
    if method == "zoh":
        logs, entry = step, (np.exp(step) - 1) / poles
    else:
        logs, entry = np.log((2 + step) / (2 - step)), 2 * dt.reshape(-1, 1) / (2 - step)
    lags = np.arange(n_tokens)
    return np.array([2 * ((gains * entry)[i][:, None] * np.exp(logs[i][:, None] * lags)).sum(0).real
                     for i in range(len(gains))])


def convolved(forward: Array, backward: Array | None, d: Array, u: Array) -> Array:
    """Return y[t] = sum_{s<=t} k0[t-s] u[s] + sum_{s>t} k1[s-t-1] u[s] + D u[t]."""
    n_tokens, y = len(u), d * u
    for t in range(n_tokens):
        for s in range(n_tokens):
            if s <= t:
                y[t] += forward[:, t - s] * u[s]
            elif backward is not None:
                y[t] += backward[:, s - t - 1] * u[s]
    return y


def leaky_spikes(current: Array, tau: float = 0.125) -> Array:
    """Spike where tau u + I reaches 1, then start from 0 again."""
    u, spikes = np.zeros(current.shape[1]), np.zeros_like(current)
    for t in range(len(current)):
        u = tau * u + current[t]
        spikes[t] = u >= 1.0
        u = np.where(spikes[t] == 1, 0.0, u)
    return spikes


def gelu(v: Array) -> Array:
    """Return the exact GELU."""
    return np.array([x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in np.ravel(v)]).reshape(np.shape(v))


def sigmoid(v: Array) -> Array:
    """Return the logistic function."""
    return 0.5 * (1 + np.tanh(0.5 * v))


def ternary(v: Array, factor: float = 0.15, delta: Array | None = None) -> Array:
    """Return the sign where the magnitude reaches delta, else factor times the largest of each row."""
    limit = factor * np.abs(v).max(axis=-1, keepdims=True) if delta is None else delta
    return np.sign(v) * (np.abs(v) >= limit)


def normalised(p: Tensors, start: str, x: Array, epsilon: float = 1e-5) -> Array:
    """Return the norm at keys `start`: a BatchNorm where statistics are stored, else a LayerNorm."""
    if f"{start}.running_mean" in p:
        centred, variance = x - p[f"{start}.running_mean"], p[f"{start}.running_var"]
    else:
        centred = x - x.mean(axis=1, keepdims=True)
        variance = (centred**2).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * p[f"{start}.weight"] + p[f"{start}.bias"]


class Form(NamedTuple):
    """What the keys do not say.

    kind : lif, binary, gsu, gelu
    norm : "" (none, or computed and discarded), pre, post
    names : published | s4_block | alone
    """

    kind: str = "lif"
    norm: str = ""
    names: str = "published"
    dt: str = "exp"
    method: str = "zoh"
    threshold: float = 0.0
    delta: float | None = None
    activation: str = "gelu"


class Outcome(NamedTuple):
    """fired, stream : per layer [token, channel]; output : [token, class], decoder of the mean so far."""

    fired: list[Array]
    stream: list[Array]
    output: Array


_STARTS = {"published": ("s4_layers.{}.", "s4_layers.{}.", "norms.{}"),
           "s4_block": ("layers.{}.layer.layer.", "layers.{}.layer.", "layers.{}.norm.norm"), "alone": ("", "", "")}


def run(tensors: Tensors, form: Form, x: Array) -> Outcome:
    """Run a network on inputs [token, input]."""
    p = {key: np.asarray(values, np.float64) for key, values in tensors.items()}
    stream = x if "encoder.weight" not in p else x @ p["encoder.weight"].T + p["encoder.bias"] \
        if "encoder.bias" in p else x @ p["encoder.weight"]
    fired: list[Array] = []
    streams: list[Array] = []
    layer = 0
    while (form.names == "alone" and layer == 0) or any(key.startswith(_STARTS[form.names][1].format(layer))
                                                        for key in p if form.names != "alone"):
        norm = _STARTS[form.names][2].format(layer)
        z = normalised(p, norm, stream) if form.norm == "pre" else stream
        spikes, mixed = _block(p, form, layer, z)
        stream = mixed if form.names == "alone" else stream + mixed
        stream = normalised(p, norm, stream) if form.norm == "post" else stream
        fired.append(spikes)
        streams.append(stream)
        layer += 1
    if "norm.norm.weight" in p:
        stream = normalised(p, "norm.norm", stream)
    if "decoder.weight" in p:
        means = np.cumsum(stream, axis=0) / np.arange(1, len(x) + 1)[:, None]
        return Outcome(fired, streams, means @ p["decoder.weight"].T + p["decoder.bias"])
    return Outcome(fired, streams, stream)


def _block(p: Tensors, form: Form, layer: int, u: Array) -> tuple[Array, Array]:
    """Return (what the neurons send, what the gate makes of it)."""
    start, block, _ = (part.format(layer) for part in _STARTS[form.names])
    y = _mixed_over_time(p, f"{start}kernel.", p[f"{start}D"].reshape(-1), form, u)
    if form.kind == "gsu":
        t = ternary(y, delta=form.delta)
        own = p.get(f"{block}w2", p[f"{block}w"])
        product = (t @ p[f"{block}w"] + p[f"{block}b"]) * (y @ ternary(own.reshape(1, -1)).reshape(own.shape)
                                                           + p[f"{block}c"])
        return t, gelu(product) if form.activation == "gelu" else product
    if form.kind == "lif":
        fired = leaky_spikes(y / np.exp(p[f"{block}ln_vth"].reshape(-1)))
    else:
        fired = (y >= form.threshold).astype(float) if form.kind == "binary" else gelu(y)
    weight = p[f"{block}output_linear.0.weight"]
    both = fired @ weight.reshape(weight.shape[:2]).T + p[f"{block}output_linear.0.bias"]
    half = both.shape[1] // 2
    return fired, both[:, :half] * sigmoid(both[:, half:])


def _mixed_over_time(p: Tensors, start: str, d: Array, form: Form, u: Array) -> Array:
    c = p[f"{start}C"][..., 0] + 1j * p[f"{start}C"][..., 1]
    c = c[None] if c.ndim == 2 else c
    if f"{start}inv_dt" in p:
        dt = np.exp(p[f"{start}inv_dt"]) if form.dt == "exp" else np.log1p(np.exp(p[f"{start}inv_dt"]))
        repeats = d.size // len(p[f"{start}A_real"])
        sets = [index % len(p[f"{start}A_real"]) for index in range(d.size)] if repeats > 1 else list(range(d.size))
        poles = (-np.exp(p[f"{start}A_real"]) - 1j * p[f"{start}A_imag"])[sets]
        b = p[f"{start}B"].reshape(-1, *p[f"{start}B"].shape[-2:])[sets]
        c = c * (b[..., 0] + 1j * b[..., 1])
    else:
        dt = np.exp(p[f"{start}log_dt"])
        poles = -np.exp(p[f"{start}log_A_real"]) + 1j * p[f"{start}A_imag"]
    kernels = [sampled_kernel(dt, poles, gains, len(u), form.method) for gains in c]
    return convolved(kernels[0], kernels[1] if len(kernels) == 2 else None, d, u)
