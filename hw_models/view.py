"""What a rule between fields sees of a chip file, and what it says where the rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from hw_models.located import KeyPath, Located

PS_PER_NS = 1_000


class Problem(NamedTuple):
    """A broken rule. `paths[0]` is the field that is named; the others took part."""

    paths: tuple[KeyPath, ...]
    allowed: str
    mend: str
    value: str | None = None


class UnreadableError(Exception):
    """A value that a check needs is missing or at fault."""


class View:
    """The values of a chip file that are in order by themselves."""

    def __init__(self, located: Located, faulty: Sequence[KeyPath]) -> None:
        self._located = located
        self._faulty = faulty

    def get(self, name: str) -> Any:
        """Return the value of a dotted field; raise UnreadableError where it, or what it is part of, is at fault."""
        path = path_of(name)
        for bad in self._faulty:
            shorter = min(len(bad), len(path))
            if bad[:shorter] == path[:shorter]:
                raise UnreadableError
        try:
            return self._located.get(path)
        except KeyError:
            raise UnreadableError from None

    def optional(self, name: str) -> Any:
        """Return what `get` does, and None where an optional field is absent or null."""
        return self._located.optional(path_of(name))

    def ps(self, name: str) -> int:
        """Return the nominal value of a figure in nanoseconds as whole picoseconds."""
        return round(float(self.get(f"{name}.value")) * PS_PER_NS)


Check = Callable[[View], Iterator[Problem]]


def path_of(name: str) -> KeyPath:
    """Return the keys of a dotted field; numbers are places in lists."""
    return tuple(int(key) if key.isdecimal() else key for key in name.split("."))
