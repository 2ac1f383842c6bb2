"""What a reader of a report must know besides the numbers, as sentences."""

from __future__ import annotations

from neurosim.report.assumed import energy_sentence, time_sentence
from neurosim.report.floorline import Floorline
from neurosim.report.order import order_notes, token_notes
from neurosim.report.quantities import count, percent, shortened, with_prefix
from neurosim.report.summary import Summary


def notes_of(summary: Summary) -> list[str]:
    """Return the sentences below the tables."""
    notes = [energy_sentence(summary.energy)]
    if (times := time_sentence(summary.assumed_times)) is not None:
        notes.append(times)
    if summary.indicative:
        notes.append("The energy is indicative: this run computed in floating point, where no graded value rounds to "
                     "zero and stays unsent as it would in fixed point.")
    if summary.order_dependent:
        notes += order_notes(summary.arrival_jitter_ps, summary.order_study)
    if summary.markers is not None:
        notes += token_notes(summary.arrival_jitter_ps, summary.markers, summary.order_study)
    if summary.input_events_dropped:
        notes.append(f"{count(summary.input_events_dropped)} of {count(summary.input_events)} input events came after "
                     "the last token and were dropped.")
    if summary.floorline is not None and summary.floorline.bottlenecks:
        notes.append(_floor(summary.floorline))
    if summary.detail == "functional":
        notes.append("Times are nominal: detail `functional` simulates neither cores nor network.")
    if not summary.complete:
        notes.append(f"Incomplete, {summary.samples} samples so far: the run did not end.")
    if not summary.outputs.exact:
        notes.append("Spikes were not recorded: graded values count as spikes here.")
    if summary.packet_check is not None and not summary.packet_check.conserved:
        notes.append(f"Packets were lost: {summary.packet_check.injected} injected, "
                     f"{summary.packet_check.delivered} deliveries.")
    if summary.wall_s is not None:
        notes.append(f"Simulated {with_prefix(summary.simulated_s, 's')} in {with_prefix(summary.wall_s, 's')}.")
    return notes


def _floor(found: Floorline) -> str:
    first = found.bottlenecks[0]
    named = first.kind if first.name == first.kind else f"{first.kind} ({shortened(first.name, 40)})"
    return (f"The busiest cores and links account for {percent(found.share)} of the time steps; {named} binds most. "
            "More, and what to change: --floorline.")
