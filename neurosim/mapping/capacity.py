"""Whether and how a network fits a chip that nobody published energies and times of.

Partition and placement read limits, memories and capabilities, and no time: so the network is placed on a copy of the
chip that has blank figures, and what is said of the result are counts. The machine with the blanks stays here.
"""

from __future__ import annotations

from typing import Any

from hw_models.core_schema import CoreCosts
from hw_models.load import from_mapping, to_mapping
from hw_models.schema import Chip, NocCosts
from neurosim.graph import Network
from neurosim.machine import Machine
from neurosim.mapping import map_network
from neurosim.mapping.describe import describe, render
from neurosim.mapping.options import MappingOptions

_BLANK = {"value": 1.0, "low": 1.0, "high": 1.0, "basis": "assumed", "source": "user", "condition": "blank"}
_NOC_TIMES = ("router_latency_ns", "link_latency_ew_ns", "link_latency_ns_ns", "eject_latency_ns", "link_cycle_ns",
              "credit_latency_ns")


def describe_capacity(network: Network, chip: Chip, options: MappingOptions | None = None) -> dict[str, Any]:
    """Return what `describe` says of `network` on a chip with `unpublished`, and what is known of its power.

    Keys besides those of `describe`: unpublished, the reason; power_mw {value, low, high}.

    Raises
    ------
    MappingError, OptionError  as `map_network` does
    """
    machine: Machine = map_network(network, with_blanks(chip), options)
    power = chip.power.chip_idle_mw
    return {**describe(machine), "unpublished": chip.unpublished,
            "power_mw": {"value": power.value, "low": power.low, "high": power.high}}


def render_capacity(fitted: dict[str, Any]) -> str:
    """Return what `describe_capacity` found as text."""
    power = fitted["power_mw"]
    said = (f"{fitted['chip']} has no figures per event: {fitted['unpublished']}.\n"
            f"It maps networks but does not run them. Its power is constant: {power['value']:g} mW ({power['low']:g} "
            f"to {power['high']:g}); energy is that times the duration, whatever the network does.")
    return f"{render(fitted)}\n\n{said}"


def with_blanks(chip: Chip) -> Chip:
    """Return the chip with a blank in place of every figure it lacks, and a barrier, which any network can go on."""
    plain = to_mapping(chip)
    cost = {"energy_pj": _BLANK, "latency_ns": _BLANK}
    plain.update(unpublished=None, sync="barrier", free_running=None, tick=None, nominal_step_ns=_BLANK,
                 barrier_pj=_BLANK, barrier=[{"tiles": 1, "latency_ns": _BLANK}])
    plain["core"]["costs"] = dict.fromkeys(CoreCosts.model_fields, cost)
    plain["noc"].update(dict.fromkeys(_NOC_TIMES, _BLANK), costs=dict.fromkeys(NocCosts.model_fields, _BLANK))
    for port in ("input_port", "output_port"):
        plain[port].update(packet_latency_ns=_BLANK, packet_pj=_BLANK)
    return from_mapping(plain, file=chip.name)
