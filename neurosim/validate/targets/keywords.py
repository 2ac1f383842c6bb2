"""Loihi: keyword spotting with a network of two hidden layers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hw_models.load import load_chip
from neurosim.validate.rows import Row, Target
from neurosim.validate.spans import energy_pj

LAYERS = (390, 256, 256, 29)
N_STEPS = 10
N_NEURONS, N_SYNAPSES = sum(LAYERS), sum(before * after for before, after in pairwise(LAYERS))
# Dynamic energy per inference in uJ: Blouw et al. 2019 (81 mW at 296 inferences per second); Yan et al. 2021.
PUBLISHED = (("Blouw 2019", 270.0), ("Yan 2021", 37.0))


def per_inference(_: Path | None) -> tuple[Row, ...]:
    """Return the floor of inactive updates and, for each publication, the rate that closes the gap."""
    chip = load_chip("loihi")
    floor = energy_pj(chip, {"soma_inactive": N_NEURONS * N_STEPS}).times(1e-6)
    # Every neuron in every step: all synapses, all updates active.
    full = energy_pj(chip, {"synapse_dense": N_SYNAPSES * N_STEPS, "soma_active": N_NEURONS * N_STEPS}).times(1e-6)
    rows = []
    for name, measured in PUBLISHED:
        rate = (measured - floor.value) / (full.value - floor.value)
        rows.append(Row(f"energy per inference, inactive updates alone ({name})", "derived", "µJ", floor.value,
                        measured, floor.low, floor.high, at_least=True,
                        note="a floor: what every neuron costs before anything spikes"))
        rows.append(Row(f"spikes per neuron and step that close the gap ({name})", "derived", "spikes", rate,
                        note=_note(rate)))
    return tuple(rows)


def _note(rate: float) -> str:
    if rate > 1:
        return ("above one spike per neuron and step, which no network can fire: most of the published energy is not "
                "that of the cores' events (embedded processors, input and output)")
    return "spike counts are not published"


TARGETS = (
    Target("keywords", "Loihi, keyword spotting", "Blouw et al., NICE 2019 (arXiv 1812.01739), and Yan et al. 2021, by "
           "second-hand transcriptions; ten steps per inference recalled", "390-256-256-29, all to all, 10 steps; "
           "spike counts not published", "loihi (Davies et al. 2018)", per_inference),
)
