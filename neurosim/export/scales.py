"""Scales and bounds of a quantised network that is computed in float64, which holds integers below 2**53 exactly.

The rules of the scales are those of `neurosim.scales`, which refuses what the kernels cannot hold in 63 bits. What
53 bits cannot hold is refused here, for all values that trained weights and parameters may take within their formats.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim import scales
from neurosim.errors import OptionError
from neurosim.formats import Coding
from neurosim.graph import Population

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

EXACT_BITS = 53


def held(bound: ArrayLike, arithmetic: str) -> float:
    """Return the largest of `bound`; raise OptionError where float64 does not hold all integers up to it.

    arithmetic : how the bound comes about, with the population or projection in front
    """
    largest = float(np.max(bound, initial=0.0))
    if largest >= 2.0**EXACT_BITS:
        raise OptionError(f"{arithmetic} = {largest:.4g} needs {math.ceil(math.log2(largest)) + 1} bits",
                          allowed=f"magnitudes below 2**{EXACT_BITS}, which float64 holds exactly",
                          mend="take bits from the factors, e.g. from payloads, states or weights")
    return largest


def checked(coding: Coding, where: str, *, stored: bool = False) -> Coding:
    """Return a coding; raise OptionError where a module cannot compute with it, or numbers be stored in it."""
    format_ = coding.format
    if format_.overflow == "lava_wrap" and stored:
        raise OptionError(f"{where}: {format_} wraps what is stored", allowed="saturate, twos_complement",
                          mend="lava_wrap is a rule of adders: let it saturate")
    if format_.rounding == "stochastic":
        raise OptionError(f"{where}: {format_} rounds at random", mend="choose another rounding for training",
                          allowed="toward_zero, floor, nearest_even, nearest_away")
    if format_.overflow == "error":
        raise OptionError(f"{where}: {format_} refuses what does not fit", mend="let it saturate while training",
                          allowed="saturate, twos_complement, lava_wrap")
    if format_.bits > EXACT_BITS:
        raise OptionError(f"{where}: {format_} has {format_.bits} bits", mend="give it fewer bits",
                          allowed=f"up to {EXACT_BITS} bits, which float64 holds exactly")
    return coding


def conversion(factor: Float64Array, bound: float, where: str) -> tuple[Int64Array, Int64Array]:
    """Return `neurosim.scales.conversion`; raise OptionError where its results need more than 53 bits, too.

    bound : largest magnitude of the integers to be converted
    """
    mantissa, shift = scales.conversion(factor, bound, where)
    result = bound * np.abs(mantissa) * np.exp2(-shift)
    worst = int(np.argmax(result)) if result.size else 0
    held(result, f"{where}: {bound:.6g} x {mantissa[worst]} / 2**{shift[worst]}" if result.size else where)
    return mantissa, shift


class Codings(scales.PopulationScales):
    """The scales of a population whose formats a module can compute with, and bounds that 53 bits must hold."""

    def __init__(self, population: Population) -> None:
        super().__init__(population)
        self.is_spike_input = population.model == "input" and population.attributes["payload"] == "spike"
        for name, coding in population.codings.items():
            checked(coding, f"{self.where}: {name}")

    def factor_step(self, name: str) -> float:
        """Return 2**-fraction of a factor, by which its products are shifted."""
        return 2.0 ** -self.shift_of(name)

    def steps_per(self, name: str, of: str) -> Float64Array:
        """Return how many steps of quantity `of` one of `name` is: 1, 2, 4, …; float64[size]."""
        return np.asarray(np.exp2(self.step_shift(name, of)))

    def biased(self, bias: str, port: str, *others: str) -> float:
        """Return the largest magnitude of charges of some ports plus a bias in steps of the first."""
        steps = float(self.steps_per(bias, port).max())
        return held(self.magnitude(port, *others) + self.magnitude(bias) * steps,
                    f"{self.where}: {' + '.join([port, *others, bias])}")

    def product(self, *names: str) -> float:
        """Return the largest magnitude of a product of integers of these quantities."""
        bound = math.prod(float(self.magnitude(name)) for name in names)
        return held(bound, f"{self.where}: {' x '.join(f'{name} ({self.format(name)})' for name in names)}")

    def power_of_two(self, values: Float64Array, what: str) -> Float64Array:
        """Return the powers of two, from 2**-62 to 2**62, that `values` are up to rounding; else raise NetworkError."""
        return np.asarray(np.exp2(-scales.power_of_two(values, self.where, what)))
