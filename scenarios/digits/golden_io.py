"""Read and write golden files: exact outcomes of the stepwise float64 evaluation. Needs NumPy alone.

Layout of an `.npz` file, whose layers are numbered from 0:

* `logits`       float64 [item, class]
* `shape`        int64 [3]: items, tokens, channels of every layer's spikes; the items may be the first ones alone
* `active_i`     uint8, `np.packbits` of (spikes of layer i != 0) in the order [channel, item, token], which
                 compresses best
* `negative_i`   uint8, ternary networks only: `np.packbits` of (spike == -1) over the non-zero spikes of layer i alone,
                 in the same order
* `margins`      float64 [layer]: smallest distance of any neuron's value to its threshold
* `accuracy`     float64: part of the items whose largest logit is their label
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Spikes = npt.NDArray[np.int8]


class Golden(NamedTuple):
    """Golden outcome of one network on the test items."""

    logits: npt.NDArray[np.float64]  # [item, class]
    spikes: list[Spikes]  # per layer [item, token, channel]; 0 and 1, ternary networks also -1; of the first items
    margins: list[float]  # per layer
    accuracy: float


def save_golden(path: Path, golden: Golden) -> None:
    """Write a golden file."""
    arrays: dict[str, Any] = {
        "logits": golden.logits,
        "shape": np.array(golden.spikes[0].shape, dtype=np.int64),
        "margins": np.array(golden.margins, dtype=np.float64),
        "accuracy": np.array(golden.accuracy, dtype=np.float64),
    }
    for layer, spikes in enumerate(golden.spikes):
        stored = spikes.transpose(2, 0, 1)
        arrays[f"active_{layer}"] = np.packbits(stored != 0)
        if (stored < 0).any():
            arrays[f"negative_{layer}"] = np.packbits(stored[stored != 0] < 0)
    np.savez_compressed(path, **arrays)


def load_golden(path: Path | str) -> Golden:
    """Read a golden file; spikes come back as int8 [item, token, channel] per layer."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    n_layers = sum(name.startswith("active_") for name in arrays)
    spikes = [_unpack(arrays, layer) for layer in range(n_layers)]
    return Golden(arrays["logits"], spikes, arrays["margins"].tolist(), float(arrays["accuracy"]))


def _unpack(arrays: dict[str, npt.NDArray[np.uint8]], layer: int) -> Spikes:
    n_items, n_tokens, n_channels = (int(length) for length in arrays["shape"])
    size = n_items * n_tokens * n_channels
    stored = np.unpackbits(arrays[f"active_{layer}"], count=size).astype(np.int8)
    if f"negative_{layer}" in arrays:
        active = np.flatnonzero(stored)
        negative = np.unpackbits(arrays[f"negative_{layer}"], count=active.size)
        stored[active] = 1 - 2 * negative.astype(np.int8)
    return np.ascontiguousarray(stored.reshape(n_channels, n_items, n_tokens).transpose(1, 2, 0))
