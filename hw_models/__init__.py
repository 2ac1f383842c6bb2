"""Chips as data: descriptions in YAML, their schema, and the price of what an engine counted.

Names are resolved on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hw_models.costs import EnergyBill, check_costs, price
    from hw_models.figures import Figure
    from hw_models.load import (
        barrier_latency_ns,
        chip_path,
        fingerprint,
        from_mapping,
        list_chips,
        load_chip,
        to_mapping,
    )
    from hw_models.located import ConfigError, Fault
    from hw_models.schema import Chip

_HOME = {
    "Chip": "schema", "Figure": "schema", "ConfigError": "located", "Fault": "located",
    "load_chip": "load", "list_chips": "load", "chip_path": "load", "to_mapping": "load", "from_mapping": "load",
    "fingerprint": "load", "barrier_latency_ns": "load",
    "price": "costs", "check_costs": "costs", "EnergyBill": "costs",
}
__all__ = [
    "Chip", "ConfigError", "EnergyBill", "Fault", "Figure", "barrier_latency_ns", "check_costs", "chip_path",
    "fingerprint", "from_mapping", "list_chips", "load_chip", "price", "to_mapping",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
