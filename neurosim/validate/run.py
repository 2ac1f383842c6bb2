"""Run targets, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from neurosim.errors import check_choice
from neurosim.validate.data import missing
from neurosim.validate.rows import Outcome, Target
from neurosim.validate.targets import TARGETS


def run_targets(names: Sequence[str], folder: Path | None,
                progress: Callable[[int, int], None] | None = None) -> list[Outcome]:
    """Return the outcome of each target, in the order of `TARGETS`.

    Parameters
    ----------
    names : of targets; all where empty
    folder : of outside data; targets that need what it lacks have no rows, and say what is missing
    progress : called with (targets done, targets in all)

    Raises
    ------
    OptionError  if there is no target of a name
    """
    for name in names:
        check_choice("target", name, [target.name for target in TARGETS])
    chosen = [target for target in TARGETS if not names or target.name in names]
    outcomes = []
    for n_done, target in enumerate(chosen, 1):
        outcomes.append(_run(target, folder))
        if progress is not None:
            progress(n_done, len(chosen))
    return outcomes


def _run(target: Target, folder: Path | None) -> Outcome:
    absent = missing(folder, target.needs)
    if absent:
        return Outcome(target, (), absent)
    started = time.perf_counter()
    rows = target.rows(folder)
    return Outcome(target, rows, wall_s=time.perf_counter() - started)
