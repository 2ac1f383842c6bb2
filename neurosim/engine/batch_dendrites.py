"""The dendrites of a batch pass: what each projection brings to the ports of all samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.batch_arithmetic import FloatArithmetic
from neurosim.engine.convolution import Convolution
from neurosim.machine import CONVOLUTION, DENSE, MAX_ABS, N_GEOMETRY, SPARSE, SUM, Int64Array, Neurons


class Dendrites:
    """The synapses of all projections, ready for products over many samples.

    depth : int64[population] tokens for which its outputs are kept
    buffered : populations whose outputs of the whole sequence are kept instead
    n_held : numbers per sample that `add` and the conversions hold beside their arguments
    """

    def __init__(self, neurons: Neurons, arithmetic: FloatArithmetic) -> None:
        self.neurons, self.arithmetic = neurons, arithmetic
        projections = neurons.projections
        self.depth = np.ones(len(neurons.population_names), np.int64)
        np.maximum.at(self.depth, projections.source, projections.delay_tokens + 1)
        phase = neurons.populations.phase
        self.buffered = np.unique(projections.source[phase[projections.target] > phase[projections.source]])
        self._convolution = {int(index): self._geometry(int(index))
                             for index in np.flatnonzero(projections.kind == CONVOLUTION)}
        self._sparse = {int(index): self._by_target(int(index)) for index in np.flatnonzero(projections.kind == SPARSE)}
        self.n_held = 2 * int(neurons.populations.size[projections.target].sum()) + \
            max((len(sources) for sources, _, _ in self._sparse.values()), default=0) + \
            max((item.n_held for item in self._convolution.values()), default=0)

    def add(self, projection: int, values: NDArray[Any], charge: NDArray[Any]) -> None:
        """Add what a projection makes of `values` [sample, pre] to one port, `charge` [sample, post]."""
        if not values.any():
            return
        projections, populations = self.neurons.projections, self.neurons.populations
        target = int(projections.target[projection])
        operator = int(populations.port_operator[populations.port_start[target] + projections.port[projection]])
        kind = projections.kind[projection]
        if kind == DENSE:
            sums = self._dense(projection, operator, values, charge.shape[1])
        elif kind == SPARSE:
            sums = self._listed(projection, operator, values, charge.shape[1])
        elif kind == CONVOLUTION:
            convolution = self._convolution[projection]
            kernel = self._weights(projection, convolution.n_weights)
            sums = convolution.sums(values, kernel, self.arithmetic.product) if operator == SUM else \
                convolution.largest(values, kernel, lambda products: _resting(operator, products))
        else:
            sums = _resting(operator, values * self._weights(projection, values.shape[1]))
        sums = self.arithmetic.converted(projection, sums)
        if operator == SUM:
            charge += sums
        else:
            np.maximum(charge, sums, out=charge)

    def _weights(self, projection: int, n_weights: int) -> NDArray[Any]:
        start = int(self.neurons.projections.weight_start[projection])
        return self.arithmetic.weights[start:start + n_weights]

    def _dense(self, projection: int, operator: int, values: NDArray[Any], n_post: int) -> NDArray[Any]:
        n_pre = values.shape[1]
        weights = self._weights(projection, n_pre * n_post).reshape(n_pre, n_post)
        if operator == SUM:
            return self.arithmetic.product(values, weights)
        largest = np.zeros((len(values), n_post), values.dtype)
        if n_post <= n_pre:
            for post in range(n_post):
                largest[:, post] = _resting(operator, values * weights[:, post]).max(axis=1)
        else:
            for pre in range(n_pre):
                np.maximum(largest, _resting(operator, values[:, pre:pre + 1] * weights[pre]), out=largest)
        return largest

    def _listed(self, projection: int, operator: int, values: NDArray[Any], n_post: int) -> NDArray[Any]:
        sources, order, targets = self._sparse[projection]
        sums = np.zeros((len(values), n_post), values.dtype)
        if not len(sources):
            return sums
        products = values[:, sources] * self._weights(projection, len(order))[order]
        starts = np.flatnonzero(np.concatenate([[True], np.diff(targets) > 0]))
        if operator == SUM:
            sums[:, targets[starts]] = np.add.reduceat(products, starts, axis=1)
        else:
            sums[:, targets[starts]] = np.maximum.reduceat(_resting(operator, products), starts, axis=1)
        return sums

    def _geometry(self, projection: int) -> Convolution:
        start = int(self.neurons.projections.pointer_start[projection])
        return Convolution(self.neurons.synapses.row_pointer[start:start + N_GEOMETRY])

    def _by_target(self, projection: int) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Return source, place and target of each synapse, sorted by target, then by source."""
        neurons = self.neurons
        n_pre = int(neurons.populations.size[neurons.projections.source[projection]])
        pointer = int(neurons.projections.pointer_start[projection])
        counts = np.diff(neurons.synapses.row_pointer[pointer:pointer + n_pre + 1])
        sources = np.repeat(np.arange(n_pre), counts)
        start = int(neurons.projections.weight_start[projection])
        targets = neurons.synapses.targets[start:start + len(sources)].astype(np.int64)
        order = np.argsort(targets, kind="stable")
        return sources[order], order, targets[order]


def _resting(operator: int, products: NDArray[Any]) -> NDArray[Any]:
    """Return products as a port takes them: as they are into a sum; a maximum rests at 0, that of magnitudes too."""
    if operator == SUM:
        return products
    return np.asarray(np.abs(products) if operator == MAX_ABS else np.maximum(products, 0))
