"""Reading lava-dl's `.net` file: HDF5, one group per layer, with every dataset accounted for.

/layer/<i>/type, shape, weight, bias, …     /layer/<i>/neuron/type, vThMant, …     /simulation/Ts, tSample
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.files.hdf5_source import Hdf5Source, opened
from importers.result import Action, ReportLine
from neurosim.errors import DataError, nearest

Array = NDArray[Any]
IntArray = NDArray[np.int64]
Shape = tuple[int, int, int]

MAX_LAYERS = 1000
MAX_FIELDS = 64
MAX_NEURONS = 2**22         # of a network: four Loihi 2 chips' worth
KNOWN_LAYERS = ("input", "flatten", "average", "conv", "pool", "dense", "dense_rec")
REFUSED_LAYERS = {
    "convT": "a transposed convolution has no form in the graph",
    "unpool": "unpooling has no form in the graph",
    "concat": "it joins the outputs of layers that need not follow each other, which lava-dl does not read either",
}
NEURON_TYPES = ("CUBA", "LOIHI", "SDNN", "RF_PHASE", "RF_IZHIKEVICH")
_MEND = "export the network again with lava-dl's export_hdf5"


class NetxLayer:
    """The fields of one layer; remembers what became of each.

    index : number of its group
    kind : its type; `dense_comp` is read as `dense`
    """

    def __init__(self, path: Path, index: int, fields: dict[str, Array | str]) -> None:
        self.path, self.index, self.fields = path, index, fields
        self._lines: dict[str, ReportLine] = {}
        self.kind = "network"
        self.kind = self.text("type", (*KNOWN_LAYERS, *REFUSED_LAYERS, "dense_comp"), target="its populations")
        if self.kind in REFUSED_LAYERS:
            raise self.fault("type", f"= {self.kind!r} is not supported: {REFUSED_LAYERS[self.kind]}",
                             ", ".join(KNOWN_LAYERS), "train the network without this layer")
        self.kind = "dense" if self.kind == "dense_comp" else self.kind

    @property
    def name(self) -> str:
        """Of its population."""
        return f"layer{self.index}"

    @property
    def has_neurons(self) -> bool:
        """Whether the file describes neurons for this layer."""
        return any(key.startswith("neuron/") for key in self.fields)

    def __contains__(self, key: str) -> bool:
        return key in self.fields

    def fault(self, key: str, what: str, allowed: str, mend: str | None = _MEND) -> DataError:
        """Return an error on a field."""
        return DataError(f"{self.path}: layer/{self.index}/{key} {what}", allowed=allowed, mend=mend)

    def take(self, key: str, target: str, action: Action = "mapped", reason: str = "") -> Array | str:
        """Return a field that must be there, and note where it goes."""
        if key not in self.fields:
            raise self.fault(key, "is missing", f"a field that every {self.kind} layer has",
                             nearest(key, self.fields) or _MEND)
        self._lines[key] = ReportLine(f"layer/{self.index}/{key}", action, target, reason)
        return self.fields[key]

    def drop(self, keys: Iterable[str], reason: str) -> None:
        """Note that fields, where they are there, are not used."""
        for key in keys:
            if key in self.fields:
                self._lines[key] = ReportLine(f"layer/{self.index}/{key}", "dropped", "", reason)

    def text(self, key: str, choices: tuple[str, ...], target: str = "") -> str:
        """Return a text that must be one of `choices`."""
        value = self.take(key, target or self.name)
        if not isinstance(value, str) or value not in choices:
            shown = repr(value) if isinstance(value, str) else "is no text"
            raise self.fault(key, f"= {shown}", ", ".join(choices),
                             (nearest(value, choices) if isinstance(value, str) else None) or _MEND)
        return value

    def integers(self, key: str, low: int, high: int, target: str = "", even: str = "") -> IntArray:
        """Return numbers that must be whole, from `low` to `high`; even too, where `even` says why."""
        values = self.take(key, target or self.name)
        if isinstance(values, str):
            raise self.fault(key, f"= {values!r} is text", "numbers")
        rounded = np.rint(np.asarray(values, np.float64))
        allowed = f"{'even' if even else 'whole'} numbers from {low} to {high}{even and f': {even}'}"
        wrong = (rounded != values) | (rounded < low) | (rounded > high) | (bool(even) & (rounded % 2 != 0))
        if np.any(wrong):
            at = np.argwhere(wrong)[0].tolist()
            raise self.fault(f"{key}{at or ''}", f"= {np.asarray(values)[tuple(at)]:.6g}", allowed,
                             "export the trained network with its 8-bit quantisation (pre_hook_fx)"
                             if key.startswith("weight") else _MEND)
        if not rounded.size:
            raise self.fault(key, "holds no numbers", allowed)
        return rounded.astype(np.int64)

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return one whole number."""
        if key not in self.fields and default is not None:
            return default
        values = self.integers(key, low, high)
        if values.size != 1:
            raise self.fault(key, f"has shape {values.shape}", "one number")
        return int(values.reshape(-1)[0])

    def pair(self, key: str, low: int) -> tuple[int, int]:
        """Return (vertical, horizontal); one number stands for both."""
        values = self.integers(key, low, 2**20).reshape(-1)
        if values.size not in (1, 2):
            raise self.fault(key, f"has {values.size} numbers", "1 or 2")
        return int(values[0]), int(values[-1])

    def shape(self) -> Shape:
        """Return (channels, rows, columns)."""
        values = self.integers("shape", 1, MAX_NEURONS, "size of its population").reshape(-1)
        if values.size not in (1, 3):
            raise self.fault("shape", f"has {values.size} numbers", "1 or 3: channels, rows, columns")
        channels, rows, columns = (int(n) for n in (*values, 1, 1)[:3])
        if channels * rows * columns > MAX_NEURONS:
            raise self.fault("shape", f"= {values.tolist()}: {channels * rows * columns} neurons",
                             f"at most {MAX_NEURONS}")
        return channels, rows, columns

    def report_lines(self) -> list[ReportLine]:
        """Return one line per field; refuse fields that nobody took."""
        unknown = [key for key in self.fields if key not in self._lines]
        if unknown:
            raise self.fault(unknown[0], "is a field that this kind of layer does not have",
                             ", ".join(key for key in self._lines), nearest(unknown[0], self._lines) or _MEND)
        return [self._lines[key] for key in self.fields]


class NetxFile:
    """All layers of a file, in the order of their numbers, and the numbers of its simulation."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with opened(self.path, "a netx network (.net)") as source:
            numbers = _layer_numbers(source)
            self.layers = [NetxLayer(self.path, number, _fields(source, f"layer/{number}")) for number in numbers]
            self.simulation = _fields(source, "simulation") if source.has("simulation") else {}
            others = [name for name in source.names("/", MAX_FIELDS) if name not in ("layer", "simulation")]
        self.others = tuple(others)

    def report_lines(self) -> tuple[ReportLine, ...]:
        """Return one line per dataset; layers in order."""
        lines = [line for layer in self.layers for line in layer.report_lines()]
        lines += [ReportLine(f"simulation/{key}", "dropped", "", "of training: a run states its own number of steps")
                  for key in self.simulation]
        return (*lines, *(ReportLine(name, "dropped", "", "no part of the netx format") for name in self.others))


def _layer_numbers(source: Hdf5Source) -> list[int]:
    """Return 0, 1, 2 …: the groups are named by number, and listed as text ('10' before '2')."""
    if not source.is_group("layer"):
        raise source.fault("layer", "is missing", "a group of layers", "give a .net file written by lava-dl")
    names = source.names("layer", MAX_LAYERS)
    wrong = [name for name in names if not name.isascii() or not name.isdecimal() or str(int(name)) != name]
    if wrong or not names:
        raise source.fault("layer", f"holds {wrong[0]!r}" if wrong else "is empty", "layers named 0, 1, 2, …", _MEND)
    numbers = sorted(map(int, names))
    missing = sorted(set(range(len(numbers))) - set(numbers))
    if missing:
        raise source.fault(f"layer/{missing[0]}", f"is missing: the file has layers up to {numbers[-1]}",
                           "layers 0, 1, 2, … without a gap", _MEND)
    return numbers


def _fields(source: Hdf5Source, group: str) -> dict[str, Array | str]:
    """Return the datasets of a group and of the groups in it, by their names within it."""
    found: dict[str, Array | str] = {}
    for name in source.names(group, MAX_FIELDS):
        if source.is_group(f"{group}/{name}"):
            found |= {f"{name}/{inner}": source.value(f"{group}/{name}/{inner}")
                      for inner in source.names(f"{group}/{name}", MAX_FIELDS)}
        else:
            found[name] = source.value(f"{group}/{name}")
    return found
