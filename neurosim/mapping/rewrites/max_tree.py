"""`mapping.max=tree`: the largest of many values by pairs, for dendrites that only sum: max(a, b) = relu(a - b) + b.

Each neuron of a `reduce` population with a port `max` or `max_abs` gets a tree of its own:

    <name>.<port>.leaves    relu(w x); of max_abs also relu(-w x), whose sum is |w x|. A maximum rests at 0
    <name>.<port>.level<k>  relu(a - b) for the pairs of level k

What the neuron sums are the terms of the root, relu(a - b) and those of b: no neuron stands between two levels, so a
level takes one stage. In floating point the result is the largest value but for a rounding of a - b where a is more
than twice b; in fixed point it is exact where the formats of all levels hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)

PORTS = ("max", "max_abs")
Term = tuple[str, int]                  # population, neuron


class _Leaf(NamedTuple):
    """One synapse into a port that takes the largest: where it comes from, and which neuron it feeds."""

    source: str
    output: str
    pre: int
    post: int
    weight: float
    delay: int


def grow_trees(network: Network, choice: str, chip: Chip) -> Network:
    """Return the network with trees for the maxima of all dendrites, or (`auto`) where the chip's cannot take them.

    Raises
    ------
    OptionError            if a population has formats, which were made without a tree
    """
    able = chip.core.capabilities.dendrite_operators
    for name in [population.name for population in network.populations]:
        for port in PORTS:
            fed = any(item.target == name and item.port == port for item in network.projections)
            if fed and (choice == "tree" or (choice == "auto" and port not in able)):
                network = _with_tree(network, network.population(name), port)
    return network


def _with_tree(network: Network, population: Population, port: str) -> Network:
    """Return the network with one port of one population fed by trees."""
    if population.codings:
        raise OptionError(f"mapping.max=tree with population {population.name!r}, which has formats already",
                          allowed="a network that is not quantised", mend="quantise the network with trees: neurosim "
                          "quantize --set mapping.max=tree")
    fed = [item.target == population.name and item.port == port for item in network.projections]
    leaves = [leaf for item, is_fed in zip(network.projections, fed, strict=True) if is_fed for leaf in _leaves(item)]
    tree = _Tree(population, port, leaves, {item.name: item.size for item in network.populations})
    at = next(number for number, item in enumerate(network.populations) if item.name == population.name)
    kept = tuple(item for item, is_fed in zip(network.projections, fed, strict=True) if not is_fed)
    return replace(network, populations=(*network.populations[:at], *tree.populations, *network.populations[at:]),
                   projections=(*kept, *tree.projections))


class _Tree:
    """The trees of all neurons of one population."""

    def __init__(self, population: Population, port: str, leaves: list[_Leaf], sizes: Mapping[str, int]) -> None:
        self.target, self.stem = population, f"{population.name}.{port}"
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        signs = (1.0, -1.0) if port == "max_abs" else (1.0,)
        values = self._first(leaves, signs, sizes)
        level = 0
        while any(len(items) > 1 for items in values):
            level += 1
            values = self._next(level, values)
        self._join(population.name, "sum", population.size,
                   [(term, neuron, 1.0) for neuron, items in enumerate(values) for value in items for term in value])

    def _first(self, leaves: list[_Leaf], signs: tuple[float, ...],
               sizes: Mapping[str, int]) -> list[list[list[Term]]]:
        """Add the leaves; return the terms of each value of each neuron."""
        name = f"{self.stem}.leaves"
        values: list[list[list[Term]]] = [[] for _ in range(self.target.size)]
        ways: dict[tuple[str, str, int], list[tuple[int, int, float]]] = {}
        count = 0
        for leaf in leaves:
            for sign in signs:
                way = ways.setdefault((leaf.source, leaf.output, leaf.delay), [])
                way.append((leaf.pre, count, sign * leaf.weight))
                count += 1
            values[leaf.post].append([(name, count - len(signs) + number) for number in range(len(signs))])
        self._add(name, count)
        for (source, output, delay), synapses in ways.items():
            self.projections.append(Projection(source, name, _sparse(synapses, sizes[source], count),
                                               output=output, delay_steps=delay))
        return values

    def _next(self, level: int, values: list[list[list[Term]]]) -> list[list[list[Term]]]:
        """Add relu(a - b) of all pairs; return the terms of what is left."""
        name = f"{self.stem}.level{level}"
        synapses: list[tuple[Term, int, float]] = []
        left: list[list[list[Term]]] = []
        count = 0
        for items in values:
            pairs = list(zip(items[::2], items[1::2], strict=False))
            left.append([[(name, count + number), *b] for number, (_, b) in enumerate(pairs)] + items[2 * len(pairs):])
            for a, b in pairs:
                synapses += [(term, count, 1.0) for term in a] + [(term, count, -1.0) for term in b]
                count += 1
        self._add(name, count)
        self._join(name, "input", count, synapses)
        return left

    def _join(self, target: str, port: str, size: int, synapses: list[tuple[Term, int, float]]) -> None:
        """Add a projection from each population that a term lies in."""
        sizes = {item.name: item.size for item in self.populations}
        by_source: dict[str, list[tuple[int, int, float]]] = {}
        for (source, neuron), post, weight in synapses:
            by_source.setdefault(source, []).append((neuron, post, weight))
        for source in sorted(by_source, key=list(sizes).index):
            self.projections.append(Projection(source, target, _sparse(by_source[source], sizes[source], size), port))

    def _add(self, name: str, size: int) -> None:
        self.populations.append(Population(name, "relu", size, direction=self.target.direction,
                                           period=self.target.period))


def _leaves(projection: Projection) -> list[_Leaf]:
    """Return every synapse of a projection by itself."""
    weights = _listed(projection.weights)
    pre = np.repeat(np.arange(weights.shape[0]), np.diff(weights.row_pointer))
    delays = np.broadcast_to(np.asarray(projection.delay_steps), pre.shape)
    return [_Leaf(projection.source, projection.output, *row) for row in
            zip(pre.tolist(), weights.targets.tolist(), weights.values.tolist(), delays.tolist(), strict=True)]


def _listed(weights: Weights) -> SparseWeights:
    """Return weights as rows of synapses."""
    if isinstance(weights, SparseWeights):
        return weights
    if isinstance(weights, ConvolutionWeights):
        return weights.unrolled()
    n_pre, n_post = weights.shape
    if isinstance(weights, OneToOneWeights):
        return SparseWeights(np.arange(n_pre + 1), np.arange(n_pre), weights.values, n_post)
    assert isinstance(weights, DenseWeights)
    return SparseWeights(np.arange(n_pre + 1) * n_post, np.tile(np.arange(n_post), n_pre), weights.values.reshape(-1),
                         n_post)


def _sparse(synapses: list[tuple[int, int, float]], n_pre: int, n_post: int) -> SparseWeights:
    """Return synapses (pre, post, weight) as rows."""
    ordered = sorted(synapses)
    counts = np.bincount([pre for pre, _, _ in ordered], minlength=n_pre)
    return SparseWeights(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
                         np.array([post for _, post, _ in ordered], np.int64),
                         np.array([weight for _, _, weight in ordered], np.float64), n_post)
