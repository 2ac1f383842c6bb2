"""Populations that rest at tokens: windows by hand in every engine, what is sent and booked, and who refuses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.calibrate import quantized
from neurosim.calibrate.measure import measure
from neurosim.calibrate.probes import Probe
from neurosim.engine.batch import BatchPass
from neurosim.errors import CapabilityError, NetworkError
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from tests.engine.cases import fixed_case, make_chip
from tests.engine.results import results

ONE = OneToOneWeights(np.ones(1))
X = np.array([1.0, -2.0, 4.0, 0.5, 8.0, 3.0, -1.0])
ENGINES = ("compiled", "reference", "batch")


def summing(delays: list[int]) -> SparseWeights:
    """Return a synapse of weight 1 for each delay, from one neuron to one."""
    n = len(delays)
    return SparseWeights(np.array([0, n]), np.zeros(n, np.int64), np.ones(n), 1)


def window(source: str, target: str, delays: list[int], port: str = "input") -> Projection:
    return Projection(source, target, summing(delays), port, delay_steps=np.array(delays))


def windows(readouts: tuple[str, ...] = ("total",)) -> Network:
    """Windows of 2 tokens: `first` is index 0 of each, `sum` its sum; `total` integrates the sum of 3 of these."""
    return Network("windows", (
        Population("u", "input", 1), Population("first", "linear", 1, period=2),
        Population("sum", "linear", 1, period=2), Population("total", "integrator", 1, period=6)),
        (Projection("u", "first", ONE, delay_steps=1), window("u", "sum", [0, 1]), window("sum", "total", [0, 2, 4])),
        readouts)


def readouts_of(network: Network, inputs: np.ndarray, engine: str, **options: Any) -> np.ndarray:
    """Return float64[sample, token, readout neuron]."""
    if engine == "batch":
        found = BatchPass(lower_neurons(network), inputs, readout_tokens=True).run().readout_tokens
        assert found is not None
        return found
    schedule = "whole_sequence" if network.needs_whole_sequence else "pipelined"
    machine = map_network(network, make_chip(), MappingOptions(schedule=schedule, sequence_length=16))
    found = [result.readout_tokens for result in results(machine, inputs, engine=engine, readout_tokens=True,
                                                         **options)]
    return np.array(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_by_hand(engine: str) -> None:
    """Read-outs hold in between; what is cut short is dropped; before the first window they are 0."""
    found = readouts_of(windows(("first", "sum", "total")), X[None, :, None], engine)[0]
    assert found[:, 0].tolist() == [0, 1, 1, 4, 4, 8, 8]
    assert found[:, 1].tolist() == [0, -1, -1, 4.5, 4.5, 11, 11]
    assert found[:, 2].tolist() == [0, 0, 0, 0, 0, 14.5, 14.5]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sample_shorter_than_the_period_has_no_answer_but_0(engine: str) -> None:
    assert not readouts_of(windows(), X[None, :5, None], engine).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_rests_between_its_tokens(engine: str) -> None:
    """A loop of delay 3 is one update long; leak and bias act once per update."""
    network = Network("loop", (Population("u", "input", 1), Population("v", "integrator", 1, {"leak": 0.5, "bias": 1.0},
                                                                     period=3)),
                      (Projection("u", "v", ONE), Projection("v", "v", OneToOneWeights(np.array([0.25])),
                                                             delay_steps=3)), ("v",))
    first = X[2] + 1
    second = 0.5 * first + X[5] + 0.25 * first + 1
    assert readouts_of(network, X[None, :, None], engine)[0, :, 0].tolist() == [0, 0, first, first, first, second,
                                                                               second]


@pytest.mark.parametrize("engine", ENGINES)
def test_spikes_of_a_readout_are_counted_when_it_takes_a_token(engine: str) -> None:
    network = Network("spikes", (Population("u", "input", 1, attributes={"payload": "spike"}),
                                 Population("s", "lif", 1, {"leak": 0.0}, period=2)), (Projection("u", "s", ONE),),
                      ("s",))
    assert readouts_of(network, np.ones((1, 7, 1)), engine)[0, :, 0].tolist() == [0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(("n_tokens", "n_sent"), [(6, 1), (7, 1), (11, 1), (12, 1), (5, 0)])
def test_a_readout_that_speaks_once_does_so_at_its_last_token(engine: str, n_tokens: int, n_sent: int) -> None:
    machine = map_network(windows(), make_chip())
    assert machine.populations.last_only.tolist() == [0, 0, 0, 1]
    [result] = results(machine, np.ones((1, n_tokens, 1)), engine=engine)
    assert result.chip_counts[:, CHIP_EVENT_INDEX["output_packet"]].sum() == n_sent
    steps = result.spikes.step[result.spikes.output == 3] - machine.populations.stage[3]
    assert steps.tolist() == list(range(5, n_tokens, 6))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_nothing_is_booked_at_tokens_at_which_a_population_rests(engine: str) -> None:
    machine = map_network(windows(), make_chip())
    [result] = results(machine, X[None, :, None], engine=engine)
    booked = sum(int(result.core_counts[:, :, CORE_EVENT_INDEX[name]].sum()) for name in
                 ("soma_active", "soma_inactive", "program_active", "program_inactive"))
    assert booked == 7 // 2 + 7 // 2 + 7 // 6
    assert result.core_counts[:, :, CORE_EVENT_INDEX["spike_out"]].sum() == 3 + 3 + 1


def test_what_follows_a_reversed_population_may_rest() -> None:
    """Windows of sums over all that comes later: y = sum over s > t of u[s], of the first token of each window."""
    network = Network("back", (
        Population("u", "input", 1), Population("back", "integrator", 1, {"leak": 1.0}, direction="reversed"),
        Population("y", "linear", 1, period=2)), (Projection("u", "back", ONE), Projection("back", "y", ONE)), ("y",))
    expected = [0, *(X[token:].sum() for token in (1, 1, 3, 3, 5, 5))]
    for engine in ENGINES:
        assert readouts_of(network, X[None, :, None], engine)[0, :, 0].tolist() == expected


def test_the_batch_pass_yields_no_update_at_rest() -> None:
    seen = [(update.population, update.token) for update in BatchPass(lower_neurons(windows()), np.ones((1, 7, 1)))
            .updates()]
    assert [token for population, token in seen if population == 1] == [1, 3, 5]
    assert [token for population, token in seen if population == 3] == [5]


def test_ranges_are_measured_at_updates_alone() -> None:
    found = measure(windows(), np.stack([X, 10 * X])[:, :, None])
    assert found["total"]["graded"].largest == 145
    network = Network("v", (Population("u", "input", 1), Population("v", "lif", 1, {"leak": 1.0, "threshold": 9.0},
                                                                   period=2)), (Projection("u", "v", ONE),), ("v",))
    probe, read = Probe(network.population("v")), []
    for update in BatchPass(lower_neurons(network), np.ones((2, 5, 1)), n_together=1).updates():
        if update.population == 1:
            read.append(probe.read(update)["potential"][0].item())
    assert read == [1, 2, 1, 2]     # the second sample begins anew


def test_fixed_point_takes_the_same_tokens() -> None:
    inputs = X[None, :, None]
    network = quantized(windows(("first", "sum")), make_chip(), inputs)
    one, other = (readouts_of(network, inputs, engine, numbers="fixed") for engine in ("compiled", "reference"))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one[0], readouts_of(network, inputs, "batch")[0], atol=0.1)


def test_random_networks_rest() -> None:
    networks = [fixed_case(seed).network for seed in range(60)]
    assert sum(any(item.period > 1 for item in network.populations) for network in networks) > 5


# -- who refuses them ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("make", "words"), [
    (lambda: Population("p", "linear", 1, period=0), r"p: period = 0\n  allowed: integer from 1 to 65536"),
    (lambda: Population("p", "linear", 1, period=65537), "p: period = 65537"),
    (lambda: Population("p", "linear", 1, period=1.5), r"p: period = 1.5\n  allowed: integer"),  # type: ignore[arg-type]
    (lambda: Population("p", "input", 1, period=2), r"p: period = 2\n  allowed: 1 for an input"),
    (lambda: Population("p", "linear", 1, direction="reversed", period=2), "allowed: 1 for a population that takes"),
])
def test_faults_of_periods(make: Any, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        make()


@pytest.mark.parametrize(("source", "target", "delay", "words"), [
    (2, 3, 0, r"a->b: b has period 3, its source period 2\n  allowed: multiples of 2"),
    (2, 1, 0, "b has period 1, its source period 2"),
    (2, 4, 3, r"a->b: delay_steps = 3 from a source of period 2\n  allowed: multiples of 2"),
])
def test_faults_of_projections_between_periods(source: int, target: int, delay: int, words: str) -> None:
    populations = Population("a", "linear", 1, period=source), Population("b", "linear", 1, period=target)
    with pytest.raises(NetworkError, match=words):
        Network("n", populations, (Projection("a", "b", ONE, delay_steps=delay),))
    with pytest.raises(NetworkError, match="delay_steps = 1 from a source of period 2"):
        Network("n", (Population("a", "linear", 1, period=2), Population("b", "linear", 1, period=4)),
                (window("a", "b", [0, 2, 1]),))


def test_chips_that_cannot_gate_updates_refuse() -> None:
    with pytest.raises(CapabilityError, match=r"population 'first'.*lacks gated_update \(it takes one token in 2(.|\n)*"
                                              r"whose populations take every token"):
        map_network(windows(), make_chip({"core.capabilities.gated_update": False}))


def test_training_refuses() -> None:
    pytest.importorskip("torch")
    from neurosim.export.torch_module import to_torch

    network = quantized(windows(), make_chip(), X[None, :, None])
    with pytest.raises(NetworkError, match=r"population 'first': period = 2(.|\n)*allowed: 1"):
        to_torch(network)


def test_nir_refuses(tmp_path: Path) -> None:
    from neurosim.export.nir import to_nir

    network = Network("n", (Population("u", "input", 1), Population("v", "lif", 1, {"leak": 0.5}, period=2)),
                      (Projection("u", "v", DenseWeights(np.ones((1, 1)))),), ("v",))
    with pytest.raises(NetworkError, match="v: takes one token in 2"):
        to_nir(network, tmp_path / "n.nir")
