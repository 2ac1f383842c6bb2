"""The NIR file: HDF5 in, plain nodes and edges out, believing nothing.

    /version                      string
    /node/type = "NIRGraph", /node/edges (edge, 2) strings, /node/nodes/<name>/{type, <parameter>…, metadata}

A node of type `NIRGraph` is a graph of its own. Names may hold dots. Every size is checked before memory is asked for;
links to other places, external and virtual data are refused; a compressed array may not claim more than a file of its
size can honestly hold. Nothing here knows what a node means.

Source: the serialisation of nir 1.0.8, https://github.com/neuromorphs/NIR.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from importers.files.damage import DAMAGE, check_finite
from importers.files.hdf5_source import Hdf5Source, opened
from neurosim.errors import DataError
from neurosim.hdf5_bytes import REFERENCE_BYTES

Array = NDArray[Any]
Value = Array | str

GRAPH = "NIRGraph"
MAX_FILE_BYTES = 4 * 1024**3
MAX_NODES = 100_000
MAX_DEPTH = 16
MAX_NAME = 512
# Arrays may take 256 MB in all, or 20 times the file where that is more: honest weights compress 2 to 10 times.
FREE_BYTES, MAX_RATIO = 256 * 1024**2, 20
_MEND = "write the file again with nir.write, or export it again"
_UNFINISHED = f"{_MEND}; or take the nodes that are there, joined in order: unfinished=True"


@dataclass(frozen=True)
class NirNode:
    """One node as stored.

    kind : `LIF`, `Affine`, … as in the file; empty where it is missing and that was allowed
    fields : parameter -> array as stored, or text
    graph : what a node of kind `NIRGraph` holds
    """

    name: str
    kind: str
    fields: dict[str, Value] = field(default_factory=dict)
    graph: NirGraph | None = None


@dataclass(frozen=True)
class NirGraph:
    """Nodes by name, and edges (source, destination), both in the order of the file.

    edges : None where they are missing and that was allowed
    """

    nodes: dict[str, NirNode]
    edges: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True)
class NirFile:
    """What a file held. `version` is that of the package that wrote it, empty where it does not say."""

    path: str
    version: str
    graph: NirGraph


def recognises(source: h5py.File) -> bool:
    """Return whether an open HDF5 file looks like NIR: a group `node` that holds nodes or a type."""
    node = source.get("node", getlink=True)
    if not isinstance(node, h5py.HardLink) or not isinstance(source["node"], h5py.Group):
        return False
    return any(name in source["node"] for name in ("nodes", "type"))


def read_nir(path: str | Path, *, unfinished: bool = False) -> NirFile:
    """Return the nodes and edges of a NIR file.

    unfinished : allow that types and edges are missing, as where the writer stopped half way

    Raises
    ------
    DataError    no file, no HDF5, cut short, damaged, no NIR, or larger than it can be
    """
    with opened(Path(path), "NIR", allowed="an HDF5 file written by nir.write", mend=_MEND,
                max_bytes=MAX_FILE_BYTES) as source:
        return _Reader(source, unfinished).read()


class _Reader:
    def __init__(self, source: Hdf5Source, unfinished: bool) -> None:
        self.path, self.file, self.content, self.unfinished = source.path, source.file, source.content, unfinished
        self.budget = max(FREE_BYTES, MAX_RATIO * source.file_bytes)
        self.n_nodes = 0

    def read(self) -> NirFile:
        """Return the whole file."""
        if not isinstance(self._link(self.file, "node", "node"), h5py.Group):
            raise self._fault("node", "is missing", "a group `node` of type NIRGraph")
        version = self._link(self.file, "version", "version")
        version = "" if version is None else self._text(version, "version")
        root = self.file["node"]
        kind = self._kind(root, "node") or GRAPH
        if kind != GRAPH:
            raise self._fault("node", f"has type {kind!r}", f"{GRAPH}: a whole network")
        return NirFile(str(self.path), version, self._graph(root, "node", 0))

    def _graph(self, group: h5py.Group, label: str, depth: int) -> NirGraph:
        if depth > MAX_DEPTH:
            raise self._fault(label, f"is nested {depth} deep", f"at most {MAX_DEPTH}")
        inner = self._link(group, "nodes", label)
        if not isinstance(inner, h5py.Group):
            raise self._fault(label, "holds no group `nodes`", "the nodes of the graph")
        if len(inner) + self.n_nodes > MAX_NODES:
            raise self._fault(label, f"holds {len(inner)} nodes", f"at most {MAX_NODES} in all")
        self.n_nodes += len(inner)
        nodes = {name: self._node(inner, name, label, depth) for name in self._names(inner, label)}
        return NirGraph(nodes, self._edges(group, label))

    def _names(self, group: h5py.Group, label: str) -> list[str]:
        names = list(group)
        for name in names:
            if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
                raise self._fault(label, f"holds a name of {len(name)} letters that is too long or no text",
                                  f"printable names of at most {MAX_NAME} letters")
        return names

    def _node(self, group: h5py.Group, name: str, label: str, depth: int) -> NirNode:
        where = f"{label}/nodes/{name}" if depth else f"node {name!r}"
        found = self._link(group, name, where)
        if not isinstance(found, h5py.Group):
            raise self._fault(where, "is no group", "a group with `type` and parameters")
        kind = self._kind(found, where)
        if kind == GRAPH:
            return NirNode(name, kind, {}, self._graph(found, where, depth + 1))
        fields: dict[str, Value] = {}
        for parameter in self._names(found, where):
            item = self._link(found, parameter, f"{where}: {parameter}")
            if parameter != "type" and isinstance(item, h5py.Dataset):
                fields[parameter] = self._value(item, f"{where}: {parameter}")
        return NirNode(name, kind, fields)

    def _kind(self, group: h5py.Group, where: str) -> str:
        stored = self._link(group, "type", where)
        if stored is None and self.unfinished:
            return ""
        if not isinstance(stored, h5py.Dataset):
            raise self._fault(where, "has no `type`: its writer stopped half way, or it is no node",
                              "a name such as 'LIF', 'Affine', 'NIRGraph'", _UNFINISHED)
        return self._text(stored, f"{where}: type")

    def _edges(self, group: h5py.Group, label: str) -> tuple[tuple[str, str], ...] | None:
        stored = self._link(group, "edges", label)
        if stored is None and self.unfinished:
            return None
        if not isinstance(stored, h5py.Dataset):
            raise self._fault(label, "has no `edges`: its writer stopped half way", "an array (edge, 2) of names",
                              _UNFINISHED)
        if stored.shape is not None and 0 in stored.shape:
            return ()
        if stored.shape is None or stored.ndim != 2 or stored.shape[1] != 2 or stored.dtype.kind not in "OS":
            raise self._fault(f"{label}: edges", f"has shape {stored.shape} and type {stored.dtype}",
                              "an array (edge, 2) of names")
        self._check_storage(stored, f"{label}: edges", max(REFERENCE_BYTES, stored.dtype.itemsize))
        with self._naming(f"{label}: edges"):
            names = self.content.texts(stored, MAX_NAME)
        return tuple(zip(names[::2], names[1::2], strict=True))

    def _text(self, stored: Any, where: str) -> str:
        if not isinstance(stored, h5py.Dataset) or stored.shape not in ((), (1,)) or stored.dtype.kind not in "OS":
            raise self._fault(where, "is no text", "one string")
        self._check_storage(stored, where, max(REFERENCE_BYTES, stored.dtype.itemsize))
        with self._naming(where):
            return self.content.texts(stored, MAX_NAME)[0]

    def _value(self, stored: h5py.Dataset, where: str) -> Value:
        if stored.dtype.kind in "OS":
            return self._text(stored, where)
        if stored.shape is None or stored.dtype.kind not in "biuf" or stored.ndim > 8:
            raise self._fault(where, f"has type {stored.dtype} and shape {stored.shape}", "numbers")
        self._check_storage(stored, where, stored.dtype.itemsize)
        with self._naming(where):
            values = self.content.numbers(stored)
        check_finite(values, f"{self.path}: {where}")
        return values

    def _check_storage(self, stored: h5py.Dataset, where: str, item_bytes: int) -> None:
        """Check that the data lie in this file, and book the memory that they will take."""
        if stored.is_virtual or stored.external:
            raise self._fault(where, "lies in another file", "data in this file")
        n_bytes = math.prod(stored.shape) * item_bytes
        if n_bytes > self.budget:
            raise self._fault(where, f"claims {n_bytes} bytes", f"at most {self.budget} bytes more for its size")
        self.budget -= n_bytes

    @contextmanager
    def _naming(self, where: str) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise self._fault(where, str(error), "an array as nir.write stores it") from error

    def _link(self, group: h5py.Group, name: str, where: str) -> Any:
        """Return a member of a group, or None; refuse links that lead elsewhere."""
        link = group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise self._fault(where, f"{name!r} is a link to another place", "data in this file")
        return group[name]

    def _fault(self, where: str, what: str, allowed: str, mend: str = _MEND) -> DataError:
        return DataError(f"{self.path}: {where} {what}", allowed=allowed, mend=mend)

