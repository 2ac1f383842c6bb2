"""Networks of resonate-and-fire and adaptive neurons as their papers write them, on the numbers of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DT, THETA, GAMMA = 0.01, 1.0, 0.9
BASE_THRESHOLD, BETA = 0.01, 1.8


class Outcome(NamedTuple):
    """spikes : [sample, token, neuron];  readout : [sample, token, class]"""

    spikes: Floats
    readout: Floats


class Resonators:
    """u' = u + dt (b u - w v + i), v' = v + dt (w u + b v); b = p(w) - |b_offset| - q, or -|b_offset|."""

    def __init__(self, tensors: Mapping[str, Floats], n_samples: int, *, balanced: bool) -> None:
        self.w, self.balanced = np.abs(tensors["hidden.omega"]), balanced
        self.b = -np.abs(tensors["hidden.b_offset"])
        if balanced:
            self.b = self.b + (-1 + np.sqrt(1 - np.square(DT * self.w))) / DT
        self.u, self.v, self.q = (np.zeros((n_samples, len(self.w))) for _ in range(3))

    def step(self, current: Floats) -> Floats:
        b = self.b - self.q
        self.u, self.v = (self.u + DT * (b * self.u - self.w * self.v + current),
                          self.v + DT * (self.w * self.u + b * self.v))
        spikes = (self.u > THETA + self.q).astype(np.float64)
        if self.balanced:
            self.q = GAMMA * self.q + spikes
        return spikes


class Adaptive:
    """q = rho q + (1 - rho) z;  th = 0.01 + 1.8 q;  u = a u + (1 - a) i;  z = u > th;  u -= z th"""

    def __init__(self, tensors: Mapping[str, Floats], n_samples: int) -> None:
        self.a, self.rho = (np.exp(-1 / np.abs(tensors[f"hidden.tau_{name}"])) for name in ("mem", "adp"))
        self.u, self.q, self.z = (np.zeros((n_samples, len(self.a))) for _ in range(3))

    def step(self, current: Floats) -> Floats:
        self.q = self.rho * self.q + (1 - self.rho) * self.z
        threshold = BASE_THRESHOLD + BETA * self.q
        self.u = self.a * self.u + (1 - self.a) * current
        self.z = (self.u > threshold).astype(np.float64)
        self.u = self.u - self.z * threshold
        return self.z


def evaluate(tensors: Mapping[str, Any], kind: str, inputs: Floats) -> Outcome:
    """Run a network of `kind` on inputs [sample, token, column]."""
    wide = {key: np.asarray(values, np.float64) for key, values in tensors.items()}
    n_samples, n_tokens, _ = inputs.shape
    hidden: Any = Adaptive(wide, n_samples) if kind == "alif" else \
        Resonators(wide, n_samples, balanced=kind == "brf")
    weights = wide["hidden.linear.weight"] * wide.get("hidden.linear.mask", 1.0)
    leak = np.exp(-1 / np.abs(wide["out.tau_mem"]))
    out, spikes = np.zeros((n_samples, len(leak))), np.zeros((n_samples, len(weights)))
    trains, readouts = [], []
    for token in range(n_tokens):
        spikes = hidden.step(np.concatenate([inputs[:, token], spikes], axis=1) @ weights.T)
        out = leak * out + (1 - leak) * (spikes @ wide["out.linear.weight"].T + wide.get("out.linear.bias", 0.0))
        trains.append(spikes)
        readouts.append(out)
    return Outcome(np.stack(trains, axis=1), np.stack(readouts, axis=1))


def random_tensors(kind: str, seed: int = 0, *, n_hidden: int = 12, n_inputs: int = 3, n_outputs: int = 4,
                   mask: bool = False) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a small network whose neurons fire now and then; signs of w and b_offset do not matter."""
    random = np.random.default_rng(seed)
    shape = (n_hidden, n_inputs + n_hidden)
    scale = 1.5 if kind == "alif" else 40.0
    tensors = {"hidden.linear.weight": random.normal(0, scale, shape), "out.tau_mem": random.uniform(3, 30, n_outputs),
               "out.linear.weight": random.normal(0, 2, (n_outputs, n_hidden))}
    if kind == "alif":
        tensors |= {"hidden.tau_mem": random.uniform(5, 20, n_hidden),
                    "hidden.tau_adp": random.uniform(3, 90, n_hidden)}
    else:
        tensors |= {"hidden.omega": random.uniform(-5, 50, n_hidden),
                    "hidden.b_offset": random.uniform(-4, 4, n_hidden)}
    if mask:
        tensors["hidden.linear.mask"] = (random.random(shape) < 0.6).astype(np.float64)
    return {key: values.astype(np.float32) for key, values in tensors.items()}
