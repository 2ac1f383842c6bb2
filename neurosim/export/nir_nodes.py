"""Populations and projections as NIR nodes and edges; what cannot be one is a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim.export.nir_numbers import FloatArray, leak_potential, time_constant
from neurosim.export.nir_paths import PathMaker
from neurosim.graph import ConvolutionWeights, Network, Population

Shape = tuple[int, ...]
MODELS = ("input", "lif", "cuba", "integrator", "linear")


@dataclass
class Nodes:
    """node -> (type, parameters), and edges (source, target)."""

    nodes: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, kind: str, **fields: Any) -> str:
        """Add a node, under another name if that one is taken; return its name."""
        label, number = name, 2
        while label in self.nodes:
            label, number = f"{name}_{number}", number + 1
        self.nodes[label] = (kind, fields)
        return label

    def chain(self, *names: str) -> None:
        """Join nodes one after the other."""
        self.edges += zip(names, names[1:], strict=False)


class NodeMaker:
    """Makes the nodes of a network; `reasons` say what NIR cannot express, `notes` what is lost or put differently."""

    def __init__(self, network: Network, dt: float) -> None:
        self.network, self.dt = network, dt
        self.reasons: list[str] = []
        self.notes: list[str] = []
        self.nodes = Nodes()
        self.bias_sources = {population.name for population in network.populations if self._always_fires(population)}
        self.shapes: dict[str, Shape] = {}

    def make(self) -> Nodes:
        """Return all nodes; they are whole only where there are no reasons."""
        self._check()
        self.shapes = {population.name: self._shape(population) for population in self.network.populations}
        if self.reasons:
            return self.nodes
        kept = [population for population in self.network.populations if population.name not in self.bias_sources]
        for population in kept:
            if population.model != "linear":
                self.nodes.nodes[population.name] = ("", {})       # takes the name before projections do
        paths = PathMaker(self.network, self.nodes, self.shapes, self.bias_sources, self.dt)
        for population in kept:
            rest = paths.feed(population)
            self._add_population(population, rest)
        self.reasons += paths.reasons
        self.notes += paths.notes
        self._add_outputs(paths)
        return self.nodes

    def _check(self) -> None:
        if self.network.is_quantised:
            self.notes.append("fixed-point formats are not written: NIR holds numbers, not how they are stored")
        for population in self.network.populations:
            self._check_population(population)
        fed = {item.target for item in self.network.projections}
        for population in self.network.populations:
            if population.model != "input" and population.name not in fed | self.bias_sources:
                self.reasons.append(f"{population.name}: nothing leads to it")
        for projection in self.network.projections:
            weights = projection.weights
            if isinstance(weights, ConvolutionWeights) and weights.order != "cyx":
                self.reasons.append(f"projection {projection.name}: images in the order {weights.order}")
        self._check_linear_loops()

    def _check_linear_loops(self) -> None:
        """Refuse loops of linear populations: NIR's stateless nodes cannot follow themselves."""
        left = {item.name for item in self.network.populations if item.model == "linear"}
        while True:
            free = left - {item.target for item in self.network.projections if item.source in left}
            if not free:
                break
            left -= free
        if left:
            self.reasons.append(f"{', '.join(sorted(left))}: linear populations in a loop without a neuron")

    def _check_population(self, population: Population) -> None:
        name, attributes, parameters = population.name, population.attributes, population.parameters
        if population.model not in MODELS:
            self.reasons.append(f"{name}: model {population.model}")
            return
        if population.direction != "forward":
            self.reasons.append(f"{name}: takes its tokens from the last to the first")
        if population.change_threshold is not None:
            self.reasons.append(f"{name}: sends changes (sigma-delta)")
        if population.period != 1:
            self.reasons.append(f"{name}: takes one token in {population.period}")
        if population.reset_period:
            self.reasons.append(f"{name}: its state is emptied every {population.reset_period} tokens")
        if population.model not in ("lif", "cuba"):
            leak = parameters.get("leak", np.ones(1))
            if leak.min() < 0 or leak.max() > 1 or not ((leak == 1).all() or (leak < 1).all()):
                self.reasons.append(f"{name}: leak from {leak.min():g} to {leak.max():g}: must be 1 for all, or 0 to "
                                    "below 1")
            return
        if population.name in self.bias_sources:
            return
        leaks = [parameters[key] for key in ("leak", "current_leak") if key in parameters]
        for leak in leaks:
            may_be_one = population.model == "lif" and (leak == 1).all()
            if leak.min() < 0 or (leak.max() >= 1 and not may_be_one):
                self.reasons.append(f"{name}: leak from {leak.min():g} to {leak.max():g}: no time constant has it")
        is_threshold = population.model == "lif" and attributes["reset"] == "none" and not parameters["leak"].any()
        if attributes["reset"] != "hard" and not is_threshold:
            self.reasons.append(f"{name}: reset {attributes['reset']}: NIR resets to a value")
        if parameters["refractory_steps"].any():
            self.reasons.append(f"{name}: refractory time")

    def _always_fires(self, population: Population) -> bool:
        """Whether a population is one that sends 1 at every step: a lif without input whose bias fires it."""
        if population.model != "lif" or any(item.target == population.name for item in self.network.projections):
            return False
        values = population.parameters
        return bool((values["leak"] == 0).all() and (values["bias"] > values["threshold"]).all()
                    and not values["refractory_steps"].any() and not values["reset_value"].any()
                    and population.name not in self.network.readouts)

    def _shape(self, population: Population) -> Shape:
        """Return the image that a population's convolutions see, or its size."""
        seen = {weights.input_shape if item.source == population.name else weights.output_shape
                for item in self.network.projections
                if isinstance(weights := item.weights, ConvolutionWeights)
                and population.name in (item.source, item.target)}
        if len(seen) > 1:
            self.reasons.append(f"{population.name}: is an image of {' and of '.join(map(str, sorted(seen)))}")
        return next(iter(seen), (population.size,))

    def _add_population(self, population: Population, bias: FloatArray) -> None:
        """Add the node of a population; `bias` is what its weights could not take."""
        name, model, parameters = population.name, population.model, population.parameters
        if model == "input":
            self.nodes.nodes[name] = ("Input", {"shape": np.array(self.shapes[name], np.int64)})
            return
        if model == "linear":
            if bias.any():
                self.reasons.append(f"{name}: a bias that no dense weights or convolution before it can take")
            return
        leak = parameters["leak"]
        fields: dict[str, FloatArray] = {}
        if (leak == 1).all():
            kind = {"lif": "IF", "integrator": "I"}[model]
            fields["r"] = np.full(population.size, 1.0 / self.dt)
            if bias.any():
                self.reasons.append(f"{name}: a bias without leak, that no weights before it can take")
        elif model == "lif" and population.attributes["reset"] == "none":
            kind = "Threshold"
            if bias.any():
                self.reasons.append(f"{name}: a bias that no weights before it can take")
            self._put(population, kind, {"threshold": self._threshold(population)})
            return
        else:
            kind = {"lif": "LIF", "cuba": "CubaLIF", "integrator": "LI"}[model]
            tau, steps = self._time_constant(name, "leak", leak)
            fields |= {("tau_mem" if model == "cuba" else "tau"): tau, "r": steps,
                       "v_leak": leak_potential(bias, leak, steps)}
        if model == "cuba":
            fields["tau_syn"], fields["w_in"] = self._time_constant(name, "current_leak", parameters["current_leak"])
        if model in ("lif", "cuba"):
            fields |= {"v_threshold": self._threshold(population), "v_reset": parameters["reset_value"]}
        self._put(population, kind, fields)

    def _time_constant(self, name: str, what: str, leak: FloatArray) -> tuple[FloatArray, FloatArray]:
        tau, steps = time_constant(leak, self.dt)
        off = np.abs(1.0 - 1.0 / (tau / self.dt) - leak).max()
        if off > 0:
            self.notes.append(f"{name}: {what} changes by up to {off:.1e}: no time constant rounds to it")
        return tau, steps

    def _threshold(self, population: Population) -> FloatArray:
        threshold: FloatArray = population.parameters["threshold"]
        if population.attributes["comparator"] == ">":
            return threshold
        self.notes.append(f"{population.name}: the threshold is the next smaller number: NIR compares with >, the "
                          "network with >=")
        below: FloatArray = np.nextafter(threshold, -np.inf)
        return below

    def _put(self, population: Population, kind: str, fields: dict[str, FloatArray]) -> None:
        shape = self.shapes[population.name]
        self.nodes.nodes[population.name] = (kind, {name: np.ascontiguousarray(value).reshape(shape)
                                                    for name, value in fields.items()})

    def _add_outputs(self, paths: PathMaker) -> None:
        names = list(self.network.readouts)
        if not names:
            sending = {item.source for item in self.network.projections}
            names = [item.name for item in self.network.populations
                     if item.name not in sending and item.name not in self.bias_sources and item.model != "input"]
            self.notes.append(f"no readouts: Outputs after the last populations, {', '.join(names) or '(none)'}")
        for name in names:
            if name in paths.outputs:
                continue
            output = self.nodes.add(f"{name}_output" if len(names) > 1 else "output", "Output",
                                    shape=np.array(self.shapes[name], np.int64))
            self.nodes.chain(name, output)
