"""Small quantised networks: one of every model, in formats that are drawn, or so wide that rounding hardly shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.formats import ROUNDINGS, Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights, Weights
from neurosim.model_specs import SPEC_BY_NAME
from neurosim.quantity_specs import FAMILY_OVERFLOW, FAMILY_ROUNDING, MODEL_QUANTITIES
from tests.engine.coded import coded

EXACT_ROUNDINGS = tuple(name for name in ROUNDINGS if name != "stochastic")
MODELS = ("linear", "relu", "gelu", "ssm", "ssm_heaviside", "ssm_lif", "ternary", "gsu", "glu", "reduce", "center",
          "layer_norm", "integrator", "running_mean", "lif", "cuba", "scaled_lif")
# Values that are computed; those stored once cannot be wrapped Lava's way.
COMPUTED = ("charge", "state", "internal", "payload")
SIZE, N_MODES = 4, 2


def population(model: str, random: np.random.Generator, name: str = "p", **attributes: str) -> Population:
    """Return four neurons of a model; attributes are drawn where they are not given."""
    spec, n_modes = SPEC_BY_NAME[model], N_MODES if SPEC_BY_NAME[model].has_modes else 0
    modes = (SIZE, max(n_modes, 1))
    values: dict[str, Any] = {
        "leak": random.uniform(0.3, 1.0, SIZE), "current_leak": random.uniform(0.2, 0.9, SIZE),
        "threshold": random.uniform(0.3, 1.0, SIZE), "reset_value": random.uniform(-0.2, 0.2, SIZE),
        "bias": random.uniform(-0.3, 0.4, SIZE), "refractory_steps": random.choice([0.0, 1.0, 2.0], SIZE),
        "a_real": random.uniform(0.1, 0.8, modes), "a_imag": random.uniform(-0.5, 0.5, modes),
        "b_imag": random.uniform(-0.3, 0.3, modes), "c_real": random.normal(size=modes),
        "c_imag": random.normal(size=modes), "d": random.normal(size=SIZE), "delta": 0.25,
        "value_bias": random.uniform(-0.3, 0.3, SIZE), "gate_bias": random.uniform(-0.3, 0.3, SIZE),
        "ternary_bias": random.uniform(-0.3, 0.3, SIZE), "graded_bias": random.uniform(-0.3, 0.3, SIZE),
        "scale": random.uniform(-1.0, 1.5, SIZE), "epsilon": 0.05}
    given = {item.name: values[item.name] for item in spec.parameters if item.name in values}
    chosen = {item.name: attributes.get(item.name, str(random.choice(item.choices))) for item in spec.attributes}
    return Population(name, model, SIZE, given, chosen, n_modes)


def one_of(model: str, random: np.random.Generator, **attributes: str) -> Network:
    """Return inputs, neurons of `model` with something on every port, and a loop with a delay; without formats."""
    target = population(model, random, **attributes)
    kinds = random.permutation(["dense", "sparse", "one_to_one"]).tolist()
    projections = [Projection("in", "p", _weights(kind, random), port.name, delay_steps=delay)
                   for kind, delay, port in zip(kinds, (0, 1, 0), target.spec.ports, strict=False)]
    output = str(random.choice([item.name for item in target.spec.outputs]))
    loop = Projection("p", "p", _weights("sparse", random), target.spec.ports[-1].name, output,
                      random.integers(1, 4, 7))
    return Network(model, (Population("in", "input", SIZE), target), (*projections, loop), ("p",))


def _weights(kind: str, random: np.random.Generator) -> Weights:
    if kind == "dense":
        return DenseWeights(random.normal(0.2, 0.7, (SIZE, SIZE)))
    if kind == "one_to_one":
        return OneToOneWeights(random.normal(0.5, 0.5, SIZE))
    return SparseWeights(np.array([0, 2, 4, 4, 7]), np.array([0, 2, 1, 2, 0, 2, 3]), random.normal(0.2, 0.7, 7), SIZE)


def with_formats(network: Network, random: np.random.Generator, rounding: str | None = None,
                 overflow: str | None = None) -> Network:
    """Return the network in drawn formats, none of which rounds at random; with one rounding or overflow if given.

    Where a family has its own, that stays; `lava_wrap` is the rule of one quantity, others saturate.
    """
    def ruled(format_: Format, own: tuple[str, str], computed: bool) -> Format:
        rounds = rounding if rounding and computed else format_.rounding
        if rounds == "stochastic":
            rounds = str(random.choice(EXACT_ROUNDINGS))
        holds = overflow if overflow and computed and own not in FAMILY_OVERFLOW else format_.overflow
        if holds == "lava_wrap" and own != ("cuba", "current"):
            holds = "saturate"
        return replace(format_, rounding=FAMILY_ROUNDING.get(own, rounds), overflow=holds)

    return _each_format(coded(network, random), ruled)


def with_roundings(network: Network, random: np.random.Generator) -> Network:
    """Return the network with a rounding drawn for everything that is computed."""
    def drawn(format_: Format, own: tuple[str, str], computed: bool) -> Format:
        rounds = str(random.choice(EXACT_ROUNDINGS)) if computed else format_.rounding
        return replace(format_, rounding=FAMILY_ROUNDING.get(own, rounds))

    return _each_format(network, drawn)


def _each_format(network: Network, change: Callable[[Format, tuple[str, str], bool], Format]) -> Network:
    """Apply `change` to (format, (model, quantity), whether such values are computed) of everything."""
    def codings(item: Population) -> dict[str, Coding]:
        roles = {quantity.name: quantity.role for quantity in MODEL_QUANTITIES[item.model].quantities}
        return {name: replace(coding, format=change(coding.format, (item.model, name),
                                                    item.model != "input" and roles[name] in COMPUTED))
                for name, coding in item.codings.items()}

    return replace(network, populations=tuple(replace(item, codings=codings(item)) for item in network.populations),
                   projections=tuple(replace(item, coding=replace(
                       item.coding, format=change(item.coding.format, ("", ""), False)))
                       for item in network.projections if item.coding))


def in_wide_formats(network: Network, gain: float = 1.3) -> Network:
    """Return the network in formats whose steps are small; `gain` is in all scales that may be free."""
    weights = Coding(Format(22, 17, rounding="nearest_even"), np.float64(gain))
    return replace(network,
                   populations=tuple(replace(item, codings=_wide(item, gain)) for item in network.populations),
                   projections=tuple(replace(item, coding=weights) for item in network.projections))


def _wide(population: Population, gain: float) -> dict[str, Coding]:
    free = np.float64(gain)
    scales = {"charge": (24, 18, free), "state": (24, 18, free), "internal": (24, 18, free), "payload": (24, 18, 1.0),
              "parameter": (20, 17, 1.0), "gain": (22, 17, 1.0)}
    if population.model == "input" and population.attributes["payload"] == "spike":
        return {}
    found: dict[str, Coding] = {}
    for item in MODEL_QUANTITIES[population.model].quantities:
        bits, fraction, of = scales[item.role]
        if item.step_of:        # counted in steps of a charge or state, or of the payload
            bits, fraction, of = (22, *scales["payload" if item.step_of == "graded" else "charge"][1:])
        if item.name == "b":    # in steps of the state for a step of the input
            of = 1.0
        rounding = FAMILY_ROUNDING.get((population.model, item.name), "nearest_even")
        found[item.name] = Coding(Format(bits, fraction, rounding=rounding), np.float64(of))
    return found
