"""Whether a chip's cores can compute what the populations need.

All faults are reported at once, one line per population: who, which model, what is missing.
"""

from __future__ import annotations

import warnings

import numpy as np

from hw_models.core_schema import Capabilities
from hw_models.schema import Chip
from neurosim.errors import CapabilityError
from neurosim.graph import Network, Population
from neurosim.mapping.schedule import Staging

_HELP = {
    "graded_output": "a chip whose packets carry values (core.capabilities.graded_output, noc.payload_bits > 0), "
                     "such as loihi2, or a network that sends spikes only",
    "ternary_output": "a chip with core.capabilities.ternary_output, or binary spikes",
    "programmable": "a chip with programmable somata, such as loihi2, or `lif` and `cuba` neurons",
    "multiply": "a chip with core.capabilities.multiply, such as loihi2",
    "lookup_table": "a chip with core.capabilities.lookup_table, such as loihi2, or a ReLU in the network",
    "complex_state": "mapping.ssm=expanded (a neuron per complex mode), or a chip with core.capabilities.complex_state",
    "factor_leak": "a chip with core.capabilities.factor_leak, or a leak of 0 or 1 and a bias that takes away",
    "refractory": "a chip with core.capabilities.refractory, or refractory_steps = 0",
    "dendrite_operators": "mapping.max=tree (pairs, with sums alone), or a chip whose dendrites have the operator",
    "dendrite_ports": "a chip with more core.capabilities.dendrite_ports, or a model with fewer ports",
    "max_state_words": "a chip with more core.capabilities.max_state_words, or fewer modes",
    "models": "one of the chip's models",
    "gated_update": "a chip with core.capabilities.gated_update, or a network whose interval is 1 "
                    "(schedule `pipelined`, no recurrence longer than its delay) and whose populations take every "
                    "token (period 1)",
}
# What the rewrite of a model would spare.
_SPARED = {"glu": {"multiply", "lookup_table", "dendrite_ports"}}
# Attributes that need more than the model as such.
_ATTRIBUTE_NEEDS = {("activation", "gelu"): "lookup_table"}


def check_capabilities(network: Network, chip: Chip, staging: Staging) -> None:
    """Raise CapabilityError where a population of `network` needs what the cores of `chip` lack.

    Warns where cores cannot gate updates and a population would stir before its first token arrives.
    """
    lines: list[str] = []
    helpful: dict[str, None] = {}
    gates: dict[str, None] = {}
    for population in network.populations:
        missing = missing_capabilities(network, population, chip)
        if missing:
            listed = ", ".join(f"{name} ({detail})" if detail else name for name, detail in missing.items())
            lines.append(f"population {population.name!r} (model {population.model}): chip {chip.name} lacks {listed}")
            helpful.update(dict.fromkeys(missing))
            gates.update(dict.fromkeys(set(missing) & _SPARED.get(population.model, set())))
    if lines:
        rewrites = ["mapping.glu=relu (another function: train with it, or measure)"] if gates else []
        raise CapabilityError("\n".join(lines), mend="; ".join([*(_HELP[name] for name in helpful), *rewrites]))
    if chip.sync != "free_running":
        _check_gating(network, chip, staging)


def missing_capabilities(network: Network, population: Population, chip: Chip) -> dict[str, str]:
    """Return what `population` needs and the cores of `chip` lack: capability -> detail (may be empty)."""
    able = chip.core.capabilities
    missing = _missing_outputs(population, chip)
    if population.model == "input":
        return missing
    needs = _needs(population)
    if able.models != "any" and population.model in able.models:    # wired in: nothing of it is programmed
        needs.discard("programmable")
    for need in sorted(needs):
        if not getattr(able, need):
            missing[need] = ""
    if population.period > 1 and not able.gated_update and chip.sync != "free_running":
        missing["gated_update"] = f"it takes one token in {population.period}, and rests in between"
    missing.update(_missing_dendrites(network, population, able))
    n_words = population.spec.n_state_rows(population.n_modes)
    if able.max_state_words is not None and n_words > able.max_state_words:
        missing["max_state_words"] = f"need {n_words}, have {able.max_state_words}"
    if able.models != "any" and population.model not in able.models:
        missing["models"] = f"{population.model} is not among {', '.join(able.models)}"
    return missing


def _missing_outputs(population: Population, chip: Chip) -> dict[str, str]:
    able = chip.core.capabilities
    kinds = {population.output_kind(output.name) for output in population.spec.outputs}
    missing = {}
    if "graded" in kinds and not (able.graded_output and chip.noc.payload_bits > 0):
        missing["graded_output"] = "its packets carry values, the chip's carry spikes"
    if "ternary" in kinds and not able.ternary_output:
        missing["ternary_output"] = "signed spikes"
    return missing


def _needs(population: Population) -> set[str]:
    needs = set(population.spec.needs)
    if population.n_modes == 1:         # a single mode is a state of two words, as `mode` has
        needs.discard("complex_state")
    needs.update(need for (name, choice), need in _ATTRIBUTE_NEEDS.items()
                 if population.attributes.get(name) == choice)
    if any(np.any((values != 0) & (values != 1)) for name, values in population.parameters.items()
           if name.endswith("leak")):
        needs.add("factor_leak")
    if "refractory_steps" in population.parameters and np.any(population.parameters["refractory_steps"] > 0):
        needs.add("refractory")
    return needs


def _missing_dendrites(network: Network, population: Population, able: Capabilities) -> dict[str, str]:
    used = used_ports(network, population)
    operators = {port.operator for port in population.spec.ports if port.name in used}
    absent = sorted(operators - set(able.dendrite_operators))
    missing = {}
    if absent:
        missing["dendrite_operators"] = ", ".join(absent)
    if len(used) > able.dendrite_ports:
        missing["dendrite_ports"] = f"need {len(used)}, have {able.dendrite_ports}"
    return missing


def used_ports(network: Network, population: Population) -> list[str]:
    """Return the ports of `population` that a projection feeds, in the model's order."""
    fed = {projection.port for projection in network.projections if projection.target == population.name}
    return [port.name for port in population.spec.ports if port.name in fed]


def _check_gating(network: Network, chip: Chip, staging: Staging) -> None:
    schedule = staging.schedule
    if chip.core.capabilities.gated_update:
        return
    if schedule.interval > 1:
        who = next(item for item in network.populations if item.model != "input")
        raise CapabilityError(
            f"population {who.name!r} (model {who.model}): chip {chip.name} lacks gated_update (a token enters every "
            f"{schedule.interval} time steps, and the state must rest in between)", mend=_HELP["gated_update"])
    stirring = [population.name for population, stage in zip(network.populations, staging.stage, strict=True)
                if stage > 0 and not _rests(population)]
    if stirring:
        warnings.warn(f"chip {chip.name} lacks gated_update: it would update {', '.join(stirring)} before the first "
                      "token arrives; the simulation lets them rest", UserWarning, stacklevel=3)


def _rests(population: Population) -> bool:
    """Return whether the population keeps its empty state without input, so that gating makes no difference."""
    if population.spec.cost_class != "soma":
        return population.model == "input"
    parameters = population.parameters
    return not np.any(parameters["bias"] != 0) and bool(np.all(parameters["threshold"] > 0))
