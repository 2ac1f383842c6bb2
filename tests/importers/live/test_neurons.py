"""Neurons of every framework against stand-ins that follow the documented equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurosim.errors import NetworkError
from tests.importers.live.simulated import assert_same_spikes, read, sent

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
from torch import nn  # noqa: E402

from tests.importers.live import stand_ins as some  # noqa: E402

N_STEPS, N_SAMPLES = 30, 4


class Stepwise(nn.Module):  # type: ignore[misc]
    """Two layers; loops over time and hands the states on, as the tutorials of snnTorch and Norse do."""

    def __init__(self, make: Callable[[int], Any], scale: float = 4.0) -> None:
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(12, 10), make(10), nn.Linear(10, 6), make(6)
        with torch.no_grad():
            self.fc2.weight *= scale

    def forward(self, x: Any) -> Any:
        first: tuple[Any, ...] = ()
        second: tuple[Any, ...] = ()
        out = []
        for step in range(N_STEPS):
            sent, *first_states = self.lif1(self.fc1(x[step]), *first)
            out_spikes, *second_states = self.lif2(self.fc2(sent), *second)
            first, second = self.states(sent, first_states), self.states(out_spikes, second_states)
            out.append(out_spikes)
        return torch.stack(out)

    def states(self, spikes: Any, states: list[Any]) -> tuple[Any, ...]:
        return (spikes, *states) if isinstance(self.lif1, some.RLeaky) else tuple(states)


def inputs(scale: float = 2.0) -> Any:
    return torch.rand(N_STEPS, N_SAMPLES, 12) * scale


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(5)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("make", [
    lambda n, **k: some.Leaky(torch.linspace(0.5, 1.2, n, dtype=torch.float64), threshold=0.7, **k),
    lambda n, **k: some.Leaky(0.8, graded_spikes_factor=0.5, **k),
    lambda n, **k: some.RLeaky(0.8, n, **k),
    lambda n, **k: some.Synaptic(0.6, 0.7, **k),
], ids=["Leaky", "graded", "RLeaky", "Synaptic"])
def test_snntorch(make: Callable[..., Any], reset: str) -> None:
    live = read(Stepwise(lambda n: make(n, reset_mechanism=reset)), inputs(), time_axis=0, per_step=False)
    assert_same_spikes(live)
    assert live.network.readouts == ("lif2",)
    assert live.inputs.shape == (N_SAMPLES, N_STEPS, 12)


def test_snntorch_without_memory_subtracts_by_a_synapse() -> None:
    live = read(Stepwise(lambda n: some.Leaky(0.0), 8.0), inputs(4.0), time_axis=0, per_step=False)
    assert_same_spikes(live)
    own = [item for item in live.network.projections if item.source == item.target]
    assert [item.delay_steps for item in own] == [1, 1]


def test_snntorch_resets_at_once() -> None:
    make = lambda n: some.Leaky(0.9, reset_mechanism="zero", reset_delay=False)  # noqa: E731
    assert_same_spikes(read(Stepwise(make), inputs(), time_axis=0, per_step=False))


def test_the_caller_loops_over_time() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 10), some.Leaky(0.9, init_hidden=True))
    assert_same_spikes(read(net, inputs().reshape(N_STEPS, N_SAMPLES, 3, 4), time_axis=0))
    same = read(net, inputs()[0], steps=7)
    assert_same_spikes(same, at_least=5)
    assert same.inputs.shape == (N_SAMPLES, 7, 12) and np.all(same.inputs == same.inputs[:, :1])


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("node", [
    lambda **k: some.LIFNode(**k), lambda **k: some.LIFNode(decay_input=False, **k), lambda **k: some.IFNode(**k),
    lambda **k: some.LIFNode(tau=3.0, v_reset=None, **k), lambda **k: some.LIFNode(v_reset=-0.25, **k),
    lambda **k: some.LIFNode(v_reset=0.125, decay_input=False, **k), lambda **k: some.IFNode(v_reset=None, **k),
    lambda **k: some.ParametricLIFNode(init_tau=1.7, **k),
], ids=["LIF", "LIF-undecayed", "IF", "LIF-soft", "LIF-reset", "LIF-undecayed-reset", "IF-soft", "PLIF"])
def test_spikingjelly(node: Callable[..., Any], mode: str) -> None:
    net = nn.Sequential(nn.Linear(12, 10), node(step_mode=mode), nn.Linear(10, 6), node(step_mode=mode))
    with torch.no_grad():
        net[2].weight.abs_()
        net[2].weight *= 3
    assert_same_spikes(read(net, inputs(8.0), time_axis=0))


@pytest.mark.parametrize("make", [
    lambda n: some.LIFBoxCell(), lambda n: some.LIFBoxCell(-0.5, 0.25, -0.75), lambda n: some.LIFCell(),
    lambda n: some.LIFCell(0.25, 1.0, 0.5)], ids=["box", "box-shifted", "cell", "cell-shifted"])
def test_norse(make: Callable[[int], Any]) -> None:
    assert_same_spikes(read(Stepwise(make, 12.0), inputs(6.0), time_axis=0, per_step=False))


def test_norse_integrator_is_a_readout() -> None:
    net = Stepwise(lambda n: some.LIFBoxCell() if n == 10 else some.LIBoxCell())
    given = inputs(6.0)
    live = read(net, given, time_axis=0, per_step=False)
    with torch.no_grad():
        own = net.double()(given.double()).transpose(0, 1).numpy()
    assert live.network.population("lif2").model == "integrator"
    np.testing.assert_allclose(sent(live, "lif2"), own, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("node", [
    lambda: some.LIF(), lambda: some.LIF(norm_input=False, tau_mem=2.0, spike_threshold=3.0),
    lambda: some.LIF(reset_fn=some.MembraneReset()), lambda: some.IAF(spike_threshold=9.0)],
    ids=["LIF", "unnormed", "hard", "IAF"])
def test_sinabs(node: Callable[[], Any]) -> None:
    net = nn.Sequential(nn.Linear(12, 10), node())
    assert_same_spikes(read(net, inputs(3.0).transpose(0, 1), time_axis=1), at_least=10)


def test_sinabs_several_spikes_at_once_are_refused() -> None:
    net = nn.Sequential(nn.Linear(12, 10), some.IAF(spike_threshold=0.1))
    with pytest.raises(NetworkError, match=r"1 \(IAF\): fires up to \d+ spikes in one time step"):
        read(net, inputs(3.0).transpose(0, 1), time_axis=1)


@pytest.mark.parametrize(("node", "reason"), [
    (some.Alpha(), r"0 \(Alpha\): its two currents with different decays"),
    (some.KLIFNode(), r"0 \(KLIFNode\): is not supported; use IFNode"),
    (some.Leaky(0.5, inhibition=True, init_hidden=True), "lets only one neuron of the layer fire"),
    (some.Leaky(0.5, threshold=-1.0, init_hidden=True), "threshold reaches -1.0: it would be reset before"),
    (some.Leaky(0.5, reset_delay=False, init_hidden=True), "resets once more where more than the threshold is left"),
    (some.Leaky(0.5, graded_spikes_factor=0.0, init_hidden=True), "graded_spikes_factor is 0"),
    (some.LIFNode(v_threshold=-1.0), "v_threshold = -1.0 is not above v_reset = 0.0"),
])
def test_what_is_refused(node: Any, reason: str) -> None:
    with pytest.raises(NetworkError, match=reason):
        read(nn.Sequential(node), torch.rand(3, 4), steps=2)


def test_all_reasons_are_told_at_once() -> None:
    net = nn.Sequential(some.Alpha(), some.KLIFNode(), nn.Linear(4, 4), some.Leaky(0.5, inhibition=True))
    with pytest.raises(NetworkError) as caught:
        read(net, torch.rand(3, 4), steps=2)
    assert all(text in str(caught.value) for text in ("0 (Alpha)", "1 (KLIFNode)", "3 (Leaky)"))


def test_a_smooth_or_random_spike_function_is_refused() -> None:
    for function in (torch.sigmoid, lambda values: torch.bernoulli(torch.sigmoid(values))):
        node = some.LIFNode()
        node.surrogate_function = function
        with pytest.raises(NetworkError, match="its spike function is no step at the threshold"):
            read(nn.Sequential(node), torch.rand(3, 4), steps=2)


def test_a_subclass_that_changes_nothing_is_its_parent() -> None:
    class Named(some.LIFNode):  # type: ignore[misc]
        __module__ = "mine"

        def __init__(self) -> None:
            super().__init__(tau=4.0)

    class Changed(Named):
        __module__ = "mine"

        def forward(self, x: Any) -> Any:
            return 1 - super().forward(x)

    assert_same_spikes(read(nn.Sequential(Named()), inputs(6.0), time_axis=0))
    with pytest.raises(NetworkError, match="changes forward of LIFNode"):
        read(nn.Sequential(Changed()), inputs(6.0), time_axis=0)
