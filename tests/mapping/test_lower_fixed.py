"""From formats to integers: by hand, by their meaning through `update_fixed`, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim import machine as words
from neurosim.errors import InputError, NetworkError, OptionError
from neurosim.formats import OVERFLOWS, ROUNDINGS, Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights, Weights
from neurosim.machine import Fixed
from neurosim.mapping.lower_fixed import formats_of
from neurosim.mapping.lower_function import lower_neurons
from neurosim.model_specs import MODEL_INDEX, SPEC_BY_NAME
from neurosim.models.fixed.registry import update_fixed
from neurosim.models.registry import update
from neurosim.quantity_specs import FAMILY_ROUNDING, MODEL_QUANTITIES
from tests.oracle import fixed_models as oracle

Floats = NDArray[np.float64]
TABLE_LENGTH = 257


def coded(text: str, gain: Any = 1.0) -> Coding:
    return Coding(Format.parse(text), np.asarray(gain, np.float64))


def codings(**formats: str | Coding) -> dict[str, Coding]:
    return {name: coded(item) if isinstance(item, str) else item for name, item in formats.items()}


def graded_in(size: int, text: str = "s16.8", name: str = "in") -> Population:
    return Population(name, "input", size, codings=codings(graded=text))


def into(target: Population, weights: Weights | None = None, coding: Coding | str | None = "s8.6", *,
         source: Population | None = None, **projection: Any) -> Network:
    """An input, joined to each neuron by 1 where no weights are given."""
    source = source or graded_in(target.size)
    weights = weights or OneToOneWeights(np.ones(target.size))
    coding = coded(coding) if isinstance(coding, str) else coding
    given = {"port": target.spec.ports[0].name, "name": "p", **projection}
    return Network("net", (source, target), (Projection(source.name, target.name, weights, coding=coding, **given),))


def lowered(network: Network) -> Fixed:
    fixed = lower_neurons(network).fixed
    assert fixed is not None
    return fixed


def rows_of(fixed: Fixed, population: int, size: int) -> list[list[int]]:
    """Return the parameter rows of a population."""
    start, n_rows = int(fixed.parameter_start[population]), int(fixed.n_parameter_rows[population])
    return fixed.parameters[start:start + n_rows * size].reshape(n_rows, size).tolist()


def conversions(fixed: Fixed, projection: int, size: int) -> list[tuple[int, int]]:
    """Return (mantissa, shift) of each target neuron."""
    start = int(fixed.conversion_start[projection])
    return list(zip(fixed.mantissa[start:start + size].tolist(), fixed.shift[start:start + size].tolist(), strict=True))


def slot(fixed: Fixed, population: int, start: int) -> Format:
    """Return a slot as a format without fraction."""
    bits, signed, overflow, rounding = fixed.constants[population, start:start + 4].tolist()
    return Format(bits, 0, bool(signed), ROUNDINGS[rounding], OVERFLOWS[overflow])


LINEAR = {"input": "s24.12", "bias": "s16.8", "graded": "s16.8"}
LIF = {"input": "s24.12", "potential": "s24.12", "leak": "s16.15", "threshold": "s16.8", "reset_value": "s16.8",
       "bias": "s16.8"}


def linear(size: int = 1, formats: dict[str, Any] | None = None, *, bias: Any = 0.0) -> Population:
    return Population("y", "linear", size, {"bias": bias}, codings=codings(**{**LINEAR, **(formats or {})}))


def with_steps(size: int, gains: Any, text: str = "s24.12") -> Population:
    """Charges of `linear` with gains; its biases are in steps of these."""
    return linear(size, {"input": coded(text, gains), "bias": coded("s16.8", gains)})


def lif(size: int = 1, formats: dict[str, Any] | None = None, **parameters: Any) -> Population:
    return Population("y", "lif", size, {"leak": 0.5, **parameters}, codings=codings(**{**LIF, **(formats or {})}))


# --- charges ---------------------------------------------------------------------------------------------------------

def test_dense_weights_and_a_power_of_two() -> None:
    """8 bits, 6 of them a fraction: 1/64. Times a payload of 1/256: 2**-14, to charges of 2**-12: two bits down."""
    fixed = lowered(into(linear(3), DenseWeights(np.array([[0.5, -0.25, 1.0], [-2.0, 3.0, 0.02]])),
                         source=graded_in(2)))
    assert fixed.weights.tolist() == [32, -16, 64, -128, 127, 1]       # 3.0 saturates, 0.02 * 64 = 1.28
    assert conversions(fixed, 0, 3) == [(1, 2)] * 3


def test_weights_round_and_wrap_as_their_format_says() -> None:
    values = np.array([[0.75 / 64, -0.75 / 64, 2.5 / 64, 130 / 64]])
    for text, expected in (("s8.6/floor", [0, -1, 2, 127]), ("s8.6/toward_zero", [0, 0, 2, 127]),
                           ("s8.6/nearest_even", [1, -1, 2, 127]), ("s8.6/nearest_away", [1, -1, 3, 127]),
                           ("s8.6/floor/twos_complement", [0, -1, 2, -126]), ("u8.6/floor", [0, 0, 2, 130])):
        assert lowered(into(linear(4), DenseWeights(values), text, source=graded_in(1))).weights.tolist() == expected


def test_gain_of_a_tensor() -> None:
    """An integer stands for 0.75/64: 0.75 is 64 of them. 0.75 * 2**-14 / 2**-12 = 0.1875 = 24576 / 2**17."""
    fixed = lowered(into(linear(2), DenseWeights(np.array([[0.75, -1.5]])), coded("s8.6", 0.75), source=graded_in(1)))
    assert fixed.weights.tolist() == [64, -128]
    assert conversions(fixed, 0, 2) == [(24576, 17)] * 2


def test_gains_of_channels() -> None:
    """A channel is a target neuron: of dense, of sparse and of one-to-one weights."""
    gains = coded("s8.6", [1.0, 0.5, 0.3])
    by_hand = [(1, 2), (1, 3), (19661, 18)]     # 0.3 / 4 = 0.075 = 0.6 * 2**-3; 0.6 * 2**15 = 19660.8
    dense = lowered(into(linear(3), DenseWeights(np.array([[0.5, 0.5, 0.3], [-0.5, 0.25, 0.15]])), gains,
                         source=graded_in(2)))
    assert dense.weights.tolist() == [32, 64, 64, -32, 32, 32]
    sparse = lowered(into(linear(3), SparseWeights(np.array([0, 2, 3]), np.array([1, 2, 0]), np.array([0.5, 0.3, 0.5]),
                                                   3), gains, source=graded_in(2)))
    assert sparse.weights.tolist() == [64, 64, 32]
    single = lowered(into(linear(3), OneToOneWeights(np.array([0.5, 0.5, 0.6])), gains))
    assert single.weights.tolist() == [32, 64, 127]     # 128 saturates
    for fixed in (dense, sparse, single):
        assert conversions(fixed, 0, 3) == by_hand


def test_scales_of_ports_and_payloads_enter_the_conversion() -> None:
    """Charges of 0.5 * 2**-12 and 2**-12: one bit less down. A payload of 3/256: mantissa 3/4 of 2**15."""
    port = with_steps(2, [0.5, 1.0])
    weights = DenseWeights(np.ones((2, 2)))
    assert conversions(lowered(into(port, weights)), 0, 2) == [(1, 1), (1, 2)]
    source = Population("in", "input", 2, codings={"graded": coded("s16.8", 3.0)})
    assert conversions(lowered(into(linear(2), weights, source=source)), 0, 2) == [(24576, 15)] * 2


def test_spikes_count_one() -> None:
    """Weights of 1/64 go straight to charges of 2**-12: six bits up, and no rounding."""
    spikes = Population("in", "input", 1, attributes={"payload": "spike"})
    fixed = lowered(into(lif(), source=spikes))
    assert conversions(fixed, 0, 1) == [(1, -6)]
    assert fixed.output_scale.tolist() == [1.0, 1.0]


def test_each_delay_has_a_conversion_of_its_own() -> None:
    """Synapses with delays 0 and 2 become two connections: weights by delay, conversions one after the other."""
    weights = SparseWeights(np.array([0, 2, 3]), np.array([0, 1, 0]), np.array([0.5, 0.25, -0.5]), 2)
    network = into(with_steps(2, [1.0, 0.5]), weights, source=graded_in(2), delay_steps=np.array([2, 0, 0]))
    fixed = lowered(network)
    assert fixed.weights.tolist() == [16, -32, 32]
    assert fixed.conversion_start.tolist() == [0, 2]
    assert conversions(fixed, 0, 2) == conversions(fixed, 1, 2) == [(1, 2), (1, 1)]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_charge_means_the_weighted_sum(rounding: str) -> None:
    """Free scales everywhere: the converted sum is within one step of the real one, plus 2**-15 of the mantissa."""
    random, n_pre, n_post = np.random.default_rng(0), 30, 40
    gains, steps = random.uniform(0.1, 2.0, n_post), random.uniform(0.1, 2.0, n_post)
    integers = random.integers(-127, 128, (n_pre, n_post))
    source = Population("in", "input", n_pre, codings={"graded": coded("s16.8", 0.7)})
    target = with_steps(n_post, steps, f"s24.10/{rounding}")
    fixed = lowered(into(target, DenseWeights(integers * gains / 64), coded("s8.6/nearest_even", gains), source=source))
    assert fixed.weights.tolist() == integers.ravel().tolist()
    payload = random.integers(-2**15, 2**15, n_pre)
    sums = (payload @ integers).tolist()
    charges = [oracle.rounded(total * mantissa, shift, rounding, 1, post) for post, (total, (mantissa, shift))
               in enumerate(zip(sums, conversions(fixed, 0, n_post), strict=True))]
    real = (payload * 0.7 / 256) @ (integers * gains / 64)
    scale = steps / 1024
    assert (np.abs(charges * scale - real) <= scale + np.abs(real) * 2.0**-15).all()


# --- rows by hand ----------------------------------------------------------------------------------------------------

def test_not_quantised() -> None:
    assert lower_neurons(Network("n", (Population("y", "linear", 1),), ())).fixed is None


def test_linear() -> None:
    """0.75 in steps of 1/256 is 192, of 2**-12 another four bits. Charges of 2**-12 to payloads of 2**-8."""
    fixed = lowered(into(linear(2, bias=[0.75, -100.0])))
    assert rows_of(fixed, 1, 2) == [[192 << 4, -25600 << 4], [1, 1], [4, 4]]
    assert (slot(fixed, 1, words.PORT_SLOT), slot(fixed, 1, words.OUTPUT_SLOT)) == (Format(24, 0), Format(16, 0))
    assert fixed.output_scale.tolist() == [2.0**-8, 2.0**-8]
    assert slot(fixed, 0, words.OUTPUT_SLOT) == Format(16, 0)
    assert fixed.constants[:, words.STRICT].tolist() == [0, 0]
    assert fixed.parameter_start.tolist() == [0, 0] and fixed.n_parameter_rows.tolist() == [0, 3]


def test_overflow_error_makes_a_population_strict() -> None:
    fixed = lowered(into(linear(1, {"graded": "u8.0/nearest_even/error"})))
    assert fixed.constants[:, words.STRICT].tolist() == [0, 1]
    assert slot(fixed, 1, words.OUTPUT_SLOT) == Format(8, 0, False, "nearest_even", "error")


def test_lif() -> None:
    fixed = lowered(into(lif(2, {"threshold": coded("s16.12"), "potential": "s24.12/toward_zero/twos_complement"},
                             leak=[0.9, 1.0], threshold=[1.0, 1.5], reset_value=-0.5, bias=[0.0, 0.25],
                             refractory_steps=[0, 3])))
    assert rows_of(fixed, 1, 2) == [[29491, 32767], [4096, 6144], [-2048, -2048], [0, 1024], [0, 3]]
    assert slot(fixed, 1, words.STATE_SLOT) == Format(24, 0, True, "toward_zero", "twos_complement")
    assert fixed.constants[1, words.LEAK_SHIFT] == 15


def test_cuba() -> None:
    """Decays count down from 1 in the finer of the two fractions: 1 - 7/8 = 512 / 4096, 1 - 3/4 = 1024 / 4096."""
    formats = codings(input="s24.6", current="s24.6/toward_zero", potential="s20.6/toward_zero",
                      current_leak="u13.12", leak="u9.8",
                      threshold="s16.6", reset_value="s16.6", bias="s16.4")
    population = Population("y", "cuba", 1, {"current_leak": 0.875, "leak": 0.75, "threshold": 1.5, "bias": 0.25,
                                             "reset_value": -1.0, "refractory_steps": 2}, codings=formats)
    fixed = lowered(into(population))
    assert rows_of(fixed, 1, 1) == [[512], [1024], [96], [16], [0], [2], [-64]]
    assert fixed.constants[1, words.DECAY_SHIFT] == 12
    assert (slot(fixed, 1, words.STATE_SLOT).bits, slot(fixed, 1, words.SECOND_STATE_SLOT).bits) == (24, 20)


SSM = {"input": "s24.10", "h": "s24.12", "a": "s16.15", "b": "s8.6", "c": "s8.5", "d": "s8.6", "bias": "s16.10",
       "y": "s24.14"}
MODES = {"a_real": [[0.5, -0.25]], "a_imag": [[0.125, 0.0]], "b_real": [[1.0, 0.5]], "b_imag": [[0.0, -0.5]],
         "c_real": [[1.0, -2.0]], "c_imag": [[0.5, 0.25]], "d": 0.75, "bias": 0.5}


def state_space(model: str, formats: dict[str, Any] | None = None, attributes: dict[str, str] | None = None,
                **parameters: Any) -> Population:
    return Population("y", model, 1, {**MODES, **parameters}, attributes or {}, n_modes=2,
                      codings=codings(**{**SSM, **(formats or {})}))


MODE_ROWS = [[16384], [-8192], [4096], [0], [64], [32], [0], [-32]]


def test_ssm() -> None:
    """B x has 2**-16, h 2**-12: four bits down. c h has 2**-17, d x 2**-16: one bit up, y 2**-14: three bits down."""
    fixed = lowered(into(state_space("ssm", {"graded": "s16.8"})))
    assert rows_of(fixed, 1, 1) == [*MODE_ROWS, [32], [-64], [16], [8], [48], [-1], [4], [1], [3], [512], [1], [6], [0],
                                    [0]]
    assert fixed.constants[1, words.DECAY_SHIFT] == 15
    assert (slot(fixed, 1, words.STATE_SLOT), slot(fixed, 1, words.INTERNAL_SLOT)) == (Format(24, 0), Format(24, 0))


def test_ssm_with_a_table() -> None:
    """The table's x has ten bits behind the point, its F fifteen; the normal distribution is the second table."""
    fixed = lowered(into(state_space("ssm", {"graded": "s16.8"}, {"activation": "gelu"})))
    assert rows_of(fixed, 1, 1)[-4:] == [[1], [6 + 15], [1], [4]]
    constants = fixed.constants[1]
    assert constants[words.TABLE_START] == TABLE_LENGTH
    assert constants[[words.TABLE_X_FRACTION, words.TABLE_Y_FRACTION, words.TABLE_STEP_SHIFT]].tolist() == [10, 15, 4]


def test_tables_stand_one_after_the_other() -> None:
    functions = (oracle.sigmoid_above_half, oracle.normal_above_half, oracle.tanh_above_half)
    entries = [entry for function in functions for entry in oracle.table_of(function).entries]
    assert lowered(into(linear())).table.tolist() == entries


def test_ssm_heaviside() -> None:
    fixed = lowered(into(state_space("ssm_heaviside", {"threshold": "s16.10"}, threshold=0.75)))
    assert rows_of(fixed, 1, 1)[-2:] == [[512], [768 << 4]]


def test_ssm_lif_divides_by_its_threshold() -> None:
    """C and d of a threshold of 2 are half as large; 1 is 2**14 steps of the potential; the leak has 15 bits."""
    fixed = lowered(into(state_space("ssm_lif", {"potential": "s24.14/nearest_even", "leak": "u16.16"}, threshold=2.0)))
    assert rows_of(fixed, 1, 1) == [*MODE_ROWS, [16], [-32], [8], [4], [24], [-1], [4], [1], [3], [512], [1 << 14],
                                    [8192]]
    assert fixed.constants[1, words.LEAK_SHIFT] == 16
    assert slot(fixed, 1, words.SECOND_STATE_SLOT) == Format(24, 0, True, "nearest_even")


def test_gains_of_state_space_channels() -> None:
    """Powers of two per neuron for h, b and y, any number for c, as long as d has it, too."""
    gains = {"h": coded("s24.12", [1.0, 4.0]), "b": coded("s8.6", [2.0, 0.5]), "c": coded("s8.5", [0.7, 0.3]),
             "d": coded("s8.6", [0.7, 0.6]), "y": coded("s24.14", [0.7, 0.3])}
    modes = {name: np.repeat(values, 2, axis=0) if isinstance(values, list) else values
             for name, values in MODES.items()}
    formats = codings(**{**SSM, **gains, "graded": "s16.8"})
    network = into(Population("y", "ssm", 2, {**modes, "c_real": [[0.7, 1.4], [0.3, -0.6]]}, n_modes=2,
                              codings=formats))
    rows = rows_of(lowered(network), 1, 2)
    assert rows[4:6] == [[32, 127], [16, 64]]           # b real: 1 / 2 and 1 / 0.5, where 128 saturates
    assert rows[8:10] == [[32, 32], [64, -64]]          # c real
    # d x over c h: 0.7 2**-16 / (0.7 2**-17), then 0.6 2**-16 / (4 0.3 2**-17). b x over h: 2 / 16, then 0.5 / 16 / 4.
    assert rows[13:15] == [[-1, 0], [3, 7]]
    assert rows[15:17] == [[1, 1], [3, 1]]              # c h over y: 2**-17 / 2**-14, then four times that


def test_gelu() -> None:
    population = Population("y", "gelu", 1, {"bias": 0.5}, codings=codings(**LINEAR))
    assert rows_of(lowered(into(population)), 1, 1) == [[2048], [1], [4 + 15], [1], [2]]
    curved = lowered(into(Population("y", "gelu", 1, {"bias": 0.5}, {"form": "tanh"}, codings=codings(**LINEAR))))
    start, middle = int(curved.constants[1, words.TABLE_START]), 16      # 1 in steps of 1/16
    assert curved.table[start + middle] == round(0.5 * np.tanh((2 / np.pi) ** 0.5 * 1.044715) * 2**15)


def test_reduce_and_center() -> None:
    ports = {"sum": "s24.12", "max": "s24.12", "max_abs": "s24.12"}
    population = Population("y", "reduce", 1, {"bias": 0.5}, codings=codings(**ports, bias="s16.8", graded="s16.4"))
    assert rows_of(lowered(into(population)), 1, 1) == [[2048], [1], [8]]
    population = Population("y", "center", 1, codings=codings(value="s24.12", mean="s24.12", graded="s16.4",
                                                              square=coded("s16.4", 3.0)))
    fixed = lowered(into(population))
    # 2**-24 / (3 2**-4) = 2/3 2**-21; 2/3 2**15 = 21845.3
    assert rows_of(fixed, 1, 1) == [[1], [8], [21845], [36]]
    assert fixed.output_scale.tolist() == [2.0**-8, 2.0**-4, 3 * 2.0**-4]


def test_layer_norm() -> None:
    """2**-12 / sqrt(2**-10) / 2**7 over payloads of 2**-8: 2**-6. An epsilon that would vanish becomes one step."""
    formats = codings(value="s24.12", variance="s24.10", scale="s16.12", bias="s16.4", epsilon="s16.10", graded="s16.8")
    population = Population("y", "layer_norm", 3, {"scale": [2.0, -0.75, 0.0], "bias": 0.5,
                                                   "epsilon": [0.25, 1e-5, 0.0]}, codings=formats)
    assert rows_of(lowered(into(population)), 1, 3) == [[256, 1, 0], [1, -24576, 0], [5, 21, 0], [128, 128, 128]]


def test_integrator_and_running_mean() -> None:
    formats = codings(input="s24.12", potential="s24.12", leak="s16.15", bias="s16.8", graded="s16.8")
    population = Population("y", "integrator", 1, {"leak": 0.75, "bias": 0.5}, codings=formats)
    fixed = lowered(into(population))
    assert rows_of(fixed, 1, 1) == [[2048], [1], [4], [24576]]
    assert fixed.constants[1, words.LEAK_SHIFT] == 15
    formats = codings(input="s20.12", total="s20.12", bias="s16.8", graded="s16.8")
    fixed = lowered(into(Population("y", "running_mean", 1, {"bias": 0.5}, codings=formats)))
    assert rows_of(fixed, 1, 1) == [[2048], [1], [4]]
    assert slot(fixed, 1, words.STATE_SLOT) == Format(20, 0)


def test_gates() -> None:
    ternary = Population("y", "ternary", 1, {"delta_factor": 0.25, "delta": 1.5}, codings=codings(
        value="s24.12/nearest_even", threshold="s24.12", delta_factor="u8.8", delta="s16.8"))
    fixed = lowered(into(ternary))
    assert rows_of(fixed, 1, 1) == [[64], [6144]]
    assert fixed.constants[1, words.LEAK_SHIFT] == 8
    assert slot(fixed, 1, words.PORT_SLOT).rounding == "nearest_even"

    glu = Population("y", "glu", 1, {"value_bias": 0.5, "gate_bias": -1.0}, codings=codings(
        value="s24.12", gate="s24.8", skip="s24.10", value_bias="s16.8", gate_bias="s16.8", graded="s16.8"))
    fixed = lowered(into(glu))
    assert rows_of(fixed, 1, 1) == [[2048], [-256], [1], [-2], [1], [19], [1], [2]]
    assert fixed.constants[1, words.TABLE_START] == 0
    assert [slot(fixed, 1, words.PORT_SLOT + 4 * port).bits for port in range(3)] == [24] * 3

    formats = codings(ternary_branch="s16.4", graded_branch="s24.12", skip="s24.10", ternary_bias="s16.4",
                      graded_bias="s16.8", product="s24.10", graded="s16.8")
    for activation, n_bits, x in (("none", 0, [[0], [0]]), ("gelu", 15, [[1], [0]])):
        gsu = Population("y", "gsu", 1, {"ternary_bias": 1.0, "graded_bias": 0.5}, {"activation": activation},
                         codings=formats)
        assert rows_of(lowered(into(gsu)), 1, 1) == [[16], [2048], *x, [1], [2 + n_bits], [1], [2], [1], [6]]


def test_resonator_and_encoders() -> None:
    resonator = Population("y", "resonator", 1, {"a_real": 0.75, "a_imag": -0.5, "threshold": 2.0}, codings=codings(
        real="s24.6/toward_zero", imag="s24.6/toward_zero", a="s13.12", threshold="s16.2"))
    fixed = lowered(into(resonator))
    assert rows_of(fixed, 1, 1) == [[-2048], [3072], [128]]        # sin, cos, threshold
    assert fixed.constants[1, words.DECAY_SHIFT] == 12
    formats = codings(input="s24.12", sigma="s24.12", threshold="s16.8", bias="s16.8", graded="s16.6")
    fixed = lowered(into(Population("y", "sigma_delta", 1, {"threshold": 0.5, "bias": -0.25}, codings=formats)))
    assert rows_of(fixed, 1, 1) == [[2048], [-1024]]
    assert fixed.constants[1, words.PAYLOAD_SHIFT] == 6
    formats = codings(input="s24.12", threshold="s16.8", graded="s24.12")
    fixed = lowered(into(Population("y", "delta", 1, {"threshold": 0.5}, codings=formats)))
    assert rows_of(fixed, 1, 1) == [[2048], [0]]
    assert fixed.constants[1, words.PAYLOAD_SHIFT] == 0


def test_balanced_resonators() -> None:
    """Steps of 2**-16 for omega, 2**-18 for damping: q in 2**-12 times 0.01 is 0.01 2**6 of the latter."""
    formats = codings(input="s24.12", u="s24.12", q="s24.12", omega="u16.16", damping="u16.18", threshold="s16.8",
                      refractory_decay="u16.15", refractory_gain="u16.22")
    parameters = {"omega": 0.25, "damping": 0.125, "threshold": 1.5, "refractory_decay": 0.75, "refractory_gain": 0.01}
    fixed = lowered(into(Population("y", "brf", 1, parameters, codings=formats)))
    gain = round(0.01 * 2**22) / 2**22 * 2**6
    mantissa, shift = (int(row[0]) for row in rows_of(fixed, 1, 1)[5:7])
    assert mantissa / 2**shift == pytest.approx(gain, rel=2**-15) and 2**14 <= mantissa < 2**15
    assert rows_of(fixed, 1, 1) == [[2**14], [2**15], [1536 << 2], [3 << 13], [15], [mantissa], [shift], [4096]]
    assert [fixed.constants[1, place] for place in (words.DECAY_SHIFT, words.LEAK_SHIFT)] == [16, 18]
    plain = lowered(into(Population("y", "brf", 1, parameters, {"refractory": "off"}, codings=formats)))
    assert rows_of(plain, 1, 1)[7] == [0]
    assert [slot(fixed, 1, place).bits for place in (words.STATE_SLOT, words.SECOND_STATE_SLOT)] == [24, 24]


def test_adaptive_neurons() -> None:
    """A spike lifts the adaptation by what its leak, as stored, leaves of 1: 1 - 0.8 is 6554 of 2**15."""
    formats = codings(input="s24.12", potential="s24.12", adaptation="s24.12", leak="u16.15", adaptation_leak="u16.15",
                      threshold="s16.12", beta="u16.14", input_gain="u16.16")
    parameters = {"leak": 0.5, "adaptation_leak": 0.8, "threshold": 0.25, "beta": 1.5, "input_gain": 0.125}
    fixed = lowered(into(Population("y", "alif", 1, parameters, codings=formats)))
    rise = round((2**15 - round(0.8 * 2**15)) / 2**3)
    assert rows_of(fixed, 1, 1) == [[2**14], [26214], [1024], [3 << 13], [14], [2**13], [16], [rise]]
    assert [fixed.constants[1, place] for place in (words.DECAY_SHIFT, words.LEAK_SHIFT)] == [15, 15]


@pytest.mark.parametrize(("model", "formats", "message"), [
    ("brf", {"q": "s8.12"}, "a spike lifts q by 1, which is 4096 steps\n  allowed: 1 to 127"),
    ("brf", {name: "s24.-2" for name in ("input", "u", "q")} | {"threshold": "s16.-2"},
     "a spike lifts q by 1, which is 0 steps"),
    ("alif", {name: "s24.0" for name in ("input", "potential", "adaptation")} | {"threshold": "s16.0"},
     "a spike lifts adaptation by 0.25, which is 0 steps\n  allowed: 1 to 8388607"),
])
def test_a_spike_must_lift_its_state(model: str, formats: dict[str, str], message: str) -> None:
    parameters = {"omega": 0.1, "damping": 0.1} if model == "brf" else {"leak": 0.5, "adaptation_leak": 0.75}
    plain = {name: item for name, item in MEANT[model].items() if isinstance(item, str)}
    scaled = {name: "s24.12" for name in ("input", "u", "q", "potential", "adaptation") if name in MEANT[model]}
    population = Population("y", model, 1, parameters,
                            codings=codings(**{**plain, **scaled, "threshold": "s16.8", **formats}))
    assert f"population 'y': {message}" in refused(into(population), NetworkError)


def test_modes() -> None:
    """Parts of a, and conversions to both payloads; of an event mode a power for every bit of the interval."""
    formats = codings(real="s24.12", imag="s24.12", h="s24.12", a="s16.14/nearest_even", graded_real="s16.8",
                      graded_imag="s16.4")
    fixed = lowered(into(Population("y", "mode", 1, {"a_real": 0.75, "a_imag": -0.5}, codings=formats)))
    assert rows_of(fixed, 1, 1) == [[12288], [-8192], [1], [4], [1], [8]]
    assert fixed.constants[1, words.DECAY_SHIFT] == 14
    formats |= codings(h="s24.12/toward_zero", interval="s4.1")
    rates = {"rate_real": -np.log(2), "rate_imag": np.pi}
    fixed = lowered(into(Population("y", "event_mode", 1, rates, codings=formats)))
    powers = [1j * 2**-0.5, -0.5, 0.25]      # of intervals 1/2, 1, 2
    assert rows_of(fixed, 1, 1) == [*([round(power.real * 2**14)] for power in map(complex, powers)),
                                    *([round(power.imag * 2**14)] for power in map(complex, powers)),
                                    [1], [4], [1], [8]]


def test_formats_are_told() -> None:
    network = into(linear(2), coding=coded("s8.6", [1.0, 2.0]))
    assert formats_of(network) == {
        "populations": {"in": {"graded": "s16.8/floor/saturate"},
                        "y": {"input": "s24.12/floor/saturate", "bias": "s16.8/floor/saturate",
                              "graded": "s16.8/floor/saturate"}},
        "projections": {"p": "s8.6/floor/saturate x 2 gains"}}


# --- what the integers mean ------------------------------------------------------------------------------------------

SUMS = {"input": "s24.12", "bias": "s16.8", "graded": coded("s24.8", 0.3)}
CHANNELS = {**SSM, "h": coded("s24.12", [0.25, 1, 2, 4]), "b": coded("s8.6", [1, 2, 0.5, 1]),
            "c": coded("s8.6", [0.7, 0.3, 1, 2]), "d": coded("s8.6", [0.35, 0.6, 1, 1]),
            "y": coded("s24.14", [0.6, 0.3, 1, 1])}
BOTH_PARTS = {"graded_real": coded("s24.8", 0.9), "graded_imag": coded("s24.8", 0.7)}
MEANT: dict[str, dict[str, str | Coding]] = {
    "linear": SUMS, "relu": SUMS, "gelu": SUMS,
    "reduce": {"sum": "s24.12", "max": "s24.12", "max_abs": "s24.12", "bias": "s16.8", "graded": coded("s24.8", 0.3)},
    "center": {"value": "s24.12", "mean": "s24.12", "graded": coded("s24.8", 0.7), "square": coded("s24.6", 0.9)},
    "layer_norm": {"value": "s24.12", "variance": coded("s24.10", 0.8), "scale": "s16.12", "bias": coded("s16.4", 0.7),
                   "epsilon": coded("s16.10", 0.8), "graded": coded("s24.8", 0.7)},
    "integrator": {**SUMS, "potential": "s24.12", "leak": "s16.15"},
    "running_mean": {**SUMS, "total": "s24.12"},
    "lif": {**LIF, "input": coded("s24.12", [1, 0.7, 2, 3]), "potential": coded("s24.12", [1, 0.7, 2, 3]),
            **{name: coded("s16.8", [1, 0.7, 2, 3]) for name in ("threshold", "reset_value", "bias")}},
    "cuba": {**LIF, "current": "s24.12", "current_leak": "u12.12"},
    "scaled_lif": {**dict.fromkeys(("input", "potential"), coded("s24.12", [1, 0.7, 2, 3])), "leak": "s16.15",
                   "threshold": coded("s16.8", [1, 0.7, 2, 3])},
    "bit_shift_lif": {**dict.fromkeys(("first", "second", "current", "potential"), "s24.0"), "threshold": "s16.0",
                      "bias": "s16.0", "graded": "u8.0"},
    "ternary": {"value": "s24.12", "threshold": "s24.12", "delta_factor": "u16.15", "delta": "s16.8"},
    "glu": {"value": coded("s24.12", 0.9), "gate": coded("s24.10", 0.8), "skip": "s24.12",
            "value_bias": coded("s16.8", 0.9), "gate_bias": coded("s16.8", 0.8), "graded": coded("s24.8", 0.3)},
    "gsu": {"ternary_branch": "s16.6", "graded_branch": coded("s24.12", 0.9), "skip": "s24.12", "ternary_bias": "s16.6",
            "graded_bias": coded("s16.8", 0.9), "product": "s24.10", "graded": coded("s24.8", 0.3)},
    "ssm": {**CHANNELS, "graded": coded("s24.8", 0.9)},
    "ssm_heaviside": {**CHANNELS, "threshold": coded("s16.10", [0.6, 0.3, 1, 1])},
    "ssm_lif": {**CHANNELS, "y": "s24.14", "potential": "s24.14", "leak": "s16.15"},
    "resonator": {"real": "s24.12", "imag": "s24.12", "a": "s16.12", "threshold": "s16.8"},
    "sigma_delta": {"input": "s24.12", "sigma": "s24.12", "threshold": "s16.8", "bias": "s16.8", "graded": "s16.8"},
    "delta": {"input": "s24.12", "threshold": "s16.8", "graded": "s16.8"},
    "brf": {**{name: coded("s24.12", [1, 0.7, 2, 3]) for name in ("input", "u", "q")}, "omega": "u16.16",
            "damping": "u16.17", "threshold": coded("s16.8", [1, 0.7, 2, 3]), "refractory_decay": "u16.15",
            "refractory_gain": "u16.20"},
    "alif": {**{name: coded("s24.12", [1, 0.7, 2, 3]) for name in ("input", "potential", "adaptation")},
             "leak": "s16.15", "adaptation_leak": "u16.15", "threshold": coded("s16.8", [1, 0.7, 2, 3]),
             "beta": "u16.14", "input_gain": "u16.16"},
    "mode": {**dict.fromkeys(("real", "imag", "h"), coded("s24.12", [1, 0.7, 2, 3])), "a": "s16.14", **BOTH_PARTS},
    "event_mode": {**dict.fromkeys(("real", "imag", "h"), coded("s24.12", [1, 0.7, 2, 3])), "interval": "s24.6",
                   "a": "s16.14", **BOTH_PARTS},
}
FACTORS = {"omega": (0, 0.7), "damping": (0, 0.2), "refractory_decay": (0, 1), "refractory_gain": (0, 0.05),
           "adaptation_leak": (0, 1), "beta": (0, 2), "input_gain": (0, 1), "q": (0, 8), "adaptation": (0, 1)}
RANGES = {**FACTORS, "leak": (-1, 1), "current_leak": (0, 1), "threshold": (0, 4), "delta_factor": (0, 1),
          "delta": (0, 4), "scale": (-2, 2), "epsilon": (0, 0.5), "a": (-0.7, 0.7), "variance": (0, 30),
          "total": (-100, 100), "interval": (0, 30)}
WHOLE = {"first_shift": 4, "second_shift": 4, "membrane_shift": 4, "most_spikes": 6, "refractory_steps": 3,
         "refractory": 1, "count": 50}
SIZE, N_MODES = 400, 3
# Models whose threshold divides.
DIVIDING = ("ssm_lif", "scaled_lif")
# A mantissa of 15 bits; the root and its inverse; a table: half a step, one of the floor, what the chord leaves.
MANTISSA, ROOT, TABLE = 2.0**-15, 2.0**-14, 1.5 * 2.0**-15 + 0.242 / 8 / 16**2


@dataclass
class Meant:
    """A population before and after one token, in real numbers: what the floating-point kernel makes of them."""

    population: Population
    charge: dict[str, Floats]
    before: dict[str, Floats]
    after: dict[str, Floats]
    output: dict[str, Floats]

    def step(self, quantity: str) -> Floats:
        return np.broadcast_to(self.population.codings[quantity].scale, (self.population.size,))

    def __getitem__(self, parameter: str) -> Floats:
        """Return a parameter; float64[neuron] or float64[mode, neuron]."""
        return np.asarray(self.population.parameters[parameter]).T

    @property
    def sent(self) -> Floats:
        """One step of the payload, and the mantissa's error."""
        return self.step("graded") + np.abs(self.output["graded"]) * MANTISSA


def looked_up_error(x: Floats) -> Floats:
    """The table's own error, and that of its x, of which ten bits are behind the point."""
    return TABLE + 0.4 * (2.0**-10 + np.abs(x) * MANTISSA)


Bounds = dict[str, Any]


def sums_bounds(meant: Meant) -> Bounds:
    return {"graded": meant.sent}


def gelu_bounds(meant: Meant) -> Bounds:
    x = meant.charge["input"] + meant["bias"]
    return {"graded": meant.sent + np.abs(x) * looked_up_error(x)}


def center_bounds(meant: Meant) -> Bounds:
    return {"graded": meant.sent, "square": meant.step("square") + meant.output["square"] * MANTISSA}


def layer_norm_bounds(meant: Meant) -> Bounds:
    unit = meant.step("value") / np.sqrt(meant.step("variance")) / 2**7
    return {"graded": meant.sent + np.abs(meant.output["graded"] - meant["bias"]) * (MANTISSA + ROOT)
            + np.abs(meant["scale"]) * unit}


def integrator_bounds(meant: Meant) -> Bounds:
    return {"potential": meant.step("potential"), "graded": meant.step("potential") + meant.sent}


def running_mean_bounds(meant: Meant) -> Bounds:
    return {"graded": meant.step("graded") / 256 + meant.sent}


def lif_bounds(meant: Meant) -> Bounds:
    potential = meant["leak"] * meant.before["potential"] + meant.charge["input"] + meant["bias"]
    return {"potential": meant.step("potential"), "doubt": np.abs(potential - meant["threshold"])}


def scaled_lif_bounds(meant: Meant) -> Bounds:
    """In floating point the potential counts in thresholds, in integers in steps of the charge."""
    potential = meant["leak"] * meant.before["potential"] + meant.charge["input"] / meant["threshold"]
    step = meant.step("potential") / meant["threshold"]
    return {"potential": step, "doubt": np.abs(potential - 1), "step": step}


def bit_shift_lif_bounds(meant: Meant) -> Bounds:
    """Whole numbers stay what they are."""
    return {}


def cuba_bounds(meant: Meant) -> Bounds:
    step = meant.step("potential")
    potential = meant["leak"] * meant.before["potential"] + meant.after["current"] + meant["bias"]
    return {"current": step, "potential": 2 * step, "doubt": np.abs(potential - meant["threshold"]) - step}


def ternary_bounds(meant: Meant) -> Bounds:
    threshold = meant["delta_factor"] * meant.charge["threshold"]
    if meant.population.attributes["delta_scope"] == "tensor":
        threshold = meant["delta"]
    return {"doubt": np.abs(np.abs(meant.charge["value"]) - threshold), "step": meant.step("value")}


def glu_bounds(meant: Meant) -> Bounds:
    value = np.abs(meant.charge["value"] + meant["value_bias"])
    gate = meant.charge["gate"] + meant["gate_bias"]
    skip = np.abs(meant.charge["skip"])
    return {"graded": 2 * meant.step("graded") + (value + skip) * MANTISSA + value * looked_up_error(gate)}


def gsu_bounds(meant: Meant) -> Bounds:
    product = np.abs((meant.charge["ternary_branch"] + meant["ternary_bias"])
                     * (meant.charge["graded_branch"] + meant["graded_bias"]))
    error = meant.step("product") + product * MANTISSA
    if meant.population.attributes["activation"] == "gelu":
        error = 1.13 * error + product * looked_up_error(product)
    return {"graded": error + 2 * meant.step("graded") + (product + np.abs(meant.charge["skip"])) * MANTISSA}


def y_of(meant: Meant) -> tuple[Floats, Floats]:
    """Return y and its bound: three roundings of each word, one of d x, one of y."""
    c = np.abs(meant["c_real"]) + np.abs(meant["c_imag"])
    y = 2 * (meant["c_real"] * meant.after["h_real"] - meant["c_imag"] * meant.after["h_imag"]).sum(axis=0)
    y = y + meant["d"] * (meant.charge["input"] + meant["bias"])
    return y, (2 * c.sum(axis=0) * 3 * meant.step("h") + meant.step("c") * meant.step("h") + meant.step("y")
               + np.abs(y) * MANTISSA)


def state_space_bounds(meant: Meant) -> Bounds:
    return {"h_real": 3 * meant.step("h"), "h_imag": 3 * meant.step("h")}


def ssm_bounds(meant: Meant) -> Bounds:
    y, error = y_of(meant)
    if meant.population.attributes["activation"] == "gelu":
        error = 1.13 * error + np.abs(y) * looked_up_error(y)
    return {**state_space_bounds(meant), "graded": error + meant.sent}


def ssm_heaviside_bounds(meant: Meant) -> Bounds:
    y, error = y_of(meant)
    return {**state_space_bounds(meant), "doubt": np.abs(y - meant["threshold"]), "step": error}


def ssm_lif_bounds(meant: Meant) -> Bounds:
    y, error = y_of(meant)
    potential = meant["leak"] * meant.before["potential"] + y / meant["threshold"]
    error = error / np.minimum(meant["threshold"], 1) + meant.step("potential")
    return {**state_space_bounds(meant), "potential": error, "doubt": np.abs(potential - 1), "step": error}


def resonator_bounds(meant: Meant) -> Bounds:
    a = meant["a_real"] + 1j * meant["a_imag"]
    turned = a * (meant.before["real"] + 1j * meant.before["imag"]) + meant.charge["real"] + 1j * meant.charge["imag"]
    step = 2 * meant.step("real")
    doubt = np.abs(turned.imag - meant["threshold"])
    if meant.population.attributes["firing"] == "phase":
        doubt = np.minimum(np.abs(turned.real - meant["threshold"]), np.abs(turned.imag))
    return {"real": step, "imag": step, "doubt": doubt, "step": step}


def encoder_bounds(meant: Meant) -> Bounds:
    """What is sent loses whole bits; the corrected form remembers them."""
    corrected = meant.population.attributes["coding"] == "corrected"
    return {"graded": meant.step("graded"), "activation": meant.step("graded") * corrected}


def brf_bounds(meant: Meant) -> Bounds:
    """Two roundings of u and of v, and the damping's: one, and the mantissa's. One of q, and half a step of 1."""
    before, step = meant.before, meant.step("u")
    refractory = meant.population.attributes["refractory"] == "on"
    q = before["q"] * refractory
    lifted = meant["refractory_gain"] * q
    error = (meant.step("damping") + lifted * MANTISSA) * refractory
    rest = meant.before["u"] * (1 - meant["damping"] - lifted) - meant["omega"] * before["v"] + meant.charge["input"]
    bound = 2 * step + np.abs(before["u"]) * error
    return {"u": bound, "v": 2 * step + np.abs(before["v"]) * error, "q": 1.5 * meant.step("q") * refractory,
            "doubt": np.abs(rest - meant["threshold"] - q), "step": bound}


def alif_bounds(meant: Meant) -> Bounds:
    """Two roundings of the potential, one of the level; one of the adaptation, and half a step of its rise."""
    level = meant["threshold"] + meant["beta"] * meant.before["adaptation"]
    potential = meant["leak"] * meant.before["potential"] + meant["input_gain"] * meant.charge["input"]
    step = meant.step("potential")
    return {"potential": 3 * step, "adaptation": 1.5 * step, "doubt": np.abs(potential - level), "step": 3 * step}


def parts_bounds(meant: Meant, error: Floats) -> Bounds:
    """Both parts of a state, kept and sent."""
    sent = {f"graded_{part}": error + meant.step(f"graded_{part}") + np.abs(meant.after[f"h_{part}"]) * MANTISSA
            for part in ("real", "imag")}
    return {"h_real": error, "h_imag": error, **sent}


def mode_bounds(meant: Meant) -> Bounds:
    return parts_bounds(meant, 2 * meant.step("h"))


def event_mode_bounds(meant: Meant) -> Bounds:
    """Each bit of the interval multiplies by a rounded power, and drops less than a step from each of two products."""
    ones = np.array([format(round(steps), "b").count("1")
                     for steps in meant.charge["interval"] / meant.step("interval")])
    held = np.abs(meant.before["h_real"]) + np.abs(meant.before["h_imag"])
    if meant.population.attributes["hold"] == "zero":
        held = held + np.abs(meant.charge["real"]) + np.abs(meant.charge["imag"])
    return parts_bounds(meant, ones * (2 * np.sqrt(2) * meant.step("h") + np.sqrt(0.5) * meant.step("a") * held))


BOUNDS: dict[str, Callable[[Meant], Bounds]] = {
    "linear": sums_bounds, "relu": sums_bounds, "reduce": sums_bounds, "gelu": gelu_bounds, "center": center_bounds,
    "layer_norm": layer_norm_bounds, "integrator": integrator_bounds, "running_mean": running_mean_bounds,
    "lif": lif_bounds, "cuba": cuba_bounds, "ternary": ternary_bounds, "glu": glu_bounds, "gsu": gsu_bounds,
    "ssm": ssm_bounds, "ssm_heaviside": ssm_heaviside_bounds, "ssm_lif": ssm_lif_bounds, "resonator": resonator_bounds,
    "sigma_delta": encoder_bounds, "delta": encoder_bounds, "brf": brf_bounds, "alif": alif_bounds,
    "mode": mode_bounds, "event_mode": event_mode_bounds, "scaled_lif": scaled_lif_bounds,
    "bit_shift_lif": bit_shift_lif_bounds,
}


def quantity_of(model: str, word: str) -> str:
    """Return the quantity in which a parameter, port or word of state is counted; empty: as a whole number."""
    if word in WHOLE:
        return ""
    if word in ("activation", "residue", "error"):
        return {"sigma_delta": "sigma", "delta": "input"}[model]
    if (model, word) == ("brf", "v"):
        return "u"
    if word in ("first_current", "second_current"):
        return "current"
    return word.split("_")[0] if word.endswith(("_real", "_imag")) else word


class Drawn:
    """A population of random parameters, charges and state, all of them whole steps of their quantities."""

    def __init__(self, model: str, rounding: str, seed: int, attributes: dict[str, str]) -> None:
        self.model, self.random, self.spec = model, np.random.default_rng(seed), SPEC_BY_NAME[model]
        stored = {item.name for item in MODEL_QUANTITIES[model].quantities if item.role in ("parameter", "gain")}
        self.codings = {name: self._rounded(item, FAMILY_ROUNDING.get((model, name), "nearest_even" if name in stored
                                                                      else rounding))
                        for name, item in MEANT[model].items()}
        n_modes = N_MODES if self.spec.has_modes else 0
        # Powers of two, so that c and d over the threshold are whole steps again.
        self.divisor = self.random.choice([0.5, 1.0, 2.0], SIZE) if model in DIVIDING else np.ones(SIZE)
        if model == "scaled_lif":
            self.divisor = self.divisor * self.codings["threshold"].gain
        parameters = {item.name: self.values(item.name, n_modes if item.per_mode else 0).T
                      for item in self.spec.parameters}
        if model in DIVIDING:
            parameters["threshold"] = self.divisor
        if model == "event_mode":
            parameters = {"rate_real": -self.random.uniform(0.01, 0.5, SIZE),
                          "rate_imag": self.random.uniform(-3, 3, SIZE)}
        if model == "resonator":
            parameters["reset_margin"] = self.step("real")
        self.population = Population("y", model, SIZE, parameters, attributes, n_modes, self.codings)
        self.words = [item.name for item in self.spec.state for _ in range(n_modes if item.per_mode else 1)]
        self.state, self.charge = self._stacked(self.values, self.words), self._stacked(self.values, self.ports)

    @property
    def ports(self) -> list[str]:
        return [port.name for port in self.spec.ports]

    @staticmethod
    def _stacked(values: Callable[[str], Floats], words: list[str]) -> Floats:
        """Return float64[word, neuron], of no word too."""
        return np.stack([values(word) for word in words]) if words else np.zeros((0, SIZE))

    @staticmethod
    def _rounded(item: str | Coding, rounding: str) -> Coding:
        coding = coded(item) if isinstance(item, str) else item
        gain = np.tile(coding.gain, SIZE // len(coding.gain)) if coding.gain.ndim else coding.gain
        return Coding(Format.parse(str(coding.format).replace("/floor/", f"/{rounding}/")), gain)

    def step(self, word: str) -> Floats:
        """Return the step of a word; float64[neuron]."""
        quantity = quantity_of(self.model, word)
        if not quantity or quantity not in self.codings:
            return np.ones(SIZE)
        if (self.model, quantity) == ("scaled_lif", "potential"):       # counted in thresholds
            return self.codings[quantity].scale / self.divisor
        return self.codings[quantity].scale * (self.divisor if quantity in ("c", "d") else np.ones(SIZE))

    def values(self, word: str, n_modes: int = 0) -> Floats:
        """Return random whole steps; float64[neuron] or float64[mode, neuron]."""
        if word in WHOLE:
            return self.random.integers(0, WHOLE[word], SIZE, endpoint=True).astype(np.float64)
        quantity, step = quantity_of(self.model, word), self.step(word)
        small = any(item.name == word for item in self.spec.parameters)
        low, high = RANGES.get(quantity, (-1, 1) if quantity in "bcd" else (-2, 2) if small else (-8, 8))
        values = self.random.uniform(low, high, (n_modes or 1, SIZE))
        least = 1 if low == 0 and word != "variance" else -np.inf
        coding = self.codings.get(quantity)
        most = coding.format.high if coding else np.inf
        whole = np.clip(np.rint(values / step), max(least, -most), most)
        return whole * step if n_modes else (whole * step)[0]

    def meant(self) -> Meant:
        """Run the floating-point kernel."""
        neurons = lower_neurons(into(self.population))
        output, state = np.empty((len(self.spec.outputs), SIZE)), self.state.copy()
        update(MODEL_INDEX[self.model], neurons.populations.options[1], self.population.n_modes,
               neurons.synapses.parameters.reshape(-1, SIZE), state, self.charge, output, np.empty(SIZE, np.uint8))
        return Meant(self.population, dict(zip(self.ports, self.charge, strict=True)), self._named(self.state),
                     self._named(state), self._outputs(output))

    def integers(self) -> tuple[dict[str, Floats], dict[str, Floats], int]:
        """Run the integer kernel; return outputs and state as real numbers, and what did not fit."""
        neurons = lower_neurons(into(self.population))
        fixed = neurons.fixed
        assert fixed is not None
        steps = self._stacked(self.step, self.words)
        state = np.rint(self.state / steps).astype(np.int64)
        charge = np.rint(self.charge / self._stacked(self.step, self.ports)).astype(np.int64)
        output = np.empty((len(self.spec.outputs), SIZE), np.int64)
        with np.errstate(over="ignore"):        # as plain Python, random bits wrap with a warning
            n_overflows = update_fixed(MODEL_INDEX[self.model], fixed.constants[1], fixed.table,
                                       neurons.populations.options[1], self.population.n_modes,
                                       np.array(rows_of(fixed, 1, SIZE), np.int64), state, charge, output,
                                       np.empty(SIZE, np.uint8), 0)
        return self._outputs(output * fixed.output_scale[1:][:, None]), self._named(state * steps), n_overflows

    def _outputs(self, output: Floats) -> dict[str, Floats]:
        return dict(zip([item.name for item in self.spec.outputs], output, strict=True))

    def _named(self, state: Floats) -> dict[str, Floats]:
        """Return word -> float64[neuron], or float64[mode, neuron] of words per mode."""
        named: dict[str, Floats] = {}
        for item in self.spec.state:
            rows = [row for word, row in zip(self.words, state, strict=True) if word == item.name]
            named[item.name] = np.stack(rows) if item.per_mode else rows[0]
        return named


def choices(model: str) -> list[dict[str, str]]:
    """Return each choice of each attribute once."""
    given = [{item.name: choice} for item in SPEC_BY_NAME[model].attributes for choice in item.choices]
    return given or [{}]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("model", BOUNDS)
def test_integers_mean_what_the_model_computes(model: str, rounding: str) -> None:
    """One token from a random state, without overflow: integers times their scales lie within the roundings' bound."""
    for seed, attributes in enumerate(choices(model)):
        drawn = Drawn(model, rounding, seed, attributes)
        meant = drawn.meant()
        output, state, n_overflows = drawn.integers()
        assert n_overflows == 0
        bounds = BOUNDS[model](meant)
        step = bounds.get("step", bounds.get("potential", 0.0))
        clear = bounds["doubt"] > step if "doubt" in bounds else np.ones(SIZE, bool)
        assert clear.mean() > 0.8
        for name, found, real in [*((name, output[name], meant.output[name]) for name in output),
                                  *((name, state[name], meant.after[name]) for name in state)]:
            error, bound = np.abs(found - real), bounds.get(name, 0.0) + 1e-9
            assert (error <= bound)[..., clear].all(), (name, attributes, float((error - bound)[..., clear].max()))
        for name in bounds.keys() & output.keys():
            # The bound is not idle: something comes within a tenth of it, and outputs differ.
            assert (np.abs(output[name] - meant.output[name]) > 0.1 * bounds[name]).any()
            assert len(np.unique(output[name])) > SIZE / 8


# --- what is refused -------------------------------------------------------------------------------------------------

def refused(network: Network, error: type[InputError], *, mend: bool = True, allowed: bool = True) -> str:
    """Return the message of a refusal, which says what is allowed and how to mend it."""
    with pytest.raises(error) as caught:
        lower_neurons(network)
    assert not allowed or caught.value.allowed
    assert not mend or caught.value.mend
    return str(caught.value)


def test_missing_formats() -> None:
    formats = {name: item for name, item in LIF.items() if name not in ("potential", "leak")}
    population = Population("y", "lif", 1, {"leak": 0.5}, codings=codings(**formats))
    message = refused(into(population), NetworkError, allowed=False)
    assert "population 'y' has no fixed-point format of potential, leak\n" in message
    assert "neurosim quantize" in message


def test_an_input_of_values_needs_a_format_and_one_of_spikes_does_not() -> None:
    bare = Population("in", "input", 1)
    assert "population 'in' has no fixed-point format of graded" in refused(
        into(linear(), source=bare), NetworkError, allowed=False)
    lowered(into(linear(), source=Population("in", "input", 1, attributes={"payload": "spike"})))


def test_missing_format_of_weights() -> None:
    message = refused(into(linear(), coding=None), NetworkError, allowed=False)
    assert "projection 'p' has no fixed-point format, other parts of the network do" in message


@pytest.mark.parametrize("population", [
    lif(2, {"input": "s24.10"}), lif(2, {"input": coded("s24.12", [1.0, 0.5])}),
    Population("y", "reduce", 2, codings=codings(sum="s24.12", max="s24.12", max_abs=coded("s24.12", 0.9), bias="s16.8",
                                                 graded="s16.8")),
    state_space("ssm_lif", {"potential": "s24.12", "leak": "s16.15"})])
def test_what_is_added_needs_one_scale(population: Population) -> None:
    message = refused(into(population), NetworkError)
    assert "have different scales\n  allowed: one scale for both\n" in message
    names = {"lif": "potential and input", "reduce": "max_abs and sum", "ssm_lif": "potential and y"}
    assert f"population 'y': {names[population.model]} have" in message


def test_a_payload_needs_one_scale() -> None:
    message = refused(into(linear(3, {"graded": coded("s16.8", [1.0, 1.0, 2.0])})), NetworkError)
    assert "population 'y': graded has 3 scales\n  allowed: one scale for all neurons\n" in message


@pytest.mark.parametrize(("bias", "given"), [("s16.13", "2**-1 to 2**-1"), (coded("s16.12", [1.0, 0.25]),
                                                                            "2**-2 to 2**0")])
def test_a_bias_may_not_be_finer_than_its_unit(bias: Any, given: str) -> None:
    message = refused(into(linear(2, {"bias": bias})), NetworkError)
    assert f"population 'y': the scale of bias is {given} times that of input\n  allowed: 1, 2, 4, … times\n" in message


def test_a_bias_counts_by_powers_of_two() -> None:
    message = refused(into(linear(1, {"bias": coded("s16.8", 3.0)})), NetworkError)
    assert "population 'y': scale of bias over input is 48 to 48\n  allowed: powers of two" in message


def wide(n_pre: int, weights: str, payload: str) -> Network:
    """Weights of 2**30 - 1 steps from each of `n_pre` inputs."""
    value = (2**30 - 1) * Format.parse(weights).step
    return into(linear(2), DenseWeights(np.full((n_pre, 2), value)), weights, source=graded_in(n_pre, payload))


def test_a_sum_of_products_beyond_64_bits() -> None:
    """Weights of 2**30 - 1 and payloads down to -2**31: four fit, five do not; nor does one that is shifted up."""
    assert lowered(wide(4, "s32.6", "s32.8")).shift.tolist() == [2, 2]
    message = refused(wide(5, "s32.6", "s32.8"), OptionError)
    assert message.startswith("projection 'p': 1.15292e+19 x 1 x 2**0 = 1.153e+19 needs 65 bits\n")
    assert "allowed: products below 2**63\n" in message
    message = refused(wide(1, "s32.2", "s32.4"), OptionError)
    assert message.startswith("projection 'p': 2.30584e+18 x 1 x 2**6 = 1.476e+20 needs 68 bits\n")


def test_a_mantissa_counts() -> None:
    message = refused(into(linear(1), DenseWeights(np.full((1, 1), 2.0**24 * 0.3)), coded("s32.6", 0.3),
                           source=graded_in(1, "s32.6")), OptionError)
    assert message.startswith("projection 'p': 2.30584e+18 x 19661 x 2**0 = 4.534e+22 needs 77 bits\n")


def test_what_a_port_may_gather() -> None:
    """Projections of almost 2**61 each: two fit, three do not."""
    network = wide(1, "s32.6", "s32.6")
    lowered(Network("net", network.populations, network.projections * 2))
    message = refused(Network("net", network.populations, network.projections * 3), OptionError)
    assert message.startswith("population 'y': the charge of port 'input' may reach 6.91753e+18, which needs 64 bits\n")


WIDE: dict[str, dict[str, str | Coding]] = {
    "linear": {"input": "s60.12"}, "gelu": {"input": "s50.12"}, "center": {"value": "s34.12", "mean": "s34.12"},
    "running_mean": {"input": "s56.12", "total": "s56.12"}, "glu": {"value": coded("s36.12", 0.9)},
    "gsu": {"ternary_branch": "s34.6", "graded_branch": coded("s34.12", 0.9)}, "ssm": {"h": "s44.28"},
}


@pytest.mark.parametrize("model", WIDE)
def test_products_within_a_model_beyond_64_bits(model: str) -> None:
    """Sums, the table's 15 bits, squares, products of branches, the read-out of a state space."""
    if model == "ssm":
        population = state_space("ssm", {"graded": "s16.8", "y": coded("s24.14", 0.7), **WIDE[model]})
    else:
        population = Population("y", model, 1, codings=codings(**{**MEANT[model], **WIDE[model]}))
    message = refused(into(population), OptionError)
    what = {"center": "square", "glu": "product", "gsu": "product", "ssm": "y"}.get(model, "output")
    assert message.startswith(f"population 'y': {what}: ") and " x 2**" in message and " bits\n" in message
    assert "allowed: products below 2**63\n  mend: take bits from the factors" in message


def test_a_shift_out_of_range() -> None:
    """2**-62 * 2**-30 to 2**-12: 80 bits down."""
    message = refused(into(linear(), coding="s8.62", source=graded_in(1, "s16.30")), OptionError)
    assert message.startswith("projection 'p': conversion by 8.272e-25 needs a shift of 80\n")
    assert "allowed: shifts from -62 to 62\n" in message


@pytest.mark.parametrize(("quantity", "what"), [("b", "scale of b times input over h"),
                                                ("d", "scale of d times input over c times h")])
def test_gains_of_a_state_space_count_by_powers_of_two(quantity: str, what: str) -> None:
    message = refused(into(state_space("ssm", {"graded": "s16.8", quantity: coded("s8.6", 0.7)})), NetworkError)
    assert f"population 'y': {what} is " in message and "allowed: powers of two from 2**-62 to 2**62\n" in message


@pytest.mark.parametrize(("text", "steps", "most"), [("s12.11", 2048, 2047), ("s12.-2", 0, 2047), ("u8.8", 256, 255)])
def test_the_firing_level_must_be_a_number_of_steps(text: str, steps: int, most: int) -> None:
    population = state_space("ssm_lif", {"y": text, "potential": text, "leak": "s16.15"})
    message = refused(into(population), NetworkError)
    assert f"population 'y': the firing level 1 is {steps} to {steps} steps of potential\n" in message
    assert f"allowed: 1 to {most}\n" in message


@pytest.mark.parametrize("model", ["sigma_delta", "delta"])
def test_an_encoder_cuts_whole_bits(model: str) -> None:
    def message_of(graded: str | Coding, mend: bool) -> str:
        population = Population("y", model, 1, codings=codings(**{**MEANT[model], "graded": graded}))
        return refused(into(population), NetworkError, mend=mend)

    of = {"sigma_delta": "sigma", "delta": "input"}[model]
    message = message_of(coded("s16.8", 0.3), True)
    assert f"population 'y': scale of {of} over graded is 0.208333 to 0.208333\n  allowed: powers of two" in message
    message = message_of("s16.14", False)
    assert f"population 'y': the scale of graded is 2**-2 to 2**-2 that of {of}\n" in message
    assert "allowed: one power of two from 1 up for all neurons" in message


def test_a_stored_value_may_be_outside_or_not() -> None:
    """Where a format says `error`, weights and parameters outside are refused; otherwise they become its end."""
    weights = DenseWeights(np.full((1, 1), 9.0))
    assert lowered(into(linear(), weights)).weights.tolist() == [127]
    assert refused(into(linear(), weights, "s8.6/floor/error"), NetworkError).startswith(
        "projection 'p': quantise to s8.6/floor/error: 1 of 1 values outside, from 9 to 9\n  allowed: -2 to 1.98438\n")
    assert refused(into(lif(1, {"threshold": "s8.7/floor/error"})), NetworkError).startswith(
        "population 'y': threshold: quantise to s8.7/floor/error: 1 of 1 values outside")
    assert "quantise to s8.6/floor/lava_wrap" in refused(into(linear(), weights, "s8.6/floor/lava_wrap"), NetworkError)


@pytest.mark.parametrize(("model", "formats", "words"), [
    ("cuba", {"current": "s24.12"}, "current has the format s24.12/floor/saturate\n  allowed: rounding toward_zero"),
    ("cuba", {"potential": "s24.12/toward_zero/twos_complement"}, "overflow saturate, error, in model cuba"),
    ("resonator", {"real": "s24.12", "imag": "s24.12"}, "allowed: rounding toward_zero, overflow saturate, error"),
    ("sigma_delta", {"graded": "s16.8/nearest_even"}, "allowed: rounding floor"),
    ("lif", {"potential": "s24.12/floor/lava_wrap"}, "overflow saturate, twos_complement, error, in model lif"),
    ("ssm_lif", {"h": "u24.12"}, "allowed: a signed format"),
    ("lif", {"leak": "u16.63"}, "63 bits behind the point\n  allowed: 0 to 62"),
    ("cuba", {"leak": "s16.-1"}, "-1 bits behind the point\n  allowed: 0 to 62"),
    ("layer_norm", {"variance": "s32.12"}, "allowed: integers up to 16777215"),
])
def test_formats_that_no_kernel_does(model: str, formats: dict[str, str], words: str) -> None:
    if model == "ssm_lif":
        population = state_space(model, {**MEMBRANE, **formats})
    else:
        needed = {item.name: 0.5 for item in SPEC_BY_NAME[model].parameters if item.default is None}
        population = Population("y", model, 1, needed, codings=codings(**{**PLAIN[model], **formats}))
    assert words in refused(into(population), NetworkError)


MEMBRANE = {"potential": "s24.14", "leak": "u16.15"}
PLAIN = {"lif": LIF, "cuba": {**LIF, "current": "s24.12/toward_zero", "potential": "s24.12/toward_zero",
                              "current_leak": "u12.12"},
         "resonator": {"real": "s24.12/toward_zero", "imag": "s24.12/toward_zero", "a": "s16.12", "threshold": "s16.8"},
         "sigma_delta": {"input": "s24.12", "sigma": "s24.12", "threshold": "s16.8", "bias": "s16.8"},
         "layer_norm": {"value": "s24.12", "scale": "s16.12", "bias": "s16.8", "epsilon": "s16.12",
                        "graded": "s24.8"}}


@pytest.mark.parametrize(("formats", "words"), [
    ({"h": "s50.12", "a": "s32.31"}, "a times h may reach"),
    ({"h": "s24.62", "b": "s8.6", "d": "s8.60"}, "b times input may reach"),
    ({"potential": "s56.14", "y": "s56.14"}, "leak times potential may reach"),
])
def test_products_of_a_state_space_beyond_64_bits(formats: dict[str, str], words: str) -> None:
    assert words in refused(into(state_space("ssm_lif", {**MEMBRANE, **formats})), OptionError)
