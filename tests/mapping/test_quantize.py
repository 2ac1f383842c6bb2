"""Which formats a network gets: the rules of the integer kernels, ranges, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.calibrate import measure, quantized
from neurosim.calibrate.measure import without_codings
from neurosim.errors import CapabilityError, CapacityError, OptionError
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.graph_io import load_network, save_network
from neurosim.mapping.bits import chip_bits
from neurosim.mapping.choose_scale import coding_of, holding, needed_scale, power_above
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize import quantize_network
from neurosim.mapping.quantize_options import GRANULARITIES, METHODS, SCALES, QuantizeOptions
from neurosim.mapping.ranges import MOST_COUNTS, N_BINS, Given, Magnitudes
from neurosim.quantity_specs import MODEL_QUANTITIES
from tests.engine.cases import fixed_case, make_chip
from tests.mapping.networks import spiking_ssm

CHIP = make_chip()
BITS = chip_bits(CHIP)


def magnitudes(values: Any) -> Magnitudes:
    found = Magnitudes(np.shape(values)[-1], by_channel=True)
    found.add(values)
    return found


def one(model: str, parameters: Mapping[str, Any] | None = None, *, size: int = 3, n_modes: int = 0,
        weights: Any = None, **attributes: str) -> Network:
    """An input into one population, at its first port."""
    population = Population("p", model, size, parameters or {}, attributes, n_modes)
    values = np.full((2, size), 0.5) if weights is None else np.asarray(weights, float)
    return Network("one", (Population("in", "input", 2), population),
                   (Projection("in", "p", DenseWeights(values), port=population.spec.ports[0].name),), ("p",))


def formats(network: Network, samples: Mapping[str, Any] | None = None, **options: Any) -> Mapping[str, Any]:
    """Return the codings of population `p`, whose quantities reached `samples`."""
    found = {"p": {name: magnitudes(values) for name, values in (samples or {}).items()}}
    result = quantize_network(network, BITS, found, QuantizeOptions(**options))
    lower_neurons(result)
    return result.population("p").codings


SSM = {"a_real": 0.5, "a_imag": 0.25, "b_real": 0.75, "c_real": [[1.0], [2.0], [3.0]], "c_imag": 0.5, "d": 0.25}


# -- the rules of the kernels ------------------------------------------------------------------------------------------

@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 400), method=st.sampled_from(METHODS), granularity=st.sampled_from(GRANULARITIES),
       scales=st.sampled_from(SCALES), headroom_bits=st.integers(0, 2))
def test_every_choice_goes_with_the_kernels(seed: int, method: str, granularity: str, scales: str,
                                            headroom_bits: int) -> None:
    """What cannot be lowered is refused by the lowering: it accepts all that is chosen here."""
    case = fixed_case(seed)
    options = QuantizeOptions(method=method, granularity=granularity, scales=scales, headroom_bits=headroom_bits)
    network = quantized(case.network, make_chip(case.chip), case.inputs, options)
    assert lower_neurons(network).fixed is not None
    for population in network.populations:
        for name in MODEL_QUANTITIES[population.model].names():
            if name not in population.codings:
                assert population.attributes["payload"] == "spike"
                continue
            if scales == "power_of_two":
                assert np.all(np.frexp(population.codings[name].scale)[0] == 0.5)


def test_the_float_network_stays_as_it_was() -> None:
    case = fixed_case(2)
    network = quantized(case.network, make_chip(case.chip), case.inputs)
    assert network.is_quantised and not without_codings(network).is_quantised
    for before, after in zip(case.network.populations, network.populations, strict=True):
        assert all(np.array_equal(after.parameters[name], values) for name, values in before.parameters.items())
    assert network.metadata["quantised_for"] == "generic-mesh"
    assert '"method": "max"' in network.metadata["quantised_with"]


def test_a_quantised_network_can_be_quantised_again(tmp_path: Any) -> None:
    case = fixed_case(2)
    first = quantized(case.network, CHIP, case.inputs, QuantizeOptions(bits={"weight": 4}))
    save_network(first, tmp_path / "net.h5")
    again = quantized(load_network(tmp_path / "net.h5"), CHIP, case.inputs)
    direct = quantized(case.network, CHIP, case.inputs)
    for one_, other in zip(again.populations, direct.populations, strict=True):
        assert {name: str(coding) for name, coding in one_.codings.items()} \
            == {name: str(coding) for name, coding in other.codings.items()}
    assert all(item.coding is not None and item.coding.format.bits == 8 for item in again.projections)


# -- bits, rounding, overflow ------------------------------------------------------------------------------------------

def test_bits_come_from_the_chip_by_role() -> None:
    network = one("ssm_lif", SSM, n_modes=1)
    codings = formats(network)
    assert {name: codings[name].format.bits for name in codings} == {
        "input": 24, "h": 24, "a": 16, "b": 8, "c": 8, "d": 8, "bias": 16, "y": 24, "potential": 24, "leak": 16}
    assert formats(one("linear"))["graded"].format.bits == 16


def test_the_more_particular_name_wins() -> None:
    bits = {"state": 20, "h": 18, "p.h": 16, "a": 12, "parameter": 10}
    codings = formats(one("ssm_lif", SSM, n_modes=1), bits=bits)
    assert [codings[name].format.bits for name in ("h", "potential", "a", "bias", "leak")] == [16, 20, 12, 10, 10]


def test_roundings_and_overflows_of_the_models() -> None:
    lif = formats(one("lif", {"leak": 0.5}))
    assert lif["potential"].format.rounding == "toward_zero" and lif["input"].format.rounding == "floor"
    assert lif["threshold"].format.rounding == "nearest_even"
    cuba = formats(one("cuba", {"leak": 0.5, "current_leak": 0.5}))
    assert [cuba[name].format.overflow for name in ("input", "current", "potential")] \
        == ["saturate", "lava_wrap", "saturate"]
    assert formats(one("ssm", SSM, n_modes=1))["h"].format.rounding == "floor"
    said = formats(one("lif", {"leak": 0.5}), rounding={"": "nearest_even", "input": "toward_zero"},
                   overflow={"state": "twos_complement"})
    assert said["potential"].format.rounding == "nearest_even" and said["input"].format.rounding == "toward_zero"
    assert said["leak"].format.rounding == "nearest_even" and said["leak"].format.overflow == "saturate"
    assert said["potential"].format.overflow == "twos_complement"


def test_weights_are_named_by_their_projection() -> None:
    network = quantize_network(one("lif", {"leak": 0.5}), BITS, {},
                               QuantizeOptions(bits={"weight": 6, "0:in->p.input": 4}))
    coding = network.projections[0].coding
    assert coding is not None and str(coding) == "s4.3/nearest_even/saturate"


# -- ranges ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("largest, headroom_bits, fraction", [
    (1.0, 0, 22), (0.999, 0, 23), (1.0, 1, 21), (1.0, 3, 19), (100.0, 0, 16), (1e-3, 0, 32), (1e9, 0, -7)])
def test_a_charge_gets_the_finest_scale_that_holds_it(largest: float, headroom_bits: int, fraction: int) -> None:
    """The end of the range counts: 1.0 is one step more than 23 bits behind the point hold."""
    codings = formats(one("linear"), {"input": [[largest, -largest / 2, 0.0]]}, headroom_bits=headroom_bits)
    assert codings["input"].format.fraction == fraction and codings["input"].gain == 1


def test_payloads_have_no_headroom_and_one_scale() -> None:
    codings = formats(one("linear"), {"graded": [[0.9, 1e-3, 0.4]]}, granularity="channel", headroom_bits=4)
    assert str(codings["graded"]) == "s16.15/floor/saturate"


def test_channels_get_scales_of_their_own_down_to_a_limit() -> None:
    codings = formats(one("linear"), {"input": [[1.5, 0.3, 1e-12]]}, granularity="channel", headroom_bits=0)
    assert codings["input"].scale.tolist() == [2.0**-22, 2.0**-24, 2.0**-32]


def test_free_scales_use_the_whole_range() -> None:
    codings = formats(one("linear"), {"input": [[1.5, 0.3, 0.0]]}, scales="free", headroom_bits=0)
    assert float(codings["input"].scale) == pytest.approx(1.5 / (2**23 - 1))
    assert 1 <= codings["input"].gain < 2


def test_quantities_that_are_added_share_a_scale() -> None:
    codings = formats(one("lif", {"leak": 0.5}), {"input": [[3.0] * 3], "potential": [[0.1] * 3]})
    assert codings["input"].scale == codings["potential"].scale == 2.0**-20


def test_a_threshold_that_was_never_reached_lies_in_the_range() -> None:
    for headroom_bits in (0, 1):
        codings = formats(one("lif", {"leak": 0.5, "threshold": 64.0}), {"potential": [[0.5] * 3]},
                          headroom_bits=headroom_bits)
        assert 64.0 < codings["potential"].format.range[1]
    codings = formats(one("ssm_lif", SSM, n_modes=1), {"potential": [[0.01] * 3]}, headroom_bits=0)
    assert 1.0 < codings["potential"].format.range[1] and codings["potential"].scale == codings["y"].scale


def test_a_state_space_channel_without_gelu_sends_y_as_it_is() -> None:
    codings = formats(one("ssm", SSM, n_modes=1), {"y": [[5.0] * 3], "graded": [[0.9] * 3]})
    assert str(codings["y"]) == str(codings["graded"]) == "s16.15/floor/saturate"
    curved = formats(one("ssm", SSM, n_modes=1, activation="gelu"), {"y": [[5.0] * 3], "graded": [[0.9] * 3]})
    assert str(curved["y"]) == "s24.19/floor/saturate"


def test_quantities_never_used_are_sized_by_what_is_added_to_them() -> None:
    codings = formats(one("glu", {"value_bias": 7.0}))
    assert float(codings["value"].format.range[1]) >= 7.0
    assert codings["skip"].format.range[1] >= 1.0


def test_the_payload_of_a_sigma_delta_neuron_is_cut_from_its_state() -> None:
    for options in ({}, {"scales": "free"}, {"granularity": "channel"}):
        codings = formats(one("sigma_delta", {"threshold": 0.1}),
                          {"sigma": [[1.5, 0.1, 0.1]], "graded": [[1.2, 0.2, 0.2]]}, **options)
        ratio = float(codings["graded"].scale / codings["sigma"].scale)
        assert ratio >= 1 and np.log2(ratio) % 1 == 0 and codings["sigma"].gain.ndim == 0


@pytest.mark.parametrize("options", [{}, {"scales": "free"}, {"granularity": "channel"}])
def test_charges_and_state_of_a_mode_share_a_scale_and_its_decay_holds_1(options: dict[str, str]) -> None:
    """The state's alone is large; a power of a decay is at most 1, and the interval has a scale of its own."""
    rates = {"rate_real": [-0.1, -1.0, 0.0], "rate_imag": 1.0}
    samples = {"real": [[0.5, 0.5, 0.5]], "h": [[40.0, 1.0, 0.5], [1.0, 2.0, 0.5]], "interval": [[3.0, 3.0, 3.0]],
               "graded_real": [[40.0, 1.0, 0.5]], "graded_imag": [[2.0, 1.0, 0.5]]}
    codings = formats(one("event_mode", rates), samples, **options)
    for name in ("real", "imag"):
        np.testing.assert_array_equal(codings[name].scale, codings["h"].scale)
    assert codings["h"].scale.max() * 2**23 >= 40 > codings["h"].scale.max() * 2**21
    assert str(codings["h"].format).split("/")[1] == "toward_zero"
    assert codings["a"].format.signed and codings["a"].format.range[1] >= 1
    assert float(np.max(codings["interval"].scale)) < float(codings["h"].scale.max())
    assert str(formats(one("mode", {"a_real": 0.5, "a_imag": 0.25}))["a"]) == "s16.16/nearest_even/saturate"


# -- parameters --------------------------------------------------------------------------------------------------------

def test_decays() -> None:
    assert str(formats(one("lif", {"leak": 1.0}))["leak"]) == "u16.15/nearest_even/saturate"
    assert str(formats(one("lif", {"leak": -0.3}))["leak"]) == "s16.16/nearest_even/saturate"
    assert str(formats(one("lif", {"leak": 3.0}))["leak"]) == "u16.14/nearest_even/saturate"
    assert str(formats(one("ssm_lif", SSM | {"a_real": 1.0}, n_modes=1))["a"]) == "s16.15/nearest_even/saturate"


def test_factors_below_1_have_all_their_bits_behind_the_point() -> None:
    """A leak keeps one for the 1 it may be; a turn per step, a damping, a gain do not, unless they are 1."""
    codings = formats(one("brf", {"omega": 0.3, "damping": 0.004}))
    assert [str(codings[name]).split("/")[0] for name in ("omega", "damping", "refractory_gain", "refractory_decay")] \
        == ["u16.17", "u16.23", "u16.22", "u16.15"]
    codings = formats(one("alif", {"leak": 0.9, "adaptation_leak": 0.99}))
    assert [str(codings[name]).split("/")[0] for name in ("leak", "adaptation_leak", "beta", "input_gain")] \
        == ["u16.15", "u16.15", "u16.15", "u16.15"]
    assert str(formats(one("alif", {"leak": 0.9, "adaptation_leak": 0.9, "input_gain": 0.1}))["input_gain"]) \
        == "u16.19/nearest_even/saturate"


def test_what_a_spike_lifts_holds_the_lift() -> None:
    """Neurons that were silent in the samples, and barely stirred, can still fire."""
    quiet = {"u": [[1e-6] * 3], "potential": [[1e-6] * 3]}
    brf = formats(one("brf", {"omega": 0.3, "damping": 0.1, "threshold": 1e-3}), quiet)
    alif = formats(one("alif", {"leak": 0.5, "adaptation_leak": 0.5}), quiet)
    assert brf["q"].format.range[1] > 1 and brf["q"].scale == brf["u"].scale == brf["input"].scale
    assert alif["adaptation"].format.range[1] > 1 and alif["adaptation"].scale == alif["potential"].scale


def test_parameters_in_steps_are_coarser_by_powers_of_two() -> None:
    codings = formats(one("linear", {"bias": [1000.0, 3.0, 0.5]}), {"input": [[1.5] * 3]})
    assert float(codings["bias"].scale / codings["input"].scale) == 2.0**16
    by_channel = formats(one("linear", {"bias": [1000.0, 3.0, 0.5]}), {"input": [[1.5] * 3]}, granularity="channel")
    assert (by_channel["bias"].scale / by_channel["input"].scale).tolist() == [2.0**16, 2.0**8, 2.0**6]


@pytest.mark.parametrize("options", [{}, {"scales": "free"}, {"granularity": "channel"},
                                     {"scales": "free", "granularity": "channel"}])
def test_gains_of_a_state_space_channel_use_their_bits(options: Mapping[str, str]) -> None:
    random = np.random.default_rng(0)
    parameters = {name: random.normal(size=(3, 2)) * [[1.0], [0.1], [0.01]]
                  for name in ("b_real", "b_imag", "c_real", "c_imag")}
    network = one("ssm_heaviside", SSM | parameters | {"d": [1.0, 0.3, 0.1]}, n_modes=2)
    codings = formats(network, {"input": [[1.3, 0.7, 0.2]], "h": [[1.0, 0.3, 0.05]]}, **options)
    for name in "bcd":
        values = network.population("p").parameters
        largest = np.max(np.abs([values["d"]] if name == "d" else [values[f"{name}_real"].T, values[f"{name}_imag"].T]),
                         axis=tuple(range(1 if name == "d" else 2)))
        steps = np.atleast_1d(largest / codings[name].scale)
        steps = steps if codings[name].gain.ndim else steps.max(keepdims=True)
        assert np.all((63 < steps) & (steps < 127.5)), name


def test_c_and_d_are_in_units_of_the_threshold() -> None:
    with_threshold = formats(one("ssm_lif", SSM | {"threshold": 4.0}, n_modes=1))
    without = formats(one("ssm_lif", SSM, n_modes=1))
    assert with_threshold["c"].scale * 4 == without["c"].scale


# -- weights -----------------------------------------------------------------------------------------------------------

def test_weights_of_one_are_exact() -> None:
    network = quantize_network(one("linear", weights=np.ones((2, 3))), BITS, {})
    assert str(network.projections[0].coding) == "s8.6/nearest_even/saturate"


@pytest.mark.parametrize("kind", ["dense", "sparse", "one_to_one"])
def test_each_target_has_a_scale_of_its_own(kind: str) -> None:
    values = np.array([1.0, 0.2, 0.01])
    weights = {"dense": DenseWeights(np.array([values / 2, values, values * 0])), "one_to_one": OneToOneWeights(values),
               "sparse": SparseWeights(np.array([0, 3, 6, 6]), np.array([0, 1, 2] * 2),
                                       np.concatenate([values / 2, values]), 3)}[kind]
    network = Network("n", (Population("in", "input", 3), Population("p", "linear", 3)),
                      (Projection("in", "p", weights),))
    coding = quantize_network(network, BITS, {}, QuantizeOptions(granularity="channel")).projections[0].coding
    assert coding is not None and coding.scale.tolist() == [2.0**-6, 2.0**-9, 2.0**-13]


def test_an_outlier_costs_less_with_percentile_and_mse() -> None:
    random = np.random.default_rng(1)
    weights = random.normal(size=(2, 500)) * 0.5
    weights[0, 0] = 3.9
    scale = {}
    for method in METHODS:
        network = one("linear", size=500, weights=weights)
        coding = quantize_network(network, BITS, {}, QuantizeOptions(method=method, bits={"weight": 4}))
        assert coding.projections[0].coding is not None
        scale[method] = float(coding.projections[0].coding.scale)
    assert scale["mse"] < scale["percentile"] <= scale["max"]
    errors = {method: float(Given(weights).squared_error(np.array([value]), 7, 1 / 12)[0])
              for method, value in scale.items()}
    assert errors["mse"] <= min(errors.values()) * 1.0000001


# -- refusals ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options, message", [
    ({"method": "maximum"}, "method = 'maximum'\n  allowed: max, percentile, mse\n  mend: did you mean 'max'"),
    ({"granularity": "layer"}, "allowed: tensor, channel"), ({"scales": "any"}, "allowed: power_of_two, free"),
    ({"percentile": 101}, "allowed: 50 to 100"), ({"headroom_bits": -1}, "allowed: integer from 0 to 16"),
    ({"bits": {"a": 1}}, "bits of a = 1\n  allowed: integer from 2 to 62"), ({"bits": {"a": 8.5}}, "bits of a = 8.5"),
    ({"rounding": {"": "flor"}}, "rounding = 'flor'\n.*\n  mend: did you mean 'floor'"),
    ({"overflow": {"h": "wrap"}}, "overflow of h = 'wrap'"), ({"bits": {"a": True}}, "bits of a = True"),
])
def test_options_are_checked(options: Mapping[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        QuantizeOptions(**options)


@pytest.mark.parametrize("name, mend", [("leek", "'leak'"), ("p.leek", "'p.leak'"), ("stat", "'state'"),
                                        ("0:in->p.inputs", "'0:in->p.input'")])
def test_unknown_names_are_refused(name: str, mend: str) -> None:
    with pytest.raises(OptionError, match=f"(?s)no such quantity.*did you mean {mend}"):
        formats(one("lif", {"leak": 0.5}), bits={name: 8})


def test_more_bits_than_the_chip_has_are_refused() -> None:
    with pytest.raises(CapacityError, match=r"population 'p': h: core.state_bits: need 32 bits, have 24 bits"):
        formats(one("ssm", SSM, n_modes=1), bits={"h": 32})
    with pytest.raises(CapacityError, match=r"projection '0:in->p.input': core.weight_bits: need 9 bits, have 8"):
        formats(one("lif", {"leak": 0.5}), bits={"weight": 9})


def test_values_on_a_chip_without_payload_are_refused() -> None:
    with pytest.raises(CapabilityError, match=r"population 'in' \(model input\) sends values, noc.payload_bits = 0"):
        quantize_network(one("lif", {"leak": 0.5}), BITS | {"payload": ("noc.payload_bits", 0)}, {})


def test_a_threshold_below_half_a_step_is_refused() -> None:
    with pytest.raises(OptionError, match=r"population 'p': threshold: 1e-06 is below half a step of 0.25 and would"):
        formats(one("lif", {"leak": 0.5, "threshold": 1e-6}), {"potential": [[1e6] * 3]})


def test_a_decay_without_a_bit_behind_the_point_is_refused() -> None:
    with pytest.raises(OptionError, match=r"population 'p': a: 4 bits - 1 for the sign - 3 before the point"):
        formats(one("ssm", SSM | {"a_real": 5.0}, n_modes=1), bits={"a": 4})
    with pytest.raises(OptionError, match=r"population 'p': leak: 3 bits behind the point: the largest value 0.01 is"):
        formats(one("lif", {"leak": 0.01}), bits={"leak": 4})


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(OptionError, match="population 'p': input leaves all numbers"):
        formats(one("linear"), {"input": [[np.inf, 0.0, 0.0]]})


# -- magnitudes --------------------------------------------------------------------------------------------------------

def test_magnitudes_are_exact_at_the_top_and_close_below() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(50, 20, 4)) * [1e-3, 1.0, 7.0, 0.0]
    found = Magnitudes(4, by_channel=True)
    for part in np.split(values, 5):
        found.add(part)
    assert np.array_equal(found.largest, np.abs(values).max(axis=(0, 1)))
    assert found.counts.sum(axis=1).tolist() == [1000, 1000, 1000, 0]
    for percent in (50, 90, 99.5, 100):
        exact = np.percentile(np.abs(values), percent, axis=(0, 1), method="inverted_cdf")
        assert np.all(found.percentile(percent) >= exact * 0.999) and np.all(found.percentile(percent) <= exact * 1.26)
    whole = found.together()
    assert whole.largest.tolist() == [found.largest.max()] and whole.counts.sum() == 3000


def test_values_given_are_exact() -> None:
    values, channel = np.array([1.0, -3.0, 2.0, 0.0, 5.0, 0.25]), np.array([0, 0, 0, 0, 1, 1])
    found = Given(values, channel, 3)
    assert found.largest.tolist() == [3.0, 5.0, 0.0]
    assert found.percentile(50).tolist() == [2.0, 0.25, 0.0] and found.percentile(100).tolist() == [3.0, 5.0, 0.0]
    assert found.squared_error(np.array([1.0, 1.0, 1.0]), 2, 0.0).tolist() == [0.0, 9.0625, 0.0]


def test_memory_is_bounded() -> None:
    n_channels = MOST_COUNTS // N_BINS + 1
    shared = Magnitudes(n_channels, by_channel=True)
    assert shared.is_shared and shared.counts.shape == (1, N_BINS)
    random = np.random.default_rng(0)
    shared.add(random.normal(size=(30, n_channels)))
    options = QuantizeOptions(method="percentile", percentile=90)
    part = needed_scale(shared, 127, options, "floor") / holding(shared.largest, 127, free=False)
    assert len(np.unique(part)) == 1 and 0 < part[0] <= 1


def test_extreme_values_find_a_bin() -> None:
    found = magnitudes(np.array([[1e300, 5e-324, 0.0]]))
    assert found.counts.sum() == 2 and found.percentile(100).tolist() == [1e300, 5e-324, 0.0]


def test_powers_and_codings() -> None:
    assert power_above(np.array([0.0, 1.0, 1.1, 0.5, 3.0])).tolist() == [0.0, 1.0, 2.0, 0.5, 4.0]
    assert str(coding_of(np.asarray(2.0**-70), 8, "floor", "saturate")) == "s8.64/floor/saturate x 0.015625"
    coding = coding_of(np.array([0.25, 0.75]), 8, "floor", "saturate")
    assert coding.format.fraction == 2 and coding.gain.tolist() == [1.0, 3.0]


def test_ranges_of_a_deep_network_hold_all_samples() -> None:
    network = spiking_ssm(width=6, n_modes=2, n_classes=3)
    inputs = np.random.default_rng(0).random((4, 12, 1))
    found = measure(network, inputs)
    codings = {item.name: item.codings for item in quantized(network, CHIP, inputs).populations}
    for population, quantities in found.items():
        for name, item in quantities.items():
            if name in codings[population] and not (name == "y" and population.startswith("readout")):
                assert codings[population][name].format.range[1] >= item.largest.max(), (population, name)
