"""W8: how long a user waits before anything happens; each command in a process of its own.

`python benchmarks/w8_startup.py [--no-cold] [--json FILE]`. The first run after an installation is made with an empty
folder of compiled kernels: as users make it, when the reference engine computes while a process beside compiles, and
waiting for the compiler, which takes a minute. What runs beside is not counted, but slows the run where it must.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Figure, Progress, environment, figures_table, parser_of, print_environment, write_figures

from neurosim.engine.first_run import is_alive

RUN = ("run", "digits", "--chip", "loihi2", "--samples", "1", "--quiet")


def main() -> None:
    """Print the figures."""
    parser = parser_of(__doc__, 5, "repetitions of what is quick, of which the fastest counts")
    parser.add_argument("--no-cold", action="store_true", help="leave the first run after an installation out")
    arguments = parser.parse_args()
    where, tell = environment(None), Progress()
    with tempfile.TemporaryDirectory() as bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode    # installed packages have bytecode, checkouts maybe not
        figures = measure(not arguments.no_cold, arguments.repeat, tell)
    tell.clear()
    print_environment(where)
    print(figures_table(figures))
    write_figures(arguments.json, where, "python benchmarks/w8_startup.py", figures)


def measure(cold: bool, repeat: int, tell: Progress) -> list[Figure]:
    """Return all figures; cold : those of the first run after an installation, too."""
    _measured(_command(*RUN))           # kernels and bytecode compiled, files in the cache of the system
    figures = [*_figures("neurosim --help", [_command("--help")], repeat, tell, 0.2)]
    figures += _figures("digits on loihi2, one sample, warm", [_command(*RUN)], repeat, tell, 0.8)
    if cold:
        for name, options in (("float64", ()), ("fixed point", ("--numbers", "fixed"))):
            what = f"digits on loihi2, one sample, {name}: first run after install"
            for engine, target in (("auto", 10.0), ("compiled", None)):
                waits = "" if engine == "auto" else ", waiting for the compiler"
                with tempfile.TemporaryDirectory() as cache:
                    figures += _figures(what + waits, [_command(*RUN, *options)], 1, tell, target,
                                        {"NUMBA_CACHE_DIR": cache, "NEUROSIM_ENGINE": engine})
                    _wait_for_compilers(Path(cache))
        with tempfile.TemporaryDirectory() as cache:
            figures += _figures("python -m neurosim.warm (float64 and fixed, a process each)",
                                [[sys.executable, "-m", "neurosim.warm"]], 1, tell, None, {"NUMBA_CACHE_DIR": cache})
    return figures


def _wait_for_compilers(cache: Path) -> None:
    """Wait for the processes that a first run left behind."""
    for path in cache.rglob("ready/*.process"):
        number = int(path.read_text(encoding="utf-8"))
        while is_alive(number):
            time.sleep(0.2)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "neurosim", *arguments]


def _figures(name: str, commands: list[list[str]], repeat: int, tell: Progress, at_most: float | None,
             changes: dict[str, str] | None = None) -> list[Figure]:
    """Return CPU and wall seconds of a command, the best of several; the target is for both."""
    tell(name)
    times = [_measured(command, changes) for _ in range(repeat) for command in commands]
    cpu, wall = (min(column) for column in zip(*times, strict=True))
    return [Figure("W8", f"{name}: CPU", cpu, "s", at_most=at_most),
            Figure("W8", f"{name}: wall", wall, "s", at_most=at_most, note="depends on what else the machine does")]


def _measured(command: list[str], changes: dict[str, str] | None = None) -> tuple[float, float]:
    """Return (CPU, wall) seconds of a command and its children."""
    root = str(Path(__file__).resolve().parents[1])
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": root, **(changes or {})}, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


if __name__ == "__main__":
    main()
