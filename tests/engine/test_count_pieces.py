"""Rows of counts kept for pieces of a population: the same results as the reference engine, which walks packets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim.engine import count_tables, piece_tables
from neurosim.engine.blocks import block_tokens
from neurosim.engine.count_tables import Q_FIRST_STRETCH, Q_LAST_STRETCH, Q_WIDTH, X_SLICE, X_STOP, X_WIDTH
from neurosim.engine.piece_tables import B_TIMES
from neurosim.graph import Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions, map_network
from tests.engine.cases import make_chip
from tests.engine.results import differences, results

N_NEURONS, N_TOKENS, WINDOW = 120, 10, 9
HUBS = range(40, 44)            # neurons that reach all others
NEAR, FAR = 1, 2                # populations


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count_tables, "_LEAST_NEURONS", 8)
    monkeypatch.setattr(count_tables, "_MOST_NEURONS", 16)
    monkeypatch.setattr(piece_tables, "_AT_ONCE", 200)        # several pieces are built at once, but not all


def local_weights(hubs: range) -> SparseWeights:
    """Return synapses from each neuron to those around it, and from `hubs` to all."""
    generator = np.random.default_rng(2)
    rows = [np.arange(N_NEURONS) if neuron in hubs else
            np.arange(max(0, neuron - WINDOW // 2), min(N_NEURONS, neuron + WINDOW // 2 + 1))
            for neuron in range(N_NEURONS)]
    pointer = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return SparseWeights(pointer, np.concatenate(rows), generator.normal(0.2, 0.4, pointer[-1]), N_NEURONS)


def local_machine(*, hubs: range = range(0), loops: bool = True, per_core: int = 4, **chip: object) -> Machine:
    """Return an input, neurons and further neurons, each of which reaches those around it."""
    populations = (Population("in", "input", N_NEURONS, attributes={"payload": "spike"}),
                   Population("near", "lif", N_NEURONS, {"leak": 0.5, "threshold": 0.3}),
                   Population("far", "lif", N_NEURONS, {"leak": 0.5, "threshold": 0.3}))
    projections = [Projection("in", "near", OneToOneWeights(np.full(N_NEURONS, 0.7))),
                   Projection("near", "far", local_weights(hubs))]
    if loops:
        projections.append(Projection("far", "near", local_weights(range(0)), delay_steps=1))
    network = Network("local", populations, tuple(projections), ("far",))
    return map_network(network, make_chip(chip), MappingOptions(max_neurons_per_core=per_core))


def spikes() -> np.ndarray:
    """Return two samples: few spikes, so that pieces are silent, and many."""
    drawn = np.random.default_rng(5).random((2, N_TOKENS, N_NEURONS))
    return (drawn < np.array([0.02, 0.4])[:, None, None]).astype(float)


def check(machine: Machine, details: tuple[str, ...] = ("functional", "analytic", "event")) -> None:
    """Ask that every field of the results equals the reference engine's."""
    for detail in details:
        compiled, expected = (results(machine, spikes(), detail=detail, engine=engine)
                              for engine in ("compiled", "reference"))
        assert differences(compiled, expected) == []
        assert all(result.core_counts.any() and len(result.spikes.step) for result in compiled)


def stretches(machine: Machine, population: int) -> np.ndarray:
    """Return the table of the stretches of a population."""
    found = count_tables.count_tables(machine)
    return found.stretch[slice(*found.population[population, [Q_FIRST_STRETCH, Q_LAST_STRETCH]])]


@pytest.mark.parametrize("chip", [{}, {"noc.multicast": "tree", "noc.self_delivery": "skip"}],
                         ids=["unicast", "multicast"])
@pytest.mark.parametrize("per_core", [4, 50])
def test_pieces_equal_the_reference(per_core: int, chip: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of several slices (4 neurons per core), and slices of several pieces."""
    monkeypatch.setattr(count_tables, "_LEAST_GAIN", 1 if per_core > 4 else 4)
    machine = local_machine(per_core=per_core, **chip)
    found = count_tables.count_tables(machine)
    assert (found.population[:, Q_WIDTH] > 0).all()
    assert (found.stretch[:, count_tables.X_LAST_BOOKING] > 0).sum() > 10       # pieces with bookings
    check(machine)


def test_stretches_end_with_pieces_and_with_slices() -> None:
    machine = local_machine(per_core=50)
    for population in range(machine.n_populations):
        slices = slice(*machine.slices.population_start[population:population + 2])
        table = stretches(machine, population)
        ended = table[table[:, X_SLICE] >= 0]
        assert np.array_equal(ended[:, X_SLICE], np.arange(slices.start, slices.stop))
        assert np.array_equal(ended[:, X_STOP], machine.slices.stop[slices])
        assert (np.diff(table[:, X_STOP]) > 0).all() and table[-1, X_STOP] == N_NEURONS


def test_blocks_of_tokens_count_pieces() -> None:
    machine = local_machine(loops=False)
    assert block_tokens(machine, count_tables.count_tables(machine)) > 0
    assert len(stretches(machine, NEAR)) > 10
    check(machine, ("functional",))


@pytest.mark.parametrize("loops", [False, True])
def test_pieces_without_rows_are_walked(monkeypatch: pytest.MonkeyPatch, loops: bool) -> None:
    """The piece of the neurons that reach all others has no rows, the pieces around it have."""
    machine = local_machine(hubs=HUBS, loops=loops)
    assert (stretches(machine, NEAR)[:, X_WIDTH] > 0).all()
    monkeypatch.setattr(count_tables, "_MOST_CELLS", 12 * N_NEURONS)
    table = stretches(machine, NEAR)
    walked = table[table[:, X_WIDTH] == 0, X_STOP]
    assert 0 < len(walked) < len(table) // 2 and walked[0] > HUBS.start - 16 and walked[-1] < HUBS.stop + 16
    check(machine)


def test_rows_hold_what_two_bytes_hold() -> None:
    """Words read by a spike that no byte holds take two columns; those that two bytes do not hold, no rows."""
    machine = local_machine()
    first = int(machine.populations.first_row[NEAR])
    packet = machine.packets.row_start[first + np.array([5, 60])]
    words = machine.destinations.words.copy()
    words[machine.packets.destination_start[packet]] = 1000, piece_tables._MOST_COUNT
    machine = replace(machine, destinations=machine.destinations._replace(words=words))
    table = stretches(machine, NEAR)
    assert [stop for stop in table[table[:, X_WIDTH] == 0, X_STOP] if not 44 < stop <= 76] == []
    assert table[np.searchsorted(table[:, X_STOP], 60, side="right"), X_WIDTH] == 0 and (table[:, X_WIDTH] > 0).any()
    assert 256 in count_tables.count_tables(machine).booking[:, B_TIMES]
    check(machine, ("functional",))
