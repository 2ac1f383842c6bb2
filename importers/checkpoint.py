"""Reading a checkpoint key by key, so that every key is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from importers.files.damage import check_finite
from importers.files.tensors import TensorFile
from importers.result import Action, ReportLine
from neurosim.errors import DataError, nearest

FloatArray = NDArray[np.float64]

WRAPPERS = ("model.", "module.", "_orig_mod.")


class Checkpoint:
    """The tensors of a file under their bare keys; remembers what became of each.

    Wrappers that training frameworks put before a key (`model.`, `module.`) are taken off, or what `bare` takes off.
    """

    def __init__(self, source: TensorFile, bare: Callable[[str], str] | None = None) -> None:
        self.path, self.metadata = source.path, source.metadata
        self.tensors: dict[str, NDArray[Any]] = {}
        self._names: dict[str, str] = {}
        self._lines: dict[str, ReportLine] = {}
        for key, values in source.tensors.items():
            name = (bare or bare_key)(key)
            if name in self.tensors:
                raise DataError(f"{self.path}: {key} and {self._names[name]} are the same key behind their prefixes",
                                mend="save one network per file")
            self.tensors[name], self._names[name] = values, key

    def __contains__(self, key: str) -> bool:
        return key in self.tensors

    def first_of(self, *keys: str) -> str:
        """Return the first key that is there, or the first of all."""
        return next((key for key in keys if key in self.tensors), keys[0])

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a key that must be there."""
        if key not in self.tensors:
            raise DataError(f"{self.path}: key {key!r} is missing", mend=nearest(key, self.tensors)
                            or f"the file has {', '.join(list(self.tensors)[:8]) or 'no keys'}")
        return self.tensors[key].shape

    def take(self, key: str, *shapes: tuple[int, ...], target: str, action: Action = "mapped",
             reason: str = "") -> FloatArray:
        """Return a key as float64 in the first of the allowed shapes, and note where it goes.

        The other shapes are the same numbers written differently, such as a trailing 1.
        """
        shape = self.shape(key)
        if shape not in shapes:
            allowed = " or ".join(map(str, dict.fromkeys(shapes)))
            raise DataError(f"{self.path}: {key} has shape {shape}", allowed=allowed,
                            mend="check that the file holds one network, of the stated kind")
        self._lines[key] = ReportLine(self._names[key], action, target, reason)
        return np.asarray(self.tensors[key], np.float64).reshape(shapes[0])

    def derived(self, key: str, what: str, values: NDArray[Any]) -> None:
        """Refuse numbers made of a key that are not finite."""
        check_finite(values, f"{self.path}: {self._names[key]} makes {what}")

    def drop(self, key: str, reason: str) -> None:
        """Note that a key is not used."""
        self._lines[key] = ReportLine(self._names[key], "dropped", "", reason)

    def report_lines(self, known: str) -> tuple[ReportLine, ...]:
        """Return one line per key, in the order of the file; refuse keys that nobody took.

        known : what the network kind consists of, for the error
        """
        unknown = [key for key in self.tensors if key not in self._lines]
        if unknown:
            shown = ", ".join(self._names[key] for key in unknown[:8]) + (", …" if len(unknown) > 8 else "")
            raise DataError(f"{self.path}: {len(unknown)} keys that {known} does not have: {shown}",
                            mend="check `kind` and `norm`, or save the file without them")
        return tuple(self._lines[key] for key in self.tensors)


def bare_key(key: str) -> str:
    """Return a key without the wrappers before it."""
    while key.startswith(WRAPPERS):
        key = key.split(".", 1)[1]
    return key
