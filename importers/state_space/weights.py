"""The tensors of a state-space network, read from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from importers.checkpoint import Checkpoint, FloatArray
from importers.graph_builder import Affine, Norm
from importers.state_space.kernel import Channels, kernel_width, read_channels
from importers.state_space.names import Layout
from importers.state_space.settings import Settings, has_part, norm_family
from neurosim.errors import DataError

# The surrogate network of SpikingSSM that predicts the membrane: 153 numbers.
SURROGATE = {"conv1.weight": (8, 1, 8), "conv1.bias": (8,), "conv2.weight": (8, 8, 1), "conv2.bias": (8,),
             "conv3.weight": (1, 8, 1), "conv3.bias": (1,)}


@dataclass(frozen=True)
class Layer:
    """One block.

    threshold : float64[channel], `lif` only
    mix : both halves of the gated linear unit, [channel, 2 channels]; or the W and b of a gated spiking unit
    graded_weights, graded_bias : of a gated spiking unit, the W of its graded branch and the c
    """

    channels: Channels
    mix: Affine
    threshold: FloatArray | None = None
    graded_weights: FloatArray | None = None
    graded_bias: FloatArray | None = None
    norm: Norm | None = None


@dataclass(frozen=True)
class Weights:
    """All numbers of a network.

    encoder, decoder : None where the file has none: input and read-out are the stream itself
    embedding : the encoder is a table indexed by the token
    final_norm : behind the last layer
    residual : whether a stream passes by the blocks
    """

    encoder: Affine | None
    layers: tuple[Layer, ...]
    decoder: Affine | None
    embedding: bool
    final_norm: Norm | None
    residual: bool
    width: int


def read_weights(checkpoint: Checkpoint, layout: Layout, settings: Settings) -> Weights:
    """Read every layer, encoder and decoder."""
    n_layers = len(layout.layers(checkpoint.tensors))
    width = kernel_width(checkpoint, layout)
    encoder, embedding = _read_encoder(checkpoint, width)
    layers = tuple(_read_layer(checkpoint, layout, index, width, settings) for index in range(n_layers))
    final_norm = None
    if layout.final_norm:
        final_norm = _read_norm(checkpoint, layout.final_norm, "norm", "norm", width, settings, layout)
    return Weights(encoder, layers, _read_decoder(checkpoint, width), embedding, final_norm, not layout.stands_alone,
                   width)


def _read_encoder(checkpoint: Checkpoint, width: int) -> tuple[Affine | None, bool]:
    """Return the encoder, and whether it is a table of embeddings."""
    if not has_part(checkpoint, "encoder"):
        return None, False
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


def _read_decoder(checkpoint: Checkpoint, width: int) -> Affine | None:
    if not has_part(checkpoint, "decoder"):
        return None
    key = checkpoint.first_of("decoder.weight", "decoder.0.output_transform.weight")
    shape = checkpoint.shape(key)
    n_outputs = shape[0] if shape else 1
    weights = checkpoint.take(key, (n_outputs, width), target="readout").T
    return Affine(weights, checkpoint.take(key.removesuffix("weight") + "bias", (n_outputs,), target="readout"))


def _read_layer(checkpoint: Checkpoint, layout: Layout, index: int, width: int, settings: Settings) -> Layer:
    target = f"layer{index}"
    _drop_surrogate(checkpoint, layout.key("block", index, "neuron."))
    norm = _read_norm(checkpoint, layout.key("norm", index), f"{target}.norm",
                      f"{target}.{'ssm' if settings.norm_before else 'norm'}", width, settings, layout)
    channels = read_channels(checkpoint, layout, index, width, settings, f"{target}.ssm")
    if settings.kind == "gsu":
        return _read_gsu(checkpoint, layout, index, channels, norm)
    shapes, output = ((2 * width, width), (2 * width, width, 1)), layout.key("output", index)
    mix = Affine(checkpoint.take(f"{output}.weight", *shapes, target=f"{target}.glu value, gate").T,
                 checkpoint.take(f"{output}.bias", (2 * width,), target=f"{target}.glu value_bias, gate_bias"))
    return Layer(channels, mix, _read_threshold(checkpoint, layout, index, width, settings), norm=norm)


def _read_gsu(checkpoint: Checkpoint, layout: Layout, index: int, channels: Channels, norm: Norm | None) -> Layer:
    """Read the weights that the two branches share, or those of each."""
    width, target = len(channels.d), f"layer{index}.gsu"
    mix = Affine(checkpoint.take(layout.key("block", index, "w"), (width, width), target=target),
                 checkpoint.take(layout.key("block", index, "b"), (width,), target=f"{target} ternary_bias"))
    own = layout.key("block", index, "w2")
    graded = mix.weights
    if own in checkpoint:
        graded = checkpoint.take(own, (width, width), target=target, reason="of the graded branch alone")
    graded_bias = checkpoint.take(layout.key("block", index, "c"), (width,), target=f"{target} graded_bias")
    return Layer(channels, mix, graded_weights=graded, graded_bias=graded_bias, norm=norm)


def _drop_surrogate(checkpoint: Checkpoint, prefix: str) -> None:
    """Leave out the network that predicts the membrane for parallel training, once it is the published one."""
    keys = [key for key in checkpoint.tensors if key.startswith(prefix)]
    if not keys:
        return
    for name, shape in SURROGATE.items():
        key = f"{prefix}model.{name}"
        if checkpoint.shape(key) != shape:
            raise DataError(f"{checkpoint.path}: {key} has shape {checkpoint.shape(key)}", allowed=f"{shape}: the "
                            "surrogate of a membrane with leak 0.125 and hard reset, 153 numbers",
                            mend="if the neuron is the same, save the file without its surrogate")
    for name in SURROGATE:
        checkpoint.drop(f"{prefix}model.{name}", "surrogate of the membrane for parallel training (153 numbers); the "
                        "membrane itself is simulated")


def _read_threshold(checkpoint: Checkpoint, layout: Layout, index: int, width: int, settings: Settings
                    ) -> FloatArray | None:
    if settings.kind != "lif":
        return None
    if not any(key.endswith("ln_vth") for key in checkpoint.tensors):
        return np.full(width, settings.threshold)
    key = layout.key("block", index, "ln_vth")
    shapes = ((1,),) if checkpoint.shape(key) == (1,) else ((width,), (width, 1))
    logarithm = checkpoint.take(key, *shapes, target=f"layer{index}.ssm threshold", reason="threshold = exp(ln_vth)")
    with np.errstate(all="ignore"):
        threshold, inverse = np.exp(logarithm), 1 / np.exp(logarithm)
    checkpoint.derived(key, "threshold", threshold)
    checkpoint.derived(key, "1 / threshold", inverse)
    return np.broadcast_to(threshold, (width,))


def _read_norm(checkpoint: Checkpoint, prefix: str, target: str, folded_into: str, width: int, settings: Settings,
               layout: Layout) -> Norm | None:
    if not prefix:
        return None
    keys = [key for key in checkpoint.tensors if key.startswith(f"{prefix}.")]
    if settings.norm == "none":
        for key in keys:
            checkpoint.drop(key, "norm = none")
        return None
    if not keys and prefix == layout.final_norm:
        return None
    if f"{prefix}.num_batches_tracked" in checkpoint:
        checkpoint.drop(f"{prefix}.num_batches_tracked", "a counter of the training")
    if norm_family(checkpoint, layout) == "layer":
        return Norm(*(checkpoint.take(f"{prefix}.{name}", (width,), target=target) for name in ("weight", "bias")))
    parts = [checkpoint.take(f"{prefix}.{name}", (width,), action="folded",
                             target=f"weights into {folded_into} and its bias",
                             reason="scale = weight / sqrt(running_var + epsilon), shift = bias - running_mean * scale")
             for name in ("weight", "bias", "running_mean", "running_var")]
    if parts[3].min() + settings.norm_epsilon <= 0:
        raise DataError(f"{checkpoint.path}: {prefix}.running_var reaches {parts[3].min()}", allowed="numbers above 0")
    return Norm(*parts)
