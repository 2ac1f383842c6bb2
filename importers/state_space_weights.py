"""The tensors of a state-space network, read from a checkpoint and discretised in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from importers.checkpoint import Checkpoint, FloatArray
from importers.state_space_settings import Settings, norm_family
from neurosim.errors import DataError

ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class Channels:
    """Discrete diagonal state space of every channel: h <- a h + b x; y = 2 Re sum c h + d x.

    a, b, c : complex128[channel, mode];  d : float64[channel]
    """

    a: ComplexArray
    b: ComplexArray
    c: ComplexArray
    d: FloatArray


@dataclass(frozen=True)
class Affine:
    """Values times `weights` [pre, post] plus `bias` [post]."""

    weights: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Norm:
    """Scale and shift per channel; the stored statistics of a BatchNorm."""

    weight: FloatArray
    bias: FloatArray
    mean: FloatArray | None = None
    variance: FloatArray | None = None

    def folded(self, epsilon: float) -> tuple[FloatArray, FloatArray]:
        """Return (scale, shift) of a BatchNorm with its stored statistics: x scale + shift."""
        assert self.mean is not None and self.variance is not None
        scale = self.weight / np.sqrt(self.variance + epsilon)
        return scale, self.bias - self.mean * scale


@dataclass(frozen=True)
class Layer:
    """One block.

    threshold : float64[channel], `lif` only
    mix : both halves of the gated linear unit, [channel, 2 channels]; or the W and b of a gated spiking unit
    graded_bias : the c of a gated spiking unit
    """

    channels: Channels
    mix: Affine
    threshold: FloatArray | None = None
    graded_bias: FloatArray | None = None
    norm: Norm | None = None


@dataclass(frozen=True)
class Weights:
    """All numbers of a network. `embedding`: the encoder is a table indexed by the token."""

    encoder: Affine
    layers: tuple[Layer, ...]
    decoder: Affine
    embedding: bool


def read_weights(checkpoint: Checkpoint, settings: Settings) -> Weights:
    """Read every layer, encoder and decoder."""
    n_layers = count_layers(checkpoint)
    width = _width(checkpoint)
    encoder, embedding = _read_encoder(checkpoint, width)
    layers = tuple(_read_layer(checkpoint, index, width, settings) for index in range(n_layers))
    return Weights(encoder, layers, _read_decoder(checkpoint, width), embedding)


def count_layers(checkpoint: Checkpoint) -> int:
    """Return the number of layers; refuse gaps in their numbering."""
    parts = [key.split(".")[1] for key in checkpoint.tensors if key.startswith("s4_layers.")]
    indices = sorted({int(part) for part in parts if part.isdecimal()})
    if not indices or indices != list(range(len(indices))):
        raise DataError(f"{checkpoint.path}: layers numbered {', '.join(map(str, indices)) or 'not at all'}",
                        allowed="s4_layers.0, s4_layers.1, … without gaps")
    return len(indices)


def _width(checkpoint: Checkpoint) -> int:
    shape = checkpoint.shape("s4_layers.0.kernel.C")
    if len(shape) == 4 and shape[0] == 2:
        raise DataError(f"{checkpoint.path}: s4_layers.0.kernel.C has shape {shape}: a bidirectional network, which "
                        "needs the end of a sequence before its first output and so cannot run token by token",
                        allowed="(1, channels, modes, 2) or (channels, modes, 2)", mend="train a causal network")
    if len(shape) not in (3, 4):
        raise DataError(f"{checkpoint.path}: s4_layers.0.kernel.C has shape {shape}",
                        allowed="(1, channels, modes, 2) or (channels, modes, 2)")
    return shape[-3]


def _read_encoder(checkpoint: Checkpoint, width: int) -> tuple[Affine, bool]:
    key = checkpoint.first_of("encoder.weight", "encoder.0.weight")
    bias_key = key.removesuffix("weight") + "bias"
    shape = checkpoint.shape(key)
    if bias_key not in checkpoint and len(shape) == 2 and shape[1] == width:
        table = checkpoint.take(key, shape, target="encoder", reason="a table: one input per token of the vocabulary")
        return Affine(table, np.zeros(width)), True
    n_inputs = shape[-1] if shape else 1
    weights = checkpoint.take(key, (width, n_inputs), target="encoder").T
    bias = checkpoint.take(bias_key, (width,), target="encoder")
    return Affine(weights, bias), False


def _read_decoder(checkpoint: Checkpoint, width: int) -> Affine:
    key = checkpoint.first_of("decoder.weight", "decoder.0.output_transform.weight")
    shape = checkpoint.shape(key)
    n_outputs = shape[0] if shape else 1
    weights = checkpoint.take(key, (n_outputs, width), target="readout").T
    return Affine(weights, checkpoint.take(key.removesuffix("weight") + "bias", (n_outputs,), target="readout"))


def _read_layer(checkpoint: Checkpoint, index: int, width: int, settings: Settings) -> Layer:
    prefix, target = f"s4_layers.{index}", f"layer{index}"
    for key in checkpoint.tensors:
        if key.startswith(f"{prefix}.neuron."):
            checkpoint.drop(key, "surrogate of the membrane for parallel training; the membrane itself is simulated")
    norm = _read_norm(checkpoint, index, width, settings)
    channels = _read_channels(checkpoint, prefix, width, settings.discretization, f"{target}.ssm")
    if settings.kind == "gsu":
        mix = Affine(checkpoint.take(f"{prefix}.w", (width, width), target=f"{target}.gsu"),
                     checkpoint.take(f"{prefix}.b", (width,), target=f"{target}.gsu ternary_bias"))
        graded_bias = checkpoint.take(f"{prefix}.c", (width,), target=f"{target}.gsu graded_bias")
        return Layer(channels, mix, graded_bias=graded_bias, norm=norm)
    shapes = ((2 * width, width), (2 * width, width, 1))
    mix = Affine(checkpoint.take(f"{prefix}.output_linear.0.weight", *shapes, target=f"{target}.glu value, gate").T,
                 checkpoint.take(f"{prefix}.output_linear.0.bias", (2 * width,),
                                 target=f"{target}.glu value_bias, gate_bias"))
    return Layer(channels, mix, _read_threshold(checkpoint, prefix, width, settings), norm=norm)


def _read_threshold(checkpoint: Checkpoint, prefix: str, width: int, settings: Settings) -> FloatArray | None:
    if settings.kind != "lif":
        return None
    if not any(key.endswith(".ln_vth") for key in checkpoint.tensors):
        return np.full(width, settings.threshold)
    key = f"{prefix}.ln_vth"
    shapes = ((1,),) if checkpoint.shape(key) == (1,) else ((width,), (width, 1))
    logarithm = checkpoint.take(key, *shapes, target=f"{prefix.replace('s4_layers.', 'layer')}.ssm threshold",
                                reason="threshold = exp(ln_vth)")
    with np.errstate(all="ignore"):
        threshold, inverse = np.exp(logarithm), 1 / np.exp(logarithm)
    checkpoint.derived(key, "threshold", threshold)
    checkpoint.derived(key, "1 / threshold", inverse)
    return np.broadcast_to(threshold, (width,))


@np.errstate(all="ignore")  # what overflows is refused as not finite
def _read_channels(checkpoint: Checkpoint, prefix: str, width: int, discretization: str, target: str) -> Channels:
    shape = checkpoint.shape(f"{prefix}.kernel.C")
    n_modes = shape[-2] if len(shape) >= 2 else 1
    modes, pairs = (width, n_modes), (width, n_modes, 2)
    if f"{prefix}.kernel.inv_dt" in checkpoint:
        dt, pole, gain = _read_trained_b(checkpoint, f"{prefix}.kernel", modes, target)
    else:
        dt = np.exp(checkpoint.take(f"{prefix}.kernel.log_dt", (width, 1), (width,), target=f"{target} a, b",
                                    reason="dt = exp(log_dt)"))
        pole = (-np.exp(checkpoint.take(f"{prefix}.kernel.log_A_real", modes, target=f"{target} a, b"))
                + 1j * checkpoint.take(f"{prefix}.kernel.A_imag", modes, target=f"{target} a, b"))
        gain = np.ones(modes, np.complex128)
    c = checkpoint.take(f"{prefix}.kernel.C", pairs, (1, *pairs), target=f"{target} c")
    d = checkpoint.take(f"{prefix}.D", (width,), (1, width), target=f"{target} d")
    checkpoint.derived(checkpoint.first_of(f"{prefix}.kernel.inv_dt", f"{prefix}.kernel.log_dt"), "dt", dt)
    a, b = discretise(dt, pole, discretization)
    checkpoint.derived(f"{prefix}.kernel.A_imag", "pole and input gain", a + b)
    return Channels(a, b * gain, c[..., 0] + 1j * c[..., 1], d)


def _read_trained_b(checkpoint: Checkpoint, prefix: str, modes: tuple[int, int], target: str
                    ) -> tuple[FloatArray, ComplexArray, ComplexArray]:
    """Return (dt, pole, input gain) of the kernel with trainable B, whose imaginary part has the other sign."""
    dt = np.exp(checkpoint.take(f"{prefix}.inv_dt", (modes[0], 1), (modes[0],), target=f"{target} a, b",
                                reason="dt = exp(inv_dt)"))
    pole = (-np.exp(checkpoint.take(f"{prefix}.A_real", modes, target=f"{target} a, b"))
            - 1j * checkpoint.take(f"{prefix}.A_imag", modes, target=f"{target} a, b"))
    pairs = checkpoint.take(f"{prefix}.B", (*modes, 2), (1, *modes, 2), target=f"{target} b")
    return dt, pole, pairs[..., 0] + 1j * pairs[..., 1]


def discretise(dt: FloatArray, pole: ComplexArray, method: str) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of one time step for input gain 1.

        zoh:       a = exp(dt A)                        b = (exp(dt A) - 1) / A
        bilinear:  a = (1 + dt A / 2) / (1 - dt A / 2)  b = dt / (1 - dt A / 2)

    Source: Gu, Gupta, Goel, Ré, arXiv 2206.11893, section 3.
    """
    if method == "zoh":
        a = np.exp(dt * pole)
        return a, (a - 1.0) / pole
    return (1 + dt * pole / 2) / (1 - dt * pole / 2), dt / (1 - dt * pole / 2)


def _read_norm(checkpoint: Checkpoint, index: int, width: int, settings: Settings) -> Norm | None:
    prefix = f"norms.{index}"
    keys = [key for key in checkpoint.tensors if key.startswith(f"{prefix}.")]
    if settings.norm == "none":
        for key in keys:
            checkpoint.drop(key, "norm = none")
        return None
    if f"{prefix}.num_batches_tracked" in checkpoint:
        checkpoint.drop(f"{prefix}.num_batches_tracked", "a counter of the training")
    if norm_family(checkpoint) == "layer":
        return Norm(*(checkpoint.take(f"{prefix}.{name}", (width,), target=f"layer{index}.norm")
                      for name in ("weight", "bias")))
    target = (f"weights into layer{index}.ssm and its bias" if settings.norm == "batch_pre"
              else f"weights into layer{index}.norm and its bias")
    parts = [checkpoint.take(f"{prefix}.{name}", (width,), target=target, action="folded",
                             reason="scale = weight / sqrt(running_var + epsilon), shift = bias - running_mean * scale")
             for name in ("weight", "bias", "running_mean", "running_var")]
    if parts[3].min() + settings.norm_epsilon <= 0:
        raise DataError(f"{checkpoint.path}: {prefix}.running_var reaches {parts[3].min()}", allowed="numbers above 0")
    return Norm(*parts)
