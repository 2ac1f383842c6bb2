"""The synapses of a projection, ready to be cut along its target population: axons, synaptic operations, words.

Synapses are counted per *axon*: one output row of the network, seen from one core. The synapses that one projection
gives an axon are packed as one list. Dense rows are stored without index, so their zero weights take memory too, even
where the core skips them; sparse and one-to-one rows carry an index and leave zero weights out where the core skips
them. A convolution's kernel is stored once per core, for the output channels that the core has, and read tap by tap;
on chips that cannot share it, every synapse is listed. An axon without any synapse left is not made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hw_models.core_schema import SynapseMemory
from hw_models.schema import Chip
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    OneToOneWeights,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.machine import Int32Array, Int64Array
from neurosim.mapping.bits import weight_bits
from neurosim.mapping.integers import IntegerWeights
from neurosim.mapping.synapse_kernels import LEAST_SYNAPSES, count_distinct, sort_by_target

Kind = Literal["dense", "sparse", "conv"]


class Axons(NamedTuple):
    """What one projection brings to a slice of its target."""

    rows: Int64Array              # [axon] output rows of the source, ascending
    synapses: Int64Array          # [axon] synaptic operations of one packet
    words: Int64Array             # [axon] words of synaptic memory that one packet reads
    stored: int                   # words of synaptic memory in all


class Incoming(Protocol):
    """The synapses of one projection. kind : which synaptic operation they are booked as"""

    @property
    def kind(self) -> Kind: ...  # noqa: D102

    @property
    def rows(self) -> Rows: ...  # noqa: D102

    def axons(self, start: int, stop: int, before: int = 0) -> Axons:
        """Return the axons into target neurons `start` to `stop` − 1, behind `before` other neurons of their core."""

    def fan_in(self) -> Int64Array:
        """Return the synapses of each target neuron."""


class Rows(NamedTuple):
    """How source neurons are numbered as output rows, and how their synapses are stored.

    weight_bits : of a stored weight; fraction : of its format, 0 where the network is not quantised
    """

    first: int
    stride: int
    memory: SynapseMemory
    weight_bits: int
    fraction: int = 0

    def axons(self, sources: Int64Array, synapses: Int64Array, listed: Int64Array, *, dense: bool,
              stored: int | None = None, n_neurons: int = 0) -> Axons:
        """Return axons; n_neurons : up to the last target on the core, for the width of an index."""
        words = packed_words(self.memory, self.weight_bits, listed, dense, n_neurons)
        return Axons(self.first + self.stride * sources, synapses, words,
                     int(words.sum()) if stored is None else stored)


@dataclass(frozen=True)
class DenseIncoming:
    """All to all. used : bool[pre, post] synapses that are worked on; None: all of them"""

    rows: Rows
    shape: tuple[int, int]
    used: NDArray[np.bool_] | None
    kind: Kind = "dense"

    def axons(self, start: int, stop: int, before: int = 0) -> Axons:
        """See `Incoming`."""
        if self.used is None:
            synapses = np.full(self.shape[0], stop - start, np.int64)
        else:
            synapses = np.count_nonzero(self.used[:, start:stop], axis=1).astype(np.int64)
        sources = np.flatnonzero(synapses)
        return self.rows.axons(sources, synapses[sources], np.full(len(sources), stop - start, np.int64), dense=True)

    def fan_in(self) -> Int64Array:
        """See `Incoming`."""
        if self.used is None:
            return np.full(self.shape[1], self.shape[0], np.int64)
        return np.asarray(np.count_nonzero(self.used, axis=0), np.int64)


@dataclass(frozen=True)
class ListedIncoming:
    """Synapse by synapse. sources : int32, source neurons sorted by target; pointer : where each target's begin"""

    rows: Rows
    n_pre: int
    sources: Int32Array
    pointer: Int64Array
    kind: Kind = "sparse"

    def axons(self, start: int, stop: int, before: int = 0) -> Axons:
        """See `Incoming`."""
        sources, counts = self._distinct(self.sources[self.pointer[start]:self.pointer[stop]])
        return self.rows.axons(sources, counts, counts, dense=False, n_neurons=before + stop - start)

    def _distinct(self, cut: Int32Array) -> tuple[Int64Array, Int64Array]:
        """Return the distinct sources of some synapses, ascending, and how many each has."""
        if len(self.sources) >= LEAST_SYNAPSES:
            counts, found = self._scratch
            n_found = count_distinct(cut, counts, found)
            sources = np.sort(found[:n_found]).astype(np.int64)
            of_each = counts[sources].astype(np.int64)
            counts[sources] = 0
            return sources, of_each
        if len(cut) > self.n_pre // 8:
            by_source = np.bincount(cut, minlength=self.n_pre)
            sources = np.flatnonzero(by_source)
            return sources, by_source[sources].astype(np.int64)
        distinct, of_each = np.unique(cut, return_counts=True)
        return distinct.astype(np.int64), of_each.astype(np.int64)

    @cached_property
    def _scratch(self) -> tuple[Int32Array, Int32Array]:
        """A count of each source, 0 between calls; and a list of sources."""
        return np.zeros(self.n_pre, np.int32), np.zeros(self.n_pre, np.int32)

    def fan_in(self) -> Int64Array:
        """See `Incoming`."""
        return np.asarray(np.diff(self.pointer), np.int64)


@dataclass(frozen=True)
class SharedIncoming:
    """A convolution with one kernel. used : bool[out, in / groups, height, width] taps that are worked on"""

    rows: Rows
    weights: ConvolutionWeights
    used: NDArray[np.bool_]
    kind: Kind = "conv"

    def axons(self, start: int, stop: int, before: int = 0) -> Axons:
        """See `Incoming`."""
        weights = self.weights
        place = [np.arange(start, stop) // stride % length for stride, length in
                 zip(weights.strides(weights.output_shape), weights.output_shape, strict=True)]
        low, high = [int(axis.min()) for axis in place], [int(axis.max()) + 1 for axis in place]
        held = np.zeros([b - a for a, b in zip(low, high, strict=True)], np.float32)
        held[tuple(axis - a for axis, a in zip(place, low, strict=True))] = 1
        synapses = self._synapses(held, low, high).astype(np.int64)
        channel, row, column = np.nonzero(synapses)
        strides = weights.strides(weights.input_shape)
        sources = channel * strides[0] + row * strides[1] + column * strides[2]
        order = np.argsort(sources)
        counts = synapses[channel, row, column][order]
        n_channels = int(held.any(axis=(1, 2)).sum())
        kernel = np.array([n_channels * weights.values[0].size], np.int64)
        stored = int(packed_words(self.rows.memory, self.rows.weight_bits, kernel, True)[0])
        return self.rows.axons(sources[order], counts, counts, dense=True, stored=stored)

    def fan_in(self) -> Int64Array:
        """See `Incoming`."""
        weights = self.weights
        taps = self.used.sum(axis=1, dtype=np.int64)
        rows, columns = (weights.inside(axis).astype(np.int64) for axis in (0, 1))
        counts = np.einsum("yi,xj,oij->oyx", rows, columns, taps)
        order = ["cyx".index(axis) for axis in weights.order]
        return np.ascontiguousarray(counts.transpose(order)).reshape(-1)

    def _synapses(self, held: NDArray[np.float32], low: list[int], high: list[int]) -> NDArray[np.float32]:
        """Return the synapses from each input [channel, row, column] into the neurons held; low, high: their box."""
        weights = self.weights
        n_in, n_out = self.used.shape[1], weights.output_shape[0] // weights.groups
        found = np.zeros(weights.input_shape, np.float32)
        at = [weights.source_places(axis)[low[1 + axis]:high[1 + axis]] for axis in (0, 1)]
        inside = [weights.inside(axis)[low[1 + axis]:high[1 + axis]] for axis in (0, 1)]
        for group in range(low[0] // n_out, (high[0] - 1) // n_out + 1):
            outs = slice(max(low[0], group * n_out), min(high[0], (group + 1) * n_out))
            part = held[outs.start - low[0]:outs.stop - low[0]]
            into = found[group * n_in:(group + 1) * n_in]
            for i, j in np.ndindex(*self.used.shape[2:]):
                rows, columns = np.flatnonzero(inside[0][:, i]), np.flatnonzero(inside[1][:, j])
                if not len(rows) or not len(columns):
                    continue
                taps = self.used[outs, :, i, j].astype(np.float32)
                counts = np.tensordot(taps, part[:, rows[:, None], columns], axes=(0, 0))
                into[:, at[0][rows, i][:, None], at[1][columns, j]] += counts
        return found


def packed_words(memory: SynapseMemory, weight_bits: int, n_synapses: Int64Array, dense: bool,
                 n_neurons: int = 0) -> Int64Array:
    """Return the words that lists of `n_synapses` take; int64 of the same shape. See `SynapseMemory` for the rule.

    n_neurons : that an index has to tell apart, where the memory has a choice of widths
    """
    if memory.packing == "crossbar":
        return np.asarray(n_synapses > 0, np.int64)
    bits = weight_bits + memory.delay_bits + (0 if dense else index_bits(memory, n_neurons))
    if memory.packing == "words":
        return _words(n_synapses * bits, memory.word_bits)
    bits += memory.tag_bits
    blocks, rest = np.divmod(n_synapses, memory.block_synapses)
    full = _words(np.int64(memory.block_synapses * bits + memory.header_bits), memory.word_bits)
    last = _words(rest * bits + memory.header_bits, memory.word_bits)
    return blocks * full + np.where(rest > 0, last, 0)


def index_bits(memory: SynapseMemory, n_neurons: int) -> int:
    """Return the bits of an index that tells `n_neurons` apart."""
    return next((bits for bits in memory.index_bits_choices if 2**bits >= n_neurons),
                [memory.index_bits, *memory.index_bits_choices][-1])


def stored_bits(memory: SynapseMemory, bits: int) -> int:
    """Return the bits in which a weight of `bits` is stored."""
    return next((choice for choice in memory.weight_bits_choices if choice >= bits), bits)


def cut_ready(projection: Projection, first_row: int, row_stride: int, chip: Chip,
              integers: IntegerWeights | None = None) -> Incoming:
    """Return the synapses of `projection`; its source's neuron i has the output row first_row + row_stride * i."""
    weights, skip_zero = projection.weights, chip.core.pipeline.skip_zero_weights
    memory = chip.core.synapse_memory
    rows = Rows(first_row, row_stride, memory, stored_bits(memory, weight_bits(projection, chip)),
                0 if projection.coding is None else projection.coding.format.fraction)
    values: NDArray[Any] = weights.values
    if projection.coding is not None:       # what rounds to zero is zero
        values = (integers or IntegerWeights()).look(weights, projection.coding, projection.name)
    if isinstance(weights, DenseWeights):
        return DenseIncoming(rows, weights.shape, values != 0 if skip_zero and not np.all(values) else None)
    if isinstance(weights, ConvolutionWeights) and chip.core.capabilities.convolution:
        return SharedIncoming(rows, weights, values != 0 if skip_zero else np.ones(values.shape, bool))
    n_pre, n_post = weights.shape
    row_pointer, targets = _listed(weights, values, skip_zero)
    pointer = _pointer(np.bincount(targets, minlength=n_post))
    return ListedIncoming(rows, n_pre, _sorted_by_target(row_pointer, targets, pointer), pointer)


def _listed(weights: Weights, values: NDArray[Any], skip_zero: bool) -> tuple[Int64Array, Int32Array]:
    """Return the synapses as rows of target neurons: where the row of each source begins, and the targets."""
    if isinstance(weights, ConvolutionWeights):
        weights = replace(weights, values=np.asarray(values, np.float64)).unrolled()
        values = weights.values
    kept = values != 0 if skip_zero and not np.all(values) else None
    if isinstance(weights, OneToOneWeights):
        used = np.ones(len(values), bool) if kept is None else kept
        return _pointer(used), np.flatnonzero(used).astype(np.int32)
    assert isinstance(weights, SparseWeights), "dense weights have rows of their own"
    targets = np.asarray(weights.targets).astype(np.int32, copy=False)
    if kept is None:
        return np.asarray(weights.row_pointer, np.int64), targets
    return _pointer(kept)[weights.row_pointer], targets[kept]


def _sorted_by_target(row_pointer: Int64Array, targets: Int32Array, pointer: Int64Array) -> Int32Array:
    """Return the source of each synapse, sorted by target, then source; pointer : where each target's begin."""
    if len(targets) < LEAST_SYNAPSES:
        sources = np.repeat(np.arange(len(row_pointer) - 1, dtype=np.int32), np.diff(row_pointer))
        return np.asarray(sources[np.argsort(targets, kind="stable")])
    sources = np.empty(len(targets), np.int32)
    sort_by_target(row_pointer, targets, pointer[:-1].copy(), sources)
    return sources


def _pointer(counts: NDArray[Any]) -> Int64Array:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _words(bits: Int64Array | np.int64, word_bits: int) -> Int64Array:
    return np.asarray(-(-bits // word_bits), np.int64)
