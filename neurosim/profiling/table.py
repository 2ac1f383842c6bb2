"""A profile for a terminal, as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.profiling.result import ChipProfile, ProfileResult
from neurosim.report.quantities import count, percent, with_prefix

GROUPS = {"soma": "state updates", "synapse": "synaptic memory", "network": "routing", "io": "ports",
          "barrier": "barriers", "static": "static power"}


def to_text(result: ProfileResult) -> str:
    """Return the table: layers, chips, the customary estimate and what it leaves out. Numbers are per sample."""
    blocks = [_head(result), _layers(result), _estimate(result), _chips(result), _unseen(result)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(result: ProfileResult) -> list[str]:
    network = result.network
    lines = [f"{network.name}: {count(network.n_neurons)} neurons, {count(network.n_synapses)} synapses; "
             f"{_plural(result.n_samples, 'sample')} of {_plural(result.n_steps, 'time step')} in {result.numbers}"]
    differences = result.differences
    if differences is not None:
        known = [layer for layer in result.layers if layer.differences is not None]
        total = round(sum(layer.sent for layer in known) * result.n_samples)
        lines.append(f"all {count(total)} spikes are those of the module's own forward pass" if differences == 0 else
                     f"{_plural(differences, 'spike')} of {count(total)} differ from the module's own forward pass")
    return [*lines, *result.notes]


def _layers(result: ProfileResult) -> list[str]:
    rows = [("layer", "model", "neurons", "spikes", "rate", "synaptic operations", "as")]
    for layer in result.layers:
        sent = count(round(layer.sent, 2)) + ("" if layer.kind != "graded" else " values")
        rows.append((layer.name, layer.model, count(layer.neurons), sent, percent(layer.rate),
                     count(round(layer.synaptic_operations, 2)) if layer.counted_as else "–", layer.counted_as))
    return _aligned(rows, left=(0, 1, 6))


def _estimate(result: ProfileResult) -> list[str]:
    found = result.estimate
    ac, mac = (count(round(number, 2)) for number in (found.ac, found.mac))
    return [f"customary estimate: {ac} AC x {found.ac_pj} pJ + {mac} MAC x {found.mac_pj} pJ = "
            f"{with_prefix(found.energy_j, 'J')} per sample (45 nm, Horowitz 2014)"]


def _chips(result: ProfileResult) -> list[str]:
    head = ("chip", "fits", "cores", "fullest resource", "latency", "energy", "low", "high", "unseen")
    rows: list[tuple[str, ...]] = [head]
    refused = []
    for chip in result.chips:
        if chip.refusal is None:
            rows.append((chip.name, "yes", f"{count(chip.cores)} of {count(chip.has_cores)}", _fullest(chip),
                         with_prefix(chip.latency_s, "s"), *(with_prefix(value, "J") for value in (
                             chip.energy_j, chip.low_j, chip.high_j)), percent(chip.unseen_share)))
        else:
            rows.append((chip.name, "no", *("–",) * 7))
            refused += [f"{chip.name}: {line}" if index == 0 else line
                        for index, line in enumerate(chip.refusal.splitlines())]
    return [*_aligned(rows, left=(0, 1, 3)), *refused]


def _fullest(chip: ChipProfile) -> str:
    return "–" if chip.binding is None else f"{chip.binding.replace('_', ' ')} {percent(chip.binding_share)}"


def _unseen(result: ProfileResult) -> list[str]:
    """Return what the estimate leaves out, with figures of the first chip that the network goes on."""
    lines = ["The estimate counts synaptic operations alone: no state updates, memory, routing or static power."]
    for chip in result.chips:
        if chip.unseen is None:
            continue
        parts = ", ".join(f"{GROUPS.get(name, name)} {percent(share)}"
                          for name, share in sorted(chip.unseen.items(), key=lambda item: -item[1]) if share > 0)
        lines.append(f"On {chip.name} it would not see {percent(chip.unseen_share)} of the simulated energy: {parts}.")
    if any(summary.indicative for summary in result.summaries.values()):
        lines.append("Energies are indicative: a run in floating point sends values that fixed point rounds to zero.")
    return lines


def _aligned(rows: Sequence[tuple[str, ...]], left: tuple[int, ...]) -> list[str]:
    """Return rows in columns; those of `left` begin together, the others end together."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) if column in left else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]


def _plural(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
