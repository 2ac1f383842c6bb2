"""Projections as the machine has them: one per delay, in canonical order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.graph import Network, Projection, SparseWeights, Weights
from neurosim.mapping.schedule import Staging, delay_values


@dataclass(frozen=True)
class Connection:
    """The synapses of one projection that have one delay. Populations, port and output are indices.

    projection : index in `network.projections`
    """

    projection: int
    source: int
    target: int
    port: int
    output: int
    delay_tokens: int
    delay_steps: int
    weights: Weights


def connections(network: Network, staging: Staging) -> tuple[Connection, ...]:
    """Return all connections, sorted by target population, then by order in the network, then by delay."""
    index = {population.name: number for number, population in enumerate(network.populations)}
    found = [connection for number, projection in enumerate(network.projections)
             for connection in _split(network, staging, index, number, projection)]
    return tuple(sorted(found, key=lambda item: (item.target, item.projection, item.delay_tokens)))


def _split(network: Network, staging: Staging, index: dict[str, int], number: int,
           projection: Projection) -> list[Connection]:
    source, target = index[projection.source], index[projection.target]
    port = network.populations[target].spec.port_index(projection.port)
    output = network.populations[source].spec.output_index(projection.output)
    return [Connection(number, source, target, port, output, delay, staging.delay_steps(source, target, delay),
                       _with_delay(projection, delay)) for delay in delay_values(projection)]


def _with_delay(projection: Projection, delay: int) -> Weights:
    weights = projection.weights
    if np.ndim(projection.delay_steps) == 0 or not isinstance(weights, SparseWeights):
        return weights
    kept = np.asarray(projection.delay_steps) == delay
    n_kept = np.concatenate([[0], np.cumsum(kept)])
    return SparseWeights(n_kept[weights.row_pointer], weights.targets[kept], weights.values[kept], weights.n_post)
