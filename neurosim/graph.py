"""The network: populations, ports and projections. What it is, not where it runs.

A population is `size` neurons of one model. A projection joins an output of one population to a port of another,
with weights and a logical delay in tokens. `Network` checks itself when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.errors import NetworkError, nearest
from neurosim.formats import Coding
from neurosim.model_specs import SPEC_BY_NAME, ModelSpec
from neurosim.own_models import load_own_models
from neurosim.quantity_specs import MODEL_QUANTITIES
from neurosim.weights import (
    ConvolutionWeights,
    DenseWeights,
    FloatArray,
    IntArray,
    OneToOneWeights,
    SparseWeights,
    Weights,
)

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["ConvolutionWeights", "DenseWeights", "FloatArray", "IntArray", "Network", "OneToOneWeights", "Population",
           "Projection", "SparseWeights", "Weights"]

DIRECTIONS = ("forward", "reversed")
MOST_PERIOD = 65536


@dataclass(frozen=True)
class Population:
    """`size` neurons of one model.

    parameters : name -> scalar, float64[neuron], or float64[neuron, mode] for per-mode ones; stored in full
    attributes : name -> choice; defaults filled in
    n_modes : complex modes of each soma, for models that have them
    codings : quantity -> how it is stored in fixed point (`quantity_specs`); empty: not quantised
    direction : `forward`, or `reversed`: it takes the tokens of a sample from the last to the first, which needs the
        whole sequence before it (schedule `whole_sequence`). Delays of what it sends count in its own order: with a
        delay of 1, token t of the target gets what it sent at token t + 1
    period : it takes every `period`-th token alone, those with (token + 1) % period == 0; at the others it rests: its
        state stays, and it sends nothing. What reaches it is what was sent `delay_steps` before those tokens: from a
        source of period 1, a delay of period - 1 takes the first token of each window, and one synapse for each delay
        from 0 to period - 1 sums the window. A window that a sample cuts short is dropped
    change_threshold : its graded outputs send changes of at least so much, which receivers add up (sigma-delta); None:
        they send values
    reset_period, reset_offset : its state is emptied, as it is at the beginning of a sample, before it takes each token
        with (token - reset_offset) % reset_period == 0; 0: never. That is all: what was sent to it before arrives at
        its token all the same, and what it sent goes on
    """

    name: str
    model: str
    size: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    n_modes: int = 0
    codings: Mapping[str, Coding] = field(default_factory=dict)
    direction: str = "forward"
    period: int = 1
    reset_period: int = 0
    reset_offset: int = 0
    change_threshold: float | None = None

    def __post_init__(self) -> None:
        spec = self.spec
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise NetworkError(f"population name {self.name!r}", allowed="a name without '/', not starting with '.'")
        if not 1 <= int(self.size) <= 2**31 - 1:
            raise NetworkError(f"{self.name}: size = {self.size}", allowed="integer from 1 to 2147483647")
        if spec.has_modes != (self.n_modes > 0):
            allowed = "integer from 1" if spec.has_modes else "0"
            raise NetworkError(f"{self.name}: n_modes = {self.n_modes}", allowed=f"{allowed} for model {self.model}")
        _check_choice(f"{self.name}: direction", self.direction, list(DIRECTIONS)[:1 + (self.model != "input")])
        self._check_period()
        self._check_changes()
        self._check_resets()
        object.__setattr__(self, "parameters", self._full_parameters(spec))
        object.__setattr__(self, "attributes", self._full_attributes(spec))
        quantities = MODEL_QUANTITIES[spec.name].names()
        for name, coding in self.codings.items():
            _check_choice(f"{self.name}: quantity", name, list(quantities))
            _check_gain(coding, self.size, f"{self.name}: {name}")

    def _check_period(self) -> None:
        most = 1 if self.model == "input" or self.direction != "forward" else MOST_PERIOD
        if not isinstance(self.period, int | np.integer) or not 1 <= self.period <= most:
            who = "an input" if self.model == "input" else "a population that takes the tokens from last to first"
            raise NetworkError(f"{self.name}: period = {self.period!r}",
                               allowed=f"integer from 1 to {most}" if most > 1 else f"1 for {who}")

    def _check_changes(self) -> None:
        threshold = self.change_threshold
        if threshold is None:
            return
        if self.model == "input" or "graded" not in {output.kind for output in self.spec.outputs}:
            raise NetworkError(f"{self.name}: change_threshold = {threshold!r} of model {self.model}", allowed="None",
                               mend="changes are sent by neurons with graded outputs")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold < np.inf:
            raise NetworkError(f"{self.name}: change_threshold = {threshold!r}", allowed="a number from 0, or None")

    def _check_resets(self) -> None:
        may = self.model != "input" and self.direction == "forward" and self.period == 1
        most, allowed = (MOST_PERIOD, f"integer from 0 to {MOST_PERIOD}") if may else (
            0, "0 for inputs, and for populations that rest or take the tokens from last to first")
        if not isinstance(self.reset_period, int | np.integer) or not 0 <= self.reset_period <= most:
            raise NetworkError(f"{self.name}: reset_period = {self.reset_period!r}", allowed=allowed)
        last = max(int(self.reset_period) - 1, 0)
        if not isinstance(self.reset_offset, int | np.integer) or not 0 <= self.reset_offset <= last:
            raise NetworkError(f"{self.name}: reset_offset = {self.reset_offset!r}",
                               allowed=f"integer from 0 to {last}",
                               mend="count the offset within one reset_period")

    def is_reset_at(self, token: int) -> bool:
        """Return whether the state is emptied before `token` is taken."""
        return self.reset_period > 0 and (token - self.reset_offset) % self.reset_period == 0

    @property
    def spec(self) -> ModelSpec:
        """The model's declaration."""
        if self.model not in SPEC_BY_NAME:
            load_own_models()
        if self.model not in SPEC_BY_NAME:
            raise NetworkError(f"{self.name}: model = {self.model!r}", allowed=", ".join(SPEC_BY_NAME),
                               mend=nearest(self.model, list(SPEC_BY_NAME)))
        return SPEC_BY_NAME[self.model]

    def output_kind(self, output: str) -> str:
        """Return `spike`, `ternary` or `graded`; an input population says so in its attribute `payload`."""
        if self.model == "input":
            return self.attributes["payload"]
        return self.spec.outputs[self.spec.output_index(output)].kind

    def _full_parameters(self, spec: ModelSpec) -> dict[str, FloatArray]:
        names = [parameter.name for parameter in spec.parameters]
        for name in self.parameters:
            if name not in names:
                raise NetworkError(f"{self.name}: unknown parameter {name!r} of model {spec.name}",
                                   allowed=", ".join(names) or "none", mend=nearest(name, names))
        full: dict[str, FloatArray] = {}
        for parameter in spec.parameters:
            given = self.parameters.get(parameter.name, parameter.default)
            if given is None:
                raise NetworkError(f"{self.name}: parameter {parameter.name!r} of model {spec.name} is missing")
            shape = (self.size, self.n_modes) if parameter.per_mode else (self.size,)
            try:
                values = np.ascontiguousarray(np.broadcast_to(np.asarray(given, np.float64), shape))
            except (ValueError, TypeError):
                raise NetworkError(f"{self.name}: parameter {parameter.name!r} has shape {np.shape(given)}",
                                   allowed=f"a scalar or shape {shape}") from None
            _check_finite(values, f"{self.name}: parameter {parameter.name!r}")
            if values.size and (values.min() < parameter.low or values.max() > parameter.high):
                reach = f"{values.min()} to {values.max()}"
                raise NetworkError(f"{self.name}: parameter {parameter.name!r} reaches {reach}",
                                   allowed=f"{parameter.low} to {parameter.high}")
            full[parameter.name] = values
        return full

    def _full_attributes(self, spec: ModelSpec) -> dict[str, str]:
        names = [attribute.name for attribute in spec.attributes]
        for name in self.attributes:
            if name not in names:
                raise NetworkError(f"{self.name}: unknown attribute {name!r} of model {spec.name}",
                                   allowed=", ".join(names) or "none", mend=nearest(name, names))
        full: dict[str, str] = {}
        for attribute in spec.attributes:
            value = self.attributes.get(attribute.name, attribute.default)
            if value not in attribute.choices:
                raise NetworkError(f"{self.name}: {attribute.name} = {value!r}", allowed=", ".join(attribute.choices))
            full[attribute.name] = value
        return full


@dataclass(frozen=True)
class Projection:
    """Synapses from an output of `source` to a `port` of `target`.

    delay_steps : logical delay in tokens, one number, or int64[synapse] for sparse weights
    output : name of the source's output; empty for its first
    coding : how the weights are stored in fixed point, gains by target neuron; None: not quantised
    """

    source: str
    target: str
    weights: Weights
    port: str = "input"
    output: str = ""
    delay_steps: int | IntArray = 0
    name: str = ""
    coding: Coding | None = None


@dataclass(frozen=True)
class Network:
    """Populations and projections, checked.

    readouts : populations whose values are the network's answer
    metadata : what should be kept with it (origin, licence, class names), as strings
    """

    name: str
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    readouts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        names = [population.name for population in self.populations]
        if not names:
            raise NetworkError(f"network {self.name!r} has no population")
        doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if doubled:
            raise NetworkError(f"population names used twice: {', '.join(doubled)}", mend="rename one of them")
        object.__setattr__(self, "projections", tuple(self._checked(p, i) for i, p in enumerate(self.projections)))
        for readout in self.readouts:
            if self.population(readout).direction != "forward":
                raise NetworkError(f"readout {readout}: direction = 'reversed'", allowed="forward",
                                   mend="read a population out that takes the tokens from the first to the last")

    @property
    def inputs(self) -> tuple[Population, ...]:
        """Populations of model `input`, in order."""
        return tuple(population for population in self.populations if population.model == "input")

    def population(self, name: str) -> Population:
        """Return population `name`; raise NetworkError if there is none."""
        for population in self.populations:
            if population.name == name:
                return population
        names = [population.name for population in self.populations]
        raise NetworkError(f"no population {name!r}", allowed=", ".join(names), mend=nearest(name, names))

    @property
    def is_quantised(self) -> bool:
        """Whether anything of it has a fixed-point format."""
        return any(item.codings for item in self.populations) or any(item.coding for item in self.projections)

    @property
    def needs_whole_sequence(self) -> bool:
        """Whether a population takes the tokens from the last to the first."""
        return any(population.direction == "reversed" for population in self.populations)

    @property
    def n_neurons(self) -> int:
        """Neurons of all populations, inputs included."""
        return sum(population.size for population in self.populations)

    @property
    def n_synapses(self) -> int:
        """Synapses of all projections."""
        return sum(projection.weights.n_synapses for projection in self.projections)

    def topology(self) -> nx.MultiDiGraph:
        """Return populations as nodes and projections as edges (key = index, attribute `delay_steps` = smallest)."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        graph.add_nodes_from(population.name for population in self.populations)
        for index, projection in enumerate(self.projections):
            smallest = int(np.min(projection.delay_steps)) if np.size(projection.delay_steps) else 0
            graph.add_edge(projection.source, projection.target, key=index, delay_steps=smallest)
        return graph

    def _checked(self, projection: Projection, index: int) -> Projection:
        source, target = self.population(projection.source), self.population(projection.target)
        label = projection.name or f"{source.name}->{target.name}"
        output = projection.output or source.spec.outputs[0].name
        _check_choice(f"{label}: output of {source.name}", output, [o.name for o in source.spec.outputs])
        _check_choice(f"{label}: port of {target.name}", projection.port, [p.name for p in target.spec.ports])
        if projection.weights.shape != (source.size, target.size):
            raise NetworkError(f"{label}: weights have shape (pre, post) = {projection.weights.shape}",
                               allowed=f"{(source.size, target.size)}")
        _check_weights(projection.weights, label)
        delay_steps = _checked_delay(projection, label)
        _check_periods(source, target, delay_steps, label)
        _check_summed(source, target, projection.port, label)
        if projection.coding is not None:
            weights = projection.weights
            n_gains = weights.output_shape[0] if isinstance(weights, ConvolutionWeights) else target.size
            _check_gain(projection.coding, n_gains, f"{label}: weights")
        return Projection(source.name, target.name, projection.weights, projection.port, output, delay_steps,
                          projection.name or f"{index}:{source.name}->{target.name}.{projection.port}",
                          projection.coding)


def _check_choice(label: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        raise NetworkError(f"{label} = {value!r}", allowed=", ".join(choices) or "none", mend=nearest(value, choices))


def _check_gain(coding: Coding, n_channels: int, label: str) -> None:
    if coding.gain.shape not in ((), (n_channels,)):
        raise NetworkError(f"{label}: gains of its coding have shape {coding.gain.shape}",
                           allowed=f"one gain, or shape ({n_channels},)")


def _check_weights(weights: Weights, label: str) -> None:
    _check_finite(weights.values, f"{label}: weights")
    if isinstance(weights, SparseWeights):
        pointer, targets = weights.row_pointer, weights.targets
        if pointer[0] != 0 or pointer[-1] != len(targets) or np.any(np.diff(pointer) < 0):
            raise NetworkError(f"{label}: row_pointer does not ascend from 0 to {len(targets)}")
        if len(targets) != len(weights.values):
            raise NetworkError(f"{label}: {len(targets)} targets for {len(weights.values)} values")
        if len(targets) and (targets.min() < 0 or targets.max() >= weights.n_post):
            raise NetworkError(f"{label}: targets reach {targets.min()} to {targets.max()}",
                               allowed=f"0 to {weights.n_post - 1}")


def _checked_delay(projection: Projection, label: str) -> int | IntArray:
    delay = np.asarray(projection.delay_steps)
    if not np.issubdtype(delay.dtype, np.integer) or (delay.size and delay.min() < 0):
        raise NetworkError(f"{label}: delay_steps = {projection.delay_steps!r}", allowed="integers from 0")
    if delay.ndim == 0:
        return int(delay)
    if not isinstance(projection.weights, SparseWeights) or delay.shape != projection.weights.values.shape:
        raise NetworkError(f"{label}: delay_steps has shape {delay.shape}",
                           allowed="one number, or one per synapse of sparse weights")
    return delay.astype(np.int64)


def _check_periods(source: Population, target: Population, delay_steps: int | IntArray, label: str) -> None:
    """Check that whatever the target takes was sent at a token that the source took."""
    if target.period % source.period:
        raise NetworkError(f"{label}: {target.name} has period {target.period}, its source period {source.period}",
                           allowed=f"multiples of {source.period}",
                           mend="let what follows a population rest at least where it does")
    delays = np.atleast_1d(delay_steps)
    wrong = delays[delays % source.period != 0]
    if wrong.size:
        raise NetworkError(f"{label}: delay_steps = {wrong[0]} from a source of period {source.period}",
                           allowed=f"multiples of {source.period}", mend="count delays in tokens of the inputs")


def _check_summed(source: Population, target: Population, port: str, label: str) -> None:
    """Check that the target can add up the changes that its source sends."""
    if source.change_threshold is None:
        return
    reason = cannot_sum(source, target, port)
    if reason:
        raise NetworkError(f"{label}: {source.name} sends changes, and {target.name} cannot add them up: {reason}",
                           mend=f"let {source.name} send values: change_threshold None")


def cannot_sum(source: Population, target: Population, port: str) -> str:
    """Return why `target` could not add up changes of `source`; empty where it can."""
    operator = target.spec.ports[target.spec.port_index(port)].operator
    if operator != "sum":
        return f"port {port!r} takes the {operator}"
    if source.direction != target.direction:
        return "they take the tokens in different order"
    return "they take different tokens" if source.period != target.period else ""


def _check_finite(values: FloatArray, label: str) -> None:
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0].tolist()
        raise NetworkError(f"{label}[{', '.join(map(str, where))}] = {values[tuple(where)]}", allowed="finite numbers",
                           mend="check the training run or the file for NaN and infinity")
