"""Random networks of all supported operations: the simulated spikes are the module's own."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.importers.live.simulated import read, sent

torch = pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
from torch import nn  # noqa: E402

from tests.importers.live import stand_ins as some  # noqa: E402

N_STEPS = 8


class Stage(nn.Module):  # type: ignore[misc]
    """Some operations, perhaps around a residual, and neurons."""

    def __init__(self, choose: random.Random, shape: tuple[int, ...], *, whole: bool) -> None:
        super().__init__()
        self.whole, self.operations = whole, nn.Sequential()
        images = len(shape) == 3
        for _ in range(choose.randint(1, 3)):
            self.operations.append(image_operation(choose, shape) if images else linear(choose, shape[0]))
            shape = tuple(self.operations.double().eval()[-1](torch.zeros(1, *shape, dtype=torch.float64)).shape[1:])
        if images and choose.random() < 0.4:
            self.operations.append(nn.Flatten())
            shape = (int(np.prod(shape)),)
        self.shape, self.factor = shape, choose.choice((0.0, 0.5, -0.25))
        self.neurons = neurons(choose, whole=whole)

    def forward(self, x: Any) -> Any:
        y = self.operations(x.flatten(0, 1)).unflatten(0, x.shape[:2]) if self.whole else self.operations(x)
        return self.neurons(y + x * self.factor if self.factor and y.shape == x.shape else y)


def linear(choose: random.Random, size: int) -> Any:
    layer = nn.Linear(size, choose.randint(3, 8), bias=choose.random() < 0.5)
    layer.weight.data.uniform_(-0.3, 0.8)
    return layer


def image_operation(choose: random.Random, shape: tuple[int, ...]) -> Any:
    channels, height, width = shape
    kind = choose.choice(("convolution", "convolution", "average", "maximum", "norm", "relu"))
    if kind == "convolution":
        groups = choose.choice((1, channels))
        kernel = choose.randint(1, min(3, height)), choose.randint(1, min(3, width))
        layer = nn.Conv2d(channels, groups * choose.randint(1, 3), kernel, stride=choose.randint(1, 2),
                          padding=choose.randint(0, 1), groups=groups, bias=choose.random() < 0.5)
        layer.weight.data.uniform_(-0.4, 1)
        return layer
    if kind == "norm":
        layer = nn.BatchNorm2d(channels)
        layer.running_mean.uniform_(-0.3, 0.3)
        layer.running_var.uniform_(0.3, 2)
        return layer
    if kind == "relu" or min(height, width) < 3:
        return nn.ReLU()
    pool = nn.AvgPool2d if kind == "average" else nn.MaxPool2d
    return pool(2, stride=choose.randint(1, 2), padding=choose.randint(0, 1))


def neurons(choose: random.Random, *, whole: bool) -> Any:
    threshold = choose.uniform(0.3, 0.9)
    if not whole:
        return some.Leaky(choose.uniform(0.3, 1), threshold=threshold, init_hidden=True,
                          reset_mechanism=choose.choice(("subtract", "zero", "none")),
                          graded_spikes_factor=choose.choice((1.0, 0.5, 2.0)))
    if choose.random() < 0.3:
        return some.IFNode(v_reset=choose.choice((None, 0.0)), step_mode="m", v_threshold=threshold)
    return some.LIFNode(choose.uniform(1.2, 4), threshold, choose.choice((None, 0.0, -0.3, 0.2)), "m",
                        decay_input=choose.random() < 0.5)


@pytest.mark.parametrize("first_seed", range(0, 40, 5))
def test_random_networks(first_seed: int) -> None:
    assert sum(n_spikes_compared(seed) for seed in range(first_seed, first_seed + 5)) > 100


def n_spikes_compared(seed: int) -> int:
    """Read a random network, hold it against the module, and return how many spikes there were."""
    choose = random.Random(seed)
    torch.manual_seed(seed)
    whole, shape = choose.random() < 0.5, (choose.randint(1, 2), choose.randint(3, 7), choose.randint(3, 7))
    given, stages = torch.rand(N_STEPS, choose.randint(1, 3), *shape) * 3, nn.Sequential()
    for _ in range(choose.randint(1, 4)):
        stages.append(Stage(choose, shape, whole=whole))
        shape = stages[-1].shape
    live = read(stages, given, time_axis=0)
    for name, own in live.spikes.items():
        np.testing.assert_array_equal(sent(live, name) != 0, own, f"seed {seed}: {name}")
    return sum(int(own.sum()) for own in live.spikes.values())
