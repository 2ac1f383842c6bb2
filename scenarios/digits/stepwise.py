"""Token-by-token evaluation of the digit networks in float64: the golden reference.

Written apart from `reference.py`, in NumPy alone. The float32 weights become float64 first; every derived quantity
(discrete poles, input gains, thresholds, BatchNorm scale) is computed in float64 afterwards. Per token:

    x = encoder(input * scale)                         pixel / 16 for the digits
    for every layer:
        u = x * scale + shift                          BatchNorm, with the stored statistics
        h = Abar * h + Bbar * u                        Abar = exp(dt A), Bbar = (exp(dt A) - 1) / A
        y = 2 Re(sum over modes of C h) + D u
        lif:     m = tau * m + y / exp(ln_vth);   s = m >= 1;   m = 0 where s
        binary:  s = y >= 0
        gsu:     s = sign(y) where |y| >= delta_factor * max |y| (over the channels), else 0
        lif, binary:  a, g = W s + bias (first and second half);   x = x + a * sigmoid(g)
        gsu:          x = x + GELU((s W + b) * (y Ter(W) + c)),    Ter(W) with the maximum over the matrix
    sum += x
    logits = decoder(sum / number of tokens)           after the last token

All states start at 0. GELU is the exact one (error function).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
PIXEL_SCALE = 1 / 16
BATCH_NORM_EPS = 1e-5

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Settings(NamedTuple):
    """What the tensors do not say."""

    kind: str  # lif, binary or gsu
    tau: float = 0.125
    delta_factor: float = 0.15


class StepResult(NamedTuple):
    """Outcome of one evaluation."""

    logits: FloatArray  # [item, class]
    spikes: list[npt.NDArray[np.int8]]  # per layer [item, token, channel]; -1, 0, 1
    margins: list[float]  # per layer: smallest distance of any neuron's value to its threshold


class Layer:
    """One norm and block with its state; `step` takes and returns the residual stream [item, channel]."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]], index: int, settings: Settings, n_items: int) -> None:
        self.settings = settings
        self.p = _as_float64(tensors, f"s4_layers.{index}.")
        norm = _as_float64(tensors, f"norms.{index}.")
        self.scale = norm["weight"] / np.sqrt(norm["running_var"] + BATCH_NORM_EPS)
        self.shift = norm["bias"] - norm["running_mean"] * self.scale
        pole = -np.exp(self.p["kernel.log_A_real"]) + 1j * self.p["kernel.A_imag"]
        self.a_bar = np.exp(np.exp(self.p["kernel.log_dt"])[:, None] * pole)
        self.b_bar = (self.a_bar - 1.0) / pole
        self.c = self.p["kernel.C"][0, ..., 0] + 1j * self.p["kernel.C"][0, ..., 1]
        self.h = np.zeros((n_items, *pole.shape), dtype=np.complex128)
        self.membrane = np.zeros((n_items, pole.shape[0]))
        self.margin = math.inf

    def step(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Advance by one token; return (x + block output, spikes)."""
        u = x * self.scale + self.shift
        self.h = self.a_bar * self.h + self.b_bar * u[..., None]
        y = 2 * (self.c * self.h).sum(-1).real + self.p["D"][0] * u
        spikes = self._fire(y)
        mixed = self._gate(y, spikes) if self.settings.kind == "gsu" else self._glu(spikes)
        return x + mixed, spikes

    def _fire(self, y: FloatArray) -> FloatArray:
        if self.settings.kind == "lif":
            value = self.settings.tau * self.membrane + y / np.exp(self.p["ln_vth"][:, 0])
            spikes = (value >= 1.0).astype(np.float64)
            self.membrane = np.where(spikes == 1.0, 0.0, value)
            distance = value - 1.0
        elif self.settings.kind == "binary":
            spikes = (y >= 0.0).astype(np.float64)
            distance = y
        else:
            threshold = self.settings.delta_factor * np.abs(y).max(-1, keepdims=True)
            spikes = ternary(y, threshold)
            distance = np.abs(y) - threshold
        self.margin = min(self.margin, float(np.abs(distance).min()))
        return spikes

    def _glu(self, spikes: FloatArray) -> FloatArray:
        mixed = spikes @ self.p["output_linear.0.weight"][..., 0].T + self.p["output_linear.0.bias"]
        value, gate = np.split(mixed, 2, axis=-1)
        return value / (1.0 + np.exp(-gate))

    def _gate(self, y: FloatArray, spikes: FloatArray) -> FloatArray:
        weight = self.p["w"]
        signs = ternary(weight, self.settings.delta_factor * np.abs(weight).max())
        product = (spikes @ weight + self.p["b"]) * (y @ signs + self.p["c"])
        return np.asarray(0.5 * product * (1.0 + _erf(product / math.sqrt(2.0))))


def ternary(values: FloatArray, threshold: FloatArray | float) -> FloatArray:
    """Return the sign of `values` where the magnitude reaches `threshold`, else 0."""
    return np.where(np.abs(values) >= threshold, np.sign(values), 0.0)


def _as_float64(tensors: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, FloatArray]:
    return {
        key.removeprefix(prefix): value.astype(np.float64) for key, value in tensors.items() if key.startswith(prefix)
    }


def evaluate(tensors: Mapping[str, npt.NDArray[Any]], settings: Settings, inputs: npt.NDArray[Any],
             scale: float = PIXEL_SCALE) -> StepResult:
    """Evaluate the network one token at a time on inputs [item, token, column], multiplied by `scale`.

    inputs : any real type; [item, token] for a network with one input column, such as pixels of 0 to 16
    """
    encoder, decoder = _as_float64(tensors, "encoder."), _as_float64(tensors, "decoder.")
    n_layers = len({key.split(".")[1] for key in tensors if key.startswith("s4_layers.")})
    columns = (inputs if inputs.ndim == 3 else inputs[..., None]).astype(np.float64) * scale
    n_items, n_tokens, _ = columns.shape
    layers = [Layer(tensors, index, settings, n_items) for index in range(n_layers)]
    width = encoder["bias"].size
    spikes = [np.zeros((n_items, n_tokens, width), dtype=np.int8) for _ in layers]
    total = np.zeros((n_items, width))
    for token in range(n_tokens):
        x = columns[:, token] @ encoder["weight"].T + encoder["bias"]
        for layer, kept in zip(layers, spikes, strict=True):
            x, fired = layer.step(x)
            kept[:, token] = fired
        total += x
    logits = (total / n_tokens) @ decoder["weight"].T + decoder["bias"]
    return StepResult(logits, spikes, [layer.margin for layer in layers])


def read_settings(path: Path) -> Settings:
    """Return the settings in the metadata of a weights file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    return Settings(metadata["kind"], float(metadata["tau"]), float(metadata["delta_factor"]))


def evaluate_file(path: Path, inputs: npt.NDArray[Any], scale: float = PIXEL_SCALE) -> StepResult:
    """Evaluate the network of a weights file; see `evaluate`."""
    from safetensors.numpy import load_file

    return evaluate(load_file(path), read_settings(path), inputs, scale)
