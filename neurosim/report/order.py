"""What the order of arrivals meant for a run on a free-running chip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from neurosim.report.quantities import count, percent, with_prefix
from neurosim.traces.trace import Trace

FREE_RUNNING = "free_running"      # the schedule of chips without time steps
_NUMBERS = ("jitter_ps", "repeats", "readout_change_mean", "readout_change_max", "spikes", "spikes_min", "spikes_max",
            "predictions_changed")
_SHARES = ("accuracy", "accuracy_min", "accuracy_max")


def order_study(trace: Trace) -> Mapping[str, Any] | None:
    """Return what repeats with late arrivals changed (`engine.order_study.OrderReport`); None without repeats."""
    with suppress(ValueError, TypeError):
        found = json.loads(trace.provenance.get("order_study", ""))
        whole = {name: found[name] for name in (*_NUMBERS, *_SHARES) if name in found}
        if all(isinstance(whole.get(name), int | float) for name in _NUMBERS):
            return whole
    return None


def markers_sent(trace: Trace) -> int | None:
    """Return the end-of-token markers of a run whose populations waited for whole tokens; None of any other."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        markers = json.loads(trace.provenance.get("tokens", "null"))["markers"]
        return sum(int((trace.samples.n_tokens // int(period)).sum()) * int(packets)
                   for period, packets in markers.items() if int(period) > 0)
    return None


def token_notes(late_ps: int, markers: int, study: Mapping[str, Any] | None) -> list[str]:
    """Return what a report says of a run whose populations waited for whole tokens."""
    return [f"Self-timed: every population waited for whole tokens, told by {count(markers)} end-of-token markers "
            f"(counted among the packets); results do not hang on the order of arrivals.{_late(late_ps)}",
            *_study_notes(study)]


def jitter_ps(provenance: Mapping[str, str]) -> int:
    """Return the most that arrivals of the run itself came late."""
    text = provenance.get("arrival_jitter_ps", "0")
    return int(text) if text.isdecimal() else 0


def order_notes(late_ps: int, study: Mapping[str, Any] | None) -> list[str]:
    """Return what a report says of a run whose order of arrivals decides."""
    return ["Order-dependent: packets were served as they came, and another order may give another result."
            f"{_late(late_ps)}", *_study_notes(study)]


def _late(late_ps: int) -> str:
    return f" Arrivals came up to {with_prefix(late_ps * 1e-12, 's')} late." if late_ps else ""


def _study_notes(study: Mapping[str, Any] | None) -> list[str]:
    notes = []
    if study is not None:
        right = [study.get(name) for name in _SHARES]
        accuracy = "" if None in right else (f", accuracy {percent(right[1])} to {percent(right[2])} "
                                             f"({percent(right[0])} without)")
        spikes, least, most = (count(study[name]) for name in ("spikes", "spikes_min", "spikes_max"))
        notes.append(
            f"{study['repeats']} repeats, arrivals up to {with_prefix(study['jitter_ps'] * 1e-12, 's')} late: "
            f"read-outs differ by {study['readout_change_max']:.4g} at most and {study['readout_change_mean']:.4g} on "
            f"average, {percent(study['predictions_changed'])} of the predictions are others, {least} to {most} "
            f"outputs fired ({spikes} without){accuracy}.")
    return notes
