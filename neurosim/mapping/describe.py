"""A mapping in numbers and pictures, for `neurosim map`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from neurosim.machine import LAZY, TICKED, TOKEN, UNLIMITED, Machine
from neurosim.mapping.chip_block import chip_of_tile
from neurosim.noc.topology import grid_of

_LINE = 110  # characters; wider meshes are drawn as counts of tiles


def describe(machine: Machine) -> dict[str, Any]:
    """Return a mapping in plain data, fit for JSON.

    Keys: network, chip, schedule, advance {population: lazy, tick or token} (free-running chips; else empty), tokens
    {in_flight, markers {period: packets}} (where populations wait for whole tokens; else None), populations,
    n_neurons, n_synapses, copies {population: [copied, neurons]}, cores_used, tiles_used, cores (per core: physical,
    tile, populations, resources {name: {used, limit, percent}}), binding {resource, core, percent}, placement {cost,
    naive_cost, gain}, chips {used, columns, rows, cores_used [chip], crossing_packets, packets}, mesh {columns, rows,
    chip_columns, chip_rows, cores_on_tile [row][column], input_tile, output_tile}.
    """
    cores = [_core(machine, core) for core in range(machine.n_cores)]
    tiles = machine.cores.tile[:machine.n_cores]
    used = np.bincount(tiles, minlength=machine.noc.n_tiles).reshape(machine.noc.rows, machine.noc.columns)
    return {
        "network": machine.provenance.get("network", ""), "chip": machine.provenance.get("chip_name", ""),
        "schedule": {"name": machine.schedule.name, "interval": machine.schedule.interval,
                     "depth": machine.schedule.depth, "phases": machine.schedule.n_phases,
                     "sequence_length": machine.schedule.sequence_length},
        "advance": _advance(machine), "tokens": json.loads(machine.provenance.get("tokens", "null")),
        "populations": machine.n_populations, "n_neurons": machine.n_neurons,
        "n_synapses": int(machine.provenance.get("n_synapses", 0)),
        "copies": {name: [source, int(machine.populations.size[machine.population_names.index(name)])]
                   for name, source in json.loads(machine.provenance.get("copies", "{}")).items()},
        "cores_used": machine.n_cores, "tiles_used": len(np.unique(tiles)), "cores": cores,
        "binding": _binding(cores), "placement": _placement(machine), "chips": _chips(machine),
        "mesh": {"columns": machine.noc.columns, "rows": machine.noc.rows, "chip_columns": machine.noc.chip_columns,
                 "chip_rows": machine.noc.chip_rows, "cores_on_tile": used.tolist(),
                 "input_tile": int(machine.cores.tile[machine.n_cores]),
                 "output_tile": int(machine.cores.tile[machine.n_cores + 1])},
    }


def render(description: dict[str, Any]) -> str:
    """Return `description` as text: summary, table of cores and resources, picture of the mesh."""
    return "\n".join([*_summary(description), "", *_table(description["cores"]), "", *_mesh(description["mesh"])])


def _core(machine: Machine, core: int) -> dict[str, Any]:
    on_core = np.flatnonzero(machine.slices.core == core)
    populations = {machine.population_names[machine.slices.population[cut]]:
                   [int(machine.slices.start[cut]), int(machine.slices.stop[cut])] for cut in on_core}
    resources = {name: {"used": used, "limit": None if limit == UNLIMITED else limit,
                        "percent": None if limit == UNLIMITED else round(100 * used / limit, 1)}
                 for name, (used, limit) in machine.utilisation[core].items()}
    return {"physical": int(machine.cores.physical[core]), "tile": int(machine.cores.tile[core]),
            "populations": populations, "resources": resources}


def _advance(machine: Machine) -> dict[str, str]:
    """Return how each population of a free-running chip is updated; empty on others."""
    if machine.free is None:
        return {}
    is_input = machine.populations.input_start >= 0
    names = {LAZY: "lazy", TICKED: "tick", TOKEN: "token"}
    return {name: names[mode] for name, mode, given in
            zip(machine.population_names, machine.free.advance.tolist(), is_input.tolist(), strict=True) if not given}


def _binding(cores: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the fullest resource of all cores."""
    shares = [(entry["percent"], -number, name) for number, core in enumerate(cores)
              for name, entry in core["resources"].items() if entry["percent"] is not None]
    if not shares:
        return None
    percent, number, name = max(shares)
    return {"resource": name, "core": -number, "percent": percent}


def _chips(machine: Machine) -> dict[str, Any]:
    """Return the chips in use, the cores used on each, and the packets that cross from one to another.

    Packets are counted once for each neuron output and destination (or each output, where packets branch).
    """
    noc = machine.noc
    on_chip = np.bincount(chip_of_tile(grid_of(noc), machine.cores.tile[:machine.n_cores]), minlength=machine.n_chips)
    return {"used": machine.n_chips, "columns": noc.columns // noc.chip_columns, "rows": noc.rows // noc.chip_rows,
            "cores_used": on_chip.tolist(), "crossing_packets": int((machine.packets.hops_chip > 0).sum()),
            "packets": len(machine.packets.hops_chip)}


def _placement(machine: Machine) -> dict[str, float | None]:
    costs = json.loads(machine.provenance.get("placement", '{"cost": null, "naive_cost": null}'))
    gain = 1 - costs["cost"] / costs["naive_cost"] if costs["naive_cost"] else 0.0
    return {**costs, "gain": round(gain, 4)}


def _summary(description: dict[str, Any]) -> list[str]:
    binding, placement = description["binding"], description["placement"]
    lines = [
        f"{description['network']} on {description['chip']}: {description['n_neurons']} neurons, "
        f"{description['n_synapses']} synapses on {description['cores_used']} cores, "
        f"{description['tiles_used']} tiles",
        _timing(description),
    ]
    if description["copies"]:
        n_copies = sum(count for _, count in description["copies"].values())
        copied = ", ".join(source for source, _ in description["copies"].values())
        lines.append(f"splitters: {n_copies} neurons copy {copied}, each a time step later")
    if binding:
        lines.append(f"fullest: {binding['resource']} of core {binding['core']}, {binding['percent']} %")
    chips = description["chips"]
    if chips["used"] > 1:
        share = 100 * chips["crossing_packets"] / max(1, chips["packets"])
        lines.append(f"{chips['used']} chips ({chips['columns']} x {chips['rows']}), with "
                     f"{', '.join(map(str, chips['cores_used']))} cores in use; {chips['crossing_packets']} of "
                     f"{chips['packets']} packets ({share:.1f} %) cross from chip to chip")
    if placement["cost"] is not None:
        weight = placement.get("chip_link_weight") or 1
        heavier = f"; a link between chips counts as {weight:.3g}" if weight > 1 and chips["used"] > 1 else ""
        lines.append(f"placement: {placement['cost']:g} links per time step at one packet per neuron or the given "
                     f"rates, {100 * placement['gain']:.1f} % less than in order ({placement['naive_cost']:g})"
                     + heavier)
    return lines


def _timing(description: dict[str, Any]) -> str:
    """Return the line that says when populations update."""
    schedule, advance = description["schedule"], description["advance"]
    if description["tokens"]:
        tokens = description["tokens"]
        return (f"free-running, self-timed: populations take whole tokens, {tokens['in_flight']} in flight at most, "
                f"with {sum(tokens['markers'].values())} end-of-token markers each")
    if advance:
        lazy, ticked = (sum(mode == wanted for mode in advance.values()) for wanted in ("lazy", "tick"))
        return (f"free-running: no time steps; {lazy} populations are updated by the packets that reach them, {ticked} "
                "by the leak clock")
    phases = (f", {schedule['phases']} phases, buffers for {schedule['sequence_length']} tokens"
              if schedule["phases"] > 1 else "")
    return (f"schedule {schedule['name']}: a token every {schedule['interval']} time steps, {schedule['depth']} stages"
            + phases)


def _table(cores: list[dict[str, Any]]) -> list[str]:
    """Return a row per core and resource: used / limit (percent)."""
    names = list(cores[0]["resources"]) if cores else []
    rows = [["core", "tile", *names, "populations"]]
    for core in cores:
        cells = [_cell(core["resources"][name]) for name in names]
        spans = " ".join(f"{name}[{start}:{stop}]" for name, (start, stop) in core["populations"].items())
        rows.append([str(core["physical"]), str(core["tile"]), *cells, spans])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return ["  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
            for row in rows]


def _cell(entry: dict[str, Any]) -> str:
    if entry["limit"] is None:
        return f"{entry['used']}"
    return f"{entry['used']}/{entry['limit']} {entry['percent']:.0f}%"


def _mesh(mesh: dict[str, Any]) -> list[str]:
    """Return the mesh, a number of used cores per tile; `>` before it: input port, `<` behind it: output port."""
    lines = ["used cores per tile ('>' input port, '<' output port, '.' none):"]
    width = max(len(str(count)) for row in mesh["cores_on_tile"] for count in row)
    n_chips = mesh["columns"] // mesh["chip_columns"]
    line_width = mesh["columns"] * (width + 3) + 2 * (n_chips - 1)
    if line_width > _LINE:
        return [lines[0], f"{mesh['columns']} x {mesh['rows']} tiles, too wide to draw"]
    for y, row in enumerate(mesh["cores_on_tile"]):
        if y and y % mesh["chip_rows"] == 0:
            lines.append("-" * (line_width - 1))
        cells = []
        for x, count in enumerate(row):
            if x and x % mesh["chip_columns"] == 0:
                cells.append("|")
            tile = y * mesh["columns"] + x
            cells.append((">" if tile == mesh["input_tile"] else " ") + (str(count) if count else ".").rjust(width)
                         + ("<" if tile == mesh["output_tile"] else " "))
        lines.append(" ".join(cells).rstrip())
    return lines
