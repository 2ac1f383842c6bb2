"""Crossbars: few weights for a neuron, one axon for a source, splitters; spikes are those of the network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.errors import CapacityError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, Population, Projection, SparseWeights
from neurosim.mapping import MappingOptions, map_network, map_with_details
from tests.mapping.chips import make_chip
from tests.mapping.networks import spikes_in
from tests.mapping.placed import same_outputs, slices
from tests.oracle.limits import violations


def crossbar(n_axons: int = 256, n_neurons: int = 256, n_types: int = 4, **changes: Any) -> Chip:
    memory = {"words": n_axons, "word_bits": max(8, n_neurons), "packing": "crossbar", "axon_types": n_types,
              "index_bits": 0, "delay_bits": 0}
    return make_chip(**{"core__synapse_memory": memory, "core__max_neurons": n_neurons, "core__max_axons_in": n_axons,
                        "core__max_fan_out": 1, "core__max_axons_out": n_neurons, "core__weight_bits": 9,
                        "noc__columns": 8, "noc__rows": 8, **changes})


def layer(name: str, size: int, leak: float = 1.0) -> Population:
    return Population(name, "lif", size, {"leak": leak, "threshold": 2.0})


def net(weights: np.ndarray, *more: np.ndarray, leak: float = 1.0) -> Network:
    """An input, and a layer for each matrix of weights."""
    populations = [spikes_in(weights.shape[0])]
    projections = []
    for number, values in enumerate((weights, *more), 1):
        populations.append(layer(f"l{number}", values.shape[1], leak))
        projections.append(Projection(populations[-2].name, f"l{number}", DenseWeights(values.astype(float))))
    return Network("net", tuple(populations), tuple(projections), (populations[-1].name,))


def refused(network: Network, chip: Chip, **options: Any) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        map_network(network, chip, MappingOptions(**options))
    return caught.value


def test_binary_weights_take_one_axon_and_no_copies() -> None:
    """Each input goes to one core alone: no splitter, an axon for each input."""
    result = map_with_details(net(np.ones((6, 8))), crossbar(6, 8))
    assert result.fitted.copied == {} and slices(result) == [[("l1", 0, 8)]]
    assert result.machine.utilisation[0]["axons_in"] == (6, 6)
    assert result.machine.utilisation[0]["synapse_words"] == (6, 6)
    assert result.machine.destinations.words.tolist()[:6] == [1] * 6


def test_ternary_weights_take_two_axons() -> None:
    weights = np.array([[1, -1], [1, 1], [-1, 0]])
    result = map_with_details(net(weights), crossbar(4, 4))
    copies = result.fitted.network.population("in.copies")
    assert copies.size == 4 and result.fitted.axon_type["in.copies"].tolist() == [0, 1, 1, 0]
    assert same_outputs(net(weights), result) > 5
    assert not violations(result.fitted.network, crossbar(4, 4), slices(result), result.fitted.axon_type)
    assert map_with_details(net(weights), crossbar(3, 4)).fitted.blocks["l1"] == [1, 1]
    assert refused(net(weights), crossbar(2, 4)).limit == "core.max_axons_in"


def test_blocks_of_the_target_take_a_copy_each() -> None:
    """Ten neurons on cores of four are three blocks: three copies of each of two inputs, on two cores."""
    result = map_with_details(net(np.ones((2, 10))), crossbar(8, 4))
    assert result.fitted.blocks == {"l1": [4, 4, 2], "in.copies": [3, 3]}
    assert result.staging.stage.tolist() == [0, 1, 2], "a copy comes a time step later"
    assert not violations(result.fitted.network, crossbar(8, 4), slices(result), result.fitted.axon_type)
    assert same_outputs(net(np.ones((2, 10))), result) > 10


def test_copies_are_made_only_where_the_user_lets() -> None:
    error = refused(net(np.ones((2, 10))), crossbar(8, 4), allow_fan_out_split=False)
    assert (error.limit, error.need, error.have) == ("core.max_fan_out", 3, 1)
    assert "allow_fan_out_split" in str(error)


def test_more_copies_than_a_core_holds() -> None:
    error = refused(net(np.ones((2, 10))), crossbar(8, 2))
    assert (error.limit, error.need, error.have) == ("core.max_neurons", 5, 2)
    assert error.where == "population 'in', neuron 0" and "fewer targets" in str(error)


def test_more_sources_than_axons() -> None:
    error = refused(net(np.ones((9, 2))), crossbar(8, 4))
    assert (error.limit, error.need, error.have) == ("core.max_axons_in", 9, 8)
    assert "population 'l1', neuron 0 alone on a core (9 sources)" in str(error)
    assert "raise core.max_axons_in to 9" in str(error) and "partial sums" in str(error)


def test_more_distinct_weights_than_types() -> None:
    weights = np.arange(1, 6)[:, None] * np.ones((5, 2))
    error = refused(net(weights), crossbar())
    assert (error.limit, error.need, error.have) == ("core.synapse_memory.axon_types", 5, 4)
    assert "quantise" in str(error)
    assert map_network(net(weights[:4]), crossbar()).n_cores == 1


def coded(network: Network, bits: int) -> Network:
    """Weights are integers of steps of 1, and so is everything else."""
    state = Coding(Format(20, 0, rounding="toward_zero"))
    lif = {name: Coding(Format(20 if name == "input" else 16, 0)) for name in ("input", "threshold", "reset_value",
                                                                              "bias")}
    lif |= {"potential": state, "leak": Coding(Format(2, 0, signed=False))}
    populations = tuple(item if item.model == "input" else replace(item, codings=lif) for item in network.populations)
    projections = tuple(replace(item, coding=Coding(Format(bits, 0))) for item in network.projections)
    return replace(network, populations=populations, projections=projections)


def test_weights_of_four_bits_take_an_axon_for_each_bit() -> None:
    """All sixteen weights from -8 to 7 into one neuron: 4 axons for -1, 1 for 1, 2, 4 and -8, ..."""
    weights = np.arange(-8, 8)[:, None] * np.ones((16, 1))
    network = coded(net(weights, leak=0.0), 4)
    result = map_with_details(network, crossbar())
    n_bits = sum(bin(int(value) % 16).count("1") for value in weights[:, 0])
    assert result.fitted.network.population("in.copies").size == n_bits == 32
    values = {float(value) for item in result.fitted.network.projections if item.target == "l1"
              for value in item.weights.values}
    assert values == {1.0, 2.0, 4.0, -8.0}
    assert not violations(result.fitted.network, crossbar(), slices(result), result.fitted.axon_type)
    assert same_outputs(network, result, numbers="fixed") > 5
    error = refused(coded(net(np.arange(-16, 16)[:, None] * np.ones((32, 1))), 5), crossbar())
    assert (error.limit, error.need, error.have) == ("core.synapse_memory.axon_types", 5, 4)
    assert "quantise its weights to 4 bits" in str(error)


def test_two_projections_with_different_scales() -> None:
    network = coded(net(np.arange(1, 8)[:, None] * np.ones((7, 1))), 4)
    other = replace(network.projections[0], coding=Coding(Format(4, 0), np.asarray(0.5)), name="other")
    error = refused(replace(network, projections=(*network.projections, other)), crossbar())
    assert error.limit == "core.synapse_memory.axon_types" and "one scale" in str(error)


def test_delays_of_one_source_take_an_axon_each() -> None:
    weights = SparseWeights(np.array([0, 2, 4]), np.array([0, 0, 1, 1]), np.ones(4), 2)
    network = Network("late", (spikes_in(2), layer("l1", 2)),
                      (Projection("in", "l1", weights, delay_steps=np.array([0, 2, 0, 1])),), ("l1",))
    result = map_with_details(network, crossbar(8, 8))
    assert result.fitted.network.population("in.copies").size == 4
    assert not violations(result.fitted.network, crossbar(8, 8), slices(result), result.fitted.axon_type)
    assert same_outputs(network, result) > 5


def test_recurrence_takes_a_step_more() -> None:
    """A loop of delay 1 through a splitter is two projections long: a token enters every second step."""
    loop = np.array([[1.0, -1.0], [0.0, 1.0]])
    network = net(np.ones((1, 2)))
    network = replace(network, projections=(*network.projections,
                                            Projection("l1", "l1", DenseWeights(loop), delay_steps=1)), readouts=())
    result = map_with_details(network, crossbar(8, 8))
    assert result.staging.schedule.interval == 2
    assert same_outputs(network, result) > 5


@st.composite
def cases(draw: Any) -> tuple[Network, dict[str, Any], str]:
    """Networks of one to three layers with few distinct weights, or quantised ones, on small crossbars."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    sizes = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    fixed = draw(st.booleans())
    palette = np.arange(-8, 8) if fixed else random.choice([-2.5, -1.0, -0.3, 0.7, 1.0, 3.0], 4, replace=False)
    matrices = [np.where(random.random((a, b)) < 0.7, random.choice(palette, (a, b)), 0.0)
                for a, b in zip(sizes, sizes[1:], strict=False)]
    chip = {"n_axons": draw(st.integers(6, 40)), "n_neurons": draw(st.integers(3, 40))}
    network = net(*matrices, leak=0.0 if fixed else 1.0)
    return (coded(network, 4), chip, "fixed") if fixed else (network, chip, "float64")


@settings(max_examples=60, deadline=None)
@given(cases())
def test_random_networks_keep_every_limit_and_their_spikes(case: tuple[Network, dict[str, Any], str]) -> None:
    network, limits, numbers = case
    chip = crossbar(**limits)
    try:
        result = map_with_details(network, chip)
    except CapacityError as error:
        assert error.need > error.have
        return
    assert not violations(result.fitted.network, chip, slices(result), result.fitted.axon_type)
    same_outputs(network, result, numbers=numbers)
