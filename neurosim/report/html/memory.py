"""What each core's memories hold, for the page: one row per kind, one column per core or per group of cores."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.report.html.packing import packed
from neurosim.traces.schema import RunHeader

MOST_COLUMNS = 600


def memory_json(header: RunHeader) -> dict[str, Any] | None:
    """Return the fill of every memory that has a limit; None where no core has one.

    kinds : names; limits : of one core; used, share : [kind, column], of the fullest core of a column; together : cores
    to a column; cores : number and content of that core of each column
    """
    cores = header.utilisation
    kinds = [name for name in dict.fromkeys(name for core in cores for name in core)
             if any(core.get(name, (0, 0))[1] > 0 for core in cores)]
    if not kinds:
        return None
    used = np.array([[core.get(kind, (0, 0))[0] for core in cores] for kind in kinds], np.float64)
    limit = np.array([[max(core.get(kind, (0, 0))[1], 0) for core in cores] for kind in kinds], np.float64)
    share = np.divide(used, limit, out=np.zeros_like(used), where=limit > 0)
    together = -(-len(cores) // MOST_COLUMNS)
    starts = np.arange(0, len(cores), together)
    fullest = [start + int(share[:, start:start + together].max(axis=0).argmax()) for start in starts]
    holds = _content(header)
    return {"kinds": [kind.replace("_", " ") for kind in kinds], "limits": limit.max(axis=1).tolist(),
            "share": packed(np.maximum.reduceat(share, starts, axis=1)),
            "used": packed(np.maximum.reduceat(used, starts, axis=1)), "together": together,
            "cores": [holds[core] for core in fullest]}


def _content(header: RunHeader) -> list[dict[str, Any]]:
    """Return number and content of the cores in use, in the order of their utilisation."""
    order = np.flatnonzero(header.core_is_port == 0)
    return [{"number": int(header.core_physical[core]), "holds": ", ".join(header.core_slices[core][:4])}
            for core in order]
