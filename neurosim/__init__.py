"""Run trained spiking networks on neuromorphic chips that need not exist.

The public names are resolved on first use (PEP 562), so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from importers import import_network
    from neurosim.api import QuantizeResult, RunResult, load_chip, load_network, map_network, quantize, run, summarise
    from neurosim.errors import NeurosimError
    from neurosim.graph import Network
    from neurosim.profiling import ProfileResult, profile
    from neurosim.traces.store import Trace

_HOME = {
    "Network": "neurosim.graph",
    "NeurosimError": "neurosim.errors",
    "ProfileResult": "neurosim.profiling",
    "QuantizeResult": "neurosim.api",
    "RunResult": "neurosim.api",
    "Trace": "neurosim.traces.store",
    "import_network": "importers",
    "load_chip": "neurosim.api",
    "load_network": "neurosim.api",
    "map_network": "neurosim.api",
    "profile": "neurosim.profiling",
    "quantize": "neurosim.api",
    "run": "neurosim.api",
    "summarise": "neurosim.api",
}

__all__ = ["Network", "NeurosimError", "ProfileResult", "QuantizeResult", "RunResult", "Trace", "__version__",
           "import_network", "load_chip", "load_network", "map_network", "profile", "quantize", "run", "summarise"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neurosim' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
