"""Power of a chip as a pedestal and a slope: P = P_static + P_clock f + E_event r.

The two laws below are published with their chips, or are lines through published points. A chip's power divided by its
event rate (26 pJ of TrueNorth, 12.7 pJ of ODIN) is such a law at one operating point, and holds nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple


class AffinePower(NamedTuple):
    """Power in milliwatts of events per second and clock in megahertz, at one supply voltage."""

    static_mw: float
    clock_mw_per_mhz: float
    event_pj: float

    def power_mw(self, events_per_s: float, clock_mhz: float = 0.0) -> float:
        """Return static + clock + event power, in milliwatts."""
        return self.static_mw + self.clock_mw_per_mhz * clock_mhz + self.event_pj * events_per_s * 1e-9


# Line through 68 mW at 11.58 Hz and 94 mW at 95.93 Hz of Akopyan et al. 2015, figure 17 (0.8 V, 2**20 neurons of 128
# synapses each).
TRUENORTH_0V8 = AffinePower(64.4, 0.0, 2.297)
# Frenkel et al. 2019: leakage 27.3 uW, 1.78 uW per MHz, 8.43 pJ per synaptic operation (0.55 V).
ODIN_0V55 = AffinePower(27.3e-3, 1.78e-3, 8.43)
