"""Studies: parameters of chip, mapping, formats and schedule, searched for what is best; and decisions between designs.

    from neurosim.explore import run_study

    result = run_study("study.yaml", workers=2)
    for row in result.front:
        print(row.point.settings, row.outcome.metrics)

Names are resolved on first use. Optuna, Dask, PyArrow and Plotly come with the extra `explore`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.explore.dataset import evaluate as evaluate
    from neurosim.explore.decide import Comparison as Comparison
    from neurosim.explore.decide import compare as compare
    from neurosim.explore.real_time import Duty as Duty
    from neurosim.explore.real_time import duty as duty
    from neurosim.explore.run import StudyResult as StudyResult
    from neurosim.explore.run import run_study as run_study
    from neurosim.explore.study import Study as Study
    from neurosim.explore.study import load_study as load_study
    from neurosim.explore.totals import Measured as Measured

_HOME = {"Comparison": "decide", "compare": "decide", "Duty": "real_time", "duty": "real_time", "Measured": "totals",
         "evaluate": "dataset", "StudyResult": "run", "run_study": "run", "Study": "study", "load_study": "study"}

__all__ = ["Comparison", "Duty", "Measured", "Study", "StudyResult", "compare", "duty", "evaluate", "load_study",
           "run_study"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neurosim.explore' has no attribute {name!r}")
    return getattr(import_module(f"neurosim.explore.{_HOME[name]}"), name)
