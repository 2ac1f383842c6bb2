"""Relays that add up partial sums: the same up to rounding, within the limits; refused where spikes carry no sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.calibrate import quantized
from neurosim.errors import CapacityError, OptionError
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, map_with_details
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.rewrites.split_fan_in import split_fan_in
from tests.mapping.chips import make_chip
from tests.mapping.networks import lif, lif_chain, sparse, spikes_in
from tests.mapping.placed import both_outputs, slices, spikes_in_random
from tests.oracle.limits import violations

SPLIT = MappingOptions(allow_fan_in_split=True, readout_every_token=True)


def chip(**core: Any) -> Chip:
    return make_chip(noc__columns=16, noc__rows=16, **{f"core__{name}": value for name, value in core.items()})


def graded(*matrices: np.ndarray) -> Network:
    populations, projections = [spikes_in(matrices[0].shape[0])], []
    for number, values in enumerate(matrices, 1):
        populations.append(Population(f"l{number}", "linear", values.shape[1], {"bias": 0.25}))
        projections.append(Projection(populations[-2].name, f"l{number}", DenseWeights(values)))
    return Network("sums", tuple(populations), tuple(projections), (populations[-1].name,))


def assert_same_sums(network: Network, found: Any, **options: Any) -> int:
    ours, expected = both_outputs(network, found, spikes_in_random(network), **options)
    assert ours.keys() == expected.keys()
    np.testing.assert_allclose([ours[key] for key in expected], list(expected.values()), rtol=1e-12, atol=1e-12)
    return len(expected)


def test_ten_inputs_over_relays_of_four() -> None:
    network = graded(np.random.default_rng(0).normal(size=(10, 3)))
    result = map_with_details(network, chip(max_fan_in=4), SPLIT)
    names = [item.name for item in result.fitted.network.populations]
    assert names == ["in", "l1.input.part0", "l1.input.part1", "l1.input.part2", "l1"]
    assert result.staging.stage.tolist() == [0, 1, 1, 1, 2], "a time step more"
    assert not violations(result.fitted.network, chip(max_fan_in=4), slices(result))
    assert assert_same_sums(network, result) > 50
    assert split_fan_in(network, chip(max_fan_in=10)) is network


def test_groups_of_groups() -> None:
    """Nine inputs with two at a time: relays of 5 and 4, which are sums of relays themselves."""
    network = graded(np.random.default_rng(0).normal(size=(9, 1)))
    result = map_with_details(network, chip(max_fan_in=2), SPLIT)
    # 5 + 4, then 3 + 2 and 2 + 2, then 2 + 1: eight relays.
    assert len(result.fitted.network.populations) == 2 + 8
    assert result.staging.schedule.depth == 5
    assert not violations(result.fitted.network, chip(max_fan_in=2), slices(result))
    assert assert_same_sums(network, result) > 20


def test_axons_of_a_core_bound_the_inputs_too() -> None:
    network = graded(np.ones((10, 3)))
    limited = chip(max_axons_in=5)
    with pytest.raises(CapacityError, match="allow_fan_in_split=true"):
        map_with_details(network, limited)
    result = map_with_details(network, limited, SPLIT)
    assert not violations(result.fitted.network, limited, slices(result))


def test_spikes_carry_no_partial_sums() -> None:
    spiking = chip(max_fan_in=4, capabilities__graded_output=False)
    with pytest.raises(CapacityError) as caught:
        map_with_details(lif_chain(10, 3), spiking, SPLIT)
    assert (caught.value.limit, caught.value.need, caught.value.have) == ("core.max_fan_in", 10, 4)
    assert "carry spikes" in str(caught.value) and "raise core.max_fan_in to 10" in str(caught.value)


def test_maxima_are_not_taken_apart() -> None:
    network = Network("max", (spikes_in(9), Population("m", "reduce", 1)),
                      (Projection("in", "m", DenseWeights(np.ones((9, 1))), port="max"),))
    with pytest.raises(CapacityError, match="maxima"):
        map_with_details(network, chip(max_fan_in=4), SPLIT)


def test_more_projections_than_inputs() -> None:
    network = Network("many", (spikes_in(1), lif("a", 1)),
                      tuple(Projection("in", "a", OneToOneWeights(np.ones(1))) for _ in range(4)))
    with pytest.raises(CapacityError, match="not taken apart"):
        map_with_details(network, chip(max_fan_in=3), SPLIT)


def test_zero_weights_that_are_worked_on_are_left_out_of_relays() -> None:
    values = np.ones((8, 2))
    values[::2, 0] = 0
    limited = chip(max_fan_in=4, pipeline={"kind": "serial", "skip_zero_weights": False})
    result = map_with_details(graded(values), limited, SPLIT)
    assert max(used["fan_in"][0] for used in result.machine.utilisation) <= 4
    assert assert_same_sums(graded(values), result) > 20


def test_quantised_networks_keep_their_formats() -> None:
    network = graded(np.random.default_rng(0).normal(size=(10, 3)))
    limited = chip(max_fan_in=4)
    with_relays = rewritten(network, SPLIT, limited)
    inputs = spikes_in_random(network)
    found = quantized(with_relays, limited, inputs, QuantizeOptions())
    result = map_with_details(found, limited, SPLIT)
    assert len(result.fitted.network.populations) == 5
    ours, expected = both_outputs(found, result, inputs, numbers="fixed")
    assert ours == expected and len(ours) > 20
    without = quantized(network, limited, inputs, QuantizeOptions())
    with pytest.raises(OptionError, match="quantize --set mapping.allow_fan_in_split=true"):
        map_with_details(without, limited, SPLIT)


@st.composite
def networks(draw: Any) -> Network:
    """Layers of values behind dense, listed and shared weights, with skips and delays."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    populations, projections = [spikes_in(9)], []
    for layer in range(draw(st.integers(1, 2))):
        populations.append(Population(f"p{layer}", draw(st.sampled_from(["linear", "integrator"])), 9))
        for source in draw(st.sets(st.sampled_from([item.name for item in populations[:-1]]), min_size=1)):
            kind = draw(st.sampled_from(["dense", "sparse", "conv"]))
            if kind == "dense":
                values = random.normal(size=(9, 9)) * (random.random((9, 9)) < 0.8)
                weights: Any = DenseWeights(values)
            elif kind == "sparse":
                weights = sparse([sorted(random.permutation(9)[:random.integers(1, 8)].tolist()) for _ in range(9)], 9,
                                 0.5)
            else:
                weights = ConvolutionWeights(random.normal(size=(1, 1, 3, 3)), (1, 3, 3), (1, 3, 3), padding=(1, 1))
            projections.append(Projection(source, f"p{layer}", weights, delay_steps=draw(st.integers(0, 2))))
    return Network("random", tuple(populations), tuple(projections))


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(2, 8), st.booleans(), st.integers(1, 9))
def test_random_networks_keep_every_limit_and_their_sums(network: Network, most: int, fan_in: bool, n: int) -> None:
    limited = chip(max_neurons=n, **{"max_fan_in" if fan_in else "max_axons_in": most})
    result = map_with_details(network, limited, SPLIT)
    assert not violations(result.fitted.network, limited, slices(result))
    assert_same_sums(network, result)
