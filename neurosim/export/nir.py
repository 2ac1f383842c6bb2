"""NIR, the Neuromorphic Intermediate Representation: a network as differential equations, for other tools.

    time constants   tau = dt / (1 - leak), with r = tau / dt, so that one Euler step of dt gives the network back
    bias             that of the weights before it, or v_leak where a convolution or a single weight cannot hold it
    delays           Delay nodes; a loop of one population onto itself with a delay of one step has none: readers of NIR
                     take it for granted
    `>=`             `>` and the next smaller threshold

Source: nir 1.0.8 (layout of the file, primitives), https://github.com/neuromorphs/NIR.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurosim.errors import NetworkError, OptionError
from neurosim.export.nir_nodes import NodeMaker, Nodes
from neurosim.graph import Network
from neurosim.graph_io import new_file

NIR_VERSION = "1.0.8"


def to_nir(network: Network, path: str | Path, dt: float = 1e-4, force: bool = False) -> tuple[str, ...]:
    """Write a network as a NIR file; return what the file does not hold, or holds in another way.

    Parameters
    ----------
    dt : seconds of a time step; NIR holds none, and 1e-4 is what most readers take
    force : overwrite the file

    Raises
    ------
    NetworkError    what NIR cannot express, all of it at once
    OptionError     a time step not above 0, or a file that exists
    DataError       a file that cannot be written
    """
    path = Path(path)
    if isinstance(dt, bool) or not isinstance(dt, int | float) or not (math.isfinite(dt) and dt > 0):
        raise OptionError(f"dt = {dt!r}", allowed="a number of seconds above 0", mend="1e-4 is usual in NIR")
    if path.exists() and not force:
        raise OptionError(f"{path} exists", mend="use force=True to overwrite it, or another name")
    maker = NodeMaker(network, float(dt))
    nodes = maker.make()
    if maker.reasons:
        shown = [*maker.reasons[:20], *(["…"] if len(maker.reasons) > 20 else [])]
        raise NetworkError(f"network {network.name!r} cannot be written as NIR:\n    " + "\n    ".join(shown),
                           allowed="inputs, lif and cuba with hard reset, integrators, linear populations; dense, "
                           "one-to-one and convolution weights; one delay per projection")
    _write(nodes, path)
    return tuple(maker.notes)


def _write(nodes: Nodes, path: Path) -> None:
    with new_file(path) as file:
        file.create_dataset("version", data=NIR_VERSION, dtype=h5py.string_dtype())
        root = file.create_group("node")
        _write_fields(root, {"type": "NIRGraph"})
        edges = [[source.encode(), target.encode()] for source, target in nodes.edges]
        root.create_dataset("edges", data=np.array(edges, object), dtype=h5py.string_dtype())
        inner = root.create_group("nodes")
        for name, (kind, fields) in nodes.nodes.items():
            _write_fields(inner.create_group(name), {"type": kind, **fields})


def _write_fields(group: h5py.Group, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, str):
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        elif isinstance(value, np.ndarray):
            group.create_dataset(name, data=value, compression="gzip")
        else:
            group.create_dataset(name, data=value)
