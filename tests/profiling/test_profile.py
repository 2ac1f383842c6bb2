"""`neurosim.profile`: a module, its inputs, chips; a table, data for machines, a network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from hw_models.located import ConfigError
from neurosim.errors import DataError, NetworkError, OptionError

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
from torch import nn  # noqa: E402

from tests.importers.live import stand_ins as some  # noqa: E402

N_STEPS, N_SAMPLES = 12, 3
DIGITS = Path(__file__).parents[2] / "scenarios" / "digits"


@pytest.fixture(scope="module")
def module() -> Any:
    torch.manual_seed(8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 10), some.Leaky(0.8, init_hidden=True), nn.Linear(10, 4),
                        some.Leaky(0.9, init_hidden=True, reset_mechanism="zero"))
    net[3].weight.data.uniform_(-0.2, 1)
    return net


@pytest.fixture(scope="module")
def frames() -> Any:
    torch.manual_seed(9)
    return (torch.rand(N_STEPS, N_SAMPLES, 3, 4) < 0.5).float() * 3


@pytest.fixture(scope="module")
def result(module: Any, frames: Any) -> Any:
    return neurosim.profile(module, frames, chip=["loihi2", "loihi"], time_axis=0, name="small")


def test_spikes_are_the_modules_own(result: Any, module: Any, frames: Any) -> None:
    with torch.no_grad():
        module[2].reset_mem(), module[4].reset_mem()
        own = torch.stack([module(frame) for frame in frames])
    layers = {layer.name: layer for layer in result.layers}
    assert result.differences == layers["4"].differences == 0
    assert layers["4"].sent == pytest.approx(own.sum().item() / N_SAMPLES)
    assert layers["4"].rate == pytest.approx(own.mean().item())
    assert layers["2"].sent > 5 and layers["4"].sent > 5


def test_layers_count_operations(result: Any, frames: Any) -> None:
    layers = {layer.name: layer for layer in result.layers}
    n_values = int((frames != 0).sum()) / N_SAMPLES
    assert (layers["2"].synaptic_operations, layers["2"].counted_as) == (pytest.approx(n_values * 10), "MAC")
    assert (layers["4"].synaptic_operations, layers["4"].counted_as) == (pytest.approx(layers["2"].sent * 4), "AC")
    assert result.estimate.ac == pytest.approx(layers["4"].synaptic_operations)
    assert result.estimate.mac == pytest.approx(layers["2"].synaptic_operations)


def test_chips_say_whether_it_fits(result: Any) -> None:
    fits, refused = result.chips
    assert fits.fits and fits.name == "loihi2" and fits.cores >= 1 and fits.has_cores == 128
    assert 0 < fits.binding_share <= 1 and fits.latency_s > fits.step_latency_s > 0
    assert 0 < fits.low_j <= fits.energy_j <= fits.high_j
    assert not refused.fits and "lacks graded_output" in refused.refusal and refused.energy_j is None
    assert refused.has_cores == 128


def test_where_no_chip_will_do_layers_are_still_told(module: Any, frames: Any) -> None:
    result = neurosim.profile(module, frames, time_axis=0, overrides=["core.max_axons_in=2"])
    assert not result.chips[0].fits and result.differences is None
    assert "need" in result.chips[0].refusal and "have 2" in result.chips[0].refusal
    assert result.layers[1].sent > 0 and result.estimate.energy_j > 0


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("importers.live.torch_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(OptionError, match=r"needs PyTorch, which is not installed\n  mend: install the extra `torch`"):
        neurosim.profile(object(), np.zeros((1, 2)))


def test_an_unknown_chip_is_told_first(module: Any) -> None:
    with pytest.raises(ConfigError, match="loihi22"):
        neurosim.profile(module, "no inputs", chip="loihi22")


def test_what_the_estimate_does_not_see(result: Any) -> None:
    chip, bill = result.chips[0], result.summary("loihi2").energy
    seen = sum(row.energy_j for row in bill.rows
               if row.component in ("synapse_dense", "synapse_sparse", "synapse_conv"))
    assert chip.unseen_share == pytest.approx(1 - seen / bill.total_j)
    assert chip.energy_j == pytest.approx(bill.total_j / N_SAMPLES)


def test_the_network_runs_alone_as_in_the_profile(result: Any) -> None:
    run = neurosim.run(result.network, "loihi2", result.inputs)
    assert run.summary.spikes == result.summary().spikes == round(
        sum(layer.sent for layer in result.layers if layer.kind == "spike") * N_SAMPLES)
    run.trace.close()


def test_table_shows_it_all(result: Any) -> None:
    text = str(result)
    assert text.startswith("small: 26 neurons, 160 synapses; 3 samples of 12 time steps in float64\nall ")
    for part in ("spikes are those of the module's own forward pass", "customary estimate: ", "AC x 0.9 pJ + ",
                 "MAC x 4.6 pJ = ", "1 of 128", "loihi: population 'input'", "On loihi2 it would not see ",
                 "static power", "Energies are indicative"):
        assert part in text
    assert all(len(line) <= 160 for line in text.splitlines())


def test_json_is_plain_and_whole(result: Any) -> None:
    plain = json.loads(json.dumps(result.to_json()))
    assert plain["differences"] == 0 and plain["samples"] == N_SAMPLES and plain["time_steps"] == N_STEPS
    assert [chip["fits"] for chip in plain["chips"]] == [True, False]
    assert plain["estimate"]["energy_j"] == result.estimate.energy_j
    assert plain["summaries"]["loihi2"]["spikes"] == result.summary().spikes
    assert [layer["name"] for layer in plain["layers"]] == ["input", "2", "4"]


def test_summary_of_a_chip(result: Any) -> None:
    assert result.summary() is result.summary("loihi2")
    with pytest.raises(OptionError, match=r"the network does not go on loihi: .*graded_output"):
        result.summary("loihi")
    with pytest.raises(OptionError, match="chip = 'loihi3'"):
        result.summary("loihi3")


def test_spike_inputs_go_on_a_chip_of_spikes(module: Any, frames: Any) -> None:
    with pytest.warns(UserWarning, match="gated_update"):
        result = neurosim.profile(module, frames / 3, chip="loihi", time_axis=0)
    assert result.layers[0].kind == "spike" and result.layers[1].counted_as == "AC"
    assert result.chips[0].fits and result.estimate.mac == 0


def test_fixed_numbers_are_those_of_the_chip(module: Any, frames: Any) -> None:
    result = neurosim.profile(module, frames, time_axis=0, numbers="fixed")
    assert result.numbers == result.summary().numbers == "fixed"
    assert "indicative" not in str(result) and result.differences is not None


def test_overrides_change_the_chip(module: Any, frames: Any) -> None:
    small = neurosim.profile(module, frames, time_axis=0, overrides=["core.max_neurons=8", "mapping.placement=linear"])
    assert small.chips[0].cores > 1 and small.differences == 0


def test_difference_is_told(module: Any, frames: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another threshold in the simulation than in the module."""
    import importers.live

    read = importers.live.read_live

    def other(*args: Any, **options: Any) -> Any:
        live = read(*args, **options)
        flipped = {name: spikes ^ (np.arange(spikes.shape[2]) == 0) for name, spikes in live.spikes.items()}
        return type(live)(live.network, live.inputs, flipped)

    monkeypatch.setattr(importers.live, "read_live", other)
    result = neurosim.profile(module, frames, time_axis=0)
    assert result.differences == 2 * N_STEPS * N_SAMPLES
    assert "72 spikes of " in str(result) and "differ from the module's own forward pass" in str(result)


@pytest.mark.parametrize(("options", "message"), [
    ({"chip": []}, "at least one"), ({"chip": ["loihi2", "loihi2"]}, "each chip once"),
    ({"numbers": "float16"}, "numbers = 'float16'"), ({"detail": "all"}, "detail = 'all'"),
    ({"steps": -1}, "steps = -1")])
def test_options_out_of_range(module: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        neurosim.profile(module, torch.rand(2, 12), **options)


@pytest.mark.parametrize("kind", ["lif", "binary", "gsu"])
def test_state_space_module_of_the_digits(kind: str) -> None:
    """The spikes of its token-by-token form in float64."""
    from scenarios.digits.reference import load_network, step_inference

    module = load_network(DIGITS / "weights" / f"{kind}.safetensors")
    with np.load(DIGITS / "data.npz") as data:
        pixels = data["test_pixels"][:4].reshape(4, -1)
    result = neurosim.profile(module, torch.from_numpy(pixels).float()[..., None] / 16)
    logits, spikes = step_inference(module, pixels)
    names = [f"layer{index}.{'ternary' if kind == 'gsu' else 'ssm'}" for index in range(2)]
    layers = {layer.name: layer for layer in result.layers}
    assert [layers[name].sent for name in names] == [np.count_nonzero(fired) / 4 for fired in spikes]
    assert "4 of 4 samples have the same largest output" in str(result)
    run = neurosim.run(result.network, "loihi2", result.inputs)
    np.testing.assert_allclose(run.readout, logits, rtol=1e-6, atol=1e-6)
    for name, fired in zip(names, spikes, strict=True):
        assert run.trace.n_spikes(name) == np.count_nonzero(fired)
    run.trace.close()


def test_quantised_module_computes_in_fixed_point() -> None:
    """What `neurosim.export.to_torch` made, bit for bit."""
    from neurosim.export import to_torch

    with np.load(DIGITS / "data.npz") as data:
        inputs = data["test_pixels"][:3].reshape(3, -1, 1) / 16
    network = neurosim.quantize("digits", samples=8).network
    result = neurosim.profile(to_torch(network), inputs)
    assert result.numbers == "fixed" and result.differences == 0
    assert sum(layer.sent for layer in result.layers if layer.kind == "spike") > 100


@pytest.mark.parametrize(("given", "error", "message"), [
    (torch.rand(2, 5), DataError, r"\(samples, tokens, 1\)"), (torch.rand(2, 5, 3), DataError, "tokens, 1")])
def test_state_space_inputs_of_another_shape(given: Any, error: type[Exception], message: str) -> None:
    from scenarios.digits.reference import load_network

    with pytest.raises(error, match=message):
        neurosim.profile(load_network(DIGITS / "weights" / "lif.safetensors"), given)


def test_a_module_without_neurons_is_refused() -> None:
    with pytest.raises(NetworkError, match="Linear has no layer of spiking neurons"):
        neurosim.profile(nn.Linear(3, 3), torch.rand(2, 3))
