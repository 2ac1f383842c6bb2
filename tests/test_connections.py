"""How many weights lead on from each neuron: counted synapse by synapse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from neurosim.connections import connections, fan_out, packed_counts
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)


@st.composite
def convolutions(draw: st.DrawFn) -> ConvolutionWeights:
    groups = draw(st.integers(1, 2))
    n_in, n_out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    height, width = draw(st.integers(3, 6)), draw(st.integers(3, 6))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride, padding, dilation = (draw(st.tuples(st.integers(low, 2), st.integers(low, 2))) for low in (1, 0, 1))
    out = [(size + 2 * pad - far * (taps - 1) - 1) // step + 1 for size, pad, far, taps, step in zip(
        (height, width), padding, dilation, kernel, stride, strict=True)]
    assume(all(1 <= n and (n - 1) * step - pad < size for n, step, pad, size in zip(
        out, stride, padding, (height, width), strict=True)))
    seed = draw(st.integers(0, 99))
    values = np.random.default_rng(seed).integers(-1, 2, (n_out, n_in // groups, *kernel)).astype(float)
    return ConvolutionWeights(values, (n_in, height, width), (n_out, out[0], out[1]), stride, padding, dilation, groups,
                              draw(st.sampled_from(["cyx", "xyc", "yxc"])))


@given(convolutions())
def test_convolutions(weights: ConvolutionWeights) -> None:
    listed = weights.unrolled()
    expected = [sum(value != 0 for value in listed.values[start:stop])
                for start, stop in zip(listed.row_pointer, listed.row_pointer[1:], strict=False)]
    assert fan_out(weights).tolist() == expected


def test_matrices_and_lists() -> None:
    matrix = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert fan_out(DenseWeights(matrix)).tolist() == [2, 0, 3]
    assert fan_out(SparseWeights(np.array([0, 2, 2]), np.array([0, 1]), np.array([0.0, 3.0]), 3)).tolist() == [1, 0]
    assert fan_out(OneToOneWeights(np.array([0.0, 2.0]))).tolist() == [0, 1]


def test_equal_counts_are_one_number() -> None:
    assert packed_counts(np.array([3, 3])) == 3
    assert isinstance(packed_counts(np.array([3, 4])), str)


@pytest.mark.parametrize(("footprint", "expected"), [("", 4 * (6 + 2 + 5)), ("123", 123)])
def test_the_facts_of_a_network(footprint: str, expected: int) -> None:
    weights = SparseWeights(np.array([0, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array([1.0, 0.0, 2.0, 3.0]), 2)
    network = Network("net", (Population("a", "input", 3), Population("b", "lif", 2, {"leak": 0.5})),
                      (Projection("a", "b", DenseWeights(np.ones((3, 2)))),
                       Projection("b", "b", OneToOneWeights(np.ones(2)), delay_steps=1)),
                      metadata={"footprint_bytes": footprint})
    found = connections(network, np.array([[[0.0, 1.0, 1.0], [0.5, 0.0, 1.0]]]))
    assert found["inputs"] == [{"layer": 0, "macs": 2 * 2, "acs": 2 * 2}]
    assert [(layer["source"], layer["dense"], layer["fan_out"]) for layer in found["layers"]] == [("a", 6, 2)]
    assert found["footprint"]["bytes"] == expected
    listed = Network("net", network.populations, (Projection("a", "b", weights),))
    layer = connections(listed, np.zeros((1, 1, 3)))["layers"][0]
    assert (layer["weights"], layer["zeros"], layer["dense"]) == (6, 3, 6)      # a matrix in full
