"""Options of importers that may come from the command line, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def listed(names: Any) -> Any:
    """Return a tuple of names, given one by one or as a text with commas between; anything else as it is."""
    if isinstance(names, str):
        return tuple(name.strip() for name in names.split(",") if name.strip())
    return tuple(names) if isinstance(names, Sequence) else names
