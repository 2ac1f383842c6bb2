"""Named errors.

    NeurosimError
    ├── InputError            bad input of any kind; the command line exits with 2
    │   ├── NetworkError      a network that contradicts itself (shape, NaN, unknown port)
    │   ├── DataError         input data, files, shapes
    │   ├── OptionError       an option outside its range
    │   ├── TraceError        a trace that is not one, or is not whole
    │   └── MappingError      network and chip do not go together
    │       ├── CapabilityError   the chip lacks an operation
    │       └── CapacityError     a limit of the chip is exceeded
    └── SimulationError       a run that began and broke; the command line exits with 1

`hw_models.located.ConfigError` stands beside this tree, since `hw_models` loads without `neurosim`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


class NeurosimError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 1


class InputError(NeurosimError):
    """Something the user gave is wrong.

    Parameters
    ----------
    message : what is wrong: file, field, value
    allowed : what would be accepted
    mend : what to do about it
    """

    exit_code = 2

    def __init__(self, message: str, *, allowed: str | None = None, mend: str | None = None) -> None:
        self.allowed, self.mend = allowed, mend
        lines = [message]
        if allowed is not None:
            lines.append(f"  allowed: {allowed}")
        if mend is not None:
            lines.append(f"  mend: {mend}")
        super().__init__("\n".join(lines))


class NetworkError(InputError):
    """The network contradicts itself."""


class DataError(InputError):
    """Input data or a file cannot be used."""


class OptionError(InputError):
    """An option is outside its range."""


class TraceError(InputError):
    """A file is not a whole trace."""


class MappingError(InputError):
    """Network and chip do not go together."""


class CapabilityError(MappingError):
    """The chip lacks an operation that a model needs."""


class CapacityError(MappingError):
    """A limit of the chip is exceeded.

    Parameters
    ----------
    limit : the chip's field, such as `core.max_neurons`
    need, have : in the same unit
    where : the population or core concerned
    mend : the smallest change that would fit
    """

    def __init__(self, limit: str, *, need: int, have: int, where: str, mend: str, unit: str = "") -> None:
        self.limit, self.need, self.have, self.where = limit, need, have, where
        suffix = f" {unit}" if unit else ""
        super().__init__(f"{where}: {limit}: need {need}{suffix}, have {have}{suffix}", mend=mend)


class SimulationError(NeurosimError):
    """A run began and could not end well."""


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise OptionError where `value` is none of `choices`, with the nearest one."""
    if value not in choices:
        raise OptionError(f"{name} = {value!r}", allowed=", ".join(choices), mend=nearest(str(value), choices))


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return `did you mean …?` for the closest of `names`, or None."""
    close = difflib.get_close_matches(name, list(names), 1)
    return f"did you mean {close[0]!r}?" if close else None
