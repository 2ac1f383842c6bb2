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
