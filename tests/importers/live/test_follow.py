"""What stands between layers of neurons: operations, moves, sums, recurrences, and what cannot be followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurosim.errors import DataError, NetworkError, OptionError
from tests.importers.live.simulated import assert_same_spikes, read, sent

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from importers.live import read_live  # noqa: E402
from tests.importers.live import stand_ins as some  # noqa: E402

N_STEPS, N_SAMPLES = 20, 3


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(11)


def frames(*shape: int, scale: float = 4.0) -> Any:
    return torch.rand(N_STEPS, N_SAMPLES, *shape) * scale


def node(**options: Any) -> Any:
    return some.IFNode(step_mode="m", v_reset=None, **options)


class Between(nn.Module):  # type: ignore[misc]
    """Neurons, something, neurons; on whole sequences."""

    def __init__(self, between: Callable[[Any], Any], *parts: Any) -> None:
        super().__init__()
        self.first, self.second, self.between, self.parts = node(), node(v_threshold=0.5), between, nn.ModuleList(parts)

    def forward(self, x: Any) -> Any:
        return self.second(self.between(self.first(x)))


def folded(layer: Any) -> Callable[[Any], Any]:
    """Return a layer on [time, sample, …] that sees [time * sample, …]."""
    return lambda x: layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def into(target: Any, values: Any) -> Any:
    target[:] = values
    return target


def models(live: Any) -> list[str]:
    return [population.model for population in live.network.populations]


def test_moves_keep_neurons_apart() -> None:
    """Transposed, flipped, joined and cut: the synapses find the neurons that were meant."""
    def between(x: Any) -> Any:
        a, b = x.transpose(2, 3).flatten(2).flip(-1).chunk(2, -1)
        return torch.cat([b, a[..., ::2], a[..., 1::2]], -1).roll(1, -1)

    live = read(Between(between), frames(4, 6), time_axis=0)
    assert_same_spikes(live)
    assert models(live) == ["input", "lif", "lif"]


def test_factors_and_sums() -> None:
    fc = nn.Linear(8, 8)
    live = read(Between(lambda x: fc(x) * 0.5 + x - x.flip(-1) / 4, fc), frames(8), time_axis=0)
    assert_same_spikes(live)
    assert models(live) == ["input", "lif", "lif"] and len(live.network.projections) == 4


def test_a_residual_sum_goes_on_through_a_matrix() -> None:
    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = node(), node(), node()
            self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 5)

        def forward(self, x: Any) -> Any:
            a = self.a(x)
            return self.c(self.fc2(self.b(self.fc1(a)) + a) + 0.0)

    live = read(Residual(), frames(8), time_axis=0)
    assert_same_spikes(live, at_least=10)
    assert models(live) == ["input", "lif", "lif", "lif"]


@pytest.mark.parametrize("layer", [
    nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(2, 4, (2, 3), stride=(2, 1), dilation=(1, 2), groups=2, bias=False),
    nn.AvgPool2d(2), nn.AvgPool2d(3, stride=2, padding=1), nn.MaxPool2d(2),
    nn.MaxPool2d(3, stride=1, padding=1), nn.BatchNorm2d(2), nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)),
    nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 2, padding=1)), nn.Sequential(nn.Conv2d(2, 3, 3), nn.AvgPool2d(2)),
    nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.AvgPool2d(3, stride=2, padding=1)),
    nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(2, 3, 2)), nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2)),
    nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 2)), nn.Conv2d(2, 3, 3, padding="same"),
], ids=str)
def test_images(layer: Any) -> None:
    for part in layer.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, nn.Conv2d):
            part.weight.data.uniform_(-0.3, 0.9)
    live = read(Between(folded(layer), layer), frames(2, 6, 5), time_axis=0)
    assert_same_spikes(live)


@pytest.mark.parametrize("layer", [nn.Conv1d(2, 3, 3, padding=1, stride=2), nn.AvgPool1d(2), nn.MaxPool1d(2),
                                   nn.BatchNorm1d(2)], ids=str)
def test_one_dimension(layer: Any) -> None:
    if isinstance(layer, nn.Conv1d):
        layer.weight.data.uniform_(-0.2, 0.8)
    assert_same_spikes(read(Between(folded(layer), layer), frames(2, 9), time_axis=0))


def test_two_matrices_have_a_population_between_them() -> None:
    a, b = nn.Linear(8, 6), nn.Linear(6, 8)
    b.weight.data.uniform_(-0.5, 1.5)
    live = read(Between(lambda x: b(a(x)), a, b), frames(8), time_axis=0)
    assert_same_spikes(live, at_least=10)
    assert models(live) == ["input", "lif", "linear", "lif"]


def test_an_average_behind_a_convolution_becomes_one_convolution() -> None:
    layer = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, dilation=2), nn.AvgPool2d(2, stride=1))
    layer[0].weight.data.uniform_(0, 1)
    live = read(Between(folded(layer), layer), frames(1, 12, 11), time_axis=0)
    assert models(live) == ["input", "lif", "lif"]
    assert_same_spikes(live)


def test_values_pooled_before_the_neurons_are_told() -> None:
    layer = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2))
    live = read(Between(folded(layer), layer), frames(1, 8, 8), time_axis=0)
    assert any("pools values, not spikes" in note for note in live.notes)


def test_functions_do_as_modules_do() -> None:
    weight = torch.rand(6, 8, dtype=torch.float64)
    live = read(Between(lambda x: functional.dropout(functional.linear(x, weight), 0.5, False)
                        - x[..., :6] @ weight.T[:6]), frames(8), time_axis=0)
    assert_same_spikes(live, at_least=5)


class Recurrent(nn.Module):  # type: ignore[misc]
    """Feeds its spikes back; loops over time by itself."""

    def __init__(self, *, bias: bool = True, begin: bool = True) -> None:
        super().__init__()
        self.fc, self.rec, self.out = nn.Linear(8, 6), nn.Linear(6, 6, bias=bias), nn.Linear(6, 4)
        self.lif, self.begin = some.Leaky(0.8), begin

    def forward(self, x: Any) -> Any:
        mem = spikes = torch.zeros(x.shape[0], 6, dtype=x.dtype)
        sent = []
        for step in range(N_STEPS):
            current = self.fc(x)
            if self.begin or step:
                current = current + self.rec(spikes)
            spikes, mem = self.lif(current, mem)
            sent.append(spikes)
        return self.out(torch.stack(sent)).sum(0)


@pytest.mark.parametrize("bias", [True, False])
def test_recurrence_written_by_hand(bias: bool) -> None:
    live = read(Recurrent(bias=bias), torch.rand(N_SAMPLES, 8) * 4)
    assert_same_spikes(live)
    back = [item for item in live.network.projections if item.source == item.target == "lif"]
    assert [item.delay_steps for item in back] == [1]
    assert live.network.readouts == ("out",)


def test_synapses_behind_the_last_neurons_are_a_readout() -> None:
    net, given = Recurrent(), torch.rand(N_SAMPLES, 8) * 4
    live = read(net, given)
    np.testing.assert_allclose(sent(live, "out").sum(1), net(given.double()).detach().numpy(), rtol=1e-9)


def test_a_recurrence_without_bias_may_begin_late() -> None:
    assert_same_spikes(read(Recurrent(bias=False, begin=False), torch.rand(N_SAMPLES, 8) * 4))
    with pytest.raises(NetworkError, match="lacks rec, which has a bias, at time step 0: begin with zeros"):
        read(Recurrent(bias=True, begin=False), torch.rand(N_SAMPLES, 8) * 4)


@pytest.mark.parametrize("n_samples", [1, N_SAMPLES])
def test_an_encoder_in_the_module_is_no_part_of_the_network(n_samples: int) -> None:
    class Encoded(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(8, 6), some.Leaky(0.9, init_hidden=True)

        def forward(self, x: Any) -> Any:
            spikes = (torch.rand(N_STEPS, *x.shape) < x / 2).to(x.dtype)
            return torch.stack([self.lif(self.fc(spikes[step])) for step in range(N_STEPS)])

    live = read(Encoded(), torch.rand(n_samples, 8) * 2)
    assert_same_spikes(live, at_least=5)
    assert live.network.inputs[0].attributes["payload"] == "spike"
    assert len({live.inputs[:, step].tobytes() for step in range(N_STEPS)}) > N_STEPS / 2


@pytest.mark.parametrize(("between", "message"), [
    (torch.sin, r"second \(IFNode\): its input cannot be followed: sin \(test_follow\.py:\d+ in network\) is no op"),
    (lambda x: x * x.flip(-1), "mul .* multiplies by something other than one number"),
    (lambda x: x + 1, "add .* adds a constant"), (lambda x: x + x, "adds the same values twice"),
    (lambda x: functional.dropout(x, 0.5), "dropout .* drops values at random"),
    (lambda x: x.transpose(1, 2), "samples or time steps are mixed"), (lambda x: x.flip(0), "several time steps"),
    (lambda x: into(torch.zeros_like(x), x), "setitem .* writes into a tensor; collect values by stack or cat"),
    (lambda x: x.mean(0, keepdim=True).expand_as(x), "mean .* is no operation"),
])
def test_what_cannot_be_followed_is_named(between: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        read(Between(between), frames(8), time_axis=0)


def test_loops_over_a_tensor_and_names_that_are_taken() -> None:
    class Loops(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.input, self.constant = some.Leaky(0.9), some.Synaptic(0.5, 0.5)
            self.fc = nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            mem, states, sent = torch.zeros_like(x[0]), (), []
            for frame in x:
                spikes, mem = self.input(frame, mem)
                out, *states = self.constant(self.fc(spikes) * 4, *states)
                sent.append(out)
            return torch.stack(sent)

    live = read(Loops(), frames(8), time_axis=0, per_step=False)
    assert_same_spikes(live)
    assert [item.name for item in live.network.populations] == ["input2", "input", "constant2", "constant"]


def test_one_sample() -> None:
    layer = nn.Conv2d(1, 2, 3)
    layer.weight.data.uniform_(0, 1)
    given = torch.rand(N_STEPS, 1, 1, 6, 6) * 4
    assert_same_spikes(read(Between(folded(layer), layer), given, time_axis=0))
    assert_same_spikes(read(Recurrent(), torch.rand(1, 8) * 20), at_least=5)


def test_a_membrane_cannot_be_read() -> None:
    class Reads(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lif, self.fc = some.Leaky(0.9), nn.Linear(8, 2)

        def forward(self, x: Any) -> Any:
            _, mem = self.lif(x)
            return self.fc(mem)

    with pytest.raises(NetworkError, match=r"fc \(linear\): cannot be followed: is a state of lif"):
        read(Reads(), torch.rand(3, 8), steps=2)


def test_a_foreign_state_is_refused() -> None:
    class Shares(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lif = some.Leaky(0.9)

        def forward(self, x: Any) -> Any:
            mem = torch.zeros_like(x)
            for _ in range(3):
                spikes, mem = self.lif(x, mem * 0.5)
            return spikes

    with pytest.raises(NetworkError, match="is given a state that is neither at rest nor the one that it returned"):
        read(Shares(), torch.rand(3, 8))


def test_a_function_of_ones_own_is_followed_through() -> None:
    class Double(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return 2 * x.flip(-1)

    assert_same_spikes(read(Between(Double.apply), frames(8), time_axis=0))


def test_what_leaves_pytorch_is_refused() -> None:
    with pytest.raises(NetworkError, match="comes neither from the inputs nor from a layer"):
        read(Between(lambda x: torch.from_numpy(2 * x.numpy())), frames(8), time_axis=0)


def test_the_module_is_left_as_it_was() -> None:
    net = Recurrent()
    hooks = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in net.modules()]
    before = {name: values.clone() for name, values in net.state_dict().items()}
    live = read_live(net, torch.rand(N_SAMPLES, 8) * 4)
    assert hooks == [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in net.modules()]
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())
    again = read_live(net, torch.from_numpy(live.inputs[:, 0]).float())
    assert all(np.array_equal(again.spikes[name], spikes) for name, spikes in live.spikes.items())


def tiny() -> Any:
    return nn.Sequential(nn.Linear(4, 3), some.IFNode())


@pytest.mark.parametrize(("module", "given", "options", "error", "message"), [
    (tiny(), torch.rand(5, 4), {"steps": 0}, OptionError, "steps = 0\n  allowed: integer from 1"),
    (tiny(), torch.rand(5, 4), {"steps": 3, "per_step": False}, OptionError, "leave steps out"),
    (tiny(), torch.rand(5, 2, 4), {"time_axis": 2}, OptionError, "time_axis = 2\n  allowed: 0, 1"),
    (tiny(), torch.rand(5, 2, 4), {"time_axis": 0, "steps": 4}, OptionError, "the inputs have 5 along axis 0"),
    (tiny(), torch.rand(5, 4), {"time_axis": 0}, DataError, r"inputs have shape \(5, 4\)"),
    (tiny(), torch.rand(4), {}, DataError, r"inputs have shape \(4,\)"),
    (tiny(), torch.full((2, 4), torch.nan), {}, DataError, "inputs hold NaN"),
    (tiny(), "words", {}, DataError, "inputs: "),
    (tiny(), torch.rand(5, 2, 3), {"time_axis": 0}, DataError, r"forward raised RuntimeError: mat1 .*\n  mend: call 1"),
    (nn.Linear(4, 3), torch.rand(5, 4), {}, NetworkError, "Linear has no layer of spiking neurons"),
    ("module", torch.rand(5, 4), {}, NetworkError, "str is no PyTorch module"),
    (nn.Linear(4, 3, device="meta"), torch.rand(5, 4), {}, NetworkError, r"weight is on meta\n  allowed: cpu"),
    (nn.Sequential(tiny(), nn.Dropout(0.5)), torch.rand(5, 4), {}, NetworkError,
     r"training mode, in which 1 \(Dropout\) behaves differently\n  mend: module.eval"),
    (tiny(), torch.rand(7, 5, 4), {"time_axis": 0, "per_step": False}, NetworkError, "gets 35 items in one call"),
    (nn.Sequential(some.IFNode(step_mode="m")), torch.rand(7, 5), {}, NetworkError, "samples|items"),
    (nn.Sequential(some.IFNode(step_mode="m")), torch.rand(3, 3, 5), {"time_axis": 1}, NetworkError,
     "takes another axis for time than time_axis says"),
])
def test_bad_input(module: Any, given: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_live(module, given, **options)
