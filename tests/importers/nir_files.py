"""NIR files for tests, written with h5py as nir 1.0.8 lays them out, and small shorthands for nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurosim.graph import ConvolutionWeights, Network, Projection

Node = tuple[str, dict[str, Any]]


def write_nir(path: Path, nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]], version: str = "1.0.8") -> Path:
    """Write a graph; a node of type NIRGraph has `nodes` and `edges` among its parameters."""
    with h5py.File(path, "w") as file:
        file.create_dataset("version", data=version, dtype=h5py.string_dtype())
        write_graph(file.create_group("node"), nodes, edges)
    return path


def write_graph(group: h5py.Group, nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> None:
    group.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
    group.create_dataset("edges", data=np.array([list(edge) for edge in edges], object), dtype=h5py.string_dtype())
    inner = group.create_group("nodes")
    for name, (kind, fields) in nodes.items():
        node = inner.create_group(name)
        if kind == "NIRGraph":
            write_graph(node, fields["nodes"], fields["edges"])
            continue
        node.create_dataset("type", data=kind, dtype=h5py.string_dtype())
        for field, value in fields.items():
            if isinstance(value, np.ndarray) and value.ndim:
                node.create_dataset(field, data=value, compression="gzip")
            else:
                node.create_dataset(field, data=value)


def chain(*names: str) -> list[tuple[str, str]]:
    """Edges from each name to the next."""
    return list(zip(names, names[1:], strict=False))


def line(path: Path, shape: Sequence[int], *nodes: Node, output: Sequence[int] = (1,)) -> Path:
    """Write input -> n0 -> n1 … -> output."""
    named = {"input": ("Input", {"shape": np.array(shape)}), **{f"n{i}": node for i, node in enumerate(nodes)},
             "output": ("Output", {"shape": np.array(output)})}
    return write_nir(path, named, chain(*named))


def lif(size: int, tau: float = 1e-3, threshold: float = 1.0, **others: Any) -> Node:
    """A LIF whose weights act as they are (r = tau / dt with dt = 1e-4)."""
    each = np.ones(size)
    return "LIF", {"tau": tau * each, "r": tau / 1e-4 * each, "v_leak": 0 * each, "v_threshold": threshold * each,
                   **others}


def unrolled(network: Network) -> Network:
    """Return a network whose convolutions are listed synapse by synapse, for the oracle."""
    projections = tuple(Projection(p.source, p.target, p.weights.unrolled(), p.port, p.output, p.delay_steps, p.name)
                        if isinstance(p.weights, ConvolutionWeights) else p for p in network.projections)
    return Network(network.name, network.populations, projections, network.readouts)


def convolutional(path: Path, shape: tuple[int, ...] = (2, 6, 6)) -> Path:
    """Convolution, spikes, pool, flatten, dense, spikes: as vision networks are exported."""
    random = np.random.default_rng(5)
    image = np.ones((3, 4, 4))
    convolution = {"weight": random.normal(size=(3, 2, 3, 3)), "bias": random.normal(size=3) * 0.1,
                   "stride": np.array([1, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1,
                   "input_shape": np.array([6, 6])}
    neurons = {"tau": 5e-4 * image, "r": 5 * image, "v_leak": 0 * image, "v_threshold": 0.5 * image}
    pool = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2]), "padding": np.array([0, 0])}
    flatten = {"start_dim": 0, "end_dim": -1, "input_type": np.array([3, 2, 2])}
    return line(path, shape, ("Conv2d", convolution), ("LIF", neurons), ("AvgPool2d", pool), ("Flatten", flatten),
                ("Linear", {"weight": random.normal(size=(5, 12))}), lif(5, 5e-4, 0.3), output=[5])
