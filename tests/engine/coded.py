"""Random fixed-point formats for random networks, and the models that `cases` leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.formats import ROUNDINGS, Coding, Format
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, Projection
from neurosim.quantity_specs import FAMILY_OVERFLOW, FAMILY_ROUNDING, MODEL_QUANTITIES

ONE = np.ones(())
OVERFLOWS = ("saturate", "saturate", "twos_complement")


def coded(network: Network, random: np.random.Generator) -> Network:
    """Return the network with formats drawn for all its quantities; some narrow enough to overflow."""
    populations = tuple(replace(item, codings=_codings(item, random)) for item in network.populations)
    by_name = {item.name: item for item in populations}
    projections = tuple(replace(item, coding=_weights(by_name[item.target], item, random))
                        for item in network.projections)
    return replace(network, populations=populations, projections=projections)


def with_other_models(network: Network, random: np.random.Generator) -> Network:
    """Return the network with resonators, modes, sigma-delta, delta and adaptive neurons behind its inputs."""
    source, size = network.populations[0], 3
    angle = random.uniform(0.2, 1.5, size)
    turned = {"a_real": 0.9 * np.cos(angle), "a_imag": 0.9 * np.sin(angle), "threshold": 0.3}
    firing = str(random.choice(["phase", "izhikevich"]))
    added = (Population("resonator", "resonator", size, turned, {"firing": firing}),
             Population("delta", "delta", size, {"threshold": 0.25},
                        {"coding": str(random.choice(["corrected", "plain"]))}),
             Population("sigma_delta", "sigma_delta", size, {"threshold": 0.5, "bias": 0.25},
                        {"activation": str(random.choice(["relu", "none"])),
                         "coding": str(random.choice(["corrected", "plain", "cumulative"]))}),
             Population("mode", "mode", size, {"a_real": turned["a_real"], "a_imag": turned["a_imag"]}),
             Population("event_mode", "event_mode", size, {"rate_real": -random.uniform(0.05, 0.5, size),
                                                           "rate_imag": angle},
                        {"hold": str(random.choice(["none", "zero"]))}))

    def weights(pre: int) -> DenseWeights:
        return DenseWeights(np.round(random.normal(0.4, 0.6, (pre, size)), 2))

    turning = {"omega": random.uniform(0.05, 0.6, size), "damping": 0.05, "threshold": 0.3, "refractory_gain": 0.02}
    adapting = {"leak": 0.9, "adaptation_leak": 0.8, "threshold": 0.05, "beta": 1.8, "input_gain": 0.5}
    added += (Population("brf", "brf", size, turning, {"refractory": str(random.choice(["on", "off"]))}),
              Population("alif", "alif", size, adapting, {"comparator": str(random.choice([">", ">="]))}))

    joins = (Projection(source.name, "resonator", weights(source.size), "real"),
             Projection(source.name, "delta", weights(source.size)),
             Projection("delta", "sigma_delta", weights(size)),
             Projection("resonator", "sigma_delta", weights(size), delay_steps=1),
             Projection(source.name, "brf", weights(source.size)),
             Projection("brf", "brf", weights(size), delay_steps=1),
             Projection("brf", "alif", weights(size)), Projection("alif", "alif", weights(size), delay_steps=1),
             Projection(source.name, "mode", weights(source.size), "real"),
             Projection("resonator", "mode", weights(size), "imag"),
             Projection("mode", "event_mode", weights(size), "real", "graded_real"),
             Projection("mode", "event_mode", weights(size), "imag", "graded_imag"),
             Projection(source.name, "event_mode", weights(source.size), "interval"),
             Projection("event_mode", "sigma_delta", weights(size), output="graded_imag"))
    return replace(network, populations=(*network.populations, *added), projections=(*network.projections, *joins),
                   readouts=(*network.readouts, "sigma_delta", "brf", "alif"))


def _weights(target: Population, projection: Projection, random: np.random.Generator) -> Coding:
    gain, weights = random.choice([0, 1, 2]), projection.weights
    n_gains = weights.output_shape[0] if isinstance(weights, ConvolutionWeights) else target.size
    gains = ONE if gain == 0 else np.exp2(random.integers(-1, 2, n_gains)) if gain == 1 \
        else random.uniform(0.6, 1.7, n_gains)
    return Coding(Format(int(random.choice([3, 5, 8])), int(random.integers(1, 7)), True, "nearest_even"), gains)


def _codings(population: Population, random: np.random.Generator) -> dict[str, Coding]:
    """Draw a scale for each group of quantities, then the formats."""
    if population.model == "input" and population.attributes["payload"] == "spike":
        return {}
    spec = MODEL_QUANTITIES[population.model]
    group = {name: names[0] for names in spec.same_scale for name in names}
    fraction: dict[str, int] = {}
    gain: dict[str, Any] = {}
    codings: dict[str, Coding] = {}
    for quantity in sorted(spec.quantities, key=lambda item: item.step_of != ""):     # units first
        root = group.get(quantity.name, quantity.name)
        if root not in fraction:
            fraction[root] = int(random.integers(2, 12))
            free = quantity.role in ("charge", "state") and population.model not in ("sigma_delta", "delta")
            gain[root] = random.uniform(0.7, 1.4, population.size) if free and random.random() < 0.4 else ONE
        codings[quantity.name] = _coding(population, quantity.name, quantity.role, quantity.step_of, fraction[root],
                                         gain[root], codings, random)
    return codings


def _coding(population: Population, name: str, role: str, step_of: str, fraction: int, gain: Any,
            known: dict[str, Coding], random: np.random.Generator) -> Coding:
    rounding = str(random.choice(ROUNDINGS))
    overflow = str(random.choice(OVERFLOWS))
    if step_of:
        unit = known[step_of]
        return Coding(Format(16, unit.format.fraction - int(random.integers(0, 2)), True, "nearest_even"), unit.gain)
    if name in ("omega", "damping", "refractory_gain"):
        return Coding(Format(int(random.choice([8, 16])), int(random.choice([8, 12])), False, "nearest_even"))
    if name in ("refractory_decay", "adaptation_leak", "beta", "input_gain"):
        return Coding(Format(16, int(random.choice([9, 13])), False, "nearest_even"))
    if name in ("leak", "current_leak", "delta_factor"):
        return Coding(Format(int(random.choice([8, 13, 16])), int(random.choice([7, 12])), False, "nearest_even"))
    if name == "a":
        bits = int(random.choice([6, 12, 16]))
        return Coding(Format(bits, bits - 1, True, "nearest_even"))
    if name == "scale":
        return Coding(Format(12, 8, True, "nearest_even"))
    if name == "b":     # in steps of the state for a step of the input
        down = int(random.integers(2, 8))
        return Coding(Format(8, down, True, "nearest_even"), known["h"].scale / known["input"].scale)
    if name == "c":
        return Coding(Format(8, 5, True, "nearest_even"))
    if name == "d":
        return Coding(Format(8, 4, True, "nearest_even"), known["c"].scale * known["h"].scale / known["input"].scale)
    bits = int(random.choice([8, 12, 16, 24])) if role != "payload" else int(random.choice([5, 8, 16]))
    if name == "current":
        overflow = str(random.choice(["lava_wrap", "twos_complement", "saturate"]))
    if role == "payload":
        gain = ONE
        if population.model in ("sigma_delta", "delta"):
            fraction = known["sigma" if population.model == "sigma_delta" else "input"].format.fraction \
                - int(random.integers(0, 3))
    if (population.model, name) in (("ssm_lif", "potential"), ("brf", "q"), ("alif", "adaptation")):
        bits = 16       # so that it holds the firing level, or what a spike adds
    own = (population.model, name)
    return Coding(Format(bits, fraction, True, FAMILY_ROUNDING.get(own, rounding),
                         "saturate" if own in FAMILY_OVERFLOW else overflow), gain)
