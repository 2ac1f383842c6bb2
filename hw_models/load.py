"""From a chip's name or file to a checked `Chip`, and from a chip to plain data and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from hw_models.checks import run_checks
from hw_models.explain import nearest, schema_of, validate
from hw_models.figures import Figure
from hw_models.located import ConfigError, Fault, Located, read_located
from hw_models.overrides import Overrides, apply_overrides
from hw_models.schema import Chip

CHIP_FOLDER = Path(__file__).parent / "chips"
_SUFFIXES = (".yaml", ".yml")
_Triple = tuple[float, float, float]


class ChipText(NamedTuple):
    """A chip file as it was read, to be sent elsewhere or changed many times; `stem` is its name in the library."""

    located: Located
    stem: str | None


def list_chips() -> list[str]:
    """Return the names of the chips in the library, sorted."""
    return sorted(path.stem for path in CHIP_FOLDER.glob("*.yaml"))


def chip_path(name: str) -> Path:
    """Return the file of a chip in the library; raise ConfigError naming the nearest where there is none."""
    if name in list_chips():
        return CHIP_FOLDER / f"{name}.yaml"
    match = nearest(name, list_chips())
    advice = f"write `{match}`, or" if match else "name one of these, or"
    raise ConfigError([
        Fault(name or "(no name)", None, "", "no such chip", f"{', '.join(list_chips())}, or the path of a YAML file",
              f"{advice} give the path of your own chip file, ending in .yaml")
    ])


def load_chip(name_or_path: str | Path, overrides: Overrides = ()) -> Chip:
    """Return a checked chip.

    Parameters
    ----------
    name_or_path : a name of `list_chips()`, or the path of a chip file
    overrides : `--set` options, `path=value` strings or a mapping from path to value, e.g. `core.weight_bits=4`;
        a figure takes a plain number, which makes it `assumed` with source `user`

    Raises
    ------
    ConfigError  with every fault of the file and of the options

    Example
    -------
    >>> load_chip("loihi2", ["core.weight_bits=4"]).core.weight_bits
    4
    """
    return build_chip(read_chip(name_or_path), overrides)


def read_chip(name_or_path: str | Path) -> ChipText:
    """Return what stands in a chip file, parsed and not checked; raise ConfigError where it cannot be parsed."""
    path, file, stem = _find(name_or_path)
    return ChipText(read_located(path, file), stem)


def build_chip(text: ChipText, overrides: Overrides = ()) -> Chip:
    """Return the chip of `text`, which stays as it is, with `overrides`; raise ConfigError with every fault."""
    located = replace(text.located, value=deepcopy(text.located.value), options=dict(text.located.options))
    option_faults = apply_overrides(located, overrides, schema_of(Chip)) if overrides else []
    return _checked(located, option_faults, text.stem)


def from_mapping(mapping: Mapping[str, Any], file: str = "stored chip") -> Chip:
    """Return the chip that `to_mapping` made plain; raise ConfigError, naming `file`, where it is none."""
    # Through JSON, so that nothing of the caller's is shared and only plain data comes in.
    return _checked(Located(file, json.loads(json.dumps(mapping))), [], None)


def to_mapping(chip: Chip) -> dict[str, Any]:
    """Return the chip as plain data for JSON; `from_mapping` gives back an equal chip."""
    return chip.model_dump(mode="json")


def fingerprint(chip: Chip) -> str:
    """Return the SHA-256 of the chip's canonical JSON, in hex: equal for equal chips only."""
    text = json.dumps(to_mapping(chip), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def barrier_latency_ns(chip: Chip, n_tiles: int, n_chips: int = 1) -> tuple[float, float, float]:
    """Return (value, low, high) of the barrier latency among `n_tiles` tiles on `n_chips` chips, in nanoseconds.

    Among several chips by the entries of `chip.grid.barrier`, where there are any, else by those of `chip.barrier`:
    linear between them, the nearest entry outside; 0 of a chip without a barrier.

    Raises
    ------
    ValueError  if `n_tiles` or `n_chips` is below 1
    """
    if n_tiles < 1 or n_chips < 1:
        raise ValueError(f"n_tiles = {n_tiles}, n_chips = {n_chips}: a barrier needs at least 1 tile of 1 chip")
    if n_chips > 1 and chip.grid is not None and chip.grid.barrier:
        return _between(n_chips, [(entry.chips, _triple(entry.latency_ns)) for entry in chip.grid.barrier])
    return _between(n_tiles, [(entry.tiles, _triple(entry.latency_ns)) for entry in chip.barrier])


def _between(number: int, entries: list[tuple[int, _Triple]]) -> _Triple:
    """Return the value at `number`: linear between entries (ascending), the nearest outside, 0 without any."""
    if not entries:
        return 0.0, 0.0, 0.0
    if number <= entries[0][0]:
        return entries[0][1]
    for (before, start), (after, end) in pairwise(entries):
        if number <= after:
            share = (number - before) / (after - before)
            value, low, high = (a * (1 - share) + b * share for a, b in zip(start, end, strict=True))
            return value, low, high
    return entries[-1][1]


def _triple(figure: Figure) -> _Triple:
    return figure.value, figure.low, figure.high


def _find(name_or_path: str | Path) -> tuple[Path, str, str | None]:
    """Return the file, the name messages give it, and the stem it must be named by, of a library chip only."""
    text = str(name_or_path)
    path = Path(name_or_path)
    is_path = isinstance(name_or_path, Path) or path.suffix in _SUFFIXES or len(path.parts) > 1
    if text in list_chips() and not isinstance(name_or_path, Path):
        return chip_path(text), f"hw_models/chips/{text}.yaml", text
    if not text or (not is_path and not path.exists()):
        chip_path(text)  # raises
    return path, text, None


def _checked(located: Located, option_faults: list[Fault], stem: str | None) -> Chip:
    chip, schema_faults, faulty = validate(Chip, located)
    faults = [*located.faults, *schema_faults, *run_checks(located, faulty, stem)]
    faults.sort(key=lambda fault: (fault.line is None, fault.line or 0, fault.field))
    faults = option_faults + faults
    if faults or chip is None:
        raise ConfigError(faults)
    return chip
