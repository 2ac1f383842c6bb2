"""Readers of trained networks. `import_network` tells by the content which one a file needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importers.result import ImportResult


def import_network(path: str | Path, **options: Any) -> ImportResult:
    """Read a trained network from a file; options are those of the importer that the content calls for.

    Raises
    ------
    DataError       a file that cannot be read, or whose content no importer knows
    OptionError     an option that the importer does not have
    """
    import inspect

    from importers.state_space import import_state_space, recognises
    from importers.tensors import load_tensors, nearest
    from neurosim.errors import DataError, OptionError

    source = load_tensors(path)
    if not recognises(source):
        shown = ", ".join(list(source.tensors)[:8]) or "none"
        raise DataError(f"{path}: keys of no known network: {shown}",
                        allowed="state-space networks (keys s4_layers.…)",
                        mend="name the keys as the SpikingSSM reference code does, see importers/state_space.py")
    known = list(inspect.signature(import_state_space).parameters)[1:]
    for option in options:
        if option not in known:
            raise OptionError(f"unknown option {option!r}", allowed=", ".join(known), mend=nearest(option, known))
    return import_state_space(source, **options)
