"""Synaptic operations, counted synapse by synapse and spike by spike."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
    Weights,
)
from neurosim.profiling.estimate import Estimate, activities, estimate, fan_out, operations

random = np.random.default_rng(4)


def with_zeros(*shape: int) -> np.ndarray:
    return random.integers(-1, 3, shape).astype(np.float64)


def listed(weights: Weights) -> list[tuple[int, int, float]]:
    """Return (pre, post, weight) of every synapse, from the definitions of the kinds."""
    if isinstance(weights, DenseWeights):
        return [(i, j, weights.values[i, j]) for i in range(weights.shape[0]) for j in range(weights.shape[1])]
    if isinstance(weights, OneToOneWeights):
        return [(i, i, value) for i, value in enumerate(weights.values)]
    if isinstance(weights, SparseWeights):
        return [(i, int(weights.targets[k]), weights.values[k]) for i in range(weights.shape[0])
                for k in range(weights.row_pointer[i], weights.row_pointer[i + 1])]
    (channels, height, width), (outs, rows, columns) = weights.input_shape, weights.output_shape
    found = []
    for out, y, x in np.ndindex(outs, rows, columns):
        for c, i, j in np.ndindex(*weights.values.shape[1:]):
            at_y = y * weights.stride[0] + i * weights.dilation[0] - weights.padding[0]
            at_x = x * weights.stride[1] + j * weights.dilation[1] - weights.padding[1]
            channel = out // (outs // weights.groups) * weights.values.shape[1] + c
            if 0 <= at_y < height and 0 <= at_x < width:
                pre = np.ravel_multi_index((channel, at_y, at_x), (channels, height, width))
                post = np.ravel_multi_index((out, y, x), weights.output_shape)
                found.append((int(pre), int(post), weights.values[out, c, i, j]))
    return found


@pytest.mark.parametrize("weights", [
    DenseWeights(with_zeros(5, 7)), OneToOneWeights(with_zeros(6)),
    SparseWeights(np.array([0, 2, 2, 5]), np.array([0, 3, 1, 2, 3]), np.array([1.0, 0.0, 2.0, 0.0, 3.0]), 4),
    ConvolutionWeights(with_zeros(3, 2, 3, 3), (2, 5, 6), (3, 5, 6), padding=(1, 1)),
    ConvolutionWeights(with_zeros(4, 1, 2, 3), (2, 6, 7), (4, 3, 2), (2, 2), (0, 1), (1, 2), groups=2),
], ids=["dense", "one to one", "sparse", "convolution", "grouped"])
def test_synapses_with_a_weight(weights: Weights) -> None:
    expected = np.zeros(weights.shape[0], np.int64)
    for pre, _, value in listed(weights):
        expected[pre] += value != 0
    assert fan_out(weights).tolist() == expected.tolist()


def test_operations_of_a_run() -> None:
    """Two tokens: values into fc, spikes out of it, counted by hand."""
    network = Network("n", (
        Population("input", "input", 2, {}, {"payload": "graded"}), Population("lif", "lif", 3, {"leak": 0.0}),
        Population("end", "lif", 2, {"leak": 0.0})), (
        Projection("input", "lif", DenseWeights(np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]))),
        Projection("lif", "end", DenseWeights(np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])))), ("end",))
    inputs = np.array([[[0.5, 0.0], [0.5, 3.0]], [[0.0, 0.0], [1.0, 1.0]]])
    active = activities(network, inputs, "float64")
    assert active["input", "graded"].sent.tolist() == [3, 2] and not active["input", "graded"].is_unit
    assert active["lif", "spike"].sent.tolist() == [1, 2, 3] and active["lif", "spike"].is_unit
    found = operations(network, active)
    assert [(item.n_operations, item.is_ac) for item in found] == [(3 * 2 + 2 * 1, False), (1 * 2 + 2 * 1, True)]
    assert estimate(found, 2) == Estimate(ac=2.0, mac=4.0)
    assert estimate(found, 2).energy_j == pytest.approx(2 * 0.9e-12 + 4 * 4.6e-12, rel=1e-12)


def test_graded_values_of_one_are_additions() -> None:
    network = Network("n", (Population("input", "input", 2), Population("lif", "lif", 1, {"leak": 0.0})),
                      (Projection("input", "lif", DenseWeights(np.ones((2, 1)))),), ("lif",))
    units, values = np.array([[[1.0, -1.0]]]), np.array([[[1.0, 2.0]]])
    assert operations(network, activities(network, units, "float64"))[0] == (2, True)
    assert operations(network, activities(network, values, "float64"))[0] == (2, False)
