"""Work for executors: functions that other processes find by their names."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def scaled(context: float, item: float) -> tuple[float, int]:
    """Return context x item, and who did it."""
    time.sleep(0.05)
    return context * item, os.getpid()


def fatal_once(context: str, item: int) -> int:
    """Kill the process that does item 3, the first time."""
    mark = Path(context) / "died"
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def fatal(context: Any, item: int) -> int:
    """Kill every process that does item 1."""
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def wrong(context: Any, item: int) -> int:
    """Raise."""
    raise ValueError(f"item {item}")


def slow(context: Any, item: int) -> tuple[int, int]:
    """Take a while."""
    time.sleep(0.4)
    return item, os.getpid()
