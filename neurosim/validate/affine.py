"""Power of a chip as a pedestal and a slope: P = P_static + P_clock f + E_event r.

A chip's power divided by its event rate (26 pJ of TrueNorth, 12.7 pJ of ODIN) is such a law at one operating point, and
holds nowhere else.
"""

from __future__ import annotations

from hw_models.figures import Figure
from hw_models.schema import Chip
from hw_models.unpublished import core_costs
from neurosim.validate.spans import Span


def power_mw(chip: Chip, events_per_s: float, clock_mhz: float = 0.0) -> Span:
    """Return idle power + clock + synaptic events of dense rows, in milliwatts."""
    clock = chip.power.clock
    total = _span(chip.power.chip_idle_mw) + _span(core_costs(chip).synapse_dense.energy_pj).times(events_per_s * 1e-9)
    return total if clock is None else total + _span(clock.power_mw_per_mhz).times(clock_mhz)


def _span(figure: Figure) -> Span:
    return Span(figure.value, figure.low, figure.high)
