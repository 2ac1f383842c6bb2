"""Networks as the frameworks' own tutorials write them: the simulated spikes are those of the framework.

Skipped where snnTorch or SpikingJelly are not installed; `test_neurons` holds the same rules against stand-ins.
SpikingJelly runs in double precision, in which rounding decides no spike. snnTorch's spikes are single precision
whatever the module is; no potential of these networks comes within rounding of its threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from importers.live import read_live
from tests.importers.live.simulated import assert_same_spikes, read

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
from torch import nn  # noqa: E402

N_STEPS = 25


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(3)


def snntorch() -> Any:
    return pytest.importorskip("snntorch", reason="snnTorch is not installed")


def spikingjelly(name: str) -> Any:
    return pytest.importorskip(f"spikingjelly.activation_based.{name}", reason="SpikingJelly is not installed")


class Tutorial(nn.Module):  # type: ignore[misc]
    """Two layers, the loop over time in forward."""

    def __init__(self, make: Callable[[int], Any], begin: str, *, keeps_spikes: bool = False) -> None:
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(20, 16), make(16), nn.Linear(16, 6), make(6)
        self.begin, self.keeps_spikes = begin, keeps_spikes
        with torch.no_grad():
            self.fc2.weight *= 4

    def forward(self, x: Any) -> Any:
        states = [getattr(lif, self.begin)() for lif in (self.lif1, self.lif2)]
        states = [state if isinstance(state, tuple) else (state,) for state in states]
        record = []
        for _ in range(N_STEPS):
            first = self.lif1(self.fc1(x), *states[0])
            second = self.lif2(self.fc2(first[0]), *states[1])
            states = [sent if self.keeps_spikes else sent[1:] for sent in (first, second)]
            record.append(second[0])
        return torch.stack(record)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", ["Leaky", "LeakyEach", "Synaptic", "RLeaky", "RLeakyOne", "RSynaptic"])
def test_snntorch(kind: str, reset: str) -> None:
    snn = snntorch()
    makers: dict[str, tuple[Callable[[int], Any], str]] = {
        "Leaky": (lambda n: snn.Leaky(beta=0.9, reset_mechanism=reset), "init_leaky"),
        "LeakyEach": (lambda n: snn.Leaky(beta=torch.linspace(0.3, 1.1, n), threshold=torch.linspace(0.4, 1.2, n),
                                          reset_mechanism=reset, learn_beta=True, learn_threshold=True), "reset_mem"),
        "Synaptic": (lambda n: snn.Synaptic(alpha=0.7, beta=0.8, reset_mechanism=reset), "init_synaptic"),
        "RLeaky": (lambda n: snn.RLeaky(beta=0.8, linear_features=n, reset_mechanism=reset), "init_rleaky"),
        "RLeakyOne": (lambda n: snn.RLeaky(beta=0.8, V=-0.4, all_to_all=False, reset_mechanism=reset), "init_rleaky"),
        "RSynaptic": (lambda n: snn.RSynaptic(alpha=0.6, beta=0.7, linear_features=n, reset_mechanism=reset),
                      "init_rsynaptic"),
    }
    make, begin = makers[kind]
    net = Tutorial(make, begin, keeps_spikes=kind.startswith("R"))
    assert_same_spikes(read_live(net, torch.rand(6, 20) * 4))


def test_snntorch_convolutions_with_the_loop_outside() -> None:
    snn = snntorch()
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), snn.Leaky(beta=0.8, init_hidden=True),
        nn.Conv2d(4, 6, 2), nn.AvgPool2d(2), snn.Leaky(beta=0.7, init_hidden=True, reset_mechanism="zero"),
        nn.Flatten(), nn.Linear(6, 5), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    net[1].running_var.uniform_(0.1, 0.2)
    with torch.no_grad():
        net[4].weight.uniform_(-0.2, 0.6)
        net[8].weight.uniform_(-0.2, 0.6)
    assert_same_spikes(read_live(net.eval(), torch.rand(N_STEPS, 3, 1, 10, 10) * 2, time_axis=0))


@pytest.mark.parametrize("options", [{}, {"v_reset": None}, {"decay_input": False}, {"v_reset": -0.25}], ids=str)
@pytest.mark.parametrize("mode", ["s", "m"])
def test_spikingjelly(mode: str, options: dict[str, Any]) -> None:
    neuron, layer, functional = (spikingjelly(name) for name in ("neuron", "layer", "functional"))
    net = nn.Sequential(layer.Flatten(), layer.Linear(64, 20, bias=False), neuron.LIFNode(tau=2.0, **options),
                        layer.Linear(20, 6), neuron.ParametricLIFNode(init_tau=1.5, **options))
    with torch.no_grad():
        net[3].weight.uniform_(-0.4, 1)
    functional.set_step_mode(net, mode)
    assert_same_spikes(read(net, (torch.rand(N_STEPS, 4, 1, 8, 8) < 0.5) * 5.0, time_axis=0))


def test_spikingjelly_convolutions_that_repeat_the_image() -> None:
    neuron, layer, functional = (spikingjelly(name) for name in ("neuron", "layer", "functional"))

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                layer.Conv2d(1, 4, 3, padding=1, bias=False), layer.BatchNorm2d(4), neuron.IFNode(),
                layer.MaxPool2d(2, 2), layer.Flatten(), layer.Dropout(0.5), layer.Linear(64, 6, bias=False),
                neuron.IFNode())
            functional.set_step_mode(self, "m")

        def forward(self, x: Any) -> Any:
            return self.layers(x.unsqueeze(0).repeat(N_STEPS, 1, 1, 1, 1)).mean(0)

    net = Net()
    with torch.no_grad():
        net.layers[6].weight.uniform_(-0.1, 0.4)
    live = read(net, torch.rand(3, 1, 8, 8) * 2)
    assert_same_spikes(live)
    assert live.inputs.shape == (3, N_STEPS, 64)
