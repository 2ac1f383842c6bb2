"""Random cases for free-running chips whose populations wait for whole tokens, and the same on a chip with steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.machine import Machine
from tests.engine.cases import (
    DURATIONS,
    MODELS,
    Choose,
    build_chip,
    build_inputs,
    build_network,
    machine_of,
    make_chip,
    with_periods,
    with_resets,
)
from tests.engine.coded import coded
from tests.engine.free_cases import free_running

TOKEN_MODELS = (*MODELS, "event_mode", "event_mode", "cuba", "sigma_delta", "delta", "resonator")


@dataclass(frozen=True)
class TokenCase:
    """A network, a free-running chip, a mapping, inputs [sample, token, column], times [sample, token], options."""

    network: Network
    chip: dict[str, Any]
    mapping: dict[str, Any]
    inputs: np.ndarray
    times_ps: np.ndarray
    options: dict[str, Any]
    machine: Machine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", machine_of(self.network, make_chip(self.chip), self.mapping))


def token_cases() -> st.SearchStrategy[TokenCase]:
    """Return cases drawn by hypothesis."""

    @st.composite
    def drawn(draw: st.DrawFn) -> TokenCase:
        seed = draw(st.integers(0, 2**32 - 1))
        return build_token_case(lambda options: draw(st.sampled_from(options)), np.random.default_rng(seed))

    return drawn()


def fixed_token_case(seed: int) -> TokenCase:
    """Return case number `seed`."""
    random = np.random.default_rng(seed)
    return build_token_case(lambda options: options[int(random.integers(len(options)))], random)


def build_token_case(choose: Choose, random: np.random.Generator) -> TokenCase:
    """Return a case; structure comes from `choose`, numbers from `random`."""
    network = build_network(choose, random, TOKEN_MODELS)
    chip = build_chip(choose)
    chip.pop("tick", None)
    durations = DURATIONS[choose(tuple(DURATIONS))]
    period = choose((1, 60, 1000, 100_000)) / 1000 * choose((1, 13))
    chip |= free_running(period, None, choose(durations) / 1000, choose(durations) / 1000, markers=True)
    inputs = build_inputs(network, choose, random)
    if choose((False, False, True)):
        network = with_periods(network, random)
    if choose((False, False, True)):
        network = with_resets(network, random)
    mapping = {"placement": choose(("naive", "random", "linear")), "strategy": choose(("pack", "balanced")),
               "seed": choose(range(4)), "max_neurons_per_core": choose((1, 2, 5, None)), "join": "markers",
               "tokens_in_flight": choose((1, 2, 3, 7)), "step_ns": choose((None, 0.5, 300.0)),
               "sigma_delta": choose(("off", "off", 0.1))}
    times = np.cumsum(random.choice([0, 0, 1, 1000, 54_321, 10**6], inputs.shape[:2]), axis=1).astype(np.int64)
    options = {"arrival_jitter_ps": choose((0, 0, 1, 5000, 10**6)), "seed": choose(range(3)),
               "numbers": choose(("float64", "float64", "float32", "fixed")), "readout_tokens": choose((False, True))}
    if options["numbers"] == "fixed" and any(item.model == "event_mode" for item in network.populations):
        options["numbers"] = "float32"
    if options["numbers"] == "fixed":
        network = coded(network, random)
    return TokenCase(network, chip, mapping, inputs, times, options)


def with_steps(case: TokenCase) -> tuple[Machine, np.ndarray]:
    """Return the network on a chip with time steps, and its inputs: an input of its own tells the intervals.

    The network must have no `event_mode` with a period of its own.
    """
    free, clocked = case.machine.free, [item for item in case.network.populations if item.model == "event_mode"]
    assert free is not None and all(item.period == 1 for item in clocked)
    kept = [item for item in case.network.projections
            if item.port != "interval" or case.network.population(item.target) not in clocked]
    kept += [Projection("clock", item.name, DenseWeights(np.ones((1, item.size))), "interval") for item in clocked]
    clock = [Population("clock", "input", 1, attributes={"payload": "graded"})] if clocked else []
    inputs = [*case.network.inputs, *clock]
    others = [item for item in case.network.populations if item.model != "input"]
    network = replace(case.network, populations=(*inputs, *others), projections=tuple(kept))
    intervals = np.diff(case.times_ps, prepend=0, axis=1) / free.step_ps
    mapping = {"sigma_delta": case.mapping["sigma_delta"], "readout_every_token": True}
    columns = np.concatenate([case.inputs, intervals[..., None]], axis=2) if clocked else case.inputs
    return machine_of(network, make_chip(), mapping), columns
