"""State dicts of snnTorch against its documented equations, its NIR export and its recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from importers.files.tensors import TensorFile
from importers.nir import import_nir
from importers.snntorch_state import import_snntorch_state, recognises
from neurosim.errors import DataError, OptionError
from neurosim.graph import DenseWeights
from tests.oracle import frameworks
from tests.oracle.models import evaluate_network

Find = Callable[[str], Path]
MECHANISMS = {"subtract": 0, "zero": 1, "none": 2}


def read_pt(path: Path) -> TensorFile:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    state = torch.load(path, weights_only=True, map_location="cpu")
    return TensorFile(str(path), {key: values.numpy() for key, values in state.items()})


def layer(name: str, size: int, mechanism: str, random: np.random.Generator, *, has_current: bool = False,
          recurrent: str = "") -> dict[str, NDArray[Any]]:
    """Return the keys of one layer of neurons."""
    found = {"beta": random.uniform(0.5, 0.95, size), "threshold": np.array(1.0), "graded_spikes_factor": np.array(1.0),
             "reset_mechanism_val": np.array(MECHANISMS[mechanism])}
    if has_current:
        found["alpha"] = random.uniform(0.3, 0.8, size)
    if recurrent == "all":
        found |= {"recurrent.weight": random.normal(size=(size, size)) * 0.4,
                  "recurrent.bias": random.normal(size=size) * 0.2}
    elif recurrent == "own":
        found["recurrent.V"] = random.normal(size=size)
    return {f"{name}.{key}": values for key, values in found.items()}


def network(mechanism: str, has_current: bool, recurrent: str) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(7)
    return {"fc1.weight": random.normal(size=(9, 6)), "fc1.bias": random.normal(size=9) * 0.3,
            **layer("lif1", 9, mechanism, random, has_current=has_current, recurrent=recurrent),
            "fc2.weight": random.normal(size=(4, 9)), **layer("lif2", 4, mechanism, random, has_current=has_current)}


def expected(state: dict[str, NDArray[Any]], x: NDArray[np.float64], mechanism: str, reset_delay: bool
             ) -> list[NDArray[np.float64]]:
    found = []
    for number in ("1", "2"):
        name, size = f"lif{number}", len(state[f"fc{number}.weight"])
        recurrent = None
        if f"{name}.recurrent.weight" in state:
            recurrent = state[f"{name}.recurrent.weight"], state[f"{name}.recurrent.bias"]
        elif f"{name}.recurrent.V" in state:
            recurrent = np.diag(state[f"{name}.recurrent.V"]), np.zeros(size)
        current = x @ state[f"fc{number}.weight"].T + state.get(f"fc{number}.bias", 0.0)
        x = frameworks.snntorch(current, state[f"{name}.beta"], np.ones(size), alpha=state.get(f"{name}.alpha"),
                                mechanism=mechanism, reset_delay=reset_delay, recurrent=recurrent)
        found.append(x)
    return found


@pytest.mark.parametrize("reset_delay", [True, False])
@pytest.mark.parametrize("recurrent", ["", "all", "own"])
@pytest.mark.parametrize("has_current", [False, True])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_equations(mechanism: str, has_current: bool, recurrent: str, reset_delay: bool) -> None:
    """Leaky, Synaptic, RLeaky and RSynaptic with every reset."""
    state = network(mechanism, has_current, recurrent)
    x = np.random.default_rng(8).uniform(-0.5, 0.9, (120, 6))
    result = import_snntorch_state(TensorFile("net.pt", state), reset_delay=reset_delay)
    sent = evaluate_network(result.network, {"input": x})
    first, second = expected(state, x, mechanism, reset_delay)
    assert first.sum() > 20 and second.sum() > 5
    np.testing.assert_array_equal(sent["lif1", "spike"], first)
    np.testing.assert_array_equal(sent["lif2", "spike"], second)
    assert sorted(line.key for line in result.report.lines) == sorted(state)


def test_same_network_as_its_nir(outside_data: Find) -> None:
    """The same weights, leaks and spikes; NIR has lost that the reset subtracts."""
    nir = import_nir(outside_data("framework_exports/snntorch_1.0.0.nir"), reset="soft_delayed").network
    state = import_snntorch_state(read_pt(outside_data("framework_exports/snntorch_1.0.0.pt"))).network
    one, other = ([(p.name, p.model, p.size) for p in item.populations] for item in (nir, state))
    assert one == other
    for one, other in zip(nir.populations[1:], state.populations[1:], strict=True):
        for name, values in one.parameters.items():
            np.testing.assert_allclose(values, other.parameters[name], rtol=0, atol=5e-7)
    x = np.random.default_rng(9).uniform(0, 1.5, (300, 12))
    one, other = (evaluate_network(network, {"input": x}) for network in (nir, state))
    assert one["3", "spike"].sum() > 5
    np.testing.assert_array_equal(one["1", "spike"], other["1", "spike"])
    np.testing.assert_array_equal(one["3", "spike"], other["3", "spike"])


def test_braille_recording(outside_data: Find) -> None:
    """Trained with reset_delay = False: 0 of 9728 entries differ."""
    source = read_pt(outside_data("nir/03_rnn/model_noDelay_bias_ref_zero.pt"))
    assert recognises(source)
    network = import_snntorch_state(source, reset_delay=False).network
    x = np.load(outside_data("nir/03_rnn/ds_test_sample0_input.npy")).reshape(-1, 12).astype(float)
    sent = evaluate_network(network, {"input": x})
    recorded = np.load(outside_data("nir/03_rnn/snntorch_activity_noDelay_bias_zero.npy"))
    np.testing.assert_array_equal(sent["lif1", "spike"], recorded)
    assert sent["lif2", "spike"].sum(axis=0).tolist() == [10, 160, 112, 113, 103, 68, 121]


def test_graded_spikes_scale_what_follows() -> None:
    state = network("zero", False, "all")
    state["lif1.graded_spikes_factor"] = np.array(0.5)
    network_ = import_snntorch_state(TensorFile("net.pt", state)).network
    weights = {(p.source, p.target): p.weights for p in network_.projections}
    for key, name in ((("lif1", "lif2"), "fc2.weight"), (("lif1", "lif1"), "lif1.recurrent.weight")):
        found = weights[key]
        assert isinstance(found, DenseWeights)
        np.testing.assert_array_equal(found.values, state[name].T * 0.5)


def test_order() -> None:
    """Sorted keys, as safetensors keeps them, are put in order by the numbers in the names."""
    state = network("zero", False, "")
    mixed = import_snntorch_state(TensorFile("net.pt", dict(sorted(state.items())))).network
    assert [population.name for population in mixed.populations] == ["input", "lif1", "lif2"]
    named = {key.replace("fc", "a").replace("lif1", "z").replace("lif2", "y"): value for key, value in state.items()}
    given = import_snntorch_state(TensorFile("net.pt", named), order="a1, z, a2, y").network
    assert given.readouts == ("y",)


@pytest.mark.parametrize(("change", "options", "error", "message"), [
    ({"fc1.weight": np.ones((9, 2, 3, 3))}, {}, DataError, r"(?s)fc1.weight has shape \(9, 2, 3, 3\).*export_to_nir"),
    ({"fc2.weight": np.ones((4, 8))}, {}, DataError, r"(?s)fc2.weight takes 8 values, lif1 before it sends 9"),
    ({"fc3.weight": np.ones((4, 4))}, {}, DataError, r"(?s)do not take turns.*neurosim.profile"),
    ({"lif1.beta": np.ones(3)}, {}, DataError, r"lif1.beta has shape \(3,\)"),
    ({"lif1.reset_mechanism_val": np.array(7)}, {}, DataError, r"(?s)reset_mechanism_val = 7.*0 \(subtract\)"),
    ({"lif1.strange": np.ones(1)}, {}, DataError, r"1 keys that .* does not have: lif1.strange"),
    ({}, {"order": ("fc1", "lif1", "fc2", "lif3")}, OptionError, r"(?s)order names 'lif3'.*did you mean"),
    ({}, {"order": ("fc1", "lif1")}, OptionError, r"missing: fc2, lif2"),
    ({}, {"reset_delay": 1}, OptionError, r"reset_delay = 1"), ({}, {"comparator": "<"}, OptionError, r"comparator"),
])
def test_faults(change: dict[str, Any], options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        import_snntorch_state(TensorFile("net.pt", {**network("zero", False, ""), **change}), **options)
