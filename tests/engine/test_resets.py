"""Populations whose state is emptied at tokens: by hand, against the oracle, in integers, and who refuses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.calibrate import quantized
from neurosim.calibrate.probes import Probe
from neurosim.engine.batch import BatchPass
from neurosim.errors import NetworkError
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.mapping import map_network
from neurosim.mapping.lower_function import lower_neurons
from tests.engine.cases import fixed_case, make_chip
from tests.engine.results import results
from tests.oracle.models import evaluate_network

ENGINES = ("compiled", "reference", "batch")
ONE = OneToOneWeights(np.ones(1))


def readouts_of(network: Network, inputs: np.ndarray, engine: str, numbers: str = "float64") -> np.ndarray:
    """Return float64[token, readout neuron] of the first sample."""
    if engine == "batch":
        found = BatchPass(lower_neurons(network), inputs, numbers, readout_tokens=True).run().readout_tokens
    else:
        [result, *_] = results(map_network(network, make_chip()), inputs, engine=engine, readout_tokens=True,
                               numbers=numbers)
        found = None if result.readout_tokens is None else result.readout_tokens[None]
    assert found is not None
    return np.asarray(found[0])


def integrating(**fields: Any) -> Network:
    """`v` sums what it gets; what it said two tokens ago comes back."""
    return Network("n", (Population("u", "input", 1), Population("v", "integrator", 1, {"leak": 1.0}, **fields)),
                   (Projection("u", "v", ONE), Projection("v", "v", OneToOneWeights(np.full(1, 10.0)), delay_steps=2)),
                   ("v",))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("fields", "expected"), [
    # token t: v = v + 1 + 10 v(t - 2); what was sent before a reset arrives all the same
    ({}, [1, 2, 13, 34, 165, 506]),
    ({"reset_period": 3}, [1, 2, 13, 1 + 20, 22 + 130, 153 + 210]),
    ({"reset_period": 3, "reset_offset": 1}, [1, 1, 12, 23, 1 + 120, 122 + 230]),
    ({"reset_period": 1}, [1, 1, 11, 11, 111, 111]),
    ({"reset_period": 100, "reset_offset": 5}, [1, 2, 13, 34, 165, 341]),
])
def test_by_hand(engine: str, fields: dict[str, int], expected: list[float]) -> None:
    inputs = np.ones((2, 6, 1))
    assert readouts_of(integrating(**fields), inputs, engine)[:, 0].tolist() == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_two_populations_each_with_its_own_offset(engine: str) -> None:
    """A wave of resets: each layer one token after the one before it, as Lava resets them."""
    network = Network("wave", (
        Population("u", "input", 1), *(Population(f"v{number}", "integrator", 1, {"leak": 1.0}, reset_period=4,
                                                  reset_offset=number) for number in (0, 1))),
        (Projection("u", "v0", ONE, delay_steps=1), Projection("v0", "v1", ONE, delay_steps=1)), ("v0", "v1"))
    found = readouts_of(network, np.ones((1, 9, 1)), engine)
    assert found[:, 0].tolist() == [0, 1, 2, 3, 1, 2, 3, 4, 1]
    assert found[:, 1].tolist() == [0, 0, 1, 3, 6, 1, 3, 6, 10]


@pytest.mark.parametrize("engine", ENGINES)
def test_refractory_steps_and_current_are_emptied_too(engine: str) -> None:
    """Half of u stays, v = v + u, threshold 1; rests two tokens after a spike, unless it is reset."""
    network = Network("n", (Population("u", "input", 1, attributes={"payload": "spike"}),
                            Population("v", "cuba", 1, {"current_leak": 0.5, "leak": 1.0, "refractory_steps": 2.0},
                                       reset_period=3, reset_offset=1)), (Projection("u", "v", ONE),), ("v",))
    inputs = np.array([1.0, 0, 0, 1, 1, 0, 0, 0])[None, :, None]
    # Spikes at 0; at 1 all is empty; at 3 and, after the reset at 4, at 4; the reset at 7 empties u, too.
    assert readouts_of(network, inputs, engine)[:, 0].tolist() == [1, 1, 1, 2, 3, 3, 3, 3]
    never = Network("n", (network.populations[0], Population("v", "cuba", 1, dict(network.populations[1].parameters))),
                    network.projections, ("v",))
    # It rests at 1, 2 and 4, 5; u = 0.39 and 0.2 at 6 and 7 are too little.
    assert readouts_of(never, inputs, engine)[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 2, 2]


def layered(random: np.random.Generator) -> Network:
    """Two spiking layers, a state space and a loop, each with its own resets."""
    def weights(pre: int, post: int, scale: float) -> DenseWeights:
        return DenseWeights(random.normal(size=(pre, post)) * scale)

    modes = {"a_real": np.full((3, 2), 0.8), "a_imag": random.normal(size=(3, 2)) * 0.3,
             "c_real": random.normal(size=(3, 2)), "c_imag": random.normal(size=(3, 2))}
    return Network("layered", (
        Population("u", "input", 4),
        Population("a", "lif", 6, {"leak": 0.9, "refractory_steps": 1.0}, reset_period=5, reset_offset=2),
        Population("b", "cuba", 5, {"leak": 0.8, "current_leak": 0.5}, reset_period=7),
        Population("s", "ssm_lif", 3, modes, n_modes=2, reset_period=4, reset_offset=3),
        Population("y", "integrator", 2, {"leak": 0.95}, reset_period=11, reset_offset=1),
    ), (
        Projection("u", "a", weights(4, 6, 0.8)), Projection("a", "a", weights(6, 6, 0.3), delay_steps=2),
        Projection("a", "b", weights(6, 5, 0.8), delay_steps=1), Projection("b", "s", weights(5, 3, 0.7)),
        Projection("s", "y", weights(3, 2, 1.0)),
    ), ("y",))


def test_the_oracle_agrees() -> None:
    random = np.random.default_rng(0)
    network, inputs = layered(random), random.normal(size=(1, 40, 4))
    expected = evaluate_network(network, {"u": inputs[0]})
    assert all(expected[name, "spike"].sum() > 10 for name in ("a", "b", "s"))
    for engine in ENGINES:
        found = readouts_of(network, inputs, engine)
        np.testing.assert_allclose(found, expected["y", "graded"], rtol=0, atol=1e-12)
    never = evaluate_network(Network("n", tuple(
        Population(item.name, item.model, item.size, item.parameters, item.attributes, item.n_modes)
        for item in network.populations), network.projections, ("y",)), {"u": inputs[0]})
    assert np.abs(never["y", "graded"] - expected["y", "graded"]).max() > 0.1, "the resets did nothing"


@pytest.mark.parametrize("engine", ENGINES)
def test_integers_in_plain_python(engine: str) -> None:
    """Whole numbers, v = trunc(7 v / 8) + charge + bias; spikes above 20; emptied every 6 tokens, from 4 on."""
    random = np.random.default_rng(1)
    weights = random.integers(-9, 15, (5, 8)).astype(float)
    word = Coding(Format(16, 0, rounding="toward_zero"))
    codings = dict.fromkeys(("input", "potential", "threshold", "reset_value", "bias"), word)
    network = Network("n", (
        Population("u", "input", 5, attributes={"payload": "spike"}),
        Population("v", "lif", 8, {"leak": 0.875, "threshold": 20.0, "bias": 3.0}, {"comparator": ">"},
                   codings=codings | {"leak": Coding(Format(8, 3))}, reset_period=6, reset_offset=4)),
        (Projection("u", "v", DenseWeights(weights), coding=Coding(Format(8, 0))),), ("v",))
    inputs = (random.random((1, 50, 5)) < 0.4).astype(float)
    expected, counts, potential = [], [0] * 8, [0] * 8
    for token in range(50):
        if token % 6 == 4:
            potential = [0] * 8
        for neuron in range(8):
            kept = abs(7 * potential[neuron]) // 8 * (1 if potential[neuron] > 0 else -1)
            potential[neuron] = kept + sum(int(weights[i, neuron]) for i in range(5) if inputs[0, token, i]) + 3
            if potential[neuron] > 20:
                counts[neuron], potential[neuron] = counts[neuron] + 1, 0
        expected.append(list(counts))
    assert sum(counts) > 30
    assert readouts_of(network, inputs, engine, "fixed").tolist() == expected


def test_ranges_begin_anew_at_a_reset() -> None:
    network = Network("v", (Population("u", "input", 1),
                            Population("v", "lif", 1, {"leak": 1.0, "threshold": 99.0}, reset_period=3)),
                      (Projection("u", "v", ONE),), ("v",))
    probe, read = Probe(network.population("v")), []
    for update in BatchPass(lower_neurons(network), np.ones((1, 7, 1))).updates():
        if update.population == 1:
            read.append(probe.read(update)["potential"][0].item())
    assert read == [1, 2, 3, 1, 2, 3, 1]


def test_random_networks_are_emptied() -> None:
    networks = [fixed_case(seed).network for seed in range(60)]
    assert sum(any(item.reset_period for item in network.populations) for network in networks) > 5


# -- who refuses them ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("fields", "words"), [
    ({"reset_period": -1}, r"v: reset_period = -1\n  allowed: integer from 0 to 65536"),
    ({"reset_period": 65537}, "v: reset_period = 65537"),
    ({"reset_period": 2.0}, r"v: reset_period = 2.0\n  allowed: integer"),
    ({"reset_period": 4, "reset_offset": 4}, r"v: reset_offset = 4\n  allowed: integer from 0 to 3"),
    ({"reset_offset": 1}, r"v: reset_offset = 1\n  allowed: integer from 0 to 0"),
    ({"reset_period": 4, "period": 2}, r"v: reset_period = 4\n  allowed: 0 for inputs, and for populations that rest"),
    ({"reset_period": 4, "direction": "reversed"}, r"v: reset_period = 4\n  allowed: 0 for"),
])
def test_faults(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        Population("v", "linear", 1, **fields)


def test_inputs_have_no_state() -> None:
    with pytest.raises(NetworkError, match="u: reset_period = 2"):
        Population("u", "input", 1, reset_period=2)


def test_training_refuses() -> None:
    pytest.importorskip("torch")
    from neurosim.export import to_torch

    network = quantized(integrating(reset_period=3), make_chip(), np.ones((1, 6, 1)))
    with pytest.raises(NetworkError, match="'v': reset_period = 3"):
        to_torch(network)


def test_nir_refuses(tmp_path: Path) -> None:
    from neurosim.export.nir import to_nir

    network = Network("n", (Population("u", "input", 1), Population("v", "lif", 1, {"leak": 0.5}, reset_period=2)),
                      (Projection("u", "v", DenseWeights(np.ones((1, 1)))),), ("v",))
    with pytest.raises(NetworkError, match="v: its state is emptied every 2 tokens"):
        to_nir(network, tmp_path / "n.nir")
