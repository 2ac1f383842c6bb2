"""The results of a study in one SQLite file: what stands there is whole, whenever the program was killed.

A point is written in one transaction when its run is over, and its key is unique, so that no point stands there
twice.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from neurosim.errors import DataError, OptionError
from neurosim.explore.points import Point
from neurosim.explore.trial import Outcome

FILE_NAME, LOCK_NAME = "results.db", "lock"
VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS study (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS points (
    number INTEGER NOT NULL, point TEXT NOT NULL, detail TEXT NOT NULL, settings TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, metrics TEXT NOT NULL, wall_s REAL NOT NULL,
    PRIMARY KEY (point, detail));
"""


@dataclass(frozen=True)
class Row:
    """One result. `number` is the point's place in the order of the search, which does not depend on who was first."""

    number: int
    point: Point
    detail: str
    outcome: Outcome


class Store:
    """The results of one study; a context manager, open in one program at a time.

    Parameters
    ----------
    folder : of the study, made where it does not exist
    identity : what must be the same when a study goes on, name -> text
    resume : go on with the results that are there
    force : throw them away

    Raises
    ------
    OptionError  results are there and neither `resume` nor `force` is given, or they are those of another study
    DataError    the file is no results file, or another program has the study open
    """

    def __init__(self, folder: Path, identity: Mapping[str, str], *, resume: bool = False, force: bool = False) -> None:
        self.folder, self.path = folder, folder / FILE_NAME
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder}: is no folder", mend="give another folder with --out")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / LOCK_NAME)
        try:
            self._open(identity, resume=resume, force=force)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, identity: Mapping[str, str], *, resume: bool, force: bool) -> None:
        if force:
            for stale in self.folder.glob("*.db*"):
                stale.unlink()
        elif self.path.exists() and not resume:
            raise OptionError(f"{self.folder}: has results", allowed="a folder without results",
                              mend="go on with --resume, or throw them away with --force")
        try:
            self._database = sqlite3.connect(self.path, isolation_level=None)
            self._database.executescript(_TABLES)
            self._check(identity)
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path}: {error}", allowed="a results file of neurosim sweep",
                            mend="give another folder with --out, or begin anew with --force") from None

    def _check(self, identity: Mapping[str, str]) -> None:
        """Note what study this is, or hold it against what stands there."""
        wanted = {"version": str(VERSION), **identity}
        known = dict(self._database.execute("SELECT name, value FROM study"))
        for name, value in wanted.items():
            if known and known.get(name) != value:
                raise OptionError(f"{self.folder}: holds the results of another study: its {name} differs",
                                  allowed="the same study; its budget alone may change",
                                  mend="give another folder with --out, or begin anew with --force")
        if not known:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO study VALUES (?, ?)", list(wanted.items()))
            self._database.execute("COMMIT")

    def put(self, row: Row) -> None:
        """Write one result, for good before this returns; one that stands there already stays as it is."""
        outcome = row.outcome
        self._database.execute(
            "INSERT OR IGNORE INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.number, row.point.key, row.detail, json.dumps(dict(row.point.settings)), outcome.status,
             outcome.reason, json.dumps(outcome.metrics), outcome.wall_s))

    def get(self, point: Point, detail: str) -> Outcome | None:
        """Return what came of a point; None where it has not been run."""
        found = self._database.execute("SELECT status, reason, metrics, wall_s FROM points WHERE point = ? AND "
                                       "detail = ?", (point.key, detail)).fetchone()
        return None if found is None else _outcome(*found)

    def rows(self) -> list[Row]:
        """Return all results, in the order of detail and number."""
        found = self._database.execute("SELECT number, settings, detail, status, reason, metrics, wall_s FROM points "
                                       "ORDER BY detail, number, point")
        return [Row(number, Point(json.loads(settings)), detail, _outcome(*rest))
                for number, settings, detail, *rest in found]

    def count(self, detail: str) -> int:
        """Return how many points have results at `detail`."""
        return int(self._database.execute("SELECT COUNT(*) FROM points WHERE detail = ?", (detail,)).fetchone()[0])

    def close(self) -> None:
        """Close the file and let others in."""
        self._database.close()
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())


def _outcome(status: str, reason: str, metrics: str, wall_s: float) -> Outcome:
    return Outcome(status, reason, json.loads(metrics), wall_s)


def _locked(path: Path) -> IO[Any]:
    """Return the open lock file; the system opens the lock when this program ends, however it ends."""
    lock = path.open("w")
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    lock.close()
    raise DataError(f"{path.parent}: another program is at work on this study", mend="wait for it, or end it first")
