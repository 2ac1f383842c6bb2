from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models.schema import Chip
from neurosim.errors import CapacityError, OptionError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.mapping.axons import Partition, Slice, axon_table, row_cores
from neurosim.mapping.limits import utilisation
from neurosim.mapping.options import MappingOptions
from neurosim.mapping.partition import partition_network
from neurosim.mapping.resources import Demand, measure_demand
from neurosim.mapping.schedule import stage_network
from tests.mapping.chips import limited, make_chip
from tests.mapping.networks import dense, lif, lif_chain, one_to_one, spikes_in, spiking_ssm


def demanded(network: Network, chip: Chip) -> Demand:
    return measure_demand(network, chip, stage_network(network))


def cut(network: Network, chip: Chip, **options: Any) -> Partition:
    return partition_network(demanded(network, chip), MappingOptions(**options))


def sizes(partition: Partition) -> list[list[int]]:
    return [[part.size for part in core] for core in partition.cores]


def refused(network: Network, chip: Chip, **options: Any) -> CapacityError:
    with pytest.raises(CapacityError) as caught:
        cut(network, chip, **options)
    return caught.value


def test_everything_on_one_core_where_it_fits() -> None:
    assert cut(lif_chain(2, 3, 4), make_chip()).cores == ((Slice(1, 0, 3), Slice(2, 0, 4)),)


def test_inputs_take_no_core() -> None:
    assert cut(Network("in", (spikes_in(5000),), ()), make_chip()).cores == ()


def test_cores_fill_in_stage_order() -> None:
    network = Network("turned", (lif("late", 2), lif("early", 2), spikes_in(1)),
                      (Projection("in", "early", dense(1, 2)), Projection("early", "late", dense(2, 2))))
    assert cut(network, limited(max_neurons=2)).cores == ((Slice(1, 0, 2),), (Slice(0, 0, 2),))


def test_neurons() -> None:
    assert sizes(cut(lif_chain(1, 8), limited(max_neurons=8))) == [[8]]
    assert sizes(cut(lif_chain(1, 9), limited(max_neurons=8))) == [[8], [1]]
    assert sizes(cut(lif_chain(1, 9), limited(max_neurons=8), max_neurons_per_core=5)) == [[5], [4]]


def test_axons_in() -> None:
    """Ten neurons, each with an input of its own."""
    network = Network("pairs", (spikes_in(10), lif("a", 10)), (Projection("in", "a", one_to_one(10)),))
    assert sizes(cut(network, limited(max_axons_in=10))) == [[10]]
    assert sizes(cut(network, limited(max_axons_in=9))) == [[9], [1]]
    dense_in = lif_chain(10, 1)
    assert sizes(cut(dense_in, limited(max_axons_in=10))) == [[1]]
    error = refused(dense_in, limited(max_axons_in=9))
    assert (error.limit, error.need, error.have) == ("core.max_axons_in", 10, 9)
    assert error.where == "population 'l1', neuron 0 alone on a core"
    assert "raise core.max_axons_in to 10" in str(error)


def test_axons_that_populations_of_one_core_share_count_once() -> None:
    network = Network("shared", (spikes_in(4), lif("a", 1), lif("b", 1)),
                      (Projection("in", "a", dense(4, 1)), Projection("in", "b", dense(4, 1))))
    assert sizes(cut(network, limited(max_axons_in=4))) == [[1, 1]]


def test_axons_out() -> None:
    network = lif_chain(1, 6, 2)
    assert sizes(cut(network, limited(max_neurons=6, max_axons_out=6))) == [[6], [2]]
    assert sizes(cut(network, limited(max_neurons=6, max_axons_out=5))) == [[3], [3], [2]]


def test_axons_out_counts_the_output_port() -> None:
    assert sizes(cut(lif_chain(1, 6), limited(max_axons_out=6))) == [[6]]
    assert sizes(cut(lif_chain(1, 6), limited(max_axons_out=3))) == [[3], [3]]


def test_one_neuron_with_too_many_destinations() -> None:
    network = Network("fan", (spikes_in(1), lif("hub", 1), lif("rim", 3)),
                      (Projection("in", "hub", dense(1, 1)), Projection("hub", "rim", dense(1, 3))))
    assert sizes(cut(network, limited(max_neurons=1, max_axons_out=3))) == [[1], [1], [1], [1]]
    error = refused(network, limited(max_neurons=1, max_axons_out=2))
    assert (error.limit, error.need, error.have) == ("core.max_axons_out", 3, 2)
    assert "population 'hub', neuron 0" in error.where and "raise core.max_axons_out to 3" in str(error)


def test_fan_in() -> None:
    network = lif_chain(6, 2)
    assert sizes(cut(network, limited(max_fan_in=6))) == [[2]]
    error = refused(network, limited(max_fan_in=5))
    assert (error.limit, error.need, error.have) == ("core.max_fan_in", 6, 5)
    assert error.where == "population 'l1', neuron 0" and "raise core.max_fan_in to 6" in str(error)


def test_fan_in_leaves_skipped_zeros_out() -> None:
    values = np.ones((6, 2))
    values[0] = 0
    network = Network("zeros", (spikes_in(6), lif("a", 2)), (Projection("in", "a", DenseWeights(values)),))
    assert sizes(cut(network, limited(max_fan_in=5))) == [[2]]


def test_fan_out() -> None:
    network = lif_chain(1, 1, 4)
    assert sizes(cut(network, limited(max_neurons=2, max_fan_out=3))) == [[1, 1], [2], [1]]
    error = refused(network, limited(max_neurons=2, max_fan_out=2))
    assert (error.limit, error.need, error.have) == ("core.max_fan_out", 3, 2)
    assert error.where == "population 'l1', neuron 0" and "raise core.max_fan_out to 3" in str(error)


def test_synapse_words() -> None:
    network = lif_chain(4, 16)  # 4 axons of 16 weights of 8 bits: 2 words of 64 bits each
    assert sizes(cut(network, limited(synapse_memory__words=8))) == [[16]]
    assert sizes(cut(network, limited(synapse_memory__words=7))) == [[8], [8]]
    error = refused(network, limited(synapse_memory__words=3))
    assert (error.limit, error.need, error.have) == ("core.synapse_memory.words", 4, 3)
    assert "raise core.synapse_memory.words to 4" in str(error)


def test_state_bits() -> None:
    bits = 2 * 24 + 5 * 16 + 24  # state, parameters, one delay slot
    network = lif_chain(1, 4)
    assert sizes(cut(network, limited(state_memory_bits=4 * bits))) == [[4]]
    assert sizes(cut(network, limited(state_memory_bits=4 * bits - 1))) == [[3], [1]]
    error = refused(network, limited(state_memory_bits=bits - 1))
    assert (error.limit, error.need, error.have) == ("core.state_memory_bits", bits, bits - 1)
    assert f"raise core.state_memory_bits to {bits}" in str(error)


def test_shared_bits() -> None:
    bits = 4 * (2 * 24 + 5 * 16 + 24) + 64  # four neurons, one word of synapses
    network = lif_chain(1, 4)
    assert sizes(cut(network, limited(shared_memory_bits=bits))) == [[4]]
    assert sizes(cut(network, limited(shared_memory_bits=bits - 1))) == [[3], [1]]
    error = refused(network, limited(shared_memory_bits=200))
    assert (error.limit, error.need, error.have) == ("core.shared_memory_bits", 216, 200)


def test_delay_steps() -> None:
    network = Network("late", (spikes_in(1), lif("a", 1)), (Projection("in", "a", dense(1, 1), delay_steps=4),))
    assert sizes(cut(network, limited(max_delay_steps=4))) == [[1]]
    error = refused(network, limited(max_delay_steps=3))
    assert (error.limit, error.need, error.have) == ("core.max_delay_steps", 4, 3)
    assert error.where == "projections into population 'a'" and "raise core.max_delay_steps to 4" in str(error)


def test_parameter_profiles() -> None:
    network = Network("own", (Population("a", "lif", 6, {"leak": np.arange(6) / 10}),), ())
    assert sizes(cut(network, limited(capabilities__parameter_profiles=6))) == [[6]]
    assert sizes(cut(network, limited(capabilities__parameter_profiles=5))) == [[5], [1]]
    same = Network("same", (lif("a", 6),), ())
    assert sizes(cut(same, limited(capabilities__parameter_profiles=1))) == [[6]]


def test_cores_of_the_chip() -> None:
    assert cut(lif_chain(1, 16), limited(max_neurons=1)).n_cores == 16
    error = refused(lif_chain(1, 17), limited(max_neurons=1))
    assert (error.limit, error.need, error.have) == ("chip.n_cores", 17, 16)
    assert "noc.rows = 3" in str(error)


def test_balanced_evens_out_the_soma_time() -> None:
    network = lif_chain(1, 10)
    chip = limited(max_neurons=6)
    assert sizes(cut(network, chip)) == [[6], [4]]
    assert sizes(cut(network, chip, strategy="balanced")) == [[5], [5]]
    assert sizes(cut(network, chip, strategy="balanced", n_cores=5)) == [[2]] * 5


def test_balanced_needs_at_least_the_cores_that_pack_needs() -> None:
    with pytest.raises(OptionError, match="allowed: integer from 2"):
        cut(lif_chain(1, 10), limited(max_neurons=6), strategy="balanced", n_cores=1)


def test_balanced_keeps_other_limits_while_it_tries() -> None:
    network = Network("fan", (spikes_in(1), lif("hub", 1), lif("rim", 6)),
                      (Projection("in", "hub", dense(1, 1)), Projection("hub", "rim", dense(1, 6))))
    partition = cut(network, limited(max_neurons=4, max_axons_out=2), strategy="balanced", n_cores=6)
    assert partition.n_cores <= 3


limits = st.fixed_dictionaries({
    "max_neurons": st.integers(1, 40), "max_axons_in": st.integers(12, 80), "max_axons_out": st.integers(12, 200),
    "synapse_memory__words": st.integers(20, 400), "state_memory_bits": st.integers(6_000, 60_000)})


@settings(deadline=None, max_examples=40)
@given(limits, st.sampled_from(["pack", "balanced"]), st.integers(0, 10))
def test_no_core_exceeds_a_limit_and_no_neuron_is_lost(limit: dict[str, int], strategy: Any, seed: int) -> None:
    network = spiking_ssm(width=12, n_modes=3, n_layers=2, seed=seed)
    changes: dict[str, Any] = {f"core__{name}": value for name, value in limit.items()}
    chip = make_chip(**changes, noc__columns=16, noc__rows=16)
    demand, options = demanded(network, chip), MappingOptions(strategy=strategy)
    try:
        partition = partition_network(demand, options)
    except CapacityError as error:
        assert error.need > error.have
        return
    axons, source_core = axon_table(demand, partition), row_cores(demand, partition)
    for core in utilisation(demand, partition, axons, source_core, options):
        assert all(used <= limit or limit == -1 for used, limit in core.values())
    held = sorted((part.population, neuron) for core in partition.cores for part in core
                  for neuron in range(part.start, part.stop))
    assert held == [(number, neuron) for number, item in enumerate(network.populations) if item.model != "input"
                    for neuron in range(item.size)]
