"""Chips whose figures per event nobody published: what can be said of them, and how the rest is refused.

Their `core.costs` and `noc.costs` are null and `unpublished` gives the reason. They have limits, memories and
capabilities, so that networks can be fitted on them, and a constant power, whose energy is power x duration:
`hw_models.price` without any event.
"""

from __future__ import annotations

from hw_models.core_schema import CoreCosts
from hw_models.located import ConfigError, Fault
from hw_models.schema import Chip, NocCosts


def core_costs(chip: Chip) -> CoreCosts:
    """Return what the events of a core cost; raise ConfigError where no such figures are published."""
    if chip.core.costs is None:
        raise ConfigError([unpublished_fault(chip, "energy and time of a run")])
    return chip.core.costs


def noc_costs(chip: Chip) -> NocCosts:
    """Return what the events of the network cost; raise ConfigError where no such figures are published."""
    if chip.noc.costs is None:
        raise ConfigError([unpublished_fault(chip, "energy of the network")])
    return chip.noc.costs


def unpublished_fault(chip: Chip, what: str) -> Fault:
    """Return the fault of asking a chip without published figures for `what`."""
    return Fault(chip.name, None, "unpublished", f"{what}: {chip.unpublished}",
                 "whether and how a network fits (`neurosim map`), and constant power: power x duration",
                 "take a chip with figures (`neurosim chips`), or write a chip file of your own with figures that you "
                 "measured")
