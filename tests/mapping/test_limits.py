"""Every limit of a core, met exactly and exceeded by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hw_models.schema import Chip
from neurosim.errors import CapabilityError, CapacityError
from neurosim.formats import Coding, Format
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, Projection
from neurosim.mapping import map_network
from neurosim.mapping.incoming import index_bits, packed_words, stored_bits
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.partition import partition_network
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.schedule import stage_network
from tests.mapping.chips import limited, make_chip
from tests.mapping.networks import dense, lif, lif_chain, one_to_one, sparse, spikes_in

LOIHI = {"core__synapse_memory__packing": "loihi_64bit", "core__synapse_memory__delay_bits": 6,
         "core__synapse_memory__header_bits": 10}


def sizes(network: Network, chip: Chip, **options: Any) -> list[list[int]]:
    demand = measure_demand(network, chip, stage_network(network))
    return [[cut.size for cut in core] for core in partition_network(demand, MappingOptions(**options)).cores]


def refused(network: Network, chip: Chip) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        sizes(network, chip)
    return caught.value


def test_index_is_as_wide_as_the_core_needs() -> None:
    memory = make_chip(core__synapse_memory__index_bits_choices=[6, 7, 8, 9, 10, 11, 12]).core.synapse_memory
    assert [index_bits(memory, n) for n in (1, 64, 65, 128, 1024)] == [6, 6, 7, 7, 10]
    assert index_bits(make_chip().core.synapse_memory, 5000) == 10


def test_weights_are_stored_in_the_next_width() -> None:
    memory = make_chip(core__synapse_memory__weight_bits_choices=[0, 1, 2, 3, 4, 5, 6, 8]).core.synapse_memory
    assert [stored_bits(memory, bits) for bits in (1, 6, 7, 8)] == [1, 6, 8, 8]


def test_index_counts_the_neurons_before_it_on_the_core() -> None:
    """64 neurons need 6 bits of index; behind 64 others they need 7, and a word more."""
    chip = make_chip(**LOIHI, core__synapse_memory__index_bits_choices=[6, 7, 10])
    # 54 bits are left of a word behind the header: two synapses of 8 + 6 + 6 bits are 40, three 60.
    network = Network("two", (spikes_in(1), lif("a", 64), lif("b", 64)),
                      (Projection("in", "b", sparse([[0, 1, 63]], 64)),))
    alone = Network("one", (spikes_in(1), lif("b", 64)), (Projection("in", "b", sparse([[0, 1, 63]], 64)),))
    bits = 3 * (8 + 6)
    assert packed_words(chip.core.synapse_memory, 8, np.array([3]), False, 64)[0] == -(-(bits + 18 + 10) // 64) == 2
    for found, expected in ((network, bits + 3 * 7 + 10), (alone, bits + 3 * 6 + 10)):
        machine = map_network(found, chip)
        assert machine.utilisation[0]["synapse_words"][0] == -(-expected // 64)


def test_slots_of_axons_into_shared_kernels() -> None:
    """Each of four neurons feeds one core through a kernel: four axons of two places each."""
    kernel = ConvolutionWeights(np.ones((1, 1, 1, 1)), (1, 2, 2), (1, 2, 2))
    network = Network("conv", (spikes_in(1), lif("a", 4), lif("b", 4)),
                      (Projection("in", "a", dense(1, 4)), Projection("a", "b", kernel)))
    def chip(n: int) -> Chip:
        return limited(max_axons_out=n, shared_axon_slots=2, max_neurons=4, capabilities__convolution=True)
    assert sizes(network, chip(8)) == [[4], [4]]
    assert sizes(network, chip(7)) == [[2], [2], [4]]
    assert (refused(network, chip(1)).need, refused(network, chip(1)).have) == (2, 1)


def test_fan_out_synapses() -> None:
    network = lif_chain(9, 2, 5)
    assert sizes(network, limited(max_fan_out_synapses=5)) == [[2, 5]]      # nine inputs do not count
    error = refused(network, limited(max_fan_out_synapses=4))
    assert (error.limit, error.need, error.have) == ("core.max_fan_out_synapses", 5, 4)
    assert error.where == "population 'l1', neuron 0" and "raise core.max_fan_out_synapses to 5" in str(error)


def test_synapses_onto_readouts_of_their_own_do_not_count() -> None:
    limits = {"input_neurons": 9, "hidden_neurons": 9, "readout_neurons": 5}
    chip = make_chip(network_limits=limits, core__max_fan_out_synapses=3)
    assert sizes(lif_chain(9, 2, 3, 5), chip) == [[2, 3, 5]]
    assert refused(lif_chain(9, 2, 4, 5), chip).need == 4


def test_axon_tables_in_the_shared_pool() -> None:
    """Two neurons behind three axons, which the output port takes: synapses, state, incoming and outgoing entries."""
    network = lif_chain(3, 2)
    state, synapses = 2 * (2 * 24 + 5 * 16 + 24), 3 * 64
    bits = state + synapses + 3 * 32 + 2 * 16
    def chip(n: int) -> Chip:
        return limited(shared_memory_bits=n, axon_in_bits=32, axon_out_bits=16)
    assert sizes(network, chip(bits)) == [[2]]
    assert sizes(network, chip(bits - 1)) == [[1], [1]]
    assert map_network(network, chip(bits)).utilisation[0]["shared_bits"] == (bits, bits)
    least = state // 2 + synapses + 3 * 32 + 16
    assert sizes(network, chip(least)) == [[1], [1]]
    error = refused(network, chip(least - 1))
    assert (error.limit, error.need, error.have) == ("core.shared_memory_bits", least, least - 1)
    error = refused(network, chip(least - 17))
    assert (error.limit, error.need) == ("core.shared_memory_bits", least - 16), "found before the axons out are known"


def test_delay_buffers_are_in_the_shared_pool() -> None:
    network = Network("late", (spikes_in(1), lif("a", 1)), (Projection("in", "a", dense(1, 1), delay_steps=4),))
    bits = 2 * 24 + 5 * 16 + 5 * 24 + 64
    machine = map_network(network, limited(shared_memory_bits=4096))
    assert int(machine.projections.delay_steps[0]) == 4 and machine.utilisation[0]["shared_bits"] == (bits - 24, 4096)


def test_thresholds_apart_from_parameter_sets() -> None:
    population = Population("a", "lif", 6, {"leak": [0.5, 0.5, 0.5, 0.25, 0.25, 0.25], "threshold": np.arange(1, 7)})
    network = Network("own", (population,), ())
    def chip(**able: Any) -> Chip:
        return limited(**{f"capabilities__{name}": value for name, value in able.items()})
    assert sizes(network, chip(parameter_profiles=6)) == [[6]]
    assert sizes(network, chip(parameter_profiles=5)) == [[5], [1]]
    assert sizes(network, chip(parameter_profiles=2, threshold_profiles=6)) == [[6]]
    assert sizes(network, chip(parameter_profiles=2, threshold_profiles=5)) == [[5], [1]]
    assert sizes(network, chip(parameter_profiles=1, threshold_profiles=6)) == [[3], [3]]
    assert map_network(network, chip(parameter_profiles=2, threshold_profiles=6)).utilisation[0]["thresholds"] == (6, 6)


def test_parameters_of_each_neuron_are_no_part_of_a_set() -> None:
    network = Network("own", (Population("a", "lif", 4, {"leak": 0.5, "bias": np.arange(4)}),), ())
    assert sizes(network, limited(capabilities__parameter_profiles=1)) == [[1]] * 4
    assert sizes(network, limited(capabilities__parameter_profiles=1, capabilities__own_parameters=["bias"])) == [[4]]


def test_synapse_formats() -> None:
    """Dense and listed synapses, and weights of other formats, are formats of their own."""
    def coded(name: str, bits: int) -> Projection:
        return Projection("in", "a", dense(2, 2), coding=Coding(Format(bits, 2)), name=name)
    plain = Network("p", (spikes_in(2), lif("a", 2)), (Projection("in", "a", dense(2, 2)),
                                                       Projection("in", "a", dense(2, 2)),
                                                       Projection("in", "a", one_to_one(2))))
    assert sizes(plain, limited(synapse_memory__max_formats=2)) == [[2]]
    error = refused(plain, limited(synapse_memory__max_formats=1))
    assert (error.limit, error.need, error.have) == ("core.synapse_memory.max_formats", 2, 1)
    mixed = Network("m", (spikes_in(2), lif("a", 2)), (coded("x", 4), coded("y", 4), coded("z", 5)))
    assert sizes(mixed, limited(synapse_memory__max_formats=2)) == [[2]]
    assert refused(mixed, limited(synapse_memory__max_formats=1)).need == 2


def test_neurons_of_the_whole_network() -> None:
    def chip(inputs: int, hidden: int, readouts: int) -> Chip:
        return make_chip(network_limits={"input_neurons": inputs, "hidden_neurons": hidden,
                                         "readout_neurons": readouts})
    network = lif_chain(3, 5, 2)
    assert sizes(network, chip(3, 5, 2)) == [[5, 2]]
    for limits, name, need in (((2, 5, 2), "input", 3), ((3, 4, 2), "hidden", 5), ((3, 5, 1), "readout", 2)):
        error = refused(network, chip(*limits))
        assert (error.limit, error.need, error.have) == (f"network_limits.{name}_neurons", need, need - 1)


def test_a_potential_that_cannot_decay_by_a_factor() -> None:
    chip = make_chip(core__capabilities__factor_leak=False)
    for leak in (0.0, 1.0):
        map_network(Network("n", (Population("a", "lif", 1, {"leak": leak}),), ()), chip)
    with pytest.raises(CapabilityError, match="factor_leak"):
        map_network(Network("n", (Population("a", "lif", 2, {"leak": [1.0, 0.5]}),), ()), chip)


def test_rows_are_fetched_before_or_while_they_are_worked_on() -> None:
    """Ten dense synapses of 8 bits are two words: 16 + 2 x 1.5 + 10 x (3.8 + 0.2) ns, or the longer of the two."""
    network = Network("row", (spikes_in(1), lif("a", 10)), (Projection("in", "a", DenseWeights(np.ones((1, 10)))),))
    def service(read_ns: float, **pipeline: str) -> int:
        from tests.mapping.chips import cost
        chip = make_chip(core__costs__synapse_read=cost(read_ns),
                         **{f"core__pipeline__{name}": value for name, value in pipeline.items()})
        return int(map_network(network, chip).destinations.service_ps[0])
    assert service(1.5) == 16_000 + 3_000 + 40_000
    assert service(1.5, row_fetch="overlapped") == 16_000 + 40_000
    assert service(50.0, row_fetch="overlapped") == 16_000 + 100_000
