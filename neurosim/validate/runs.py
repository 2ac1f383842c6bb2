"""One sample through the compiled engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine import RunOptions, run
from neurosim.machine import Machine
from neurosim.traces.recorder import MemoryRecorder
from neurosim.traces.schema import SampleResult


def one_sample(machine: Machine, tokens: NDArray[Any], detail: str, numbers: str) -> SampleResult:
    """Return what came of one sample [token, column]."""
    recorder = MemoryRecorder()
    run(machine, np.asarray(tokens, np.float64)[None], RunOptions(detail=detail, numbers=numbers, workers=1), recorder)
    return recorder.results[0]
