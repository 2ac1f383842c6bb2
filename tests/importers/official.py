"""Random state_dicts in the key names and shapes of published state-space networks, started as published code does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


class Task(NamedTuple):
    """One row of the published configurations; `norm` is pre, or dead: computed and discarded.

    n_parameters : of the layers, as published code counts them; n_symbols : of an embedding, 0 for a linear encoder
    """

    n_layers: int
    width: int
    n_states: int
    both_ways: bool
    norm: str
    family: str
    trained_b: bool
    n_parameters: int
    n_symbols: int = 0
    n_inputs: int = 1
    n_classes: int = 10


TASKS = {
    "ListOps": Task(6, 256, 4, True, "dead", "batch", True, 822_678, n_symbols=18),
    "Text": Task(6, 256, 4, True, "pre", "batch", True, 822_678, n_symbols=135, n_classes=2),
    "Retrieval": Task(6, 256, 64, True, "pre", "batch", False, 1_093_014, n_symbols=98, n_classes=0),
    "Image": Task(6, 512, 64, True, "dead", "layer", False, 3_757_974),
    "Pathfinder": Task(6, 256, 64, True, "pre", "batch", False, 1_093_014, n_classes=2),
    "Path-X": Task(6, 256, 64, True, "pre", "batch", True, 1_191_318, n_classes=2),
    "sMNIST": Task(2, 400, 64, False, "dead", "layer", False, 748_306),
    "psMNIST": Task(4, 256, 64, False, "dead", "layer", False, 663_140),
    "SC35": Task(6, 128, 16, True, "pre", "batch", True, 252_054, n_classes=35),
    "DVS-Gesture": Task(6, 512, 16, True, "dead", "layer", True, 3_364_758, n_inputs=128, n_classes=11),
    "WikiText-103": Task(16, 1024, 64, False, "pre", "layer", False, 35_768_720, n_symbols=500, n_classes=500),
}
# Not trained: statistics, counters.
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


class Drawn:
    """Tensors by their keys, drawn as published code starts them."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: Tensors = {}

    def put(self, key: str, values: NDArray[Any]) -> None:
        self.tensors[key] = np.asarray(values, np.float32)

    def normal(self, key: str, *shape: int, scale: float = 1.0) -> None:
        self.put(key, scale * self.random.normal(size=shape))

    def linear(self, key: str, n_out: int, n_in: int, *ones: int) -> None:
        bound = n_in**-0.5
        self.put(f"{key}.weight", self.random.uniform(-bound, bound, (n_out, n_in, *ones)))
        self.put(f"{key}.bias", self.random.uniform(-bound, bound, n_out))

    def norm(self, key: str, width: int, family: str) -> None:
        self.put(f"{key}.weight", self.random.normal(1, 0.1, width))
        self.normal(f"{key}.bias", width, scale=0.1)
        if family == "batch":
            self.normal(f"{key}.running_mean", width, scale=0.3)
            self.put(f"{key}.running_var", self.random.uniform(0.5, 2, width))
            self.tensors[f"{key}.num_batches_tracked"] = np.array(1000)

    def kernel(self, key: str, width: int, n_modes: int, directions: tuple[int, ...], *, trained_b: bool,
               n_sets: int = 0) -> None:
        """S4D-Lin, a little moved; dt from 1e-3 to 1e-1, and some slower and faster."""
        sets, turns = n_sets or width, np.pi * np.arange(n_modes)
        log_dt = self.random.uniform(np.log(1e-3), np.log(3e-1), width)
        self.normal(f"{key}.C", *directions, width, n_modes, 2, scale=0.5**0.5)
        self.normal(f"{key}.A_imag", sets, n_modes, scale=0.1)
        self.tensors[f"{key}.A_imag"] += (turns + 1e-4).astype(np.float32)
        self.put(f"{key}.{'A_real' if trained_b else 'log_A_real'}", np.log(0.5) + 0.1 * self.random.normal(size=(
            sets, n_modes)))
        if trained_b:
            self.put(f"{key}.inv_dt", log_dt[:, None])
            self.normal(f"{key}.B", 1, sets, n_modes, 2, scale=0.3)
            self.tensors[f"{key}.B"][..., 0] += 1
        else:
            self.put(f"{key}.log_dt", log_dt)

    def surrogate(self, key: str) -> None:
        for name, shape in {"conv1.weight": (8, 1, 8), "conv1.bias": (8,), "conv2.weight": (8, 8, 1),
                            "conv2.bias": (8,), "conv3.weight": (1, 8, 1), "conv3.bias": (1,)}.items():
            self.normal(f"{key}.neuron.model.{name}", *shape)


def spiking_ssm(task: Task, seed: int = 0, n_layers: int = 0, *, shared_threshold: bool = False) -> Tensors:
    """Return a SpikingSSM; `n_layers` cuts its depth."""
    drawn = Drawn(seed)
    if task.n_symbols:
        drawn.normal("encoder.weight", task.n_symbols, task.width)
    else:
        drawn.linear("encoder", task.width, task.n_inputs)
    for layer in range(n_layers or task.n_layers):
        start = f"s4_layers.{layer}"
        drawn.normal(f"{start}.D", 1, task.width)
        drawn.normal(f"{start}.ln_vth", *((1,) if shared_threshold else (task.width, 1)), scale=0.2)
        drawn.kernel(f"{start}.kernel", task.width, task.n_states // 2, (1 + task.both_ways,),
                     trained_b=task.trained_b)
        drawn.surrogate(start)
        drawn.linear(f"{start}.output_linear.0", 2 * task.width, task.width, 1)
        drawn.norm(f"norms.{layer}", task.width, task.family)
    if task.n_classes:
        drawn.linear("decoder", task.n_classes, task.width)
    return drawn.tensors


def s4_block(*, both_ways: bool, prenorm: bool, n_sets: int = 1, family: str = "batch", n_layers: int = 3,
             width: int = 24, n_modes: int = 4, seed: int = 0) -> Tensors:
    """Return the backbone of state-spaces/s4 with its encoder and decoder: keys as Lightning saves them."""
    drawn = Drawn(seed)
    drawn.linear("encoder", width, 3)
    for layer in range(n_layers):
        start = f"layers.{layer}"
        drawn.normal(f"{start}.layer.layer.D", 1, width)
        drawn.kernel(f"{start}.layer.layer.kernel", width, n_modes, (1 + both_ways,), trained_b=True, n_sets=n_sets)
        drawn.linear(f"{start}.layer.output_linear.0", 2 * width, width)
        drawn.norm(f"{start}.norm.norm", width, family)
    if prenorm:
        drawn.norm("norm.norm", width, family)
    drawn.linear("decoder", 5, width)
    return drawn.tensors


def as_lightning(tensors: Tensors) -> Tensors:
    """Return the names that `train.py` saves: encoder and decoder as flattened sequences, the rest below `model.`."""
    names = {"encoder.weight": "encoder.0.weight", "encoder.bias": "encoder.0.bias",
             "decoder.weight": "decoder.0.output_transform.weight", "decoder.bias": "decoder.0.output_transform.bias"}
    return {names.get(key, f"model.{key}"): values for key, values in tensors.items()}


def alone(*, both_ways: bool = False, width: int = 12, n_modes: int = 3, seed: int = 0) -> Tensors:
    """Return a single S4D module."""
    drawn = Drawn(seed)
    drawn.normal("D", width)
    drawn.kernel("kernel", width, n_modes, (2,) if both_ways else (), trained_b=False)
    drawn.linear("output_linear.0", 2 * width, width, 1)
    return drawn.tensors


def gsu(*, own_weights: bool = False, both_ways: bool = False, width: int = 16, seed: int = 0) -> Tensors:
    """Return a GSU network of two layers."""
    drawn = Drawn(seed)
    drawn.linear("encoder", width, 2)
    for layer in range(2):
        start = f"s4_layers.{layer}"
        drawn.normal(f"{start}.D", width)
        drawn.kernel(f"{start}.kernel", width, 4, (1 + both_ways,), trained_b=False)
        for name in ("w", "w2") if own_weights else ("w",):
            drawn.normal(f"{start}.{name}", width, width, scale=width**-0.5)
        drawn.normal(f"{start}.b", width, scale=0.1)
        drawn.normal(f"{start}.c", width, scale=0.1)
    drawn.linear("decoder", 4, width)
    return drawn.tensors


def n_trained(tensors: Tensors) -> int:
    """Return the parameters of the layers."""
    return sum(values.size for key, values in tensors.items()
               if not key.startswith(("encoder", "decoder")) and not key.endswith(BUFFERS))


def inputs(task: Task, n_tokens: int, seed: int = 1) -> NDArray[np.float64]:
    """Return [token, input]: single ones for symbols, else numbers."""
    random = np.random.default_rng(seed)
    if task.n_symbols:
        return np.eye(task.n_symbols)[random.integers(0, task.n_symbols, n_tokens)]
    return random.normal(size=(n_tokens, task.n_inputs))
