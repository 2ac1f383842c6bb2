"""What published state-space networks do that one would not expect: a test for each trap that importers must know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from importers.files.tensors import TensorFile
from importers.result import ImportResult
from importers.state_space import import_state_space
from neurosim.engine.batch import BatchPass, Update
from neurosim.errors import DataError
from neurosim.graph import Network
from neurosim.mapping.lower_function import lower_neurons
from scenarios.precision.images import enlarged
from tests.importers import official
from tests.importers.fft_reference import convolved_by_fft
from tests.importers.official import TASKS, Task, Tensors
from tests.importers.passes import Array, values_of
from tests.oracle.state_spaces import Form, run, sampled_kernel

SMALL = TASKS["SC35"]._replace(n_layers=2, width=16, n_states=8)
CAUSAL = SMALL._replace(both_ways=False)
DIGITS = Path(__file__).parents[2] / "scenarios" / "digits"


def imported(tensors: Tensors, metadata: dict[str, str] | None = None, **options: Any) -> ImportResult:
    return import_state_space(TensorFile("net.pt", tensors, metadata or {}), **options)


def network(task: Task = CAUSAL, **options: Any) -> tuple[Tensors, Network]:
    tensors = official.spiking_ssm(task)
    return tensors, imported(tensors, **{"norm": "batch_pre", **options}).network


def readout(net: Network, x: Array) -> Array:
    return values_of(net, x, "readout")["readout", "graded"]


# --- 1: what spikes --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("task", [CAUSAL, SMALL], ids=["causal", "both ways"])
def test_trap_1_only_one_tensor_per_layer_is_spiking(task: Task) -> None:
    """Stream, state-space output, gate and norms are real; the neuron behind the state space alone spikes."""
    _, net = network(task)
    spiking = [population.name for population in net.populations
               if any(population.output_kind(output.name) != "graded" for output in population.spec.outputs)]
    assert spiking == [f"layer{layer}.{'fired' if task.both_ways else 'ssm'}" for layer in range(2)]
    assert {(p.target, p.port) for p in net.projections if p.source in spiking} == {
        (f"layer{layer}.glu", port) for layer in range(2) for port in ("value", "gate")}


def test_trap_1_the_second_branch_of_gsu_sends_values_through_ternary_weights() -> None:
    net = imported(official.gsu()).network
    branches = {p.port: p for p in net.projections if p.target == "layer0.gsu"}
    assert net.population(branches["ternary_branch"].source).output_kind("ternary") == "ternary"
    assert net.population(branches["graded_branch"].source).output_kind("graded") == "graded"
    assert set(np.unique(branches["graded_branch"].weights.values)) == {-1.0, 0.0, 1.0}
    assert len(np.unique(branches["ternary_branch"].weights.values)) > 100


# --- 2: tau ----------------------------------------------------------------------------------------------------------

def test_trap_2_tau_is_a_factor_of_0_125_with_hard_reset() -> None:
    """The membrane keeps an eighth per token: 0.9 each alone does not fire, twice in a row does, and forgets it all."""
    tensors = official.spiking_ssm(CAUSAL._replace(n_layers=1))
    for key in tensors:         # y = D x = x; threshold 1
        if key.endswith((".C", "ln_vth")):
            tensors[key][:] = 0
        if key.endswith(".D"):
            tensors[key][:] = 1
    x = np.array([0.9, 0.0, 0.9, 0.9, 0.9, 5.0, 0.9, 0.8])
    tensors["encoder.weight"], tensors["encoder.bias"] = np.ones((16, 1)), np.zeros(16)
    net = imported(tensors, norm="none").network
    assert net.population("layer0.ssm").parameters["leak"].tolist() == [0.125] * 16
    spikes = values_of(net, x[:, None], "layer0.ssm")["layer0.ssm", "spike"]
    # 0.9; 0.1125; 0.914; 0.9 + 0.114 >= 1: fires, then from 0: 0.9; 5 + …: fires, and nothing is left; 0.9; 0.9125
    assert spikes[:, 0].tolist() == [0, 0, 0, 1, 0, 1, 0, 0]
    assert imported(tensors, {"tau": "0.2"}, norm="none").network.population("layer0.ssm").parameters["leak"][0] == 0.2


# --- 3: post-norm ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["ListOps", "sMNIST"])
def test_trap_3_the_post_norm_of_published_code_is_dead(name: str) -> None:
    """It is in the file; other values in it change nothing; and nobody guesses that it acts."""
    task = TASKS[name]._replace(n_layers=2, width=16, n_states=8)
    tensors, x = official.spiking_ssm(task), official.inputs(task, 20)
    changed = {key: values + 1 if key.startswith("norms.") else values for key, values in tensors.items()}
    result = imported(tensors, norm="none")
    np.testing.assert_array_equal(readout(result.network, x), readout(imported(changed, norm="none").network, x))
    np.testing.assert_allclose(readout(result.network, x), run(tensors, Form("lif"), x).output, rtol=1e-9, atol=1e-9)
    assert {line.action for line in result.report.lines if line.key.startswith("norms.")} == {"dropped"}
    acting = imported(tensors, norm=f"{task.family}_post").network
    assert not np.allclose(readout(acting, x), readout(result.network, x))
    for layer in range(2):      # as started, since no gradient reaches it
        tensors[f"norms.{layer}.weight"][:], tensors[f"norms.{layer}.bias"][:] = 1, 0
    with pytest.raises(DataError, match="untrained, as if not in use .published SpikingSSM code computes a post-norm"):
        imported(tensors)


# --- 4: directions ---------------------------------------------------------------------------------------------------

def test_trap_4_all_but_three_tasks_read_backward_too() -> None:
    causal = {name for name, task in TASKS.items() if not imported(
        official.spiking_ssm(task._replace(width=8, n_states=4, n_symbols=0), n_layers=1), norm="none"
    ).network.needs_whole_sequence}
    assert causal == {"sMNIST", "psMNIST", "WikiText-103"}


@pytest.mark.parametrize("task", [CAUSAL, SMALL], ids=["causal", "both ways"])
def test_trap_4_a_later_token_changes_earlier_spikes(task: Task) -> None:
    _, net = network(task)
    name = "layer1.fired" if task.both_ways else "layer1.ssm"
    x = official.inputs(task, 30)
    later = x.copy()
    later[25] += 3
    left, right = (values_of(net, each, name)[name, "spike"][:25] for each in (x, later))
    assert np.array_equal(left, right) is not task.both_ways


# --- 5: the reversed kernel ------------------------------------------------------------------------------------------

def test_trap_5_the_reversed_kernel_is_shifted_by_one() -> None:
    """An impulse at token 6 is seen at token 5 with k1[0], at 0 with k1[5], and at 6 with k0[0] + D alone."""
    tensors = official.alone(both_ways=True)
    net = imported(tensors).network
    x = np.zeros((12, 12))
    x[6] = 1.0
    found = values_of(net, x, "layer0.forward", "layer0.backward")
    p = {key: values.astype(np.float64) for key, values in tensors.items()}
    poles = -np.exp(p["kernel.log_A_real"]) + 1j * p["kernel.A_imag"]
    k0, k1 = (sampled_kernel(np.exp(p["kernel.log_dt"]), poles, c @ np.array([1, 1j]), 12) for c in p["kernel.C"])
    forward, backward = found["layer0.forward", "graded"], found["layer0.backward", "graded"]
    np.testing.assert_allclose(forward[6:], (k0[:, :6] + np.outer(p["D"], np.eye(6)[0])).T, atol=1e-12)
    np.testing.assert_allclose(backward[:7], k1[:, 6::-1].T, atol=1e-12)
    shift = next(item for item in net.projections if item.source == "layer0.backward")
    assert shift.delay_steps == 1 and net.population("layer0.backward").direction == "reversed"
    gelu = values_of(net, x, "layer0.fired")["layer0.fired", "graded"]
    expected = run(tensors, Form("gelu", names="alone"), x).fired[0]
    np.testing.assert_allclose(gelu, expected, atol=1e-12)


# --- 6: two kernels --------------------------------------------------------------------------------------------------

def test_trap_6_two_kernels_share_a_name_and_differ_in_a_sign() -> None:
    """The same numbers under both sets of names: poles are conjugate, and B acts in one of them."""
    fixed = official.spiking_ssm(CAUSAL._replace(trained_b=False, n_layers=1))
    names = {"log_dt": "inv_dt", "log_A_real": "A_real"}
    renamed = {".".join([*key.split(".")[:-1], names.get(key.split(".")[-1], key.split(".")[-1])]): values
               for key, values in fixed.items()}
    b = np.zeros((1, 16, 4, 2), np.float32)
    b[..., 0] = 2
    renamed |= {"s4_layers.0.kernel.B": b, "s4_layers.0.kernel.inv_dt": fixed["s4_layers.0.kernel.log_dt"][:, None]}
    left, right = (imported(tensors, norm="none").network.population("layer0.ssm").parameters
                   for tensors in (fixed, renamed))
    np.testing.assert_allclose(right["a_real"], left["a_real"])
    np.testing.assert_allclose(right["a_imag"], -left["a_imag"])
    assert np.abs(left["a_imag"]).max() > 0.1
    np.testing.assert_allclose(right["b_real"], 2 * left["b_real"])
    np.testing.assert_allclose(right["b_imag"], -2 * left["b_imag"])


# --- 7: padding ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("task", [CAUSAL, SMALL], ids=["causal", "both ways"])
def test_trap_7_lengths_are_ignored_so_padding_changes_the_result(task: Task) -> None:
    """What is padded behind a sequence drives the reversed kernel by the encoder's bias; a causal one looks back."""
    tensors, net = network(task)
    x = official.inputs(task, 20)
    padded = np.concatenate([x, np.zeros((12, 1))])
    alone, behind = readout(net, x)[19], readout(net, padded)[19]
    assert np.allclose(alone, behind, rtol=0, atol=1e-12) is not task.both_ways
    np.testing.assert_allclose(readout(net, padded), run(tensors, Form("lif", "pre"), padded).output, rtol=1e-9,
                               atol=1e-9)


# --- 8: threshold ----------------------------------------------------------------------------------------------------

def test_trap_8_the_threshold_divides_the_current() -> None:
    """Threshold exp(ln_vth), or current over exp(ln_vth) and threshold 1: the same spikes, since the reset is to 0."""
    tensors, net = network()
    divided = dict(tensors)
    for layer in range(2):
        start = f"s4_layers.{layer}"
        size = np.exp(tensors[f"{start}.ln_vth"].astype(np.float64))
        divided[f"{start}.ln_vth"] = np.zeros((16, 1))
        divided[f"{start}.D"] = tensors[f"{start}.D"] / size.T
        divided[f"{start}.kernel.C"] = tensors[f"{start}.kernel.C"] / size[:, :, None]
        np.testing.assert_array_equal(net.population(f"layer{layer}.ssm").parameters["threshold"], size[:, 0])
    x = official.inputs(CAUSAL, 60)
    other = imported(divided, norm="batch_pre").network
    for layer in range(2):
        name = f"layer{layer}.ssm"
        spikes = values_of(net, x, name)[name, "spike"]
        np.testing.assert_array_equal(spikes, values_of(other, x, name)[name, "spike"])
        assert 0.01 < spikes.mean() < 0.9
    assert imported(tensors, {}, norm="none").network.population("layer0.ssm").parameters["threshold"].min() > 0


# --- 9: no published weights -----------------------------------------------------------------------------------------

def test_trap_9_own_training_leaves_out_the_ones_of_published_shapes() -> None:
    """C (width, modes, 2) and D (width), as networks trained without the published code have them."""
    tensors, net = network()
    plain = {key: values[0] if key.endswith((".C", ".D")) else values for key, values in tensors.items()}
    plain = {key: values[:, :, 0] if key.endswith("output_linear.0.weight") else values.reshape(-1)
             if key.endswith("ln_vth") else values for key, values in plain.items() if ".neuron." not in key}
    again = imported(plain, norm="batch_pre").network
    for left, right in zip(net.populations, again.populations, strict=True):
        assert left.name == right.name
        for name, values in left.parameters.items():
            np.testing.assert_array_equal(right.parameters[name], values)


# --- 10: comparators and first states --------------------------------------------------------------------------------

@pytest.mark.parametrize(("comparator", "fires"), [(None, True), (">=", True), (">", False)])
@pytest.mark.parametrize("task", [CAUSAL, SMALL], ids=["causal", "both ways"])
def test_trap_10_comparators_differ_where_the_threshold_is_met(task: Task, comparator: str | None, fires: bool) -> None:
    """The current is D x = 1 at a threshold of 1; before it a silent token, at which all is quiet."""
    tensors = official.spiking_ssm(task._replace(n_layers=1))
    for key in tensors:
        if key.endswith((".C", "ln_vth", "encoder.bias")):
            tensors[key][:] = 0
    tensors["s4_layers.0.D"][:] = tensors["encoder.weight"][:] = 1
    net = imported(tensors, norm="none", comparator=comparator).network
    name = "layer0.fired" if task.both_ways else "layer0.ssm"
    spikes = values_of(net, np.array([[0.0], [1.0], [0.0]]), name)[name, "spike"]
    assert spikes[:, 0].tolist() == [0, int(fires), 0]


def test_trap_10_binary_networks_fire_at_zero_unless_strict() -> None:
    tensors = {key: 0 * values for key, values in official.gsu().items()}
    tensors = {key: values for key, values in tensors.items() if not key.endswith((".w", ".b", ".c"))}
    for layer in range(2):
        tensors[f"s4_layers.{layer}.output_linear.0.weight"] = np.zeros((32, 16))
        tensors[f"s4_layers.{layer}.output_linear.0.bias"] = np.zeros(32)
        tensors[f"s4_layers.{layer}.kernel.A_imag"] += 1
    for comparator, rate in ((">=", 1.0), (">", 0.0)):
        net = imported(tensors, kind="binary", comparator=comparator).network
        assert values_of(net, np.zeros((3, 2)), "layer0.ssm")["layer0.ssm", "spike"].mean() == rate


# --- 11: convolution and steps ---------------------------------------------------------------------------------------

FLIPS_ALLOWED = 2e-5


@pytest.mark.parametrize(("file", "kind"), [("digits_lif_h64_n16_l2", "lif"), ("digits_binary_h64_n16_l2", "binary"),
                                            ("mnist784_lif_h64_n16_l2", "lif")])
def test_trap_11_convolution_and_steps_agree_within_a_budget_of_flips(
        file: str, kind: str, outside_data: Callable[[str], Path]) -> None:
    """The float32 FFT of PyTorch rounds otherwise than steps in float64: a few spikes in a million may differ."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    path = outside_data(f"ssm_trained/{file}.safetensors")
    pixels = np.load(DIGITS / "data.npz")["test_pixels"][:24]
    x = enlarged(pixels) / 255 if "784" in file else pixels / 16
    found = spikes_of(imported(load_file(path), kind=kind, norm="layer_post").network, x[:, :, None])
    expected = convolved_by_fft(load_file(path), kind, x)
    flips = sum(int((left != right).sum()) for left, right in zip(found, expected, strict=True))
    n_steps = sum(each.size for each in found)
    assert flips <= FLIPS_ALLOWED * n_steps, f"{flips} of {n_steps}"
    assert 0.01 < sum(each.mean() for each in found) / 2 < 0.5


def spikes_of(net: Network, x: Array) -> list[Array]:
    """Return the spikes of both layers, [sample, token, channel]."""
    places = {[item.name for item in net.populations].index(f"layer{layer}.ssm"): layer for layer in range(2)}
    found = [np.zeros((*x.shape[:2], 64)) for _ in range(2)]

    def watch(update: Update) -> None:
        if update.population in places:
            found[places[update.population]][update.samples, update.token] = update.output[0]

    BatchPass(lower_neurons(net), x).run(watch)
    return found
