"""The rows of the study, in a file that is whole after every row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS_FILE = Path(__file__).parent / "results.json"
# Section -> the fields that name a row.
SECTIONS = {"float": ("network",), "ranges": ("network",), "fixed": ("network", "series", "setting"),
            "chips": ("network", "widths")}
LOST_POINTS = 1.0       # what counts as no loss, of 100

Key = tuple[str, ...]
Row = dict[str, Any]


class Results:
    """Section -> key -> row, in the order of the study."""

    def __init__(self, path: Path = RESULTS_FILE, *, fresh: bool = False) -> None:
        self.path = path
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() and not fresh else {}
        self.rows: dict[str, dict[Key, Row]] = {
            section: {key_of(section, row): row for row in found.get(section, [])} for section in SECTIONS}

    def add(self, section: str, row: Row) -> None:
        """Add a row and write the file."""
        self.rows[section][key_of(section, row)] = row
        self.write()

    def keep(self, section: str, keys: Iterable[Key]) -> None:
        """Put the rows of a section into this order; others go."""
        self.rows[section] = {key: self.rows[section][key] for key in keys}
        self.write()

    def write(self) -> None:
        """Write the file under another name first, so that it is never half there."""
        sections = [f' "{section}": [\n  ' + ",\n  ".join(json.dumps(row) for row in rows.values()) + "\n ]"
                    for section, rows in self.rows.items()]
        unfinished = self.path.with_suffix(".partial")
        unfinished.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf-8")
        unfinished.replace(self.path)

    # -- reading ---------------------------------------------------------------------------------------------------

    def accuracy(self, network: str, series: str, setting: object) -> float | None:
        """Return the accuracy in percent; None where no format could hold the values."""
        row = self.rows["fixed"][network, series, str(setting)]
        return None if "correct" not in row else self.percent(network, row["correct"])

    def percent(self, network: str, correct: int) -> float:
        """Return correct images in percent."""
        return float(100 * correct / self.rows["float"][(network,)]["images"])

    def float_accuracy(self, network: str) -> float:
        """Return the accuracy in float64, in percent."""
        return self.percent(network, self.rows["float"][(network,)]["correct"])

    def mismatch(self, network: str, series: str, setting: object) -> list[float] | None:
        """Return the part of each layer's updates whose spike differs from the float run, in percent."""
        row, whole = self.rows["fixed"][network, series, str(setting)], self.rows["float"][(network,)]
        updates = whole["images"] * whole["tokens"] * whole["neurons"]
        return [100 * n / updates for n in row["different"]] if "different" in row else None

    def sweep(self, network: str, series: str) -> dict[int, float | None]:
        """Return bits -> accuracy, ascending; empty where the network has no such series."""
        bits = sorted(int(setting) for name, kind, setting in self.rows["fixed"] if (name, kind) == (network, series))
        return {item: self.accuracy(network, series, item) for item in bits}

    def least_accuracy(self, network: str, series: str) -> float | None:
        """Return the accuracy that is no loss: LOST_POINTS below float64, or below the most bits if that is less.

        The other words cost up to a point, or win some; with the most bits, that is all that is lost. None where even
        these lose more.
        """
        exact, widest = self.float_accuracy(network), next(reversed(self.sweep(network, series).values()), None)
        return None if widest is None or widest < exact - LOST_POINTS else min(exact, widest) - LOST_POINTS

    def bits_needed(self, network: str, series: str) -> int | None:
        """Return the fewest bits from which on nothing is lost; None where even the most are too few."""
        needed, least = None, self.least_accuracy(network, series)
        for bits, accuracy in reversed(self.sweep(network, series).items()):
            if least is None or accuracy is None or accuracy < least:
                break
            needed = bits
        return needed


def key_of(section: str, row: Row) -> Key:
    """Return what names a row."""
    return tuple(str(row[name]) for name in SECTIONS[section])
