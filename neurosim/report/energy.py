"""The energy of a run: counts of the trace times the figures of a chip. The arithmetic is `hw_models.costs`."""

from __future__ import annotations

import json
from typing import Any

from hw_models.costs import EnergyBill, price
from hw_models.load import from_mapping
from hw_models.located import ConfigError
from hw_models.schema import Chip
from neurosim.errors import OptionError, TraceError
from neurosim.traces.trace import Trace
from neurosim.units import ps_to_s


def stored_chip(trace: Trace) -> Chip:
    """Return the chip that the trace was recorded on.

    Raises
    ------
    TraceError : the trace holds no chip, or not JSON
    ConfigError : the stored chip is at odds with the schema
    """
    try:
        mapping = json.loads(trace.chip_json)
    except json.JSONDecodeError as error:
        raise TraceError(f"{trace.path}: /provenance/chip: {error}", allowed="JSON",
                         mend="run again, or price with a chip of your own") from error
    return from_mapping(mapping, file=f"{trace.path}: /provenance/chip")


def recorded_chip(trace: Trace) -> Chip | None:
    """Return the chip that the trace was recorded on; None where the trace does not hold it in this schema."""
    try:
        return stored_chip(trace)
    except (TraceError, ConfigError):
        return None


def recorded_name(trace: Trace) -> str:
    """Return the name of the chip that the trace was recorded on, also where the rest of it cannot be used."""
    try:
        return str(json.loads(trace.chip_json)["name"])
    except (TraceError, ValueError, KeyError, TypeError):
        return "an unknown chip"


def energy_bill(trace: Trace, chip: Chip) -> EnergyBill:
    """Price a run with the figures of `chip`, the recorded one or another.

    Ports are no cores: what passes them is priced as `input_packet` and `output_packet`, and nothing they book as a
    core is. Static power runs over the whole simulated time, waiting for ticks included, on every chip in use.

    Raises OptionError where `chip` has too few cores for the run.
    """
    n_cores = int((trace.header.core_is_port == 0).sum())
    n_chips = trace.header.n_chips
    if n_cores > chip.n_cores * n_chips:
        raise OptionError(f"chip {chip.name} has {chip.n_cores} cores, the run used {n_cores} on "
                          f"{n_chips} chip{'s' * (n_chips > 1)}",
                          mend="price with a chip whose cores suffice")
    return price(chip, trace.core_event_totals(), trace.chip_totals, n_cores, ps_to_s(trace.duration_ps),
                 n_chips=n_chips)


def energy_json(bill: EnergyBill, *, n_samples: int, indicative: bool) -> dict[str, Any]:
    """Return the bill as plain data in joules, with the share of one sample.

    `indicative` marks float runs: a graded value that fixed point rounds to zero is sent there, so that counts differ.
    """
    per_sample = {name: _share(value, n_samples) for name, value in (
        ("total", bill.total_j), ("static", bill.static_j), ("dynamic", bill.dynamic_j),
        ("low", bill.interval_low_j), ("high", bill.interval_high_j))}
    return {**bill.to_mapping(), "per_sample": per_sample, "indicative": indicative}


def _share(value: float, n_samples: int) -> float | None:
    return value / n_samples if n_samples else None
