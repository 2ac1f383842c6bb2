"""Accuracy, spikes, cores and energy of the digit networks against the bits of their words.

Run from the root of the repository:

    python -m scenarios.precision.study             the missing rows, then table.md and docs/precision.png
    python -m scenarios.precision.study --fresh     all rows again; about 20 minutes on one core
    python -m scenarios.precision.study --quick     a few rows again, compared with those of results.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from scenarios.precision.chips import WIDTHS, chip_row
from scenarios.precision.evaluate import Subject
from scenarios.precision.networks import SOURCES, load_case
from scenarios.precision.results import Key, Results, Row
from scenarios.precision.variants import variants

# Rows that `--quick` and the tests compute again.
QUICK = (
    ("float", "lif"), ("fixed", "lif", "a", "7"), ("fixed", "lif", "h", "14"), ("fixed", "lif", "h_folded", "12"),
    ("fixed", "lif", "mixed", "A16 C8 h24 W8 m24 p24"), ("chips", "lif", "8 24 16 24"), ("chips", "lif", "8 16 12 12"),
    ("fixed", "binary", "synapses", "8"), ("fixed", "binary", "mixed", "A16 C8 h24 W8 m24 p24"),
    ("fixed", "gsu", "payload", "7"), ("fixed", "gsu", "mixed", "A16 C8 h24 W8 m24 p24"),
    ("fixed", "lif784", "h", "16"),
)


class Job(NamedTuple):
    """A row that can be computed."""

    section: str
    key: Key
    compute: Callable[[Subject], Row]


def jobs(network: str) -> Iterator[Job]:
    """Yield the rows of a network."""
    case = load_case(network)
    yield Job("float", (network,), Subject.float_row)
    yield Job("ranges", (network,), Subject.range_row)
    for variant in variants(case):
        yield Job("fixed", (network, variant.series, variant.setting), partial(Subject.row, variant=variant))
    for widths in WIDTHS:
        yield Job("chips", (network, str(widths)), partial(chip_row, widths=widths))


def complete(results: Results) -> None:
    """Compute the rows that `results` lacks."""
    plan = {network: list(jobs(network)) for network in SOURCES}
    for network, wanted in plan.items():
        subject = Subject(load_case(network))
        for number, job in enumerate(wanted, 1):
            if job.key not in results.rows[job.section]:
                results.add(job.section, job.compute(subject))
                print(f"{number}/{len(wanted)} {job.section} {results.rows[job.section][job.key]}", file=sys.stderr)
    for section in results.rows:
        results.keep(section, (job.key for wanted in plan.values() for job in wanted if job.section == section))


def quick_rows() -> Iterator[tuple[str, Key, Row]]:
    """Compute the rows of QUICK; yield section, key and row."""
    for network in SOURCES:
        subject = Subject(load_case(network))
        for job in jobs(network):
            if (job.section, *job.key) in QUICK:
                yield job.section, job.key, job.compute(subject)


def differences() -> list[str]:
    """Return what `quick_rows` and the results say differently."""
    results, found = Results(), []
    for section, key, row in quick_rows():
        print(f"{section} {row}", file=sys.stderr)
        if results.rows[section].get(key) != row:
            found.append(f"{section}: computed {row}\n  results.json has {results.rows[section].get(key)}")
    return found


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Accuracy, spikes, cores and energy against the bits of words.")
    parser.add_argument("--fresh", action="store_true", help="compute all rows again")
    parser.add_argument("--quick", action="store_true", help="compute a few rows again and compare; write nothing")
    options = parser.parse_args()
    if options.quick:
        found = differences()
        print("\n".join(found) or "the same rows")
        return 1 if found else 0
    from scenarios.precision.figure import draw
    from scenarios.precision.table import write_table

    results = Results(fresh=options.fresh)
    complete(results)
    print(write_table(results))
    print(draw(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
