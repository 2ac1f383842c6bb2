"""Which of two designs takes less energy, or less time, when the figures are known within intervals only.

    sample s of the figures:  E_A(s) = sum over components of count_A x figure_A(s), E_B(s) likewise
    probability that A wins = share of the samples with E_A(s) < E_B(s), ties counted half

Latencies likewise: L_A(s) is the latency of a sample under the times of sample s, by the model of `step_times`.

Samples are those of `hw_models.costs.sample_figures`, so figures of a chip move together. Designs of one technology
share their draws: where both have the same figure it takes the same value, and where a design changed a figure, the
changed one stands at the same rank of its interval. Designs of different technologies are drawn independently. Two
chips are of one technology if they have the same name, or a figure in common that was measured, simulated or scaled
and has an interval.

**What would settle it.** If a figure were measured, one would decide knowing its value. The doubt that is left is the
mean over its values of the smaller of both chances, given the value; the figure that leaves least is named. Figures
that neither design spends energy, or time, on are left out.

Intervals of energy cover events and static power, with the times of the runs, at nominal figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_models.costs import J_PER_PJ, PERCENTILES, W_PER_MW, energy_figures, sample_figures
from hw_models.figures import Figure
from hw_models.schema import Chip
from neurosim.errors import DataError, OptionError, check_choice
from neurosim.explore.step_times import StepTimes, step_times
from neurosim.report.energy import recorded_name, stored_chip
from neurosim.report.timing import latency
from neurosim.traces.store import Trace
from neurosim.units import ps_to_s

Float64Array = NDArray[np.float64]
N_SAMPLES = 20_000
# Classes of equal size that the values of one figure are put into.
N_CLASSES = 20
# A figure settles the matter if the doubt that is left is at most this.
SETTLED = 0.05
SEED = 0
METRICS = ("energy", "latency")


@dataclass(frozen=True)
class Design:
    """A run and the chip that prices it, per sample of the data.

    scales : component -> joules for each unit of its figure (pJ or mW)
    times : the model of its latency, where latencies are compared
    """

    name: str
    chip: Chip
    scales: Mapping[str, float]
    accuracy: float | None
    latency_s: float | None
    samples: int
    times: StepTimes | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """Component -> figure."""
        return energy_figures(self.chip)

    @property
    def energy_j(self) -> float:
        """Nominal energy of one sample."""
        figures = self.figures
        return math.fsum(figures[name].value * scale for name, scale in self.scales.items())

    def sampled(self, metric: str) -> Mapping[str, Figure]:
        """Return the figures that a metric rests on."""
        return self.figures if metric == "energy" or self.times is None else self.times.figures

    def spends(self, metric: str, name: str) -> bool:
        """Return whether a figure has a part in a metric of this run."""
        if metric == "energy" or self.times is None:
            return self.scales.get(name, 0.0) != 0
        return name in self.times.used

    def values(self, metric: str, drawn: Mapping[str, Float64Array]) -> Float64Array:
        """Return the metric under each sample of the figures: J, or s."""
        return _total(self, drawn) if metric == "energy" or self.times is None else self.times.latency_s(drawn)


@dataclass(frozen=True)
class Doubt:
    """A figure, and what its measurement would do.

    spread_share : its squared correlation with the difference of the designs
    doubt_left : the chance of choosing wrongly, were it known
    """

    chip: str
    figure: str
    low: float
    high: float
    unit: str
    basis: str
    source: str
    spread_share: float
    doubt_left: float


@dataclass(frozen=True)
class Comparison:
    """Two designs, A and B, in energy or latency per sample.

    metric : `energy` or `latency`
    probability_a : that A takes less; of B one minus that
    doubt : the chance that the likelier one is the wrong one
    ratio : what B takes over what A takes, percentiles 5, 50 and 95
    figures : those whose measurement would leave least doubt, first
    same_technology : whether the figures were drawn together
    """

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    probability_a: float
    doubt: float
    ratio: tuple[float, float, float]
    same_technology: bool
    figures: tuple[Doubt, ...]
    metric: str = "energy"

    @property
    def likelier(self) -> str:
        """`a` or `b`: which is likelier to take less."""
        return "a" if self.probability_a >= 0.5 else "b"

    @property
    def is_settled(self) -> bool:
        """Whether so little is in doubt that no measurement is needed."""
        return self.doubt <= SETTLED

    @property
    def settles(self) -> Doubt | None:
        """The figure whose measurement would settle it; None where nothing is in doubt, or no single one would."""
        if self.is_settled or not self.figures or self.figures[0].doubt_left > SETTLED:
            return None
        return self.figures[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        settles = self.settles
        return {**asdict(self), "likelier": self.likelier, "settles": None if settles is None else asdict(settles)}


def compare(a: str | Path | Trace | Design, b: str | Path | Trace | Design, *, n_samples: int = N_SAMPLES,
            seed: int = SEED, most_figures: int = 5, metric: str = "energy") -> Comparison:
    """Return how two runs compare, the intervals of their figures considered.

    Parameters
    ----------
    a, b : traces, their files, or designs
    n_samples : of the figures, at least 1000
    most_figures : how many figures to name
    metric : `energy`, or `latency`: see `step_times`

    Raises
    ------
    OptionError  too few samples, or no such metric
    TraceError, ConfigError, DataError  a trace cannot be priced, or its latency does not follow from counts
    """
    check_choice("metric", metric, METRICS)
    if n_samples < 1000:
        raise OptionError(f"n_samples = {n_samples}", allowed="integer from 1000")
    first, second = as_design(a, "A", metric), as_design(b, "B", metric)
    same = same_technology(first.chip, second.chip) or _in_common(first.sampled(metric), second.sampled(metric))
    drawn = [draw(first, n_samples, seed, metric), draw(second, n_samples, seed if same else seed + 1, metric)]
    values = [design.values(metric, figures) for design, figures in zip((first, second), drawn, strict=True)]
    probability = float(np.mean(values[0] < values[1]) + 0.5 * np.mean(values[0] == values[1]))
    ratios = np.percentile(values[1] / np.maximum(values[0], 1e-300), (PERCENTILES[0], 50.0, PERCENTILES[1]))
    doubts = _doubts((first, second), drawn, values[0] - values[1], metric, same=same)
    return Comparison(_described(first, values[0], metric), _described(second, values[1], metric), probability,
                      min(probability, 1 - probability), (float(ratios[0]), float(ratios[1]), float(ratios[2])), same,
                      tuple(doubts[:most_figures]), metric)


def as_design(source: str | Path | Trace | Design, name: str = "", metric: str = "energy") -> Design:
    """Return a run as a design; raise DataError where it has no samples, or its latency does not follow from counts."""
    if isinstance(source, Design):
        if metric == "latency" and source.times is None:
            raise DataError(f"design {source.name!r} has no model of its latency", mend="give its trace")
        return source
    if not isinstance(source, Trace):
        with Trace.open(source) as opened:
            return as_design(opened, Path(source).stem, metric)
    trace = source
    if trace.n_samples == 0:
        raise DataError(f"{trace.path}: holds no samples", mend="compare runs that did something")
    chip = stored_chip(trace)
    from neurosim.report.activity import accuracy

    spread = latency(trace).per_sample
    return Design(name or recorded_name(trace), chip, _scales(trace, chip), accuracy(trace),
                  None if spread is None else spread.mean, trace.n_samples,
                  step_times(trace, chip) if metric == "latency" else None)


def _scales(trace: Trace, chip: Chip) -> dict[str, float]:
    """Return joules per sample for each unit of a figure."""
    counts = {**trace.core_event_totals(), **trace.chip_totals}
    n_cores = int((trace.header.core_is_port == 0).sum())
    time_s = ps_to_s(trace.duration_ps)
    scales = {name: counts.get(name, 0) * J_PER_PJ for name in energy_figures(chip)}
    scales |= {"chip_idle": trace.header.n_chips * W_PER_MW * time_s, "core_active": n_cores * W_PER_MW * time_s}
    return {name: scale / trace.n_samples for name, scale in scales.items()}


def same_technology(a: Chip, b: Chip) -> bool:
    """Whether the figures of two chips are drawn together."""
    return a.name == b.name or _in_common(energy_figures(a), energy_figures(b))


def _in_common(a: Mapping[str, Figure], b: Mapping[str, Figure]) -> bool:
    """Whether two chips have a figure in common that is known from somewhere."""
    return any(figure.low < figure.high and figure.basis != "assumed" and b.get(name) == figure
               for name, figure in a.items())


def draw(design: Design, n_samples: int, seed: int, metric: str = "energy") -> dict[str, Float64Array]:
    """Return component -> samples of its figure; a component takes the same ranks for every chip and one seed."""
    figures = design.sampled(metric)
    samples = sample_figures(list(figures.values()), n_samples, seed)
    return dict(zip(figures, samples, strict=True))


def _total(design: Design, figures: Mapping[str, Float64Array]) -> Float64Array:
    total = np.zeros(len(next(iter(figures.values()))))
    for name, scale in design.scales.items():
        total += scale * figures[name]
    return total


def _doubts(designs: tuple[Design, Design], drawn: list[dict[str, Float64Array]], difference: Float64Array,
            metric: str, *, same: bool) -> list[Doubt]:
    """Return the figures that energy, or time, is spent on, those first whose measurement leaves least doubt."""
    found, seen = [], set()
    for design, samples in zip(designs, drawn, strict=True):
        for name, figure in design.sampled(metric).items():
            shared = same and name in seen and designs[0].sampled(metric).get(name) == figure
            if not design.spends(metric, name) or figure.low == figure.high or shared:
                continue
            seen.add(name)
            found.append(Doubt(design.chip.name, name, figure.low, figure.high, unit_of(name, metric), figure.basis,
                               figure.source, _correlation(samples[name], difference) ** 2,
                               doubt_left(samples[name], difference)))
    return sorted(found, key=lambda doubt: (doubt.doubt_left, -doubt.spread_share))


def doubt_left(values: Float64Array, difference: Float64Array) -> float:
    """Return the chance of a wrong choice, were the figure known: the mean over classes of its values."""
    order = np.argsort(values, kind="stable")
    parts = np.array_split(difference[order], N_CLASSES)
    chances = [float(np.mean(part < 0) + 0.5 * np.mean(part == 0)) for part in parts]
    return float(np.mean([min(chance, 1 - chance) for chance in chances]))


def unit_of(name: str, metric: str = "energy") -> str:
    """Return the unit of a component's figure."""
    if metric == "latency":
        return "ns"
    return "mW" if name in ("chip_idle", "core_active") else "pJ"


def _correlation(a: Float64Array, b: Float64Array) -> float:
    spread = float(a.std() * b.std())
    return 0.0 if spread == 0 else float(((a - a.mean()) * (b - b.mean())).mean()) / spread


def _described(design: Design, values: Float64Array, metric: str) -> dict[str, Any]:
    low, high = (float(end) for end in np.percentile(values, PERCENTILES))
    if metric == "latency" and design.times is not None and design.latency_s is not None:
        return {"name": design.name, "chip": design.chip.name, "samples": design.samples, "accuracy": design.accuracy,
                "energy_j": design.energy_j, "latency_s": design.latency_s, "low_s": min(low, design.latency_s),
                "high_s": max(high, design.latency_s), "kept_share": design.times.kept_share}
    nominal = design.energy_j
    return {"name": design.name, "chip": design.chip.name, "samples": design.samples, "accuracy": design.accuracy,
            "latency_s": design.latency_s, "energy_j": nominal, "low_j": min(low, nominal),
            "high_j": max(high, nominal)}
