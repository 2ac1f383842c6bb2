"""Random S5 and Event-SSM networks as parameter trees, in the names and shapes of published code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


class Grown:
    """Tensors by their joined names."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: Tensors = {}

    def put(self, key: str, values: Any) -> None:
        self.tensors[key] = np.asarray(values, np.float32)

    def space(self, start: str, n_in: int, n_out: int, n_modes: int, *, readers: tuple[str, ...] = ("C",),
              columns: int = 1) -> None:
        random = self.random
        self.put(f"{start}Lambda_re", -random.uniform(0.1, 1.0, n_modes))
        self.put(f"{start}Lambda_im", np.pi * np.arange(n_modes) + random.normal(size=n_modes) * 0.1)
        self.put(f"{start}B", random.normal(size=(n_modes, n_in, 2)) * n_in**-0.5)
        for name in readers:
            self.put(f"{start}{name}", random.normal(size=(n_out, columns * n_modes, 2)) * n_modes**-0.5)
        self.put(f"{start}D", random.normal(size=n_in if n_in == n_out else (n_out, n_in)))
        self.put(f"{start}log_step", random.uniform(np.log(1e-2), np.log(0.5), (n_modes, 1)))

    def dense(self, start: str, n_in: int, n_out: int) -> None:
        self.put(f"{start}.kernel", self.random.normal(size=(n_in, n_out)) * n_in**-0.5)
        self.put(f"{start}.bias", self.random.normal(size=n_out) * 0.1)

    def norm(self, start: str, width: int, family: str) -> None:
        self.put(f"{start}.scale", self.random.normal(1, 0.1, width))
        self.put(f"{start}.bias", self.random.normal(size=width) * 0.1)
        if family == "batch":
            self.put(f"batch_stats.{start}.mean", self.random.normal(size=width) * 0.3)
            self.put(f"batch_stats.{start}.var", self.random.uniform(0.5, 2, width))


def s5(*, gate: str = "half_glu2", family: str = "layer", readers: tuple[str, ...] = ("C",), columns: int = 1,
       n_layers: int = 2, width: int = 10, n_modes: int = 6, seed: int = 0) -> Tensors:
    """Return an S5 classifier of 3 inputs and 4 classes."""
    grown = Grown(seed)
    grown.dense("encoder.encoder", 3, width)
    for layer in range(n_layers):
        start = f"encoder.layers_{layer}."
        grown.space(f"{start}seq.", width, width, n_modes, readers=readers, columns=columns)
        for name in {"full_glu": ("out1", "out2"), "gelu": ()}.get(gate, ("out2",)):
            grown.dense(f"{start}{name}", width, width)
        if family != "none":
            grown.norm(f"{start}norm", width, family)
    grown.dense("decoder", width, 4)
    return grown.tensors


def event_ssm(*, family: str = "layer", widths: tuple[int, ...] = (8, 8, 12), n_symbols: int = 20, n_modes: int = 6,
              seed: int = 0, place: str = "pre") -> Tensors:
    """Return an Event-SSM classifier of 5 classes: two layers in the first stage, the rest in one each."""
    grown = Grown(seed)
    grown.put("encoder.encoder.embedding", grown.random.normal(size=(n_symbols, widths[0])))
    before = widths[0]
    for layer, width in enumerate(widths):
        start = f"encoder.stages_{max(layer - 1, 0)}.SequenceLayer_{int(layer == 1)}."
        grown.space(f"{start}S5SSM_0.", before, width, n_modes)
        grown.dense(f"{start}Dense_0", width, width)
        if width != before:
            grown.dense(f"{start}Dense_1", before, width)
        if family != "none":
            grown.norm(f"{start}{'LayerNorm_0' if family == 'layer' else 'BatchNorm_0'}",
                       before if place == "pre" else width, family)
        before = width
    grown.dense("decoder", before, 5)
    return grown.tensors


def nested(tensors: Tensors) -> dict[str, Any]:
    """Return the tree as Flax saves a training state: collections, names within names."""
    tree: dict[str, Any] = {}
    for key, values in tensors.items():
        path = key.split(".") if key.startswith("batch_stats.") else ["params", *key.split(".")]
        place = tree
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = values
    return tree


def slashed(tensors: Tensors) -> Tensors:
    """Return full names joined with slashes."""
    return {key.replace(".", "/") if key.startswith("batch_stats.") else "params/" + key.replace(".", "/"): values
            for key, values in tensors.items()}
