"""The batch pass computes what the engines compute: in float64 to rounding, in fixed point bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim.calibrate import quantized
from neurosim.engine.batch import BatchPass
from neurosim.engine.batch_arithmetic import FixedArithmetic
from neurosim.engine.contract import RunOptions
from neurosim.engine.reference_function import FunctionPass
from neurosim.errors import DataError, OptionError
from neurosim.formats import ROUNDINGS
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.machine import Neurons
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import GRANULARITIES, METHODS, SCALES, QuantizeOptions
from neurosim.numbers import STOCHASTIC
from tests.engine.cases import fixed_case, machine_of, make_chip
from tests.engine.results import results

SEEDS = range(60)


def jittered(network: Network, seed: int) -> Network:
    """Return the network with weights that no sum can bring exactly to a threshold, whatever its order."""
    random = np.random.default_rng(seed)
    return replace(network, projections=tuple(
        replace(item, weights=replace(item.weights, values=item.weights.values
                                      + 1e-3 * random.normal(size=item.weights.values.shape)))
        for item in network.projections))


def inputs_of(neurons: Neurons, seed: int, n_samples: int = 5, n_tokens: int = 7) -> np.ndarray:
    """Return spikes for all columns, graded or not; zeros among them."""
    return np.random.default_rng(seed).integers(0, 2, (n_samples, n_tokens, neurons.n_inputs)).astype(float)


@pytest.mark.parametrize("seed", SEEDS)
def test_floats_are_those_of_the_reference_engine(seed: int) -> None:
    case = fixed_case(seed)
    network = jittered(case.network, seed)
    machine = machine_of(network, make_chip(case.chip), case.mapping)
    neurons = lower_neurons(network)
    passes = [FunctionPass(machine, inputs, RunOptions(), sample) for sample, inputs in enumerate(case.inputs)]
    for update in BatchPass(neurons, case.inputs).updates():
        for index, sample in enumerate(range(update.samples.start, update.samples.stop)):
            reference = passes[sample]
            reference.update(update.population, update.token)
            np.testing.assert_allclose(update.output[:, index], reference.output[update.population][update.token],
                                       rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(update.state[:, index], reference.state[update.population],
                                       rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_readouts_of_all_tokens_are_those_of_the_engines(seed: int) -> None:
    case = fixed_case(seed)
    network = quantized(case.network, make_chip(case.chip), case.inputs)
    machine = machine_of(network, make_chip(case.chip), case.mapping)
    found = BatchPass(lower_neurons(network), case.inputs, "fixed", n_together=2, readout_tokens=True).run()
    assert found.readout_tokens is not None
    for sample, result in enumerate(results(machine, case.inputs, numbers="fixed", readout_tokens=True)):
        np.testing.assert_array_equal(found.readout_tokens[sample], result.readout_tokens)
    np.testing.assert_array_equal(found.readout_tokens[:, -1], found.readout)
    assert BatchPass(lower_neurons(network), case.inputs, "fixed").run().readout_tokens is None


def drawn_options(seed: int) -> QuantizeOptions:
    random = np.random.default_rng(seed)
    rounding = {"": str(random.choice(ROUNDINGS[:STOCHASTIC]))} if seed % 2 else {}
    return QuantizeOptions(method=str(random.choice(METHODS)), granularity=str(random.choice(GRANULARITIES)),
                           scales=str(random.choice(SCALES)), headroom_bits=int(random.integers(0, 3)),
                           rounding=rounding, bits={"charge": 16, "state": 12} if seed % 3 == 0 else {})


@pytest.mark.parametrize("seed", SEEDS)
def test_integers_are_those_of_the_reference_engine(seed: int) -> None:
    case = fixed_case(seed)
    chip = make_chip(case.chip)
    network = quantized(case.network, chip, case.inputs, drawn_options(seed))
    machine = machine_of(network, chip, case.mapping)
    options = RunOptions(numbers="fixed")
    passes = [FunctionPass(machine, inputs, options, sample) for sample, inputs in enumerate(case.inputs)]
    batch = BatchPass(lower_neurons(network), case.inputs, "fixed", n_together=1 + seed % 2)
    for update in batch.updates():
        for index, sample in enumerate(range(update.samples.start, update.samples.stop)):
            reference = passes[sample]
            reference.update(update.population, update.token)
            np.testing.assert_array_equal(update.output[:, index], reference.output[update.population][update.token])
            np.testing.assert_array_equal(update.state[:, index], reference.state[update.population])
    expected = sum(int(item.overflow.sum()) + sum(int(counts.sum()) for counts in item.input_overflows.values())
                   for item in passes)
    assert int(batch.overflows.sum()) == expected


def test_sums_beyond_whole_floats_stay_exact() -> None:
    """Products of 62 bits: a float64 product would lose the last of them."""
    neurons = lower_neurons(quantized(Network(
        "wide", (Population("in", "input", 3), Population("out", "linear", 2)),
        (Projection("in", "out", DenseWeights(np.array([[1.0, 0.7], [0.6, 0.2], [0.3, 0.1]]))),), readouts=("out",)),
        make_chip({"core.weight_bits": 28, "noc.payload_bits": 32, "core.accumulator_bits": 60}), np.ones((1, 1, 3))))
    values = np.array([[2**31 - 1, -(2**31) + 3, 12345677], [1, 0, 0]])
    weights = np.array([[2**27 - 1, 3], [2**27 - 5, 2**27 - 1], [1, 7]])
    product = FixedArithmetic(neurons).product(values, weights)
    assert product.tolist() == [[sum(int(a) * int(b) for a, b in zip(row, column, strict=True))
                                 for column in weights.T] for row in values]
    assert np.abs(product).max() > 2**53


def test_stochastic_rounding_is_left_to_the_engines() -> None:
    network = quantized(spiking("graded"), make_chip(), np.ones((1, 1, 2)),
                        QuantizeOptions(rounding={"state": "stochastic"}))
    with pytest.raises(OptionError, match="population 'out' rounds stochastically"):
        BatchPass(lower_neurons(network), np.ones((1, 1, 2)), "fixed")


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_groups_of_samples_change_nothing(seed: int) -> None:
    network = jittered(fixed_case(seed).network, seed)
    neurons = lower_neurons(replace(network, readouts=tuple(
        item.name for item in network.populations if item.model != "input" and item.direction == "forward")))
    inputs = inputs_of(neurons, seed)
    whole = BatchPass(neurons, inputs, n_together=5).run()
    for n_together in (1, 2, 3):
        parts = BatchPass(neurons, inputs, n_together=n_together).run()
        np.testing.assert_allclose(parts.readout, whole.readout, rtol=1e-12, atol=1e-12)


def test_an_update_tells_whose_and_when_it_is() -> None:
    neurons = lower_neurons(fixed_case(3).network)
    seen = []
    BatchPass(neurons, inputs_of(neurons, 0, 3, 2), n_together=2).run(
        lambda update: seen.append((update.samples.start, update.token, update.population)))
    n_populations = len(neurons.population_names)
    assert len(seen) == 2 * 2 * n_populations == len(set(seen))
    assert [entry[:2] for entry in seen[::n_populations]] == [(0, 0), (0, 1), (2, 0), (2, 1)]


def spiking(payload: str = "spike") -> Network:
    return Network("spiking", (Population("in", "input", 2, attributes={"payload": payload}),
                               Population("out", "lif", 2, {"leak": 0.5})),
                   (Projection("in", "out", OneToOneWeights(np.array([1.0, 0.6]))),), readouts=("out",))


def test_spiking_readouts_are_counted_over_the_sample() -> None:
    inputs = np.ones((2, 4, 2))
    inputs[1, 2:] = 0
    result = BatchPass(lower_neurons(spiking()), inputs).run()
    assert result.readout.tolist() == [[4.0, 1.0], [2.0, 0.0]]
    assert result.overflows.tolist() == [0, 0]


def test_a_second_run_begins_anew() -> None:
    whole = BatchPass(lower_neurons(spiking()), np.ones((2, 4, 2)))
    assert np.array_equal(whole.run().readout.copy(), whole.run().readout)


@pytest.mark.parametrize("inputs, message", [
    (np.ones((2, 4, 3)), r"allowed: \(samples, tokens, 2\)"), (np.ones((4, 2)), r"shape \(4, 2\)"),
    (np.ones((0, 4, 2)), "shape"), (np.full((1, 1, 2), np.nan), "NaN"), (np.full((1, 1, 2), 0.5), "sends spikes"),
])
def test_inputs_are_checked(inputs: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        BatchPass(lower_neurons(spiking()), inputs)


def test_graded_inputs_may_be_anything_finite() -> None:
    assert BatchPass(lower_neurons(spiking("graded")), np.full((1, 1, 2), 0.5)).run().readout.tolist() == [[0, 0]]


def test_numbers_are_checked() -> None:
    with pytest.raises(OptionError, match="allowed: float64, fixed"):
        BatchPass(lower_neurons(spiking()), np.ones((1, 1, 2)), "float32")
    with pytest.raises(OptionError, match="not quantised"):
        BatchPass(lower_neurons(spiking()), np.ones((1, 1, 2)), "fixed")
