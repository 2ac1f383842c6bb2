"""The exported module computes what the chip computes: every output, every rounding, to the last bit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from hw_models.load import load_chip
from neurosim.calibrate import quantized
from neurosim.engine import RunOptions, run
from neurosim.engine.batch import BatchPass
from neurosim.errors import DataError, NetworkError, OptionError
from neurosim.export import to_torch
from neurosim.formats import Coding, Format
from neurosim.graph import ConvolutionWeights, DenseWeights, Network, Population, Projection, SparseWeights
from neurosim.mapping import MappingOptions, map_network
from neurosim.mapping.lower_function import lower_neurons
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.model_specs import SPEC_BY_NAME
from neurosim.scenario import load_scenario
from neurosim.traces.recorder import MemoryRecorder
from tests.engine.cases import fixed_case
from tests.export.small_networks import (
    EXACT_ROUNDINGS,
    MODELS,
    SIZE,
    in_wide_formats,
    one_of,
    population,
    with_formats,
    with_roundings,
)

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")

KINDS = ("lif", "binary", "gsu")


def assert_same_as_kernels(network: Network, inputs: np.ndarray, module: Any = None) -> None:
    """Every output of every population at every token, and the read-outs."""
    module = to_torch(network) if module is None else module
    with torch.no_grad():
        readout, outputs = module(torch.tensor(inputs), record=True)
    neurons = lower_neurons(network)
    assert neurons.fixed is not None
    kernels = BatchPass(neurons, inputs, "fixed")
    for update in kernels.updates():
        item = network.populations[update.population]
        first = neurons.populations.first_output[update.population]
        for place, output in enumerate(item.spec.outputs):
            expected = update.output[place] * neurons.fixed.output_scale[first + place]
            found = outputs[item.name, output.name][update.samples, update.token]
            np.testing.assert_array_equal(found, expected, f"{item.name}.{output.name}, token {update.token}")
    np.testing.assert_array_equal(readout, kernels.readout)


def values(random: np.random.Generator, n_samples: int = 3, n_tokens: int = 9) -> np.ndarray:
    return random.normal(0, 1.5, (n_samples, n_tokens, SIZE))


@pytest.mark.parametrize("rounding", EXACT_ROUNDINGS)
@pytest.mark.parametrize(("model", "overflow"), [*itertools.product(MODELS, ("saturate", "twos_complement")),
                                                 ("cuba", "lava_wrap")])
def test_every_model_rounding_and_overflow(model: str, overflow: str, rounding: str) -> None:
    """Formats narrow enough that values overflow, gains, loops with delays, all kinds of weights."""
    for seed in range(2):
        random = np.random.default_rng(seed)
        assert_same_as_kernels(with_formats(one_of(model, random), random, rounding, overflow), values(random))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_with_formats_of_its_own_for_every_quantity(model: str) -> None:
    """So that no rounding stands in for another: where values overflow, and where every conversion drops bits."""
    n_held = 0
    for seed in range(10, 30):
        random = np.random.default_rng(seed)
        bare = one_of(model, random)
        with suppress(OptionError):         # a few draws need more than 53 bits
            network = with_formats(bare, random)
            module = to_torch(network)
            n_held += 1
            assert_same_as_kernels(network, values(random), module)
        assert_same_as_kernels(with_roundings(in_wide_formats(bare), random), values(random))
    assert n_held >= 18


def changed(network: Network, formats: dict[str, str], **parameters: Any) -> Network:
    """Return the network with other formats and parameters of its population p; gains stay."""
    old = network.population("p")
    codings = {**old.codings, **{name: replace(old.codings[name], format=Format.parse(text))
                                 for name, text in formats.items()}}
    new = replace(old, codings=codings, parameters={**old.parameters, **parameters})
    return replace(network, populations=tuple(new if item is old else item for item in network.populations))


def test_the_potential_of_a_neuron_with_a_current_has_symmetric_ends() -> None:
    """A threshold at the lower end is reached by what was clipped there."""
    random, end = np.random.default_rng(0), 2.0**19 - 1
    network = changed(in_wide_formats(one_of("cuba", random, comparator=">=", reset="none"), 1.0),
                      {"potential": "s20.18/toward_zero"}, threshold=-end * 2.0**-18, bias=-4.0)
    assert_same_as_kernels(network, values(random))
    assert to_torch(network)(values(random)).sum() > 0


def test_a_variance_plus_epsilon_counts_up_to_24_bits() -> None:
    random = np.random.default_rng(0)
    network = changed(in_wide_formats(one_of("layer_norm", random)), {"variance": "u24.22"})
    positive = tuple(replace(item, weights=replace(item.weights, values=np.abs(item.weights.values)))
                     for item in network.projections)
    assert_same_as_kernels(replace(network, projections=positive), 20 + np.abs(values(random)))
    with pytest.raises(NetworkError, match=r"variance has the format u25.*\n  allowed: integers up to 16777215"):
        to_torch(changed(network, {"variance": "u25.22"}))


@pytest.mark.parametrize("seed", range(50))
def test_random_networks(seed: int) -> None:
    case, random = fixed_case(seed), np.random.default_rng(seed)
    network = with_formats(case.network, random)
    if any(item.period > 1 for item in network.populations):
        with pytest.raises(NetworkError, match=r"rest at tokens|a convolution into port|take the tokens backward"):
            to_torch(network)
        network = replace(network, populations=tuple(replace(item, period=1) for item in network.populations))
    if any(item.reset_period for item in network.populations):
        with pytest.raises(NetworkError, match=r"emptied within a sample|a convolution into port|backward"):
            to_torch(network)
        network = replace(network, populations=tuple(
            replace(item, reset_period=0, reset_offset=0) for item in network.populations))
    if any(is_beyond_pytorch(network, item) for item in network.projections):
        with pytest.raises(NetworkError, match=r"a convolution into port|take the tokens backward"):
            to_torch(network)
    else:
        assert_same_as_kernels(network, case.inputs)


def is_beyond_pytorch(network: Network, item: Projection) -> bool:
    """Return whether a projection is a convolution of maxima, or a loop that runs backward."""
    target = network.population(item.target)
    largest = target.spec.ports[target.spec.port_index(item.port)].operator != "sum"
    return isinstance(item.weights, ConvolutionWeights) and largest \
        or item.source == item.target and target.direction == "reversed"


def test_formats_do_overflow_in_these_tests() -> None:
    """Otherwise the tests above would show little."""
    total = 0
    for model in MODELS:
        random = np.random.default_rng(0)
        network = with_formats(one_of(model, random), random, "floor", "saturate")
        total += BatchPass(lower_neurons(network), values(random), "fixed").run().overflows.sum()
    assert total > 100


# -- trained networks on a chip ---------------------------------------------------------------------------------------


@cache
def digits(kind: str) -> tuple[Network, np.ndarray]:
    """Return a digit network in the formats of Loihi 2 with few bits, and test images."""
    scenario = load_scenario("digits")[0]
    network = scenario.network(kind)
    options = QuantizeOptions(bits={"weight": 7, "h": 16}, granularity="channel", scales="free")
    return quantized(network, load_chip("loihi2"), scenario.calibration(1)[:20], options), scenario.inputs(1)


def on_chip(network: Network, inputs: np.ndarray) -> list[Any]:
    machine = map_network(network, load_chip("loihi2"), MappingOptions(placement="linear"))
    recorder = MemoryRecorder()
    run(machine, inputs, RunOptions(detail="functional", numbers="fixed"), recorder)
    return recorder.results


@pytest.mark.parametrize("kind", KINDS)
def test_digit_networks(kind: str) -> None:
    network, images = digits(kind)
    assert_same_as_kernels(network, images[:12])


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_network_computes_on_the_chip_what_the_module_computed(kind: str) -> None:
    network, images = digits(kind)
    torch.manual_seed(0)
    module = to_torch(network)
    optimiser = torch.optim.Adam(module.parameter_groups(lr=0.02, slow_lr=0.01))
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(images[:8]), torch.arange(8)).backward()
        optimiser.step()
        module.clamp_()
    trained = module.to_network()
    changed = [not np.array_equal(old.weights.values, new.weights.values)
               for old, new in zip(network.projections, trained.projections, strict=True)]
    assert all(changed)
    with torch.no_grad():
        readout = module(images[:6]).numpy()
    np.testing.assert_array_equal([result.readout for result in on_chip(trained, images[:6])], readout)
    assert_same_as_kernels(trained, images[:6], module)


# -- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_an_untrained_module_gives_the_network_back(model: str) -> None:
    random = np.random.default_rng(1)
    network = with_formats(one_of(model, random), random)
    back = to_torch(network).to_network()
    for old, new in zip(network.populations, back.populations, strict=True):
        assert (old.name, old.model, old.attributes, old.n_modes) == (new.name, new.model, new.attributes, new.n_modes)
        assert old.codings == new.codings
        for name, given in old.parameters.items():
            np.testing.assert_array_equal(new.parameters[name], given)
    for old_, new_ in zip(network.projections, back.projections, strict=True):
        assert (old_.name, old_.port, old_.output, old_.coding) == (new_.name, new_.port, new_.output, new_.coding)
        np.testing.assert_array_equal(new_.delay_steps, old_.delay_steps)
        np.testing.assert_array_equal(new_.weights.values, old_.weights.values)
    assert (back.name, back.readouts, back.metadata) == (network.name, network.readouts, network.metadata)


@pytest.mark.parametrize("model", MODELS)
def test_clamping_moves_nothing_before_training_and_keeps_what_trains_within_range(model: str) -> None:
    random = np.random.default_rng(2)
    network = with_formats(one_of(model, random, comparator=">="), random, overflow="saturate")
    inputs, module = values(random), to_torch(network)
    module.clamp_()
    assert_same_as_kernels(network, inputs, module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(random.normal(0, 100.0, parameter.shape)))
    module.clamp_()
    trained = module.to_network()           # checks the ranges that models declare
    parameters = trained.population("p").parameters
    if "a_real" in parameters:
        assert np.hypot(parameters["a_real"], parameters["a_imag"]).max() < 1
    for name in ("leak", "current_leak"):
        assert name not in parameters or (parameters[name].min() >= 0 and parameters[name].max() <= 1)
    if "threshold" in parameters and model != "ssm_heaviside":
        assert parameters["threshold"].min() > 0
    assert_same_as_kernels(trained, inputs, module)


def test_weights_beyond_their_range_come_back() -> None:
    network = in_wide_formats(one_of("linear", np.random.default_rng(0)))
    module = to_torch(network)
    with torch.no_grad():
        module.synapses[0].values.fill_(1e6)
    module.clamp_()
    coding = network.projections[0].coding
    assert coding is not None
    assert module.synapses[0].values.max().item() == coding.format.high * coding.scale


# -- what is refused --------------------------------------------------------------------------------------------------


def linear(**formats: str) -> Network:
    """Return a network of one linear neuron; formats by quantity, or `weights`."""
    text = {"given": "s8.4", "input": "s24.8", "bias": "s16.8", "graded": "s16.6", "weights": "s8.6", **formats}
    codings = {name: Coding(Format.parse(item)) for name, item in text.items()}
    return Network("line", (Population("in", "input", 2, codings={"graded": codings["given"]}),
                            Population("out", "linear", 1, codings={name: codings[name]
                                                                    for name in ("input", "bias", "graded")})),
                   (Projection("in", "out", DenseWeights(np.ones((2, 1))), coding=codings["weights"]),), ("out",))


@pytest.mark.parametrize(("formats", "message"), [
    ({"input": "s24.8/stochastic"}, r"'out': input: .* rounds at random"),
    ({"input": "s24.8/floor/error"}, r"'out': input: .* refuses what does not fit"),
    ({"input": "s60.8"}, r"'out': input: .* has 60 bits"),
    ({"given": "s40.4", "weights": "s14.6"}, r"0:in->out.input': 2 synapses x weights \(s14.6.*up to 549755813888 = "
                                            r"9.007e\+15 needs 54 bits\n  allowed: magnitudes below 2\*\*53"),
    ({"weights": "s8.6/floor/lava_wrap"}, "wraps what is stored"),
    ({"bias": "s16.9"}, r"the scale of bias is 2\*\*-1 to 2\*\*-1 times that of input"),
    ({"graded": "s16.60", "input": "s16.-8", "bias": "s16.-8"}, r"output: conversion by .* needs a shift of -68"),
])
def test_formats_that_cannot_be_trained_with(formats: dict[str, str], message: str) -> None:
    with pytest.raises((OptionError, NetworkError), match=message):
        to_torch(linear(**formats))


def test_products_beyond_63_bits_are_refused() -> None:
    network = linear(given="s25.4")
    wide = replace(network.projections[0], coding=Coding(Format(27, 6), np.array(1.3)))
    with pytest.raises(OptionError, match=r"2\.2518e\+15 x 21299 x 2\*\*0 = 4\.796e\+19 needs 67 bits"):
        to_torch(replace(network, projections=(wide,)))


def test_the_sum_of_all_projections_of_a_port_is_bounded() -> None:
    network = linear(given="s30.4", weights="s22.6", input="s24.9", bias="s16.9")
    first = network.projections[0]
    to_torch(network)
    with pytest.raises(OptionError, match=r"population 'out': port 'input': sum of 9 projections"):
        to_torch(replace(network, projections=tuple(replace(first, name=str(index)) for index in range(9))))


@pytest.mark.parametrize("model", ["resonator", "sigma_delta", "delta", "brf", "alif", "mode", "event_mode",
                                   "bit_shift_lif"])
def test_models_without_a_gradient(model: str) -> None:
    sign = -1 if model == "event_mode" else 1
    parameters = {item.name: sign * 0.5 for item in SPEC_BY_NAME[model].parameters if item.default is None}
    bare = Population("p", model, 2, parameters)
    wide = in_wide_formats(Network("n", (bare,), ()), 1.0)
    with pytest.raises(NetworkError, match=rf"population 'p': model {model} cannot be trained: .*\n  mend:"):
        to_torch(wide)


def test_networks_without_formats() -> None:
    network = linear()
    bare = replace(network, populations=tuple(replace(item, codings={}) for item in network.populations),
                   projections=tuple(replace(item, coding=None) for item in network.projections))
    with pytest.raises(NetworkError, match="network 'line' is not quantised"):
        to_torch(bare)
    with pytest.raises(NetworkError, match="projection '0:in->out.input' has no fixed-point format"):
        to_torch(replace(network, projections=bare.projections))
    with pytest.raises(NetworkError, match="population 'out' has no fixed-point format of input, bias, graded"):
        to_torch(replace(network, populations=(network.populations[0], bare.populations[1])))


@pytest.mark.parametrize(("model", "formats", "message"), [
    ("cuba", {"potential": "s24.18/floor"}, "potential has the format s24.18/floor/saturate\n  allowed: "
                                            "rounding toward_zero, overflow saturate, error"),
    ("lif", {"potential": "s24.18/floor/lava_wrap"}, "overflow saturate, twos_complement, error"),
    ("ssm", {"h": "u24.18"}, "h has the format u24.18"),
    ("lif", {"leak": "s20.-1"}, "leak has the format s20.-1/floor/saturate: -1 bits behind the point\n"
                                "  allowed: 0 to 62"),
])
def test_formats_that_the_kernel_of_the_model_does_not_know(model: str, formats: dict[str, str], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        to_torch(changed(in_wide_formats(one_of(model, np.random.default_rng(0))), formats))


def test_scales_that_do_not_go_together() -> None:
    network = in_wide_formats(one_of("lif", np.random.default_rng(0)))
    codings = network.population("p").codings
    wrong = {**codings, "input": Coding(Format(24, 17), codings["input"].gain)}
    with pytest.raises(NetworkError, match="potential and input have different scales"):
        to_torch(replace(network, populations=(network.populations[0],
                                               replace(network.populations[1], codings=wrong))))
    space = in_wide_formats(one_of("ssm", np.random.default_rng(0)), 1.0)
    uneven = {**space.population("p").codings, "b": Coding(Format(8, 6), np.array(1.1))}
    with pytest.raises(NetworkError, match=r"scale of b times input over h is 0.0171875 .*\n  allowed: powers of two"):
        to_torch(replace(space, populations=(space.populations[0], replace(space.populations[1], codings=uneven))))
    gains = {"graded": Coding(Format(8, 4), np.ones(SIZE))}
    with pytest.raises(NetworkError, match="graded has 4 scales"):
        to_torch(replace(space, populations=(replace(space.populations[0], codings=gains), space.populations[1])))


def test_a_firing_level_that_the_potential_cannot_hold() -> None:
    network = in_wide_formats(one_of("ssm_lif", np.random.default_rng(0)))
    codings = {**network.population("p").codings, "potential": Coding(Format(12, 18), np.array(1.3))}
    with pytest.raises(NetworkError, match="the firing level 1 is 201649 to 201649 steps of potential"):
        to_torch(replace(network, populations=(network.populations[0],
                                               replace(network.populations[1], codings=codings))))


def test_loops_without_delay_and_projections_without_synapses() -> None:
    random = np.random.default_rng(0)
    network = in_wide_formats(one_of("linear", random))
    loop = replace(network.projections[-1], delay_steps=0)
    with pytest.raises(NetworkError, match="projections without delay form a cycle among p"):
        to_torch(replace(network, projections=(network.projections[0], loop)))
    nothing = SparseWeights(np.zeros(SIZE + 1, np.int64), np.zeros(0, np.int64), np.zeros(0), SIZE)
    for delay in (2, np.zeros(0, np.int64)):
        empty = replace(network.projections[-1], weights=nothing, delay_steps=delay)
        assert_same_as_kernels(replace(network, projections=(network.projections[0], empty)), values(random))


def test_inputs_that_do_not_fit() -> None:
    module = to_torch(linear())
    with pytest.raises(DataError, match=r"inputs have shape \(3, 2\)\n  allowed: \(samples, tokens, 2\)"):
        module(torch.zeros(3, 2))
    with pytest.raises(DataError, match="NaN or infinity"):
        module(torch.full((1, 1, 2), torch.nan))
    spikes = replace(linear(), populations=(Population("in", "input", 2, attributes={"payload": "spike"}),
                                            linear().populations[1]))
    assert to_torch(spikes)(torch.ones(1, 1, 2)).item() == 2.0
    with pytest.raises(DataError, match="population 'in' are not all 0 or 1"):
        to_torch(spikes)(torch.full((1, 1, 2), 0.5))


def test_other_numbers_than_float64() -> None:
    with pytest.raises(OptionError, match="parameters are not float64"):
        to_torch(linear()).float()(torch.zeros(1, 1, 2))
    with pytest.raises(OptionError, match="surrogate_width = 0"):
        to_torch(linear(), surrogate_width=0)


def test_pytorch_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("neurosim.export.torch_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(OptionError, match=r"to_torch needs PyTorch.*\n  mend: .*neurosim-chips\[torch\]"):
        to_torch(linear())


def test_the_package_loads_without_pytorch() -> None:
    code = "import sys, neurosim.export; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_populations_without_readout_or_input() -> None:
    """A network may speak through nothing, and hear nothing."""
    alone = in_wide_formats(Network("alone", (population("lif", np.random.default_rng(0)),), ()))
    assert to_torch(alone)(torch.zeros(2, 3, 0)).shape == (2, 0)
