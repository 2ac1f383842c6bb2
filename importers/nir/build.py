"""What each node of a flat NIR graph becomes: a population, or terms of projections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from importers.neurons import FloatArray, Neurons
from importers.nir.cycles import implied_delays, stateless_order
from importers.nir.flat import Edge, FlatGraph, FlatNode
from importers.nir.neurons import neurons
from importers.nir.settings import Settings
from importers.nir.shapes import Shapes, convolution, values
from importers.nir.terms import Term, constant, identity
from neurosim.errors import DataError
from neurosim.graph import ConvolutionWeights, IntArray, Population

# A delay may be off a whole number of steps by this much, for float32.
DELAY_TOLERANCE = 1e-3
MAX_DELAY_STEPS = 2**31 - 1


class Builder:
    """Goes through a graph node by node.

    made : node -> its population, where it has one
    incoming : node -> what comes to its population
    readouts : populations that Outputs read
    notes : what the user should know
    """

    def __init__(self, graph: FlatGraph, settings: Settings) -> None:
        self.graph, self.settings = graph, settings
        self.shapes = Shapes(graph, settings.weight_layout)
        self.sources = graph.sources()
        self.names = population_names(graph)
        self.steps = {name: self._delay(node) for name, node in graph.nodes.items() if node.kind == "Delay"}
        delayed = {name for name, steps in self.steps.items() if steps.min() > 0}
        self.implied = implied_delays(graph, delayed, settings.feedback, at_start=settings.recurrent_start == "bias")
        self.terms: dict[str, list[Term]] = {}
        self.made: dict[str, Neurons | Population] = {}
        self.incoming: dict[str, list[Term]] = {}
        self.readouts: list[str] = []
        self.notes: list[str] = []

    def build(self) -> None:
        """Make everything."""
        for name, node in self.graph.nodes.items():
            if node.role == "input":
                self.made[name] = Population(self.names[name], "input", self.shapes.size(name),
                                             attributes={"payload": self.settings.payload})
            elif node.role == "neuron":
                self.made[name] = neurons(self.graph, node, self.shapes.into[name], self.names[name], self.settings)
        for name in stateless_order(self.graph):
            self.terms[name] = self._through(self.graph.nodes[name])
        for name, node in self.graph.nodes.items():
            if node.role == "neuron":
                self._feed_neurons(name)
            elif node.role == "output":
                self._read_out(name)
        self.notes += list(self.shapes.notes)
        self.notes += [f"edge {source} -> {target} closes a loop: it is delayed by one time step"
                       for source, target in sorted(self.implied)]

    def _arriving(self, name: str) -> list[Term]:
        """Return the terms that come to a node over its edges."""
        return [term for source in self.sources[name] for term in self._over((source, name))]

    def _over(self, edge: Edge) -> list[Term]:
        delay = int(edge in self.implied and not self._layer_delays(edge))
        source = edge[0]
        found = self.made.get(source)
        if found is not None:
            output = found.output if isinstance(found, Neurons) else found.name
            return [identity(output, self.shapes.size(source), delay)]
        return [replace(term, delay_steps=term.delay_steps + delay) for term in self.terms[source]]

    def _layer_delays(self, edge: Edge) -> bool:
        """Whether the delay of the layer already closes this loop."""
        return self.settings.layer_delay_steps > 0 and "->".join(edge) not in self.settings.feedback

    def _through(self, node: FlatNode) -> list[Term]:
        """Return the terms that leave a stateless node; what cannot go through becomes a population before it."""
        weights = self._weights(node)
        scale = self._values(node, "scale") if node.kind == "Scale" else None
        leaving: list[Term] = []
        for source in self.sources[node.name]:
            def taken(source: str = source) -> list[Term | None]:
                return [self._behind(term, node, weights, scale) for term in self._over((source, node.name))]

            through = taken()
            for above in self._above(source) if None in through else ():
                self._make_linear(above, f"stands before {node.name!r}, which cannot take up its weights")
                through = taken()
                if None not in through:
                    break
            leaving += [term for term in through if term is not None]
        bias = self._bias(node)
        return leaving if bias is None else [*leaving, constant(bias)]

    def _behind(self, term: Term, node: FlatNode, weights: FloatArray | ConvolutionWeights | None,
                scale: FloatArray | None) -> Term | None:
        if weights is not None:
            return term.weighted(weights)
        if scale is not None:
            return term.scaled(scale)
        if node.kind == "Delay":
            return term.delayed(self.steps[node.name])
        return term

    def _weights(self, node: FlatNode) -> FloatArray | ConvolutionWeights | None:
        if node.role != "weighted":
            return None
        if node.kind in ("Affine", "Linear"):
            return self.shapes.matrix(node)
        return convolution(self.graph, node, self.shapes.into[node.name])

    def _bias(self, node: FlatNode) -> FloatArray | None:
        """Return the bias of a weighted node by output value; None where it is 0 throughout."""
        if node.role != "weighted" or "bias" not in node.fields:
            return None
        stored = np.asarray(node.fields["bias"])
        shape = self.shapes.out[node.name]
        if stored.size not in (0, 1, shape[0]) or stored.dtype.kind not in "biuf":
            raise DataError(f"{self.graph.path}: node {node.name!r} ({node.kind}): bias has shape {stored.shape}",
                            allowed=f"shape ({shape[0]},)")
        if stored.size == 0 or not stored.any():
            return None
        by_first = np.broadcast_to(stored.reshape(-1).astype(np.float64), (shape[0],))
        return np.repeat(by_first, self.shapes.size(node.name) // shape[0])

    def _delay(self, node: FlatNode) -> IntArray:
        seconds = self._values(node, "delay")
        exact = seconds / self.settings.delay_step
        steps = np.rint(exact)
        off = np.abs(exact - steps)
        if steps.min() < 0 or steps.max() > MAX_DELAY_STEPS or off.max() > DELAY_TOLERANCE:
            worst = int(np.argmax(np.where(steps < 0, np.inf, off)))
            raise DataError(f"{self.graph.path}: node {node.name!r} (Delay): delay = {seconds[worst]} is "
                            f"{exact[worst]:.6g} time steps of {self.settings.delay_step}",
                            allowed="a whole number of time steps from 0", mend="give dt and tau_unit that divide it")
        return steps.astype(np.int64)

    def _values(self, node: FlatNode, name: str) -> FloatArray:
        return values(self.graph, node, name, self.shapes.into[node.name])

    def _above(self, name: str) -> list[str]:
        """Return the nodes that can become a population before a node behind `name`: the weighted one first."""
        found = [name]
        while self.graph.nodes[name].role == "light" and len(self.sources[name]) == 1 \
                and self.sources[name][0] not in self.made:
            name = self.sources[name][0]
            found.append(name)
        return found[::-1]

    def _make_linear(self, name: str, reason: str) -> None:
        """Make a stateless node a population of model `linear`."""
        if name in self.made:
            return
        bias, self.incoming[name] = _bias_apart(self.terms[name], self.shapes.size(name))
        self.made[name] = Population(self.names[name], "linear", self.shapes.size(name), {"bias": bias})
        self.notes.append(f"node {name!r} is a `linear` population of its own: it {reason}")
        for behind in self.graph.targets()[name]:       # what was passed on as its terms is now what it sends
            if behind in self.terms and self.graph.nodes[behind].role == "light":
                self._again(behind)

    def _again(self, name: str) -> None:
        """Find the terms of light nodes anew, from `name` on."""
        open_nodes = [name]
        while open_nodes:
            name = open_nodes.pop()
            if name in self.terms and name not in self.made and self.graph.nodes[name].role == "light":
                self.terms[name] = self._through(self.graph.nodes[name])
                open_nodes += self.graph.targets()[name]

    def _feed_neurons(self, name: str) -> None:
        found = self.made[name]
        assert isinstance(found, Neurons)
        bias, arriving = _bias_apart(self._arriving(name), found.population.size)
        if found.takes_bias:
            parameters = {**found.population.parameters, "bias": found.population.parameters["bias"]
                          + found.gain * bias}
            self.made[name] = replace(found, population=replace(found.population, parameters=parameters))
        elif bias.any():
            arriving.append(constant(bias))
        self.incoming[name] = [self._into_neurons(name, found, term) for term in arriving]

    def _into_neurons(self, name: str, found: Neurons, term: Term) -> Term:
        """Return a term with the neurons' gain and delay."""
        scaled = term.scaled(found.gain)
        if scaled is None:
            scaled = self._own_input(name, term).scaled(found.gain)
            assert scaled is not None
        layer = self.settings.layer_delay_steps if term.source is not None else 0
        return replace(scaled, delay_steps=scaled.delay_steps + found.input_delay_steps + layer)

    def _own_input(self, name: str, term: Term) -> Term:
        """Put a `linear` population before neurons whose gains differ within a channel of a convolution."""
        label, size = f"{self.names[name]}.input", self.shapes.size(name)
        if label not in self.made:
            self.made[label], self.incoming[label] = Population(label, "linear", size), []
            self.notes.append(f"{label!r} is a `linear` population: the gains of {name!r} differ within a channel")
        self.incoming[label].append(term)
        return identity(label, size)

    def _read_out(self, name: str) -> None:
        """Note which population an Output reads; make one where values are changed on the way."""
        terms = self._arriving(name)
        if len(terms) == 1 and terms[0].source and terms[0].weights is None and not terms[0].delay_steps \
                and terms[0].delay_out is None and terms[0].scale is not None and (terms[0].scale == 1).all():
            self.readouts.append(terms[0].source)
            return
        self.terms[name] = terms
        self._make_linear(name, "is read out behind stateless nodes")
        self.readouts.append(self.names[name])


def _bias_apart(terms: list[Term], size: int) -> tuple[FloatArray, list[Term]]:
    """Return the sum of the constants that act from the first step on, and the other terms."""
    bias, others = np.zeros(size), []
    for term in terms:
        if term.source is None and term.scale is not None and not term.delay_steps and term.delay_out is None:
            bias = bias + term.scale
        else:
            others.append(term)
    return bias, others


def population_names(graph: FlatGraph) -> dict[str, str]:
    """Return a population name for each node: its own, but for those a network does not allow."""
    taken: dict[str, str] = {}
    for name in graph.nodes:
        plain = name.replace("/", "_")
        label = f"node{plain}" if plain.startswith(".") or not plain else plain
        taken[name] = free_name(label, taken.values())
    return taken


def free_name(name: str, taken: Iterable[Any]) -> str:
    """Return a name that is not taken: `name`, or with a number behind it."""
    used, label, number = set(taken), name, 2
    while label in used:
        label, number = f"{name}_{number}", number + 1
    return label
