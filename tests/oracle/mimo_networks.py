"""S5 and Event-SSM networks in plain NumPy, from the equations: every output is the sum over all inputs.

Parameter trees as {name: array}, joined with dots, without `params`. One sequence at a time, float64[token, channel].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.oracle.state_spaces import gelu, sigmoid

Array = NDArray[Any]
Tree = Mapping[str, Array]


class Form(NamedTuple):
    """What the names do not say. `gate`: half_glu1, half_glu2, full_glu, gelu, none."""

    method: str = "zoh"
    gate: str = "half_glu2"
    place: str = "pre"
    conj_sym: bool = True
    clip_eigs: bool = False
    step_rescale: float = 1.0
    epsilon: float = 1e-6
    pooling: str = "mean"
    gelu: str = "tanh"
    stride: int = 1
    mode: str = "last"


class Outcome(NamedTuple):
    """stream : per layer [token, channel];  output : [token, class]"""

    stream: list[Array]
    output: Array


def as_complex(values: Array) -> Array:
    """Return pairs as complex numbers."""
    return values[..., 0] + 1j * values[..., 1]


def state_space(p: Tree, start: str, form: Form, u: Array, intervals: Array | None, stride: int = 1) -> Array:
    """Return y = (2) Re(C x) + D u; without intervals all steps are 1.

    With a stride, x of the first token of each window, and u of the window pooled.
    """
    real = np.minimum(p[f"{start}Lambda_re"], -1e-4) if form.clip_eigs else p[f"{start}Lambda_re"]
    poles = real + 1j * p[f"{start}Lambda_im"]
    step = form.step_rescale * np.exp(p[f"{start}log_step"].reshape(-1))
    driven = u @ as_complex(p[f"{start}B"]).T
    n_tokens = len(u)
    between = np.ones(n_tokens) if intervals is None else intervals
    if form.method == "bilinear":
        logs = np.log((1 + step * poles / 2) / (1 - step * poles / 2))
        driven = driven * step / (1 - step * poles / 2)
    else:
        logs = poles * step
        if form.method == "zoh":
            driven = driven * (np.exp(np.outer(between, logs)) - 1) / poles
        elif form.method == "async":
            driven = driven * (np.exp(logs) - 1) / poles
    both = _read(p, start)
    y = np.zeros((n_tokens, len(both[0])), complex)
    elapsed = np.concatenate([[0.0], np.cumsum(between)])
    for t in range(n_tokens):
        for s in range(n_tokens):
            if s <= t:          # decayed by the intervals of tokens s + 1 to t
                y[t] += both[0] @ (np.exp(logs * (elapsed[t + 1] - elapsed[s + 1])) * driven[s])
            if s >= t and len(both) == 2:
                y[t] += both[1] @ (np.exp(logs * (s - t)) * driven[s])
    d = p[f"{start}D"]
    if stride > 1:
        assert intervals is not None
        y = np.array([y[first] for first in range(0, n_tokens - stride + 1, stride)])
        u = windowed(u, intervals, stride, form.mode)
    return (2 if form.conj_sym else 1) * y.real + (u * d if d.ndim == 1 else u @ d.T)


def windowed(x: Array, intervals: Array, stride: int, mode: str) -> Array:
    """Return what goes on of each full window of tokens."""
    pooled = []
    for window in range(len(x) // stride):
        tokens = range(window * stride, (window + 1) * stride)
        if mode == "last":
            pooled.append(x[tokens[0]])
        elif mode == "avgpool":
            pooled.append(sum(x[token] for token in tokens) / stride)
        else:
            pooled.append(sum((intervals[token] + 1e-6) * x[token] for token in tokens)
                          / sum(intervals[token] + 1e-6 for token in tokens))
    return np.array(pooled).reshape(-1, x.shape[1])


def _read(p: Tree, start: str) -> list[Array]:
    if f"{start}C1" in p:
        return [as_complex(p[f"{start}C1"]), as_complex(p[f"{start}C2"])]
    c, n_modes = as_complex(p[f"{start}C"]), len(p[f"{start}Lambda_re"])
    return [c] if c.shape[1] == n_modes else [c[:, :n_modes], c[:, n_modes:]]


def dense(p: Tree, start: str, x: Array) -> Array:
    """Return x kernel + bias."""
    return x @ p[f"{start}.kernel"] + p.get(f"{start}.bias", 0.0)


def normalised(p: Tree, start: str, x: Array, epsilon: float) -> Array:
    """Return a LayerNorm, or a BatchNorm by its statistics."""
    mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    if f"batch_stats.{start}.mean" in p:
        mean, variance = p[f"batch_stats.{start}.mean"], p[f"batch_stats.{start}.var"]
    return (x - mean) / np.sqrt(variance + epsilon) * p[f"{start}.scale"] + p[f"{start}.bias"]


def gated(p: Tree, first: str, second: str, form: Form, y: Array) -> Array:
    """Return the block's output; `first` and `second` are the Dense layers of value and gate."""
    g = gelu(y) if form.gelu == "exact" else 0.5 * y * (1 + np.tanh((2 / np.pi) ** 0.5 * (y + 0.044715 * y**3)))
    if form.gate == "half_glu2":
        return y * sigmoid(dense(p, second, g))
    if form.gate == "half_glu1":
        return g * sigmoid(dense(p, second, g))
    if form.gate == "full_glu":
        return dense(p, first, g) * sigmoid(dense(p, second, g))
    return g if form.gate == "gelu" else y


def run_s5(tree: Tree, form: Form, x: Array) -> Outcome:
    """Run an S5 network, or a layer alone."""
    p = {key: np.asarray(values, np.float64) for key, values in tree.items()}
    if not any("layers_" in key for key in p):
        start = "seq." if "seq.Lambda_re" in p else ""
        z = normalised(p, "norm", x, form.epsilon) if "norm.scale" in p else x
        y = gated(p, "out1", "out2", form, state_space(p, start, form, z, None))
        return Outcome([y], y)
    stream, streams, layer = x, [], 0
    if "encoder.encoder.kernel" in p:
        stream = dense(p, "encoder.encoder", x)
    outer = "encoder." if any(key.startswith("encoder.layers_") for key in p) else ""
    while f"{outer}layers_{layer}.seq.Lambda_re" in p:
        start = f"{outer}layers_{layer}."
        stream = _residual(p, start, "norm", stream, form,
                           lambda z, at=start: gated(p, f"{at}out1", f"{at}out2", form,
                                                     state_space(p, f"{at}seq.", form, z, None)))
        streams.append(stream)
        layer += 1
    return Outcome(streams, pooled(p, form, stream, None))


def run_events(tree: Tree, form: Form, tokens: Array, intervals: Array) -> Outcome:
    """Run an Event-SSM network: tokens are symbols, -1 padding."""
    p = {key: np.asarray(values, np.float64) for key, values in tree.items()}
    table = p["encoder.encoder.embedding"]
    stream = np.array([table[token] if token >= 0 else 0 * table[0] for token in tokens])
    streams = []
    for start in sorted({key.split("S5SSM_0")[0] for key in p if "S5SSM_0" in key}):
        norm = next((name for name in ("LayerNorm_0", "BatchNorm_0") if f"{start}{name}.scale" in p), "")
        stride = form.stride if start.endswith("SequenceLayer_0.") else 1
        passing = windowed(stream, intervals, stride, form.mode) if stride > 1 else None
        stream = _residual(p, start, norm, stream, form,
                           lambda z, at=start, step=stride, between=intervals: gated(
                               p, "", f"{at}Dense_0", form._replace(gate="half_glu2"),
                               state_space(p, f"{at}S5SSM_0.", form, z, between, step)), passing)
        if stride > 1:
            intervals = np.array([sum(intervals[first:first + stride])
                                  for first in range(0, len(intervals) - stride + 1, stride)])
        streams.append(stream)
    return Outcome(streams, pooled(p, form, stream, intervals))


def _residual(p: Tree, start: str, norm: str, x: Array, form: Form, block: Any,
              passing: Array | None = None) -> Array:
    """Return a block with its norm and what goes past it: x, or `passing`."""
    has_norm = f"{start}{norm}.scale" in p
    z = normalised(p, f"{start}{norm}", x, form.epsilon) if has_norm and form.place == "pre" else x
    past = x if passing is None else passing
    skip = dense(p, f"{start}Dense_1", past) if f"{start}Dense_1.kernel" in p else past
    out = skip + block(z)
    return normalised(p, f"{start}{norm}", out, form.epsilon) if has_norm and form.place == "post" else out


def pooled(p: Tree, form: Form, stream: Array, intervals: Array | None) -> Array:
    """Return the decoder of what is pooled up to each token."""
    if form.pooling == "last":
        kept = stream
    else:
        weights = np.ones(len(stream)) if form.pooling == "mean" or intervals is None else intervals + 1e-6
        kept = np.cumsum(stream * weights[:, None], axis=0) / np.cumsum(weights)[:, None]
    return dense(p, "decoder", kept) if "decoder.kernel" in p else kept
