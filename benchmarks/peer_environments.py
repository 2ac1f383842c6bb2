"""Install the peers, each group into an environment of its own below a build folder.

    python benchmarks/peer_environments.py [--folder build/peers]

What this Python cannot take is skipped, with the reason. Nothing here is needed by neurosim or its tests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "build" / "peers"
# PyTorch for processors alone, from its own index; the default build brings gigabytes for graphics cards.
TORCH = "torch==2.13.0"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


@dataclass(frozen=True)
class Environment:
    """One environment: what pip installs, and which Python it takes, from (least) to below (most)."""

    name: str
    requirements: tuple[str, ...]
    least: tuple[int, int]
    below: tuple[int, int]


# Brian2 2.9 calls what NumPy 2.3 no longer has; Lava needs Python 3.10.
ENVIRONMENTS = (
    Environment("brian2", ("brian2==2.9.0", "numpy<2.3", "setuptools<81"), (3, 10), (3, 14)),
    Environment("nest", ("nest-simulator==3.10",), (3, 10), (3, 15)),
    Environment("sanafe", ("sanafe==2.2.9", "numpy"), (3, 10), (3, 14)),
    Environment("torch", (TORCH, "snntorch==1.0.0", "norse==1.1.0", "spikingjelly==2.0.0"), (3, 10), (3, 14)),
    Environment("lava", ("lava-nc==0.10.0",), (3, 8), (3, 11)),
)


def python_of(name: str, folder: Path = FOLDER) -> Path:
    """Return the Python of an environment, there or not."""
    return folder / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def reason_to_skip(name: str, folder: Path = FOLDER) -> str:
    """Return why an environment cannot be used; empty where it can."""
    failure = folder / f"{name}.skipped"
    if failure.exists():
        return failure.read_text(encoding="utf-8").strip()
    return "" if python_of(name, folder).exists() else "not installed: run `make bench-peers`"


def install(environment: Environment, folder: Path) -> str:
    """Make one environment unless it is there; return why it cannot be made, else nothing."""
    if not environment.least <= sys.version_info[:2] < environment.below:
        return (f"{environment.name} takes Python {_dotted(environment.least)} to below {_dotted(environment.below)}, "
                f"this is {_dotted(sys.version_info[:2])}")
    done = folder / f"{environment.name}.installed"
    if done.exists() and done.read_text(encoding="utf-8") == "\n".join(environment.requirements):
        return ""
    python = python_of(environment.name, folder)
    install_here = [str(python), "-m", "pip", "install", "--quiet"]
    reason = _failure([sys.executable, "-m", "venv", "--clear", str(folder / environment.name)])
    if not reason and TORCH in environment.requirements:        # where that fails, the usual index has it, too
        _failure([*install_here, "--retries", "1", "--timeout", "20", "--index-url", TORCH_INDEX, TORCH])
    reason = reason or _failure([*install_here, *environment.requirements])
    if reason:
        return reason
    done.write_text("\n".join(environment.requirements), encoding="utf-8")
    return ""


def _failure(command: list[str]) -> str:
    """Run a command; return its last line where it fails, else nothing."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return (finished.stderr.strip().splitlines() or ["no reason given"])[-1] if finished.returncode else ""


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def main() -> None:
    """Install all that can be installed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for environment in ENVIRONMENTS:
        reason = install(environment, folder)
        skipped = folder / f"{environment.name}.skipped"
        if reason:
            skipped.write_text(reason + "\n", encoding="utf-8")
        else:
            skipped.unlink(missing_ok=True)
        print(f"{environment.name}: {f'skipped: {reason}' if reason else 'installed'}")


if __name__ == "__main__":
    main()
