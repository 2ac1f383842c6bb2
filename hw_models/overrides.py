"""The `--set` options: `core.weight_bits=4`, `noc.buffer_packets=unlimited`, `core.costs.spike_out.energy_pj=12.5`.

They change the data of a chip file before it is checked, so that an option is held to the same ranges and rules as
the file. A figure that the user sets becomes `assumed`, with source `user`, and keeps what it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hw_models.explain import JsonSchema, known_paths, lookup, nearest
from hw_models.figures import MAX_FIGURE
from hw_models.located import ConfigError, Fault, KeyPath, Located, dotted, parse_located, shown

Overrides = Mapping[str, object] | Sequence[str]
# Keys of a figure whose change makes it the user's own.
_NUMBERS = ("value", "low", "high")


def apply_overrides(located: Located, overrides: Overrides, root: JsonSchema) -> list[Fault]:
    """Change `located` as the options say, in their order.

    Parameters
    ----------
    located : the data of a chip file; its `options` are filled
    overrides : `path=value` strings, or a mapping from path to value; texts are read as YAML scalars
    root : JSON schema of the chip

    Returns
    -------
    the faults of the options themselves; values are checked later, with the whole chip
    """
    faults: list[Fault] = []
    for option, name, value in _pairs(overrides):
        try:
            parsed = parse_located(value, option).value if isinstance(value, str) else value
            _apply(located, option, name, parsed, root)
        except ConfigError as error:
            # A line number means nothing within an option.
            faults.extend(replace(fault, line=None) for fault in error.faults)
    return faults


def _pairs(overrides: Overrides) -> Iterator[tuple[str, str, object]]:
    """Yield (option as the user wrote it, path, value); value is "" where there is no `=`."""
    if isinstance(overrides, Mapping):
        for name, value in overrides.items():
            yield f"--set {name}={shown(value)}", name.strip(), value
        return
    for text in [overrides] if isinstance(overrides, str) else overrides:
        name, _, value = text.partition("=")
        yield f"--set {text}", name.strip(), value.strip()


def _apply(located: Located, option: str, name: str, value: Any, root: JsonSchema) -> None:
    # Six digits index any list; more would only serve to make int() slow.
    path = tuple(int(key) if key.isdecimal() and len(key) <= 6 else key for key in name.split("."))
    _must_be_known(located, option, path, root)
    if value is None and "=" not in option:
        raise _fault(option, "", "has no value", "path=value, such as core.weight_bits=4", "add `=` and a value")
    _must_have_block(located, option, path, value, root)
    if _is_figure(root, path) and not isinstance(value, dict):
        _set_figure(located, option, (*path, "value"), value)
    elif path[-1] in _NUMBERS and _is_figure(root, path[:-1]):
        _set_figure(located, option, path, value)
    else:
        _put(located, option, path, value)


def _must_be_known(located: Located, option: str, path: KeyPath, root: JsonSchema) -> None:
    known = [dotted(each) for each in known_paths(root, located.value)]
    if dotted(path) in known:
        return
    # A path without its beginning, `weight_bits`, means the one that ends so.
    ending = [each for each in known if each.endswith(f".{dotted(path)}")]
    match = ending[0] if ending else nearest(dotted(path), known)
    raise _fault(option, "", f"{dotted(path) or '(nothing)'} is not a field of a chip", "fields of the chip schema",
                 f"write `{match}`" if match else "see hw_models/chips/generic-mesh.yaml for all fields")


def _must_have_block(located: Located, option: str, path: KeyPath, value: Any, root: JsonSchema) -> None:
    """Refuse a number for a block, or a figure, that this chip has not got."""
    whole = isinstance(value, dict) or value is None
    for end in range(1, len(path) + (not whole)):
        block = path[:end]
        if (lookup(root, block) or {}).get("nullable") and located.optional(block) is None:
            raise _fault(option, dotted(block), "null: this chip has none", "fields that the chip has",
                         f"write `{dotted(block)}` in a chip file of your own; generic-mesh.yaml shows every field")


def _is_figure(root: JsonSchema, path: KeyPath) -> bool:
    schema = lookup(root, path) or {}
    return schema.get("title") == "Figure"


def _set_figure(located: Located, option: str, path: KeyPath, value: Any) -> None:
    """Set one number of a figure; the interval is widened to hold the value."""
    if not _is_number(value):
        raise _fault(option, dotted(path), shown(value), f"number from 0 to {MAX_FIGURE:g}",
                     "give a number in the unit that the key names")
    try:
        before = located.get(path[:-1])
    except KeyError:
        before = None
    if not (isinstance(before, dict) and all(_is_number(before.get(key)) for key in _NUMBERS)):
        return  # the file has no sound figure here, and says so in a fault of its own
    figure = dict(before)
    figure[str(path[-1])] = float(value)
    if path[-1] == "value":
        figure["low"], figure["high"] = min(figure["low"], float(value)), max(figure["high"], float(value))
    if before.get("source") != "user":
        figure["original"] = float(before["value"])
        figure["rule"] = f"set by the user; before: {before.get('basis')}, {before.get('source')}"
    figure["basis"], figure["source"] = "assumed", "user"
    _put(located, option, path[:-1], figure)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= MAX_FIGURE


def _put(located: Located, option: str, path: KeyPath, value: Any) -> None:
    """Write `value`; where the file lacks the parent, its own fault says so and nothing is written."""
    try:
        parent = located.get(path[:-1])
    except KeyError:
        return
    if isinstance(parent, dict | list):
        parent[path[-1]] = value  # type: ignore[index]  # the path is known to the schema: an index in a list
        located.options[path] = option


def _fault(option: str, field: str, value: str, allowed: str, mend: str) -> ConfigError:
    return ConfigError([Fault(option, None, field, value, allowed, mend)])
