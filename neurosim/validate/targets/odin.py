"""ODIN: the published law of its power at two operating points."""

from __future__ import annotations

from pathlib import Path

from neurosim.validate.affine import ODIN_0V55
from neurosim.validate.rows import Row, Target

# Clock in MHz, million synaptic operations per second, power in uW.
POINTS = ((75.0, 37.5, 477.0), (1.3, 0.65, 35.0))
TOLERANCE = 0.05


def points(_: Path | None) -> tuple[Row, ...]:
    """Return the power at both operating points; a synaptic operation takes two cycles."""
    return tuple(Row(f"power at {mhz:g} MHz, {mops:g} MSOP/s", "formula", "µW",
                     ODIN_0V55.power_mw(mops * 1e6, mhz) * 1e3, measured, tolerance=TOLERANCE)
                 for mhz, mops, measured in POINTS)


TARGETS = (
    Target("odin", "ODIN, power at two operating points", "Frenkel et al., IEEE TBioCAS 13(1), 2019, by a second-hand "
           "transcription", "256 neurons, 64 k synapses; every second cycle a synaptic operation; 0.55 V",
           "27.3 µW + 1.78 µW/MHz + 8.43 pJ per synaptic operation", points),
)
