"""A NIR file whose writer stopped half way: types told by parameters, edges by order.

sinabs 3.1 gives nir 1.0.8 parameters without dimensions, which it cannot write: it leaves a file that ends within a
node, without types of graphs, without edges, and without whatever came after. What is there can still be of use.
"""

from __future__ import annotations

import re

from importers.nir.file import NirGraph, NirNode
from importers.nir.primitives import PRIMITIVES
from neurosim.errors import DataError


def repaired(graph: NirGraph, path: str, notes: list[str]) -> NirGraph:
    """Return the graph with the missing types and edges, and an Output after the last node; note each.

    Raises
    ------
    DataError    where parameters fit no kind, or more than one
    """
    nodes = {name: node if node.kind else _typed(node, path, notes) for name, node in graph.nodes.items()}
    if graph.edges is not None:
        return NirGraph(nodes, graph.edges)
    order = sorted(nodes, key=lambda name: (nodes[name].kind != "Input", nodes[name].kind == "Output", _natural(name)))
    if not any(node.kind == "Output" for node in nodes.values()):
        name = "output" if "output" not in nodes else "output_node"
        nodes[name] = NirNode(name, "Output")
        order.append(name)
    notes.append(f"the file has no edges: its nodes were joined in the order {' -> '.join(order)}; whatever its writer "
                 "had not yet written is missing")
    return NirGraph(nodes, tuple(zip(order, order[1:], strict=False)))


def _typed(node: NirNode, path: str, notes: list[str]) -> NirNode:
    fitting = [kind for kind, item in PRIMITIVES.items() if item.required
               and set(item.required) <= set(node.fields) <= {*item.required, *item.optional}]
    most = max((len(PRIMITIVES[kind].required) for kind in fitting), default=0)
    fitting = [kind for kind in fitting if len(PRIMITIVES[kind].required) == most]
    if len(fitting) != 1:
        raise DataError(f"{path}: node {node.name!r} has no type; its parameters {', '.join(node.fields) or '(none)'} "
                        f"fit {' and '.join(fitting) or 'no kind'}", mend="export the network again")
    notes.append(f"node {node.name!r} has no type: taken to be {fitting[0]} by its parameters")
    return NirNode(node.name, fitting[0], node.fields)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers in names as numbers."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
