"""What was written down of all layers as a network, with its inputs and the spikes that it must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from importers.live.builder import Builder
from importers.live.neurons import RefusedError
from importers.live.record import NeuronLayer
from importers.live.synapses import FloatArray
from neurosim.graph import Network


@dataclass(frozen=True)
class LiveNetwork:
    """A module as a network.

    inputs : float64[sample, token, column]
    spikes : population -> bool[sample, token, neuron], what the module's own neurons sent
    notes : what the user should know
    readout : float64[sample, readout neuron], what the module itself returned; None where it returned something else
    """

    network: Network
    inputs: FloatArray
    spikes: dict[str, NDArray[np.bool_]]
    notes: tuple[str, ...] = ()
    readout: FloatArray | None = None


def build(name: str, layers: Sequence[NeuronLayer], readouts: Sequence[NeuronLayer], n_samples: int, notes: list[str]
          ) -> LiveNetwork:
    """Return the network of all layers; those that no other reads are its read-outs."""
    n_steps = max(layer.n_steps for layer in layers)
    builder = Builder(n_samples, n_steps)
    builder.declare([*layers, *readouts])
    problems = []
    for layer in (*layers, *readouts):
        try:
            builder.add_layer(layer)
        except RefusedError as error:
            problems.append(f"{layer.layer.name}: {error}")
    if problems:
        raise RefusedError("\n".join(problems))
    read = {projection.source for projection in builder.projections if projection.source != projection.target}
    ends = tuple(layer.layer.name for layer in (*layers, *readouts) if layer.layer.name not in read)
    network = Network(name, tuple(builder.populations), tuple(builder.projections), ends, {"importer": "live"})
    spikes = {layer.layer.name: np.stack([layer.spikes[step] for step in range(n_steps)], 1) for layer in layers
              if layer.rule.is_spiking}
    columns = [builder.inputs[population.name] for population in network.inputs]
    inputs = np.concatenate(columns, axis=2) if columns else np.zeros((n_samples, n_steps, 0))
    return LiveNetwork(network, inputs, spikes, (*notes, *builder.notes))
