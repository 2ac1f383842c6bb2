"""Rows and constants of modes that are neurons of their own, `mode` and `event_mode`; see `models.fixed.mode`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurosim.graph import Population
from neurosim.machine import DECAY_SHIFT, STATE_SLOT, Float64Array, Int64Array
from neurosim.scales import PopulationScales, check_bits, conversion


def lower_mode(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """Return the rows of `mode`."""
    return _rows(scales, constants, scales.parameter("a_real")[None], scales.parameter("a_imag")[None])


def lower_event_mode(scales: PopulationScales, constants: list[int]) -> list[Int64Array]:
    """Return the rows of `event_mode`: a table with a power for every bit of the interval's magnitude."""
    powers = interval_powers(scales.population)
    return _rows(scales, constants, powers.real, powers.imag)


def interval_powers(population: Population) -> NDArray[np.complex128]:
    """Return exp(rate step 2**j) for the bits j of the interval's format; complex128[power, neuron]."""
    steps = population.codings["interval"].scale * np.exp2(np.arange(n_powers(population)))[:, None]
    return np.asarray(np.exp((population.parameters["rate_real"] + 1j * population.parameters["rate_imag"]) * steps))


def n_powers(population: Population) -> int:
    """Return the entries of the table of powers."""
    format_ = population.codings["interval"].format
    return format_.bits - int(format_.signed)


def _rows(scales: PopulationScales, constants: list[int], real: Float64Array, imag: Float64Array) -> list[Int64Array]:
    """Return real parts, imaginary parts, and the conversions to both payloads."""
    constants[STATE_SLOT:STATE_SLOT + 4] = scales.slot("h")
    constants[DECAY_SHIFT] = scales.shift_of("a")
    rows = [scales.integers("a", row, f"a_{part}") for part, table in (("real", real), ("imag", imag)) for row in table]
    largest, held = max(int(np.abs(row).max(initial=0)) for row in rows), scales.magnitude("h")
    check_bits(f"{scales.where}: a times h", 4.0 * largest * held)
    for output in ("graded_real", "graded_imag"):
        factor = scales.scale("h") / scales.payload_scale(output)
        rows += conversion(factor, held, f"{scales.where}: {output}")
    return rows
