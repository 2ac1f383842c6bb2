"""The populations and projections of a state-space network. Everything it does is neurons and packets.

    input -> encoder -> [norm] -> layer0.ssm -> layer0.glu | layer0.gsu -> … -> [norm] -> readout
                 |                                  |
                 +-------------- skip --------------+

The residual stream is real-valued: encoder, gates and norms send graded packets. A bidirectional layer has two state
spaces and the neuron behind them as populations of their own:

    [norm] -> layer0.forward  ------------------> layer0.fired -> layer0.glu | layer0.gsu
       |                                               |
       +----> layer0.backward, last token first -------+   what it sent at token t + 1 arrives at token t
"""

from __future__ import annotations

from typing import Any

import numpy as np

from importers.checkpoint import FloatArray
from importers.graph_builder import GraphBuilder, add_norm
from importers.state_space.settings import Settings
from importers.state_space.weights import Layer, Weights

__all__ = ["GraphBuilder", "build", "ternary_weights"]


def build(weights: Weights, settings: Settings, *, fold_b: bool) -> GraphBuilder:
    """Return the whole network; the readout is called `readout`."""
    graph = GraphBuilder()
    stream = _add_encoder(graph, weights)
    for index, layer in enumerate(weights.layers):
        stream = _add_layer(graph, stream, f"layer{index}", layer, settings, residual=weights.residual, fold_b=fold_b)
    if weights.final_norm:
        stream = add_norm(graph, stream, "norm", weights.final_norm, settings.norm_epsilon)
    model = "running_mean" if settings.pooling == "mean" else "linear"
    if weights.decoder is None:
        graph.add("readout", model, weights.width)
        graph.one_to_one(stream, "readout", "input", np.ones(weights.width))
    else:
        graph.add("readout", model, len(weights.decoder.bias), {"bias": weights.decoder.bias})
        graph.dense(stream, "readout", "input", weights.decoder.weights)
    return graph


def _add_encoder(graph: GraphBuilder, weights: Weights) -> str:
    """Add the input and the encoder; without an encoder the input is the stream."""
    if weights.encoder is None:
        return graph.add("input", "input", weights.width, payload="graded")
    n_inputs, width = weights.encoder.weights.shape
    graph.add("input", "input", n_inputs, payload="spike" if weights.embedding else "graded")
    graph.add("encoder", "linear", width, {"bias": weights.encoder.bias})
    graph.dense("input", "encoder", "input", weights.encoder.weights)
    return "encoder"


def _add_layer(graph: GraphBuilder, stream: str, name: str, layer: Layer, settings: Settings, *, residual: bool,
               fold_b: bool) -> str:
    """Add one block between `stream` and the stream it returns."""
    scale, shift, source = np.ones(len(layer.channels.d)), np.zeros(len(layer.channels.d)), stream
    if layer.norm and settings.norm_before:
        if layer.norm.is_batch:
            scale, shift = layer.norm.folded(settings.norm_epsilon)
        else:
            source = add_norm(graph, stream, f"{name}.norm", layer.norm, settings.norm_epsilon)
    both = layer.channels.c_reversed is not None
    add = _add_both_directions if both else _add_ssm
    fired = add(graph, source, name, layer, scale, shift, settings, fold_b=fold_b)
    gate = _add_gsu(graph, fired, name, layer, settings) if settings.kind == "gsu" \
        else _add_glu(graph, fired, name, layer)
    if residual:
        graph.one_to_one(stream, gate, "skip", np.ones(len(scale)))
    if layer.norm and settings.norm_behind:
        return add_norm(graph, gate, f"{name}.norm", layer.norm, settings.norm_epsilon)
    return gate


def _add_ssm(graph: GraphBuilder, source: str, name: str, layer: Layer, scale: FloatArray, shift: FloatArray,
             settings: Settings, *, fold_b: bool) -> str:
    """Add the channels and, in the same somata, what fires behind them."""
    channels = layer.channels
    parameters = {**ssm_parameters(channels.a, channels.b, channels.c, fold_b=fold_b), "d": channels.d, "bias": shift}
    attributes: dict[str, str] = {}
    if settings.kind in ("lif", "binary"):
        attributes["comparator"] = settings.comparator
        parameters["threshold"] = settings.threshold if layer.threshold is None else layer.threshold
    if settings.kind == "lif":
        parameters["leak"] = settings.leak
    if settings.kind == "gelu":
        attributes["activation"] = "gelu"
    model = {"lif": "ssm_lif", "binary": "ssm_heaviside", "gsu": "ssm", "gelu": "ssm"}[settings.kind]
    width, n_modes = channels.a.shape
    added = graph.add(f"{name}.ssm", model, width, parameters, n_modes=n_modes, **attributes)
    graph.one_to_one(source, added, "input", scale)
    return added


def _add_both_directions(graph: GraphBuilder, source: str, name: str, layer: Layer, scale: FloatArray,
                         shift: FloatArray, settings: Settings, *, fold_b: bool) -> str:
    """Add a state space for each direction and what fires behind their sum.

        y[t] = sum_{s <= t} k0[t - s] u[s] + sum_{s > t} k1[s - t - 1] u[s] + D u[t]

    The second kernel is that of the reversed population, whose output at token t + 1 is used at token t.
    """
    channels = layer.channels
    assert channels.c_reversed is not None
    width, n_modes = channels.a.shape
    for part, c, d, direction in (("forward", channels.c, channels.d, "forward"),
                                  ("backward", channels.c_reversed, np.zeros(width), "reversed")):
        parameters = {**ssm_parameters(channels.a, channels.b, c, fold_b=fold_b), "d": d, "bias": shift}
        added = graph.add(f"{name}.{part}", "ssm", width, parameters, n_modes=n_modes, direction=direction)
        graph.one_to_one(source, added, "input", scale)
    fired = _add_fired(graph, f"{name}.fired", layer, settings)
    graph.one_to_one(f"{name}.forward", fired, "input", np.ones(width))
    graph.one_to_one(f"{name}.backward", fired, "input", np.ones(width), delay_steps=1)
    return fired


def _add_fired(graph: GraphBuilder, name: str, layer: Layer, settings: Settings) -> str:
    """Add the neuron behind the sum of two state spaces."""
    width = len(layer.channels.d)
    if settings.kind in ("gsu", "gelu"):
        return graph.add(name, "linear" if settings.kind == "gsu" else "gelu", width)
    threshold = settings.threshold if layer.threshold is None else layer.threshold
    return graph.add(name, "lif", width, {"leak": settings.leak, "threshold": threshold},
                     comparator=settings.comparator, reset="hard" if settings.kind == "lif" else "none")


def ssm_parameters(a: Any, b: Any, c: Any, *, fold_b: bool) -> dict[str, Any]:
    """Return the mode parameters of a state-space population; complex128[channel, mode] each.

    With `fold_b` the input gain moves into c, which saves a multiplication per mode and makes the states larger.
    """
    b, c = (np.ones_like(b), c * b) if fold_b else (b, c)
    return {"a_real": a.real, "a_imag": a.imag, "b_real": b.real, "b_imag": b.imag, "c_real": c.real, "c_imag": c.imag}


def _add_glu(graph: GraphBuilder, fired: str, name: str, layer: Layer) -> str:
    """Add value * sigmoid(gate) + skip, both halves from the spikes."""
    width = len(layer.channels.d)
    glu = graph.add(f"{name}.glu", "glu", width,
                    {"value_bias": layer.mix.bias[:width], "gate_bias": layer.mix.bias[width:]})
    graph.dense(fired, glu, "value", layer.mix.weights[:, :width])
    graph.dense(fired, glu, "gate", layer.mix.weights[:, width:])
    return glu


def _add_gsu(graph: GraphBuilder, fired: str, name: str, layer: Layer, settings: Settings) -> str:
    """Add act((Ter(y) W + b) (y Ter(W) + c)) + skip.

    In scope `vector` the threshold of Ter(y) comes from a reduction neuron, in scope `tensor` it is a constant.
    """
    width = len(layer.channels.d)
    assert layer.graded_weights is not None
    ternary = f"{name}.ternary"
    if settings.delta_scope == "vector":
        largest = graph.add(f"{name}.largest", "reduce", 1)
        graph.dense(fired, largest, "max_abs", np.ones((width, 1)))
        graph.add(ternary, "ternary", width, {"delta_factor": settings.delta_factor})
        graph.one_to_one(fired, ternary, "value", np.ones(width))
        graph.dense(largest, ternary, "threshold", np.ones((1, width)))
    else:
        graph.add(ternary, "ternary", width, {"delta": settings.delta}, delta_scope="tensor")
        graph.one_to_one(fired, ternary, "value", np.ones(width))
    gsu = graph.add(f"{name}.gsu", "gsu", width, {"ternary_bias": layer.mix.bias, "graded_bias": layer.graded_bias},
                    activation=settings.activation)
    graph.dense(ternary, gsu, "ternary_branch", layer.mix.weights)
    graph.dense(fired, gsu, "graded_branch", ternary_weights(layer.graded_weights, settings.delta_factor))
    return gsu


def ternary_weights(weights: FloatArray, delta_factor: float) -> FloatArray:
    """Return the sign of `weights` where the magnitude reaches `delta_factor` times the largest, else 0."""
    return np.where(np.abs(weights) >= delta_factor * np.abs(weights).max(), np.sign(weights), 0.0)
