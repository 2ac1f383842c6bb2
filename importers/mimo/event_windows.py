"""Pooling with a stride: of each window of tokens one goes on, with the sum of their intervals (Event-SSM).

What follows has the period stride x (that of what came before), and takes the window with its last token. The modes of
the layer that pools take every token; of what they send, the first of each window goes on. What goes around them (the
residual stream, and the input that the matrix D passes on) is pooled by the mode:

| mode | what goes on | populations |
|---|---|---|
| `last` | the first token of the window, in spite of its name | none: a delay of all but one token |
| `avgpool` | the mean of the window | `…_pooled`: a synapse for each delay |
| `timepool` | sum of (interval + 1e-6) x by sum of (interval + 1e-6) | `…_weighted`, `…_pooled` = sum / sqrt(square) |

A window that the end of a sequence cuts short is dropped.

Source: event-ssm (d9ceb07), `event_ssm/layers.py`: EventPooling, `event_ssm/ssm.py`: apply_ssm.
"""

from __future__ import annotations

import numpy as np

from importers.checkpoint import FloatArray
from importers.graph_builder import GraphBuilder
from neurosim.graph import Projection, SparseWeights

MODES = ("last", "avgpool", "timepool")
SHORTEST = 1e-6     # added to every interval by which is weighed


class Window:
    """The windows of one layer; `graph.period` is that of the tokens that come in.

    Parameters
    ----------
    stride : tokens of a window, from 2
    intervals : the population that sends the interval of each token that comes in
    """

    def __init__(self, graph: GraphBuilder, name: str, stride: int, mode: str, intervals: str) -> None:
        self.graph, self.name, self.stride, self.mode, self.intervals = graph, name, stride, mode, intervals
        self.delays = graph.period * np.arange(stride, dtype=np.int64)
        self.period = graph.period * stride
        self._pooled: dict[str, str] = {}
        self._summed = self._square = ""

    @property
    def first(self) -> int:
        """Return the delay of the first token of a window."""
        return int(self.delays[-1])

    def passed(self, source: str) -> tuple[str, int]:
        """Return the population that sends what goes on of `source`, and the delay with which it is to be taken."""
        if self.mode == "last":
            return source, self.first
        if source not in self._pooled:
            add = self._add_mean if self.mode == "avgpool" else self._add_mean_over_time
            self._pooled[source] = add(source)
        return self._pooled[source], 0

    def summed_intervals(self) -> str:
        """Return the population that sends the sum of each window's intervals."""
        if not self._summed:
            self._summed = self._add(f"{self.name}.interval", "linear", 1)
            self._sum(self.intervals, self._summed, "input", 1.0)
        return self._summed

    def _add_mean(self, source: str) -> str:
        pooled = self._add(f"{source}_pooled", "linear", self.graph.size(source))
        self._sum(source, pooled, "input", 1 / self.stride)
        return pooled

    def _add_mean_over_time(self, source: str) -> str:
        graph, size = self.graph, self.graph.size(source)
        weighted = self._add(f"{source}_weighted", "gsu", size, {"graded_bias": SHORTEST}, self.period // self.stride)
        graph.one_to_one(source, weighted, "ternary_branch", np.ones(size))
        graph.dense(self.intervals, weighted, "graded_branch", np.ones((1, size)))
        square = self._squared_time()
        # value / sqrt(variance), with the square of the window's time for a variance.
        pooled = self._add(f"{source}_pooled", "layer_norm", size, {"epsilon": 0.0})
        self._sum(weighted, pooled, "value", 1.0)
        graph.dense(square, pooled, "variance", np.ones((1, size)), "square")
        return pooled

    def _squared_time(self) -> str:
        if not self._square:
            graph, one = self.graph, np.ones(1)
            elapsed = self._add(f"{self.name}.elapsed", "linear", 1, {"bias": self.stride * SHORTEST})
            graph.one_to_one(self.summed_intervals(), elapsed, "input", one)
            self._square = self._add(f"{self.name}.elapsed_square", "center", 1)
            graph.one_to_one(elapsed, self._square, "value", one)
        return self._square

    def _add(self, name: str, model: str, size: int, parameters: dict[str, float] | None = None, period: int = 0
             ) -> str:
        """Add a population that takes the last token of each window, or has another `period`."""
        graph = self.graph
        before, graph.period = graph.period, period or self.period
        added = graph.add(name, model, size, parameters)
        graph.period = before
        return added

    def _sum(self, source: str, target: str, port: str, weight: float) -> None:
        """Sum what `source` sent over the window, neuron by neuron: a synapse for each delay."""
        size = self.graph.size(source)
        values: FloatArray = np.full(size * self.stride, weight)
        weights = SparseWeights(self.stride * np.arange(size + 1, dtype=np.int64),
                                np.repeat(np.arange(size, dtype=np.int64), self.stride), values, size)
        self.graph.projections.append(Projection(source, target, weights, port,
                                                 delay_steps=np.tile(self.delays, size)))
