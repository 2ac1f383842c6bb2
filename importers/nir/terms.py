"""Chains of stateless NIR nodes as sums of terms: weights, scale and delay between a population and a node.

A term is (source population, or nothing for a constant) -> scale or weights -> delay. The rules, which the import
report states node by node:

* Scale, Flatten and Delay are taken up by the weights beside them, exactly but for the rounding of weight times scale.
* One weighted node (Affine, Linear, convolution, pool) is one projection. Where a second one follows, the first
  becomes a population of model `linear` between them: multiplying weights would unroll convolutions.
* So does what a convolution cannot take up: scales that differ within a channel before it, delays that differ.
* A bias is a constant term: the neurons' parameter, or the output of a neuron that always fires.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import ConvolutionWeights, DenseWeights, IntArray, OneToOneWeights, SparseWeights, Weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """What one source adds to a node.

    source : population; None for a constant
    weights : float64[pre, post], a convolution, or None: value by value
    scale : float64[value]; only without weights
    delay_steps : of all values
    delay_in, delay_out : further delay of each value before and after the weights; None: none. Without weights
        only delay_out
    """

    source: str | None
    scale: FloatArray | None
    weights: FloatArray | ConvolutionWeights | None = None
    delay_steps: int = 0
    delay_in: IntArray | None = None
    delay_out: IntArray | None = None

    def delayed(self, steps: IntArray) -> Term:
        """Return the term after a Delay of int64[value] steps."""
        if (steps == steps[0]).all():
            return replace(self, delay_steps=self.delay_steps + int(steps[0]))
        return replace(self, delay_out=steps if self.delay_out is None else self.delay_out + steps)

    def scaled(self, scale: FloatArray) -> Term | None:
        """Return the term times float64[value]; None where a convolution cannot take it up."""
        if self.weights is None:
            assert self.scale is not None
            return replace(self, scale=self.scale * scale)
        if isinstance(self.weights, ConvolutionWeights):
            channels = by_channel(scale, self.weights.output_shape[0])
            if channels is None:
                return None
            return replace(self, weights=replace(self.weights,
                                                 values=self.weights.values * channels[:, None, None, None]))
        return replace(self, weights=self.weights * scale)

    def weighted(self, weights: FloatArray | ConvolutionWeights) -> Term | None:
        """Return the term behind weights; None where it has weights already, or delays or scales that do not go in."""
        if self.source is None:
            return self._constant(weights)
        if self.weights is not None:
            return None
        assert self.scale is not None
        if isinstance(weights, ConvolutionWeights):
            channels = by_channel(self.scale, weights.input_shape[0])
            if channels is None or self.delay_out is not None:
                return None
            return Term(self.source, None, _scaled_inputs(weights, channels), self.delay_steps)
        matrix = weights if (self.scale == 1).all() else weights * self.scale[:, None]
        return Term(self.source, None, matrix, self.delay_steps, self.delay_out)

    def _constant(self, weights: FloatArray | ConvolutionWeights) -> Term | None:
        assert self.scale is not None
        if self.delay_out is not None:
            return None
        return replace(self, scale=applied(weights, self.scale))


def identity(source: str, size: int, delay_steps: int = 0) -> Term:
    """Return what a population sends, as it is."""
    return Term(source, np.ones(size), None, delay_steps)


def constant(values: FloatArray) -> Term:
    """Return a bias."""
    return Term(None, values)


def by_channel(values: FloatArray, n_channels: int) -> FloatArray | None:
    """Return float64[channel] of values that are the same throughout each channel of an image, else None."""
    table = values.reshape(n_channels, -1)
    return np.ascontiguousarray(table[:, 0]) if (table == table[:, :1]).all() else None


def applied(weights: FloatArray | ConvolutionWeights, values: FloatArray) -> FloatArray:
    """Return values behind weights."""
    if not isinstance(weights, ConvolutionWeights):
        return values @ weights
    rows = weights.unrolled()
    source = np.repeat(np.arange(rows.shape[0]), np.diff(rows.row_pointer))
    return np.bincount(rows.targets, rows.values * values[source], minlength=rows.n_post).astype(np.float64)


def _scaled_inputs(weights: ConvolutionWeights, channels: FloatArray) -> ConvolutionWeights:
    """Return a convolution whose input channels are multiplied by float64[channel] first."""
    if (channels == 1).all():
        return weights
    n_out, n_in = weights.values.shape[:2]
    first = np.arange(n_out) // (n_out // weights.groups) * n_in
    factor = channels[first[:, None] + np.arange(n_in)]
    return replace(weights, values=weights.values * factor[:, :, None, None])


def synapses(term: Term, size: int) -> tuple[Weights, int | IntArray]:
    """Return weights and delay of the projection that a term is.

    size : neurons of the source, 1 for a constant
    """
    delayed = term.delay_in is not None or term.delay_out is not None
    if isinstance(term.weights, ConvolutionWeights):
        assert not delayed, "a convolution has one delay"
        return term.weights, term.delay_steps
    if term.source is None:
        assert term.scale is not None
        return _joined(term.scale[None, :], term)
    if term.weights is not None:
        return _joined(term.weights, term)
    assert term.scale is not None
    if not delayed:
        return OneToOneWeights(term.scale), term.delay_steps
    neurons = np.arange(size, dtype=np.int64)
    assert term.delay_out is not None
    return (SparseWeights(np.arange(size + 1, dtype=np.int64), neurons, term.scale, size),
            term.delay_steps + term.delay_out)


def _joined(matrix: FloatArray, term: Term) -> tuple[Weights, int | IntArray]:
    """Return dense weights, or where delays differ every synapse by itself."""
    if term.delay_in is None and term.delay_out is None:
        return DenseWeights(np.ascontiguousarray(matrix)), term.delay_steps
    n_pre, n_post = matrix.shape
    delay = np.full(matrix.shape, term.delay_steps, np.int64)
    if term.delay_in is not None:
        delay += term.delay_in[:, None]
    if term.delay_out is not None:
        delay += term.delay_out
    weights = SparseWeights(np.arange(n_pre + 1, dtype=np.int64) * n_post,
                            np.tile(np.arange(n_post, dtype=np.int64), n_pre), matrix.reshape(-1).copy(), n_post)
    return weights, delay.reshape(-1)
