"""Random networks, chips, mappings and inputs, small enough for the reference engine.

`build_case` asks its caller for every decision, so that hypothesis can draw and shrink them, and a fixed seed can
repeat them: `cases()` and `fixed_case(seed)`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from hw_models import from_mapping, load_chip, to_mapping
from hw_models.schema import Chip
from neurosim.errors import CapacityError
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
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.model_specs import SPEC_BY_NAME

Choose = Callable[[Sequence[Any]], Any]
MODELS = ("lif", "linear", "cuba", "relu", "reduce", "ssm_lif", "center", "ternary", "ssm_heaviside", "ssm", "glu",
          "gsu", "layer_norm", "gelu", "integrator", "running_mean")
# Durations in ps that a chip draws from. Zero is offered only where the schema allows it.
DURATIONS = {
    "round": (1000, 2000, 3000, 500),
    "tiny": (1, 2, 3),
    "instant": (0, 0, 1),
    "coprime": (997, 1009, 10007, 65537, 7919),
    "mixed": (1, 0, 50_000, 3, 999_983),
}
CORE_COSTS = ("soma_active", "soma_inactive", "program_active", "program_inactive", "mode_update", "spike_out",
              "packet_out", "packet_in", "synapse_read", "synapse_dense", "synapse_sparse", "synapse_conv", "dendrite")


@dataclass(frozen=True)
class Case:
    """A network, a chip (options upon `generic-mesh`), a mapping, and inputs [sample, token, column]."""

    network: Network
    chip: dict[str, Any]
    mapping: dict[str, Any]
    inputs: np.ndarray
    numbers: str = "float64"
    readout_tokens: bool = False
    machine: Machine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", machine_of(self.network, make_chip(self.chip), self.mapping))

    @property
    def is_contended(self) -> bool:
        """Whether packets can hold each other up: routers with few slots."""
        return self.machine.noc.buffer_packets in (1, 2)


@cache
def _template() -> str:
    return json.dumps(to_mapping(load_chip("generic-mesh")))


def make_chip(overrides: dict[str, Any] | None = None) -> Chip:
    """Return `generic-mesh` with fields changed, checked; a figure takes its nominal value, as with `--set`.

    The output port moves to tile 0 unless told otherwise, so that meshes may be smaller.
    """
    data = json.loads(_template())
    for path, value in {"output_port.tile": 0, **(overrides or {})}.items():
        *parents, last = [int(key) if key.isdecimal() else key for key in path.split(".")]
        place = data
        for key in parents:
            place = place[key]
        if isinstance(value, dict):     # a whole block, such as `tick`
            place[last] = value
            continue
        assert isinstance(last, int) or last in place, path
        if isinstance(place[last], dict):
            figure = place[last]
            figure.update(value=float(value), low=min(figure["low"], value), high=max(figure["high"], value))
        else:
            place[last] = value
    return from_mapping(data)


def machine_of(network: Network, chip: Chip, mapping: dict[str, Any]) -> Machine:
    """Map; where the chip has too few cores for the drawn limit on neurons, without that limit."""
    try:
        return map_network(network, chip, MappingOptions(**mapping))
    except CapacityError:
        return map_network(network, chip, MappingOptions(**{**mapping, "max_neurons_per_core": None}))


def cases() -> st.SearchStrategy[Case]:
    """Return cases drawn by hypothesis."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        seed = draw(st.integers(0, 2**32 - 1))
        return build_case(lambda options: draw(st.sampled_from(options)), np.random.default_rng(seed))

    return drawn()


def fixed_case(seed: int) -> Case:
    """Return case number `seed`."""
    random = np.random.default_rng(seed)
    return build_case(lambda options: options[int(random.integers(len(options)))], random)


def build_case(choose: Choose, random: np.random.Generator) -> Case:
    """Return a case; structure comes from `choose`, numbers from `random`."""
    network = build_network(choose, random)
    chip = build_chip(choose)
    if choose((False, False, False, True)):
        network = with_reversed(network, random)
    mapping, inputs = build_mapping(choose, network), build_inputs(network, choose, random)
    numbers, readout_tokens = choose(("float64", "float64", "float32")), choose((False, True))
    if choose((False, True)):
        network = with_periods(network, random)
    if choose((False, False, True)):
        network = with_resets(network, random)
    return Case(network, chip, mapping, inputs, numbers, readout_tokens)


# -- network -------------------------------------------------------------------------------------------------------


def build_network(choose: Choose, random: np.random.Generator, models: tuple[str, ...] = MODELS) -> Network:
    """Return 1 or 2 inputs and 1 to 4 populations with forward projections, skips, loops and delays."""
    populations = [Population(f"in{index}", "input", choose((2, 1, 4, 12, 30)), attributes={"payload": payload})
                   for index, payload in enumerate(choose((("spike",), ("graded",), ("spike", "graded"))))]
    n_inputs = len(populations)
    for index in range(choose((1, 2, 3, 4))):
        populations.append(_population(f"p{index}", choose(models), choose, random))
    projections: list[Projection] = []
    for number in range(n_inputs, len(populations)):
        target = populations[number]
        ports = [port.name for port in target.spec.ports]
        fed = ports[:1] if choose((True, False)) else ports
        for port in fed:
            source = populations[choose(range(number - 1, -1, -1))]
            projections.append(make_projection(source, target, port, choose((0, 0, 0, 1, 3)), choose, random))
    for _ in range(choose((0, 1, 2))):    # loops, also of a population with itself, and skips
        source = populations[choose(range(len(populations)))]
        target = populations[choose(range(n_inputs, len(populations)))]
        port = choose([port.name for port in target.spec.ports])
        projections.append(make_projection(source, target, port, choose((1, 2, 4)), choose, random))
    names = [population.name for population in populations[n_inputs:]]
    return Network("random", tuple(populations), tuple(projections), tuple(choose(((), names[-1:], names))))


def with_reversed(network: Network, random: np.random.Generator) -> Network:
    """Return the network with some populations that take the tokens backward; those in loops stay as they are."""
    cyclic = {name for part in nx.strongly_connected_components(network.topology()) if len(part) > 1 for name in part}
    return replace(network, populations=tuple(
        replace(item, direction="reversed") if item.model != "input" and item.name not in {*network.readouts, *cyclic}
        and random.random() < 0.6 else item for item in network.populations))


def with_periods(network: Network, random: np.random.Generator) -> Network:
    """Return the network with some populations that rest at tokens: periods rise along projections, loops share one.

    Delays are rounded up to multiples of their source's period, or drawn anew: most often within a window.
    """
    graph, period = nx.DiGraph(network.topology()), {item.name: 1 for item in network.populations}
    components = nx.condensation(graph)
    for component in list(nx.topological_sort(components)):
        members = sorted(components.nodes[component]["members"])
        if {network.population(name).model for name in members} == {"input"}:
            continue
        feeding = [period[source] for name in members for source in graph.predecessors(name) if source not in members]
        rises = 1 if any(network.population(name).direction != "forward" for name in graph.nodes
                         if any(name in members or nx.has_path(graph, member, name) for member in members)) \
            else int(random.choice([2 if any(graph.has_edge(name, name) for name in members) else 1, 1, 2, 3]))
        period.update(dict.fromkeys(members, int(np.lcm.reduce([1, *feeding])) * rises))
    if max(period.values()) > 6:
        return network
    return replace(network, populations=tuple(replace(item, period=period[item.name]) for item in network.populations),
                   projections=tuple(_paced(item, period[item.source], period[item.target], random)
                                     for item in network.projections))


def with_resets(network: Network, random: np.random.Generator) -> Network:
    """Return the network with some populations whose state is emptied at tokens; those that can be."""
    def drawn(item: Population) -> Population:
        if item.model == "input" or item.direction != "forward" or item.period > 1 or random.random() < 0.4:
            return item
        period = int(random.integers(1, 6))
        return replace(item, reset_period=period, reset_offset=int(random.integers(period)))

    return replace(network, populations=tuple(drawn(item) for item in network.populations))


def _paced(item: Projection, step: int, period: int, random: np.random.Generator) -> Projection:
    delays = (np.asarray(item.delay_steps) + step - 1) // step * step
    if item.source != item.target and delays.ndim == 0 and random.random() < 0.5:
        delays = delays + (period - step)       # the first token of the window
    elif item.source != item.target and delays.ndim:
        delays = delays + step * random.integers(0, max(period // step, 1), delays.shape)
    return replace(item, delay_steps=delays if delays.ndim else int(delays))


def _population(name: str, model: str, choose: Choose, random: np.random.Generator) -> Population:
    spec = SPEC_BY_NAME[model]
    size, n_modes = choose((3, 1, 2, 6, 14, 30)), choose((1, 2)) if spec.has_modes else 0
    modes = (size, max(n_modes, 1)) if spec.has_modes else size
    values = {
        "leak": 0.75, "current_leak": 0.5, "threshold": random.choice([0.25, 0.5, 1.0], size),
        "bias": random.choice([0.0, 0.0, 0.4], size), "a_real": random.uniform(-0.8, 0.8, modes),
        "a_imag": random.uniform(-0.5, 0.5, modes),
        "c_real": random.normal(size=(size, max(n_modes, 1))), "c_imag": random.normal(size=(size, max(n_modes, 1))),
        "refractory_steps": random.choice([0.0, 0.0, 2.0], size), "rate_real": random.uniform(-2, 0, size),
        "rate_imag": random.uniform(-3, 3, size),
    }
    parameters = {parameter.name: values[parameter.name] for parameter in spec.parameters if parameter.name in values}
    attributes = {attribute.name: choose(attribute.choices) for attribute in spec.attributes}
    return Population(name, model, size, parameters, attributes, n_modes)


def make_projection(source: Population, target: Population, port: str, delay: int, choose: Choose,
                random: np.random.Generator) -> Projection:
    output = choose([output.name for output in source.spec.outputs])
    kind = choose(("dense", "sparse", "one_to_one" if source.size == target.size else "sparse", "convolution"))
    if kind == "convolution":
        return Projection(source.name, target.name, convolution(source.size, target.size, random), port, output, delay)
    weights, delays = _weights(kind, source.size, target.size, delay, random)
    return Projection(source.name, target.name, weights, port, output, delays)


def _weights(kind: str, pre: int, post: int, delay: int, random: np.random.Generator) -> tuple[Weights, Any]:
    values = np.round(random.normal(0.2, 0.6, (pre, post)), 2) * (random.random((pre, post)) < 0.8)
    if kind == "dense":
        return DenseWeights(values), delay
    if kind == "one_to_one":
        return OneToOneWeights(np.round(random.normal(0.5, 0.5, pre), 2)), delay
    chosen = random.random((pre, post)) < 0.6
    rows, targets = np.nonzero(chosen)
    pointer = np.concatenate([[0], np.cumsum(chosen.sum(axis=1))]).astype(np.int64)
    sparse = SparseWeights(pointer, targets.astype(np.int64), values[rows, targets], post)
    # From one delay on, synapses of one projection may differ in delay; some projections then have no synapse at all.
    return sparse, delay + random.integers(0, 3, len(targets)) if random.random() < 0.5 else delay


def convolution(pre: int, post: int, random: np.random.Generator) -> ConvolutionWeights:
    """Return a kernel between two images of so many neurons, zero weights among its taps."""
    shapes = [_image(size, random) for size in (pre, post)]
    groups = int(random.choice([n for n in range(1, 4) if shapes[0][0] % n == 0 and shapes[1][0] % n == 0]))
    kernel, step, dilation = (random.integers(1, most, 2) for most in (4, 3, 3))
    beyond = [max(0, (shapes[1][1 + axis] - 1) * int(step[axis]) - shapes[0][1 + axis] + 1) for axis in (0, 1)]
    padding = [least + int(random.integers(0, 2)) for least in beyond]
    values = np.round(random.normal(0.2, 0.6, (shapes[1][0], shapes[0][0] // groups, *kernel)), 2)
    values *= random.random(values.shape) < 0.8
    return ConvolutionWeights(values, shapes[0], shapes[1], (int(step[0]), int(step[1])), (padding[0], padding[1]),
                              (int(dilation[0]), int(dilation[1])), groups, str(random.choice(["cyx", "xyc", "ycx"])))


def _image(size: int, random: np.random.Generator) -> tuple[int, int, int]:
    """Return three numbers with the product `size`."""
    channels = int(random.choice([n for n in range(1, size + 1) if size % n == 0]))
    height = int(random.choice([n for n in range(1, size // channels + 1) if size // channels % n == 0]))
    return channels, height, size // channels // height


# -- chip ----------------------------------------------------------------------------------------------------------


def build_chip(choose: Choose) -> dict[str, Any]:
    """Return options for `generic-mesh`."""
    columns, rows = choose((2, 1, 3, 4)), choose((2, 1, 3, 4))
    topology = choose(("mesh", "mesh", "torus"))
    buffers = choose((1, 2, 4, "unlimited")) if topology == "mesh" else "unlimited"
    kind, self_delivery = choose(("serial", "overlapped")), choose(("skip", "network"))
    may_fill = kind == "overlapped" and self_delivery == "network" and buffers != "unlimited"
    tiles = range(columns * rows)
    chip: dict[str, Any] = {
        "noc.topology": topology, "noc.routing": choose(("xy", "yx")), "noc.columns": columns, "noc.rows": rows,
        "noc.cores_per_tile": choose((1, 2, 3)), "noc.buffer_packets": buffers,
        "noc.multicast": choose(("none", "tree")), "noc.self_delivery": self_delivery,
        "noc.flit_bits": choose((64, 32, 16, 10)), "noc.header_bits": 24,
        "core.pipeline.kind": kind, "core.core_in_packets": choose((1, 2, 5)) if may_fill else "unlimited",
        "core.pipeline.skip_zero_weights": choose((True, False)),
        "core.capabilities.convolution": choose((True, True, False)),
        "input_port.tile": choose(tiles), "output_port.tile": choose(tiles),
    }
    style = choose(tuple(DURATIONS))
    for name, least in _latencies():
        chip[name] = choose([ps for ps in DURATIONS[style] if ps >= least] or [least]) / 1000
    chip["noc.router_latency_ns"] = max(chip["noc.router_latency_ns"], 0.001 - _shortest_link(chip))
    chip |= _clock(choose, style) | (_chips(choose, style, chip) if topology == "mesh" else {})
    return chip


def _clock(choose: Choose, style: str) -> dict[str, Any]:
    """Return the options of a tick, or none; periods below and above what steps take."""
    if not choose((False, False, False, True)):
        return {}
    period_ps = choose(DURATIONS[style]) * choose((1, 10, 100, 1000)) or 1
    return {"sync": "tick", "tick": {"period_ns": figure(period_ps / 1000), "overrun": "late"}}


def _chips(choose: Choose, style: str, chip: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a grid of chips, or none."""
    shape = choose(((0, 0), (0, 0), (2, 1), (3, 2), (1, 4)))
    if shape == (0, 0):
        return {}
    link_ps, cycle_ps = (choose([ps for ps in DURATIONS[style] if ps >= least] or [least]) for least in (0, 1))
    if chip["noc.router_latency_ns"] + link_ps / 1000 < 0.001:
        link_ps = 1
    barrier = [{"chips": chips, "latency_ns": figure(choose((3, 17)))} for chips in choose(((), (2,), (2, 6)))]
    return {"grid": {"columns": shape[0], "rows": shape[1], "link_latency_ns": figure(link_ps / 1000),
                     "link_cycle_ns": figure(cycle_ps / 1000), "hop_pj": figure(choose((0, 10))),
                     "flit_hop_pj": figure(1), "barrier": barrier}}


def figure(value: float) -> dict[str, Any]:
    """Return a figure of an invented chip."""
    return {"value": float(value), "low": float(value), "high": float(value), "basis": "assumed", "source": "user"}


def _latencies() -> list[tuple[str, int]]:
    """Return the names of the chip's durations and their least values in ps."""
    noc = [(f"noc.{name}_ns", 0) for name in ("router_latency", "link_latency_ew", "link_latency_ns", "eject_latency")]
    noc += [(f"noc.{name}_ns", 1) for name in ("link_cycle", "credit_latency")]
    ports = [(f"{port}_port.packet_latency_ns", 0) for port in ("input", "output")]
    cores = [(f"core.costs.{name}.latency_ns", 0) for name in CORE_COSTS]
    return [*noc, *ports, *cores, ("barrier.0.latency_ns", 1), ("barrier.1.latency_ns", 1), ("nominal_step_ns", 1)]


def _shortest_link(chip: dict[str, Any]) -> float:
    return min(chip["noc.link_latency_ew_ns"], chip["noc.link_latency_ns_ns"])


# -- mapping and inputs --------------------------------------------------------------------------------------------


def build_mapping(choose: Choose, network: Network) -> dict[str, Any]:
    """Return options of the mapping."""
    streaming = () if network.needs_whole_sequence else ("pipelined", "pipelined", "fall_through", "fall_through")
    return {"schedule": choose((*streaming, "whole_sequence")), "sequence_length": 6,
            "placement": choose(("naive", "random", "linear")),
            "strategy": choose(("pack", "balanced")), "seed": choose(range(4)),
            "max_neurons_per_core": choose((1, 2, 5, None)), "readout_every_token": choose((False, True))}


def build_inputs(network: Network, choose: Choose, random: np.random.Generator) -> np.ndarray:
    """Return float64[sample, token, column]; zeros among them."""
    shape = (choose((1, 2)), choose((1, 2, 4, 6)))
    columns = []
    for population in network.inputs:
        present = random.random((*shape, population.size)) < choose((0.5, 1.0, 0.1))
        spikes = population.attributes["payload"] == "spike"
        values = np.ones(present.shape) if spikes else np.round(random.normal(size=present.shape), 3)
        columns.append(values * present)
    return np.concatenate(columns, axis=2)
