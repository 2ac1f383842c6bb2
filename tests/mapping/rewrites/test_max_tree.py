"""`mapping.max=tree`: pairs of sums and rectifiers find what a dendrite that takes the largest finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim import api
from neurosim.engine.batch import BatchPass
from neurosim.errors import CapabilityError, OptionError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import Float64Array
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrites.max_tree import grow_trees
from tests.engine.results import results
from tests.mapping.chips import make_chip

SUMS_ONLY = {"core__capabilities__dendrite_operators": ["sum"]}


def reduction(port: str, n_leaves: int, seed: int = 0, bias: float = 0.25) -> Network:
    """Return three neurons that take the largest of `n_leaves` values, one of two of them, one of none; and a sum."""
    random = np.random.default_rng(seed)
    weights = np.zeros((n_leaves, 3))
    weights[:, 0] = random.choice([-1.0, 0.5, 2.0], n_leaves)
    listed = SparseWeights(np.concatenate([[0], np.full(n_leaves, 2)]), np.array([0, 1]), np.array([1.5, -1.0]), 3)
    first = DenseWeights(weights)
    return Network("r", (Population("x", "input", n_leaves), Population("y", "reduce", 3, {"bias": bias})),
                   (Projection("x", "y", first, port),
                    Projection("x", "y", DenseWeights(np.ones((n_leaves, 3))), "sum"),
                    Projection("x", "y", listed, port, delay_steps=1)), ("y",))


def largest(network: Network, inputs: Float64Array) -> list[list[float]]:
    """Return y of every token, from the definition: the largest of all that reach a neuron, at least 0."""
    port, first, listed = network.projections[0].port, network.projections[0].weights, network.projections[2].weights
    found = []
    for token, given in enumerate(inputs):
        before = inputs[token - 1] if token else np.zeros_like(given)
        row = []
        for post in range(3):
            values = [given[pre] * first.values[pre, post] for pre in range(len(given))]
            values += [before[0] * listed.values[post]] if post < 2 else []
            values = [abs(value) for value in values] if port == "max_abs" else values
            row.append(max(0.0, *values) + float(given.sum()) + 0.25)
        found.append(row)
    return found


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("port", ["max", "max_abs"])
@pytest.mark.parametrize("n_leaves", [1, 2, 3, 7, 64])
def test_trees_find_the_largest(n_leaves: int, port: str, engine: str) -> None:
    network = reduction(port, n_leaves)
    # Eighths: all differences are exact, so that the tree is too.
    inputs = np.random.default_rng(n_leaves).integers(-40, 40, (6, n_leaves)) / 8.0
    machine = map_network(network, make_chip(**SUMS_ONLY), MappingOptions(max="auto"))
    found = results(machine, inputs[None], engine=engine, readout_tokens=True, detail="functional")[0]
    np.testing.assert_array_equal(found.readout_tokens, largest(network, inputs))


def test_any_floats_to_a_rounding() -> None:
    inputs = np.random.default_rng(3).normal(size=(1, 50, 64)) * 10.0 ** np.random.default_rng(4).integers(-3, 3, 64)
    for port in ("max", "max_abs"):
        network = reduction(port, 64)
        tree = grow_trees(network, "tree", make_chip())
        np.testing.assert_allclose(BatchPass(lower_neurons(tree), inputs).run().readout[0],
                                   largest(network, inputs[0])[-1], rtol=1e-12)


def test_size_of_a_tree() -> None:
    """64 values of either sign: 128 leaves, and 63 rectifiers in 6 levels, one stage each."""
    network = Network("r", (Population("x", "input", 64), Population("y", "reduce", 1)),
                      (Projection("x", "y", DenseWeights(np.ones((64, 1))), "max_abs"),), ("y",))
    tree = grow_trees(network, "tree", make_chip())
    assert [(item.name, item.size) for item in tree.populations] == [
        ("x", 64), ("y.max_abs.leaves", 128), *((f"y.max_abs.level{k}", 64 >> k) for k in range(1, 7)), ("y", 1)]
    assert map_network(tree, make_chip(**SUMS_ONLY)).schedule.depth == 1 + 1 + 6 + 1


def test_fixed_point_is_exact_where_the_formats_hold_it() -> None:
    network = grow_trees(Network("r", (Population("x", "input", 5), Population("y", "reduce", 1)),
                                 (Projection("x", "y", DenseWeights(np.ones((5, 1))), "max_abs"),), ("y",)),
                         "tree", make_chip())
    whole = Coding(Format(16, 0))
    names = {"input": ["graded"], "relu": ["input", "bias", "graded"],
             "reduce": ["sum", "max", "max_abs", "bias", "graded"]}
    coded = replace(network, populations=tuple(replace(item, codings=dict.fromkeys(names[item.model], whole))
                                               for item in network.populations),
                    projections=tuple(replace(item, coding=Coding(Format(8, 0))) for item in network.projections))
    inputs = np.random.default_rng(0).integers(-9, 9, (4, 3, 5)).astype(float)
    np.testing.assert_array_equal(BatchPass(lower_neurons(coded), inputs, "fixed").run().readout[:, 0],
                                  np.abs(inputs[:, -1]).max(axis=1))


def test_trained_network_on_a_chip_that_only_sums() -> None:
    chip = "core.capabilities.dendrite_operators=[sum]"
    with pytest.raises(CapabilityError, match=r"lacks dendrite_operators \(max_abs\)(.|\n)*mapping.max=tree"):
        api.run("digits", network="gsu", samples=1, overrides=[chip])
    tree, plain = (api.run("digits", network="gsu", samples=3, detail="functional", overrides=overrides)
                   for overrides in ([chip, "mapping.max=auto"], []))
    np.testing.assert_allclose(tree.readout, plain.readout, rtol=1e-9)


def test_auto_leaves_alone_what_the_chip_can() -> None:
    network = reduction("max", 4)
    assert grow_trees(network, "auto", make_chip()) is network
    assert len(grow_trees(network, "auto", make_chip(**SUMS_ONLY)).populations) > 2


def test_formats_are_refused() -> None:
    network = reduction("max", 4)
    coded = replace(network, populations=(network.populations[0], replace(
        network.populations[1], codings={"graded": Coding(Format(8, 4))})))
    with pytest.raises(OptionError, match="mapping.max=tree with population 'y', which has formats already"):
        grow_trees(coded, "tree", make_chip())


def test_period_and_direction_are_kept() -> None:
    network = reduction("max", 4)
    slow = replace(network, populations=(network.populations[0], replace(network.populations[1], period=2)),
                   projections=network.projections[:2])
    assert {item.period for item in grow_trees(slow, "tree", make_chip()).populations[1:]} == {2}
    one = OneToOneWeights(np.ones(3))
    back = Network("b", (Population("x", "input", 3), Population("y", "reduce", 3, direction="reversed"),
                         Population("z", "linear", 3)), (Projection("x", "y", one, "max"), Projection("y", "z", one)))
    assert {item.direction for item in grow_trees(back, "tree", make_chip()).populations[1:-1]} == {"reversed"}
