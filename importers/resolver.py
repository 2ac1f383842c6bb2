"""Options of an import: given by the caller, else in the file's metadata, else a default; each with its origin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from importers.checkpoint import Checkpoint
from neurosim.errors import DataError, InputError, OptionError


class Resolver:
    """Finds values and remembers where each came from."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.found: dict[str, str] = {}
        self.notes: list[str] = []

    def value(self, name: str, given: Any, default: Any, parse: Callable[[str], Any], allowed: str,
              metadata_key: str = "") -> Any:
        """Return option `name`: given, or metadata, or default; `parse` raises ValueError or KeyError if unusable."""
        stored = self.metadata(metadata_key or name)
        try:
            if given is not None:
                return self.note(name, parse(str(given)), "given")
            if stored is not None:
                return self.note(name, parse(stored), "metadata")
        except (ValueError, KeyError):
            raise self._unusable(name, given, metadata_key or name, stored, allowed) from None
        return self.note(name, default, "default")

    def number(self, name: str, given: float | None, default: float, accept: Callable[[float], bool], allowed: str,
               metadata_key: str = "") -> float:
        """Return a finite number that `accept` accepts."""
        def parse(text: str) -> float:
            value = float(text)
            if not (math.isfinite(value) and accept(value)):
                raise ValueError
            return value

        return float(self.value(name, given, default, parse, allowed, metadata_key))

    def from_zero(self, name: str, given: float | None, default: float, metadata_key: str = "") -> float:
        """Return a number that is not negative."""
        return self.number(name, given, default, lambda value: value >= 0, "a number from 0", metadata_key)

    def choice(self, name: str, given: str | None, default: str, choices: tuple[str, ...]) -> str:
        """Return one of `choices`."""
        table = {choice: choice for choice in choices}
        return str(self.value(name, given, default, table.__getitem__, ", ".join(choices)))

    def metadata(self, key: str) -> str | None:
        """Return a metadata string without the quotes that JSON puts around it."""
        stored = self.checkpoint.metadata.get(key)
        return None if stored is None else stored.strip().strip('"')

    def note(self, name: str, value: Any, origin: str) -> Any:
        """Remember where a value came from, and return it."""
        self.found[name] = f"{value} ({origin})"
        return value

    def _unusable(self, name: str, given: Any, metadata_key: str, stored: str | None, allowed: str) -> InputError:
        if given is not None:
            return OptionError(f"{name} = {given!r}", allowed=allowed)
        return DataError(f"{self.checkpoint.path}: metadata {metadata_key} = {stored!r}", allowed=allowed,
                         mend=f"give the option `{name}`")
