"""Which design wins: against integrals of the distribution, and where it is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from hw_models.load import load_chip
from hw_models.schema import Chip
from neurosim.errors import OptionError
from neurosim.explore.decide import Design, compare, doubt_left, same_technology

PJ = 1e-12
N_SAMPLES = 40_000
# Four standard deviations of a share among so many samples.
TOLERANCE = 4 * 0.5 / math.sqrt(N_SAMPLES)


def chip(name: str, **figures: tuple[float, float, float]) -> Chip:
    """Return generic-mesh under another name, with figures (value, low, high) of core costs."""
    base = load_chip("generic-mesh")
    costs: dict[str, Any] = {}
    for key, (value, low, high) in figures.items():
        cost = getattr(base.core.costs, key)
        figure = cost.energy_pj.model_copy(update={"value": value, "low": low, "high": high})
        costs[key] = cost.model_copy(update={"energy_pj": figure})
    core = base.core.model_copy(update={"costs": base.core.costs.model_copy(update=costs)})
    return base.model_copy(update={"name": name, "core": core})


def design(of: Chip, **counts: float) -> Design:
    return Design(of.name, of, {name: count * PJ for name, count in counts.items()}, None, None, 1)


def two_triangles(figure: tuple[float, float, float]) -> tuple[Any, Any]:
    """Return density and distribution function of two triangles that meet at the value, each with half of the mass."""
    value, low, high = figure

    def density(x: float) -> float:
        if low <= x <= value:
            return (x - low) / (value - low) ** 2
        return (high - x) / (high - value) ** 2 if value < x <= high else 0.0

    def below(x: float) -> float:
        if x <= low:
            return 0.0
        if x <= value:
            return 0.5 * ((x - low) / (value - low)) ** 2
        return 1 - 0.5 * ((high - min(x, high)) / (high - value)) ** 2

    return density, below


@pytest.mark.parametrize(("a", "b"), [((10, 5, 20), (12, 8, 30)), ((10, 2, 30), (10, 9, 11)), ((5, 1, 6), (8, 4, 9))])
def test_two_technologies_are_drawn_independently(a: tuple[float, float, float], b: tuple[float, float, float]) -> None:
    found = compare(design(chip("a", spike_out=a), spike_out=1000), design(chip("b", spike_out=b), spike_out=1000),
                    n_samples=N_SAMPLES)
    density, _ = two_triangles(a)
    _, below = two_triangles(b)
    expected = integrate.quad(lambda x: density(x) * (1 - below(x)), a[1], a[2], points=[a[0], b[0]], limit=200)[0]
    assert not found.same_technology
    assert found.probability_a == pytest.approx(expected, abs=TOLERANCE)


def test_one_technology_shares_its_draws() -> None:
    """Intervals overlap all over, and yet a design that does less of everything wins for certain."""
    mesh = chip("mesh", spike_out=(10, 1, 100))
    found = compare(design(mesh, spike_out=1000), design(mesh, spike_out=1100))
    assert found.same_technology and found.probability_a == 1.0 and found.doubt == 0.0
    assert found.a["high_j"] > found.b["low_j"]
    assert found.ratio == pytest.approx((1.1, 1.1, 1.1))
    assert compare(design(mesh, spike_out=10), design(mesh, spike_out=10)).probability_a == 0.5


def test_a_changed_figure_keeps_its_rank() -> None:
    """A cheaper spike at the same rank of a narrower interval is never dearer."""
    cheap, dear = (chip("mesh", spike_out=figure) for figure in ((10, 5, 20), (11, 6, 21)))
    found = compare(design(cheap, spike_out=1), design(dear, spike_out=1))
    assert found.probability_a == 1.0


def test_figures_of_one_chip_are_correlated() -> None:
    """A trades spikes for synapses: its probability is that of a correlated pair, integrated on the copula."""
    spike, synapse = (10.0, 2.0, 18.0), (10.5, 9.5, 11.5)
    mesh = chip("mesh", spike_out=spike, synapse_dense=synapse)
    found = compare(design(mesh, spike_out=1000), design(mesh, synapse_dense=1000), n_samples=N_SAMPLES)
    # Ranks have the correlation 0.5: P(spike < synapse) over the second normal, given the first.
    quantile = {figure: stats.norm.ppf(np.linspace(1e-9, 1 - 1e-9, 20001)) for figure in ("z",)}["z"]
    _, below_spike = two_triangles(spike)
    levels = [low_side(synapse, float(u)) for u in stats.norm.cdf(quantile)]
    ranks = np.clip([below_spike(level) for level in levels], 1e-12, 1 - 1e-12)
    given = stats.norm.cdf((stats.norm.ppf(ranks) - 0.5 * quantile) / math.sqrt(1 - 0.25))
    assert found.probability_a == pytest.approx(float(np.mean(given)), abs=2 * TOLERANCE)


def low_side(figure: tuple[float, float, float], u: float) -> float:
    """Return the value at rank u."""
    value, low, high = figure
    if u < 0.5:
        return value - (value - low) * (1 - math.sqrt(2 * u))
    return value + (high - value) * (1 - math.sqrt(2 * (1 - u)))


def test_the_figure_that_decides_is_named() -> None:
    """One wide figure carries the doubt: known, none is left; the narrow one cannot help."""
    a = design(chip("a", spike_out=(10, 1, 19), packet_out=(1, 0.9, 1.1)), spike_out=100, packet_out=100)
    b = design(chip("b", spike_out=(11, 10.99, 11.01)), spike_out=100)
    found = compare(a, b)
    assert found.doubt > 0.3
    assert found.settles is not None and (found.settles.chip, found.settles.figure) == ("a", "spike_out")
    assert found.settles.doubt_left < 0.05 < found.figures[-1].doubt_left
    assert all(figure.figure in ("spike_out", "packet_out") for figure in found.figures)


def test_knowing_what_does_not_matter_leaves_the_doubt() -> None:
    generator = np.random.default_rng(0)
    difference = generator.normal(0.5, 1.0, 40_000)
    assert doubt_left(generator.uniform(size=40_000), difference) == pytest.approx(stats.norm.cdf(-0.5), abs=0.01)
    assert doubt_left(difference, difference) < 0.03


def test_a_measured_figure_in_common_makes_one_technology() -> None:
    mesh = load_chip("generic-mesh")
    assert not same_technology(mesh, mesh.model_copy(update={"name": "other"}))        # all its figures are assumed
    loihi = load_chip("loihi")
    assert same_technology(loihi, loihi.model_copy(update={"name": "other"}))


def test_too_few_samples_are_refused() -> None:
    mesh = design(chip("mesh"), spike_out=1)
    with pytest.raises(OptionError, match="from 1000"):
        compare(mesh, mesh, n_samples=10)
