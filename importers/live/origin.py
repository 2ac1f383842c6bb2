"""Where every element of a tensor comes from: numbers for all values that layers have sent, and how to read them back.

Each call of a layer gets a run of consecutive numbers, one for each element of its output. Whatever only moves elements
(view, transpose, index, stack) is done to the array of numbers as well; `Registry.read` then tells of any such array
which calls it holds, and which neuron stands where. -1 stands for a zero that comes from nowhere.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Array = NDArray[Any]
NOWHERE = -1


@dataclass(eq=False)
class Layer:
    """Something that sends values: a layer of neurons, an operation without a state, or the outside.

    kind : `neurons`, `outside`, or the operation
    shape : of its output for one sample and step
    settings : what the operation was given (weights, strides …), as NumPy arrays and plain values
    sources : what it reads, where it is an operation; a neuron's sources differ from step to step
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Source:
    """What a layer reads of another one.

    neurons : int64[element of the reader's input]   of the layer that is read; -1 where there is nothing
    """

    layer: Layer
    neurons: IntArray
    factor: float

    def is_like(self, other: Source) -> bool:
        """Return whether both read the same."""
        return (self.layer is other.layer and self.factor == other.factor
                and np.array_equal(self.neurons, other.neurons))


@dataclass(eq=False)
class Call:
    """One call of a layer. Its output is [position …, neuron …]; positions are samples, or steps and samples.

    sample : int64[position]
    step : int64[position]             of neurons; -1 for others
    reads : what stands at each position, source by source: (calls [position], positions in these, factor)
    values : float[position, neuron]   of the outside
    """

    layer: Layer
    sample: IntArray
    step: IntArray
    reads: tuple[Read, ...] = ()
    values: Array | None = None
    is_used: bool = False


@dataclass(frozen=True)
class Read:
    """What one source of a call was, position by position.

    source : which layer, and which of its neurons
    call : int64[position]      number of the call; -1 where there is nothing
    position : int64[position]  in that call
    """

    source: Source
    call: IntArray
    position: IntArray


class UnclearError(Exception):
    """An array of numbers that is not positions by neurons."""


class Registry:
    """All calls, in the order of their numbers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._first: list[int] = []
        self._next = 0

    def add(self, call: Call) -> int:
        """Add a call; return the number of its first element."""
        first = self._next
        self.calls.append(call)
        self._first.append(first)
        self._next += len(call.sample) * prod(call.layer.shape)
        return first

    def samples(self, numbers: IntArray) -> IntArray:
        """Return the sample of each element, -1 where it comes from nowhere."""
        found = np.full(numbers.shape, NOWHERE, np.int64)
        for index, inside, position, _ in self._by_call(numbers):
            found[inside] = self.calls[index].sample[position]
        return found

    def last_step(self, call: Call) -> IntArray:
        """Return the last step of neurons that each position of a call goes back to, -1 without any."""
        if call.layer.kind == "neurons":
            return call.step
        found = np.full(len(call.sample), NOWHERE, np.int64)
        for read in call.reads:
            for number in np.unique(read.call[read.call >= 0]).tolist():
                here = read.call == number
                found[here] = np.maximum(found[here], self.last_step(self.calls[number])[read.position[here]])
        return found

    def read(self, numbers: IntArray, n_leading: int | None, factor: float) -> tuple[int, tuple[Read, ...]]:
        """Return how many leading dimensions are positions, and what is read there.

        Parameters
        ----------
        numbers : int64[position …, element …]
        n_leading : known from the operation; None: as few as hold one sample and call each

        Raises
        ------
        UnclearError     if a position holds several samples, or the positions hold different neurons
        """
        tables = self._tables(numbers)
        if n_leading is None:
            n_leading = next((n for n in range(numbers.ndim + 1) if self._splits(tables, numbers.shape, n)), None)
        if n_leading is None or not self._splits(tables, numbers.shape, n_leading):
            raise UnclearError("samples or time steps are mixed")
        n_positions = prod(numbers.shape[:n_leading])
        call, position, neuron, layer = (table.reshape(n_positions, -1) for table in tables)
        kinds = np.unique(layer[layer >= 0]).tolist()
        return n_leading, tuple(self._one_source(kind, call, position, neuron, layer, factor) for kind in kinds)

    def _by_call(self, numbers: IntArray) -> list[tuple[int, Any, IntArray, IntArray]]:
        """Return (call, where, positions, neurons) of every call in `numbers`."""
        flat = numbers.reshape(-1)
        low, high = (int(flat.min()), int(flat.max())) if flat.size else (NOWHERE, NOWHERE)
        if high < 0:
            return []
        first, last = bisect_right(self._first, max(low, 0)) - 1, bisect_right(self._first, high) - 1
        index = np.searchsorted(np.asarray(self._first[first:last + 1]), flat, "right") - 1 + first
        found = []
        for call in np.unique(index[flat >= 0]).tolist():
            inside = (index == call) & (flat >= 0)
            position, neuron = np.divmod(flat[inside] - self._first[call], prod(self.calls[call].layer.shape))
            found.append((call, inside.reshape(numbers.shape), position, neuron))
        return found

    def _tables(self, numbers: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Return call, position, neuron and layer of each element; a layer is numbered by one of its calls."""
        tables = tuple(np.full(numbers.shape, NOWHERE, np.int64) for _ in range(4))
        layers: dict[int, int] = {}
        for index, inside, position, neuron in self._by_call(numbers):
            tables[0][inside], tables[1][inside], tables[2][inside] = index, position, neuron
            tables[3][inside] = layers.setdefault(id(self.calls[index].layer), index)
        return tables[0], tables[1], tables[2], tables[3]

    def _splits(self, tables: tuple[IntArray, ...], shape: tuple[int, ...], n_leading: int) -> bool:
        """Return whether each position holds one sample, one call of each layer, and the neurons of all the others."""
        n_positions = prod(shape[:n_leading])
        call, position, neuron, layer = (table.reshape(n_positions, -1) for table in tables)
        for kind in np.unique(layer[layer >= 0]).tolist():
            inside = layer == kind
            empty = ~inside.any(axis=1)
            for table in (call, position):
                least = np.where(inside, table, np.iinfo(np.int64).max).min(axis=1, keepdims=True)
                if np.any(inside & (table != least)):
                    return False
            if np.any((_one_row(inside, neuron) != np.where(inside, neuron, NOWHERE))[~empty]):
                return False
        return True

    def _one_source(self, kind: int, call: IntArray, position: IntArray, neuron: IntArray, layer: IntArray,
                    factor: float) -> Read:
        inside = layer == kind
        source = Source(self.calls[kind].layer, _one_row(inside, neuron), factor)
        calls, positions = (np.where(inside, table, NOWHERE).max(axis=1) for table in (call, position))
        return Read(source, calls, positions)


def _one_row(inside: NDArray[np.bool_], neuron: IntArray) -> IntArray:
    """Return the neurons that all positions hold, int64[element]; positions without any do not count."""
    row: IntArray = np.where(inside, neuron, NOWHERE)[int(np.argmax(inside.any(axis=1)))]
    return row
