"""What importers of layered networks share: a graph that grows, affine maps and norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from importers.checkpoint import FloatArray
from neurosim.graph import DenseWeights, OneToOneWeights, Population, Projection


class GraphBuilder:
    """Collects populations and projections in the order in which they are added.

    period : of the populations that are added from now on, inputs aside
    """

    def __init__(self) -> None:
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.period = 1

    def add(self, name: str, model: str, size: int, parameters: dict[str, Any] | None = None, *, n_modes: int = 0,
            direction: str = "forward", **attributes: str) -> str:
        """Add a population; return its name."""
        period = 1 if model == "input" else self.period
        self.populations.append(Population(name, model, size, parameters or {}, attributes, n_modes,
                                           direction=direction, period=period))
        return name

    def dense(self, source: str, target: str, port: str, weights: FloatArray, output: str = "",
              delay_steps: int = 0) -> None:
        """Join all to all; weights [pre, post]."""
        values = DenseWeights(np.ascontiguousarray(weights, np.float64))
        self.projections.append(Projection(source, target, values, port, output, delay_steps))

    def one_to_one(self, source: str, target: str, port: str, weights: FloatArray, output: str = "",
                   delay_steps: int = 0) -> None:
        """Join neuron i to neuron i."""
        self.projections.append(Projection(source, target, OneToOneWeights(weights), port, output, delay_steps))

    def size(self, name: str) -> int:
        """Return the neurons of a population that was added."""
        return next(population.size for population in self.populations if population.name == name)


@dataclass(frozen=True)
class Affine:
    """Values times `weights` [pre, post] plus `bias` [post]."""

    weights: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Norm:
    """Scale and shift per channel; the stored statistics of a BatchNorm, none of a LayerNorm."""

    weight: FloatArray
    bias: FloatArray
    mean: FloatArray | None = None
    variance: FloatArray | None = None

    @property
    def is_batch(self) -> bool:
        """Whether it is a BatchNorm, which folds."""
        return self.mean is not None

    def folded(self, epsilon: float) -> tuple[FloatArray, FloatArray]:
        """Return (scale, shift) of a BatchNorm with its stored statistics: x scale + shift."""
        assert self.mean is not None and self.variance is not None
        scale = self.weight / np.sqrt(self.variance + epsilon)
        return scale, self.bias - self.mean * scale


def add_norm(graph: GraphBuilder, stream: str, name: str, norm: Norm, epsilon: float) -> str:
    """Add a norm as populations of its own, the last of them called `name`."""
    if norm.is_batch:
        return _add_batch_norm(graph, stream, name, norm, epsilon)
    return _add_layer_norm(graph, stream, name, norm, epsilon)


def _add_batch_norm(graph: GraphBuilder, stream: str, name: str, norm: Norm, epsilon: float) -> str:
    scale, shift = norm.folded(epsilon)
    added = graph.add(name, "linear", len(scale), {"bias": shift})
    graph.one_to_one(stream, added, "input", scale)
    return added


def _add_layer_norm(graph: GraphBuilder, stream: str, name: str, norm: Norm, epsilon: float) -> str:
    """Add a LayerNorm: mean, centred values and squares, variance, normalised values."""
    width = len(norm.weight)
    average, spread = np.full((width, 1), 1 / width), np.ones((1, width))
    mean = graph.add(f"{name}_mean", "reduce", 1)
    graph.dense(stream, mean, "sum", average)
    center = graph.add(f"{name}_center", "center", width)
    graph.one_to_one(stream, center, "value", np.ones(width))
    graph.dense(mean, center, "mean", spread)
    variance = graph.add(f"{name}_variance", "reduce", 1)
    graph.dense(center, variance, "sum", average, "square")
    added = graph.add(name, "layer_norm", width, {"scale": norm.weight, "bias": norm.bias, "epsilon": epsilon})
    graph.one_to_one(center, added, "value", np.ones(width), "graded")
    graph.dense(variance, added, "variance", spread)
    return added
