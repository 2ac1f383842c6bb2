"""Bits, rounding and overflow of each quantity: what the user said, else what the chip and the models suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from neurosim.errors import CapacityError
from neurosim.mapping.quantize_options import COMPUTED, QuantizeOptions

# Role -> (the chip's field, its bits): `mapping.bits.chip_bits`.
ChipBits = Mapping[str, tuple[str, int]]
MOST_BITS = 62
# States of these lose their magnitude's end, as on the chips they were made for.
_TOWARD_ZERO = ("lif", "cuba", "resonator")

Choice = TypeVar("Choice", int, str)


class Choices(NamedTuple):
    """What a format has besides its fraction."""

    bits: int
    rounding: str
    overflow: str


class Rules(NamedTuple):
    """The options, and the chip that limits them."""

    options: QuantizeOptions
    chip_bits: ChipBits

    def choices(self, role: str, *names: str, where: str, model: str = "") -> Choices:
        """Return bits, rounding and overflow of a quantity.

        Parameters
        ----------
        names : under which the user may have said something, the most particular first; the role comes behind them

        Raises
        ------
        CapacityError   if the user asks for more bits than the chip has
        """
        limit, have = self.chip_bits[role]
        bits = _said(self.options.bits, names, role, min(have, MOST_BITS))
        if bits > have:
            raise CapacityError(limit, need=bits, have=have, unit="bits", where=where,
                                mend=f"quantise to {have} bits, or raise {limit} to {bits}")
        stored = role not in COMPUTED
        rounding = "nearest_even" if stored else "toward_zero" if role == "state" and model in _TOWARD_ZERO else "floor"
        overflow = "lava_wrap" if model == "cuba" and names[-1] == "current" else "saturate"
        return Choices(bits, _said(self.options.rounding, names, role, rounding),
                       _said(self.options.overflow, names, role, overflow))


def _said(options: Mapping[str, Choice], names: tuple[str, ...], role: str, default: Choice) -> Choice:
    """Return what is said of the first name that something is said of."""
    for name in (*names, role, *([""] if role in COMPUTED else [])):
        if name in options:
            return options[name]
    return default
