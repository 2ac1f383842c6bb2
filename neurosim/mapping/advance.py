"""How each population of a free-running chip is updated, and which may be left alone between events.

* `lazy`: whenever a packet touches a neuron, its state is first advanced in closed form by the time gone by. That is
  exact for what neither fires nor sends by itself: a model that declares `silent_between_events`, without bias, and
  for a `lif` with a positive threshold, a leak of 0 to 1 and a reset. A neuron still at its threshold after a soft
  reset fires again at the next packet, not before.
* `tick`: the chip's leak clock updates the population, with what it gathered since the last tick, by its ordinary
  step: the discrete-time model, whatever it does by itself.
* `auto`: `lazy` where that is exact, else `tick` where the chip has a leak clock.

With `mapping.join=markers` none of these: every population does an ordinary step for each token (`mapping.join`).

Decays are per step; a step is `mapping.step_ns`, by default the period of the leak clock or of the tokens. It is also
the unit of the interval of an `event_mode`, whose port `interval` the clock replaces: what was sent there is dropped.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hw_models.schema import Chip
from neurosim.errors import CapabilityError, OptionError, check_choice
from neurosim.graph import Network, Population
from neurosim.machine import LAZY, TICKED, TOKEN, Int8Array
from neurosim.mapping.join import is_joined
from neurosim.mapping.options import EVERY, MappingOptions
from neurosim.mapping.schedule import delay_values
from neurosim.units import ns_to_ps

_WHY_NOT = {
    "cuba": "its current drives the potential on after an event",
    "resonator": "it may cross its threshold between events",
    "brf": "it may cross its threshold between events",
    "bit_shift_lif": "its currents drive the potential on after an event",
    "alif": "its threshold falls between events, and the potential may reach it",
    "ssm_heaviside": "its output may cross the threshold between events",
    "ssm_lif": "its modes drive the membrane on after an event",
    "running_mean": "it counts tokens, of which a chip without steps knows nothing",
    "delta": "it sends the change back to zero at the first step without input",
}
_SEVERAL_PORTS = "its ports gather what belongs to one token, and packets come one by one"
_MEND = ("let the leak clock update it (mapping.advance.{name}=tick, on a chip with free_running.leak_clock_ns), have "
         "populations wait for whole tokens (mapping.join=markers, on a chip with free_running.markers), or use a chip "
         "with a barrier")


class Advance(NamedTuple):
    """mode : int8[population] LAZY, TICKED, or all of them TOKEN; tick_stages : see machine.FreeRunning"""

    mode: Int8Array
    tick_stages: int


def check_free_running(network: Network, chip: Chip, options: MappingOptions) -> None:
    """Raise CapabilityError where `network` cannot run without time steps, OptionError where a schedule is given.

    Where populations wait for whole tokens, only those are refused that begin with the last one.
    """
    if options.schedule != "pipelined":
        raise OptionError(f"schedule = {options.schedule!r} on chip {chip.name}, which is free-running",
                          mend="leave the schedule out (or write pipelined): there are no time steps to plan")
    lines = [f"population {item.name!r}: takes the tokens from the last to the first" for item in network.populations
             if item.direction == "reversed"]
    joined = is_joined(chip, options)
    if not joined:
        lines += _of_tokens(network)
    if lines:
        what = "tokens flow through it in their order" if joined else "knows no tokens"
        raise CapabilityError(
            f"chip {chip.name} is free-running and {what}\n" + "\n".join(lines),
            allowed="populations that take every token forward; delays of 0 or 1, which both mean that a packet is "
            "served as it comes; with mapping.join=markers any period, reset and delay",
            mend="use a chip with a barrier" + ("" if joined else ", or mapping.join=markers, which has populations "
                                                "wait for whole tokens"))


def _of_tokens(network: Network) -> list[str]:
    """Return what a chip cannot do that does not know to which token a packet belongs."""
    lines = [f"population {item.name!r}: takes one token in {item.period}" for item in network.populations
             if item.period > 1]
    lines += [f"population {item.name!r}: its state is emptied every {item.reset_period} tokens"
              for item in network.populations if item.reset_period]
    lines += [f"population {item.name!r}: sends changes since the token before (mapping.sigma_delta)"
              for item in network.populations if item.change_threshold is not None]
    return lines + [f"projection {item.name!r}: delay of {delay_values(item)[-1]} tokens"
                    for item in network.projections if max(delay_values(item), default=0) > 1]


def plan_advance(network: Network, chip: Chip, options: MappingOptions) -> Advance:
    """Return how each population is updated.

    Raises
    ------
    CapabilityError        if a population cannot be updated as it should: who, which model, why
    OptionError            if an option names no population
    """
    assert chip.free_running is not None, "only free-running chips advance neurons"
    names = [item.name for item in network.populations]
    if is_joined(chip, options):
        return Advance(np.full(len(names), TOKEN, np.int8), 1)
    for name in options.advance:
        check_choice("mapping.advance: population", name, [*names, EVERY])
    has_clock = chip.free_running.leak_clock_ns is not None
    mode = np.full(len(names), LAZY, np.int8)
    lines = []
    for number, item in enumerate(network.populations):
        if item.model == "input":
            continue
        choice = options.advance.get(item.name, options.advance.get(EVERY, "auto"))
        reason = why_not_lazy(item)
        if choice == "tick" or (choice == "auto" and reason and has_clock):
            mode[number], reason = TICKED, None if has_clock else "there is no leak clock"
        if reason:
            lines.append(f"population {item.name!r} (model {item.model}): cannot be updated by its events on chip "
                         f"{chip.name}: {reason}")
    if lines:
        raise CapabilityError("\n".join(lines), mend=_MEND.format(name=EVERY))
    return Advance(mode, _tick_stages(network, mode))


def why_not_lazy(population: Population) -> str | None:
    """Return why a population may not be left alone between events; None where it may."""
    spec, parameters = population.spec, population.parameters
    if not spec.silent_between_events:
        return _WHY_NOT.get(spec.name, _SEVERAL_PORTS)
    if "bias" in parameters and np.any(parameters["bias"] != 0):
        return "its bias drives it between events"
    if "leak" in parameters and np.any(parameters["leak"] < 0):
        return "a leak below 0 has no power in between"
    if spec.name in ("lif", "scaled_lif") and np.any(parameters["leak"] > 1):
        return "with a leak above 1 the potential grows between events"
    if spec.name == "lif":
        return _why_not_lif(population)
    if population.attributes.get("hold") == "zero":
        return "hold = 'zero' needs to know how long an input will last"
    if population.attributes.get("coding") == "cumulative":
        return "coding = 'cumulative' adds to its error at every step"
    return None


def _why_not_lif(population: Population) -> str | None:
    parameters = population.parameters
    if np.any(parameters["threshold"] <= 0):
        return "a threshold of 0 or less is reached without input"
    if population.attributes["reset"] == "none" or np.any(parameters["reset_value"] >= parameters["threshold"]):
        return "its potential stays at the threshold after a spike, so that it would fire on"
    return None


def _tick_stages(network: Network, mode: Int8Array) -> int:
    """Return the ticked populations on the longest way through projections without delay, at least 1."""
    names = [item.name for item in network.populations]
    import networkx as nx

    graph = nx.DiGraph((item.source, item.target) for item in network.projections if 0 in delay_values(item))
    graph.add_nodes_from(names)
    ticked = dict(zip(names, (mode == TICKED).tolist(), strict=True))
    longest: dict[str, int] = {}
    for name in nx.topological_sort(graph):
        before = max((longest[source] for source in graph.predecessors(name)), default=0)
        longest[name] = before + ticked[name]
    return max(1, *longest.values())


def without_intervals(network: Network, advance: Advance) -> Network:
    """Return the network without what is sent to the port `interval` of populations that the clock advances."""
    clocked = {item.name for item, mode in zip(network.populations, advance.mode, strict=True)
               if item.model == "event_mode" and mode != TICKED}
    dropped = [item for item in network.projections if item.target in clocked and item.port == "interval"]
    if not dropped:
        return network
    warnings.warn(f"the clock of a free-running chip takes the place of {len(dropped)} projections into the port "
                  f"`interval`, of {', '.join(sorted({item.target for item in dropped}))}: one step "
                  "(mapping.step_ns) is one unit of the interval", UserWarning, stacklevel=3)
    kept = [item for item in network.projections if item.target not in clocked or item.port != "interval"]
    import networkx as nx  # a fifth of a second, which few networks need

    derived = {name for start in clocked for name in nx.descendants(nx.DiGraph(network.topology()), start)} | clocked
    return _without_unheard(replace(network, projections=tuple(kept)), {item.source for item in dropped} - derived)


def _without_unheard(network: Network, sources: set[str]) -> Network:
    """Return the network without those of `sources`, and of theirs, whom nobody hears any more; inputs stay.

    sources : what tells intervals of inputs alone, not of what the populations themselves make
    """
    heard = {item.source for item in network.projections} | set(network.readouts)
    idle = {item.name for item in network.populations
            if item.name in sources and item.name not in heard and item.model != "input"}
    if not idle:
        return network
    more = {item.source for item in network.projections if item.target in idle}
    return _without_unheard(replace(
        network, populations=tuple(item for item in network.populations if item.name not in idle),
        projections=tuple(item for item in network.projections if item.target not in idle)), more)


def step_ps(chip: Chip, options: MappingOptions) -> int:
    """Return the time of one step of the network's decays."""
    assert chip.free_running is not None, "only free-running chips advance neurons"
    period = chip.free_running.leak_clock_ns or chip.free_running.token_period_ns
    return max(1, ns_to_ps(period.value if options.step_ns is None else options.step_ns))
