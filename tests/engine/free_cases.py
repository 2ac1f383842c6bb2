"""Free-running chips, and random cases for both of their engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.graph import Network, Population, Projection
from neurosim.machine import Machine
from neurosim.model_specs import SPEC_BY_NAME
from tests.engine.cases import DURATIONS, build_chip, build_inputs, machine_of, make_chip, make_projection

Choose = Callable[[Sequence[Any]], Any]
LAZY_MODELS = ("lif", "lif", "lif", "integrator", "mode", "ssm", "linear", "relu", "gelu", "sigma_delta", "event_mode",
               "scaled_lif")
TICK_MODELS = ("lif", "cuba", "resonator", "ssm_lif", "glu", "running_mean", "linear", "brf")


def figure(value: float) -> dict[str, Any]:
    """Return an assumed figure."""
    return {"value": value, "low": 0.0, "high": 2 * value + 1.0, "basis": "assumed", "source": "user"}


def free_running(token_period_ns: float = 1000.0, leak_clock_ns: float | None = None, advance_exp_ns: float = 0.0,
                 advance_multiply_ns: float = 0.0, *, markers: bool = False) -> dict[str, Any]:
    """Return what makes `generic-mesh` a free-running chip, for `make_chip`."""
    return {
        "sync": "free_running",
        "free_running": {"token_period_ns": figure(token_period_ns),
                         "leak_clock_ns": None if leak_clock_ns is None else figure(leak_clock_ns),
                         "markers": markers},
        "core.costs.advance_exp": {"energy_pj": figure(5.0), "latency_ns": figure(advance_exp_ns)},
        "core.costs.advance_multiply": {"energy_pj": figure(1.0), "latency_ns": figure(advance_multiply_ns)},
    }


def free_chip(leak_clock_ns: float | None = None, **overrides: Any) -> Chip:
    """Return `generic-mesh` without steps; keywords are fields with `__` for a dot."""
    return make_chip({**free_running(leak_clock_ns=leak_clock_ns),
                      **{name.replace("__", "."): value for name, value in overrides.items()}})


@dataclass(frozen=True)
class FreeCase:
    """A network, a free-running chip, a mapping, inputs [sample, token, column], times [sample, token], options."""

    network: Network
    chip: dict[str, Any]
    mapping: dict[str, Any]
    inputs: np.ndarray
    times_ps: np.ndarray | None
    options: dict[str, Any]
    machine: Machine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", machine_of(self.network, make_chip(self.chip), self.mapping))


def free_cases() -> st.SearchStrategy[FreeCase]:
    """Return cases drawn by hypothesis."""

    @st.composite
    def drawn(draw: st.DrawFn) -> FreeCase:
        seed = draw(st.integers(0, 2**32 - 1))
        return build_free_case(lambda options: draw(st.sampled_from(options)), np.random.default_rng(seed))

    return drawn()


def fixed_free_case(seed: int) -> FreeCase:
    """Return case number `seed`."""
    random = np.random.default_rng(seed)
    return build_free_case(lambda options: options[int(random.integers(len(options)))], random)


def build_free_case(choose: Choose, random: np.random.Generator) -> FreeCase:
    """Return a case; structure comes from `choose`, numbers from `random`."""
    has_clock = choose((False, False, True))
    network, advance = _network(choose, random, has_clock)
    chip = build_chip(choose)
    chip.pop("tick", None)
    style = DURATIONS[choose(tuple(DURATIONS))]
    period = choose((1, 7, 60, 1000, 100_000)) / 1000 * choose((1, 13))
    clock = choose((period, period / 2, 50.0)) if has_clock else None
    clock = None if clock is None else max(0.001, clock)
    chip |= free_running(period, clock, choose(style) / 1000, choose(style) / 1000)
    mapping = {"placement": choose(("naive", "random", "linear")), "strategy": choose(("pack", "balanced")),
               "seed": choose(range(4)), "max_neurons_per_core": choose((1, 2, 5, None)), "advance": advance,
               "step_ns": choose((None, 0.5, 300.0))}
    inputs = build_inputs(network, choose, random)
    times = None
    if choose((False, True)):
        times = np.cumsum(random.choice([0, 0, 1, 1000, 54_321, 10**6], inputs.shape[:2]), axis=1).astype(np.int64)
    options = {"arrival_jitter_ps": choose((0, 0, 1, 5000, 10**6)), "seed": choose(range(3)), "most_jobs": 600,
               "numbers": choose(("float64", "float64", "float32")), "readout_tokens": choose((False, True))}
    return FreeCase(network, chip, mapping, inputs, times, options)


def _network(choose: Choose, random: np.random.Generator, has_clock: bool) -> tuple[Network, dict[str, str]]:
    """Return 1 or 2 inputs and 1 to 4 populations, and how each is updated."""
    populations = [Population(f"in{index}", "input", choose((2, 1, 4, 12)), attributes={"payload": payload})
                   for index, payload in enumerate(choose((("spike",), ("graded",), ("spike", "graded"))))]
    n_inputs, advance = len(populations), {}
    for index in range(choose((1, 2, 3, 4))):
        ticked = has_clock and choose((False, True))
        populations.append(free_population(f"p{index}", choose(TICK_MODELS if ticked else LAZY_MODELS), choose, random,
                                           biased=ticked))
        advance[f"p{index}"] = "tick" if ticked else choose(("lazy", "auto"))
    projections: list[Projection] = []
    for number in range(n_inputs, len(populations)):
        target = populations[number]
        ports = [port.name for port in target.spec.ports if port.name != "interval"]
        for port in ports[:1] if choose((True, False)) else ports:
            source = populations[choose(range(number - 1, -1, -1))]
            projections.append(_delayed(make_projection(source, target, port, choose((0, 0, 1)), choose, random)))
    spiking = [item for item in populations[n_inputs:] if item.spec.outputs[0].kind == "spike"]
    for _ in range(choose((0, 1, 1, 2)) if spiking else 0):      # loops
        source, target = choose(spiking), populations[choose(range(n_inputs, len(populations)))]
        port = choose([port.name for port in target.spec.ports if port.name != "interval"])
        projections.append(_delayed(make_projection(source, target, port, 1, choose, random), least=1))
    names = [population.name for population in populations[n_inputs:]]
    return Network("random", tuple(populations), tuple(projections), tuple(choose(((), names[-1:], names)))), advance


def _delayed(projection: Projection, least: int = 0) -> Projection:
    """Return the projection with delays of 0 and 1 alone."""
    delays = np.clip(projection.delay_steps, least, 1)
    return replace(projection, delay_steps=delays if delays.ndim else int(delays))


def free_population(name: str, model: str, choose: Choose, random: np.random.Generator, *,
                    biased: bool = False) -> Population:
    """Return a population that may be advanced lazily, unless `biased`."""
    spec = SPEC_BY_NAME[model]
    size, n_modes = choose((3, 1, 2, 6, 14)), choose((1, 2)) if spec.has_modes else 0
    modes = (size, max(n_modes, 1)) if spec.has_modes else size
    values = {
        "leak": random.choice([0.0, 0.5, 0.9, 1.0], size), "current_leak": 0.5,
        "threshold": random.choice([0.25, 0.5, 1.0], size),
        "bias": random.choice([0.0, 0.4], size) if biased else 0.0, "a_real": random.uniform(-0.8, 0.8, modes),
        "a_imag": random.uniform(-0.5, 0.5, modes), "c_real": random.normal(size=modes),
        "c_imag": random.normal(size=modes), "refractory_steps": random.choice([0.0, 0.0, 2.0], size),
        "rate_real": random.uniform(-2, 0, size), "rate_imag": random.uniform(-3, 3, size),
        "omega": random.uniform(0, 0.5, size), "damping": random.uniform(0, 0.3, size),
    }
    parameters = {parameter.name: values[parameter.name] for parameter in spec.parameters if parameter.name in values}
    avoided = {"none", "zero", "cumulative"} if not biased else set()
    attributes = {attribute.name: choose([item for item in attribute.choices if item not in avoided] or ["none"])
                  for attribute in spec.attributes}
    return Population(name, model, size, parameters, attributes, n_modes)
