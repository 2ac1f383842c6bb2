"""Narrow synapses and the kernels that add their rows, against plain Python."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim.engine.synapse_kernels import add_dense, add_sparse
from neurosim.engine.synapse_tables import MIDDLE, NARROW, W_LONG, W_STORE, WIDE, synapse_tables
from neurosim.graph import Network, Population, Projection, SparseWeights
from neurosim.kernel import kernel
from neurosim.machine import MAX, MAX_ABS, SUM
from neurosim.mapping import MappingOptions, map_network
from tests.engine.cases import make_chip


@kernel
def sparse(charge, operator, neurons, values, pointer, targets, weights):
    add_sparse(charge, operator, neurons, values, pointer, targets, weights)


@kernel
def dense(charge, operator, neurons, values, weights):
    add_dense(charge, operator, neurons, values, weights)


def added(charge: NDArray[np.generic], operator: int, terms: list[tuple[int, object]]) -> NDArray[np.generic]:
    """Return charges after one term at a time, in order."""
    found = charge.copy()
    for post, product in terms:
        before = found[post]
        found[post] = (before + product if operator == SUM else max(before, product if operator == MAX
                                                                    else abs(product)))
    return found


@pytest.mark.parametrize("operator", [SUM, MAX, MAX_ABS])
@pytest.mark.parametrize(("weight", "number", "target"), [
    ("float32", "float64", "uint16"), ("float64", "float64", "uint32"), ("float32", "float32", "uint16"),
    ("int8", "int64", "uint16"), ("int16", "int64", "uint32"), ("int64", "int64", "uint16")])
def test_rows_are_added_in_order(operator: int, weight: str, number: str, target: str) -> None:
    """Rows of 0 to 40 synapses, so that blocks and their rests are met; the same bits as one by one."""
    generator = np.random.default_rng(operator)
    n_pre, n_post = 41, 30
    pointer = np.concatenate([[0], np.cumsum(np.arange(n_pre))]).astype(np.int64)
    targets = generator.integers(0, n_post, pointer[-1]).astype(target)
    weights = (100 * generator.normal(size=pointer[-1])).astype(weight)
    neurons = np.sort(generator.choice(n_pre, 30, replace=False)).astype(np.int32)
    values = (5 * generator.normal(size=30)).astype(number)
    charge = (generator.normal(size=n_post)).astype(number)
    of_number = np.dtype(number).type
    terms = [(int(targets[synapse]), of_number(weights[synapse]) * value) for neuron, value in
             zip(neurons, values, strict=True) for synapse in range(pointer[neuron], pointer[neuron + 1])]
    expected = added(charge, operator, terms)
    sparse(charge, operator, neurons, values, pointer, targets, weights)
    assert np.array_equal(charge, expected)


@pytest.mark.parametrize("operator", [SUM, MAX, MAX_ABS])
@pytest.mark.parametrize(("weight", "number"), [("float32", "float64"), ("float64", "float64"), ("int8", "int64")])
@pytest.mark.parametrize("n_firing", [0, 3, 4, 9])
def test_dense_rows_are_added_in_order(operator: int, weight: str, number: str, n_firing: int) -> None:
    generator = np.random.default_rng(n_firing)
    n_pre, n_post = 12, 37
    weights = (100 * generator.normal(size=n_pre * n_post)).astype(weight)
    neurons = np.sort(generator.choice(n_pre, n_firing, replace=False)).astype(np.int32)
    values, charge = ((5 * generator.normal(size=size)).astype(number) for size in (n_firing, n_post))
    of_number = np.dtype(number).type
    terms = [(post, of_number(weights[neuron * n_post + post]) * value)
             for neuron, value in zip(neurons, values, strict=True) for post in range(n_post)]
    expected = added(charge, operator, terms)
    dense(charge, operator, neurons, values, weights)
    assert np.array_equal(charge, expected)


def one_weight(value: float, n_post: int = 2):
    """Return a machine with one synapse of weight `value`."""
    weights = SparseWeights(np.array([0, 1]), np.array([n_post - 1]), np.array([value]), n_post)
    network = Network("one", (Population("in", "input", 1), Population("out", "lif", n_post, {"leak": 0.5})),
                      (Projection("in", "out", weights),))
    return map_network(network, make_chip({}), MappingOptions())


@pytest.mark.parametrize(("value", "number", "store"), [
    (0.5, "float64", NARROW), (0.1, "float64", MIDDLE), (1e300, "float64", MIDDLE), (0.1, "float32", NARROW)])
def test_weights_are_stored_as_narrow_as_they_are_exact(value: float, number: str, store: int) -> None:
    tables = synapse_tables(one_weight(value), np.dtype(number))
    assert tables.place[0, W_STORE] == store and tables.place[0, W_LONG] == 0
    assert (tables.narrow, tables.middle, tables.wide)[store].tolist() == [np.dtype(number).type(value)]
    assert tables.short_target.tolist() == [1] and tables.long_target.size == 0


@pytest.mark.parametrize(("value", "store"), [(-128, NARROW), (128, MIDDLE), (-32769, WIDE)])
def test_integers_are_stored_as_narrow_as_they_fit(value: int, store: int) -> None:
    machine = one_weight(0.5)
    tables = synapse_tables(replace(machine, fixed=SimpleNamespace(weights=np.array([value]))), np.dtype(np.int64))
    assert tables.place[0, W_STORE] == store
    assert (tables.narrow, tables.middle, tables.wide)[store].tolist() == [value]
