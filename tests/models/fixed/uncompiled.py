"""Kernels as plain Python all the way down: `py_func` alone would still call compiled parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np


@cache
def _plain(kernel: Any) -> Any:
    function = getattr(kernel, "py_func", kernel)
    if not isinstance(function, FunctionType):
        return function
    used = {name: function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__}
    names = {name: _plain(value) if hasattr(value, "py_func") else value for name, value in used.items()}
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)


def uncompiled(kernel: Any) -> Callable[..., Any]:
    """Return `kernel` as Python. Its integers wrap silently, as compiled ones do."""
    plain = _plain(kernel)

    def run(*arguments: Any) -> Any:
        with np.errstate(over="ignore"):
            return plain(*arguments)

    return run
