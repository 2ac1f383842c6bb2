"""State of a training after an epoch, so that one that was stopped goes on as if it had not been.

Holds network, optimiser, learning-rate schedule, random generator and the records of the epochs so far.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

Record = dict[str, Any]


class Training(NamedTuple):
    """What changes while a network learns."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LambdaLR


def save_checkpoint(path: Path | None, training: Training, epochs: list[Record]) -> None:
    """Write the state; do nothing without a path. A stop while writing leaves the file before it."""
    if path is None:
        return
    state = {name: part.state_dict() for name, part in training._asdict().items()}
    partial = path.with_suffix(".partial")
    torch.save(state | {"epochs": epochs, "generator": torch.get_rng_state()}, partial)
    partial.replace(path)


def load_checkpoint(path: Path | None, training: Training) -> list[Record]:
    """Put the state of a file in place and return the records of its epochs; none without a file."""
    if path is None or not path.is_file():
        return []
    state = torch.load(path, weights_only=True)
    for name, part in training._asdict().items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["generator"])
    return list(state["epochs"])
