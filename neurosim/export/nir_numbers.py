"""Time constants whose Euler step gives a leak back, bit for bit where there is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
N_NEIGHBOURS = 6


def _neighbours(values: FloatArray) -> FloatArray:
    """Return values and the next numbers on both sides, nearest first; float64[neighbour, value]."""
    found, below, above = [values], values, values
    for _ in range(N_NEIGHBOURS):
        below, above = np.nextafter(below, -np.inf), np.nextafter(above, np.inf)
        found += [below, above]
    return np.stack(found)


def time_constant(leak: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    """Return (tau, tau / dt) with 1 - 1 / (tau / dt) = leak, or as near as float64 comes.

    leak : from 0 to below 1
    """
    tau = _neighbours(dt / (1.0 - leak))
    off = np.abs((1.0 - 1.0 / (tau / dt)) - leak)
    best = np.argmin(off, axis=0)
    chosen = tau[best, np.arange(len(leak))]
    return chosen, chosen / dt


def leak_potential(bias: FloatArray, leak: FloatArray, steps: FloatArray) -> FloatArray:
    """Return v_leak with (1 - leak') v_leak = bias, leak' = 1 - 1 / steps; or as near as float64 comes."""
    rate = 1.0 - (1.0 - 1.0 / steps)
    found = _neighbours(bias / rate)
    best = np.argmin(np.abs(rate * found - bias), axis=0)
    return np.where(bias == 0, 0.0, found[best, np.arange(len(bias))])
