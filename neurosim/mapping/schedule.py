"""When each population updates: stages, and the interval between tokens.

A population at stage s updates for token k in time step s + k * interval. A projection from `pre` to `post` with
logical delay d then has the machine delay `interval * d + stage(post) − stage(pre)`, which must be at least 1:

    stage(post) >= stage(pre) + 1 − interval * d

* `pipelined`: the smallest interval for which these constraints have a solution, max(1, max over cycles of
  ceil(projections / summed delay)), and their least solution from 0 on: tokens follow each other as soon as the
  recurrences let them.
* `fall_through`: a token passes all stages before the next one enters: interval = depth.
* `whole_sequence`: for networks that look into the future, with populations that take the tokens from the last to the
  first. The sequence passes in phases, one after the other: a population's phase is one more than those of the
  populations of the other direction that feed it, and at least those of its own direction. In phase p a population
  takes its first token in time step p * n_tokens * interval + stage. What is sent from one phase to a later one is
  buffered where it arrives, for the whole sequence. Within a phase the schedule is `pipelined`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError, OptionError, check_choice
from neurosim.graph import Network, Projection
from neurosim.machine import Schedule

IntArray = NDArray[np.int64]

SCHEDULES = ("pipelined", "fall_through", "whole_sequence")
FREE_RUNNING = "free_running"   # no schedule at all: of free-running chips, never to be chosen


@dataclass(frozen=True)
class Staging:
    """The schedule of a network.

    stage : int64[population]; on a free-running chip only an order
    phase : int64[population]
    tokens_in_flight : of a free-running chip whose populations wait for whole tokens; 0 on any other
    """

    schedule: Schedule
    stage: IntArray
    phase: IntArray
    tokens_in_flight: int = 0

    def delay_steps(self, source: int, target: int, delay_tokens: int) -> int:
        """Return the machine delay of a projection with logical delay `delay_tokens`, in slots; at least 1."""
        if self.schedule.name == FREE_RUNNING:
            # A packet is served as it comes: one accumulator, no delay line; or one for each token under way.
            return self.tokens_in_flight + delay_tokens if self.tokens_in_flight else 1
        return self.schedule.interval * delay_tokens + int(self.stage[target]) - int(self.stage[source])


class _Edges(NamedTuple):
    source: IntArray
    target: IntArray
    delay: IntArray     # smallest logical delay: the tightest constraint of a projection


def stage_network(network: Network, name: str = "pipelined", sequence_length: int = 0) -> Staging:
    """Return stages, phases and interval of `network`.

    Parameters
    ----------
    sequence_length : tokens that the buffers of `whole_sequence` hold; 0: not known

    Raises
    ------
    NetworkError           if projections without delay form a cycle, or a recurrence joins both directions
    OptionError            if there is no schedule `name`, or it streams a network that needs the whole sequence
    """
    check_choice("schedule", name, SCHEDULES)
    edges = _edges(network)
    _check_no_zero_delay_cycle(network, edges)
    n_populations = len(network.populations)
    if name == "whole_sequence":
        phase = _phases(network, edges)
        # What is buffered between phases comes at least a whole sequence earlier: as if delayed by a token or more.
        within = edges._replace(delay=edges.delay + phase[edges.target] - phase[edges.source])
        interval = _smallest_interval(within, n_populations)
        stage = _least_stages(within, n_populations, interval)
        assert stage is not None, "the smallest interval has no solution"
        n_phases = int(phase.max()) + 1
        return Staging(Schedule(name, interval, int(stage.max()) + 1, n_phases, sequence_length), stage, phase)
    _check_streams(network, name)
    if name == "pipelined":
        interval = _smallest_interval(edges, n_populations)
        stage = _least_stages(edges, n_populations, interval)
        assert stage is not None, "the smallest interval has no solution"
        depth = int(stage.max()) + 1
    else:
        instant = _Edges(*(column[edges.delay == 0] for column in edges))
        stage = _least_stages(instant, n_populations, 1)
        assert stage is not None, "a graph without cycles has no longest path"
        interval = depth = int(stage.max()) + 1
    return Staging(Schedule(name, interval, depth), stage, np.zeros(n_populations, np.int64))


def stage_free_running(network: Network, tokens_in_flight: int = 0) -> Staging:
    """Return an order of the populations along the projections without delay, for a chip without time steps.

    Raises
    ------
    NetworkError           if projections without delay form a cycle
    """
    edges = _edges(network)
    _check_no_zero_delay_cycle(network, edges)
    stage = _least_stages(_Edges(*(column[edges.delay == 0] for column in edges)), len(network.populations), 1)
    assert stage is not None, "a graph without cycles has no longest path"
    return Staging(Schedule(FREE_RUNNING, 1, 1), stage, np.zeros(len(network.populations), np.int64), tokens_in_flight)


def delay_values(projection: Projection) -> list[int]:
    """Return the distinct logical delays of `projection`, ascending; none where it has no synapse to delay."""
    return [int(delay) for delay in np.unique(np.asarray(projection.delay_steps))]


def _edges(network: Network) -> _Edges:
    index = {population.name: number for number, population in enumerate(network.populations)}
    rows = [(index[projection.source], index[projection.target], delays[0])
            for projection in network.projections if (delays := delay_values(projection))]
    table = np.array(rows, np.int64).reshape(-1, 3)
    return _Edges(table[:, 0], table[:, 1], table[:, 2])


def _check_no_zero_delay_cycle(network: Network, edges: _Edges) -> None:
    instant = edges.delay == 0
    if _flows_one_way(edges.source[instant], edges.target[instant], len(network.populations)):
        return
    import networkx as nx  # a fifth of a second, which only what recurs needs

    graph = nx.DiGraph(zip(edges.source[instant].tolist(), edges.target[instant].tolist(), strict=True))
    names = [network.populations[edge[0]].name for edge in nx.find_cycle(graph)]
    raise NetworkError(f"projections without delay form a cycle: {' -> '.join([*names, names[0]])}",
                       allowed="cycles with a logical delay of at least 1 token",
                       mend="give one projection of the cycle delay_steps = 1")


def _flows_one_way(source: IntArray, target: IntArray, n_nodes: int) -> bool:
    """Return whether the edges form no cycle: take away what nothing leads to, until nothing is left of them."""
    left = np.ones(len(source), bool)
    while left.any():
        led_to = np.zeros(n_nodes, bool)
        led_to[target[left]] = True
        kept = left & led_to[source]
        if np.array_equal(kept, left):
            return False
        left = kept
    return True


def _check_streams(network: Network, name: str) -> None:
    backward = [population.name for population in network.populations if population.direction == "reversed"]
    if backward:
        raise OptionError(
            f"schedule = {name!r}: {', '.join(backward[:4])}{', …' if len(backward) > 4 else ''} take the tokens from "
            "the last to the first, so that nothing can be said before the sequence has ended",
            allowed="whole_sequence", mend="choose --schedule whole_sequence (mapping.schedule): forward and backward "
            "pass one after the other, with buffers for the whole sequence, which count as memory")


def _phases(network: Network, edges: _Edges) -> IntArray:
    """Return the least phases: those of sources, and one more where the direction changes."""
    import networkx as nx

    graph = nx.DiGraph(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    graph.add_nodes_from(range(len(network.populations)))
    backward = [population.direction == "reversed" for population in network.populations]
    components = nx.condensation(graph)
    phase = np.zeros(len(network.populations), np.int64)
    for component in nx.topological_sort(components):
        members = sorted(components.nodes[component]["members"])
        if len({backward[member] for member in members}) > 1:
            names = ", ".join(network.populations[member].name for member in members)
            raise NetworkError(f"a recurrence joins populations of both directions: {names}",
                               allowed="recurrence among populations of one direction")
        least = max((int(phase[source]) + (backward[source] != backward[member])
                     for member in members for source in graph.predecessors(member) if source not in members),
                    default=0)
        phase[members] = least
    return phase


def _smallest_interval(edges: _Edges, n_populations: int) -> int:
    """Return the smallest interval without a cycle of positive weight; cycles lie within one component each."""
    if _flows_one_way(edges.source, edges.target, n_populations):
        return 1
    import networkx as nx

    graph = nx.DiGraph(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    interval = 1
    for component in nx.strongly_connected_components(graph):
        member = np.zeros(n_populations, bool)
        member[list(component)] = True
        inside = member[edges.source] & member[edges.target]
        if inside.any():
            interval = max(interval, _component_interval(_renumbered(edges, inside, member), len(component)))
    return interval


def _renumbered(edges: _Edges, inside: NDArray[np.bool_], member: NDArray[np.bool_]) -> _Edges:
    number = np.cumsum(member) - 1
    return _Edges(number[edges.source[inside]], number[edges.target[inside]], edges.delay[inside])


def _component_interval(edges: _Edges, n_nodes: int) -> int:
    low, high = 1, n_nodes  # a simple cycle has at most n_nodes projections, and a summed delay of at least 1
    while low < high:
        middle = (low + high) // 2
        if _least_stages(edges, n_nodes, middle) is None:
            low = middle + 1
        else:
            high = middle
    return low


def _least_stages(edges: _Edges, n_nodes: int, interval: int) -> IntArray | None:
    """Return the least stages >= 0 (Bellman–Ford, longest paths), or None where a cycle has positive weight."""
    stage = np.zeros(n_nodes, np.int64)
    gain = 1 - interval * edges.delay
    for _ in range(n_nodes + 1):
        raised = stage.copy()
        np.maximum.at(raised, edges.target, stage[edges.source] + gain)
        if np.array_equal(raised, stage):
            return stage
        stage = raised
    return None
