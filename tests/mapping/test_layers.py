"""Cores that hold one layer each: memories by hand, limits met and exceeded, assignment, pools."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.errors import CapabilityError, CapacityError, OptionError
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import MappingOptions, describe, map_with_details, render
from neurosim.mapping.layers import find_layers
from neurosim.mapping.rewrites.fold_pools import fold_pools
from tests.mapping.chips import make_chip
from tests.mapping.networks import lif, spikes_in
from tests.mapping.placed import both_outputs, same_outputs, spikes_in_random

SPECK = [(3, 16384, 65536), (2, 32768, 32768), (2, 65536, 16384), (2, 16384, 16384)]


def speck(classes: list[tuple[int, int, int]] | None = None, **changes: Any) -> Chip:
    """Nine cores in a row of three tiles, with the published sizes."""
    memory = {"classes": [{"cores": n, "kernel_entries": kernel, "neuron_entries": neurons}
                          for n, kernel, neurons in classes or SPECK],
              "max_input_size": 128, "max_output_size": 64, "max_channels": 1024, "max_kernel_size": 16,
              "strides": [1, 2, 4, 8], "max_padding": 7, "pool_sizes": [1, 2, 4], "max_destinations": 2, **changes}
    n_cores = sum(entry["cores"] for entry in memory["classes"])
    return make_chip(core__layer_memory=memory, core__capabilities__convolution=True, noc__columns=n_cores,
                     noc__rows=1, noc__cores_per_tile=1, input_port={**PORT, "tile": 0},
                     output_port={**PORT, "tile": 0}, core__max_neurons=65536, core__max_axons_in=2**20,
                     core__max_axons_out=2**20, core__state_memory_bits=2**30, core__synapse_memory__words=2**20)


PORT = {"packet_latency_ns": {"value": 1.0, "low": 1.0, "high": 1.0, "basis": "assumed", "source": "user"},
        "packet_pj": {"value": 1.0, "low": 1.0, "high": 1.0, "basis": "assumed", "source": "user"}}


def conv(c: int, f: int, size: int, kernel: int, stride: int = 1, padding: int = 0,
         seed: int = 0) -> ConvolutionWeights:
    """A square convolution of random taps."""
    out = (size + 2 * padding - kernel) // stride + 1
    values = np.random.default_rng(seed).normal(size=(f, c, kernel, kernel))
    return ConvolutionWeights(values, (c, size, size), (f, out, out), (stride, stride), (padding, padding))


def chain(*weights: ConvolutionWeights | DenseWeights) -> Network:
    populations = [spikes_in(weights[0].shape[0])]
    projections = []
    for number, item in enumerate(weights, 1):
        populations.append(lif(f"l{number}", item.shape[1]))
        projections.append(Projection(populations[-2].name, f"l{number}", item))
    return Network("layers", tuple(populations), tuple(projections), (populations[-1].name,))


def layer_of(*weights: Any) -> Any:
    memory = speck().core.layer_memory
    assert memory is not None
    return find_layers(chain(*weights), memory)[f"l{len(weights)}"]


def refused(network: Network, chip: Chip) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        map_with_details(network, chip)
    return caught.value


@pytest.mark.parametrize(("weights", "kernel", "neurons"), [
    ((conv(2, 8, 34, 3, 2, 1),), 2 * 2**(4 + 3), 8 * 2**(5 + 5)),       # 9 taps: 16; 17 rows: 32
    ((conv(1, 1, 4, 1),), 1, 16),
    ((conv(3, 5, 9, 4),), 3 * 2**(4 + 3), 5 * 2**(3 + 3)),              # 5 features: 8; 6 rows: 8
    ((DenseWeights(np.ones((100, 10))),), 100 * 2**(0 + 4), 10),        # a column of 100 channels
    ((conv(1, 4, 6, 3), DenseWeights(np.random.default_rng(1).normal(size=(64, 10)))), 4 * 2**(4 + 4), 10),
])
def test_entries_by_hand(weights: Any, kernel: int, neurons: int) -> None:
    layer = layer_of(*weights)
    assert (layer.kernel_entries, layer.neuron_entries) == (kernel, neurons)


def test_a_layer_on_every_core() -> None:
    network = chain(conv(2, 4, 8, 3), conv(4, 4, 6, 3), DenseWeights(np.random.default_rng(1).normal(size=(64, 5))))
    result = map_with_details(network, speck())
    assert [len(core) for core in result.partition.cores] == [1, 1, 1]
    assert len(set(result.placement.physical.tolist())) == 3
    assert same_outputs(network, result) > 20
    table = render(describe(result.machine))
    assert "kernel_entries" in table and "neuron_entries" in table and "destinations" in table


def test_layers_go_where_they_fit() -> None:
    """The only core for many neurons and the only one for a large kernel, whatever the order of the layers."""
    network = chain(conv(1, 2, 16, 3), conv(2, 32, 14, 3))      # 32 / 512 entries, 1024 / 8192 entries
    classes = [(1, 64, 8192), (1, 1024, 8192)]
    assert map_with_details(network, speck(classes)).placement.physical.tolist() == [0, 1]
    assert map_with_details(network, speck(classes[::-1])).placement.physical.tolist() == [1, 0]
    for at, field, lower in ((1, "kernel_entries", (1, 1023, 8192)), (1, "neuron_entries", (1, 1024, 8191))):
        error = refused(network, speck([classes[0], lower]))
        assert (error.limit, error.need, error.have) == (f"core.layer_memory.classes.{at}.{field}",
                                                         *((1024, 1023) if field[0] == "k" else (8192, 8191)))
        assert "layer 'l2' needs 1024 kernel / 8192 neuron entries (core 0: 64 / 8192; core 1: " in error.where
        assert f"raise core.layer_memory.classes.{at}.{field} to" in str(error)


def test_two_layers_that_want_one_core() -> None:
    network = chain(conv(1, 2, 16, 3), conv(2, 2, 14, 3))       # 32 and 64 entries
    error = refused(network, speck([(1, 64, 8192), (1, 31, 8192)]))
    assert error.limit == "core.layer_memory.classes" and (error.need, error.have) == (2, 1)
    assert "need them too" in error.where and "more, or make a layer smaller" in str(error)


def test_more_layers_than_cores() -> None:
    error = refused(chain(conv(1, 1, 4, 1), conv(1, 1, 4, 1)), speck([(1, 64, 64)]))
    assert (error.limit, error.need, error.have) == ("chip.n_cores", 2, 1)


@pytest.mark.parametrize(("field", "weights", "met"), [
    ("max_input_size", conv(1, 1, 8, 3, 2, 1), 8), ("max_output_size", conv(1, 1, 8, 3, 2, 1), 4),
    ("max_channels", conv(2, 5, 4, 1), 5), ("max_kernel_size", conv(1, 1, 8, 3), 3),
    ("max_padding", conv(1, 1, 8, 5, 1, 2), 2),
])
def test_limits_of_a_layer(field: str, weights: ConvolutionWeights, met: int) -> None:
    map_with_details(chain(weights), speck(**{field: met}))
    error = refused(chain(weights), speck(**{field: met - 1}))
    assert (error.limit, error.need, error.have) == (f"core.layer_memory.{field}", met, met - 1)
    assert f"raise core.layer_memory.{field} to {met}" in str(error)


def test_destinations() -> None:
    """A layer feeds two others and is read out."""
    weights = conv(1, 1, 4, 1)
    populations = (spikes_in(16), lif("a", 16), lif("b", 16), lif("c", 16))
    network = Network("fork", populations, tuple(Projection(*pair, weights) for pair in (("in", "a"), ("a", "b"),
                                                                                        ("a", "c"))), ("a", "b", "c"))
    map_with_details(network, speck(max_destinations=3))
    error = refused(network, speck())
    assert (error.limit, error.need, error.have) == ("core.layer_memory.max_destinations", 3, 2)
    assert error.where == "layer 'a'"


def test_strides_that_are_not_built() -> None:
    with pytest.raises(CapabilityError, match="stride 3"):
        map_with_details(chain(conv(1, 1, 9, 3, 3, seed=2)), speck())


def test_what_is_no_layer() -> None:
    weights = conv(1, 1, 4, 1)
    twice = Network("two", (spikes_in(16), lif("a", 16)), (Projection("in", "a", weights),
                                                           Projection("in", "a", weights)))
    listed = Network("one", (spikes_in(4), lif("a", 4)), (Projection("in", "a", OneToOneWeights(np.ones(4))),))
    for network, words in ((twice, "2 projections"), (listed, "OneToOneWeights")):
        with pytest.raises(CapabilityError, match=words):
            map_with_details(network, speck())
    with pytest.raises(OptionError, match="one layer each"):
        map_with_details(chain(weights), speck(), MappingOptions(cores={"l1": 2}))


def pooled(size: int, seed: int, dense: bool) -> Network:
    """A layer, sums of size x size of its neurons, and a convolution or a dense projection of them."""
    pool = ConvolutionWeights(np.full((2, 1, size, size), 0.25), (2, 8, 8), (2, 8 // size, 8 // size), (size, size),
                              groups=2)
    n = 2 * (8 // size) ** 2
    last = DenseWeights(np.random.default_rng(seed).normal(size=(n, 6))) if dense else \
        conv(2, 3, 8 // size, 3, 1, 1, seed)
    populations = (spikes_in(64), lif("a", 128), Population("pool", "linear", n), lif("b", last.shape[1]))
    return Network("pools", populations, (Projection("in", "a", conv(1, 2, 8, 3, 1, 1)), Projection("a", "pool", pool),
                                          Projection("pool", "b", last)), ("b",))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("size", [2, 4])
def test_pools_are_part_of_the_core_that_sends(size: int, dense: bool) -> None:
    network = pooled(size, 1, dense)
    result = map_with_details(network, speck())
    assert [item.name for item in result.fitted.network.populations] == ["in", "a", "b"]
    memory = speck().core.layer_memory
    assert memory is not None
    layer = find_layers(result.fitted.network, memory)["b"]
    assert layer.pool == size and layer.input_shape == (2, 8 // size, 8 // size)
    assert layer.kernel == ((8 // size, 8 // size) if dense else (3, 3))
    found, expected = both_outputs(network, result, spikes_in_random(network, rate=0.2))
    spikes = {key: value for key, value in expected.items() if key[2] != "pool"}
    assert found == spikes and len(spikes) > 20


def test_other_sums_stay() -> None:
    network = pooled(4, 0, False)
    assert fold_pools(network, [1, 2]) is network


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_assignments_keep_every_memory(data: Any) -> None:
    """Against trying all assignments."""
    import itertools

    n_layers = data.draw(st.integers(1, 4))
    features = [data.draw(st.integers(1, 6)) for _ in range(n_layers + 1)]
    weights = [conv(c, f, 6, 3, 1, 1) for c, f in itertools.pairwise(features)]
    classes = [(1, 2 ** data.draw(st.integers(3, 11)), 2 ** data.draw(st.integers(5, 9)))
               for _ in range(data.draw(st.integers(1, 5)))]
    need = []
    for (c, f) in itertools.pairwise(features):
        entries = 1
        while entries < f:
            entries *= 2
        need.append((c * 16 * entries, f * 64))
    possible = any(all(need[layer][0] <= classes[core][1] and need[layer][1] <= classes[core][2]
                       for layer, core in enumerate(cores))
                   for cores in itertools.permutations(range(len(classes)), n_layers))
    try:
        result = map_with_details(chain(*weights), speck(classes))
    except CapacityError as error:
        assert not possible and error.need > error.have
        return
    assert possible
    for layer, core in enumerate(result.placement.physical.tolist()):
        assert need[layer][0] <= classes[core][1] and need[layer][1] <= classes[core][2]
