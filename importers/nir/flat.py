"""A nested NIR graph as one level of nodes, checked: kinds and parameters known, edges that lead somewhere.

Nodes of an inner graph are called `<graph>.<node>`; its Input and Output pass values on and are called `Port` here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from importers.nir.file import GRAPH, NirGraph, NirNode, Value
from importers.nir.primitives import PRIMITIVES, Primitive
from importers.result import ReportLine
from neurosim.errors import DataError, nearest

PORT = "Port"
_PORT = Primitive("light", (), (), "")
Edge = tuple[str, str]


@dataclass(frozen=True)
class FlatNode:
    """A node that is no graph."""

    name: str
    kind: str
    fields: dict[str, Value]

    @property
    def role(self) -> str:
        """`input`, `output`, `neuron`, `weighted` or `light`."""
        return (_PORT if self.kind == PORT else PRIMITIVES[self.kind]).role


@dataclass(frozen=True)
class FlatGraph:
    """Nodes by name, and edges without repetition, both in the order of the file.

    dropped : lines of the report on parameters that no node of that kind has
    """

    path: str
    nodes: dict[str, FlatNode]
    edges: tuple[Edge, ...]
    dropped: tuple[ReportLine, ...]

    def sources(self) -> dict[str, list[str]]:
        """Return the nodes that lead to each node, in the order of nodes."""
        return self._neighbours({(target, source) for source, target in self.edges})

    def targets(self) -> dict[str, list[str]]:
        """Return the nodes that each node leads to, in the order of nodes."""
        return self._neighbours(set(self.edges))

    def _neighbours(self, pairs: set[Edge]) -> dict[str, list[str]]:
        # The order of edges in a file is arbitrary; sums must not depend on it.
        rank = {name: index for index, name in enumerate(self.nodes)}
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node, other in sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]])):
            found[node].append(other)
        return found


def flatten(graph: NirGraph, path: str) -> FlatGraph:
    """Return all nodes on one level.

    Raises
    ------
    DataError    an unknown kind, a missing parameter, an edge to nowhere, no Input, names used twice
    """
    flat = _Flattener(path)
    flat.take(graph, "")
    roles = [node.role for node in flat.nodes.values()]
    for role, kind in (("input", "Input"), ("output", "Output")):
        if role not in roles:
            raise DataError(f"{path}: no node of type {kind}", allowed=f"at least one {kind}",
                            mend="export the graph with its Input and Output nodes")
    found = FlatGraph(path, flat.nodes, tuple(dict.fromkeys(flat.edges)), tuple(flat.dropped))
    _check_joined(found)
    return found


class _Flattener:
    def __init__(self, path: str) -> None:
        self.path = path
        self.nodes: dict[str, FlatNode] = {}
        self.edges: list[Edge] = []
        self.dropped: list[ReportLine] = []

    def take(self, graph: NirGraph, prefix: str) -> None:
        """Add the nodes and edges of one level, and of those within."""
        entry: dict[str, str] = {}
        leave: dict[str, str] = {}
        for name, node in graph.nodes.items():
            label = f"{prefix}{name}"
            if node.kind == GRAPH and node.graph is not None:
                entry[name], leave[name] = self._inner(node.graph, label)
            else:
                entry[name] = leave[name] = label
                self._add(label, node, nested=bool(prefix))
        for source, target in graph.edges or ():
            for end in (source, target):
                if end not in graph.nodes:
                    raise DataError(f"{self.path}: edge {prefix}{source} -> {prefix}{target}: there is no node "
                                    f"{prefix + end!r}", allowed=_shown(graph.nodes), mend=nearest(end, graph.nodes))
            self.edges.append((leave[source], entry[target]))

    def _inner(self, graph: NirGraph, label: str) -> tuple[str, str]:
        """Add an inner graph; return the nodes through which values come in and go out."""
        ends = {}
        for kind in ("Input", "Output"):
            found = [name for name, node in graph.nodes.items() if node.kind == kind]
            if len(found) != 1:
                raise DataError(f"{self.path}: graph {label!r} has {len(found)} nodes of type {kind}",
                                allowed="one Input and one Output in a graph within a graph",
                                mend="split it, or write its nodes on the outer level")
            ends[kind] = f"{label}.{found[0]}"
        self.take(graph, f"{label}.")
        return ends["Input"], ends["Output"]

    def _add(self, label: str, node: NirNode, *, nested: bool) -> None:
        if label in self.nodes:
            raise DataError(f"{self.path}: two nodes are called {label!r} once graphs are unfolded",
                            mend="rename one of them")
        if node.kind not in PRIMITIVES:
            raise DataError(f"{self.path}: node {label!r} has type {node.kind!r}", allowed=_shown(PRIMITIVES),
                            mend=nearest(node.kind, PRIMITIVES))
        primitive = PRIMITIVES[node.kind]
        for parameter in primitive.required:
            if parameter not in node.fields:
                raise DataError(f"{self.path}: node {label!r} of type {node.kind} has no parameter {parameter!r}",
                                allowed=", ".join((*primitive.required, *primitive.optional)),
                                mend=nearest(parameter, node.fields))
        known = {*primitive.required, *primitive.optional}
        for parameter in node.fields:
            if parameter not in known:
                reason = f"{node.kind} has no such parameter in NIR 1.0"
                self.dropped.append(ReportLine(f"{label}.{parameter}", "dropped", "", reason))
        fields = {name: value for name, value in node.fields.items() if name in known}
        kind = PORT if nested and primitive.role in ("input", "output") else node.kind
        self.nodes[label] = FlatNode(label, kind, fields)


def _check_joined(graph: FlatGraph) -> None:
    """Refuse edges into an Input or out of an Output, and nodes that nothing reaches."""
    sources, targets = graph.sources(), graph.targets()
    for name, node in graph.nodes.items():
        if node.role == "input" and sources[name]:
            raise DataError(f"{graph.path}: edge {sources[name][0]} -> {name}, an Input", allowed="edges out of Inputs")
        if node.role == "output" and targets[name]:
            raise DataError(f"{graph.path}: edge {name} -> {targets[name][0]} out of an Output",
                            allowed="edges into Outputs")
        if node.role != "input" and not sources[name]:
            raise DataError(f"{graph.path}: no edge leads to node {name!r} of type {node.kind}",
                            allowed="edges from Input nodes to every other", mend="add the edge, or take the node out")


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:20]) + (", …" if len(listed) > 20 else "")
