"""When each population updates: stages, and the interval between tokens.

A population at stage s updates for token k in time step s + k * interval. A projection from `pre` to `post` with
logical delay d then has the machine delay `interval * d + stage(post) − stage(pre)`, which must be at least 1:

    stage(post) >= stage(pre) + 1 − interval * d

* `pipelined`: the smallest interval for which these constraints have a solution, max(1, max over cycles of
  ceil(projections / summed delay)), and their least solution from 0 on: tokens follow each other as soon as the
  recurrences let them.
* `fall_through`: a token passes all stages before the next one enters: interval = depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from neurosim.errors import NetworkError, OptionError
from neurosim.graph import Network, Projection
from neurosim.machine import Schedule

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Staging:
    """The schedule of a network.

    stage : int64[population]
    """

    schedule: Schedule
    stage: IntArray

    def delay_steps(self, source: int, target: int, delay_tokens: int) -> int:
        """Return the machine delay of a projection with logical delay `delay_tokens`; at least 1."""
        return self.schedule.interval * delay_tokens + int(self.stage[target]) - int(self.stage[source])


class _Edges(NamedTuple):
    source: IntArray
    target: IntArray
    delay: IntArray     # smallest logical delay: the tightest constraint of a projection


def stage_network(network: Network, name: str = "pipelined") -> Staging:
    """Return stages and interval of `network`.

    Raises
    ------
    NetworkError           if projections without delay form a cycle
    OptionError            if there is no schedule `name`
    """
    if name not in ("pipelined", "fall_through"):
        raise OptionError(f"schedule = {name!r}", allowed="pipelined, fall_through")
    edges = _edges(network)
    _check_no_zero_delay_cycle(network, edges)
    n_populations = len(network.populations)
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
    return Staging(Schedule(name, interval, depth), stage)


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
    graph = nx.DiGraph(zip(edges.source[instant].tolist(), edges.target[instant].tolist(), strict=True))
    try:
        cycle = nx.find_cycle(graph)
    except (nx.NetworkXNoCycle, nx.NetworkXError):
        return
    names = [network.populations[edge[0]].name for edge in cycle]
    raise NetworkError(f"projections without delay form a cycle: {' -> '.join([*names, names[0]])}",
                       allowed="cycles with a logical delay of at least 1 token",
                       mend="give one projection of the cycle delay_steps = 1")


def _smallest_interval(edges: _Edges, n_populations: int) -> int:
    """Return the smallest interval without a cycle of positive weight; cycles lie within one component each."""
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
