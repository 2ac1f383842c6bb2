"""What happened in a run: data types, HDF5 in and out. Names are resolved on first use, so that h5py loads late."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.traces.recorder import MemoryRecorder as MemoryRecorder
    from neurosim.traces.recorder import TeeRecorder as TeeRecorder
    from neurosim.traces.store import TraceWriter as TraceWriter
    from neurosim.traces.trace import Trace as Trace

_MODULES = {"MemoryRecorder": "recorder", "TeeRecorder": "recorder", "TraceWriter": "store", "Trace": "trace"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"neurosim.traces.{_MODULES[name]}"), name)
