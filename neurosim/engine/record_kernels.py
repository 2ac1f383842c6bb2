# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="assignment"
"""Outputs and packets of a sample that are recorded: tables that grow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.kernel import maker


class Records(NamedTuple):
    """Recorded outputs and packets of a sample, growing."""

    spike: NDArray[np.int64]           # [spike, 4] step, output, neuron, ticks from the start of the step
    value: NDArray[np.float64]         # [spike]
    packet: NDArray[np.int64]          # [packet and destination, 6] step, packet, row, core, inject, arrival


@maker
def make_records(n_spikes, n_packets):
    """Return empty records with room for so many rows."""
    return Records(np.zeros((n_spikes, 4), np.int64), np.zeros(n_spikes, np.float64),
                   np.zeros((n_packets, 6), np.int64))


@maker
def grown(records, n_spikes, n_spikes_needed, n_packets, n_packets_needed):
    """Return records with the same first rows and room for what is needed."""
    if n_spikes_needed <= records.spike.shape[0] and n_packets_needed <= records.packet.shape[0]:
        return records
    larger = make_records(max(n_spikes_needed, 2 * records.spike.shape[0]),
                           max(n_packets_needed, 2 * records.packet.shape[0]))
    # Loops: assigning slices to slices has Numba compile the text of its error message, at a cost of seconds.
    for spike in range(n_spikes):
        larger.value[spike] = records.value[spike]
        for column in range(records.spike.shape[1]):
            larger.spike[spike, column] = records.spike[spike, column]
    for packet in range(n_packets):
        for column in range(records.packet.shape[1]):
            larger.packet[packet, column] = records.packet[packet, column]
    return larger
