"""Runs of a network for the sake of its number formats: ranges in float64, then float64 against fixed point.

`mapping.quantize` chooses the formats; it never runs anything.
"""

from neurosim.calibrate.compare import compare
from neurosim.calibrate.measure import measure, quantized
from neurosim.calibrate.report import QuantizeReport

__all__ = ["QuantizeReport", "compare", "measure", "quantized"]
