"""Splitters on chips whose neurons reach few cores: exact copies, a time step later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.calibrate import quantized
from neurosim.errors import CapabilityError, CapacityError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, describe, map_with_details, render
from neurosim.mapping.quantize_options import QuantizeOptions
from tests.mapping.chips import make_chip
from tests.mapping.networks import lif, lif_chain, spikes_in
from tests.mapping.placed import both_outputs, same_outputs, slices, spikes_in_random
from tests.oracle.limits import violations


def chip(**core: Any) -> Chip:
    return make_chip(noc__columns=8, noc__rows=8, **{f"core__{name}": value for name, value in core.items()})


def test_one_neuron_to_four_cores() -> None:
    """A hub for seven neurons on cores of two: four cores, two copies with two cores each."""
    network = lif_chain(1, 1, 7)
    result = map_with_details(network, chip(max_neurons=2, max_fan_out=2))
    assert result.fitted.copied == {"l1.copies": "l1"}
    assert result.fitted.network.population("l1.copies").size == 2
    assert result.staging.stage.tolist() == [0, 1, 2, 3]
    assert not violations(result.fitted.network, chip(max_neurons=2, max_fan_out=2), slices(result))
    assert same_outputs(network, result) > 10
    assert map_with_details(network, chip(max_neurons=2, max_fan_out=4)).fitted.copied == {}


def test_not_without_leave() -> None:
    with pytest.raises(CapacityError) as caught:
        map_with_details(lif_chain(1, 1, 7), chip(max_neurons=2, max_fan_out=2),
                         MappingOptions(allow_fan_out_split=False))
    assert (caught.value.limit, caught.value.need, caught.value.have) == ("core.max_fan_out", 4, 2)
    assert "allow_fan_out_split=true" in str(caught.value)


def test_signed_spikes_are_not_copied() -> None:
    signed = Population("t", "ternary", 1, {"delta": 0.5}, {"delta_scope": "tensor"})
    network = Network("t", (Population("in", "input", 1), signed, lif("l", 4)),
                      (Projection("in", "t", DenseWeights(np.ones((1, 1))), port="value"),
                      Projection("t", "l", DenseWeights(np.ones((1, 4))))))
    with pytest.raises(CapabilityError, match="signed spikes"):
        map_with_details(network, chip(max_neurons=1, max_fan_out=2))


def test_a_skip_waits_for_the_copies() -> None:
    """A residual stream beside the copies: the schedule balances both."""
    random = np.random.default_rng(3)
    network = Network("skip", (spikes_in(3), Population("a", "linear", 6), Population("b", "linear", 6)),
                      (Projection("in", "a", DenseWeights(random.normal(size=(3, 6)))),
                       Projection("a", "b", DenseWeights(random.normal(size=(6, 6)))),
                       Projection("in", "b", DenseWeights(random.normal(size=(3, 6)))),
                       Projection("a", "b", OneToOneWeights(random.normal(size=6)))), ("b",))
    result = map_with_details(network, chip(max_neurons=4, max_fan_out=1), MappingOptions(readout_every_token=True))
    assert set(result.fitted.copied) == {"in.copies", "a.copies"}
    assert same_outputs(network, result) > 20


def test_copies_are_shown() -> None:
    network = lif_chain(1, 1, 7)
    machine = map_with_details(network, chip(max_neurons=2, max_fan_out=2)).machine
    assert "splitters: 2 neurons copy l1" in render(describe(machine))


def test_changes_go_on_as_changes() -> None:
    """What is coded as changes is added up by the copies, which send changes again: the same but for rounding."""
    random = np.random.default_rng(5)
    network = Network("coded", (spikes_in(4), Population("a", "integrator", 6, change_threshold=0.5),
                                Population("b", "linear", 6)),
                      (Projection("in", "a", DenseWeights(random.normal(size=(4, 6)))),
                       Projection("a", "b", DenseWeights(random.normal(size=(6, 6))))), ("b",))
    result = map_with_details(network, chip(max_neurons=4, max_fan_out=1), MappingOptions(readout_every_token=True))
    assert result.fitted.network.population("a.copies").change_threshold == 0
    found, expected = both_outputs(network, result, spikes_in_random(network))
    found, expected = ({key: value for key, value in item.items() if key[2] == "b"} for item in (found, expected))
    assert found.keys() == expected.keys() and len(found) > 50
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), rtol=1e-12, atol=1e-12)


@st.composite
def networks(draw: Any) -> Network:
    """Layers of spiking or graded neurons, dense or one to one, with delays and skips."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    size = draw(st.integers(2, 7))
    populations, projections = [spikes_in(size)], []
    for layer in range(draw(st.integers(1, 3))):
        model = draw(st.sampled_from(["lif", "linear"]))
        name = f"p{layer}"
        populations.append(Population(name, model, size, {"leak": 0.5} if model == "lif" else {}))
        for source in draw(st.sets(st.sampled_from([item.name for item in populations[:-1]]), min_size=1)):
            dense = np.where(random.random((size, size)) < 0.8, random.normal(size=(size, size)), 0)
            weights = OneToOneWeights(random.normal(size=size)) if draw(st.booleans()) else DenseWeights(dense)
            projections.append(Projection(source, name, weights, delay_steps=draw(st.integers(0, 2))))
    return Network("random", tuple(populations), tuple(projections))


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(1, 3), st.integers(2, 8))
def test_random_networks_keep_every_limit_and_their_outputs(network: Network, most: int, n_neurons: int) -> None:
    limited = chip(max_neurons=n_neurons, max_fan_out=most)
    try:
        result = map_with_details(network, limited)
    except CapacityError as error:
        assert error.need > error.have
        return
    assert not violations(result.fitted.network, limited, slices(result))
    same_outputs(network, result)


def test_quantised_copies_are_exact() -> None:
    random = np.random.default_rng(1)
    network = Network("q", (spikes_in(3), Population("a", "linear", 3), lif("b", 3), Population("c", "linear", 3)),
                      (Projection("in", "a", DenseWeights(random.normal(size=(3, 3)))),
                       Projection("a", "b", DenseWeights(random.normal(size=(3, 3)))),
                       Projection("b", "c", DenseWeights(random.normal(size=(3, 3))))), ("c",))
    limited = chip(max_neurons=2, max_fan_out=1)
    found = quantized(network, limited, spikes_in_random(network), QuantizeOptions())
    result = map_with_details(found, limited, MappingOptions(readout_every_token=True))
    assert set(result.fitted.copied) == {"in.copies", "a.copies", "b.copies"}
    assert same_outputs(found, result, numbers="fixed") > 20
