"""Look-up tables of functions that are odd about one half: sigmoid, normal distribution, and its form by tanh.

A table holds F(k / 2**s) - 1/2 for k = 0 to 16 * 2**s in y_fraction bits, s its step shift. Between entries the value
is interpolated with a floor; from 16 on it holds the last entry.

    F(x) = 1/2 + sign(x) (t[k] + ((t[k + 1] - t[k]) part >> (x_fraction - s))),   |x| = k and part behind it
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import inlined
from neurosim.machine import TABLE_START, TABLE_STEP_SHIFT, TABLE_X_FRACTION, TABLE_Y_FRACTION

N_UNITS = 16
X_FRACTION, Y_FRACTION, STEP_SHIFT = 10, 15, 4


def table_of(function: Any, y_fraction: int = Y_FRACTION, step_shift: int = STEP_SHIFT) -> NDArray[np.int64]:
    """Return int64[16 * 2**step_shift + 1] of a function that is odd about one half, rounded to the nearest even."""
    points = np.arange((N_UNITS << step_shift) + 1) / 2.0**step_shift
    return np.array([round((function(point) - 0.5) * 2.0**y_fraction) for point in points], np.int64)


def sigmoid_of(x):
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x))


def normal_of(x):
    """Return the distribution function of the standard normal; gelu(x) = x normal(x)."""
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def tanh_normal_of(x):
    """Return the approximation of the normal distribution function in GELU's form `tanh`."""
    return 0.5 * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


@inlined
def look_up(constants, table, x):
    """Return F(x) in y_fraction bits; x has x_fraction bits behind the point."""
    unit = constants[TABLE_X_FRACTION] - constants[TABLE_STEP_SHIFT]
    magnitude = min(abs(x), np.int64(N_UNITS) << constants[TABLE_X_FRACTION])
    last = (np.int64(N_UNITS) << constants[TABLE_STEP_SHIFT]) - 1
    entry = min(magnitude >> unit, last)
    part = magnitude - (entry << unit)
    low = table[constants[TABLE_START] + entry]
    rise = low + (((table[constants[TABLE_START] + entry + 1] - low) * part) >> unit)
    half = np.int64(1) << (constants[TABLE_Y_FRACTION] - 1)
    return half + rise if x >= 0 else half - rise
