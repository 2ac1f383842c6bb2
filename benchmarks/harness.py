"""What the benchmarks share: one core, the words about the machine, progress, options, the JSON file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import simpy

from neurosim import __version__

WIDTH = 78


def pin() -> int | None:
    """Keep to one core, the last allowed one; return its number, or None where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def environment(core: int | None) -> dict[str, Any]:
    """Return where and with what this ran."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"neurosim": __version__, "python": platform.python_version(), "numba": numba.__version__,
            "numpy": np.__version__, "simpy": simpy.__version__, "system": platform.platform(),
            "processor": _processor(), "processors": os.cpu_count(), "pinned_to": core, "load_1_min": load}


def _processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def print_environment(where: dict[str, Any]) -> None:
    """Print what `environment` found."""
    print(", ".join(f"{key} {value}" for key, value in where.items() if value is not None))


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its target."""

    workload: str                       # W1 ... W8
    name: str                           # what was measured, against what
    value: float
    unit: str
    at_least: float | None = None       # targets
    at_most: float | None = None
    note: str = ""                      # why it misses, what was skipped

    @property
    def target(self) -> str:
        """The target as text, empty where there is none."""
        bounds = [f">= {self.at_least:g}" if self.at_least is not None else "",
                  f"<= {self.at_most:g}" if self.at_most is not None else ""]
        return " ".join(bound for bound in bounds if bound)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.at_least is None and self.at_most is None:
            return None
        return ((self.at_least is None or self.value >= self.at_least)
                and (self.at_most is None or self.value <= self.at_most))


def figures_table(figures: Sequence[Figure]) -> str:
    """Return figures and targets as text."""
    width = max((len(figure.name) for figure in figures), default=0)
    verdicts = {None: "", True: "met", False: "missed"}
    return "\n".join(f"{figure.workload:3} {figure.name:{width}}  {figure.value:>12.4g} {figure.unit:10}"
                     f"{figure.target:>12} {verdicts[figure.met]:7}{figure.note}".rstrip() for figure in figures)


def write_figures(path: Path | None, where: dict[str, Any], command: str, figures: Sequence[Figure]) -> None:
    """Write figures as JSON, if a file is wanted: the machine, the command that repeats them, a row each."""
    if path is not None:
        rows = [{**asdict(figure), "met": figure.met} for figure in figures]
        path.write_text(json.dumps({"environment": where, "command": command, "figures": rows}, indent=2) + "\n",
                        encoding="utf-8")


class Progress:
    """Says on a terminal what is under way, in one line; says nothing elsewhere."""

    def __init__(self) -> None:
        self.quiet = not sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        if not self.quiet:
            print(f"\r{text:{WIDTH}}", end="", file=sys.stderr)

    def clear(self) -> None:
        """Empty the line."""
        if not self.quiet:
            print(f"\r{'':{WIDTH}}\r", end="", file=sys.stderr)


def parser_of(text: str | None, repeat: int, repeat_help: str) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have; `text` is the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=(text or "").partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=repeat, help=f"{repeat_help}, default {repeat}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    return parser


def write_json(path: Path | None, where: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Write the figures, if a file is wanted."""
    if path is not None:
        path.write_text(json.dumps({"environment": where, "rows": rows}, indent=2) + "\n", encoding="utf-8")
