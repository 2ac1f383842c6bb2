"""Networks written as NIR read back as the same networks, and as networks that other tools accept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.nir import import_nir
from neurosim.errors import NetworkError, OptionError
from neurosim.export.nir import to_nir
from neurosim.graph import (
    ConvolutionWeights,
    DenseWeights,
    Network,
    OneToOneWeights,
    Population,
    Projection,
    SparseWeights,
)
from tests.importers.nir_files import convolutional, unrolled
from tests.oracle.models import evaluate_network


def contents(network: Network) -> Any:
    """Everything a network is, as plain values that compare bit for bit."""
    populations = [(item.name, item.model, item.size, dict(item.attributes),
                    {name: table.tolist() for name, table in item.parameters.items()}) for item in network.populations]
    projections = [(item.source, item.target, item.port, np.asarray(item.delay_steps).tolist(),
                    type(item.weights).__name__, item.weights.values.tolist(), _geometry(item.weights))
                   for item in network.projections]
    return populations, projections, network.readouts


def _geometry(weights: Any) -> Any:
    if not isinstance(weights, ConvolutionWeights):
        return weights.shape
    return (weights.input_shape, weights.output_shape, weights.stride, weights.padding, weights.dilation,
            weights.groups)


def there_and_back(network: Network, folder: Path, **options: Any) -> Network:
    path = folder / "there.nir"
    to_nir(network, path, force=True)
    return import_nir(path, framework="generic", name=network.name, **options).network


@pytest.mark.parametrize(("file", "options"), [
    ("nir/01_lif/lif_norse.nir", {}), ("nir/01_lif/two_lif_neurons.nir", {}),
    ("nir/01_lif/lif_rockpool.nir", {"framework": "generic"}), ("framework_exports/norse_1.1.0.nir", {}),
    ("framework_exports/snntorch_1.0.0.nir", {}), ("framework_exports/snntorch_1.0.0_rec.nir", {}),
    ("nir/03_rnn/braille_noDelay_bias_zero.nir", {}),
    ("nir/03_rnn/braille_noDelay_bias_zero.nir", {"framework": "norse"}),
])
def test_files_of_other_tools(file: str, options: dict[str, Any], outside_data: Callable[[str], Path], tmp_path: Path
                              ) -> None:
    """NIR -> network -> NIR -> network: the same to the last bit; and nir reads it with its checks on."""
    first = import_nir(outside_data(file), name="n", **options).network
    assert contents(there_and_back(first, tmp_path)) == contents(first)
    nir = pytest.importorskip("nir", reason="nir, the reference package, is not installed")
    assert set(nir.read(tmp_path / "there.nir").nodes) >= {population.name for population in first.populations
                                                           if population.name != "bias"}


@st.composite
def networks(draw: Any) -> Network:
    """Layers of neurons behind each other: dense, single weights or convolutions, with delays and recurrence."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.sampled_from([(4,), (1, 4, 5), (2, 5, 4)]))
    populations = [Population("x", "input", int(np.prod(shape)))]
    projections: list[Projection] = []
    for index in range(draw(st.integers(1, 4))):
        source = populations[-1]
        weights, shape = draw_weights(draw, random, shape)
        size = int(np.prod(shape))
        name = f"{index}.{draw(st.sampled_from(['a', 'b', 'lif.w', 'ö']))}"
        populations.append(draw_neurons(draw, random, name, size))
        projections.append(Projection(source.name, name, weights, delay_steps=draw(st.integers(0, 2))))
        if populations[-1].model in ("lif", "cuba") and draw(st.booleans()):
            own = DenseWeights(random.normal(size=(size, size))) if draw(st.booleans()) else \
                OneToOneWeights(random.normal(size=size))
            projections.append(Projection(name, name, own, delay_steps=draw(st.integers(1, 3))))
        if len(populations) > 2 and draw(st.booleans()):      # back to the layer before: a loop through two
            target = populations[-2]
            if target.model != "linear":
                projections.append(Projection(name, target.name, DenseWeights(random.normal(size=(size, target.size))),
                                              delay_steps=draw(st.integers(1, 2))))
    return Network("n", tuple(populations), tuple(projections), (populations[-1].name,))


def draw_weights(draw: Any, random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    kind = draw(st.sampled_from(["dense", "single", "convolution"]))
    if kind == "convolution" and len(shape) == 3 and min(shape[1:]) >= 2:
        channels, stride, padding = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 1))
        out = (channels, (shape[1] + 2 * padding - 2) // stride + 1, (shape[2] + 2 * padding - 2) // stride + 1)
        values = random.normal(size=(channels, shape[0], 2, 2))
        return ConvolutionWeights(values, shape, out, (stride, stride), (padding, padding)), out
    size = int(np.prod(shape))
    if kind == "single":
        return OneToOneWeights(random.normal(size=size)), shape
    return DenseWeights(random.normal(size=(size, 6))), (6,)


def draw_neurons(draw: Any, random: np.random.Generator, name: str, size: int) -> Population:
    model = draw(st.sampled_from(["lif", "cuba", "integrator", "if", "threshold"]))
    leak = random.choice([0.0, 0.3, 0.5, 0.9, 0.96, 1 - 2.0**-20], size) if draw(st.booleans()) \
        else random.uniform(0, 0.999, size)
    fires = {"threshold": random.uniform(0.1, 2, size), "reset_value": random.uniform(-1, 0.05, size)}
    above = {"comparator": ">", "reset": "hard"}
    bias = random.normal(size=size) if draw(st.booleans()) else np.zeros(size)
    if model == "lif":
        return Population(name, "lif", size, {"leak": leak, "bias": bias, **fires}, above)
    if model == "cuba":
        return Population(name, "cuba", size, {"leak": leak, "current_leak": random.uniform(0, 0.99, size),
                                               "bias": bias, **fires}, above)
    if model == "integrator":
        return Population(name, "integrator", size, {"leak": leak, "bias": bias})
    if model == "if":
        return Population(name, "lif", size, {"leak": 1.0, **fires}, above)
    return Population(name, "lif", size, {"leak": 0.0, "threshold": fires["threshold"]},
                      {"comparator": ">", "reset": "none"})


@settings(max_examples=60)
@given(network=networks())
def test_second_trip_changes_nothing(network: Network, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Graph -> NIR -> graph moves leaks by an ulp at most; from then on NIR -> graph is the identity."""
    folder = tmp_path_factory.mktemp("nir")
    first = there_and_back(network, folder)
    assert contents(there_and_back(first, folder)) == contents(first)
    assert [(p.name, p.model, p.size, p.attributes) for p in network.populations if p.model != "linear"] == \
        [(p.name, p.model, p.size, p.attributes) for p in first.populations if p.model != "linear"]


@settings(max_examples=25)
@given(network=networks())
def test_same_function(network: Network, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is read back computes the same, but for rounding."""
    back = there_and_back(network, tmp_path_factory.mktemp("nir"))
    x = np.random.default_rng(0).normal(size=(6, network.populations[0].size))
    one, other = (evaluate_network(unrolled(item), {"x": x}) for item in (network, back))
    for population in network.populations[1:]:
        output = population.spec.outputs[0].name
        np.testing.assert_allclose(one[population.name, output], other[population.name, output], rtol=1e-6, atol=1e-9)


def test_convolutional_network(tmp_path: Path) -> None:
    """Convolution, neurons that are an image, a pool of graded values, flattened into a dense layer."""
    first = import_nir(convolutional(tmp_path / "first.nir"), name="n").network
    assert "linear" in {population.model for population in first.populations}
    assert contents(there_and_back(first, tmp_path)) == contents(first)
    nir = pytest.importorskip("nir", reason="nir, the reference package, is not installed")
    assert {type(node).__name__ for node in nir.read(tmp_path / "there.nir").nodes.values()} == {
        "Input", "Conv2d", "LIF", "AvgPool2d", "Flatten", "Linear", "Output"}


def small(**changes: Any) -> Network:
    population = {"name": "n", "model": "lif", "size": 3, "parameters": {"leak": 0.5},
                  "attributes": {"comparator": ">"}, **changes}
    return Network("small", (Population("x", "input", 3), Population(**population)),
                   (Projection("x", "n", DenseWeights(np.eye(3))),), ("n",))


@pytest.mark.parametrize(("network", "reason"), [
    (small(attributes={"reset": "soft"}), "n: reset soft"),
    (small(parameters={"leak": 1.5}), "n: leak from 1.5 to 1.5"),
    (small(parameters={"leak": [0.5, 1.0, 0.5]}), "n: leak from 0.5 to 1"),
    (small(parameters={"leak": 0.5, "refractory_steps": 2}), "n: refractory time"),
    (small(model="sigma_delta", parameters={}, attributes={}), "n: model sigma_delta"),
    (Network("r", (*small().populations, Population("r", "linear", 3, direction="reversed")),
             (*small().projections, Projection("x", "r", DenseWeights(np.eye(3)))), ("n",)),
     "r: takes its tokens from the last to the first"),
])
def test_reasons(network: Network, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=reason):
        to_nir(network, tmp_path / "n.nir")
    assert not list(tmp_path.iterdir())


def test_all_reasons_at_once(tmp_path: Path) -> None:
    rows = SparseWeights(np.array([0, 1, 2, 3]), np.array([0, 1, 0]), np.ones(3), 3)
    network = Network("bad", (Population("x", "input", 3), Population("s", "ssm", 3, {
        "a_real": np.ones((3, 1)), "a_imag": np.ones((3, 1)), "c_real": np.ones((3, 1)), "c_imag": np.ones((3, 1))},
        n_modes=1), Population("l", "lif", 3, {"leak": 0.5, "refractory_steps": 1})),
        (Projection("x", "s", rows), Projection("s", "l", OneToOneWeights(np.ones(3)))))
    with pytest.raises(NetworkError) as caught:
        to_nir(network, tmp_path / "n.nir")
    for reason in ("s: model ssm", "l: refractory time"):
        assert reason in str(caught.value)


def test_delay_per_synapse(tmp_path: Path) -> None:
    rows = SparseWeights(np.array([0, 1, 2, 3]), np.array([0, 1, 0]), np.ones(3), 3)
    network = small()
    network = Network("n", network.populations, (Projection("x", "n", rows, delay_steps=np.array([0, 1, 0])),), ("n",))
    with pytest.raises(NetworkError, match="a delay per synapse"):
        to_nir(network, tmp_path / "n.nir")


def test_comparator_is_nudged(tmp_path: Path) -> None:
    """The condition v >= 1 is v > the next smaller number."""
    network = small(attributes={"comparator": ">="}, parameters={"leak": 0.5, "threshold": 1.0})
    notes = to_nir(network, tmp_path / "n.nir")
    assert len(notes) == 1 and "next smaller number" in notes[0]
    back = import_nir(tmp_path / "n.nir").network
    assert back.population("n").parameters["threshold"].tolist() == [np.nextafter(1.0, 0)] * 3
    x = np.array([[1.0, np.nextafter(1.0, 0), np.nextafter(1.0, 2)]])
    one, other = (evaluate_network(item, {"x": x})["n", "spike"].tolist() for item in (network, back))
    assert one == other == [[1, 0, 1]]


def test_listed_synapses(tmp_path: Path) -> None:
    rows = SparseWeights(np.array([0, 1, 2, 3]), np.array([0, 1, 0]), np.array([1.0, 2, 3]), 3)
    network = Network("n", small().populations, (Projection("x", "n", rows),), ("n",))
    assert any("whole matrix" in note for note in to_nir(network, tmp_path / "n.nir"))
    (projection,) = import_nir(tmp_path / "n.nir").network.projections
    np.testing.assert_array_equal(projection.weights.values, [[1, 0, 0], [0, 2, 0], [3, 0, 0]])


def test_linear_populations(tmp_path: Path) -> None:
    """As the only weights, as a sum of several, and as a read-out."""
    random = np.random.default_rng(1)

    def dense(pre: int, post: int) -> DenseWeights:
        return DenseWeights(random.normal(size=(pre, post)))

    network = Network("n", (Population("x", "input", 3), Population("one", "linear", 4, {"bias": np.arange(4.0)}),
                            Population("sum", "linear", 2), Population("read", "linear", 2, {"bias": 1.0})),
                      (Projection("x", "one", dense(3, 4)), Projection("x", "sum", dense(3, 2)),
                       Projection("one", "sum", dense(4, 2), delay_steps=1), Projection("sum", "read", dense(2, 2))),
                      ("read",))
    back = there_and_back(network, tmp_path)
    assert contents(back) == contents(network)


def test_options(tmp_path: Path) -> None:
    to_nir(small(), tmp_path / "n.nir")
    with pytest.raises(OptionError, match=r"n\.nir exists"):
        to_nir(small(), tmp_path / "n.nir")
    with pytest.raises(OptionError, match=r"dt = 0"):
        to_nir(small(), tmp_path / "m.nir", dt=0)
