"""Libraries that only some exports need; they are loaded when an export begins."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from neurosim.errors import OptionError


def load(module: str, what: str, *, package: str | None = None, extra: str = "export") -> Any:
    """Return the module `module` of somebody else's package.

    Parameters
    ----------
    module : dotted name
    what : what needs it, such as "format nwb"
    package : name to install, where it is not the first part of `module`
    extra : the extra of this package that brings it

    Raises
    ------
    OptionError     if it is not installed, with the extra that brings it
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = package or module.partition(".")[0]
        if (error.name or "").partition(".")[0] not in (module.partition(".")[0], package):
            raise
        raise OptionError(f"{what} needs {package}, which is not installed",
                          mend=f"install the extra `{extra}`: pip install 'neurosim-chips[{extra}]'") from None
