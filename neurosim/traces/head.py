"""The head of a trace: what it is, and all that is known before the first sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from neurosim.traces import layout
from neurosim.traces.schema import SCHEMA_VERSION, RunHeader


def write_root(file: Any) -> None:
    """Write what tells a trace from other files, and that it is not whole yet."""
    file.attrs["schema_version"] = np.uint32(SCHEMA_VERSION)
    file.attrs["magic"] = np.uint32(layout.SONATA_MAGIC)
    file.attrs["version"] = np.array(layout.SONATA_VERSION, dtype=np.uint32)
    file.attrs["complete"] = np.uint8(0)


def write_header(file: Any, header: RunHeader) -> None:
    """Write what is known before the first sample: provenance, run, mapping."""
    provenance = file.create_group("provenance")
    for name, text in header.provenance.items():
        write_text(provenance, name, text)
    run = file.create_group("run")
    for name in (*layout.RUN_ATTRIBUTES, *layout.LATER_RUN_ATTRIBUTES):
        run.attrs[name] = getattr(header, name)
    mapping = file.create_group("mapping")
    for name in ("core_physical", "core_tile", "core_is_port"):
        mapping.create_dataset(name, data=np.asarray(getattr(header, name), dtype=np.int64))
    for name in layout.JSON_TABLES:
        write_text(mapping, name, json.dumps([_plain(row) for row in getattr(header, name)]))


def _plain(row: Any) -> Any:
    """Return a row of a header table as JSON can hold it."""
    if isinstance(row, Mapping):
        return {name: [int(number) for number in pair] for name, pair in row.items()}
    if isinstance(row, tuple):
        return list(row)
    return row if isinstance(row, str) else int(row)


def write_text(group: Any, name: str, text: str) -> None:
    """Write a text; one of that name is replaced."""
    if name in group:
        del group[name]
    group.create_dataset(name, data=text, dtype=h5py.string_dtype())


def set_sorting(group: Any, order: str) -> None:
    """Say in SONATA's words how the spikes of a group are sorted."""
    enum = h5py.enum_dtype(layout.SORTING, basetype=np.int8)
    group.attrs.create("sorting", layout.SORTING[order], dtype=enum)
