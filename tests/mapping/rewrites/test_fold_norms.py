"""`fold_norms`: the same function with fewer populations, or with norms that have nothing of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile
from importers.mimo.event_ssm import import_event_ssm
from importers.mimo.s5 import import_s5
from neurosim.engine.batch import BatchPass
from neurosim.errors import OptionError
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)
from neurosim.mapping import MappingOptions
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.rewrite import rewritten
from neurosim.mapping.rewrites.fold_norms import fold_norms
from tests.engine.cases import build_inputs, build_network
from tests.engine.coded import coded
from tests.importers.trees import event_ssm, s5
from tests.mapping.chips import make_chip

RANDOM = np.random.default_rng(7)


def readouts(network: Network, inputs: np.ndarray) -> np.ndarray:
    """Return float64[sample, token, …] of all read-outs."""
    found = BatchPass(lower_neurons(network), inputs, readout_tokens=True).run()
    assert found.readout_tokens is not None
    return np.asarray(found.readout_tokens)


def assert_same(network: Network, *, gone: set[str] = frozenset()) -> Network:     # type: ignore[assignment]
    folded = fold_norms(network)
    assert {item.name for item in network.populations} - {item.name for item in folded.populations} == gone
    inputs = np.random.default_rng(1).normal(size=(2, 9, sum(item.size for item in network.inputs)))
    inputs *= np.random.default_rng(2).random(inputs.shape) < 0.7
    np.testing.assert_allclose(readouts(folded, inputs), readouts(network, inputs), rtol=1e-9, atol=1e-10)
    return folded


def norm(name: str, size: int = 3, bias: bool = True) -> Population:
    return Population(name, "linear", size, {"bias": RANDOM.normal(size=size) if bias else 0.0})


def dense(source: str, target: str, pre: int, post: int, **given: Any) -> Projection:
    return Projection(source, target, DenseWeights(RANDOM.normal(size=(pre, post))), **given)


def gains(source: str, target: str, size: int = 3, **given: Any) -> Projection:
    return Projection(source, target, OneToOneWeights(RANDOM.normal(1, 0.3, size)), **given)


def given(size: int = 3) -> Population:
    return Population("x", "input", size, attributes={"payload": "graded"})


def test_a_batch_norm_goes_into_what_is_behind_it() -> None:
    """All of it: weights and biases of a gate's ports, of sparse and of delayed synapses."""
    sparse = SparseWeights(np.array([0, 2, 2, 3]), np.array([1, 0, 1]), RANDOM.normal(size=3), 2)
    network = Network("n", (given(), norm("norm"), Population("g", "glu", 2), Population("r", "relu", 2)), (
        gains("x", "norm"), dense("norm", "g", 3, 2, port="value"), dense("norm", "g", 3, 2, port="gate"),
        Projection("norm", "r", sparse)), ("g", "r"))
    assert_same(network, gone={"norm"})


@pytest.mark.parametrize(("bias", "gone"), [(False, {"norm"}), (True, set())])
def test_a_shift_needs_a_bias_behind_it(bias: bool, gone: set[str]) -> None:
    network = Network("n", (given(), norm("norm", bias=bias), Population(
        "m", "mode", 3, {"a_real": 0.5, "a_imag": 0.2}), Population("y", "linear", 2)), (
        gains("x", "norm", delay_steps=1), gains("norm", "m", port="real"), dense("m", "y", 3, 2)), ("y",))
    assert_same(network, gone=gone)


@pytest.mark.parametrize("delays", [(0, 1), (1, 0), (2, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_delays_add_up_and_stay_where_a_shift_would_come_too_early(delays: tuple[int, int], bias: bool) -> None:
    network = Network("n", (given(), norm("norm", bias=bias), Population("y", "gelu", 2)), (
        gains("x", "norm", delay_steps=delays[0]), dense("norm", "y", 3, 2, delay_steps=delays[1])), ("y",))
    folded = assert_same(network, gone=set() if bias else {"norm"})
    if not bias:
        assert folded.projections[0].delay_steps == sum(delays)


def test_a_norm_goes_into_the_sum_before_it() -> None:
    """Where nobody else hears the sum; synapses of all kinds, with delays."""
    kernel = ConvolutionWeights(RANDOM.normal(size=(3, 1, 1, 1)), (1, 1, 1), (3, 1, 1))
    parts = (given(), Population("one", "gelu", 1), norm("sum"), norm("norm"), Population("y", "relu", 2))
    ways = (dense("x", "one", 3, 1), dense("x", "sum", 3, 3, delay_steps=2), gains("x", "sum"), gains("sum", "norm"),
            Projection("norm", "y", DenseWeights(RANDOM.normal(size=(3, 2)))))
    folded = assert_same(Network("n", parts, ways, ("norm", "y")), gone={"sum"})
    assert sorted(way.target for way in folded.projections) == ["norm", "norm", "one", "y"]
    heard = Network("n", parts, (*ways, dense("sum", "y", 3, 2)), ("norm", "y"))
    assert_same(heard)
    uneven = Network("n", parts, (*ways, Projection("one", "sum", kernel)), ("norm", "y"))
    assert_same(uneven)


def test_gain_and_bias_of_a_layer_norm() -> None:
    def network(*behind: str) -> Network:
        populations = [given(), Population("mean", "reduce", 1), Population("c", "center", 3),
                       Population("v", "reduce", 1), Population("ln", "layer_norm", 3, {
                           "scale": RANDOM.normal(1, 0.2, 3), "bias": RANDOM.normal(size=3)})]
        ways = [Projection("x", "mean", DenseWeights(np.full((3, 1), 1 / 3)), "sum"), gains("x", "c", port="value"),
                Projection("mean", "c", DenseWeights(np.ones((1, 3))), "mean"),
                Projection("c", "v", DenseWeights(np.full((3, 1), 1 / 3)), "sum", "square"),
                Projection("c", "ln", OneToOneWeights(np.ones(3)), "value", "graded"),
                Projection("v", "ln", DenseWeights(np.ones((1, 3))), "variance")]
        for name in behind:
            populations.append(Population(name, name, 2, {"leak": 0.5} if name == "integrator" else {}))
            ways.append(dense("ln", name, 3, 2))
        return Network("n", tuple(populations), tuple(ways), behind)

    folded = assert_same(network("gelu")).population("ln").parameters
    assert np.all(folded["scale"] == 1) and np.all(folded["bias"] == 0)
    folded = assert_same(network("gelu", "integrator")).population("ln").parameters
    assert np.all(folded["scale"] == 1) and np.all(folded["bias"] != 0), "an integrator adds its bias up"


@pytest.mark.parametrize("place", ["pre", "post"])
@pytest.mark.parametrize("family", ["layer", "batch"])
def test_trained_forms(family: str, place: str) -> None:
    for made in (import_event_ssm(TensorFile("net.npz", event_ssm(family=family, place=place)), norm_place=place),
                 import_s5(TensorFile("net.npz", s5(family=family)), norm_place=place, activation="half_glu2")):
        folded = fold_norms(made.network)
        n_norms = [sum(bool(np.any(item.parameters["scale"] != 1)) for item in network.populations
                       if item.model == "layer_norm") for network in (made.network, folded)]
        assert (n_norms[0] > 0) == (family == "layer") and n_norms[1] == 0
        inputs = np.abs(np.random.default_rng(3).normal(size=(1, 12, sum(item.size for item in made.network.inputs))))
        if family == "batch" and place == "post":
            assert len(folded.populations) < len(made.network.populations)
        spikes = np.cumsum([0, *(item.size for item in made.network.inputs)])
        for item, start in zip(made.network.inputs, spikes, strict=False):
            if item.attributes["payload"] == "spike":
                inputs[..., start:start + item.size] = inputs[..., start:start + item.size] > 1.5
        np.testing.assert_allclose(readouts(folded, inputs), readouts(made.network, inputs), rtol=1e-9, atol=1e-10)


def with_norms(network: Network, random: np.random.Generator) -> Network:
    """Return the network with norms put into some of its projections."""
    populations, ways = list(network.populations), []
    for number, way in enumerate(network.projections):
        if random.random() < 0.5:
            ways.append(way)
            continue
        name, size = f"norm{number}", network.population(way.source).size
        bias = random.normal(size=size) * (random.random() < 0.5)
        populations.append(Population(name, "linear", size, {"bias": bias}))
        ways += [Projection(way.source, name, OneToOneWeights(random.normal(1, 0.2, size)), output=way.output),
                 replace(way, source=name, output="")]
    return replace(network, populations=tuple(populations), projections=tuple(ways))


def test_random_networks() -> None:
    folded = 0
    for seed in range(60):
        random = np.random.default_rng(seed)

        def choose(options: Any, random: np.random.Generator = random) -> Any:
            return options[int(random.integers(len(options)))]

        network = with_norms(build_network(choose, random, ("linear", "relu", "gelu", "glu", "gsu", "ssm", "reduce")),
                             random)
        inputs, found = build_inputs(network, choose, random), fold_norms(network)
        folded += found is not network
        if network.readouts:
            np.testing.assert_allclose(readouts(found, inputs), readouts(network, inputs), rtol=1e-8, atol=1e-9)
    assert folded >= 20


def test_what_stays_and_what_is_refused() -> None:
    network = Network("n", (given(), norm("norm"), Population("y", "relu", 2)),
                      (gains("x", "norm"), dense("norm", "y", 3, 2)), ("y",))
    chip = make_chip()
    assert rewritten(network, MappingOptions(), chip) is network
    assert len(rewritten(network, MappingOptions(fold_norms=True), chip).populations) == 2
    assert fold_norms(replace(network, readouts=("norm",))).populations == network.populations
    with pytest.raises(OptionError, match="fold_norms with a network that has formats"):
        fold_norms(coded(network, np.random.default_rng(0)))
