"""The floorline of a run: what bounds its time steps, how far they are from their bounds, and what to change.

States and advice after Yik et al. 2025 (arXiv 2511.21549): a step is bound by the updates of somata, by synaptic work,
or by traffic; besides, here, by a port, the barrier, or the clock. The bounds themselves: `neurosim.report.bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hw_models.schema import Chip
from neurosim.report.bounds import (
    BARRIER,
    COMPUTE,
    KINDS,
    PORT,
    SYNAPTIC,
    TICK,
    TRAFFIC,
    Bounds,
    barrier_ps,
    core_groups,
    step_bounds,
)
from neurosim.report.quantities import count, percent, with_prefix
from neurosim.traces.schema import Int64Array, RunHeader
from neurosim.traces.trace import Trace
from neurosim.units import ps_to_s

MAX_NAMED = 5                           # bottlenecks told
DIRECTIONS = ("east", "west", "north", "south")


@dataclass(frozen=True)
class Bottleneck:
    """What binds some of the time steps.

    kind : compute, synaptic, traffic, port, barrier or tick
    name : the populations on the cores, the link, the port
    steps : in which it binds; load_s: its mean load in these; next_s: mean of what would bind without it
    saved : share of the whole floor that would go without it
    cores, cores_wanted : that hold the populations, and over how many the load would have to be spread, at least, until
        something else binds; None where no core binds
    mend : what to change
    """

    kind: str
    name: str
    steps: int
    load_s: float
    next_s: float
    saved: float
    cores: int | None
    cores_wanted: int | None
    mend: str


@dataclass(frozen=True)
class Floorline:
    """What bounds the time steps of a run.

    time_s, floor_s : of all time steps, and the least they could have taken; share: the one over the other
    lowest_share, highest_share : of single steps
    bound_by : kind -> time steps that it binds
    load_s : kind -> mean over the steps of the busiest core's, link's and barrier's time
    balance : mean over the steps of the mean core's work over that of the busiest
    links_recorded : False in traces that do not tell the busiest link of each step: traffic then bounds nothing
    bottlenecks : largest saving first, some of them
    """

    steps: int
    time_s: float
    floor_s: float
    share: float
    lowest_share: float
    highest_share: float
    bound_by: Mapping[str, int]
    load_s: Mapping[str, float]
    balance: float
    links_recorded: bool
    bottlenecks: tuple[Bottleneck, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        return {**asdict(self), "bottlenecks": [asdict(each) for each in self.bottlenecks]}


def floorline_of(trace: Trace, chip: Chip) -> Floorline | None:
    """Return what bounds the time steps; None where no time was simulated, or no step taken.

    chip : that the run was on
    """
    found = step_bounds(trace, chip)
    if found is None:
        return None
    shares = found.floor / np.maximum(found.time, 1)
    floor, time = int(found.floor.sum()), int(found.time.sum())
    means = {"compute": found.compute, "synaptic": found.synaptic, "traffic": found.link}
    return Floorline(
        len(found.time), ps_to_s(time), ps_to_s(floor), floor / max(time, 1), float(shares.min()), float(shares.max()),
        {KINDS[kind]: int(steps) for kind, steps in enumerate(np.bincount(found.binding)) if steps},
        {**{name: ps_to_s(float(load.mean())) for name, load in means.items()},
         "barrier": ps_to_s(barrier_ps(trace.header, chip))},
        float(found.share.mean()), trace.has_loads, _bottlenecks(found, trace.header, chip))


def _bottlenecks(found: Bounds, header: RunHeader, chip: Chip) -> tuple[Bottleneck, ...]:
    """Return what binds, together with its steps: cores by the populations they hold, links and ports one by one."""
    group_of = core_groups(header)
    by_link, by_nothing = found.binding == TRAFFIC, found.binding >= BARRIER
    who = np.where(by_nothing, -1, np.where(by_link, found.link_index, group_of[found.core_index]))
    bottlenecks = []
    for kind, number in sorted(set(zip(found.binding.tolist(), who.tolist(), strict=True))):
        steps = np.flatnonzero((found.binding == kind) & (who == number))
        bottlenecks.append(_bottleneck(found, header, chip, kind, number, steps))
    return tuple(sorted(bottlenecks, key=lambda each: (-each.saved, -each.steps))[:MAX_NAMED])


def _bottleneck(found: Bounds, header: RunHeader, chip: Chip, kind: int, number: int,
                steps: Int64Array) -> Bottleneck:
    load = {TRAFFIC: found.link, TICK: found.floor}.get(kind, found.core)[steps]
    following = found.others[steps]
    saved = (found.floor - found.without)[steps].sum() / max(int(found.floor.sum()), 1)
    cores, wanted, name = None, None, KINDS[kind]
    if kind in (BARRIER, TICK):
        load = np.full(len(steps), barrier_ps(header, chip)) if kind == BARRIER else load
        following = np.maximum(found.core, found.link)[steps]
        saved = np.clip(found.floor[steps] - following, 0, None).sum() / max(int(found.floor.sum()), 1)
    elif kind == TRAFFIC:
        name = link_name(header, number)
    else:
        cores = int((core_groups(header) == number).sum())
        name = _group_name(header, int(found.core_index[steps[0]]))
        if kind != PORT and following.mean() > 0:
            wanted = max(cores + 1, math.ceil(float(found.group[steps].mean()) / float(following.mean())))
            wanted = wanted if wanted <= _n_neurons(header, name) else None
    mean, beyond = ps_to_s(float(load.mean())), ps_to_s(float(following.mean()))
    longest = ps_to_s(int((np.maximum(found.core, found.link)).max()) + barrier_ps(header, chip))
    return Bottleneck(KINDS[kind], name, len(steps), mean, beyond, float(saved), cores, wanted,
                      _mend(kind, name, cores, wanted, longest))


def _mend(kind: int, name: str, cores: int | None, wanted: int | None, longest_s: float) -> str:
    """Return what to change."""
    alone = "," not in name
    if kind in (COMPUTE, SYNAPTIC):
        cheaper = "fewer or cheaper updates (periods, models, modes)" if kind == COMPUTE else \
            "fewer synaptic operations (sparser spikes, pruned weights)"
        if wanted is None or cores is None:
            return f"spread {name} over more cores, or {cheaper}"
        how = f"mapping.cores.{name}={wanted}" if alone else "mapping.strategy=balanced with mapping.n_cores"
        return f"spread {name} over {wanted} cores, {wanted - cores} more ({how}), or {cheaper}"
    return {
        TRAFFIC: "place what talks over it closer together, share packets by multicast, or give links wider flits",
        PORT: "send fewer packets through it, or give the chip a faster port",
        BARRIER: "use fewer tiles or chips: the work of a step takes less time than the agreement that it is over",
        TICK: f"the clock, not the work: the floor of the longest step is {with_prefix(longest_s, 's')}",
    }[kind]


def link_name(header: RunHeader, link: int) -> str:
    """Return a link in words."""
    n_between = 4 * header.columns * header.rows
    if link >= n_between:
        return f"the link into core {_place(header, link - n_between)}"
    tile, way = divmod(link, 4)
    (y, x), (dx, dy) = divmod(tile, header.columns), ((1, 0), (-1, 0), (0, -1), (0, 1))[way]
    columns, rows = header.chip_columns or header.columns, header.chip_rows or header.rows
    crosses = (x // columns, y // rows) != ((x + dx) // columns, (y + dy) // rows)
    return f"the link from tile {tile} {DIRECTIONS[way]}{' to the next chip' if crosses else ''}"


def _place(header: RunHeader, core: int) -> str:
    """Return a core and what it holds."""
    if header.core_is_port[core]:
        return f"{_group_name(header, core)} at tile {header.core_tile[core]}"
    return f"{header.core_physical[core]} ({_group_name(header, core)}) at tile {header.core_tile[core]}"


def _group_name(header: RunHeader, core: int) -> str:
    if header.core_is_port[core]:
        return "the input port" if header.core_slices[core] else "the output port"
    return ", ".join(sorted({text.rpartition("[")[0] for text in header.core_slices[core]}))


def _n_neurons(header: RunHeader, names: str) -> int:
    sizes = dict(zip(header.population_names, header.population_sizes, strict=True))
    return sum(sizes.get(name, 0) for name in names.split(", "))


def floorline_text(found: Floorline | None) -> str:
    """Return the floorline for a terminal."""
    if found is None:
        return ("No floorline: detail `functional` simulates no time, a free-running chip has no time steps, or none "
                "was taken.\n")
    loads = found.load_s
    lines = [
        f"Floorline: {count(found.steps)} time steps took {with_prefix(found.time_s, 's')}; by their busiest cores and "
        f"links they take {with_prefix(found.floor_s, 's')} at least,",
        f"{percent(found.share)} of it (single steps: {percent(found.lowest_share)} to "
        f"{percent(found.highest_share)}); the rest is waiting.",
        f"Means of a step: busiest core {with_prefix(loads['compute'], 's')} compute, "
        f"{with_prefix(loads['synaptic'], 's')} synaptic; busiest link {with_prefix(loads['traffic'], 's')}; barrier "
        f"{with_prefix(loads['barrier'], 's')}.",
        f"The mean core has {percent(found.balance)} of the work of the busiest.", ""]
    for number, each in enumerate(found.bottlenecks, 1):
        held = f" on {each.cores} core{'s' * (each.cores != 1)}" if each.cores and each.kind != "port" else ""
        named = "" if each.name == each.kind else f": {each.name}{held}"
        lines += [f"{number}. {each.kind}{named}",
                  f"   binds {count(each.steps)} steps at {with_prefix(each.load_s, 's')}; without it "
                  f"{with_prefix(each.next_s, 's')} would, and the floor of the run fall by {percent(each.saved)}",
                  f"   {each.mend}"]
    if not found.links_recorded:
        lines.append("The trace does not tell the busiest link of each step: traffic bounds nothing here.")
    return "\n".join(lines) + "\n"
