"""The four networks of the study, with the images they are tried on and those that ranges are taken from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import neurosim
from neurosim.graph import Network
from scenarios.digits.make_data import DATA_FILE
from scenarios.digits.stepwise import PIXEL_SCALE
from scenarios.precision.images import LEVELS, enlarged

WEIGHTS_784 = Path(__file__).parent / "lif784.safetensors"
SPIKING = ("ssm_lif", "ssm_heaviside", "ternary")
MIXING_PORTS = ("value", "gate", "ternary_branch", "graded_branch")


@dataclass(frozen=True)
class Case:
    """A network, 360 test images, and 100 training images for calibration.

    inputs, calibration : float64[image, token, 1]
    """

    name: str
    title: str
    network: Network
    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    calibration: NDArray[np.float64]

    @property
    def spiking(self) -> list[int]:
        """The populations that fire, in order."""
        return [index for index, item in enumerate(self.network.populations) if item.model in SPIKING]

    def mixing_synapses(self) -> list[str]:
        """Return the projections that mix channels: 64 x 64, into the gates."""
        return [item.name for item in self.network.projections if item.port in MIXING_PORTS]

    def norm_synapses(self) -> list[str]:
        """Return the projections that hold a folded BatchNorm: one to one, into the state-space channels."""
        names = {item.name for item in self.network.populations if item.model.startswith("ssm")}
        return [item.name for item in self.network.projections if item.target in names]


# Name -> title and source; `lif784` reads the same digits, enlarged to 28 x 28.
SOURCES: dict[str, tuple[str, str | Path]] = {
    "lif": ("SpikingSSM (LIF), 64 steps", "digits:lif"),
    "binary": ("Binary S4D, 64 steps", "digits:binary"),
    "gsu": ("Gated spiking unit, 64 steps", "digits:gsu"),
    "lif784": ("SpikingSSM (LIF), 784 steps", WEIGHTS_784),
}


@cache
def load_case(name: str) -> Case:
    """Return a network of the study, by its name in `SOURCES`."""
    title, source = SOURCES[name]
    network = neurosim.load_network(source)
    with np.load(DATA_FILE) as data:
        test, train = data["test_pixels"], data["train_pixels"]
        labels = data["test_labels"]
    if source == WEIGHTS_784:
        return Case(name, title, network, *_tokens(enlarged(test), 1 / LEVELS, labels, enlarged(train)))
    return Case(name, title, network, *_tokens(test, PIXEL_SCALE, labels, train))


def _tokens(test: NDArray[np.uint8], scale: float, labels: NDArray[np.int64],
            train: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    return test[:, :, None] * np.float64(scale), labels, train[:, :, None] * np.float64(scale)
