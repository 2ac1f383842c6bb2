"""Bits of formats decide memory and traffic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim.errors import CapacityError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping import map_network
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.schedule import stage_network
from tests.mapping.chips import make_chip


def coding(text: str) -> Coding:
    return Coding(Format.parse(text))


def network(weight: str = "s8.4", state: str = "s24.8", payload: str = "s16.8",
            values: np.ndarray | None = None) -> Network:
    neurons = {"input": coding("s24.8"), "potential": coding(state), "leak": coding("u12.11"),
               **{name: coding("s16.8") for name in ("threshold", "reset_value", "bias")}}
    neurons["input"] = replace(neurons["input"], format=replace(neurons["input"].format, fraction=8))
    weights = DenseWeights(np.ones((4, 16)) if values is None else values)
    return Network("bits", (Population("x", "input", 4, codings={"graded": coding(payload)}),
                            Population("y", "lif", 16, {"leak": 0.5}, codings=neurons)),
                   (Projection("x", "y", weights, coding=coding(weight)),), ("y",))


def machine_of(quantised: Network, **options: object):
    return map_network(quantised, make_chip(**options))


@pytest.mark.parametrize(("weight", "words"), [("s8.4", 2), ("s4.2", 1), ("s5.2", 2)])
def test_narrow_weights_take_fewer_words(weight: str, words: int) -> None:
    machine = machine_of(network(weight))       # 16 synapses a row: 128, 64, 80 bits in words of 64
    assert machine.destinations.words[machine.packets.destination_start[0]] == words


def test_state_and_parameters_take_their_bits() -> None:
    own = make_chip()
    for state, parameter in (("s24.8", 16), ("s12.8", 16)):
        found = network(state=state)
        demand = measure_demand(found, own, stage_network(found))
        # potential, refractory count (the chip's width), leak, three parameters, refractory steps, one delay slot
        expected = int(state[1:3]) + own.core.state_bits + 12 + 3 * parameter + own.core.parameter_bits + 24
        assert demand.state_bits[1] == expected


def test_a_decay_over_intervals_takes_a_word_for_each_bit() -> None:
    """Two words of state, both parts of a power for each of 11 bits without the sign; three delay slots."""
    codings = {name: coding("s20.8") for name in ("real", "imag", "h", "graded_real", "graded_imag")}
    codings |= {"interval": coding("s12.4"), "a": coding("s14.12")}
    rates = {"rate_real": -0.5, "rate_imag": 1.0}
    found = Network("events", (Population("x", "input", 4, codings={"graded": coding("s16.8")}),
                               Population("y", "event_mode", 4, rates, codings=codings)),
                    tuple(Projection("x", "y", DenseWeights(np.ones((4, 4))), port, coding=coding("s8.4"))
                          for port in ("real", "imag", "interval")), ("y",))
    demand = measure_demand(found, make_chip(), stage_network(found))
    assert demand.state_bits[1] == 2 * 20 + 2 * 11 * 14 + 20 + 20 + 12


@pytest.mark.parametrize(("payload", "flits"), [("s16.8", 2), ("s8.4", 1)])
def test_narrow_payloads_take_fewer_flits(payload: str, flits: int) -> None:
    machine = machine_of(network(payload=payload), **{"noc__flit_bits": 40, "noc__header_bits": 32})
    assert machine.packets.flits[0] == flits


def test_weights_that_round_to_zero_cost_nothing() -> None:
    values = np.ones((4, 16))
    values[:, ::2] = 0.01           # below half a step of s8.4
    machine = machine_of(network(values=values))
    assert machine.destinations.dense[machine.packets.destination_start[0]] == 8


@pytest.mark.parametrize(("changed", "limit", "need", "have"), [
    ({"weight": "s9.4"}, "core.weight_bits", 9, 8), ({"state": "s25.8"}, "core.state_bits", 25, 24),
    ({"payload": "s30.8"}, "noc.payload_bits", 30, 16),
])
def test_more_bits_than_the_chip_has_are_refused(changed: dict[str, str], limit: str, need: int, have: int) -> None:
    with pytest.raises(CapacityError, match=f"{limit}: need {need} bits, have {have} bits"):
        machine_of(network(**changed))
