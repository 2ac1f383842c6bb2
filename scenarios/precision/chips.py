"""The networks on chips of different widths: what the bits are worth in cores, energy and time."""

from __future__ import annotations

from typing import Any, NamedTuple

import neurosim
from hw_models.load import load_chip
from neurosim.mapping.bits import chip_bits
from neurosim.mapping.quantize_options import QuantizeOptions
from scenarios.precision.evaluate import Subject

BASE_CHIP = "generic-mesh"
# Cores so small that the bits decide how many are needed (4 KiB for synapses, 4 KiB for state and parameters), and
# links a byte wide, so that they decide how long a packet is.
SMALL_CORE = ("core.synapse_memory.words=512", "core.state_memory_bits=32768", "noc.flit_bits=8", "noc.header_bits=16")
N_IMAGES = 10       # that time and energy are taken of


class Widths(NamedTuple):
    """The words of a chip: weights and gains, state, parameters (A), payloads."""

    weight: int
    state: int
    parameter: int
    payload: int

    @property
    def overrides(self) -> list[str]:
        """The widths as settings of a chip."""
        return [f"core.weight_bits={self.weight}", f"core.state_bits={self.state}",
                f"core.parameter_bits={self.parameter}", f"noc.payload_bits={self.payload}"]

    def __str__(self) -> str:
        return " ".join(str(bits) for bits in self)


WIDTHS: tuple[Widths, ...] = (
    Widths(8, 24, 16, 24),
    Widths(16, 24, 16, 24),
    Widths(6, 24, 16, 24),
    Widths(4, 24, 16, 24),
    Widths(8, 32, 16, 24),
    Widths(8, 20, 16, 24),
    Widths(8, 16, 16, 24),
    Widths(8, 24, 12, 24),
    Widths(8, 24, 8, 24),
    Widths(8, 24, 16, 12),
    Widths(8, 24, 16, 8),
    Widths(8, 20, 12, 12),
    Widths(8, 16, 12, 12),
    Widths(6, 20, 12, 12),
)


def chip_row(subject: Subject, widths: Widths) -> dict[str, Any]:
    """Return correct images of all, and cores, energy and time of the first few; energy and time for one image."""
    chip = load_chip(BASE_CHIP, [*SMALL_CORE, *widths.overrides])
    by_channel = subject.quantized(QuantizeOptions(granularity="channel"), bits=chip_bits(chip))
    network, case = subject.quantized(QuantizeOptions(), bits=chip_bits(chip)), subject.case
    summary = neurosim.run(network, chip, case.inputs, case.labels, samples=N_IMAGES, numbers="fixed",
                           workers=1).summary
    assert summary.latency.per_sample is not None
    return {"network": case.name, "widths": str(widths), "correct": subject.counts(network)["correct"],
            "correct_by_channel": subject.counts(by_channel)["correct"], "cores": summary.cores_used,
            "energy_nj": round(summary.energy.total_j / N_IMAGES * 1e9),
            "dynamic_nj": round(summary.energy.dynamic_j / N_IMAGES * 1e9),
            "latency_ns": round(summary.latency.per_sample.mean * 1e9), "hops": summary.packet_hops}
