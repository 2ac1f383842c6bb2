"""The program as a user meets it: in this process where that is enough, in one of its own where signals matter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.graph_io import save_network

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("numpy", "numba", "h5py", "networkx", "simpy", "pydantic", "yaml", "matplotlib", "rich", "hw_models")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Outcome]


def make_program(capsys: pytest.CaptureFixture[str]) -> Program:
    """Return a function that runs the program within this process."""
    from neurosim.cli.main import main

    def program(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return program


def command(*arguments: object) -> list[str]:
    """Return the command line that starts the program in a process of its own."""
    return [sys.executable, "-m", "neurosim", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return an environment in which the program is found from any directory."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def start(*arguments: object, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """Start the program in a process of its own, which hears Ctrl-C even where a shell started the tests behind it."""
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(command(*arguments), cwd=cwd, env=environment(), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def save_tiny(folder: Path) -> tuple[Path, Path]:
    """Write a network of three inputs and five spiking neurons, and inputs with labels; return both paths."""
    weights = np.linspace(0.1, 1.0, 15).reshape(3, 5)
    network = Network("tiny", (Population("pixels", "input", 3, attributes={"payload": "spike"}),
                               Population("neurons", "lif", 5, {"leak": 0.9})),
                      (Projection("pixels", "neurons", DenseWeights(weights)),), readouts=("neurons",))
    save_network(network, folder / "tiny.h5")
    generator = np.random.default_rng(1)
    np.savez(folder / "tiny.npz", inputs=generator.integers(0, 2, (4, 6, 3)), labels=np.array([0, 1, 4, 4]))
    return folder / "tiny.h5", folder / "tiny.npz"
