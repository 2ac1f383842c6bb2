"""What the advisor found: data only, with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# What an option changes of the numbers a network computes, from nothing on.
EFFECTS = ("nothing", "rounding", "small changes", "the function")


@dataclass(frozen=True)
class Bound:
    """What a time step waits for.

    part : `soma`, `synapse` or `network`
    share : of the time
    core, populations : the busiest core, and who lies on it
    """

    part: str
    share: float
    core: int
    populations: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A choice of options and what came of it; None where it was not measured.

    settings : what to give to `--set`
    changes : one of EFFECTS
    reason : why it does not fit; empty where it does
    accuracy : of the labelled samples
    agreement : samples that end in the same class as with the network as given
    readout_difference : largest difference of a read-out from the network as given, over its largest read-out
    packets_per_token, hops_per_token : injected by cores; links between routers that they crossed
    token_s : mean time between two outputs;  sample_s : mean time of a sample
    energy_j, low_j, high_j : of a sample, static power included
    fullest : resource, and how full it is
    """

    name: str
    settings: tuple[str, ...]
    changes: str
    fits: bool
    reason: str = ""
    cores: int | None = None
    accuracy: float | None = None
    agreement: float | None = None
    readout_difference: float | None = None
    packets_per_token: float | None = None
    hops_per_token: float | None = None
    token_s: float | None = None
    sample_s: float | None = None
    energy_j: float | None = None
    low_j: float | None = None
    high_j: float | None = None
    fullest: tuple[str, float] | None = None
    bound: Bound | None = None

    @property
    def cost(self) -> float:
        """Energy times time of a sample; infinite where it was not measured."""
        if self.energy_j is None or self.sample_s is None:
            return float("inf")
        return self.energy_j * self.sample_s


@dataclass(frozen=True)
class Advice:
    """The network as given, and every option that was tried, best first.

    samples : that accuracies come from; timed : the first of them, that times and energies come from
    indicative : energies of float runs are
    notes : what else there is to say
    """

    network: str
    chip: str
    numbers: str
    samples: int
    timed: int
    tokens: int
    given: Row
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def indicative(self) -> bool:
        """Whether energies are those of a float run, whose zeros differ."""
        return self.numbers != "fixed"

    def to_json(self) -> Mapping[str, Any]:
        """Return plain data for `json.dumps`."""
        return {**asdict(self), "indicative": self.indicative}


def best_first(rows: list[Row], given: Row) -> tuple[Row, ...]:
    """Sort rows: those that fit and keep the answers, by energy times time; then those that lose; then the rest."""
    return tuple(sorted(rows, key=lambda row: (not row.fits, loses(row, given), row.cost)))


def loses(row: Row, given: Row) -> bool:
    """Return whether a row is less right than the network as given, by more than one sample in a hundred."""
    if row.accuracy is not None and given.accuracy is not None:
        return row.accuracy < given.accuracy - 0.01
    return row.agreement is not None and row.agreement < 0.99
