from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.errors import NetworkError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights, Weights


def lif(name: str = "a", size: int = 2, **fields: Any) -> Population:
    return Population(name, "lif", size, {"leak": 0.5, **fields.pop("parameters", {})}, **fields)


def network(projection: Projection) -> Network:
    return Network("n", (Population("in", "input", 3), lif()), (projection,))


def sparse(pointer: list[int], targets: list[int], n_post: int = 2) -> SparseWeights:
    return SparseWeights(np.array(pointer), np.array(targets, np.int64), np.ones(len(targets)), n_post)


def message(make: Any) -> str:
    with pytest.raises(NetworkError) as caught:
        make()
    return str(caught.value)


def test_parameters_are_stored_in_full_and_defaults_filled_in() -> None:
    population = lif(parameters={"bias": [0.1, 0.2]})
    assert population.parameters["leak"].tolist() == [0.5, 0.5]
    assert population.parameters["bias"].tolist() == [0.1, 0.2]
    assert population.parameters["threshold"].tolist() == [1.0, 1.0]
    assert population.attributes == {"comparator": ">=", "reset": "hard"}


@pytest.mark.parametrize(("make", "parts"), [
    (lambda: lif(""), ["population name ''"]),
    (lambda: lif("a/b"), ["'a/b'", "without '/'"]),
    (lambda: lif(".a"), ["'.a'"]),
    (lambda: lif(size=0), ["a: size = 0", "allowed: integer from 1"]),
    (lambda: lif(n_modes=2), ["a: n_modes = 2", "allowed: 0 for model lif"]),
    (lambda: Population("s", "ssm", 1), ["s: n_modes = 0", "integer from 1"]),
    (lambda: Population("a", "lfi", 1), ["model = 'lfi'", "did you mean 'lif'?"]),
    (lambda: Population("a", "lif", 1), ["parameter 'leak' of model lif is missing"]),
    (lambda: lif(parameters={"treshold": 1}), ["unknown parameter 'treshold'", "did you mean 'threshold'?"]),
    (lambda: lif(parameters={"bias": [1, 2, 3]}), ["'bias' has shape (3,)", "a scalar or shape (2,)"]),
    (lambda: lif(parameters={"bias": "much"}), ["parameter 'bias'"]),
    (lambda: lif(parameters={"bias": [1, float("nan")]}), ["parameter 'bias'[1] = nan", "finite numbers"]),
    (lambda: lif(parameters={"refractory_steps": 64}), ["'refractory_steps' reaches 64.0", "0 to 63"]),
    (lambda: lif(attributes={"rest": "hard"}), ["unknown attribute 'rest'", "did you mean 'reset'?"]),
    (lambda: lif(attributes={"reset": "warm"}), ["a: reset = 'warm'", "hard, soft, none"]),
])
def test_faults_of_populations(make: Any, parts: list[str]) -> None:
    text = message(make)
    assert all(part in text for part in parts), text


def ones(pre: int, post: int) -> DenseWeights:
    return DenseWeights(np.ones((pre, post)))


@pytest.mark.parametrize(("projection", "parts"), [
    (Projection("inn", "a", ones(3, 2)), ["no population 'inn'", "did you mean 'in'?"]),
    (Projection("in", "a", ones(2, 3)), ["in->a: weights have shape (pre, post) = (2, 3)", "(3, 2)"]),
    (Projection("in", "a", OneToOneWeights(np.ones(3))), ["shape (pre, post) = (3, 3)"]),
    (Projection("in", "a", ones(3, 2), port="inpt"), ["port of a = 'inpt'", "did you mean 'input'?"]),
    (Projection("in", "a", ones(3, 2), output="spike"), ["output of in = 'spike'", "graded"]),
    (Projection("in", "in", ones(3, 3)), ["port of in = 'input'", "allowed: none"]),
    (Projection("in", "a", ones(3, 2), delay_steps=-1), ["delay_steps = -1", "integers from 0"]),
    (Projection("in", "a", ones(3, 2), delay_steps=np.ones(6, np.int64)), ["delay_steps has shape (6,)"]),
    (Projection("in", "a", sparse([0, 1, 2, 2], [0, 1]), delay_steps=np.ones(3, np.int64)), ["shape (3,)"]),
    (Projection("in", "a", sparse([0, 1, 2, 3], [0, 1])), ["row_pointer does not ascend from 0 to 2"]),
    (Projection("in", "a", sparse([0, 2, 1, 2], [0, 1])), ["row_pointer does not ascend"]),
    (Projection("in", "a", sparse([0, 1, 2, 2], [0, 2])), ["targets reach 0 to 2", "0 to 1"]),
    (Projection("in", "a", DenseWeights(np.full((3, 2), np.inf))), ["in->a: weights[0, 0] = inf"]),
])
def test_faults_of_projections(projection: Projection, parts: list[str]) -> None:
    text = message(lambda: network(projection))
    assert all(part in text for part in parts), text


def test_faults_of_networks() -> None:
    assert "has no population" in message(lambda: Network("n", (), ()))
    assert "used twice: a" in message(lambda: Network("n", (lif("a"), lif("a")), ()))
    assert "no population 'b'" in message(lambda: Network("n", (lif("a"),), (), ("b",)))


def test_projections_are_completed() -> None:
    projection = network(Projection("in", "a", ones(3, 2))).projections[0]
    assert (projection.output, projection.name) == ("graded", "0:in->a.input")


@pytest.mark.parametrize(("weights", "n_synapses"), [
    (ones(3, 2), 6), (sparse([0, 1, 1, 3], [0, 0, 1]), 3)])
def test_counts(weights: Weights, n_synapses: int) -> None:
    found = network(Projection("in", "a", weights))
    assert (found.n_neurons, found.n_synapses) == (5, n_synapses)
    assert [population.name for population in found.inputs] == ["in"]


def test_inputs_say_what_they_send() -> None:
    assert Population("x", "input", 1).output_kind("graded") == "graded"
    assert Population("x", "input", 1, attributes={"payload": "spike"}).output_kind("graded") == "spike"
    assert lif().output_kind("spike") == "spike"


def test_topology_keeps_parallel_projections_and_smallest_delays() -> None:
    weights = sparse([0, 1, 1, 3], [0, 0, 1])
    found = Network("n", (Population("in", "input", 3), lif()),
                    (Projection("in", "a", weights, delay_steps=np.array([2, 1, 3])),
                     Projection("in", "a", ones(3, 2)))).topology()
    assert [(pre, post, key, data["delay_steps"]) for pre, post, key, data in found.edges(keys=True, data=True)] == [
        ("in", "a", 0, 1), ("in", "a", 1, 0)]
