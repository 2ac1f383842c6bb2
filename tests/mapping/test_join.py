"""Who waits for whom where populations take whole tokens, told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.errors import CapabilityError, OptionError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Machine, TokenFlow
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.options import MOST_IN_FLIGHT
from tests.engine.free_cases import free_chip
from tests.engine.test_free_tokens import diamond


def mapped(network: Network, **options: object) -> tuple[Machine, TokenFlow]:
    chip = free_chip(free_running__markers=True)
    machine = map_network(network, chip, MappingOptions(join="markers", **options))     # type: ignore[arg-type]
    assert machine.free is not None and machine.free.tokens is not None
    return machine, machine.free.tokens


def waits(machine: Machine, flow: TokenFlow) -> set[tuple[str, str, int]]:
    """Return (who sends, who waits, tokens back), with the slices of a population by their first neuron."""
    names = [f"{machine.population_names[population]}{start}" for population, start in
             zip(machine.slices.population, machine.slices.start, strict=True)] + ["port"]
    found = {(names[flow.channel_slice[channel]], names[who], int(flow.need_delay[place]))
             for who in range(len(names)) for place in range(flow.need_start[who], flow.need_start[who + 1])
             for channel in [flow.need_channel[place]]}
    both_ways = {(names[flow.channel_slice[channel]], names[flow.wait_who[place]])
                 for channel in range(len(flow.channel_slice))
                 for place in range(flow.wait_start[channel], flow.wait_start[channel + 1])}
    assert both_ways == {pair[:2] for pair in found}
    return found


def test_a_diamond() -> None:
    machine, flow = mapped(diamond(), max_neurons_per_core=1, tokens_in_flight=3)
    assert waits(machine, flow) == {("in0", "x0", 0), ("x0", "y0", 0), ("in0", "z0", 0), ("y0", "gate0", 0),
                                    ("z0", "gate0", 0), ("gate0", "port", 3)}
    assert flow.n_slots == 3 + 1


def test_slices_wait_only_for_those_that_reach_their_core() -> None:
    network = Network("pairs", (Population("in", "input", 2), Population("a", "linear", 2),
                                Population("b", "linear", 2)), (
        Projection("in", "a", DenseWeights(np.ones((2, 2)))), Projection("a", "b", OneToOneWeights(np.ones(2)))))
    machine, flow = mapped(network, max_neurons_per_core=1)
    assert waits(machine, flow) == {("in0", "a0", 0), ("in0", "a1", 0), ("a0", "b0", 0), ("a1", "b1", 0),
                                    ("b0", "port", 4), ("b1", "port", 4)}


def test_what_is_fed_late_or_not_at_all_waits_for_the_port_too() -> None:
    """And whoever is heard late only reports to the port, so that all of a token is done when it has left."""
    network = Network("late", (Population("in", "input", 1), Population("a", "linear", 1),
                               Population("b", "linear", 1), Population("alone", "linear", 1, {"bias": 1.0})), (
        Projection("in", "a", DenseWeights(np.ones((1, 1)))),
        Projection("a", "b", DenseWeights(np.ones((1, 1))), delay_steps=2),
        Projection("b", "a", DenseWeights(np.ones((1, 1))), delay_steps=5)))
    machine, flow = mapped(network, max_neurons_per_core=1)
    assert waits(machine, flow) == {
        ("in0", "a0", 0), ("a0", "b0", 2), ("b0", "a0", 5), ("in0", "b0", 0), ("in0", "alone0", 0), ("a0", "port", 4),
        ("b0", "port", 4), ("alone0", "port", 4)}
    assert flow.n_slots == 4 + 5 + 1


def test_markers_have_a_header_alone_and_no_synapses() -> None:
    machine, flow = mapped(diamond(), max_neurons_per_core=1)
    packets, destinations = machine.packets, machine.destinations
    first = int(packets.row_start[flow.marker_row])
    assert (packets.flits[first:] == 1).all() and (packets.flits[:first] >= 1).all()
    sinks = slice(int(packets.destination_start[first]), None)
    assert (destinations.words[sinks] == 0).all() and (destinations.dense[sinks] == 0).all()
    assert flow.channel[sinks].tolist() == list(range(len(flow.channel_slice)))
    assert len(destinations.core[sinks]) == len(flow.channel_slice)


def test_options() -> None:
    for options, message in (({"join": "often"}, "join = 'often'"), ({"tokens_in_flight": 0}, "integer from 1"),
                             ({"tokens_in_flight": MOST_IN_FLIGHT + 1}, f"integer from 1 to {MOST_IN_FLIGHT}")):
        with pytest.raises(OptionError, match=message):
            MappingOptions(**options)     # type: ignore[arg-type]
    with pytest.raises(OptionError, match="mapping.advance.a with mapping.join = 'markers'"):
        mapped(diamond(), advance={"a": "lazy"})
    with pytest.raises(CapabilityError, match="lacks end-of-token markers"):
        map_network(diamond(), free_chip(), MappingOptions(join="markers"))
