"""How a network is to be quantised: widths, ranges, scales, rounding."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from neurosim.errors import OptionError, check_choice
from neurosim.formats import OVERFLOWS, ROUNDINGS
from neurosim.graph import Network
from neurosim.quantity_specs import MODEL_QUANTITIES

ROLES = ("weight", "gain", "state", "parameter", "charge", "internal", "payload")
# What a rounding or overflow without a name is for: values that are computed, not stored once.
COMPUTED = ("charge", "state", "internal", "payload")
METHODS = ("max", "percentile", "mse")
GRANULARITIES = ("tensor", "channel")
SCALES = ("power_of_two", "free")
MOST_HEADROOM = 16


@dataclass(frozen=True)
class QuantizeOptions:
    """Choices of a quantisation. Names in `bits`, `rounding` and `overflow` go from the general to the particular:

        weight, gain, state, parameter, charge, internal, payload      roles (`neurosim.quantity_specs`)
        h, leak, threshold, …                                          a quantity of every population that has it
        layer0.ssm.h                                                   of one population
        2:layer0.ssm->layer0.glu.value                                 the weights of one projection

    bits : name -> bits; the chip's where left out, and never more
    method : range of what is clipped: the `max`imum, a `percentile`, or that of the least squared error (`mse`)
    percentile : of the magnitudes other than 0
    granularity : one scale per `tensor`, or one per `channel` (neuron) where a chip's conversions allow it
    scales : powers of two, so that all conversions are shifts, or free ones: a multiplication and a shift
    headroom_bits : of charges and states, since unseen data reach further than samples
    rounding, overflow : name -> choice; the name "" stands for charges, states, internal values and payloads
    """

    bits: Mapping[str, int] = field(default_factory=dict)
    method: str = "max"
    percentile: float = 99.9
    granularity: str = "tensor"
    scales: str = "power_of_two"
    headroom_bits: int = 1
    rounding: Mapping[str, str] = field(default_factory=dict)
    overflow: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in (("method", METHODS), ("granularity", GRANULARITIES), ("scales", SCALES)):
            check_choice(name, getattr(self, name), choices)
        for option, allowed in (("rounding", ROUNDINGS), ("overflow", OVERFLOWS)):
            for name, value in getattr(self, option).items():
                check_choice(f"{option} of {name}" if name else option, value, allowed)
        for name, value in self.bits.items():
            if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= 62:
                raise OptionError(f"bits of {name} = {value!r}", allowed="integer from 2 to 62")
        if not (isinstance(self.percentile, int | float) and 50 <= self.percentile <= 100):
            raise OptionError(f"percentile = {self.percentile!r}", allowed="50 to 100")
        if isinstance(self.headroom_bits, bool) or not isinstance(self.headroom_bits, int) \
                or not 0 <= self.headroom_bits <= MOST_HEADROOM:
            raise OptionError(f"headroom_bits = {self.headroom_bits!r}", allowed=f"integer from 0 to {MOST_HEADROOM}")

    def check_names(self, network: Network) -> None:
        """Raise OptionError where a name is none of `network`."""
        known = [*ROLES, *quantity_names(network)]
        for option in ("bits", "rounding", "overflow"):
            for name in getattr(self, option):
                if name and name not in known:
                    close = difflib.get_close_matches(name, known, 1)
                    raise OptionError(f"{option} of {name!r}: {network.name} has no such quantity",
                                      allowed=", ".join([*ROLES, *sorted(_quantities(network))])
                                      + ", population.quantity, or a projection's name",
                                      mend=f"did you mean {close[0]!r}?" if close else None)

    def as_strings(self) -> dict[str, str]:
        """Return the options as text."""
        return {item.name: _text(getattr(self, item.name)) for item in fields(self)}


def quantity_names(network: Network) -> list[str]:
    """Return what particular names may be used of a network: quantities, with and without population; projections."""
    particular = [f"{item.name}.{name}" for item in network.populations
                  for name in MODEL_QUANTITIES[item.model].names()]
    return [*_quantities(network), *particular, *(item.name for item in network.projections)]


def _quantities(network: Network) -> dict[str, None]:
    return dict.fromkeys(name for item in network.populations for name in MODEL_QUANTITIES[item.model].names())



def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={choice}" if name else str(choice) for name, choice in value.items())
    return str(value)
