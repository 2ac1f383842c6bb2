"""What a validation says: one row per quantity, with its kind, its interval and its verdict.

Kinds, from the weakest claim to the strongest:

* `formula`: no network runs; the published law or arithmetic with published figures.
* `fitted`: at least one figure was chosen so that this very quantity comes out; it proves nothing by itself.
* `derived`: follows from published figures and the shape of the network, without a free parameter.
* `predicted`: a network was mapped and run, or its counts were taken from a run, before anyone looked at the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("formula", "fitted", "derived", "predicted")
# A floor that lies below what was measured `holds`, however far below; an interval that holds what was measured is
# `wide` where its high end is more than MOST_RATIO times its low end, and then says little.
INSIDE, HOLDS, WIDE, MISS, SHOWN, NEEDS = "inside", "holds", "wide", "miss", "shown", "needs"
VERDICTS = (INSIDE, HOLDS, WIDE, MISS, SHOWN, NEEDS)
MOST_RATIO = 3.0


@dataclass(frozen=True)
class Row:
    """One quantity of a target.

    quantity : what was predicted, such as "power at 20 Hz"
    kind : one of KINDS
    unit : of predicted, low, high and measured
    predicted : nominal value
    measured : published value; None where there is none (a rate that would close a gap)
    low, high : interval of the prediction by the figures' own intervals; None: no interval
    tolerance : largest |error| that passes, as a share of `measured`; None: the interval decides
    at_least : the prediction is a floor: it passes where it is not above `measured`
    shown : no verdict is due, for the reason in `note`
    note : why it misses, or what the row does not say
    """

    quantity: str
    kind: str
    unit: str
    predicted: float
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    tolerance: float | None = None
    at_least: bool = False
    shown: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind
        assert (self.low is None) == (self.high is None), f"{self.quantity}: half an interval"
        assert self.low is None or self.high is None or self.low <= self.predicted <= self.high, self.quantity
        assert not (self.shown and not self.note), f"{self.quantity}: shown without a reason"

    @property
    def error(self) -> float | None:
        """(predicted - measured) / measured; None where nothing was measured, or it was 0."""
        if not self.measured:
            return None
        return (self.predicted - self.measured) / self.measured

    @property
    def ratio(self) -> float | None:
        """How wide the interval is, high / low; None without one, infinite from 0 on."""
        if self.low is None or self.high is None:
            return None
        return self.high / self.low if self.low > 0 else float("inf")

    @property
    def verdict(self) -> str:
        """`inside`, `wide`, `miss`, `holds` of a floor that does, or `shown` where there is nothing to judge."""
        if self.shown or self.measured is None or self.kind == "fitted":
            return SHOWN
        if not self._passes(self.measured):
            return MISS
        is_judged_by_interval = self.tolerance is None and not self.at_least
        if is_judged_by_interval and self.ratio is not None and self.ratio > MOST_RATIO:
            return WIDE
        return HOLDS if self.at_least else INSIDE

    def _passes(self, measured: float) -> bool:
        if self.at_least:
            return self.predicted <= measured
        if self.tolerance is not None:
            return abs(self.predicted - measured) <= self.tolerance * abs(measured)
        if self.low is None or self.high is None:
            return self.predicted == measured
        return self.low <= measured <= self.high


@dataclass(frozen=True)
class Target:
    """A published measurement, and how neurosim predicts it.

    name : as given on the command line
    title : one line
    source : where the measurement was published, and how it was come by
    network : shape of the network, and its activity
    figures : which chip's figures enter
    rows : called with the folder of outside data (None where absent); the quantities
    needs : paths within that folder without which `rows` cannot be called
    """

    name: str
    title: str
    source: str
    network: str
    figures: str
    rows: Callable[[Path | None], tuple[Row, ...]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a target.

    rows : empty where data are missing
    missing : what the folder of outside data lacks
    wall_s : how long it took
    """

    target: Target
    rows: tuple[Row, ...]
    missing: tuple[str, ...] = ()
    wall_s: float = 0.0
