"""Parameter trees of JAX programs (Flax): the names of nested modules, joined with `/` or `.`."""

from __future__ import annotations

import numpy as np

from importers.checkpoint import Checkpoint
from importers.files.tensors import TensorFile
from importers.graph_builder import Affine, Norm
from neurosim.errors import DataError

# What a training state holds beside the weights.
TRAINING = ("opt_state", "optimizer", "step", "tx", "rng", "key", "epoch", "prng_key", "dropout_rng")
STATISTICS = "batch_stats"


def tree_key(key: str) -> str:
    """Return a name joined with dots, without the collection `params` and what stands before it.

    Statistics of BatchNorms keep their `batch_stats.`, and parts of a training state their names.
    """
    parts = key.replace("/", ".").split(".")
    if parts[0] in TRAINING:
        return ".".join(parts)
    for collection in ("params", STATISTICS):
        if collection in parts:
            behind = len(parts) - parts[::-1].index(collection)
            return ".".join([*([STATISTICS] if collection == STATISTICS else []), *parts[behind:]])
    return ".".join(parts)


class Tree(Checkpoint):
    """A parameter tree; drops what belongs to training."""

    def __init__(self, source: TensorFile) -> None:
        super().__init__(source, tree_key)
        for key in self.tensors:
            if key.split(".")[0] in TRAINING:
                self.drop(key, "state of the training")

    def has(self, prefix: str) -> bool:
        """Return whether any key starts with `prefix`."""
        return any(key.startswith(prefix) for key in self.tensors)

    def dense(self, prefix: str, target: str, n_inputs: int | None = None, n_outputs: int | None = None) -> Affine:
        """Read a Dense: kernel [in, out] and bias [out], none of which means 0."""
        shape = self.shape(f"{prefix}.kernel")
        if len(shape) != 2:
            raise DataError(f"{self.path}: {prefix}.kernel has shape {shape}", allowed="(inputs, outputs)")
        expected = (shape[0] if n_inputs is None else n_inputs, shape[1] if n_outputs is None else n_outputs)
        weights = self.take(f"{prefix}.kernel", expected, target=target)
        if f"{prefix}.bias" not in self:
            return Affine(weights, np.zeros(expected[1]))
        return Affine(weights, self.take(f"{prefix}.bias", (expected[1],), target=target))

    def norm(self, prefix: str, width: int, epsilon: float, target: str) -> Norm:
        """Read a LayerNorm, or a BatchNorm where its statistics are in the file."""
        scale, bias = (self.take(f"{prefix}.{name}", (width,), target=target) for name in ("scale", "bias"))
        statistics = f"{STATISTICS}.{prefix}"
        if f"{statistics}.mean" not in self:
            return Norm(scale, bias)
        mean, variance = (self.take(f"{statistics}.{name}", (width,), target=f"weights into {target} and its bias",
                                    action="folded") for name in ("mean", "var"))
        if variance.min() + epsilon <= 0:
            raise DataError(f"{self.path}: {statistics}.var reaches {variance.min()}", allowed="numbers above 0")
        return Norm(scale, bias, mean, variance)
