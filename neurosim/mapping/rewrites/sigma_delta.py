"""`mapping.sigma_delta`: graded outputs send their changes, and receivers add them up.

With a threshold of 0 every change is sent, and the network computes what it did: in fixed point bit for bit, unless a
change is larger than the packets hold (one bit more than the value may be needed; counted as overflow, and made up for
with the next token). A threshold keeps small changes back: receivers are off by less than it.

An output can be coded where all that it reaches can add it up: ports that sum, and targets that take the same tokens in
the same order. Inputs and read-outs send values: one comes from outside, the other is read there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hw_models.schema import Chip
from neurosim.errors import OptionError, nearest
from neurosim.graph import Network, Population, cannot_sum

OFF = "off"


def code_changes(network: Network, choice: float | str | Mapping[str, float], chip: Chip, joined: bool = False
                 ) -> Network:
    """Return the network with changes sent wherever it can be, or by the populations named in `choice`.

    joined : whether populations wait for whole tokens (`mapping.join`)

    Raises
    ------
    OptionError            if a population named there does not exist or cannot be coded, with the reason; or if the
        chip has no time steps, where receivers would see changes in any order
    """
    if choice == OFF:
        return network
    if chip.sync == "free_running" and not joined:
        raise OptionError(f"mapping.sigma_delta = {choice!r} on chip {chip.name}, which runs free",
                          allowed="off, mapping.join=markers, or a chip with time steps")
    if isinstance(choice, Mapping):
        _check_names(network, choice)
        thresholds = {name: float(value) for name, value in choice.items()}
    else:
        thresholds = {item.name: float(choice) for item in network.populations if not why_not(network, item)}
    populations = tuple(replace(item, change_threshold=thresholds[item.name]) if item.name in thresholds else item
                        for item in network.populations)
    return replace(network, populations=populations)


def why_not(network: Network, population: Population) -> str:
    """Return why the outputs of `population` cannot send changes; empty where they can."""
    if population.model == "input":
        return "its values come from outside"
    if all(output.kind != "graded" for output in population.spec.outputs):
        return "it sends spikes"
    if population.name in network.readouts:
        return "its values are read out"
    targets = [item for item in network.projections if item.source == population.name]
    reasons = [f"{item.target}: {reason}" for item in targets
               if (reason := cannot_sum(population, network.population(item.target), item.port))]
    return reasons[0] if reasons else "" if targets else "it feeds nothing"


def _check_names(network: Network, choice: Mapping[str, float]) -> None:
    names = [item.name for item in network.populations]
    for name in choice:
        if name not in names:
            raise OptionError(f"mapping.sigma_delta.{name}: no such population", allowed=", ".join(names),
                              mend=nearest(name, names))
        reason = why_not(network, network.population(name))
        if reason:
            able = [item.name for item in network.populations if not why_not(network, item)]
            raise OptionError(f"mapping.sigma_delta.{name}: it cannot send changes: {reason}",
                              allowed=", ".join(able) or "none of this network")
