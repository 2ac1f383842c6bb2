"""Pohoiki Springs: nearest neighbours on 32 chips of Loihi, in closed form."""

from __future__ import annotations

from pathlib import Path

from hw_models.load import load_chip
from neurosim.validate.rows import Row, Target
from neurosim.validate.spans import Span, energy_pj

N_PATTERNS, N_STEPS = 76_800, 60
# A query is 667 to 750 spikes, each to every pattern neuron.
SPIKES = (667, 750)
MEASURED_MJ, TOLERANCE = 1.33, 0.25


def energy_mj(n_spikes: float) -> Span:
    """Return the energy of a query: every spike to every pattern, every pattern updated in every step, by Davies."""
    counts = {"synapse_dense": n_spikes * N_PATTERNS, "soma_inactive": float(N_PATTERNS * N_STEPS)}
    return energy_pj(load_chip("loihi"), counts).times(1e-9)


def query(_: Path | None) -> tuple[Row, ...]:
    """Return the energy of a query at both ends of the published number of spikes."""
    return tuple(Row(f"energy per query, {n_spikes} spikes", "formula", "mJ", *_interval(n_spikes), tolerance=TOLERANCE)
                 for n_spikes in SPIKES)


def _interval(n_spikes: int) -> tuple[float, float, float, float]:
    energy = energy_mj(n_spikes)
    return energy.value, MEASURED_MJ, energy.low, energy.high


TARGETS = (
    Target("pohoiki-knn", "Loihi, 32 chips: nearest neighbours of a query", "Frady et al., NICE 2020 (arXiv "
           "2004.12691), neuron energy of a query, by a second-hand transcription", "76 800 pattern neurons, each "
           "reached by 667 to 750 spikes, updated in 60 steps", "loihi (Davies et al. 2018): synaptic operation and "
           "inactive update", query),
)
