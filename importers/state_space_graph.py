"""The populations and projections of a state-space network. Everything it does is neurons and packets.

    input -> encoder -> [norm] -> layer0.ssm -> layer0.glu | layer0.gsu -> … -> readout
                 |                                  |
                 +-------------- skip --------------+

The residual stream is real-valued: encoder, gates and norms send graded packets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.checkpoint import FloatArray
from importers.state_space_settings import Settings
from importers.state_space_weights import Channels, Layer, Norm, Weights
from neurosim.graph import DenseWeights, OneToOneWeights, Population, Projection


class GraphBuilder:
    """Collects populations and projections in the order in which they are added."""

    def __init__(self) -> None:
        self.populations: list[Population] = []
        self.projections: list[Projection] = []

    def add(self, name: str, model: str, size: int, parameters: dict[str, Any] | None = None, *, n_modes: int = 0,
            **attributes: str) -> str:
        """Add a population; return its name."""
        self.populations.append(Population(name, model, size, parameters or {}, attributes, n_modes))
        return name

    def dense(self, source: str, target: str, port: str, weights: FloatArray, output: str = "") -> None:
        """Join all to all; weights [pre, post]."""
        values = DenseWeights(np.ascontiguousarray(weights, np.float64))
        self.projections.append(Projection(source, target, values, port, output))

    def one_to_one(self, source: str, target: str, port: str, weights: FloatArray, output: str = "") -> None:
        """Join neuron i to neuron i."""
        self.projections.append(Projection(source, target, OneToOneWeights(weights), port, output))


def build(weights: Weights, settings: Settings, *, fold_b: bool) -> GraphBuilder:
    """Return the whole network; the readout is called `readout`."""
    graph = GraphBuilder()
    n_inputs, width = weights.encoder.weights.shape
    graph.add("input", "input", n_inputs, payload="spike" if weights.embedding else "graded")
    stream = graph.add("encoder", "linear", width, {"bias": weights.encoder.bias})
    graph.dense("input", stream, "input", weights.encoder.weights)
    for index, layer in enumerate(weights.layers):
        stream = _add_layer(graph, stream, f"layer{index}", layer, settings, fold_b=fold_b)
    model = "running_mean" if settings.pooling == "mean" else "linear"
    graph.add("readout", model, len(weights.decoder.bias), {"bias": weights.decoder.bias})
    graph.dense(stream, "readout", "input", weights.decoder.weights)
    return graph


def _add_layer(graph: GraphBuilder, stream: str, name: str, layer: Layer, settings: Settings, *, fold_b: bool) -> str:
    """Add one block between `stream` and the stream it returns."""
    scale, shift, source = np.ones(len(layer.channels.d)), np.zeros(len(layer.channels.d)), stream
    if layer.norm and settings.norm == "batch_pre":
        scale, shift = layer.norm.folded(settings.norm_epsilon)
    if layer.norm and settings.norm == "layer_pre":
        source = _add_layer_norm(graph, stream, name, layer.norm, settings.norm_epsilon)
    _add_ssm(graph, name, layer, shift, settings, fold_b=fold_b)
    graph.one_to_one(source, f"{name}.ssm", "input", scale)
    if settings.kind == "gsu":
        added = _add_gsu(graph, stream, name, layer, settings)
    else:
        added = _add_glu(graph, stream, name, layer)
    if layer.norm and settings.norm == "batch_post":
        return _add_batch_norm(graph, added, name, layer.norm, settings.norm_epsilon)
    if layer.norm and settings.norm == "layer_post":
        return _add_layer_norm(graph, added, name, layer.norm, settings.norm_epsilon)
    return added


def _add_ssm(graph: GraphBuilder, name: str, layer: Layer, bias: FloatArray, settings: Settings, *, fold_b: bool
             ) -> None:
    parameters = {**ssm_parameters(layer.channels, fold_b=fold_b), "bias": bias}
    width, n_modes = layer.channels.a.shape
    attributes: dict[str, str] = {}
    if settings.kind in ("lif", "binary"):
        attributes["comparator"] = settings.comparator
        parameters["threshold"] = settings.threshold if layer.threshold is None else layer.threshold
    if settings.kind == "lif":
        parameters["leak"] = settings.leak
    if settings.kind == "gelu":
        attributes["activation"] = "gelu"
    model = {"lif": "ssm_lif", "binary": "ssm_heaviside", "gsu": "ssm", "gelu": "ssm"}[settings.kind]
    graph.add(f"{name}.ssm", model, width, parameters, n_modes=n_modes, **attributes)


def ssm_parameters(channels: Channels, *, fold_b: bool) -> dict[str, Any]:
    """Return the parameters of a state-space population.

    With `fold_b` the input gain moves into c, which saves a multiplication per mode and makes the states larger.
    """
    b = np.ones_like(channels.b) if fold_b else channels.b
    c = channels.c * channels.b if fold_b else channels.c
    return {"a_real": channels.a.real, "a_imag": channels.a.imag, "b_real": b.real, "b_imag": b.imag,
            "c_real": c.real, "c_imag": c.imag, "d": channels.d}


def _add_glu(graph: GraphBuilder, stream: str, name: str, layer: Layer) -> str:
    """Add value * sigmoid(gate) + skip, both halves from the spikes."""
    width = len(layer.channels.d)
    glu = graph.add(f"{name}.glu", "glu", width,
                    {"value_bias": layer.mix.bias[:width], "gate_bias": layer.mix.bias[width:]})
    graph.dense(f"{name}.ssm", glu, "value", layer.mix.weights[:, :width])
    graph.dense(f"{name}.ssm", glu, "gate", layer.mix.weights[:, width:])
    graph.one_to_one(stream, glu, "skip", np.ones(width))
    return glu


def _add_gsu(graph: GraphBuilder, stream: str, name: str, layer: Layer, settings: Settings) -> str:
    """Add act((Ter(y) W + b) (y Ter(W) + c)) + skip, with the threshold of Ter(y) from a reduction neuron."""
    width, weights = len(layer.channels.d), layer.mix.weights
    largest = graph.add(f"{name}.largest", "reduce", 1)
    graph.dense(f"{name}.ssm", largest, "max_abs", np.ones((width, 1)))
    ternary = graph.add(f"{name}.ternary", "ternary", width, {"delta_factor": settings.delta_factor})
    graph.one_to_one(f"{name}.ssm", ternary, "value", np.ones(width))
    graph.dense(largest, ternary, "threshold", np.ones((1, width)))
    gsu = graph.add(f"{name}.gsu", "gsu", width, {"ternary_bias": layer.mix.bias, "graded_bias": layer.graded_bias},
                    activation=settings.activation)
    graph.dense(ternary, gsu, "ternary_branch", weights)
    graph.dense(f"{name}.ssm", gsu, "graded_branch", ternary_weights(weights, settings.delta_factor))
    graph.one_to_one(stream, gsu, "skip", np.ones(width))
    return gsu


def ternary_weights(weights: FloatArray, delta_factor: float) -> FloatArray:
    """Return the sign of `weights` where the magnitude reaches `delta_factor` times the largest, else 0."""
    return np.where(np.abs(weights) >= delta_factor * np.abs(weights).max(), np.sign(weights), 0.0)


def _add_batch_norm(graph: GraphBuilder, stream: str, name: str, norm: Norm, epsilon: float) -> str:
    scale, shift = norm.folded(epsilon)
    added = graph.add(f"{name}.norm", "linear", len(scale), {"bias": shift})
    graph.one_to_one(stream, added, "input", scale)
    return added


def _add_layer_norm(graph: GraphBuilder, stream: str, name: str, norm: Norm, epsilon: float) -> str:
    """Add a LayerNorm: mean, centred values and squares, variance, normalised values."""
    width = len(norm.weight)
    average, spread = np.full((width, 1), 1 / width), np.ones((1, width))
    mean = graph.add(f"{name}.norm_mean", "reduce", 1)
    graph.dense(stream, mean, "sum", average)
    center = graph.add(f"{name}.norm_center", "center", width)
    graph.one_to_one(stream, center, "value", np.ones(width))
    graph.dense(mean, center, "mean", spread)
    variance = graph.add(f"{name}.norm_variance", "reduce", 1)
    graph.dense(center, variance, "sum", average, "square")
    added = graph.add(f"{name}.norm", "layer_norm", width,
                      {"scale": norm.weight, "bias": norm.bias, "epsilon": epsilon})
    graph.one_to_one(center, added, "value", np.ones(width), "graded")
    graph.dense(variance, added, "variance", spread)
    return added
