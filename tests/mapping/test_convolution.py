"""Convolutions as cores hold them: one kernel per core, counts by hand and against every synapse listed."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.errors import CapacityError, NetworkError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import ConvolutionWeights, Network, Population, Projection, SparseWeights
from neurosim.mapping import MappingOptions, describe, map_network
from neurosim.mapping.incoming import ListedIncoming, SharedIncoming, cut_ready
from tests.engine.cases import convolution
from tests.mapping.chips import make_chip

SHARED = {"core__capabilities__convolution": True}


def network_of(weights: ConvolutionWeights) -> Network:
    pre, post = weights.shape
    return Network("image", (Population("in", "input", pre, attributes={"payload": "spike"}),
                             Population("out", "lif", post, {"leak": 0.5})),
                   (Projection("in", "out", weights),), ("out",))


def three_by_three(n_channels: int = 2, **fields: object) -> ConvolutionWeights:
    return ConvolutionWeights(np.ones((n_channels, 1, 3, 3)), (1, 4, 4), (n_channels, 4, 4), padding=(1, 1), **fields)


def test_places_at_the_edge_have_fewer_taps() -> None:
    weights = three_by_three()
    assert weights.taps().tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    assert weights.n_synapses == 2 * 100 == weights.unrolled().n_synapses


def test_a_kernel_is_stored_once_per_core_and_read_tap_by_tap() -> None:
    chip = make_chip(**SHARED)      # 64-bit words, 8-bit weights
    incoming = cut_ready(Projection("in", "out", three_by_three()), 0, 1, chip)
    assert isinstance(incoming, SharedIncoming) and incoming.kind == "conv"
    whole = incoming.axons(0, 32)
    word_bits, bits = chip.core.synapse_memory.word_bits, chip.core.weight_bits
    assert whole.stored == -(-18 * bits // word_bits)       # two channels of nine taps
    assert whole.synapses.reshape(4, 4).tolist() == [[8, 12, 12, 8], [12, 18, 18, 12], [12, 18, 18, 12], [8, 12, 12, 8]]
    assert whole.words.tolist() == [-(-n * bits // word_bits) for n in whole.synapses.tolist()]
    corner = incoming.axons(0, 1)       # channel 0, place (0, 0): looks at the 2 x 2 pixels around
    assert corner.rows.tolist() == [0, 1, 4, 5] and corner.synapses.tolist() == [1, 1, 1, 1]
    assert corner.stored == -(-9 * bits // word_bits)


def test_synapses_are_those_that_the_kernel_stands_for() -> None:
    described = describe(map_network(network_of(three_by_three()), make_chip(**SHARED)))
    assert described["n_synapses"] == 200


def test_a_chip_that_cannot_share_lists_every_synapse() -> None:
    incoming = cut_ready(Projection("in", "out", three_by_three()), 0, 1, make_chip())
    assert isinstance(incoming, ListedIncoming) and incoming.kind == "sparse"
    memory = make_chip().core.synapse_memory
    bits = make_chip().core.weight_bits + memory.index_bits + memory.delay_bits
    found = incoming.axons(0, 32)
    assert found.stored == sum(-(-n * bits // memory.word_bits) for n in found.synapses.tolist())


@pytest.mark.parametrize("seed", range(40))
def test_counts_are_those_of_the_synapses_listed(seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = convolution(int(random.choice([12, 30, 60])), int(random.choice([6, 24, 48])), random)
    projection = Projection("in", "out", weights)
    chip = make_chip(**SHARED, core__pipeline__skip_zero_weights=bool(seed % 2))
    plain = make_chip(core__pipeline__skip_zero_weights=bool(seed % 2))
    shared, listed = cut_ready(projection, 5, 2, chip), cut_ready(projection, 5, 2, plain)
    assert shared.fan_in().tolist() == listed.fan_in().tolist()
    for _ in range(8):
        start, stop = sorted(random.choice(weights.shape[1] + 1, 2, replace=False).tolist())
        ours, theirs = shared.axons(start, stop), listed.axons(start, stop)
        assert ours.rows.tolist() == theirs.rows.tolist()
        assert ours.synapses.tolist() == theirs.synapses.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_unrolling_says_the_equation(seed: int) -> None:
    """Every output of the docstring's sum, place by place."""
    random = np.random.default_rng(seed)
    weights = convolution(36, 24, random)
    listed, image = weights.unrolled(), random.normal(size=36)
    found = np.zeros(24)
    for pre in range(36):
        for synapse in range(listed.row_pointer[pre], listed.row_pointer[pre + 1]):
            found[listed.targets[synapse]] += listed.values[synapse] * image[pre]
    (n_in, height, width), (n_out, *_) = weights.input_shape, weights.output_shape
    of = [weights.strides(shape) for shape in (weights.input_shape, weights.output_shape)]
    for out, y, x in np.ndindex(*weights.output_shape):
        total = 0.0
        for channel, i, j in np.ndindex(*weights.values.shape[1:]):
            source = out // (n_out // weights.groups) * (n_in // weights.groups) + channel
            row = y * weights.stride[0] + i * weights.dilation[0] - weights.padding[0]
            column = x * weights.stride[1] + j * weights.dilation[1] - weights.padding[1]
            if 0 <= row < height and 0 <= column < width:
                pixel = image[source * of[0][0] + row * of[0][1] + column * of[0][2]]
                total += weights.values[out, channel, i, j] * pixel
        assert found[out * of[1][0] + y * of[1][1] + x * of[1][2]] == pytest.approx(total, abs=1e-12)


def test_gains_of_a_kernel_are_those_of_its_output_channels() -> None:
    coding = Coding(Format(8, 4, True), np.array([1.0, 2.0]))
    weights = three_by_three()
    network = network_of(weights)
    projection = Projection("in", "out", weights, coding=coding)
    Network("image", network.populations, (projection,), ("out",))
    with pytest.raises(NetworkError, match=r"shape \(2,\)"):
        Network("image", network.populations, (Projection("in", "out", weights, coding=Coding(
            Format(8, 4, True), np.ones(32))),), ("out",))


@pytest.mark.parametrize(("fields", "message"), [
    ({"stride": (0, 1)}, "stride"), ({"padding": (-1, 0)}, "padding"), ({"order": "cyz"}, "order"),
    ({"groups": 3}, "groups"), ({"output_shape": (2, 9, 4)}, "output_shape"),
    ({"input_shape": (2, 4, 4)}, "kernel has shape"),
])
def test_shapes_that_do_not_go_together(fields: dict[str, object], message: str) -> None:
    given = {"values": np.ones((2, 1, 3, 3)), "input_shape": (1, 4, 4), "output_shape": (2, 4, 4), "padding": (1, 1)}
    with pytest.raises(NetworkError, match=message):
        ConvolutionWeights(**{**given, **fields})  # type: ignore[arg-type]


# -- cores that are given ------------------------------------------------------------------------------------------


def cores_of(cores: dict[str, object], **chip: object) -> list[str]:
    machine = map_network(network_of(three_by_three()), make_chip(**SHARED, **chip),
                          MappingOptions(cores=cores))      # type: ignore[arg-type]
    slices = machine.slices
    return [f"{slices.start[i]}:{slices.stop[i]}@{slices.core[i]}" for i in range(len(slices.core))
            if machine.population_names[slices.population[i]] == "out"]


def test_cores_may_be_given_by_number_or_by_size() -> None:
    assert cores_of({"out": 3}) == ["0:11@0", "11:21@1", "21:32@2"]
    assert cores_of({"out": [20, 12]}) == ["0:20@0", "20:32@1"]


@pytest.mark.parametrize(("cores", "message"), [
    ({"out": 0}, "cores.out = 0"), ({"out": []}, "cores.out"), ({"out": 33}, "at most 32"),
    ({"out": [20, 20]}, "40 neurons"), ({"lost": 1}, "lost"), ({"out": True}, "cores.out"),
])
def test_cores_that_cannot_be(cores: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        cores_of(cores)


def test_given_cores_keep_to_the_limits() -> None:
    with pytest.raises(CapacityError, match=r"neurons 0 to 19 \(mapping.cores\)"):
        cores_of({"out": [20, 12]}, core__max_neurons=16)


def test_the_others_share_further_cores() -> None:
    weights = three_by_three()
    network = network_of(weights)
    after = Population("after", "lif", 32, {"leak": 0.5})
    listed = SparseWeights(np.arange(33), np.arange(32), np.ones(32), 32)
    both = Network("image", (*network.populations, after),
                   (*network.projections, Projection("out", "after", listed)), ("after",))
    machine = map_network(both, make_chip(**SHARED), MappingOptions(cores={"out": 2}))
    assert machine.n_cores == 3
