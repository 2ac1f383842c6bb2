"""What every importer returns: the network, and what became of each key of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from neurosim.graph import Network, Population, Projection

if TYPE_CHECKING:
    from importers.files.tensors import TensorFile

Action = Literal["mapped", "folded", "dropped"]


class Support(NamedTuple):
    """A row of the documentation's table: what of the source is read, and what it becomes.

    becomes : population models, projections; or `refused`
    remark : conventions, limits, the reason of a refusal
    """

    what: str
    becomes: str
    remark: str = ""


@dataclass(frozen=True)
class ReportLine:
    """One key of the source.

    action : `mapped` to parameters or weights of its own, `folded` into those of others, or `dropped`
    target : where its numbers went; empty if dropped
    reason : why it was folded or dropped
    """

    key: str
    action: Action
    target: str
    reason: str = ""

    def __str__(self) -> str:
        because = f" ({self.reason})" if self.reason else ""
        return f"{self.key}: {self.action}{f' to {self.target}' if self.target else ''}{because}"


@dataclass(frozen=True)
class ImportReport:
    """Lines in the order of the source, and every setting with where its value came from.

    settings : name -> `value (given | metadata | keys | default)`
    notes : what the user should know
    """

    lines: tuple[ReportLine, ...]
    settings: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        settings = [f"{name} = {value}" for name, value in self.settings.items()]
        return "\n".join([*settings, *map(str, self.lines), *(f"note: {note}" for note in self.notes)])


@dataclass(frozen=True)
class ImportResult:
    """An imported network and its report."""

    network: Network
    report: ImportReport


def imported(source: TensorFile, name: str | None, populations: Sequence[Population],
             projections: Sequence[Projection], report: ImportReport, *, importer: str,
             readouts: tuple[str, ...] = ("readout",), **resolved: str) -> ImportResult:
    """Return the network made of a file of tensors, called like the file unless named, and its report.

    The file's metadata go on with it, and beside them the importer and what it `resolved`; the file's notes come first.
    """
    metadata = {**source.metadata, "importer": importer, "source": Path(source.path).name, **resolved}
    network = Network(name or Path(source.path).stem, tuple(populations), tuple(projections), readouts, metadata)
    return ImportResult(network, ImportReport(report.lines, report.settings, (*source.notes, *report.notes)))
