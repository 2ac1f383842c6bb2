"""Gradients of the exported module: those of the network in real numbers, straight through what is rounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim.export import to_torch
from neurosim.formats import Coding, Format
from neurosim.graph import DenseWeights, Network, OneToOneWeights, Population, Projection
from neurosim.numbers import fit_rows, quantise, shift_rows
from tests.export.small_networks import EXACT_ROUNDINGS, MODELS, SIZE, in_wide_formats, one_of, with_formats

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")

SMOOTH = (("linear", "none"), ("relu", "none"), ("gelu", "none"), ("ssm", "none"), ("ssm", "gelu"), ("ssm", "relu"),
          ("gsu", "none"), ("gsu", "gelu"), ("glu", "none"), ("reduce", "none"), ("center", "none"),
          ("layer_norm", "none"), ("integrator", "none"), ("running_mean", "none"))


# -- arithmetic -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounding", EXACT_ROUNDINGS)
def test_shifts_are_those_of_the_kernels(rounding: str) -> None:
    from neurosim.export.torch_arithmetic import rounded, shifted
    from neurosim.formats import ROUNDINGS

    random = np.random.default_rng(0)
    shift = random.integers(-4, 40, 4000)
    near_ties = random.integers(-9, 10, 2000) << random.integers(0, 39, 2000)
    given = np.concatenate([random.integers(-2**40, 2**40, 2000), near_ties])
    expected = np.empty_like(given)
    shift_rows(given, shift, ROUNDINGS.index(rounding), 0, 0, expected)
    found = shifted(torch.tensor(given), torch.tensor(shift), rounding)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(rounded(torch.tensor(given * np.exp2(-shift)), rounding), expected)


@pytest.mark.parametrize("rounding", EXACT_ROUNDINGS)
def test_conversions_with_products_beyond_53_bits(rounding: str) -> None:
    from neurosim.export.torch_arithmetic import Conversion
    from neurosim.formats import ROUNDINGS

    random = np.random.default_rng(0)
    given, factor = random.integers(-2**46, 2**46, (500, 3)), np.array([0.3, 0.71e-3, 2.0**-9])
    conversion = Conversion(factor, 2.0**46, rounding, "here")
    assert not conversion.is_narrow and Conversion(factor, 2.0**30, rounding, "here").is_narrow
    shift = np.broadcast_to(conversion.shift.numpy(), given.shape)
    expected = np.empty(given.size, np.int64)
    shift_rows((given * conversion.mantissa.numpy()).reshape(-1), shift.reshape(-1), ROUNDINGS.index(rounding), 0, 0,
               expected)
    values = torch.tensor(given, dtype=torch.float64, requires_grad=True)
    found = conversion(values)
    np.testing.assert_array_equal(found.detach(), expected.reshape(given.shape))
    found.sum().backward()
    np.testing.assert_allclose(values.grad, np.broadcast_to(factor, given.shape), rtol=2.0**-14)


@pytest.mark.parametrize("text", ["s7.0", "u7.0", "s7.0/floor/twos_complement", "u7.0/floor/twos_complement",
                                  "s7.0/floor/lava_wrap"])
def test_overflows_are_those_of_the_kernels(text: str) -> None:
    from neurosim.export.torch_arithmetic import fit
    from neurosim.formats import OVERFLOWS

    format_, given = Format.parse(text), np.arange(-300, 301)
    expected = given.copy()
    fit_rows(expected, format_.bits, format_.signed, OVERFLOWS.index(format_.overflow))
    values = torch.tensor(given, dtype=torch.float64, requires_grad=True)
    found = fit(values, format_)
    np.testing.assert_array_equal(found.detach(), expected)
    found.sum().backward()
    held = (given >= format_.low) & (given <= format_.high) | (format_.overflow != "saturate")
    np.testing.assert_array_equal(values.grad, held.astype(float))


@pytest.mark.parametrize("overflow", ["saturate", "twos_complement"])
@pytest.mark.parametrize("rounding", EXACT_ROUNDINGS)
def test_numbers_are_quantised_as_the_lowering_does(rounding: str, overflow: str) -> None:
    from neurosim.export.torch_arithmetic import Quantiser

    random = np.random.default_rng(0)
    ties = (np.arange(-40, 40) + 0.5) / 8
    given = np.concatenate([ties, random.normal(0, 8, 500), [0.0, -0.0, 5e-324, -5e-324, 1e18, -1e18, 1e300, 3e19]])
    for signed in (True, False):
        format_ = Format(9, 3, signed, rounding, overflow)
        values = torch.tensor(given, requires_grad=True)
        found = Quantiser(format_, np.array(0.75))(values)
        expected, _ = quantise(given / 0.75, format_)
        np.testing.assert_array_equal(found.detach(), expected)
        found.sum().backward()
        unlimited, _ = quantise(np.clip(given, -1e15, 1e15) / 0.75, Format(62, 3, True, rounding))
        clipped = (overflow == "saturate") & (expected != unlimited)
        np.testing.assert_allclose(values.grad, np.where(clipped, 0.0, 8 / 0.75))


def test_the_table_has_the_derivative_of_its_function() -> None:
    from neurosim.export.torch_somata import Table
    from neurosim.models.fixed.lookup import sigmoid_of

    x = torch.linspace(-20 * 1024, 20 * 1024, 999, dtype=torch.float64).round().requires_grad_()
    value = Table(sigmoid_of, torch.sigmoid)(x)
    np.testing.assert_allclose(value.detach() / 2**15, torch.sigmoid(x.detach() / 1024), atol=1e-3)
    value.sum().backward()
    exact = torch.sigmoid(x.detach() / 1024)
    np.testing.assert_allclose(x.grad, exact * (1 - exact) * 32)


# -- whole networks ---------------------------------------------------------------------------------------------------


def loss_of(module: Any, inputs: np.ndarray, weights: dict[Any, Any]) -> Any:
    """Return a weighted sum of all outputs at all tokens."""
    _, outputs = module(torch.tensor(inputs), record=True)
    return sum((outputs[key] * factor).sum() for key, factor in weights.items())


def calm(network: Network) -> Network:
    """Return the network with weaker weights, so that nothing leaves its range; variances are positive."""
    return replace(network, projections=tuple(
        replace(item, weights=replace(item.weights, values=0.4 * (
            np.abs(item.weights.values) if item.port == "variance" and item.source == "in" else item.weights.values)))
        for item in network.projections if (item.source, item.port) != ("p", "variance")))


@pytest.mark.parametrize("gain", [1.0, 1.3])
@pytest.mark.parametrize(("model", "activation"), SMOOTH)
def test_gradients_agree_with_differences(model: str, activation: str, gain: float) -> None:
    """In fine formats, along a random direction of each parameter; loops and delays included."""
    random = np.random.default_rng(3)
    network = calm(one_of(model, random, activation=activation))
    module = to_torch(in_wide_formats(network, gain))
    inputs = random.normal(0, 0.5, (3, 5, SIZE))
    if model == "layer_norm":       # of a variance that is none, nothing is sent
        inputs = np.abs(inputs) + 0.5
    # Small for what has corners, larger than the steps of tables for what has none.
    step = 2.0**-10 if model in ("relu", "reduce", "layer_norm") else 2.0**-8 if activation == "relu" else 2.0**-6
    weights = {("p", output.name): torch.tensor(random.normal(size=(3, 5, SIZE)))
               for output in network.population("p").spec.outputs}
    loss_of(module, inputs, weights).backward()
    checked = 0
    for name, parameter in module.named_parameters():
        if parameter.grad is None or name.endswith("epsilon"):
            continue
        direction = torch.tensor(random.normal(size=parameter.shape))
        expected = (parameter.grad * direction).sum().item()
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * step)
                ends.append(loss_of(module, inputs, weights).item())
                parameter.add_(direction, alpha=-sign * step)
        np.testing.assert_allclose(expected, (ends[0] - ends[1]) / (2 * step), rtol=0.03, atol=0.03, err_msg=name)
        checked += abs(expected) > 0.03
    assert checked >= 2


def modes_by_steps(x: Any, *given: Any) -> tuple[Any, Any, Any]:
    """Return what `Modes` returns, operation by operation, for autograd."""
    from neurosim.export.torch_arithmetic import fit, product

    *tables, real, imag, spec = given
    (a_real, a_imag, b_real, b_imag, c_real, c_imag), totals = tables, []

    def part(factor: Any, value: Any, gain: Any) -> Any:
        return product(factor, value, gain, spec.format.rounding)

    for token in range(len(x)):
        now = x[token][:, None]
        real, imag = (
            fit(part(a_real, real, spec.decay) - part(a_imag, imag, spec.decay) + part(b_real, now, spec.gain),
                spec.format),
            fit(part(a_real, imag, spec.decay) + part(a_imag, real, spec.decay) + part(b_imag, now, spec.gain),
                spec.format))
        totals.append((c_real * real - c_imag * imag).sum(1))
    return torch.stack(totals), real, imag


@pytest.mark.parametrize("rounding", EXACT_ROUNDINGS)
@pytest.mark.parametrize("overflow", ["saturate", "twos_complement"])
def test_the_adjoint_of_the_modes_is_what_autograd_would_find(overflow: str, rounding: str) -> None:
    from neurosim.export.torch_modes import Modes, ModeSpec

    generator = torch.Generator().manual_seed(0)

    def integers(*shape: int, most: int) -> Any:
        return torch.randint(-most, most, shape, generator=generator).double().requires_grad_()

    gains = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    spec = ModeSpec(2.0**-12, gains, Format(14, 8, True, rounding, overflow))
    given = [integers(6, 2, 3, most=2**9), *(integers(4, 3, most=most) for most in (3500, 3500, 90, 90, 50, 50)),
             integers(2, 4, 3, most=2**12), integers(2, 4, 3, most=2**12)]
    found, gradients = [], []
    for function in (Modes.apply, modes_by_steps):
        outputs = function(*given, spec)
        factors = [torch.linspace(-1, 1, item.numel(), dtype=torch.float64).view(item.shape) for item in outputs]
        loss = sum((item * factor).sum() for item, factor in zip(outputs, factors, strict=True))
        found.append([item.detach() for item in outputs])
        gradients.append(torch.autograd.grad(loss, given))
    for left, right in zip(*found, strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(*gradients, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-6)
    assert (found[0][1].abs() >= spec.format.high).any() or overflow != "saturate"      # some were clipped


def one_neuron(model: str, weight: float, **parameters: float) -> Network:
    """Return one neuron in fine formats that gets `weight` times its input."""
    modes = 1 if model.startswith("ssm") else 0
    given: dict[str, Any] = {"a_real": 0.5, "a_imag": 0.0, "c_real": 0.0, "c_imag": 0.0, "d": 1.0} if modes else {}
    target = Population("p", model, 1, {**given, **parameters}, n_modes=modes)
    port = target.spec.ports[0].name
    network = Network("one", (Population("in", "input", 1), target),
                      (Projection("in", "p", OneToOneWeights(np.array([weight])), port),), ("p",))
    return in_wide_formats(network, 1.0)


@pytest.mark.parametrize("width", [1.0, 0.5])
@pytest.mark.parametrize("weight", [0.1, 0.6, 1.0, 1.4, 1.9])
@pytest.mark.parametrize(("model", "level"), [("lif", 0.8), ("cuba", 0.8), ("ssm_lif", 0.8), ("ssm_heaviside", 0.8),
                                              ("ssm_heaviside", 0.0)])
def test_a_spike_has_a_triangle_around_the_firing_level(model: str, level: float, weight: float, width: float) -> None:
    """In units of the level; of 1 where the level is 0. Input 0.5."""
    leaks = {"lif": {"leak": 0.5}, "cuba": {"leak": 0.5, "current_leak": 0.0}}.get(model, {})
    module = to_torch(one_neuron(model, weight, threshold=level, **leaks), surrogate_width=width)
    spikes = module(torch.full((1, 1, 1), 0.5))
    assert spikes.item() == (weight * 0.5 >= level)
    spikes.backward()
    unit = level or 1.0
    slope = max(0.0, 1 - abs(weight * 0.5 - level) / unit / width) / width / unit
    np.testing.assert_allclose(module.synapses[0].values.grad.item(), slope * 0.5, atol=1e-3)


@pytest.mark.parametrize("value", [-0.9, -0.55, -0.4, -0.1, 0.0, 0.2, 0.45, 0.6, 1.5])
def test_a_ternary_spike_has_a_triangle_on_either_side(value: float) -> None:
    network = one_neuron("ternary", 1.0, delta=0.5)
    network = replace(network, populations=(network.populations[0], replace(network.populations[1],
                                                                            attributes={"delta_scope": "tensor"})))
    module = to_torch(network)
    _, outputs = module(torch.full((1, 1, 1), value), record=True)
    spike = outputs["p", "ternary"].sum()
    assert spike.item() == np.sign(value) * (abs(value) >= 0.5)
    spike.backward()
    sides = [max(0.0, 1 - abs(side * value - 0.5) / 0.5) / 0.5 for side in (1, -1)]
    np.testing.assert_allclose(module.synapses[0].values.grad.item(), sum(sides) * value, atol=1e-3)
    np.testing.assert_allclose(module.somata[1].delta.grad.item(), sides[1] - sides[0], atol=1e-3)


# -- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_finite_whatever_overflows(model: str) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        module = to_torch(with_formats(one_of(model, random), random))
        module(torch.tensor(random.normal(0, 3, (4, 8, SIZE)))).square().sum().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def classifier(model: str, random: np.random.Generator) -> Network:
    """Return two inputs, eight hidden neurons in eight bits, two read-outs."""
    n_modes = 2 if model.startswith("ssm") else 0
    given: dict[str, Any] = {"leak": 0.8} if model in ("lif", "scaled_lif") else {
        "a_real": random.uniform(0.3, 0.8, (8, 2)), "a_imag": random.uniform(-0.4, 0.4, (8, 2)),
        "c_real": random.normal(size=(8, 2)), "c_imag": random.normal(size=(8, 2))}
    populations = (Population("in", "input", 2), Population("hidden", model, 8, given, n_modes=n_modes),
                   Population("out", "running_mean", 2))
    projections = (Projection("in", "hidden", DenseWeights(random.normal(0, 0.7, (2, 8)))),
                   Projection("hidden", "out", DenseWeights(random.normal(0, 0.3, (8, 2)))))
    wide = in_wide_formats(Network("classes", populations, projections, ("out",)), 1.0)
    few = Coding(Format(6, 3, rounding="nearest_even"))
    return replace(wide, projections=tuple(replace(item, coding=few) for item in wide.projections))


@pytest.mark.parametrize("model", ["lif", "ssm_lif", "ssm_heaviside", "scaled_lif"])
def test_a_network_of_few_bits_learns(model: str) -> None:
    """Which of two inputs is larger on average."""
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    inputs = torch.tensor(random.normal(0.3, 0.5, (64, 10, 2)))
    labels = inputs.mean(1).argmax(1)
    module = to_torch(classifier(model, random))
    optimiser = torch.optim.Adam(module.parameter_groups(lr=0.03, slow_lr=0.003))
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(5 * module(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        module.clamp_()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_poles_and_leaks_learn_slowly() -> None:
    module = to_torch(classifier("ssm_lif", np.random.default_rng(0)))
    fast, slow = module.parameter_groups(lr=0.1, slow_lr=0.01)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    assert {names[id(item)] for item in slow["params"]} == {f"somata.1.{name}" for name in (
        "a_real", "a_imag", "b_real", "b_imag", "leak")}
    assert (fast["lr"], slow["lr"]) == (0.1, 0.01)
    assert len(fast["params"]) + len(slow["params"]) == len(names)
