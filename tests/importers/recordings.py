"""Test data of the resonator networks: ECG sequences, digits, checkpoints; tests skip where they are absent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from importers.files.tensors import TensorFile

OnDisk = Callable[[str], Path]
SMNIST = Path(__file__).parents[2] / "scenarios" / "smnist" / "data.npz"


class Labelled(NamedTuple):
    """inputs : [sample, token, column];  labels : [sample, token] or [sample]"""

    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]


def ecg(outside_data: OnDisk, part: str) -> Labelled:
    """Return the sequences of a part, `train` or `test`, without their last step, which is a mark of -1."""
    reader = pytest.importorskip("scipy.io", reason="scipy reads the .mat files")
    content = reader.loadmat(outside_data(f"brf/ecg/QTDB_{part}.mat"))
    assert (content["x"][:, -1].min(axis=1) == -1).all()
    return Labelled(content["x"][:, :-1].astype(np.float64), content["y"][:, :-1].argmax(axis=2))


def digits(part: str) -> Labelled:
    """Return digits of scenario smnist, 784 tokens of one pixel: `test`, 100 of each class, or `train`, 100 in all."""
    data = np.load(SMNIST)
    return Labelled(data[f"{part}_pixels"][:, :, None] / 255, data[f"{part}_labels"].astype(np.int64))


def checkpoint(path: Path) -> TensorFile:
    """Return the network of a training checkpoint {model_state_dict, …}."""
    torch = pytest.importorskip("torch")
    stored = torch.load(path, weights_only=True, map_location="cpu")["model_state_dict"]
    return TensorFile(str(path), {key: values.numpy() for key, values in stored.items()})


def permuted(given: Labelled, path: Path) -> Labelled:
    """Return the pixels in the order of a file."""
    torch = pytest.importorskip("torch")
    return given._replace(inputs=given.inputs[:, torch.load(path, weights_only=True).numpy()])
