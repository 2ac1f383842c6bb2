"""The limits of the chips in the library, met and exceeded by networks made for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hw_models import load_chip
from hw_models.load import from_mapping, to_mapping
from hw_models.schema import Chip
from neurosim.errors import CapabilityError, CapacityError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)
from neurosim.mapping import MappingOptions, map_network, map_with_details
from neurosim.mapping.incoming import packed_words
from tests.engine.results import results
from tests.mapping.networks import spikes_in
from tests.mapping.placed import same_outputs, slices
from tests.oracle.limits import violations


def stepped(name: str) -> Chip:
    """Return a chip of the library with a barrier in place of its clock, or of none."""
    plain = to_mapping(load_chip(name))
    plain.update(sync="barrier", tick=None, free_running=None, grid=None,
                 barrier=[{"tiles": 1, "latency_ns": plain["nominal_step_ns"]}])
    return from_mapping(plain, file=name)


def refused(network: Network, chip: Chip, **options: Any) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        map_network(network, chip, MappingOptions(**options))
    return caught.value


def ternary(*sizes: int, seed: int = 0) -> Network:
    """Layers that integrate; weights -1, 0 and 1, a few of them in every row."""
    random = np.random.default_rng(seed)
    populations = [spikes_in(sizes[0])]
    populations += [Population(f"l{number}", "lif", size, {"leak": 1.0, "threshold": 3.0})
                    for number, size in enumerate(sizes[1:], 1)]
    projections = [Projection(a.name, b.name, DenseWeights(random.choice([-1.0, 0.0, 1.0, 1.0], (a.size, b.size))))
                   for a, b in zip(populations, populations[1:], strict=False)]
    return Network("ternary", tuple(populations), tuple(projections), (populations[-1].name,))


# --- TrueNorth -------------------------------------------------------------------------------------------------------

def test_truenorth_takes_128_ternary_inputs() -> None:
    """Two axons each, +1 and -1, are the 256 of a core; with more of them, a core takes fewer neurons."""
    chip, network = stepped("truenorth"), ternary(128, 120, 10)
    result = map_with_details(network, chip)
    assert result.fitted.network.population("in.copies").size == 256 and result.fitted.blocks["l1"] == [120]
    assert not violations(result.fitted.network, chip, slices(result), result.fitted.axon_type)
    assert same_outputs(network, result) > 500
    assert len(map_with_details(ternary(129, 120), chip).fitted.blocks["l1"]) > 1
    signs = DenseWeights(np.where(np.arange(257 * 2).reshape(257, 2) % 3, 1.0, -1.0))
    for n_inputs in (256, 257):
        network = Network("wide", (spikes_in(n_inputs), Population("l1", "lif", 2, {"leak": 1.0})),
                          (Projection("in", "l1", DenseWeights(signs.values[:n_inputs])),))
        if n_inputs == 256:
            assert map_with_details(network, chip).fitted.blocks["l1"] == [1, 1]
    error = refused(network, chip)
    assert (error.limit, error.need, error.have) == ("core.max_axons_in", 257, 256)


def test_truenorth_blocks() -> None:
    """300 neurons are two cores: each of 100 inputs has 4 copies, 64 inputs to a splitter core of 256 neurons."""
    chip, network = stepped("truenorth"), ternary(100, 300)
    result = map_with_details(network, chip)
    assert result.fitted.blocks == {"l1": [256, 44], "in.copies": [256, 144]}
    assert not violations(result.fitted.network, chip, slices(result), result.fitted.axon_type)
    assert same_outputs(network, result) > 500


def test_truenorth_has_no_decay_by_a_factor() -> None:
    network = Network("leaky", (spikes_in(1), Population("a", "lif", 1, {"leak": 0.9})), ())
    with pytest.raises(CapabilityError, match="factor_leak"):
        map_network(network, stepped("truenorth"))


# --- Loihi -----------------------------------------------------------------------------------------------------------

def test_loihi_words_by_hand() -> None:
    """64 synapses of 8 + 6 bits, header of 10: 906 bits in a dense row; with 6 bits of index in a small core 1290."""
    memory = load_chip("loihi").core.synapse_memory
    assert packed_words(memory, 8, np.array([64]), True)[0] == -(-(64 * 14 + 10) // 64) == 15
    assert packed_words(memory, 8, np.array([64]), False, 64)[0] == -(-(64 * 20 + 10) // 64) == 21
    assert packed_words(memory, 8, np.array([64]), False, 1024)[0] == -(-(64 * 24 + 10) // 64) == 25


def test_loihi_axons_into_a_kernel_take_two_places() -> None:
    """A thousand neurons that feed one core by a kernel take 2000 of 4096 places, by single weights 1000."""
    for weights, places in ((ConvolutionWeights(np.ones((1, 1, 1, 1)), (1, 10, 100), (1, 10, 100)), 2000),
                            (OneToOneWeights(np.ones(1000)), 1000)):
        populations = (spikes_in(1), *(Population(name, "lif", 1000, {"leak": 0.5}) for name in "ab"))
        network = Network("two", populations, (Projection("a", "b", weights),))
        assert map_network(network, load_chip("loihi")).utilisation[0]["axons_out"][0] == places


def test_loihi_holds_32_parameter_sets_and_16_thresholds() -> None:
    def cores(n_leaks: int, n_thresholds: int) -> int:
        neurons = np.arange(96)
        parameters = {"leak": neurons % n_leaks / 64, "threshold": 1.0 + neurons % n_thresholds, "bias": neurons / 7}
        network = Network("own", (Population("a", "lif", 96, parameters),), ())
        return map_network(network, load_chip("loihi")).n_cores

    assert (cores(32, 16), cores(48, 16), cores(1, 17), cores(1, 16)) == (1, 3, 6, 1)


# --- Loihi 2 ---------------------------------------------------------------------------------------------------------

def test_loihi2_has_one_pool() -> None:
    """192 KiB for synapses and state: behind 37 inputs a core fills it with both."""
    chip = load_chip("loihi2")
    populations = (spikes_in(37), Population("a", "lif", 6000, {"leak": 0.5}))
    network = Network("full", populations, (Projection("in", "a", DenseWeights(np.ones((37, 6000)))),))
    used = map_network(network, chip).utilisation
    assert len(used) > 1
    for core in used:
        assert core["shared_bits"][0] <= core["shared_bits"][1] == 192 * 1024 * 8
    assert used[0]["shared_bits"][0] > 0.97 * 192 * 1024 * 8, "the first core is full"
    assert used[0]["shared_bits"][0] == used[0]["synapse_words"][0] * 64 + used[0]["state_bits"][0]


# --- Speck -----------------------------------------------------------------------------------------------------------

def integrating(*weights: ConvolutionWeights | DenseWeights) -> Network:
    populations = [spikes_in(weights[0].shape[0])]
    populations += [Population(f"l{number}", "lif", item.shape[1], {"leak": 1.0}, {"reset": "soft"})
                    for number, item in enumerate(weights, 1)]
    projections = tuple(Projection(a.name, b.name, item)
                        for a, b, item in zip(populations, populations[1:], weights, strict=False))
    return Network("layers", tuple(populations), projections, (populations[-1].name,))


def kernel(c: int, f: int, size: int, taps: int, seed: int = 0) -> ConvolutionWeights:
    values = np.random.default_rng(seed).normal(size=(f, c, taps, taps))
    return ConvolutionWeights(values, (c, size, size), (f, size - taps + 1, size - taps + 1))


def test_speck_gives_a_core_to_each_layer() -> None:
    """24 channels of 30 x 30 need 24 Ki neuron entries, 32 of 28 x 28 need 32 Ki. A kernel over 28 is too wide."""
    dense = DenseWeights(np.random.default_rng(2).normal(size=(32 * 28 * 28, 10)))
    network = integrating(kernel(2, 24, 32, 3), kernel(24, 32, 30, 3), dense)
    with pytest.raises(CapacityError, match="rows or columns of its kernel") as caught:
        map_network(network, stepped("speck"))
    assert (caught.value.need, caught.value.have) == (28, 16)
    network = integrating(kernel(2, 24, 32, 3), kernel(24, 32, 30, 3), kernel(32, 4, 28, 1))
    result = map_with_details(network, stepped("speck"))
    used = [(core["kernel_entries"][0], core["neuron_entries"][0]) for core in result.machine.utilisation]
    assert used == [(2 << 9, 24 << 10), (24 << 9, 32 << 10), (32 << 2, 4 << 10)]
    assert set(result.placement.physical[:2].tolist()) <= set(range(5)), "more than 16 Ki neurons: cores 0 to 4"


def test_speck_refuses_what_no_core_holds() -> None:
    """40 Ki neuron entries are on cores 0 to 2, which hold 16 Ki kernel entries; 24 Ki are on others."""
    network = integrating(kernel(24, 40, 34, 3))
    error = refused(network, stepped("speck"))
    assert "layer 'l1' needs 24576 kernel / 40960 neuron entries" in error.where
    assert "cores 0 to 2: 16384 / 65536; cores 3 to 4: 32768 / 32768" in error.where
    assert (error.limit, error.need, error.have) == ("core.layer_memory.classes.1.neuron_entries", 40960, 32768)


# --- Xylo ------------------------------------------------------------------------------------------------------------

def xylo_network(n_in: int, n_hidden: int, n_out: int, fan_out: int, threshold: float = 90.0) -> Network:
    """Dense inputs, a ring of recurrent synapses, dense read-outs, in whole numbers."""
    random = np.random.default_rng(0)
    targets = (np.arange(n_hidden)[:, None] + np.arange(1, fan_out + 1)) % n_hidden
    ring = SparseWeights(np.arange(n_hidden + 1) * fan_out, np.sort(targets, axis=1).reshape(-1),
                         random.integers(1, 5, n_hidden * fan_out).astype(np.float64), n_hidden)
    parameters = {"first_shift": 2.0, "second_shift": 3.0, "membrane_shift": 4.0, "threshold": threshold}
    populations = (spikes_in(n_in), Population("hidden", "bit_shift_lif", n_hidden, parameters),
                   Population("out", "bit_shift_lif", n_out, parameters))
    into = DenseWeights(random.choice([-20.0, 30.0, 50.0], (n_in, n_hidden)))
    out = DenseWeights(random.choice([-60.0, 50.0], (n_hidden, n_out)))
    return Network("xylo", populations, (
        Projection("in", "hidden", into, port="first"), Projection("hidden", "hidden", ring, port="second",
                                                                   delay_steps=1),
        Projection("hidden", "out", out, port="first")), ("out",))


def test_xylo_holds_what_is_published_and_no_more() -> None:
    chip = stepped("xylo")
    machine = map_network(xylo_network(16, 1000, 8, 64), chip)
    assert machine.n_cores == 1 and machine.utilisation[0]["fan_out_synapses"] == (64, 64)
    for shape, limit, need in (((17, 900, 8, 4), "network_limits.input_neurons", 17),
                               ((16, 1001, 8, 4), "network_limits.hidden_neurons", 1001),
                               ((16, 900, 9, 4), "network_limits.readout_neurons", 9),
                               ((16, 900, 8, 65), "core.max_fan_out_synapses", 65)):
        error = refused(xylo_network(*shape), chip)
        assert (error.limit, error.need) == (limit, need)


def test_xylo_takes_the_cycles_of_the_published_model() -> None:
    """Hidden neurons: fanout x 7 cycles for each that spikes, 3 to look, 19 to update, 3 more where they spike.

    The chip file adds a cycle for each packet accepted. Inputs' synapses are published at 3.5 cycles and read-outs' at
    8, and taken at 7.
    """
    chip, fan_out, n_hidden = stepped("xylo"), 6, 50
    network = xylo_network(3, n_hidden, 4, fan_out)
    machine = map_network(network, chip, MappingOptions(readout_every_token=True))
    inputs = (np.random.default_rng(1).random((1, 30, 3)) < 0.5).astype(np.float64)
    (result,) = results(machine, inputs)
    hidden = machine.output_names.index("hidden")
    spikes = np.bincount(result.spikes.step[result.spikes.output == hidden], minlength=result.n_steps)
    given = inputs[0].sum(axis=1)       # token k in step k
    out = np.bincount(result.spikes.step[result.spikes.output == machine.output_names.index("out")],
                      minlength=result.n_steps)
    cycles = ((result.soma_ps + result.synapse_ps)[:, 0] / 160_000).tolist()
    for step in range(2, 28):
        update = 22 * (n_hidden + 4) + 3 * (spikes[step] + out[step])
        synapses = 7 * (fan_out + 4) * spikes[step] + spikes[step] + (7 * n_hidden + 1) * given[step]
        assert cycles[step] == update + synapses
    assert spikes.sum() > 20


# --- others ----------------------------------------------------------------------------------------------------------

def test_tianjic_neurons_have_one_target() -> None:
    """600 neurons are three cores, so that each of 30 inputs has three copies."""
    chip = stepped("tianjic")
    network = Network("dense", (spikes_in(30), Population("a", "lif", 600, {"leak": 0.5})),
                      (Projection("in", "a", DenseWeights(np.random.default_rng(0).normal(size=(30, 600)))),))
    result = map_with_details(network, chip)
    assert result.fitted.network.population("in.copies").size == 30 * len(result.fitted.blocks["a"])
    assert max(core["fan_out"][0] for core in result.machine.utilisation) <= 1
    assert same_outputs(network, result) > 500


def test_spinnaker_spends_cycles_on_each_event() -> None:
    """A row of 100 synapses: 150 cycles to begin, 20 for each; 100 words out of SDRAM at 5 ns meanwhile."""
    chip = stepped("spinnaker1")
    network = Network("row", (spikes_in(1), Population("a", "lif", 100, {"leak": 0.5})),
                      (Projection("in", "a", DenseWeights(np.ones((1, 100)))),))
    machine = map_network(network, chip)
    assert int(machine.destinations.service_ps[0]) == (150 + 100 * 20) * 5_000
    assert int(machine.slices.active_ps[1]) == 200 * 5_000
