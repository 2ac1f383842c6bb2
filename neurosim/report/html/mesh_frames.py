"""The chip from above for the page: load of cores and links, for the run and step by step.

A frame is one step within a sample, or some successive ones, as a mean over all samples. It shows every link where the
trace tells the links by block of time steps, and then holds whole blocks. Of other traces it shows the link that was
the busiest for the longest time, and of free-running chips none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_models.schema import Chip
from neurosim.events import CORE_EVENT_INDEX
from neurosim.report.floorline import link_name
from neurosim.report.html.packing import packed
from neurosim.report.order import FREE_RUNNING
from neurosim.report.timing import core_load, link_load
from neurosim.traces.schema import Float64Array, Int64Array
from neurosim.traces.trace import Trace

MOST_FRAMES = 48
MOST_VALUES = 400_000                   # of all frames together, for one measure, or for the links
MOST_CORES = 20_000
MOST_LINKS = 6000                       # drawn; of larger meshes the busiest
BLOCK_VALUES = 2**20
SYNAPTIC = tuple(CORE_EVENT_INDEX[name] for name in ("synapse_dense", "synapse_sparse", "synapse_conv"))
PACKETS = CORE_EVENT_INDEX["packet_out"]


def mesh_json(trace: Trace, chip: Chip) -> dict[str, Any]:
    """Return places and loads of cores and links as plain data.

    cores : per core in use: tile, place within the tile, number on the chip, what it holds; whole : busy share,
    synaptic events and packets of each in the run; links : [number, share of time, packets] in the run;
    frames : see `_frames`; None where one frame would be all
    """
    header = trace.header
    used = np.flatnonzero(header.core_is_port == 0)
    if len(used) > MOST_CORES:
        return {"without": f"{len(used)} cores in use: more than {MOST_CORES}, which the page could draw."}
    totals = trace.core_totals[used]
    links = _links(trace)
    return {
        "without": "", "columns": header.columns, "rows": header.rows, "per_tile": header.cores_per_tile,
        "chip_columns": header.chip_columns or header.columns, "chip_rows": header.chip_rows or header.rows,
        "simulated": header.detail != "functional",
        "cores": {"tile": header.core_tile[used].tolist(),
                  "slot": (header.core_physical[used] % header.cores_per_tile).tolist(),
                  "number": header.core_physical[used].tolist(),
                  "holds": [_holds(header.core_slices[core]) for core in used]},
        "ports": [{"tile": int(header.core_tile[core]), "kind": "input" if header.core_slices[core] else "output"}
                  for core in np.flatnonzero(header.core_is_port)],
        "whole": {"busy": packed(core_load(trace, chip)[used]),
                  "synaptic": packed(totals[:, SYNAPTIC].sum(axis=1) / max(1, trace.n_samples)),
                  "packets": packed(totals[:, PACKETS] / max(1, trace.n_samples))},
        "links": links, "frames": _frames(trace, chip, used, np.array([link for link, _, _ in links], np.int64)),
        "free_running": header.schedule == FREE_RUNNING,
    }


def _holds(texts: tuple[str, ...]) -> str:
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


def _links(trace: Trace) -> list[list[float]]:
    """Return [number, share of time, packets] of the links between routers that packets crossed, busiest first."""
    packets = trace.link_packets[:4 * trace.header.columns * trace.header.rows]
    share = link_load(trace)[:len(packets)]
    used = np.flatnonzero(packets)
    order = used[np.argsort(-share[used], kind="stable")][:MOST_LINKS]
    return [[int(link), float(share[link]), int(packets[link])] for link in order]


def _frames(trace: Trace, chip: Chip, used: Int64Array, links: Int64Array) -> dict[str, Any] | None:
    """Return the loads by step within a sample; None where there is one step, or no core.

    n : frames; together : steps to each; busy, synaptic, packets : float32[frame, core]: share of the time, and counts
    per sample; links : float32[frame, link], share of the time that each of `links` was occupied, None where the trace
    does not tell them all; link : busiest of each frame in words, its number and share, where it tells that one alone
    """
    longest = int(trace.samples.n_steps.max(initial=0))
    n_most = min(MOST_FRAMES, MOST_VALUES // max(1, len(used), len(links)))
    block = max(1, trace.link_block_steps)
    together = block * math.ceil(longest / (block * max(1, n_most)))
    n_frames = math.ceil(longest / max(1, together))
    if n_frames < 2 or len(used) == 0 or n_most < 2:
        return None
    busy, synaptic, packets = (np.zeros((n_frames, len(used))) for _ in range(3))
    time, link = np.zeros(n_frames), np.zeros((n_frames, len(trace.link_packets) + 1))
    tells_all = trace.link_block_steps > 0
    overlapped = chip.core.pipeline.kind == "overlapped" and trace.header.schedule != FREE_RUNNING
    first = np.repeat(trace.samples.first_step, trace.samples.n_steps)
    rows = max(1, BLOCK_VALUES // max(1, trace.core_totals.size))
    for start in range(0, trace.n_steps, rows):
        stop = min(start + rows, trace.n_steps)
        frame = (np.arange(start, stop) - first[start:stop]) // together
        soma, synapse = trace.core_times(start, stop)
        work = np.maximum(soma, synapse) if overlapped else soma + synapse
        np.add.at(busy, frame, work[:, used])
        counts = trace.core_counts(start, stop)[:, used]
        np.add.at(synaptic, frame, counts[:, :, SYNAPTIC].sum(axis=2))
        np.add.at(packets, frame, counts[:, :, PACKETS])
        np.add.at(time, frame, trace.step_latency_ps[start:stop])
        if not tells_all:
            _add_busiest(trace, link, frame, start, stop)
    if tells_all:
        _add_links(trace, link, together)
    n_samples = max(1, trace.n_samples)
    return {"n": n_frames, "together": together, "steps": longest,
            "busy": packed(busy / np.maximum(time, 1)[:, None]), "synaptic": packed(synaptic / n_samples),
            "packets": packed(packets / n_samples), "link": None if tells_all else _busiest(trace, link[:, :-1], time),
            "links": packed(link[:, links] / np.maximum(time, 1)[:, None]) if tells_all else None}


def _add_links(trace: Trace, link: Float64Array, together: int) -> None:
    """Add how long each link was occupied in each frame of `together` steps."""
    blocks = -(-trace.samples.n_steps // trace.link_block_steps)        # of each sample
    within = np.arange(blocks.sum()) - np.repeat(np.cumsum(blocks) - blocks, blocks)
    frame = within * trace.link_block_steps // together
    for first, loads in trace.link_load_blocks():
        owner = np.repeat(frame[first:first + len(loads.start) - 1], np.diff(loads.start))
        np.add.at(link, (owner, loads.link), loads.busy_ps)


def _add_busiest(trace: Trace, link: Float64Array, frame: NDArray[np.int64], start: int, stop: int) -> None:
    loads = trace.loads(start, stop)
    if loads is not None and link.shape[1] > 1:
        np.add.at(link, (frame, loads.link), loads.link_ps)      # -1, no packet, lands in the last column


def _busiest(trace: Trace, link: Float64Array, time: Float64Array) -> list[dict[str, Any] | None]:
    """Return the link that was the busiest for the longest time, frame by frame; None where no packet travelled."""
    if not link.size or not trace.has_loads:
        return [None] * len(time)
    numbers = link.argmax(axis=1)
    shares = link.max(axis=1) / np.maximum(time, 1)
    return [{"number": int(number), "share": float(share), "name": link_name(trace.header, int(number))}
            if share > 0 else None for number, share in zip(numbers, shares, strict=True)]
