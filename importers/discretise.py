"""Continuous state spaces in steps of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from importers.checkpoint import FloatArray

ComplexArray = NDArray[np.complex128]
METHODS = ("zoh", "bilinear", "dirac")


def discretise(dt: FloatArray, pole: ComplexArray, method: str) -> tuple[ComplexArray, ComplexArray]:
    """Return (a, b) of one time step for input gain 1.

        zoh:       a = exp(dt A)                        b = (exp(dt A) - 1) / A
        bilinear:  a = (1 + dt A / 2) / (1 - dt A / 2)  b = dt / (1 - dt A / 2)
        dirac:     a = exp(dt A)                        b = 1

    Source: Gu, Gupta, Goel, Ré, arXiv 2206.11893, section 3; `dirac`: Schöne et al., arXiv 2404.18508.
    """
    if method == "bilinear":
        return (1 + dt * pole / 2) / (1 - dt * pole / 2), dt / (1 - dt * pole / 2)
    a = np.exp(dt * pole)
    return a, (a - 1.0) / pole if method == "zoh" else np.ones_like(a)
