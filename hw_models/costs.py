"""The price of what an engine counted: counts x figures + static power x time.

Nothing is folded together: static power stays apart from the energy of events, and every row keeps the basis and the
source of its figure. Three statements of uncertainty stand beside the nominal total:

* the **corners**, all figures at their low or all at their high end, which hold the total for certain;
* the **interval**, the 5th to the 95th percentile of sampled totals (`sample_figures`);
* the share of the total that rests on `assumed` figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_models.core_schema import CoreCosts
from hw_models.explain import nearest
from hw_models.figures import Figure
from hw_models.located import ConfigError, Fault
from hw_models.scaling import scale_energy_by_node, scale_energy_by_voltage, scale_figure
from hw_models.schema import Chip
from hw_models.unpublished import unpublished_fault

__all__ = [
    "EnergyBill", "EnergyRow", "check_costs", "energy_figures", "price", "sample_figures", "scale_energy_by_node",
    "scale_energy_by_voltage", "scale_figure",
]

J_PER_PJ = 1e-12
W_PER_MW = 1e-3
# Share of the variance of a figure's rank that all figures of a chip have in common (voltage, temperature, process,
# and the method by which one paper came by all of its figures). An assumption.
COMMON_SHARE = 0.5
PERCENTILES = (5.0, 95.0)
STATIC = "static"
STATIC_COMPONENTS = ("chip_idle", "core_active", "clock")

_GROUPS = {
    "soma_active": "soma", "soma_inactive": "soma", "program_active": "soma", "program_inactive": "soma",
    "mode_update": "soma", "spike_out": "soma",
    "synapse_read": "synapse", "synapse_dense": "synapse", "synapse_sparse": "synapse", "synapse_conv": "synapse",
    "dendrite": "synapse", "advance_exp": "soma", "advance_multiply": "soma",
    "packet_out": "network", "packet_in": "network", "hop_ew": "network", "hop_ns": "network",
    "flit_hop_ew": "network", "flit_hop_ns": "network", "tile_local": "network",
    "chip_hop": "network", "flit_chip_hop": "network",
    "input_packet": "io", "output_packet": "io", "barrier": "barrier",
}


# Events that only some kinds of chip have, and have a cost for.
_CONDITIONAL = frozenset({"advance_exp", "advance_multiply", "chip_hop", "flit_chip_hop"})


@dataclass(frozen=True)
class EnergyRow:
    """One component of the bill. `count` is of events; of static rows, of chips or cores."""

    component: str
    group: str
    count: int
    energy_j: float
    low_j: float
    high_j: float
    basis: str
    source: str


@dataclass(frozen=True)
class EnergyBill:
    """Energy by component. `interval_*_j` are percentiles of sampled totals, widened to hold the nominal total."""

    rows: tuple[EnergyRow, ...]
    interval_low_j: float
    interval_high_j: float

    @property
    def total_j(self) -> float:
        """Nominal total in joules."""
        return math.fsum(row.energy_j for row in self.rows)

    @property
    def static_j(self) -> float:
        """Nominal energy of static power in joules."""
        return math.fsum(row.energy_j for row in self.rows if row.group == STATIC)

    @property
    def dynamic_j(self) -> float:
        """Nominal energy of events in joules."""
        return math.fsum(row.energy_j for row in self.rows if row.group != STATIC)

    @property
    def corner_low_j(self) -> float:
        """Total with every figure at its low end, in joules."""
        return math.fsum(row.low_j for row in self.rows)

    @property
    def corner_high_j(self) -> float:
        """Total with every figure at its high end, in joules."""
        return math.fsum(row.high_j for row in self.rows)

    @property
    def assumed_share(self) -> float:
        """Share of the nominal total that rests on `assumed` figures, 0 to 1; 0 of nothing."""
        assumed = math.fsum(row.energy_j for row in self.rows if row.basis == "assumed")
        return assumed / self.total_j if self.total_j > 0 else 0.0

    @property
    def assumed_rows(self) -> tuple[EnergyRow, ...]:
        """Components that took part and rest on an `assumed` figure, dearest first; some of value 0 but an interval."""
        rows = [row for row in self.rows if row.basis == "assumed" and row.high_j > 0]
        return tuple(sorted(rows, key=lambda row: (-row.energy_j, -row.high_j)))

    def by_group(self) -> dict[str, float]:
        """Return the nominal energy of each group in joules, in the order of the rows."""
        groups: dict[str, list[float]] = {}
        for row in self.rows:
            groups.setdefault(row.group, []).append(row.energy_j)
        return {group: math.fsum(energies) for group, energies in groups.items()}

    def to_mapping(self) -> dict[str, Any]:
        """Return the bill as plain data for JSON."""
        return {
            "total": self.total_j, "static": self.static_j, "dynamic": self.dynamic_j,
            "low": self.interval_low_j, "high": self.interval_high_j,
            "corner_low": self.corner_low_j, "corner_high": self.corner_high_j,
            "assumed_share": self.assumed_share,
            "assumed": {row.component: row.energy_j / total if (total := self.total_j) > 0 else 0.0
                        for row in self.assumed_rows},
            "by_group": self.by_group(),
            "by_component": {row.component: asdict(row) for row in self.rows},
        }


def price(
    chip: Chip,
    core_counts: Mapping[str, int],
    chip_counts: Mapping[str, int],
    n_active_cores: int,
    time_s: float,
    *,
    n_chips: int = 1,
    n_samples: int = 2000,
    seed: int = 0,
) -> EnergyBill:
    """Return the bill of a run.

    Parameters
    ----------
    core_counts : events booked per core, summed over the cores; absent ones count 0
    chip_counts : events booked per chip
    n_active_cores : cores in use, 0 to chip.n_cores of each chip
    time_s : duration of the run in seconds
    n_chips : chips in use, at least 1; each draws `chip_idle`, and `clock` where it has one
    n_samples : samples of the interval, at least 1
    seed : of the samples; the same figure takes the same draws in every bill, so that bills can be compared

    Raises
    ------
    ConfigError  if an event has no cost
    ValueError   if a count, the time or the number of chips, cores or samples is out of range
    """
    counts = {**core_counts, **chip_counts}
    # A chip that never advances neurons, or stands alone, has no cost for what can never happen on it.
    counts = {name: count for name, count in counts.items()
              if count or not (name in _CONDITIONAL or chip.unpublished)}
    if n_chips < 1:
        raise ValueError(f"n_chips = {n_chips}: must be 1 or more")
    _check_ranges(counts, n_active_cores, chip.n_cores * n_chips, time_s, n_samples)
    check_costs(chip, counts)
    figures = energy_figures(chip)
    quantities = {name: int(counts.get(name, 0)) for name in figures}
    scales = {name: quantities[name] * J_PER_PJ for name in figures}
    for name, n_units in (("chip_idle", n_chips), ("core_active", n_active_cores)):
        quantities[name], scales[name] = n_units, n_units * W_PER_MW * time_s
    if chip.power.clock is not None:
        quantities["clock"] = n_chips
        scales["clock"] = n_chips * chip.power.clock.frequency_mhz * W_PER_MW * time_s
    rows = tuple(_row(name, figure, quantities[name], scales[name]) for name, figure in figures.items())
    totals = np.array([scales[name] for name in figures]) @ sample_figures(list(figures.values()), n_samples, seed)
    low, high = (float(end) for end in np.percentile(totals, PERCENTILES))
    nominal = math.fsum(row.energy_j for row in rows)
    # Percentiles of a sum of skewed figures can pass its nominal value by; an interval beside it would mislead.
    return EnergyBill(rows, min(low, nominal), max(high, nominal))


def check_costs(chip: Chip, events: Iterable[str]) -> None:
    """Raise ConfigError listing every event of `events` that `chip` has no cost for."""
    known = [name for name in energy_figures(chip) if _group(name) != STATIC]
    if chip.unpublished is not None and (asked := list(events)):
        raise ConfigError([unpublished_fault(chip, f"the energy of {', '.join(asked)}")])
    faults = [
        Fault(chip.name, None, f"costs.{name}", "(missing)", f"the events {', '.join(known)}",
              f"is it `{match}`? if not, add it to the schema of the chip" if (match := nearest(name, known))
              else "add the event to the schema of the chip")
        for name in events if name not in known
    ]
    if faults:
        raise ConfigError(faults)


def energy_figures(chip: Chip) -> dict[str, Figure]:
    """Return the figure of every component: events in picojoules, those of `STATIC_COMPONENTS` in milliwatts.

    Of a chip without published figures per event these are the static ones alone.
    """
    costs, noc, grid, clock = chip.core.costs, chip.noc.costs, chip.grid, chip.power.clock
    events = {
        **_core_energies(costs),
        **({} if noc is None else {
            "hop_ew": noc.hop_ew_pj, "hop_ns": noc.hop_ns_pj,
            "flit_hop_ew": noc.flit_hop_ew_pj, "flit_hop_ns": noc.flit_hop_ns_pj, "tile_local": noc.tile_local_pj}),
        **({} if grid is None else {"chip_hop": grid.hop_pj, "flit_chip_hop": grid.flit_hop_pj}),
        "input_packet": chip.input_port.packet_pj, "output_packet": chip.output_port.packet_pj,
        "barrier": chip.barrier_pj,
    }
    published = {name: figure for name, figure in events.items() if figure is not None}
    static = {"chip_idle": chip.power.chip_idle_mw, "core_active": chip.power.core_active_mw}
    return {**published, **static, **({} if clock is None else {"clock": clock.power_mw_per_mhz})}


def _core_energies(costs: CoreCosts | None) -> dict[str, Figure]:
    if costs is None:
        return {}
    return {name: cost.energy_pj for name in CoreCosts.model_fields if (cost := getattr(costs, name)) is not None}


def sample_figures(figures: list[Figure], n_samples: int, seed: int) -> NDArray[np.float64]:
    """Return samples [figure, sample] of the figures of one chip, each within low and high.

    Ranks: z = sqrt(s) c + sqrt(1 - s) e with c common to the chip, e of each figure its own, both standard normal and
    s = COMMON_SHARE; u = Phi(z) is uniform (Gaussian copula). Values: two triangles that meet at the nominal value,
    each with half of the mass, so that the nominal value is the median whatever the skew:
    low side nominal - (nominal - low) (1 - sqrt(2 u)), high side likewise.
    """
    generator = np.random.default_rng(seed)
    common = generator.standard_normal(n_samples)
    own = generator.standard_normal((len(figures), n_samples))
    ranks = _normal_cdf(math.sqrt(COMMON_SHARE) * common + math.sqrt(1 - COMMON_SHARE) * own)
    value, low, high = (np.array([getattr(figure, key) for figure in figures])[:, None] for key in _ENDS)
    below = value - (value - low) * (1 - np.sqrt(np.minimum(2 * ranks, 1)))
    above = value + (high - value) * (1 - np.sqrt(np.minimum(2 * (1 - ranks), 1)))
    # Clipped, because the last bit of the arithmetic above may step over an end.
    samples: NDArray[np.float64] = np.clip(np.where(ranks < 0.5, below, above), low, high)
    return samples


_ENDS = ("value", "low", "high")
_erf = np.frompyfunc(math.erf, 1, 1)


def _normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1 + np.asarray(_erf(z / math.sqrt(2)), dtype=np.float64))


def _row(name: str, figure: Figure, count: int, scale: float) -> EnergyRow:
    return EnergyRow(name, _group(name), count, figure.value * scale, figure.low * scale, figure.high * scale,
                     figure.basis, figure.source)


def _group(name: str) -> str:
    return STATIC if name in STATIC_COMPONENTS else _GROUPS[name]


def _check_ranges(counts: Mapping[str, int], n_active_cores: int, n_cores: int, time_s: float, n_samples: int) -> None:
    for name, count in counts.items():
        if not 0 <= count < math.inf:
            raise ValueError(f"count of {name} = {count}: must be 0 or more")
    if not 0 <= n_active_cores <= n_cores:
        raise ValueError(f"n_active_cores = {n_active_cores}: must be 0 to {n_cores}")
    if not 0 <= time_s < math.inf:
        raise ValueError(f"time_s = {time_s}: must be 0 or more and finite")
    if n_samples < 1:
        raise ValueError(f"n_samples = {n_samples}: must be 1 or more")
