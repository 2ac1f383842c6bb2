from __future__ import annotations

import numpy as np
import pytest

from hw_models.core_schema import SynapseMemory
from hw_models.schema import Chip
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.mapping.incoming import packed_words
from neurosim.mapping.profiles import parameter_table
from neurosim.mapping.resources import Demand, measure_demand
from neurosim.mapping.schedule import stage_network
from tests.mapping.chips import limited, make_chip
from tests.mapping.networks import dense, lif, spikes_in, spiking_ssm


def demand(network: Network, chip: Chip | None = None, schedule: str = "pipelined") -> Demand:
    return measure_demand(network, chip or make_chip(), stage_network(network, schedule))


def one_projection(weights: DenseWeights | SparseWeights | OneToOneWeights, chip: Chip | None = None) -> Demand:
    pre, post = weights.shape
    return demand(Network("n", (spikes_in(pre), lif("a", post)), (Projection("in", "a", weights),)), chip)


LOIHI = SynapseMemory(words=100, word_bits=64, packing="loihi_64bit", block_synapses=64, index_bits=10, delay_bits=6,
                      tag_bits=4, header_bits=10)
WORDS = SynapseMemory(words=100, word_bits=32, packing="words", index_bits=5, delay_bits=3)


@pytest.mark.parametrize(("memory", "n", "is_dense", "words"), [
    (WORDS, 0, True, 0),
    (WORDS, 2, True, 1),       # 2 * (8 + 3) = 22 bits
    (WORDS, 3, True, 2),       # 33 bits
    (WORDS, 2, False, 1),      # 2 * (8 + 3 + 5) = 32 bits
    (WORDS, 3, False, 2),      # 48 bits
    (LOIHI, 0, True, 0),
    (LOIHI, 3, True, 1),       # 3 * (8 + 6 + 4) + 10 = 64 bits
    (LOIHI, 4, True, 2),       # 82 bits
    (LOIHI, 64, True, 19),     # 1162 bits
    (LOIHI, 65, True, 20),     # a block of 64, and 28 bits
    (LOIHI, 130, True, 39),    # two blocks of 64, and 46 bits
    (LOIHI, 1, False, 1),      # 38 bits
    (LOIHI, 2, False, 2),      # 66 bits
    (LOIHI, 64, False, 29),    # 1802 bits
])
def test_packing_by_hand(memory: SynapseMemory, n: int, is_dense: bool, words: int) -> None:
    assert packed_words(memory, 8, np.array([n]), is_dense).tolist() == [words]


def test_dense_axons_skip_zero_weights_but_store_them() -> None:
    values = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    incoming = one_projection(DenseWeights(values), make_chip(core__synapse_memory__word_bits=8)).incoming[1][0]
    rows, synapses, words, stored = incoming.axons(0, 3)
    assert (rows.tolist(), synapses.tolist(), words.tolist()) == ([0, 1], [2, 1], [3, 3])
    rows, synapses, words, stored = incoming.axons(0, 2)
    assert (rows.tolist(), synapses.tolist(), words.tolist()) == ([0], [1], [2])
    assert incoming.fan_in().tolist() == [1, 0, 2]


def test_chip_that_works_on_zero_weights_counts_them() -> None:
    chip = make_chip(core__pipeline__skip_zero_weights=False)
    incoming = one_projection(dense(2, 3, 0.0), chip).incoming[1][0]
    rows, synapses, *_ = incoming.axons(1, 3)
    assert (rows.tolist(), synapses.tolist()) == ([0, 1], [2, 2])
    assert incoming.fan_in().tolist() == [2, 2, 2]


def test_sparse_axons_are_cut_by_target() -> None:
    weights = SparseWeights(np.array([0, 3, 3, 5]), np.array([0, 2, 3, 0, 3]), np.array([1.0, 1.0, 0.0, 1.0, 1.0]), 4)
    incoming = one_projection(weights).incoming[1][0]
    rows, synapses, *_ = incoming.axons(0, 4)
    assert (rows.tolist(), synapses.tolist()) == ([0, 2], [2, 2])
    rows, synapses, *_ = incoming.axons(3, 4)
    assert (rows.tolist(), synapses.tolist()) == ([2], [1])
    assert incoming.fan_in().tolist() == [2, 0, 1, 1]


def test_few_synapses_of_many_sources_are_counted_alike() -> None:
    pointer = np.concatenate([np.zeros(90, np.int64), np.full(11, 2)])
    weights = SparseWeights(pointer, np.array([0, 1]), np.ones(2), 2)
    rows, synapses, *_ = one_projection(weights).incoming[1][0].axons(0, 2)
    assert (rows.tolist(), synapses.tolist()) == ([89], [2])


def test_one_to_one_is_packed_with_index() -> None:
    chip = make_chip(core__synapse_memory__word_bits=16)
    incoming = one_projection(OneToOneWeights(np.array([1.0, 0.0, 1.0])), chip).incoming[1][0]
    rows, synapses, words, stored = incoming.axons(0, 3)
    assert (rows.tolist(), synapses.tolist(), words.tolist()) == ([0, 2], [1, 1], [2, 2])  # 8 + 10 bits


def test_rows_of_a_second_output_interleave() -> None:
    network = Network("c", (Population("in", "input", 3), Population("c", "center", 3), Population("v", "reduce", 1)),
                      (Projection("in", "c", OneToOneWeights(np.ones(3)), port="value"),
                       Projection("c", "v", dense(3, 1), port="sum", output="square")))
    found = demand(network)
    assert found.first_row.tolist() == [0, 3, 9, 10]
    assert found.incoming[2][0].axons(0, 1).rows.tolist() == [4, 6, 8]


def test_state_bits_by_hand() -> None:
    found = demand(spiking_ssm(width=4, n_modes=8, n_layers=1))
    bits = dict(zip(["pixels", "encoder", "ssm0", "glu0", "decoder"], found.state_bits.tolist(), strict=True))
    assert bits["encoder"] == 16 + 24                       # a bias, one delay slot
    assert bits["ssm0"] == 17 * 24 + (6 * 8 + 4) * 16 + 24   # modes and potential, parameters, one slot
    assert bits["glu0"] == 2 * 16 + (1 + 1 + 2) * 24         # the skip waits two steps
    assert bits["decoder"] == 2 * 24 + 16 + 24


def test_longer_schedule_takes_more_delay_slots() -> None:
    network = Network("loop", (spikes_in(1), lif("a", 1)),
                      (Projection("in", "a", dense(1, 1)), Projection("a", "a", dense(1, 1), delay_steps=3)))
    assert demand(network).delay_steps.tolist() == [0, 3]
    assert demand(network, schedule="fall_through").delay_steps.tolist() == [0, 6]


def test_update_times() -> None:
    found = demand(spiking_ssm(width=2, n_modes=8, n_layers=1))
    assert found.soma_ps.tolist() == [0, 20_000, 40_000, 20_000, 20_000]
    assert found.idle_ps.tolist() == [0, 10_000, 10_000, 10_000, 10_000]
    assert demand(Network("l", (lif("a", 1),), ())).soma_ps.tolist() == [8_400]


def test_profiles_are_shared_between_populations_of_one_model() -> None:
    a = Population("a", "lif", 3, {"leak": np.array([0.1, 0.2, 0.1])})
    b = Population("b", "lif", 2, {"leak": np.array([0.2, 0.3])})
    c = Population("c", "lif", 1, {"leak": 0.1}, {"reset": "soft"})
    network = Network("p", (a, b, c), ())
    chip = limited(capabilities__parameter_profiles=4)
    first, second, third = demand(network, chip).profile
    assert first[0] == first[2] != first[1] == second[0] != second[1]
    assert third[0] not in {*first.tolist(), *second.tolist()}


def test_parameter_rows_follow_the_model() -> None:
    modes = {name: np.arange(6.0).reshape(3, 2) / 10 + offset
             for offset, name in enumerate(("a_real", "a_imag", "c_real", "c_imag"))}
    table = parameter_table(Population("s", "ssm", 3, {**modes, "d": [7.0, 8.0, 9.0]}, n_modes=2))
    assert table.shape == (14, 3)
    assert table[0].tolist() == [0.0, 0.2, 0.4] and table[1].tolist() == [0.1, 0.3, 0.5]
    assert table[12].tolist() == [7.0, 8.0, 9.0]
