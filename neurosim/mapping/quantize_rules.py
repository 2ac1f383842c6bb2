"""Bits, rounding and overflow of each quantity: what the user said, else what the chip and the models suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from neurosim.errors import CapacityError
from neurosim.mapping.quantize_options import COMPUTED, QuantizeOptions
from neurosim.quantity_specs import FAMILY_ROUNDING

# Role -> (the chip's field, its bits): `mapping.bits.chip_bits`.
ChipBits = Mapping[str, tuple[str, int]]
MOST_BITS = 62
# Of a parameter beside very wide states: what multiplies them must be made to fit by hand.
LEAST_BITS = 16

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
        bits = _said(self.options.bits, names, role, min(have, self._most_bits(role)))
        if bits > have:
            raise CapacityError(limit, need=bits, have=have, unit="bits", where=where,
                                mend=f"quantise to {have} bits, or raise {limit} to {bits}")
        quantity = (model, names[-1] if names else "")
        overflow = "lava_wrap" if quantity == ("cuba", "current") else "saturate"
        return Choices(bits, self._rounding(role, names, quantity), _said(self.options.overflow, names, role, overflow))

    def _most_bits(self, role: str) -> int:
        """Return the bits that go without saying: a parameter times a state, two such products added, fit a word."""
        return max(LEAST_BITS, MOST_BITS - 1 - self.chip_bits["state"][1]) if role == "parameter" else MOST_BITS

    def _rounding(self, role: str, names: tuple[str, ...], quantity: tuple[str, str]) -> str:
        """What is said of all computed values does not reach those whose family has its own rounding."""
        if quantity in FAMILY_ROUNDING:
            return next((self.options.rounding[name] for name in names if name in self.options.rounding),
                        FAMILY_ROUNDING[quantity])
        default = "nearest_even" if role not in COMPUTED else "floor"
        # A leaky neuron's state loses its magnitude's end, as on the chips that have one.
        return _said(self.options.rounding, names, role, "toward_zero" if quantity == ("lif", "potential") else default)


def _said(options: Mapping[str, Choice], names: tuple[str, ...], role: str, default: Choice) -> Choice:
    """Return what is said of the first name that something is said of."""
    for name in (*names, role, *([""] if role in COMPUTED else [])):
        if name in options:
            return options[name]
    return default
