"""Weights as integers, quantised once per mapping: partition asks which are 0, the machine takes them all."""

from __future__ import annotations

from neurosim.formats import Coding
from neurosim.graph import Weights
from neurosim.machine import Int64Array
from neurosim.scales import integer_weights


class IntegerWeights:
    """The integers of one network's projections, from when they are first asked for until they are taken."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Weights, Coding, Int64Array]] = {}

    def look(self, weights: Weights, coding: Coding, name: str) -> Int64Array:
        """Return the integers of a projection, not to be written to, and keep them."""
        found = integer_weights(weights, coding, name)
        self._kept[name] = weights, coding, found
        return found

    def take(self, weights: Weights, coding: Coding, name: str) -> Int64Array:
        """Return the integers of a projection, or of a part of it, and keep them no longer."""
        kept = self._kept.pop(name, None)
        if kept is not None and kept[0] is weights and kept[1] is coding:
            return kept[2]
        return integer_weights(weights, coding, name)
