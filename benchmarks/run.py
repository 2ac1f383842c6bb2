"""Run the benchmarks one after the other, and write what they found into `results/` and `RESULTS.md`.

    python benchmarks/run.py [--peers] [--only NAME ...] [--table]

Every benchmark is a process of its own that prints its figures and keeps to one core; what fails is said and left out.
A new benchmark is one line in `BENCHMARKS`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TABLE = HERE / "RESULTS.md"
HEAD = """# Results of the benchmarks

Written by `python benchmarks/run.py`; what is measured, and how, stands in [README.md](README.md). Ratios travel from
machine to machine, absolute figures do not. `load_1_min` tells how busy the machine was.

"""


@dataclass(frozen=True)
class Benchmark:
    """One script: its arguments, those with peers, and whether it is about peers alone."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    peer_arguments: tuple[str, ...] | None = None       # None: it knows no peers


# A line for each. A script that is not there is skipped.
BENCHMARKS = (
    Benchmark("functional_w1", "functional.py", ("--workload", "W1"), ("--peers",)),
    Benchmark("functional_w2", "functional.py", ("--workload", "W2"), ("--peers",)),
    Benchmark("synapses", "synapses.py"),
    Benchmark("w3_stream", "w3_stream.py", (), ("--peers",)),
    Benchmark("w4_noc", "w4_noc.py"),
    Benchmark("w5_sanafe", "w5_sanafe.py", (), ()),
    Benchmark("w6_scenarios", "w6_scenarios.py"),
    Benchmark("neurons", "neurons.py"),
    Benchmark("mapping", "mapping.py"),
    Benchmark("w7_scale", "w7_scale.py"),
    Benchmark("w8_startup", "w8_startup.py"),
    Benchmark("report_page", "report_page.py"),
)


def run(benchmark: Benchmark, *, peers: bool) -> str:
    """Run one benchmark; return why it has no result, else nothing."""
    script = HERE / benchmark.script
    extra = (benchmark.peer_arguments or ()) if peers else ()
    command = [sys.executable, str(script), *benchmark.arguments, *extra, "--json",
               str(RESULTS / f"{benchmark.name}{'_peers' if peers else ''}.json")]
    print(f"--- {benchmark.name}", flush=True)
    status = subprocess.run(command, cwd=HERE.parent, check=False).returncode
    return f"ended with status {status}" if status else ""


def table(path: Path) -> str:
    """Return the figures of one file of results in Markdown."""
    content = json.loads(path.read_text(encoding="utf-8"))
    where = content["environment"]
    lines = [f"## {path.stem}", "", f"    {content.get('command', '')}".rstrip(), "", _machine(where), ""]
    if "figures" in content:
        lines += ["| | figure | value | target | | note |", "|---|---|---|---|---|---|"]
        lines += [_row(figure) for figure in content["figures"]]
    else:       # rows of names of their own
        names = list(dict.fromkeys(name for row in content["rows"] for name in row))
        lines += [_cells(names), _cells("---" for _ in names)]
        lines += [_cells(_short(row.get(name)) for name in names) for row in content["rows"]]
    return "\n".join(lines) + "\n"


def _machine(where: dict[str, Any]) -> str:
    """Return machine and versions in one line."""
    return ", ".join(f"{key} {value}" for key, value in where.items() if value is not None)


def _row(figure: dict[str, Any]) -> str:
    """Return one row of the table."""
    bounds = " ".join(f"{sign} {figure[key]:g}" for key, sign in (("at_least", "≥"), ("at_most", "≤"))
                      if figure[key] is not None)
    verdict = {True: "met", False: "**missed**, [why](../docs/performance.md)", None: ""}[figure["met"]]
    value = f"{figure['value']:.4g} {figure['unit']}"
    cells = (figure["workload"], figure["name"], value, bounds, verdict, figure["note"])
    return _cells(cells)


def _short(value: Any) -> str:
    """Return a value with four digits, nothing for None."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _cells(values: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(str(value).replace("|", "\\|") for value in values) + " |"


def write_table() -> None:
    """Write `RESULTS.md` from all files of results."""
    tables = [table(path) for path in sorted(RESULTS.glob("*.json"))]
    TABLE.write_text(HEAD + "\n".join(tables), encoding="utf-8")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peers", action="store_true", help="against the peers as well, where there are any")
    parser.add_argument("--only", nargs="+", choices=[benchmark.name for benchmark in BENCHMARKS])
    parser.add_argument("--table", action="store_true", help="only write the table anew")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    failures = {}
    for benchmark in BENCHMARKS if not given.table else ():
        if given.only and benchmark.name not in given.only or given.peers and benchmark.peer_arguments is None:
            continue
        if not (HERE / benchmark.script).exists():
            continue
        reason = run(benchmark, peers=given.peers)
        if reason:
            failures[benchmark.name] = reason
    write_table()
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
