"""Small netx files, written as lava-dl writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

CUBA = {"type": "CUBA", "iDecay": 900, "vDecay": 300, "vThMant": 60, "refDelay": 1, "gradedSpike": False}
LOIHI = {"type": "LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 40, "refDelay": 1, "wgtExp": 0, "theta": 2560,
         "tauRho": 0.5, "scaleRho": 1.0}
SDNN = {"type": "SDNN", "activation": "relu", "vThMant": 3}
RESONATOR = {"type": "RF_PHASE", "sinDecay": 2239, "cosDecay": 3081, "vThMant": 30, "gradedSpike": False}
Layer = dict[str, Any]


def write(path: Path, layers: list[Layer]) -> Path:
    """Write layers as groups `/layer/<i>`; a key with a slash lies in a group of its own."""
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            group = file.create_group(f"layer/{index}")
            group.create_dataset("type", (1,), "S10", [layer["type"].encode()])
            for key, value in layer.items():
                if key != "type":
                    group.create_dataset(key, data=value)
        file.create_dataset("simulation/Ts", data=1)
        file.create_dataset("simulation/tSample", data=16)
    return path


def neurons(parameters: Layer, **changed: Any) -> Layer:
    """Return neuron parameters as fields of a layer."""
    return {f"neuron/{key}": value for key, value in {**parameters, **changed}.items()}


def even(random: np.random.Generator, shape: tuple[int, ...], most: int) -> np.ndarray:
    """Return weights as lava-dl exports them: float32, even."""
    return (2 * random.integers(-most // 2, most // 2 + 1, shape)).astype(np.float32)


def dense(random: np.random.Generator, n_in: int, n_out: int, neuron: Layer, *, most: int = 60, bias: int = 0,
          **fields: Any) -> Layer:
    """Return a dense layer; `bias`: reach of random biases."""
    layer = {"type": "dense", "shape": [n_out], "inFeatures": n_in, "outFeatures": n_out, **neuron,
             "weight": even(random, (n_out, n_in), most), **fields}
    return layer | ({"bias": random.integers(-bias, bias + 1, n_out).astype(np.float32)} if bias else {})


def conv(random: np.random.Generator, image: tuple[int, int, int], n_out: int, neuron: Layer, *,
         kernel: tuple[int, int] = (3, 2), stride: tuple[int, int] = (1, 1), padding: tuple[int, int] = (0, 0),
         dilation: tuple[int, int] = (1, 1), groups: int = 1, most: int = 60, bias: int = 0, **fields: Any) -> Layer:
    """Return a convolution of `image` (channels, rows, columns)."""
    places = tuple((image[1 + a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1))
    weight = even(random, (n_out, image[0] // groups, *kernel), most)
    layer = {"type": "conv", "shape": [n_out, *places], "inChannels": image[0], "outChannels": n_out,
             "kernelSize": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
             "weight": weight, **neuron, **fields}
    return layer | ({"bias": random.integers(-bias, bias + 1, n_out).astype(np.float32)} if bias else {})


def pool(image: tuple[int, int, int], neuron: Layer, size: int = 2, value: int = 64) -> Layer:
    """Return a sum over squares."""
    return {"type": "pool", "shape": [image[0], image[1] // size, image[2] // size], "kernelSize": (size, size),
            "stride": (size, size), "padding": (0, 0), "dilation": (1, 1),
            "weight": np.full((1, 1, size, size), value, np.float32), **neuron}


def flatten(size: int) -> Layer:
    """Return a flatten layer."""
    return {"type": "flatten", "shape": [1, 1, size]}
