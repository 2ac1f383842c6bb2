"""How many bits each quantity takes: those of its format, or the chip's where the network is not quantised."""

from __future__ import annotations

from hw_models.schema import Chip
from neurosim.formats import check_chip_bits
from neurosim.graph import Network, Population, Projection
from neurosim.quantity_specs import MODEL_QUANTITIES

# Words of state and parameters that are kept under the name of another quantity.
_QUANTITY_OF = {"h_real": "h", "h_imag": "h", "activation": "sigma", "residue": "sigma", "error": "sigma",
                "v": "u", "first_current": "current", "second_current": "current", "rate_real": "a", "rate_imag": "a",
                **{f"{name}_{part}": name for name in "abc" for part in ("real", "imag")}}


def chip_bits(chip: Chip) -> dict[str, tuple[str, int]]:
    """Return the chip's field and bits of each role of `quantity_specs`, and of `weight`."""
    core = chip.core
    return {"charge": ("core.accumulator_bits", core.accumulator_bits), "state": ("core.state_bits", core.state_bits),
            "internal": ("core.state_bits", core.state_bits),
            "parameter": ("core.parameter_bits", core.parameter_bits), "gain": ("core.weight_bits", core.weight_bits),
            "weight": ("core.weight_bits", core.weight_bits), "payload": ("noc.payload_bits", chip.noc.payload_bits)}


def weight_bits(projection: Projection, chip: Chip) -> int:
    """Return the bits of one weight."""
    return chip.core.weight_bits if projection.coding is None else projection.coding.format.bits


def state_bits(population: Population, word: str, chip: Chip) -> int:
    """Return the bits of a word of state."""
    return _bits(population, word, chip.core.state_bits)


def parameter_bits(population: Population, name: str, chip: Chip) -> int:
    """Return the bits of a parameter; a rate of `event_mode` is a table of powers, one for each bit of an interval."""
    bits = _bits(population, name, chip.core.parameter_bits)
    if population.model == "event_mode":
        return bits * (charge_bits(population, "interval", chip) - 1)
    return bits


def charge_bits(population: Population, port: str, chip: Chip) -> int:
    """Return the bits of a dendritic accumulator."""
    return _bits(population, port, chip.core.accumulator_bits)


def payload_bits(population: Population, output: str, chip: Chip) -> int:
    """Return the bits of a graded payload."""
    return _bits(population, output, chip.noc.payload_bits)


def check_formats(network: Network, chip: Chip) -> None:
    """Check that the chip's words hold all formats.

    Raises
    ------
    CapacityError          naming the population, the quantity, and the chip's field
    """
    have = chip_bits(chip)
    for population in network.populations:
        for quantity in MODEL_QUANTITIES[population.model].quantities:
            if quantity.name in population.codings:
                limit, bits = have[quantity.role]
                check_chip_bits(population.codings[quantity.name].format, bits, limit=limit,
                                where=f"population {population.name!r}: {quantity.name}")
    for projection in network.projections:
        if projection.coding is not None:
            limit, bits = have["weight"]
            check_chip_bits(projection.coding.format, bits, limit=limit, where=f"projection {projection.name!r}")


def _bits(population: Population, name: str, default: int) -> int:
    coding = population.codings.get(name) or population.codings.get(_QUANTITY_OF.get(name, ""))
    return default if coding is None else coding.format.bits
