"""What tests of documents share: a folder in which the shown commands are those of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def make_commands(folder: Path, *, python: bool = False) -> Path:
    """Make `neurosim` (and `python`) commands of `folder`, installed or not; return the folder."""
    (folder / "bin").mkdir(exist_ok=True)
    commands = {"neurosim": f'"{sys.executable}" -m neurosim'} | ({"python": f'"{sys.executable}"'} if python else {})
    for name, what in commands.items():
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {what} "$@"\n')
        script.chmod(0o755)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """Return an environment in which the commands of `folder`, and this checkout's packages, are found."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def shell(command: str, workplace: Path) -> str:
    """Return what a command prints, errors included, run where `make_commands` has been."""
    path = f"{workplace / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, shell=True, cwd=workplace, env={**os.environ, "PATH": path}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    return done.stdout
