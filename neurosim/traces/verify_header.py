"""What a trace says of its run, held against what that can be: types, lengths, ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosim.traces import layout
from neurosim.traces.check import damaged

if TYPE_CHECKING:
    from neurosim.traces.trace import Trace

NUMBERS = ("columns", "rows", "cores_per_tile")
WORDS = ("population_names", "output_names", "readout_populations")


def verify_header(trace: Trace) -> None:
    """Raise TraceError at the first fact that cannot be."""
    _check_types(trace)
    _check_lengths(trace)
    header = trace.header
    ranges = {"output_population": len(header.population_names), "output_kind": len(layout.KINDS), "core_is_port": 2}
    for name, stop in ranges.items():
        if any(not 0 <= int(value) < stop for value in getattr(header, name)):
            raise damaged(trace.path, f"/mapping/{name} has an entry outside 0 to {stop - 1}")


def _check_types(trace: Trace) -> None:
    header: Any = trace.header
    for name in NUMBERS:
        if not _is_count(getattr(header, name)) or getattr(header, name) < 1:
            raise damaged(trace.path, f"/run, attribute {name} = {getattr(header, name)!r}")
    for name in WORDS:
        _check_each(trace, name, getattr(header, name), lambda item: isinstance(item, str))
    for name in ("population_sizes", "output_population", "output_kind"):
        _check_each(trace, name, getattr(header, name), _is_count)
    for core in header.core_slices:
        _check_each(trace, "core_slices", core, lambda item: isinstance(item, str))


def _check_each(trace: Trace, name: str, items: Any, sound: Any) -> None:
    for index, item in enumerate(items):
        if not sound(item):
            raise damaged(trace.path, f"/mapping/{name}[{index}] = {item!r}")


def _check_lengths(trace: Trace) -> None:
    header = trace.header
    n_cores, n_populations, n_outputs = (len(header.core_physical), len(header.population_names),
                                         len(header.output_names))
    lengths = {"population_sizes": (len(header.population_sizes), n_populations),
               "output_population": (len(header.output_population), n_outputs),
               "output_kind": (len(header.output_kind), n_outputs), "core_slices": (len(header.core_slices), n_cores),
               "core_tile": (len(header.core_tile), n_cores), "core_is_port": (len(header.core_is_port), n_cores)}
    for name, (found, wanted) in lengths.items():
        if found != wanted:
            raise damaged(trace.path, f"/mapping/{name} has {found} entries instead of {wanted}")


def _is_count(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and item >= 0
