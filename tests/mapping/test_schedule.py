from __future__ import annotations

import itertools
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.errors import NetworkError, OptionError
from neurosim.graph import Network, Projection, SparseWeights
from neurosim.mapping.connections import connections
from neurosim.mapping.schedule import delay_values, stage_network
from tests.mapping.networks import dense, lif, lif_chain, spikes_in, wired


def stages(network: Network, name: str = "pipelined") -> dict[str, int]:
    staging = stage_network(network, name)
    return dict(zip((item.name for item in network.populations), staging.stage.tolist(), strict=True))


def test_chain_takes_a_stage_per_population() -> None:
    staging = stage_network(lif_chain(1, 2, 3))
    assert staging.stage.tolist() == [0, 1, 2]
    assert (staging.schedule.interval, staging.schedule.depth) == (1, 3)
    assert staging.schedule.n_steps(10) == 12


def test_fall_through_lets_one_token_in_at_a_time() -> None:
    schedule = stage_network(lif_chain(1, 2, 3), "fall_through").schedule
    assert (schedule.interval, schedule.depth) == (3, 3)
    assert schedule.n_steps(10) == 30


def test_skip_waits_in_delay_slots() -> None:
    network = wired(3, [(0, 1, 0), (1, 2, 0), (0, 2, 0)])
    assert stages(network) == {"in": 0, "n0": 1, "n1": 2, "n2": 3}
    by_ends = {(item.source, item.target): item.delay_steps
               for item in connections(network, stage_network(network))}
    assert by_ends == {(0, 1): 1, (1, 2): 1, (2, 3): 1, (1, 3): 2}


@pytest.mark.parametrize(("length", "interval"), [(1, 1), (2, 2), (3, 3)])
def test_loop_with_one_token_of_delay_sets_the_interval(length: int, interval: int) -> None:
    edges = [(node, node + 1, 0) for node in range(length - 1)] + [(length - 1, 0, 1)]
    network = wired(length, edges)
    staging = stage_network(network)
    assert staging.schedule.interval == interval
    loop = connections(network, staging)
    assert all(item.delay_steps == 1 for item in loop)


def test_longer_delay_in_the_loop_shortens_the_interval() -> None:
    assert stage_network(wired(3, [(0, 1, 0), (1, 2, 0), (2, 0, 2)])).schedule.interval == 2
    assert stage_network(wired(3, [(0, 1, 1), (1, 2, 1), (2, 0, 1)])).schedule.interval == 1


def test_slowest_of_two_cycles_counts() -> None:
    edges = [(0, 1, 0), (1, 0, 1), (1, 2, 0), (2, 3, 0), (3, 1, 1)]
    assert stage_network(wired(4, edges)).schedule.interval == 3


def test_two_cycles_that_share_a_node_join_to_no_slower_one() -> None:
    edges = [(0, 1, 0), (1, 0, 1), (0, 2, 0), (2, 0, 2)]
    assert stage_network(wired(3, edges)).schedule.interval == 2


def test_cycle_without_delay_is_named() -> None:
    with pytest.raises(NetworkError, match=r"n0 -> n1 -> n2 -> n0") as caught:
        stage_network(wired(3, [(0, 1, 0), (1, 2, 0), (2, 0, 0)]))
    assert "delay_steps = 1" in str(caught.value)


def test_self_loop_without_delay_is_a_cycle() -> None:
    with pytest.raises(NetworkError, match=r"n0 -> n0"):
        stage_network(wired(1, [(0, 0, 0)]))


def test_unknown_schedule() -> None:
    with pytest.raises(OptionError, match="allowed: pipelined, fall_through"):
        stage_network(lif_chain(1, 1), "eager")


def mixed_delays() -> Network:
    weights = SparseWeights(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0]), 2)
    return Network("mixed", (spikes_in(2), lif("a", 2)),
                   (Projection("in", "a", weights, delay_steps=np.array([2, 0, 2])),
                    Projection("in", "a", dense(2, 2))))


def test_delays_by_synapse_are_split_in_ascending_order() -> None:
    network = mixed_delays()
    assert delay_values(network.projections[0]) == [0, 2]
    found = connections(network, stage_network(network))
    delays = [(item.projection, item.delay_tokens, item.delay_steps) for item in found]
    assert delays == [(0, 0, 1), (0, 2, 3), (1, 0, 1)]
    early, late = found[0].weights, found[1].weights
    assert isinstance(early, SparseWeights) and isinstance(late, SparseWeights)
    assert (early.row_pointer.tolist(), early.targets.tolist(), early.values.tolist()) == ([0, 1, 1], [1], [2.0])
    assert (late.row_pointer.tolist(), late.targets.tolist(), late.values.tolist()) == ([0, 1, 2], [0, 1], [1.0, 3.0])


def test_projection_without_synapses_and_delays_constrains_nothing() -> None:
    empty = SparseWeights(np.zeros(2, np.int64), np.zeros(0, np.int64), np.zeros(0), 1)
    network = Network("empty", (spikes_in(1), lif("a", 1)),
                      (Projection("in", "a", empty, delay_steps=np.zeros(0, np.int64)),))
    staging = stage_network(network)
    assert staging.stage.tolist() == [0, 0]
    assert connections(network, staging) == ()


@st.composite
def wirings(draw: st.DrawFn) -> Network:
    """A network whose projections without delay lead forward."""
    n_nodes = draw(st.integers(1, 6))
    pairs = list(itertools.product(range(n_nodes), range(n_nodes)))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=12, unique=True))
    return wired(n_nodes, [(a, b, draw(st.integers(0 if a < b else 1, 3))) for a, b in chosen])


def slowest_cycle(network: Network) -> int:
    graph = nx.DiGraph()
    for projection in network.projections:
        graph.add_edge(projection.source, projection.target, delay=int(projection.delay_steps))
    ratios = [math.ceil(len(cycle) / sum(graph.edges[edge]["delay"]
                                         for edge in zip(cycle, [*cycle[1:], cycle[0]], strict=True)))
              for cycle in nx.simple_cycles(graph)]
    return max([1, *ratios])


@settings(deadline=None)
@given(wirings(), st.sampled_from(["pipelined", "fall_through"]))
def test_every_constraint_holds(network: Network, name: str) -> None:
    staging = stage_network(network, name)
    assert staging.stage.min() >= 0 and staging.stage[0] == 0
    assert staging.schedule.depth == staging.stage.max() + 1
    for item in connections(network, staging):
        assert item.delay_steps == (staging.schedule.interval * item.delay_tokens
                                    + staging.stage[item.target] - staging.stage[item.source])
        assert item.delay_steps >= 1


@settings(deadline=None)
@given(wirings())
def test_interval_is_that_of_the_slowest_cycle(network: Network) -> None:
    assert stage_network(network).schedule.interval == slowest_cycle(network)


@settings(deadline=None)
@given(wirings())
def test_stages_are_least(network: Network) -> None:
    """Every population at a stage above 0 has a projection that holds it there."""
    staging = stage_network(network)
    found = connections(network, staging)
    for population in np.flatnonzero(staging.stage > 0):
        assert any(item.target == population and item.delay_steps == 1 for item in found)
