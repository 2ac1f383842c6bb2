"""What the neurons did: outputs by kind, packets, predictions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from neurosim.traces.schema import Int64Array
from neurosim.traces.trace import Packets, Trace

MAX_CLASSES = 4096                      # of the confusion table: 128 MiB


@dataclass(frozen=True)
class Outputs:
    """Fired outputs of the run; what comes through an input port is none.

    spikes : of kind spike or ternary, by neurons on cores
    graded_values : of kind graded
    exact : False where the spikes were not recorded, so that kinds cannot be told apart: all count as spikes then
    """

    spikes: int
    graded_values: int
    exact: bool


@dataclass(frozen=True)
class PacketCheck:
    """What became of recorded packets.

    injected : packets in the table
    delivered : rows of packet and destination that arrived, not before they were injected
    conserved : as many were injected as left cores and came through ports, and every row arrived, at a core or a port
    """

    injected: int
    delivered: int
    conserved: bool


def outputs(trace: Trace) -> Outputs:
    """Tell the outputs of the run apart by kind.

    Recorded spikes are counted one by one. Cores count what they sent, whatever its kind: where spikes were not
    recorded this is what is known, and where a network has both kinds, what was sent and is no spike was graded.
    """
    fired = trace.core_event_totals()["spike_out"]
    on_port = input_populations(trace)
    groups = [group for group in trace.spike_groups if trace.group_population(group) not in on_port]
    kinds = {trace.group_kind(group) for group in groups}
    if kinds == {"graded"}:
        return Outputs(0, fired, True)
    recorded = sum(trace.n_spikes(group) for group in groups if trace.group_kind(group) != "graded")
    if "graded" not in kinds:
        return Outputs(recorded or fired, 0, True)
    if recorded == 0:
        return Outputs(fired, 0, fired == 0)
    return Outputs(recorded, max(0, fired - recorded), True)


def input_populations(trace: Trace) -> set[str]:
    """Return the populations that lie on ports."""
    header = trace.header
    texts = [text for core, texts in enumerate(header.core_slices) if header.core_is_port[core] for text in texts]
    return {text.rpartition("[")[0] for text in texts}


def packet_check(trace: Trace) -> PacketCheck | None:
    """Hold recorded packets against the counts; None where they were not recorded."""
    if trace.n_packets is None:
        return None
    injected = delivered = 0
    last = (-1, -1, -1)
    for block in trace.packet_blocks():
        n_new, last = _n_distinct(block, last)
        injected += n_new
        delivered += int((block.arrival_ps >= block.inject_ps).sum())
    core, chip = trace.core_event_totals(), trace.chip_totals
    conserved = (injected == core["packet_out"] + chip["input_packet"]
                 and delivered == trace.n_packets == core["packet_in"] + chip["output_packet"])
    return PacketCheck(injected, delivered, conserved)


def accuracy(trace: Trace) -> float | None:
    """Return the share of labelled samples whose prediction is the label; None where no sample has a label."""
    known = trace.samples.label >= 0
    if not known.any():
        return None
    return float((trace.samples.prediction == trace.samples.label)[known].mean())


def confusion(trace: Trace) -> Int64Array | None:
    """Return how often each class was taken for each, int64[label, prediction].

    None without labels, and where there are more classes than a table can show.
    """
    known = (trace.samples.label >= 0) & (trace.samples.prediction >= 0)
    if not known.any():
        return None
    label, found = trace.samples.label[known], trace.samples.prediction[known]
    n_classes = int(max(label.max(), found.max(), trace.readout.shape[1] - 1)) + 1
    if n_classes > MAX_CLASSES:
        return None
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(matrix, (label, found), 1)
    return matrix


def _n_distinct(block: Packets, last: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    """Return how many packets begin in `block`, and the key of its last one; rows of a packet lie together."""
    keys = np.stack([block.sample, block.step.astype(np.int64), block.packet])
    changed = reduce(np.logical_or, keys[:, 1:] != keys[:, :-1])
    first, final = (tuple(int(part) for part in keys[:, index]) for index in (0, -1))
    return int(changed.sum()) + (first != last), (final[0], final[1], final[2])
