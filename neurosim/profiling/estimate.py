"""Synaptic operations, and the customary estimate of energy that rests on them alone.

An operation counts where neither the value nor the weight is zero; biases do not count. It is an accumulation (AC)
where all that a projection carries in the run is -1, 0 or 1, else a multiplication and accumulation (MAC).

Sources
-------
Rules of counting: NeuroBench 2.3, metric "synaptic operations". Energies: Horowitz, "Computing's energy problem", ISSCC
2014, 45 nm, 0.9 V, 32-bit floating point: 0.9 pJ for an addition, 3.7 + 0.9 pJ for a multiplication and an addition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurosim.engine.batch import BatchPass, Update
from neurosim.graph import ConvolutionWeights, DenseWeights, FloatArray, IntArray, Network, OneToOneWeights, Weights
from neurosim.mapping.lower_function import lower_neurons

AC_PJ, MAC_PJ = 0.9, 4.6
_J_PER_PJ = 1e-12


class Activity(NamedTuple):
    """What one output of a population sent in a run.

    sent : int64[neuron]    how often it was not zero
    is_unit : all of it was -1, 0 or 1
    """

    sent: IntArray
    is_unit: bool


class Operations(NamedTuple):
    """Synaptic operations of one projection in the run."""

    n_operations: int
    is_ac: bool


@dataclass(frozen=True)
class Estimate:
    """The customary estimate of one sample.

    ac, mac : operations per sample
    """

    ac: float
    mac: float
    ac_pj: float = AC_PJ
    mac_pj: float = MAC_PJ

    @property
    def energy_j(self) -> float:
        """Energy of one sample in joules."""
        return (self.ac * self.ac_pj + self.mac * self.mac_pj) * _J_PER_PJ


def activities(network: Network, inputs: FloatArray, numbers: str) -> dict[tuple[str, str], Activity]:
    """Run `network` on `inputs` without a chip; return (population, output) -> what it sent."""
    names = [(population.name, output.name) for population in network.populations for output in population.spec.outputs]
    sizes = [population.size for population in network.populations for _ in population.spec.outputs]
    sent = [np.zeros(size, np.int64) for size in sizes]
    is_unit = [True] * len(sizes)
    neurons = lower_neurons(network)
    first = neurons.populations.first_output

    def watch(update: Update) -> None:
        for row, values in enumerate(update.output, int(first[update.population])):
            sent[row] += np.count_nonzero(values, axis=0)
            is_unit[row] = is_unit[row] and bool(np.all(np.abs(values[values != 0]) == 1))

    BatchPass(neurons, inputs, "fixed" if numbers == "fixed" else "float64").run(watch)
    return {name: Activity(*item) for name, item in zip(names, zip(sent, is_unit, strict=True), strict=True)}


def operations(network: Network, active: Mapping[tuple[str, str], Activity]) -> list[Operations]:
    """Return the operations of every projection, in the order of the network."""
    found = []
    for projection in network.projections:
        activity = active[projection.source, projection.output]
        is_ac = activity.is_unit or network.population(projection.source).output_kind(projection.output) != "graded"
        found.append(Operations(int(activity.sent @ fan_out(projection.weights)), is_ac))
    return found


def estimate(found: list[Operations], n_samples: int) -> Estimate:
    """Return the estimate of one sample."""
    ac, mac = (sum(item.n_operations for item in found if item.is_ac is kind) for kind in (True, False))
    return Estimate(ac / n_samples, mac / n_samples)


def fan_out(weights: Weights) -> IntArray:
    """Return how many synapses of each source neuron have a weight, int64[pre]."""
    if isinstance(weights, DenseWeights):
        return np.asarray(np.count_nonzero(weights.values, axis=1), np.int64)
    if isinstance(weights, OneToOneWeights):
        return np.asarray(weights.values != 0, np.int64)
    if isinstance(weights, ConvolutionWeights):
        return _fan_out_of_kernel(weights)
    counts = np.concatenate([[0], np.cumsum(weights.values != 0)])
    return np.asarray(np.diff(counts[weights.row_pointer]), np.int64)


def _fan_out_of_kernel(weights: ConvolutionWeights) -> IntArray:
    """Count places under each tap of the kernel, row by row and column by column."""
    n_out, groups = weights.output_shape[0], weights.groups
    taps = np.count_nonzero(weights.values.reshape(groups, n_out // groups, *weights.values.shape[1:]), axis=1)
    rows, columns = (_places(weights, axis) for axis in (0, 1))
    image = np.einsum("yi,cij,xj->cyx", rows, taps.reshape(-1, *taps.shape[2:]), columns)
    found = np.empty(image.size, np.int64)
    channel, row, column = np.indices(image.shape)
    strides = weights.strides(weights.input_shape)
    found[channel * strides[0] + row * strides[1] + column * strides[2]] = image
    return found


def _places(weights: ConvolutionWeights, axis: int) -> IntArray:
    """Return int64[input row or column, tap]: at how many places of the output that tap lies on it."""
    at, inside, size = weights.source_places(axis), weights.inside(axis), weights.input_shape[1 + axis]
    found = np.zeros((size, at.shape[1]), np.int64)
    for tap in range(at.shape[1]):
        found[:, tap] = np.bincount(at[inside[:, tap], tap], minlength=size)
    return found
