"""Scales and bounds of a quantised network that is computed in float64, which holds integers below 2**53 exactly.

The rules of the scales are those of `mapping.fixed_scales`, which refuses what the kernels cannot hold in 63 bits. What
53 bits cannot hold is refused here, for all values that trained weights and parameters may take within their formats.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import NetworkError, OptionError
from neurosim.formats import OVERFLOWS, Coding, Format
from neurosim.graph import Population
from neurosim.quantity_specs import FAMILY_OVERFLOW, FAMILY_ROUNDING, MODEL_QUANTITIES

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

EXACT_BITS = 53
MANTISSA_BITS = 15
MOST_SHIFT = 62
_MEND = "quantise the network again: neurosim quantize"


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
    """Return (mantissa, shift) with mantissa / 2**shift next to each factor, as `mapping.fixed_scales.conversion` does.

    bound : largest magnitude of the integers to be converted

    Raises
    ------
    OptionError            if a shift leaves -62 to 62, the product 63 bits, or the result 53, with the arithmetic
    """
    fraction, exponent = np.frexp(np.abs(factor))
    exact = (fraction == 0.5) | (fraction == 0)
    mantissa = np.where(exact, fraction * 2, np.rint(fraction * 2.0**MANTISSA_BITS)).astype(np.int64)
    shift = np.where(exact, 1 - exponent, MANTISSA_BITS - exponent).astype(np.int64)
    shift = np.where(mantissa == 0, 0, shift)
    if shift.size and np.abs(shift).max() > MOST_SHIFT:
        worst = int(np.argmax(np.abs(shift)))
        raise OptionError(f"{where}: conversion by {factor[worst]:.4g} needs a shift of {shift[worst]}",
                          allowed=f"shifts from -{MOST_SHIFT} to {MOST_SHIFT}",
                          mend="choose fractions closer to each other")
    product = bound * mantissa * np.exp2(np.maximum(-shift, 0))
    if product.size and product.max() >= 2.0**63:
        worst = int(np.argmax(product))
        raise OptionError(f"{where}: {bound:.6g} x {mantissa[worst]} x 2**{max(-int(shift[worst]), 0)} = "
                          f"{product[worst]:.4g} needs {math.ceil(math.log2(product[worst])) + 1} bits",
                          allowed="products below 2**63", mend="take bits from the factors")
    result = bound * mantissa * np.exp2(-shift)
    worst = int(np.argmax(result)) if result.size else 0
    held(result, f"{where}: {bound:.6g} x {mantissa[worst]} / 2**{shift[worst]}" if result.size else where)
    return np.where(factor < 0, -mantissa, mantissa), shift


class Codings:
    """The codings of one population, complete and checked against each other."""

    def __init__(self, population: Population) -> None:
        self.population, self.size = population, population.size
        self.where = f"population {population.name!r}"
        self.is_spike_input = population.model == "input" and population.attributes["payload"] == "spike"
        spec = MODEL_QUANTITIES[population.model]
        missing = [name for name in spec.names() if name not in population.codings]
        if missing and not self.is_spike_input:
            raise NetworkError(f"{self.where} has no fixed-point format of {', '.join(missing)}", mend=_MEND)
        for name, coding in population.codings.items():
            self._check_family(name, checked(coding, f"{self.where}: {name}"))
        for first, *others in spec.same_scale:
            for name in others:
                if not np.array_equal(self.scale(name), self.scale(first)):
                    raise NetworkError(f"{self.where}: {name} and {first} have different scales",
                                       allowed="one scale for both", mend=_MEND)

    def _check_family(self, name: str, coding: Coding) -> None:
        """Refuse roundings and overflows that the kernel would not do."""
        own, format_ = (self.population.model, name), coding.format
        rounding = FAMILY_ROUNDING.get(own, format_.rounding)
        overflows = FAMILY_OVERFLOW.get(own, OVERFLOWS)
        if own != ("cuba", "current"):
            overflows = tuple(item for item in overflows if item != "lava_wrap")
        if format_.rounding != rounding or format_.overflow not in overflows or (name == "h" and not format_.signed):
            raise NetworkError(f"{self.where}: {name} has the format {format_}", mend=_MEND,
                               allowed=f"signed, rounding {rounding}, overflow {', '.join(overflows)}")

    def factor_step(self, name: str) -> float:
        """Return 2**-fraction of a factor, by which its products are shifted."""
        format_ = self.format(name)
        if not 0 <= format_.fraction <= MOST_SHIFT:
            raise NetworkError(f"{self.where}: {name} has the format {format_}", mend=_MEND,
                               allowed=f"0 to {MOST_SHIFT} bits behind the point")
        return format_.step

    def format(self, name: str) -> Format:
        """Return the format of a quantity."""
        return self.population.codings[name].format

    def scale(self, name: str) -> Float64Array:
        """Return what the integer 1 stands for; float64[size]."""
        return np.broadcast_to(self.population.codings[name].scale, (self.size,))

    def payload_scale(self, name: str) -> float:
        """Return the scale of an output, one number: 1 for spikes."""
        if self.population.output_kind(name) != "graded":
            return 1.0
        scale = self.population.codings[name].scale
        if scale.ndim:
            raise NetworkError(f"{self.where}: {name} has {scale.size} scales", allowed="one scale for all neurons",
                               mend=_MEND)
        return float(scale)

    def payload_magnitude(self, name: str) -> int:
        """Return the largest magnitude of an output's integers."""
        return self.format(name).magnitude if self.population.output_kind(name) == "graded" else 1

    def magnitude(self, *names: str) -> float:
        """Return the largest magnitude of a sum of integers of these quantities."""
        return float(sum(self.format(name).magnitude for name in names))

    def steps(self, name: str, of: str) -> Float64Array:
        """Return how many steps of quantity `of` one of `name` is: 1, 2, 4, …; float64[size]."""
        steps = self.power_of_two(self.scale(name) / self.scale(of), f"scale of {name} over {of}")
        if np.any(steps < 1) or np.any(steps > 2.0**32):
            raise NetworkError(f"{self.where}: the scale of {name} is {steps.min():g} to {steps.max():g} times that of "
                               f"{of}", allowed="1, 2, 4, … times", mend=_MEND)
        return steps

    def biased(self, bias: str, port: str, *others: str) -> float:
        """Return the largest magnitude of charges of some ports plus a bias in steps of the first."""
        steps = float(self.steps(bias, port).max())
        return held(self.magnitude(port, *others) + self.magnitude(bias) * steps,
                    f"{self.where}: {' + '.join([port, *others, bias])}")

    def product(self, *names: str) -> float:
        """Return the largest magnitude of a product of integers of these quantities."""
        bound = math.prod(self.magnitude(name) for name in names)
        return held(bound, f"{self.where}: {' x '.join(f'{name} ({self.format(name)})' for name in names)}")

    def power_of_two(self, values: Float64Array, what: str) -> Float64Array:
        """Return the powers of two, from 2**-62 to 2**62, that `values` are up to rounding; else raise NetworkError."""
        powers = np.exp2(np.rint(np.log2(values)))
        if np.any(np.abs(values / powers - 1) > 1e-9) or np.any(np.abs(np.log2(powers)) > MOST_SHIFT):
            raise NetworkError(f"{self.where}: {what} is {values.min():.6g} to {values.max():.6g}",
                               allowed="powers of two from 2**-62 to 2**62", mend=_MEND)
        return powers
