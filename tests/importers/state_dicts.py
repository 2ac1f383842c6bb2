"""Random networks with the key names and shapes of the published code, and an independent evaluation of them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensors = dict[str, Array]


def random_network(kind: str, family: str, seed: int, *, official: bool = True, trained_b: bool = False) -> Tensors:
    """Return a float32 state_dict of 2 inputs, 6 channels, 3 modes, 2 layers, 4 classes.

    official : with the leading and trailing 1s of the published shapes
    """
    random = np.random.default_rng(seed)
    n_inputs, width, n_modes, n_layers, n_classes = 2, 6, 3, 2, 4
    tensors: Tensors = {}

    def draw(key: str, *dimensions: int, mean: float = 0.0, scale: float = 1.0) -> None:
        tensors[key] = (mean + scale * random.normal(size=dimensions)).astype(np.float32)

    draw("encoder.weight", width, n_inputs)
    draw("encoder.bias", width)
    for layer in range(n_layers):
        start = f"s4_layers.{layer}"
        one: tuple[int, ...] = (1,) if official else ()
        draw(f"{start}.D", *one, width)
        draw(f"{start}.kernel.C", *one, width, n_modes, 2)
        if trained_b:
            draw(f"{start}.kernel.inv_dt", width, 1, mean=-2.0, scale=0.5)
            draw(f"{start}.kernel.B", 1, width, n_modes, 2)
            draw(f"{start}.kernel.A_real", width, n_modes, mean=-0.7, scale=0.3)
        else:
            draw(f"{start}.kernel.log_dt", width, mean=-2.0, scale=0.5)
            draw(f"{start}.kernel.log_A_real", width, n_modes, mean=-0.7, scale=0.3)
        draw(f"{start}.kernel.A_imag", width, n_modes, mean=4.0, scale=3.0)
        if kind == "gsu":
            draw(f"{start}.w", width, width)
            draw(f"{start}.b", width)
            draw(f"{start}.c", width)
        else:
            draw(f"{start}.output_linear.0.weight", 2 * width, width, *one)
            draw(f"{start}.output_linear.0.bias", 2 * width)
        if kind == "lif":
            draw(f"{start}.ln_vth", width, *one, scale=0.3)
        if family != "none":
            draw(f"norms.{layer}.weight", width, mean=1.0, scale=0.2)
            draw(f"norms.{layer}.bias", width, scale=0.2)
        if family == "batch":
            draw(f"norms.{layer}.running_mean", width)
            tensors[f"norms.{layer}.running_var"] = random.uniform(0.5, 2, width).astype(np.float32)
            tensors[f"norms.{layer}.num_batches_tracked"] = np.array(100)
    draw("decoder.weight", n_classes, width)
    draw("decoder.bias", n_classes)
    return tensors


class Outcome(NamedTuple):
    """What `evaluate` returns; `y` of kind `gelu` is the activated output."""

    logits: Array         # [token, class]: decoder of the mean so far
    spikes: list[Array]   # per layer [token, channel]; of `gelu`, its graded values
    stream: list[Array]   # per layer [token, channel]: the residual stream behind it


def evaluate(tensors: Tensors, kind: str, norm: str, x: Array, *, tau: float = 0.125, strict: bool = False,
             bilinear: bool = False) -> Outcome:
    """Evaluate token by token: x [token, input]. B folded into C, unlike the importer."""
    p = {key: value.astype(np.float64) for key, value in tensors.items()}
    n_layers = len({key.split(".")[1] for key in p if key.startswith("s4_layers.")})
    blocks = [_Block(p, layer, kind, norm, tau, strict, bilinear) for layer in range(n_layers)]
    spikes: list[list[Array]] = [[] for _ in blocks]
    stream: list[list[Array]] = [[] for _ in blocks]
    total, logits = np.zeros(p["encoder.bias"].size), []
    for token in range(len(x)):
        r = p["encoder.weight"] @ x[token] + p["encoder.bias"]
        for layer, block in enumerate(blocks):
            r, fired = block.step(r)
            spikes[layer].append(fired)
            stream[layer].append(r)
        total += r
        logits.append(p["decoder.weight"] @ (total / (token + 1)) + p["decoder.bias"])
    return Outcome(np.array(logits), [np.array(s) for s in spikes], [np.array(s) for s in stream])


class _Block:
    def __init__(self, p: Tensors, layer: int, kind: str, norm: str, tau: float, strict: bool, bilinear: bool) -> None:
        self.kind, self.norm, self.tau, self.strict = kind, norm, tau, strict
        self.p = {key.split(".", 2)[2]: value for key, value in p.items() if key.startswith(f"s4_layers.{layer}.")}
        self.n = {key.split(".", 2)[2]: value for key, value in p.items() if key.startswith(f"norms.{layer}.")}
        width = self.p["D"].size
        c = self.p["kernel.C"].reshape(width, -1, 2) @ np.array([1, 1j])
        if "kernel.B" in self.p:
            dt = np.exp(self.p["kernel.inv_dt"].reshape(width, 1))
            poles = -np.exp(self.p["kernel.A_real"]) - 1j * self.p["kernel.A_imag"]
            c = c * (self.p["kernel.B"][0] @ np.array([1, 1j]))
        else:
            dt = np.exp(self.p["kernel.log_dt"][:, None])
            poles = -np.exp(self.p["kernel.log_A_real"]) + 1j * self.p["kernel.A_imag"]
        if bilinear:
            self.a = (2 + dt * poles) / (2 - dt * poles)
            self.c = c * 2 * dt / (2 - dt * poles)
        else:
            self.a = np.exp(dt * poles)
            self.c = c * (np.exp(dt * poles) - 1) / poles
        self.h, self.u = np.zeros_like(self.a), np.zeros(width)

    def normalised(self, x: Array) -> Array:
        if "running_mean" in self.n:
            mean, variance = self.n["running_mean"], self.n["running_var"]
        else:
            mean, variance = x.mean(), x.var()
        return (x - mean) / np.sqrt(variance + 1e-5) * self.n["weight"] + self.n["bias"]

    def step(self, x: Array) -> tuple[Array, Array]:
        z = self.normalised(x) if self.norm.endswith("_pre") else x
        self.h = self.a * self.h + z[:, None]
        y = 2 * (self.c * self.h).sum(1).real + self.p["D"].reshape(-1) * z
        fired = getattr(self, f"fire_{self.kind}")(y)
        mixed = self.gsu(y, fired) if self.kind == "gsu" else self.glu(fired)
        out = x + mixed
        return (self.normalised(out) if self.norm.endswith("_post") else out), fired

    def above(self, value: Array, threshold: float) -> Array:
        return (value > threshold if self.strict else value >= threshold).astype(np.float64)

    def fire_lif(self, y: Array) -> Array:
        m = self.tau * self.u + y / np.exp(self.p["ln_vth"].reshape(-1))
        s = self.above(m, 1.0)
        self.u = m * (1 - s)
        return s

    def fire_binary(self, y: Array) -> Array:
        return self.above(y, 0.0)

    def fire_gelu(self, y: Array) -> Array:
        return gelu(y)

    def fire_gsu(self, y: Array) -> Array:
        return ternary(y)

    def gsu(self, y: Array, t: Array) -> Array:
        return gelu((t @ self.p["w"] + self.p["b"]) * (y @ ternary(self.p["w"]) + self.p["c"]))

    def glu(self, s: Array) -> Array:
        weight = self.p["output_linear.0.weight"]
        mixed = weight.reshape(weight.shape[0], -1) @ s + self.p["output_linear.0.bias"]
        value, gate = np.split(mixed, 2)
        return np.asarray(value / (1 + np.exp(-gate)))


def ternary(v: Array) -> Array:
    """Return the sign where the magnitude reaches 0.15 of the largest."""
    return np.where(np.abs(v) >= 0.15 * np.abs(v).max(), np.sign(v), 0.0)


def gelu(v: Array) -> Array:
    """Return the exact GELU."""
    return np.array([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in v])
