"""lava-dl's netx networks in plain integers, layer by layer, written from the published rules.

    CUBA   u <- trz(u (4096 - iDecay), 12) + (W s << 6);   v <- clip(trz(v (4096 - vDecay), 12) + u + (bias << 6))
           s = v > vThMant << 6;   v = 0 where it spikes
    SDNN   sigma <- sigma + W m;   x = relu(sigma + (bias << 12));   d = x - x_old + residue
           m = d >> 6 where |d| >= vThMant << 12, residue = d - (what was sent)
    RF     re, im <- lambda (re, im) + (W s << 6), each product shifted toward zero on its own

Images are [channel, row, column] as in PyTorch; a convolution is a cross-correlation. A layer takes what the layer
before it sent `latency` tokens ago, 0 as in training or 1 as in Lava, and recurrent spikes one token later. All int64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
LIMIT = 2**23 - 1


class LayerRun(NamedTuple):
    """spikes: what a layer sent, [token, ...shape]; state: name -> [token, ...shape], after the update."""

    kind: str
    spikes: Ints
    state: dict[str, Ints]


def trz(values: Ints, bits: int) -> Ints:
    return np.sign(values) * (np.abs(values) >> bits)


def read_layers(path: Path) -> list[dict[str, Any]]:
    """Return every dataset of every layer, by the layers' numbers."""
    with h5py.File(path, "r") as file:
        return [_read(file["layer"][str(index)]) for index in range(len(file["layer"]))]


def _read(group: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            found |= {f"{name}/{key}": value for key, value in _read(item).items()}
        else:
            value = item[()]
            found[name] = value.flat[0] if name == "type" and isinstance(value, np.ndarray) else value
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def run_network(layers: list[dict[str, Any]], given: Ints, latency: int = 0) -> list[LayerRun]:
    """Return what every layer with neurons does; `given`: [token, ...shape], see `_input`."""
    runs: list[LayerRun] = []
    sent = given
    for layer in layers:
        kind = layer["type"]
        if kind == "input":
            run = _input(layer, sent)
        elif kind == "flatten":
            sent = sent.reshape(len(sent), -1)
            continue
        elif kind == "average":
            groups = _late(sent, latency).reshape(len(sent), int(np.prod(layer["shape"])), -1)
            run = LayerRun(kind, groups.sum(axis=2), {})
        else:
            run = _layer(layer, _late(sent, latency))
        runs.append(run)
        sent = run.spikes
    return runs


def _input(layer: dict[str, Any], given: Ints) -> LayerRun:
    """`given`: the bias of CUBA neurons, the values of SDNN ones, spikes where there are no neurons."""
    if "neuron/type" not in layer:
        return LayerRun("input", given, {})
    kind = layer["neuron/type"]
    zero = np.zeros(given.shape[1:], np.int64)
    if kind == "SDNN":
        threshold = _wide(layer["neuron/vThMant"], zero) << 12
        delta = Delta(threshold)
        return LayerRun("input", np.array([delta.step(x << 12) for x in given]), {})
    return _Cuba(layer, zero).run("input", np.zeros_like(given), given)


def _layer(layer: dict[str, Any], sent: Ints) -> LayerRun:
    delay = np.minimum(np.asarray(layer.get("delay", 0)).astype(np.int64), 62)
    kind = layer.get("neuron/type", "CUBA")
    shape = tuple(int(n) for n in np.ravel(layer["shape"]))
    if layer["type"].startswith("dense"):
        shape = (int(np.prod(shape)),)
    zero = np.zeros(shape, np.int64)
    bias = np.zeros((len(sent), *shape), np.int64) + _wide(layer.get("bias", 0), zero)
    if kind.startswith("RF"):
        charges = [np.array([_synapses(layer, f"weight/{part}", s, shape) for s in sent]) for part in ("real", "imag")]
        return _resonators(layer, *charges, zero)
    if layer["type"] == "dense_rec":
        assert delay.size == 1, "delays of recurrent layers are single here"
        feed = _delayed(layer, sent, delay, shape)
        return _recurrent(layer, feed, bias, zero)
    charge = _delayed(layer, sent, delay, shape)
    if kind == "SDNN":
        return _sigma_delta(layer, charge, bias, zero)
    return _Cuba(layer, zero).run(layer["type"], charge, bias)


def _late(sent: Ints, delay: int) -> Ints:
    return np.concatenate([np.zeros_like(sent[:delay]), sent])[:len(sent)]


def _delayed(layer: dict[str, Any], sent: Ints, delay: Ints, shape: tuple[int, ...]) -> Ints:
    """Return W s for every token, each synapse taking what was sent `delay` tokens before."""
    if delay.size == 1:
        late = _late(sent, int(delay.reshape(-1)[0]))
        return np.array([_synapses(layer, "weight", s, shape) for s in late])
    weights = _matrix(layer, "weight", shape)
    of_synapse = np.broadcast_to(delay[:, None] if len(delay) == len(weights) else delay, weights.shape)
    charge = np.zeros((len(sent), *shape), np.int64)
    for token in range(len(sent)):
        for d in np.unique(of_synapse):
            if token >= d:
                charge[token] += np.where(of_synapse == d, weights, 0) @ sent[token - d].reshape(-1)
    return charge


def _synapses(layer: dict[str, Any], name: str, sent: Ints, shape: tuple[int, ...]) -> Ints:
    if layer["type"] in ("conv", "pool"):
        return _correlate(layer, np.asarray(layer[name]).astype(np.int64), sent, shape)
    return np.asarray(_matrix(layer, name, shape) @ sent.reshape(-1)).reshape(shape)


def _matrix(layer: dict[str, Any], name: str, shape: tuple[int, ...]) -> Ints:
    return np.asarray(layer[name]).astype(np.int64).reshape(int(np.prod(shape)), -1)


def _pair(value: Any) -> tuple[int, int]:
    both = np.broadcast_to(np.ravel(value), 2)
    return int(both[0]), int(both[1])


def _correlate(layer: dict[str, Any], kernel: Ints, sent: Ints, shape: tuple[int, ...]) -> Ints:
    """Add kernel tap by kernel tap: out[o, y, x] += kernel[o, c, i, j] padded[c, y sy + i dy, x sx + j dx]."""
    (sy, sx), (py, px), (dy, dx) = (_pair(layer[name]) for name in ("stride", "padding", "dilation"))
    kernel = kernel.reshape(kernel.shape[:4])
    n_channels = len(sent)
    if layer["type"] == "pool":
        kernel, groups = np.broadcast_to(kernel, (n_channels, 1, *kernel.shape[2:])), n_channels
    else:
        groups = int(layer["groups"])
    padded = np.pad(sent, ((0, 0), (py, py), (px, px)))
    out = np.zeros(shape, np.int64)
    n_out, n_in = len(kernel) // groups, n_channels // groups
    for group in range(groups):
        own = slice(group * n_out, (group + 1) * n_out)
        image = padded[group * n_in:(group + 1) * n_in]
        for i in range(kernel.shape[2]):
            for j in range(kernel.shape[3]):
                seen = image[:, i * dy:i * dy + sy * (shape[1] - 1) + 1:sy, j * dx:j * dx + sx * (shape[2] - 1) + 1:sx]
                out[own] += np.tensordot(kernel[own, :, i, j], seen, axes=1)
    return out


def _wide(value: Any, like: Ints) -> Ints:
    """Return a parameter of all neurons, of each channel, or of each neuron in the shape of `like`."""
    values = np.asarray(value).astype(np.int64)
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), like.shape)
    if values.size == like.size:
        return values.reshape(like.shape)
    return np.broadcast_to(values.reshape(-1, *[1] * (like.ndim - 1)), like.shape)


class _Cuba:
    """Neurons of type CUBA or LOIHI; without parameters an integrator of the current that never fires."""

    def __init__(self, layer: dict[str, Any], zero: Ints) -> None:
        self.keep_u = 4096 - _wide(layer.get("neuron/iDecay", 0), zero)
        self.keep_v = 4096 - _wide(layer.get("neuron/vDecay", 4096), zero)
        self.threshold = _wide(layer.get("neuron/vThMant", 2**18), zero) << 6
        self.rest = _wide(layer.get("neuron/refDelay", 1), zero) - 1
        self.left = np.zeros_like(zero)
        self.u, self.v = np.zeros_like(zero), np.zeros_like(zero)

    def step(self, charge: Ints, bias: Ints) -> Ints:
        """Return spikes."""
        u = trz(self.u * self.keep_u, 12) + (charge << 6)
        u = np.where(u > LIMIT + 1, u - 2**24, np.where(u <= -LIMIT - 1, u + 2**24, u))
        before = np.clip(trz(self.v * self.keep_v, 12) + u + (bias << 6), -LIMIT, LIMIT)
        spikes = ((before > self.threshold) & (self.left == 0)).astype(np.int64)
        self.u, self.v = u, np.where((spikes == 1) | (self.left > 0), 0, before)
        self.left = np.where(spikes == 1, self.rest, np.maximum(self.left - 1, 0))
        return spikes

    def run(self, kind: str, charge: Ints, bias: Ints) -> LayerRun:
        """Return all tokens."""
        spikes, u, v = np.zeros_like(charge), np.zeros_like(charge), np.zeros_like(charge)
        for token in range(len(charge)):
            spikes[token] = self.step(charge[token], bias[token])
            u[token], v[token] = self.u, self.v
        return LayerRun(kind, spikes, {"u": u, "v": v})


def _recurrent(layer: dict[str, Any], feed: Ints, bias: Ints, zero: Ints) -> LayerRun:
    neurons, back = _Cuba(layer, zero), _matrix(layer, "weight_rec", zero.shape)
    spikes, u, v = np.zeros_like(feed), np.zeros_like(feed), np.zeros_like(feed)
    before = zero
    for token in range(len(feed)):
        before = neurons.step(feed[token] + back @ before, bias[token])
        spikes[token], u[token], v[token] = before, neurons.u, neurons.v
    return LayerRun("dense_rec", spikes, {"u": u, "v": v})


class Delta:
    """Lava's delta encoder with a residue: messages have 6 bits less than what they encode."""

    def __init__(self, threshold: Ints) -> None:
        self.threshold = threshold
        self.before, self.residue = np.zeros_like(threshold), np.zeros_like(threshold)

    def step(self, x: Ints) -> Ints:
        """Return the messages for the values `x`."""
        change = x - self.before + self.residue
        sent = np.where(np.abs(change) >= self.threshold, change, 0)
        self.before, self.residue = x, change - sent
        return sent >> 6


def _sigma_delta(layer: dict[str, Any], charge: Ints, bias: Ints, zero: Ints) -> LayerRun:
    sigma = np.cumsum(charge, axis=0)
    if layer.get("neuron/sigma_output", False):
        return LayerRun(layer["type"], sigma, {"sigma": sigma})
    delta = Delta(_wide(layer["neuron/vThMant"], zero) << 12)
    act = sigma + (bias << 12)
    if layer.get("neuron/activation", "relu") == "relu":
        act = np.maximum(act, 0)
    return LayerRun(layer["type"], np.array([delta.step(x) for x in act]), {"sigma": sigma})


def _resonators(layer: dict[str, Any], charge_real: Ints, charge_imag: Ints, zero: Ints) -> LayerRun:
    sin, cos = _wide(layer["neuron/sinDecay"], zero), _wide(layer["neuron/cosDecay"], zero)
    threshold, phase = _wide(layer["neuron/vThMant"], zero) << 6, "PHASE" in layer["neuron/type"]
    real, imag = zero, zero
    spikes, reals, imags = np.zeros_like(charge_real), np.zeros_like(charge_real), np.zeros_like(charge_real)
    for token in range(len(charge_real)):
        old = imag
        new_real = trz(cos * real, 12) - trz(sin * imag, 12) + (charge_real[token] << 6)
        new_imag = trz(sin * real, 12) + trz(cos * imag, 12) + (charge_imag[token] << 6)
        real, imag = np.clip(new_real, -LIMIT, LIMIT), np.clip(new_imag, -LIMIT, LIMIT)
        if phase:
            fired = (real >= threshold) & (imag >= 0) & (old < 0)
        else:
            fired = imag >= threshold
            real, imag = np.where(fired, 0, real), np.where(fired, threshold - 1, imag)
        spikes[token], reals[token], imags[token] = fired, real, imag
    return LayerRun(layer["type"], spikes, {"real": reals, "imag": imags})
