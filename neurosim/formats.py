"""Fixed-point formats: how many bits a quantity has, where its point lies, how it rounds, what it does when full.

A stored integer q stands for q * 2**-fraction. As text: `s24.12/floor/saturate` is signed, 24 bits, 12 of them behind
the point, rounded down, held at the ends of the range; `u8.0` leaves rounding and overflow at their defaults. The
fraction may be negative (coarse steps) or exceed the bits (small values).

| rounding | of the part that is dropped |
|---|---|
| toward_zero | cut from the magnitude |
| floor | cut from the two's complement, as an arithmetic shift does |
| nearest_even, nearest_away | to the nearest; ties to the even integer, or away from zero |
| stochastic | up with the probability of the part dropped, from a named stream of random numbers |

| overflow | of a value outside the range |
|---|---|
| saturate | the nearest end |
| twos_complement | the lowest bits |
| lava_wrap | Lava's rule for Loihi's current: one turn past the end, +2**(bits-1) stays, -2**(bits-1) becomes it |
| error | refused, with the count |
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import CapacityError, OptionError

# A kernel's code of a rounding or overflow is its place here; `neurosim.numbers` names them.
ROUNDINGS = ("toward_zero", "floor", "nearest_even", "nearest_away", "stochastic")
OVERFLOWS = ("saturate", "twos_complement", "lava_wrap", "error")
# Everything is computed in 64-bit integers.
WORD_BITS = 64
MOST_FRACTION = 64
_TEXT = re.compile(r"(?P<sign>[su])(?P<bits>\d+)\.(?P<fraction>-?\d+)(/(?P<rounding>\w+)(/(?P<overflow>\w+))?)?")


@dataclass(frozen=True)
class Format:
    """The format of one quantity.

    Parameters
    ----------
    bits : int                  with the sign; 2 to 64 signed (62 with lava_wrap), 1 to 63 unsigned
    fraction : int              bits behind the point, -64 to 64
    signed : bool
    rounding, overflow : str    see the tables above; lava_wrap is for signed formats

    Raises
    ------
    OptionError                 naming the field, its value and what is allowed
    """

    bits: int
    fraction: int
    signed: bool = True
    rounding: str = "floor"
    overflow: str = "saturate"

    def __post_init__(self) -> None:
        self._check_choice("rounding", self.rounding, ROUNDINGS)
        self._check_choice("overflow", self.overflow, OVERFLOWS)
        if self.overflow == "lava_wrap" and not self.signed:
            raise self._fault("overflow", "lava_wrap in an unsigned format", "lava_wrap in signed formats",
                              "use twos_complement, or a signed format")
        least = 2 if self.signed else 1
        most = 62 if self.overflow == "lava_wrap" else WORD_BITS if self.signed else WORD_BITS - 1
        self._check_range("bits", self.bits, least, most)
        self._check_range("fraction", self.fraction, -MOST_FRACTION, MOST_FRACTION)

    def _fault(self, field: str, value: object, allowed: str, mend: str) -> OptionError:
        return OptionError(f"format {self}: {field} = {value}", allowed=allowed, mend=mend)

    def _check_choice(self, field: str, value: str, choices: tuple[str, ...]) -> None:
        if value not in choices:
            raise self._fault(field, value, ", ".join(choices), f"give one of these, e.g. {choices[0]}")

    def _check_range(self, field: str, value: int, low: int, high: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._fault(field, value, f"integer from {low} to {high}", "give a number within the range")

    @property
    def low(self) -> int:
        """The lowest integer; -2**(bits-1) + 1 with lava_wrap, which turns -2**(bits-1) into +2**(bits-1)."""
        if not self.signed:
            return 0
        return -(1 << self.bits - 1) + (self.overflow == "lava_wrap")

    @property
    def high(self) -> int:
        """The highest integer."""
        if not self.signed:
            return (1 << self.bits) - 1
        return (1 << self.bits - 1) - (self.overflow != "lava_wrap")

    @property
    def step(self) -> float:
        """The value of the lowest bit."""
        return math.ldexp(1.0, -self.fraction)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low * self.step, self.high * self.step

    @property
    def magnitude(self) -> int:
        """The largest magnitude of an integer of this format."""
        return max(-self.low, self.high)

    @classmethod
    def parse(cls, text: str) -> Format:
        """Return the format written as `text`; `str` writes it.

        Raises
        ------
        OptionError     if the text is no format, or the format none of ours
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise OptionError(f"format {text!r} cannot be read", mend="write e.g. s24.12/floor/saturate",
                              allowed="<s|u><bits>.<fraction>[/<rounding>[/<overflow>]]")
        words = {name: match[name] for name in ("rounding", "overflow") if match[name] is not None}
        return cls(int(match["bits"]), int(match["fraction"]), match["sign"] == "s", **words)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}.{self.fraction}/{self.rounding}/{self.overflow}"


@dataclass(frozen=True, eq=False)
class Coding:
    """How a quantity of a population or projection is stored: q stands for q * gain * 2**-format.fraction.

    Parameters
    ----------
    format : Format
    gain : float64[] or float64[channel]    above 0; a channel is a neuron of the population, or a target neuron of the
                                            projection. 1: the format says it all; powers of two keep conversions shifts
    """

    format: Format
    gain: NDArray[np.float64] = field(default_factory=lambda: np.ones(()))

    def __post_init__(self) -> None:
        gain = np.asarray(self.gain, np.float64)
        if gain.ndim > 1 or not np.all(np.isfinite(gain)) or np.any(gain <= 0):
            raise OptionError(f"coding {self.format}: gain of shape {gain.shape} from {gain.min(initial=np.inf)}",
                              allowed="one finite number above 0, or one per channel")
        object.__setattr__(self, "gain", gain)

    @property
    def scale(self) -> NDArray[np.float64]:
        """What the integer 1 stands for; float64[] or float64[channel]."""
        return np.asarray(self.gain * self.format.step)

    def __str__(self) -> str:
        if self.gain.ndim:
            return f"{self.format} x {len(self.gain)} gains"
        return str(self.format) if self.gain == 1 else f"{self.format} x {float(self.gain):.6g}"


def product_fits(a: Format, b: Format, n_terms: int = 1, *, where: str = "product") -> int:
    """Return the largest magnitude of a sum of `n_terms` products a * b.

    Raises
    ------
    OptionError     if that sum needs more than 64 bits, with the arithmetic
    """
    if n_terms < 1:
        raise OptionError(f"{where}: n_terms = {n_terms}", allowed="1 and more", mend="count the terms of the sum")
    largest = n_terms * a.magnitude * b.magnitude
    if largest < 1 << WORD_BITS - 1:
        return largest
    raise OptionError(
        f"{where}: {n_terms} x {a.magnitude} ({a}) x {b.magnitude} ({b}) = {largest} "
        f"needs {largest.bit_length() + 1} bits",
        allowed=f"sums of products below 2**{WORD_BITS - 1} = {1 << WORD_BITS - 1}",
        mend=f"take {largest.bit_length() + 1 - WORD_BITS} bits from the factors, or split the sum")


def fraction_for(largest: float, bits: int, *, signed: bool = True, where: str = "value") -> int:
    """Return the most fraction bits with which `bits` bits hold every value up to `largest` in magnitude.

    The end of the range counts as held: 1.0 in 16 signed bits gets 15 bits, where it saturates by one step.

    Raises
    ------
    OptionError     if no bit would be left behind the point, with the arithmetic
    """
    if not (math.isfinite(largest) and largest >= 0):
        raise OptionError(f"{where}: largest = {largest}", allowed="a finite magnitude, 0 or more",
                          mend="look for infinities in the samples")
    magnitude_bits = bits - signed
    mantissa, exponent = math.frexp(largest)
    integer_bits = exponent - (mantissa == 0.5) if largest else -MOST_FRACTION
    fraction = min(magnitude_bits - integer_bits, MOST_FRACTION)
    if fraction < 1:
        raise OptionError(
            f"{where}: {bits} bits - {int(signed)} for the sign - {integer_bits} before the point for values up to "
            f"{largest:g} = {fraction} bits behind the point",
            allowed="1 bit behind the point and more",
            mend=f"give {bits + 1 - fraction} bits, or scale the values down")
    return fraction


def check_chip_bits(format: Format, have: int, *, limit: str, where: str) -> None:
    """Check that a chip's words hold the format.

    Parameters
    ----------
    have : int      bits of the chip's word
    limit : str     the chip's field, such as `core.state_bits`
    where : str     the population and quantity

    Raises
    ------
    CapacityError   with need and have
    """
    if format.bits > have:
        raise CapacityError(limit, need=format.bits, have=have, unit="bits", where=f"{where} ({format})",
                            mend=f"quantise to {have} bits, or raise {limit} to {format.bits}")
