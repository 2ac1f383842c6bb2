"""Predictions held against published measurements: `neurosim validate`.

`targets` has one file per family of targets; `run` runs them, `table` prints what came of it, `rows` has the words.
"""

from neurosim.validate.rows import KINDS, VERDICTS, Outcome, Row, Target
from neurosim.validate.run import run_targets
from neurosim.validate.table import as_mapping, render
from neurosim.validate.targets import TARGETS

__all__ = ["KINDS", "TARGETS", "VERDICTS", "Outcome", "Row", "Target", "as_mapping", "render", "run_targets"]
