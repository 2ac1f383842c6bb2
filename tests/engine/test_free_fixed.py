"""Free-running chips in integers: integrate-and-fire without leak, and whatever the leak clock updates."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from neurosim.calibrate import quantized
from neurosim.errors import CapabilityError
from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.machine import LEAK_SHIFT, PORT_SLOT, SLOT_BITS, SLOT_ROUNDING, STATE_SLOT, Machine
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.quantize_options import QuantizeOptions
from tests.engine.free_cases import free_chip
from tests.engine.results import differences, results

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")     # of random bits, in uncompiled kernels
TOWARD_ZERO, FLOOR, NEAREST_EVEN, NEAREST_AWAY = range(4)


def spiking(random: np.random.Generator, leak: float = 1.0, reset: str = "soft") -> Network:
    """Return two populations of integrate-and-fire neurons, with recurrence."""
    def weights(pre: int, post: int, mean: float) -> DenseWeights:
        return DenseWeights(random.normal(mean, 0.4, (pre, post)))

    def neurons(name: str, size: int) -> Population:
        return Population(name, "lif", size, {"leak": leak, "threshold": random.uniform(0.5, 1.5, size)},
                          {"reset": reset})

    return Network("spiking", (Population("in", "input", 6, attributes={"payload": "spike"}), neurons("a", 9),
                               neurons("b", 4)),
                   (Projection("in", "a", weights(6, 9, 0.4)), Projection("a", "b", weights(9, 4, 0.2)),
                    Projection("a", "a", weights(9, 9, -0.2), delay_steps=1)), ("b",))


def rounded(value: Fraction, rounding: int) -> int:
    """Return the integer that a rounding makes of a number."""
    down = value.numerator // value.denominator
    rest = value - down
    if rounding == FLOOR or rest == 0:
        return down
    if rounding == TOWARD_ZERO:
        return down + (value < 0)
    if rest == Fraction(1, 2):
        up = down % 2 == 1 if rounding == NEAREST_EVEN else value > 0
        return down + int(up)
    return down + int(rest > Fraction(1, 2))


def oracle(machine: Machine, events: list[tuple[int, int]]) -> list[int]:
    """Return the spike counts of population `a` (neurons without recurrence) fed with (time, input) in this order."""
    fixed, populations = machine.fixed, machine.populations
    assert fixed is not None
    size, start = int(populations.size[1]), int(fixed.parameter_start[1])
    rows = fixed.parameters[start:start + int(fixed.n_parameter_rows[1]) * size].reshape(-1, size)
    weights = fixed.weights[:6 * size].reshape(6, size)
    port, word = fixed.constants[1, PORT_SLOT:], fixed.constants[1, STATE_SLOT:]
    potential, spikes = [0] * size, [0] * size
    for _, source in events:
        for neuron in range(size):
            if weights[source, neuron] == 0:
                continue
            shift = int(fixed.shift[neuron])
            product = Fraction(int(weights[source, neuron]) * int(fixed.mantissa[neuron])) / Fraction(2) ** shift
            charge = saturated(rounded(product, int(port[SLOT_ROUNDING])), int(port[SLOT_BITS]))
            potential[neuron] = saturated(potential[neuron] + charge, int(word[SLOT_BITS]))
            if potential[neuron] >= rows[1, neuron]:
                spikes[neuron] += 1
                potential[neuron] += int(rows[2, neuron]) - int(rows[1, neuron])
    return spikes


def saturated(value: int, bits: int) -> int:
    """Return what a signed word keeps."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def prepared(network: Network, seed: int, **options: Any) -> tuple[Machine, np.ndarray]:
    random = np.random.default_rng(seed)
    chip = free_chip(leak_clock_ns=1000.0)
    inputs = (random.random((2, 12, 6)) < 0.4).astype(float)
    found = quantized(network, chip, inputs, QuantizeOptions())
    return map_network(found, chip, MappingOptions(max_neurons_per_core=4, **options)), inputs


def test_integrate_and_fire_sums_integers_in_order_of_arrival() -> None:
    for seed in range(4):
        whole = spiking(np.random.default_rng(seed))
        first = Network("first", whole.populations[:2], whole.projections[:1], ("a",))
        machine, inputs = prepared(first, seed)
        assert machine.fixed is not None and machine.fixed.parameters[int(machine.fixed.parameter_start[1])] \
            == 1 << int(machine.fixed.constants[1, LEAK_SHIFT])
        for engine in ("compiled", "reference"):
            for sample, result in enumerate(results(machine, inputs, engine=engine, numbers="fixed")):
                events = [(int(token), int(source)) for token, source in np.argwhere(inputs[sample])]
                assert result.readout.tolist() == oracle(machine, events)


@pytest.mark.parametrize("advance", ["lazy", "tick"])
def test_engines_agree_in_integers(advance: str) -> None:
    for seed in range(4):
        leak = 1.0 if advance == "lazy" else 0.8
        machine, inputs = prepared(spiking(np.random.default_rng(seed), leak, ("soft", "hard")[seed % 2]), seed,
                                   advance={"*": advance})
        both = [results(machine, inputs, engine=engine, numbers="fixed", arrival_jitter_ps=5000 * (seed % 3))
                for engine in ("compiled", "reference")]
        assert differences(*both) == [], seed
        assert sum(len(result.spikes.step) for result in both[0]) > 0
        assert both[0][0].overflows is not None


def test_what_decays_or_rounds_by_chance_is_refused() -> None:
    machine, inputs = prepared(spiking(np.random.default_rng(0), 0.8), 0)
    with pytest.raises(CapabilityError, match=r"'a' \(model lif\): decays or rests"):
        results(machine, inputs, numbers="fixed")
    whole = spiking(np.random.default_rng(0))
    chip = free_chip()
    found = quantized(whole, chip, inputs, QuantizeOptions(rounding={"": "stochastic"}))
    with pytest.raises(CapabilityError, match="rounding = 'stochastic'"):
        results(map_network(found, chip), inputs, numbers="fixed")
