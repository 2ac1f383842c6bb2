"""Each primitive of NIR against its equation, alone and in chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from importers.nir import import_nir
from importers.nir.primitives import PRIMITIVES, SUPPORTS
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, OneToOneWeights
from tests.importers.nir_files import Node, chain, convolutional, lif, line, unrolled, write_nir
from tests.importers.running import spikes_on_chip
from tests.oracle.models import evaluate_network

FloatArray = NDArray[np.float64]
RANDOM = np.random.default_rng(0)
DT = 1e-4


def sent(network: Network, x: FloatArray) -> FloatArray:
    """What the read-out population sends, by the plain-Python oracle."""
    (name,), (given,) = network.readouts, network.inputs
    output = network.population(name).spec.outputs[0].name
    return evaluate_network(unrolled(network), {given.name: x.reshape(len(x), -1)})[name, output]


def values(size: int, n_steps: int = 30) -> FloatArray:
    return np.random.default_rng(1).normal(size=(n_steps, size))


def test_table_names_every_primitive() -> None:
    assert {row.what for row in SUPPORTS} == {f"NIR {kind}" for kind in PRIMITIVES}


# kind -> (parameters of two neurons, the equation: (v, i, x) -> (v, i, spike or None))
def li(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    return v + DT / 5e-4 * (0.3 - v + 2.0 * x), i, None


def lif_equation(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    v = v + DT / 5e-4 * (0.3 - v + 2.0 * x)
    return np.where(v > 0.4, -0.1, v), i, v > 0.4


def integrate(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    return v + DT * 3e3 * x, i, None


def integrate_fire(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    v = v + DT * 3e3 * x
    return np.where(v > 0.4, -0.1, v), i, v > 0.4


def cuba_li(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    i = i + DT / 2e-4 * (-i + 1.5 * x)
    return v + DT / 5e-4 * (0.3 - v + 2.0 * i), i, None


def cuba_lif(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    v, i, _ = cuba_li(v, i, x)
    return np.where(v > 0.4, -0.1, v), i, v > 0.4


def threshold(v: Any, i: Any, x: Any) -> tuple[Any, ...]:
    return v, i, x > 0.4


LEAKY = {"tau": 5e-4, "r": 2.0, "v_leak": 0.3}
CUBA = {"tau_mem": 5e-4, "tau_syn": 2e-4, "r": 2.0, "v_leak": 0.3, "w_in": 1.5}
FIRES = {"v_threshold": 0.4, "v_reset": -0.1}
NEURONS = {
    "LI": (LEAKY, li), "LIF": ({**LEAKY, **FIRES}, lif_equation), "I": ({"r": 3e3}, integrate),
    "IF": ({"r": 3e3, **FIRES}, integrate_fire), "CubaLI": (CUBA, cuba_li), "CubaLIF": ({**CUBA, **FIRES}, cuba_lif),
    "Threshold": ({"threshold": 0.4}, threshold),
}


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons(kind: str, scalar: bool, tmp_path: Path) -> None:
    """Forward Euler of the equation in NIR's documentation, v and i from 0, the current of the step drives v."""
    fields, equation = NEURONS[kind]
    stored = {name: np.float64(value) if scalar else np.full(2, value) for name, value in fields.items()}
    network = import_nir(line(tmp_path / "n.nir", [2], (kind, stored))).network
    x, v, i = values(2, 60), np.zeros(2), np.zeros(2)
    expected = np.zeros((60, 2))
    for step in range(60):
        v, i, spike = equation(v, i, x[step])
        expected[step] = v if spike is None else spike
    assert expected.any()
    np.testing.assert_allclose(sent(network, x), expected, rtol=0, atol=1e-12)


def test_missing_reset_is_zero(tmp_path: Path) -> None:
    network = import_nir(line(tmp_path / "n.nir", [1], lif(1))).network
    assert network.population("n0").parameters["reset_value"] == 0.0


@pytest.mark.parametrize("integration", ["exact", "exponential", "rockpool"])
def test_integration(integration: str, tmp_path: Path) -> None:
    fields = {name: np.full(1, value) for name, value in LEAKY.items()}
    network = import_nir(line(tmp_path / "n.nir", [1], ("LI", fields)), integration=integration).network
    a, x, v = np.exp(-0.2), values(1), 0.0
    gain = {"exact": 2 * (1 - a), "exponential": 2 * 0.2, "rockpool": 2 * 0.2 / a}[integration]
    for step in range(len(x)):
        v = a * v + gain * x[step, 0] + (1 - a) * 0.3
    np.testing.assert_allclose(sent(network, x)[-1], v, rtol=1e-12)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1.0), ("ms", 1e3), ("steps", 1e4)])
def test_time_units(unit: str, factor: float, tmp_path: Path) -> None:
    """Time constants and delays in another unit."""
    nodes = (("Delay", {"delay": np.full(1, 3e-4 * factor)}),
             ("LI", {"tau": np.full(1, 5e-4 * factor), "r": np.ones(1), "v_leak": np.zeros(1)}))
    network = import_nir(line(tmp_path / "n.nir", [1], *nodes), framework="generic", tau_unit=unit).network
    np.testing.assert_allclose(network.population("n1").parameters["leak"], 0.8)
    assert network.projections[0].delay_steps == 3


AFFINE: Node = ("Affine", {"weight": RANDOM.normal(size=(3, 4)), "bias": RANDOM.normal(size=3)})


@pytest.mark.parametrize(("nodes", "function"), [
    ([AFFINE], lambda x: x @ AFFINE[1]["weight"].T + AFFINE[1]["bias"]),
    ([("Linear", {"weight": AFFINE[1]["weight"]})], lambda x: x @ AFFINE[1]["weight"].T),
    ([("Scale", {"scale": np.array([1.0, 2, 3, 4])})], lambda x: x * [1, 2, 3, 4]),
    ([("Scale", {"scale": np.array([1.0, 2, 3, 4])}), AFFINE, ("Scale", {"scale": np.array([2.0, 0.5, -1])})],
     lambda x: ((x * [1, 2, 3, 4]) @ AFFINE[1]["weight"].T + AFFINE[1]["bias"]) * [2, 0.5, -1]),
    ([AFFINE, ("Linear", {"weight": np.arange(6.0).reshape(2, 3)})],
     lambda x: (x @ AFFINE[1]["weight"].T + AFFINE[1]["bias"]) @ np.arange(6.0).reshape(2, 3).T),
], ids=["Affine", "Linear", "Scale", "Scale Affine Scale", "Affine Linear"])
def test_stateless(nodes: list[Node], function: Any, tmp_path: Path) -> None:
    """Before an Output, and before neurons."""
    x = values(4)
    expected = function(x)
    size = expected.shape[1]
    alone = import_nir(line(tmp_path / "a.nir", [4], *nodes)).network
    np.testing.assert_allclose(sent(alone, x), expected, rtol=1e-12, atol=1e-12)
    before = import_nir(line(tmp_path / "b.nir", [4], *nodes, ("I", {"r": np.full(size, 1 / DT)}))).network
    np.testing.assert_allclose(sent(before, x), np.cumsum(expected, axis=0), rtol=1e-9, atol=1e-9)
    assert len(before.populations) == 2 + (len(nodes) == 2)       # a second weighted node: a population between


def test_bias_reaches_the_current(tmp_path: Path) -> None:
    """A neuron that always fires carries it; twice the same step is one projection."""
    cuba = ("CubaLI", {name: np.full(3, value) for name, value in CUBA.items()})
    network = import_nir(line(tmp_path / "n.nir", [4], AFFINE, cuba)).network
    x, v, i = values(4), np.zeros(3), np.zeros(3)
    for step in range(len(x)):
        v, i, _ = cuba_li(v, i, x[step] @ AFFINE[1]["weight"].T + AFFINE[1]["bias"])
    np.testing.assert_allclose(sent(network, x)[-1], v, rtol=1e-12)


def test_delays(tmp_path: Path) -> None:
    """One delay for all before weights; a delay per neuron before and behind them; a delayed bias."""
    early, late = np.array([0.0, 1, 2, 5]), np.array([3.0, 0, 1])
    x = values(4)

    def shifted(y: FloatArray, steps: FloatArray) -> FloatArray:
        return np.stack([np.concatenate([np.zeros(int(n)), column[:len(column) - int(n)]])
                         for n, column in zip(steps, y.T, strict=True)], axis=1)

    network = import_nir(line(tmp_path / "n.nir", [4], ("Delay", {"delay": early * DT}), AFFINE,
                              ("Delay", {"delay": late * DT}))).network
    expected = shifted(shifted(x, early) @ AFFINE[1]["weight"].T + AFFINE[1]["bias"], late)
    np.testing.assert_allclose(sent(network, x), expected, rtol=1e-12, atol=1e-12)


CONVOLUTIONS: list[tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Conv2d", (3, 7, 8), {}, (4, 3, 3, 2)),
    ("Conv2d", (3, 7, 8), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}, (4, 3, 3, 2)),
    ("Conv2d", (4, 6, 6), {"groups": 2, "stride": (2, 2)}, (6, 2, 3, 3)),
    ("Conv2d", (2, 5, 6), {"padding": "same", "dilation": (2, 1)}, (3, 2, 3, 2)),
    ("Conv2d", (2, 5, 6), {"padding": "valid"}, (3, 2, 2, 4)),
    ("Conv1d", (3, 11), {"stride": 2, "padding": 2, "dilation": 2}, (4, 3, 3)),
    ("Conv1d", (4, 9), {"padding": "same", "groups": 4}, (4, 1, 4)),
]


@pytest.mark.parametrize(("kind", "shape", "options", "kernel"), CONVOLUTIONS)
def test_convolutions(kind: str, shape: tuple[int, ...], options: dict[str, Any], kernel: tuple[int, ...],
                      tmp_path: Path) -> None:
    """Against PyTorch, padding and places included."""
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    weight, bias = RANDOM.normal(size=kernel), RANDOM.normal(size=kernel[0])
    numbers: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
    function = torch.nn.functional.conv1d if kind == "Conv1d" else torch.nn.functional.conv2d
    x = values(int(np.prod(shape)), 3)
    expected = function(torch.tensor(x.reshape(3, *shape)), torch.tensor(weight), torch.tensor(bias), **numbers)
    stored = {name: value if isinstance(value, str | int) else np.array(value) for name, value in numbers.items()}
    result = import_nir(line(tmp_path / "n.nir", shape, (kind, {"weight": weight, "bias": bias, **stored})))
    assert isinstance(result.network.projections[0].weights, ConvolutionWeights)
    np.testing.assert_allclose(sent(result.network, x), expected.numpy().reshape(3, -1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
@pytest.mark.parametrize(("size", "stride", "padding"), [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 3), (1, 1))])
def test_pools(kind: str, size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], tmp_path: Path
               ) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    x = values(3 * 6 * 7, 3)
    pooled = torch.nn.functional.avg_pool2d(torch.tensor(x.reshape(3, 3, 6, 7)), size, stride, padding).numpy()
    expected = pooled * (size[0] * size[1] if kind == "SumPool2d" else 1)
    fields = {"kernel_size": np.array(size), "stride": np.array(stride), "padding": np.array(padding)}
    network = import_nir(line(tmp_path / "n.nir", (3, 6, 7), (kind, fields))).network
    np.testing.assert_allclose(sent(network, x), expected.reshape(3, -1), rtol=1e-12, atol=1e-12)


def test_convolutional_network(tmp_path: Path) -> None:
    """The pool becomes a population of graded values before the dense layer; the chip computes what the oracle does."""
    result = import_nir(convolutional(tmp_path / "n.nir"))
    models = {population.name: population.model for population in result.network.populations}
    assert models == {"input": "input", "n1": "lif", "n2": "linear", "n5": "lif"}
    kinds = [type(projection.weights) for projection in result.network.projections]
    assert kinds == [ConvolutionWeights, ConvolutionWeights, DenseWeights]
    assert any("'n2' is a `linear` population" in note for note in result.report.notes)
    assert {line.key: line.action for line in result.report.lines} == {
        "input": "mapped", "n0": "folded", "n1": "mapped", "n2": "mapped", "n3": "folded", "n4": "folded",
        "n5": "mapped", "output": "mapped"}
    x = np.random.default_rng(6).uniform(0, 2, (25, 72))
    expected = evaluate_network(unrolled(result.network), {"input": x})
    assert expected["n5", "spike"].sum() > 3
    found = spikes_on_chip(result.network, x)
    np.testing.assert_array_equal(found["n1"], expected["n1", "spike"])
    np.testing.assert_array_equal(found["n5"], expected["n5", "spike"])


def test_gains_within_a_channel(tmp_path: Path) -> None:
    """A convolution cannot hold a gain per neuron: a population between does."""
    r = np.arange(1.0, 10).reshape(1, 3, 3) / DT
    convolution = {"weight": np.ones((1, 1, 1, 1)), "stride": np.array([1, 1]), "padding": "valid", "groups": 1,
                   "dilation": np.array([1, 1])}
    network = import_nir(line(tmp_path / "n.nir", (1, 3, 3), ("Conv2d", convolution), ("I", {"r": r}))).network
    x = values(9)
    np.testing.assert_allclose(sent(network, x)[-1], x.sum(axis=0) * np.arange(1, 10), rtol=1e-9)
    assert [population.model for population in network.populations] == ["input", "linear", "integrator"]


def test_nested_graph(tmp_path: Path) -> None:
    """A recurrent layer as a graph within the graph: its nodes carry its name."""
    weight = RANDOM.normal(size=(3, 3))
    inner = {"nodes": {"input": ("Input", {"shape": np.array([3])}), "lif": lif(3),
                       "w_rec": ("Linear", {"weight": weight}), "output": ("Output", {"shape": np.array([3])})},
             "edges": [*chain("input", "lif", "output"), *chain("lif", "w_rec", "lif")]}
    nodes = {"input": ("Input", {"shape": np.array([3])}), "layer": ("NIRGraph", inner),
             "output": ("Output", {"shape": np.array([3])})}
    result = import_nir(write_nir(tmp_path / "n.nir", nodes, chain("input", "layer", "output")))
    network = result.network
    assert network.readouts == ("layer.lif",)
    assert [(p.source, p.target, p.delay_steps) for p in network.projections] == [
        ("input", "layer.lif", 0), ("layer.lif", "layer.lif", 1)]
    assert isinstance(network.projections[0].weights, OneToOneWeights)
    np.testing.assert_allclose(network.projections[1].weights.values, weight.T)


@pytest.mark.parametrize(("start", "first"), [("bias", 0.5), ("silent", 0.0)])
def test_recurrent_start(start: str, first: float, tmp_path: Path) -> None:
    """Whether the recurrence's bias acts at step 0; later it always does."""
    nodes = {"input": ("Input", {"shape": np.array([1])}), "v": ("I", {"r": np.full(1, 1 / DT)}),
             "rec": ("Affine", {"weight": np.zeros((1, 1)), "bias": np.full(1, 0.5)}),
             "output": ("Output", {"shape": np.array([1])})}
    path = write_nir(tmp_path / "n.nir", nodes, [*chain("input", "v", "output"), *chain("v", "rec", "v")])
    found = sent(import_nir(path, recurrent_start=start).network, np.zeros((4, 1)))[:, 0]
    np.testing.assert_allclose(found, first + 0.5 * np.arange(4))


def test_order_of_edges_does_not_matter(tmp_path: Path) -> None:
    edges = [("input", "a"), ("input", "b"), ("a", "n"), ("b", "n"), ("n", "output")]
    nodes = {"input": ("Input", {"shape": np.array([2])}), "a": ("Linear", {"weight": RANDOM.normal(size=(2, 2))}),
             "b": ("Linear", {"weight": RANDOM.normal(size=(2, 2))}), "n": lif(2),
             "output": ("Output", {"shape": np.array([2])})}
    first = import_nir(write_nir(tmp_path / "n1.nir", nodes, edges)).network
    second = import_nir(write_nir(tmp_path / "n2.nir", nodes, [*reversed(edges), edges[0]])).network
    assert len(first.projections) == 2
    for one, other in zip(first.projections, second.projections, strict=True):
        np.testing.assert_array_equal(one.weights.values, other.weights.values)


def test_files_of_the_reference_package(tmp_path: Path) -> None:
    """What nir.write writes, with its own types and packing."""
    nir = pytest.importorskip("nir", reason="nir, the reference package, is not installed")
    weight, kernel = RANDOM.normal(size=(2, 12)), RANDOM.normal(size=(3, 1, 2, 2))
    nodes = {
        "in": nir.Input({"input": np.array([1, 5, 5])}),
        "conv": nir.Conv2d((5, 5), kernel, 1, 0, 1, 1, np.zeros(3)),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([3, 2, 2])}, 0, -1),
        "fc": nir.Affine(weight, np.array([0.5, -1.0])), "delay": nir.Delay(np.full(2, 2e-4)),
        "scale": nir.Scale(np.array([2.0, 3.0])), "v": nir.I(np.full(2, 1 / DT)),
        "out": nir.Output({"output": np.array([2])})}
    nir.write(tmp_path / "n.nir", nir.NIRGraph(nodes, chain(*nodes), type_check=False))
    x = values(25, 6)
    image = x.reshape(6, 5, 5)
    pooled = np.zeros((6, 3, 2, 2))
    for row, column, i, j in np.ndindex(4, 4, 2, 2):
        pooled[:, :, row // 2, column // 2] += image[:, None, row + i, column + j] * kernel[:, 0, i, j]
    after = (pooled.reshape(6, 12) @ weight.T + [0.5, -1.0]) * [2.0, 3.0]
    expected = np.cumsum(np.concatenate([np.zeros((2, 2)), after[:4]]), axis=0)
    np.testing.assert_allclose(sent(import_nir(tmp_path / "n.nir").network, x), expected, rtol=1e-9, atol=1e-12)
