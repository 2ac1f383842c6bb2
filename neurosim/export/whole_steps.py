"""Blocks of rows cut where time steps end, so that what belongs to one step comes together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from neurosim.traces.trace import Packets, Spikes

Table = TypeVar("Table", Spikes, Packets)


def whole_steps(blocks: Iterator[Table]) -> Iterator[Table]:
    """Yield the rows of `blocks`, which ascend by sample and step, in blocks of whole time steps; none is empty."""
    rest: Table | None = None
    for block in blocks:
        table = block if rest is None else _joined(rest, block)
        if not len(table.step):
            continue
        last = (table.sample == table.sample[-1]) & (table.step == table.step[-1])
        if not last.all():
            yield take(table, ~last)
        rest = take(table, last)
    if rest is not None:
        yield rest


def take(table: Table, rows: Any) -> Table:
    """Return `rows` of a table."""
    columns: Any = table
    return type(table)(*[column[rows] for column in columns])


def _joined(first: Table, second: Table) -> Table:
    columns: Any = zip(first, second, strict=True)
    return type(first)(*[np.concatenate(pair) for pair in columns])
