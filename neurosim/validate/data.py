"""Where the networks and recordings of others lie: the folder NEUROSIM_TEST_DATA (docs/data.md)."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "NEUROSIM_TEST_DATA"


def data_folder() -> Path | None:
    """Return the folder that NEUROSIM_TEST_DATA names, else `../shared/data` beside the project; None if absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get(VARIABLE) or beside)
    return folder if folder.is_dir() else None


def missing(folder: Path | None, needs: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `needs` that `folder` lacks."""
    return tuple(name for name in needs if folder is None or not (folder / name).exists())
