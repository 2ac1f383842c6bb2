"""From magnitudes to scales, from scales to codings. A scale is what the integer 1 stands for, one or per channel."""

from __future__ import annotations

import numpy as np

from neurosim.formats import MOST_FRACTION, Coding, Format
from neurosim.machine import Float64Array
from neurosim.mapping.quantize_options import QuantizeOptions
from neurosim.mapping.ranges import Given, Magnitudes

# Mean squared error of rounding, in steps.
ROUNDING_ERROR = {"toward_zero": 1 / 3, "floor": 1 / 3, "nearest_even": 1 / 12, "nearest_away": 1 / 12,
                  "stochastic": 1 / 6}
# Finer scales that `mse` tries: 2**-(k / 8) of the one that clips nothing, or 2**-k.
_OCTAVES, _PER_OCTAVE = 6, 8


def power_above(values: Float64Array) -> Float64Array:
    """Return the smallest powers of two that are not below `values`; 0 for 0."""
    fraction, exponent = np.frexp(values)
    return np.where(values > 0, np.ldexp(1.0, exponent - (fraction == 0.5)), 0.0)


def holding(largest: Float64Array, high: int, *, free: bool) -> Float64Array:
    """Return the finest scales at which `largest` is at most the integer `high`; 0 for 0."""
    needed = np.asarray(largest, np.float64) / high
    return needed if free else power_above(needed)


def needed_scale(source: Magnitudes | Given, high: int, options: QuantizeOptions, rounding: str) -> Float64Array:
    """Return the scale of each channel that the method chooses; 0 where a channel has no value but 0."""
    free = options.scales == "free"
    unclipped = holding(source.largest, high, free=free)
    if options.method == "max":
        return unclipped
    if source.is_shared:
        whole = source.together()
        part = needed_scale(whole, high, options, rounding) / holding(whole.largest, high, free=free)
        return unclipped * np.nan_to_num(part)
    if options.method == "percentile":
        return holding(source.percentile(options.percentile), high, free=free)
    return _least_error(source, unclipped, high, ROUNDING_ERROR[rounding], free)


def _least_error(source: Magnitudes | Given, unclipped: Float64Array, high: int, rounding_error: float,
                 free: bool) -> Float64Array:
    per_octave = _PER_OCTAVE if free else 1
    candidates = [unclipped * 2.0 ** (-step / per_octave) for step in range(_OCTAVES * per_octave + 1)]
    errors = [source.squared_error(scale, high, rounding_error) for scale in candidates]
    chosen = np.argmin(errors, axis=0)
    return np.asarray(np.array(candidates)[chosen, np.arange(len(unclipped))])


def coding_of(scale: Float64Array, bits: int, rounding: str, overflow: str, *, signed: bool = True) -> Coding:
    """Return the coding in which the integer 1 stands for `scale`: the fraction of its finest channel, and gains."""
    exponent = int(np.frexp(np.min(scale))[1]) - 1
    fraction = int(np.clip(-exponent, -MOST_FRACTION, MOST_FRACTION))
    return Coding(Format(bits, fraction, signed, rounding, overflow), np.ldexp(scale, fraction))
