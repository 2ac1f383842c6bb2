from __future__ import annotations

import warnings
from typing import Any

import pytest

from hw_models.schema import Chip
from neurosim.errors import CapabilityError
from neurosim.graph import Network, Population, Projection
from neurosim.mapping.capabilities import check_capabilities, missing_capabilities, used_ports
from neurosim.mapping.schedule import stage_network
from tests.mapping.chips import make_chip
from tests.mapping.networks import dense, lif, lif_chain, spikes_in, spiking_ssm, wired


def able(**changes: Any) -> Chip:
    return make_chip(**{f"core__capabilities__{name}": value for name, value in changes.items()})


def fixed_function() -> Chip:
    """A chip like the first Loihi: integrate-and-fire neurons and binary spikes."""
    changes = {"models": ["lif", "cuba"], "graded_output": False, "ternary_output": False, "lookup_table": False,
               "dendrite_operators": ["sum"], "dendrite_ports": 1, "multiply": False, "complex_state": False,
               "gated_update": False, "programmable": False, "max_state_words": 3}
    return make_chip(**{f"core__capabilities__{name}": value for name, value in changes.items()}, noc__payload_bits=0)


def check(network: Network, chip: Chip, schedule: str = "pipelined") -> None:
    check_capabilities(network, chip, stage_network(network, schedule))


def joined(population: Population, *ports: str, payload: str = "graded") -> Network:
    """An input that feeds `ports` of `population`."""
    source = Population("in", "input", 1, attributes={"payload": payload})
    return Network("joined", (source, population),
                   tuple(Projection("in", population.name, dense(1, population.size), port=port) for port in ports))


def missing(population: Population, chip: Chip, *ports: str) -> dict[str, str]:
    return missing_capabilities(joined(population, *ports), population, chip)


def ssm(**attributes: str) -> Population:
    modes = dict.fromkeys(("a_real", "a_imag", "c_real", "c_imag"), 0.5)
    return Population("s", "ssm", 2, modes, attributes, n_modes=4)


def test_capable_chip_lacks_nothing() -> None:
    check(spiking_ssm(), make_chip())
    check(spiking_ssm(), make_chip(), "fall_through")


def test_graded_residual_stream_is_refused_by_a_fixed_function_chip() -> None:
    with pytest.raises(CapabilityError) as caught:
        check(spiking_ssm(), fixed_function())
    message = str(caught.value)
    assert "population 'glu0' (model glu): chip test-chip lacks graded_output (its packets carry values, the chip's " \
           "carry spikes), lookup_table, multiply, programmable, dendrite_ports (need 3, have 1), models" in message
    assert "population 'pixels' (model input): chip test-chip lacks graded_output" in message
    assert "mend: a chip whose packets carry values" in message


def test_integrate_and_fire_runs_on_a_fixed_function_chip() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(lif_chain(2, 3, 4), fixed_function())


@pytest.mark.parametrize(("capability", "population", "ports"), [
    ("programmable", Population("p", "relu", 1), ["input"]),
    ("multiply", Population("p", "gelu", 1), ["input"]),
    ("lookup_table", Population("p", "gelu", 1), ["input"]),
    ("lookup_table", ssm(activation="gelu"), ["input"]),
    ("complex_state", ssm(), ["input"]),
    ("refractory", lif("p", 2, refractory_steps=1), ["input"]),
    ("graded_output", Population("p", "linear", 1), ["input"]),
    ("ternary_output", Population("p", "ternary", 1), ["value"]),
])
def test_missing_capability_is_named(capability: str, population: Population, ports: list[str]) -> None:
    assert capability not in missing(population, make_chip(), *ports)
    assert capability in missing(population, able(**{capability: False}), *ports)


def test_what_is_not_used_is_not_needed() -> None:
    assert missing(lif("p", 2), able(refractory=False), "input") == {}
    assert missing(ssm(), able(lookup_table=False), "input") == {}
    assert missing(Population("p", "reduce", 1), able(dendrite_operators=["sum"]), "sum") == {}


def test_operators_of_used_ports() -> None:
    found = missing(Population("p", "reduce", 1), able(dendrite_operators=["sum"]), "sum", "max", "max_abs")
    assert found == {"dendrite_operators": "max, max_abs"}


def test_ports_are_counted_where_fed() -> None:
    glu = Population("p", "glu", 1)
    assert used_ports(joined(glu, "skip", "value", "skip"), glu) == ["value", "skip"]
    assert missing(glu, able(dendrite_ports=2), "value", "skip") == {}
    assert missing(glu, able(dendrite_ports=2), "value", "gate", "skip") == {"dendrite_ports": "need 3, have 2"}


def test_state_words() -> None:
    assert missing(ssm(), able(max_state_words=8), "input") == {}
    assert missing(ssm(), able(max_state_words=7), "input") == {"max_state_words": "need 8, have 7"}


def test_models_with_support() -> None:
    assert missing(lif("p", 1), able(models=["lif"]), "input") == {}
    assert missing(lif("p", 1), able(models=["cuba"]), "input") == {"models": "lif is not among cuba"}


def test_graded_input_needs_a_payload() -> None:
    chip = make_chip(noc__payload_bits=0)
    check(joined(lif("p", 1), "input", payload="spike"), chip)
    with pytest.raises(CapabilityError, match=r"population 'in' \(model input\): chip test-chip lacks graded_output"):
        check(joined(lif("p", 1), "input", payload="graded"), chip)


def test_ungated_chip_refuses_an_interval_above_one() -> None:
    loop = wired(2, [(0, 1, 0), (1, 0, 1)])
    check(loop, make_chip())
    with pytest.raises(CapabilityError, match="lacks gated_update .*every 2 time steps"):
        check(loop, able(gated_update=False))
    with pytest.raises(CapabilityError, match="gated_update"):
        check(lif_chain(1, 1), able(gated_update=False), "fall_through")


def test_ungated_chip_warns_where_neurons_stir_before_their_token() -> None:
    network = Network("bias", (spikes_in(1), lif("a", 1, bias=0.1)), (Projection("in", "a", dense(1, 1)),))
    with pytest.warns(UserWarning, match="would update a before the first token"):
        check(network, able(gated_update=False))


def test_chips_with_a_clock_are_taken() -> None:
    check(lif_chain(1, 1), make_chip(sync="tick"))
