"""The fixed-point formats of a run, as its trace tells them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from neurosim.errors import TraceError
from neurosim.report.quantities import shortened
from neurosim.traces.trace import Trace

WEIGHT = "weight"                       # the one quantity of a projection


class FormatRow(NamedTuple):
    """The format of one quantity of a population or projection `name`, as text such as `s24.12/floor/saturate`."""

    name: str
    quantity: str
    format: str


def format_table(trace: Trace) -> list[FormatRow]:
    """Return the formats of a run, populations first; none where the trace does not tell them.

    Raises
    ------
    TraceError : /provenance/formats is not what it should be
    """
    text = trace.provenance.get("formats")
    if text is None:
        return []
    try:
        return _rows(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TraceError(f"{trace.path}: /provenance/formats = {shortened(text, 60)}",
                         allowed='{"populations": {name: {quantity: format}}, "projections": {name: format}}',
                         mend="run again with this version of neurosim") from error


def _rows(formats: Any) -> list[FormatRow]:
    rows = [FormatRow(population, quantity, text) for population, texts in formats["populations"].items()
            for quantity, text in texts.items()]
    rows += [FormatRow(projection, WEIGHT, text) for projection, text in formats["projections"].items()]
    if not all(isinstance(row.format, str) for row in rows):
        raise TypeError("a format is text")
    return rows
