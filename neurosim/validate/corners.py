"""A chip with the duration of every event at one end of its interval."""

from __future__ import annotations

from typing import Literal

from hw_models.schema import Chip, Figure
from hw_models.unpublished import core_costs

End = Literal["low", "high"]
_NOC = ("router_latency_ns", "link_latency_ew_ns", "link_latency_ns_ns", "eject_latency_ns", "link_cycle_ns")


def at_end(chip: Chip, end: End) -> Chip:
    """Return `chip` with all durations of cores, network and barrier at their low or high end."""
    own = core_costs(chip)
    costs = own.model_copy(update={name: cost.model_copy(update={"latency_ns": _at(cost.latency_ns, end)})
                                   for name, cost in own if cost is not None})
    noc = chip.noc.model_copy(update={name: _at(getattr(chip.noc, name), end) for name in _NOC})
    barrier = [entry.model_copy(update={"latency_ns": _at(entry.latency_ns, end)}) for entry in chip.barrier]
    core = chip.core.model_copy(update={"costs": costs})
    return chip.model_copy(update={"core": core, "noc": noc, "barrier": barrier})


def _at(figure: Figure, end: End) -> Figure:
    return figure.model_copy(update={"value": getattr(figure, end)})
