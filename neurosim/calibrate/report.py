"""What a quantisation did: data only, with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class QuantityError:
    """The error of storing a quantity's values: parameters and weights as they are, others as in the float run.

    where : population, or projection with the quantity `weight`
    bits, fraction, signed, rounding, overflow : of its format
    n_scales : 1, or one per channel
    scale_low, scale_high : what the integer 1 stands for
    largest, max_error, rms_error : in the units of the network
    relative_rms : rms error over rms value; 0 where all values are 0
    n_values, n_clipped : values looked at, and those outside the format
    """

    where: str
    quantity: str
    bits: int
    fraction: int
    signed: bool
    rounding: str
    overflow: str
    n_scales: int
    scale_low: float
    scale_high: float
    largest: float
    max_error: float
    rms_error: float
    relative_rms: float
    n_values: int
    n_clipped: int


@dataclass(frozen=True)
class OutputError:
    """An output of a population in the fixed-point run, against the float run.

    snr_db : 10 log10(sum float**2 / sum (float - fixed)**2), of graded outputs; None: no difference
    mismatch_rate : part of neuron updates whose spikes differ, of outputs that spike
    spikes_float, spikes_fixed : spikes, or values other than 0
    van_rossum, victor_purpura : means over some neurons and samples, where asked for
    """

    population: str
    output: str
    kind: str
    snr_db: float | None
    mismatch_rate: float | None
    spikes_float: int
    spikes_fixed: int
    van_rossum: float | None = None
    victor_purpura: float | None = None


@dataclass(frozen=True)
class QuantizeReport:
    """A network quantised for a chip.

    samples : sample inputs that ranges and errors come from
    overflows : population -> values that did not fit in the fixed-point run
    accuracy_float, accuracy_fixed : on the samples, where labels are known
    notes : what the user should look at
    """

    network: str
    chip: str
    options: Mapping[str, str]
    samples: int
    quantities: tuple[QuantityError, ...]
    outputs: tuple[OutputError, ...]
    overflows: Mapping[str, int]
    accuracy_float: float | None = None
    accuracy_fixed: float | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return asdict(self)
