"""A point of a study: its settings, its name, and the command that repeats it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hw_models.located import ConfigError, parse_located
from neurosim.explore.parameters import Scalar

# Parameters that are options of `neurosim run`; all others are `--set` paths.
RUN_OPTIONS = ("chip", "network", "schedule", "numbers", "seed")


@dataclass(frozen=True)
class Point:
    """What one run of a study is done with; parameters that are not active are absent."""

    settings: Mapping[str, Scalar]

    @cached_property
    def key(self) -> str:
        """The point's name: the same for the same settings, whatever their order."""
        text = json.dumps(dict(self.settings), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def run_options(self) -> dict[str, Scalar]:
        """The settings that are options of a run."""
        return {name: value for name, value in self.settings.items() if name in RUN_OPTIONS}

    @property
    def overrides(self) -> list[str]:
        """The other settings, as `--set` takes them."""
        return [f"{name}={as_yaml(value)}" for name, value in self.settings.items() if name not in RUN_OPTIONS]


def as_yaml(value: Scalar) -> str:
    """Return `value` as text that YAML reads as the same value.

    >>> as_yaml(True), as_yaml("4"), as_yaml("pack")
    ('true', '"4"', 'pack')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    try:
        plain = parse_located(value, "value").value == value
    except ConfigError:
        plain = False
    return value if plain else json.dumps(value)


def run_command(point: Point, source: str, *, detail: str, samples: int | None,
                defaults: Mapping[str, Scalar | None]) -> str:
    """Return the command line that repeats a point.

    Parameters
    ----------
    source : scenario or network file
    defaults : options of the whole study, which the point's own go before; None: left out
    """
    options = {**defaults, **point.run_options, "detail": detail, "samples": samples}
    words = ["neurosim", "run", source]
    words += [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    words += [word for override in point.overrides for word in ("--set", override)]
    return shlex.join(words)
