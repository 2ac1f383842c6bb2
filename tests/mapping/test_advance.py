"""Which populations of a free-running chip may be left alone between events, and what is refused there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.errors import CapabilityError, NetworkError, OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection, SparseWeights
from neurosim.machine import LAZY, TICKED, Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.advance import why_not_lazy
from neurosim.model_specs import MODEL_SPECS
from neurosim.resolve import mapping_options
from tests.engine.free_cases import free_chip

GIVEN = {"leak": 0.5, "current_leak": 0.5, "a_real": 0.5, "a_imag": 0.1, "c_real": 1.0, "c_imag": 0.0,
         "rate_real": -1.0, "rate_imag": 0.5, "omega": 0.1, "damping": 0.1, "adaptation_leak": 0.9}


def population(model: str, name: str = "a", attributes: dict[str, str] | None = None, **parameters: float
               ) -> Population:
    spec = next(spec for spec in MODEL_SPECS if spec.name == model)
    named = {item.name: GIVEN[item.name] for item in spec.parameters if item.name in GIVEN} | parameters
    return Population(name, model, 2, named, attributes or {}, 1 if spec.has_modes else 0)


def network(*items: Population, delay: int = 0) -> Network:
    chain = [Population("in", "input", 2, attributes={"payload": "spike"}), *items]
    projections = [Projection(pre.name, post.name, DenseWeights(np.ones((2, 2))), post.spec.ports[0].name,
                              delay_steps=delay) for pre, post in zip(chain, chain[1:], strict=False)]
    return Network("chain", tuple(chain), tuple(projections))


def mapped(*items: Population, clock: float | None = None, delay: int = 0, **options: Any) -> Machine:
    return map_network(network(*items, delay=delay), free_chip(clock), MappingOptions(**options))


@pytest.mark.parametrize("model", [spec.name for spec in MODEL_SPECS if spec.name != "input"])
def test_every_model_is_lazy_or_refused_with_a_reason(model: str) -> None:
    item = population(model)
    if item.spec.silent_between_events:
        machine = mapped(item, advance={"a": "lazy"})
        assert machine.free is not None and machine.free.advance.tolist() == [LAZY, LAZY]
        return
    with pytest.raises(CapabilityError, match=rf"(?s)'a' \(model {model}\).*events.*: .*mapping.advance.\*=tick"):
        mapped(item, advance={"a": "lazy"})


@pytest.mark.parametrize(("model", "attributes", "parameters", "reason"), [
    ("lif", {}, {"bias": 0.1}, "bias"),
    ("lif", {}, {"threshold": 0.0}, "threshold of 0"),
    ("lif", {}, {"leak": 1.01}, "leak above 1"),
    ("lif", {}, {"leak": -0.1}, "leak below 0"),
    ("lif", {"reset": "none"}, {}, "fire on"),
    ("lif", {}, {"reset_value": 1.0}, "fire on"),
    ("linear", {}, {"bias": 0.1}, "bias"),
    ("event_mode", {"hold": "zero"}, {}, "how long an input will last"),
    ("sigma_delta", {"coding": "cumulative"}, {}, "adds to its error"),
    ("resonator", {}, {}, "may cross its threshold between events"),
    ("glu", {}, {}, "packets come one by one"),
])
def test_reasons(model: str, attributes: dict[str, str], parameters: dict[str, float], reason: str) -> None:
    found = why_not_lazy(population(model, attributes=attributes, **parameters))
    assert found is not None and reason in found


def test_auto_ticks_what_may_not_be_left_alone() -> None:
    chain = (population("lif", "a"), population("resonator", "b"), population("lif", "c", bias=0.1))
    machine = mapped(*chain, clock=50.0)
    assert machine.free is not None
    assert machine.free.advance.tolist() == [LAZY, LAZY, TICKED, TICKED]
    assert (machine.free.tick_ps, machine.free.tick_stages, machine.free.step_ps) == (50_000, 2, 50_000)
    machine = mapped(*chain, clock=50.0, advance={"*": "tick", "a": "lazy"})
    assert machine.free is not None and machine.free.advance.tolist() == [LAZY, LAZY, TICKED, TICKED]


def test_a_tick_needs_a_clock() -> None:
    with pytest.raises(CapabilityError, match="there is no leak clock"):
        mapped(population("lif"), advance={"a": "tick"})


def test_step_of_decays() -> None:
    for options, clock, expected in (({}, None, 1_000_000), ({}, 20.0, 20_000), ({"step_ns": 0.5}, 20.0, 500)):
        machine = mapped(population("lif"), clock=clock, **options)
        assert machine.free is not None and machine.free.step_ps == expected


def test_delays_of_one_token_are_immediate_and_longer_ones_refused() -> None:
    assert mapped(population("lif"), delay=1).projections.delay_steps.tolist() == [1]
    with pytest.raises(CapabilityError, match=r"(?s)knows no tokens.*delay of 2 tokens"):
        mapped(population("lif"), delay=2)


def test_periods_directions_and_schedules_are_refused() -> None:
    slow = Population("a", "lif", 2, {"leak": 0.5}, period=2)
    with pytest.raises(CapabilityError, match="takes one token in 2"):
        mapped(slow)
    with pytest.raises(CapabilityError, match="is emptied every 3 tokens"):
        mapped(Population("a", "lif", 2, {"leak": 0.5}, reset_period=3))
    back = Population("a", "lif", 2, {"leak": 0.5}, direction="reversed")
    with pytest.raises(CapabilityError, match="from the last to the first"):
        mapped(back)
    with pytest.raises(OptionError, match="no time steps to plan"):
        mapped(population("lif"), schedule="fall_through")


def test_cycles_without_delay_are_refused() -> None:
    both = Network("cycle", (population("lif", "a"), population("lif", "b")), (
        Projection("a", "b", DenseWeights(np.ones((2, 2)))), Projection("b", "a", DenseWeights(np.ones((2, 2))))))
    with pytest.raises(NetworkError, match="without delay form a cycle"):
        map_network(both, free_chip())


def test_the_clock_takes_the_place_of_intervals() -> None:
    events = Network("events", (
        Population("in", "input", 2, attributes={"payload": "spike"}), Population("interval", "input", 1),
        population("event_mode")), (
        Projection("in", "a", DenseWeights(np.ones((2, 2))), "real"),
        Projection("interval", "a", DenseWeights(np.ones((1, 2))), "interval")))
    with pytest.warns(UserWarning, match="1 projections into the port `interval`"):
        machine = map_network(events, free_chip())
    assert len(machine.projections.source) == 1
    assert len(map_network(events, free_chip(10.0), MappingOptions(advance={"a": "tick"})).projections.source) == 2


def test_options() -> None:
    assert mapping_options({"advance.a": "tick"}).advance == {"a": "tick"}
    with pytest.raises(OptionError, match=r"advance.a = 'often'\n  allowed: auto, lazy, tick"):
        MappingOptions(advance={"a": "often"})     # type: ignore[dict-item]
    with pytest.raises(OptionError, match=r"mapping.advance.\*=tick"):
        mapping_options({"advance": "tick"})
    with pytest.raises(OptionError, match="population = 'b'"):
        mapped(population("lif"), advance={"b": "tick"})
    with pytest.raises(OptionError, match="step_ns = 0"):
        MappingOptions(step_ns=0)


def test_a_time_stamp_takes_memory() -> None:
    lazy, barrier = mapped(population("lif")), map_network(network(population("lif")), _barrier_chip())
    words = [machine.utilisation[0]["state_bits"][0] for machine in (lazy, barrier)]
    assert words[0] - words[1] == 2 * 24


def _barrier_chip() -> Any:
    from tests.engine.cases import make_chip

    return make_chip()


def test_where_packets_find_their_neurons() -> None:
    rows = SparseWeights(np.array([0, 1, 2]), np.array([1, 0]), np.ones(2), 2)
    chain = network(population("lif", "a"), population("lif", "b"))
    chain = Network("net", chain.populations, (*chain.projections, Projection("in", "b", rows)))
    machine = map_network(chain, free_chip(), MappingOptions(max_neurons_per_core=1))
    free, projections = machine.free, machine.projections
    assert free is not None
    for output in range(3):
        out = free.outgoing[free.outgoing_start[output]:free.outgoing_start[output + 1]]
        assert out.tolist() == np.flatnonzero(projections.source == output).tolist()
    for core in range(len(machine.cores.tile)):
        held = free.core_slice[free.core_start[core]:free.core_start[core + 1]]
        assert held.tolist() == np.flatnonzero(machine.slices.core == core).tolist()
