"""Detail `functional` adds up what each spike counts; other details walk the packets: the same counts."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.engine import count_tables, piece_tables
from neurosim.engine.count_tables import Q_WIDTH
from neurosim.engine.piece_tables import PACKETS_HIGH, PACKETS_LOW
from neurosim.graph import Network, Population, Projection, SparseWeights
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from tests.engine.cases import make_chip
from tests.engine.results import results

N_NEURONS, N_TOKENS = 40, 12


def random_machine(n_post: int, fan_out: int, per_core: int = 2, **chip: object) -> Machine:
    """Return a recurrent network whose neurons reach `fan_out` others and a population of `n_post`, on many cores."""
    generator = np.random.default_rng(3)
    populations = (Population("in", "input", N_NEURONS, attributes={"payload": "spike"}),
                   Population("hidden", "lif", n_post, {"leak": 0.5, "threshold": 0.3}))
    rows = [np.sort(generator.choice(n_post, fan_out, replace=False)) for _ in range(N_NEURONS)]
    into = SparseWeights(np.arange(N_NEURONS + 1) * fan_out, np.concatenate(rows),
                         generator.normal(0.2, 0.3, N_NEURONS * fan_out), n_post)
    back_rows = [np.sort(generator.choice(n_post, 5, replace=False)) for _ in range(n_post)]
    back = SparseWeights(np.arange(n_post + 1) * 5, np.concatenate(back_rows), generator.normal(0, 0.3, 5 * n_post),
                         n_post)
    network = Network("random", populations, (Projection("in", "hidden", into),
                                              Projection("hidden", "hidden", back, delay_steps=1)), ("hidden",))
    return map_network(network, make_chip(chip), MappingOptions(max_neurons_per_core=per_core))


def spikes() -> np.ndarray:
    return (np.random.default_rng(5).random((2, N_TOKENS, N_NEURONS)) < 0.3).astype(float)


@pytest.mark.parametrize("chip", [{}, {"noc.multicast": "tree", "noc.self_delivery": "skip"}],
                         ids=["unicast", "multicast"])
@pytest.mark.parametrize("fan_out", [3, 100])
def test_counts_are_those_of_the_packets(chip: dict[str, object], fan_out: int) -> None:
    machine = random_machine(100, fan_out, **chip)
    assert (count_tables.count_tables(machine).population[:, Q_WIDTH] > 0).all()
    for summed, walked in zip(results(machine, spikes(), detail="functional"),
                              results(machine, spikes(), detail="event"), strict=True):
        assert np.array_equal(summed.core_counts, walked.core_counts)
        assert np.array_equal(summed.chip_counts, walked.chip_counts)
        assert summed.core_counts.any() and summed.chip_counts.any()
        assert np.array_equal(summed.spikes.neuron, walked.spikes.neuron)


def test_counts_beyond_a_byte_take_two_columns() -> None:
    """Spikes with 300 synapses in one core: no byte holds that."""
    machine = random_machine(600, 600, per_core=300)
    tables = count_tables.count_tables(machine)
    assert 256 in tables.booking[:, piece_tables.B_TIMES]
    summed, walked = (results(machine, spikes(), detail=detail)[0] for detail in ("functional", "event"))
    assert np.array_equal(summed.core_counts, walked.core_counts)
    assert np.array_equal(summed.chip_counts, walked.chip_counts)


def test_rows_begin_with_the_packets_of_a_spike() -> None:
    machine = random_machine(100, 3)
    found = count_tables.count_tables(machine)
    width = int(found.population[0, Q_WIDTH])
    rows = found.rows[:N_NEURONS * width].reshape(N_NEURONS, width)
    packets = np.diff(machine.packets.row_start)[:N_NEURONS]
    assert np.array_equal(rows[:, PACKETS_LOW] + 256 * rows[:, PACKETS_HIGH].astype(int), packets) and packets.all()


def test_packets_are_walked_where_rows_would_be_mostly_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = random_machine(100, 3)
    expected = results(machine, spikes(), detail="functional")
    monkeypatch.setattr(count_tables, "_MOST_CELLS", 0)
    assert not count_tables.count_tables(machine).population.any()
    for summed, walked in zip(expected, results(machine, spikes(), detail="functional"), strict=True):
        assert np.array_equal(summed.core_counts, walked.core_counts)
        assert np.array_equal(summed.chip_counts, walked.chip_counts)
