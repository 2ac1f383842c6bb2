"""ODIN: the published law of its power at two operating points."""

from __future__ import annotations

from pathlib import Path

from hw_models.load import load_chip
from neurosim.validate.affine import power_mw
from neurosim.validate.rows import Row, Target

# Clock in MHz, million synaptic operations per second, power in µW.
POINTS = ((75.0, 37.5, 477.0), (1.3, 0.65, 35.0))
TOLERANCE = 0.05


def points(_: Path | None) -> tuple[Row, ...]:
    """Return the power at both operating points; a synaptic operation takes two cycles."""
    chip = load_chip("odin")
    spans = [power_mw(chip, mops * 1e6, mhz).times(1e3) for mhz, mops, _ in POINTS]
    return tuple(Row(f"power at {mhz:g} MHz, {mops:g} MSOP/s", "formula", "µW", span.value, measured, span.low,
                     span.high, tolerance=TOLERANCE)
                 for span, (mhz, mops, measured) in zip(spans, POINTS, strict=True))


TARGETS = (
    Target("odin", "ODIN, power at two operating points", "Frenkel et al., IEEE TBioCAS 13(1), 2019, by a second-hand "
           "transcription", "256 neurons, 64 k synapses; every second cycle a synaptic operation; 0.55 V",
           "odin: leakage, clock, synaptic operation", points),
)
