"""Machines for timing diagrams: packets that leave given tiles at given times, on a mesh of round numbers.

A hop takes 30 ps east-west and 50 ps north-south, ejection 15 ps, a flit 4 ps, a credit 7 ps, a barrier 1000 ps;
cores take no time unless told otherwise. Every tile has a sink core; every `Send` has a source core of its own. The
packets of the diagram leave in time step 1, and times are told from its start.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from neurosim.graph import Network, OneToOneWeights, Population, Projection, SparseWeights
from neurosim.machine import Machine
from neurosim.mapping import MappingOptions
from neurosim.mapping.axons import axon_table, row_cores
from neurosim.mapping.capabilities import check_capabilities
from neurosim.mapping.lower import lower
from neurosim.mapping.partition import partition_network
from neurosim.mapping.place import Placement
from neurosim.mapping.resources import measure_demand
from neurosim.mapping.schedule import stage_network
from neurosim.traces.schema import SampleResult
from tests.engine.cases import CORE_COSTS, make_chip
from tests.engine.results import results

TIMES = {
    "noc.router_latency_ns": 0.010, "noc.link_latency_ew_ns": 0.020, "noc.link_latency_ns_ns": 0.040,
    "noc.eject_latency_ns": 0.005, "noc.link_cycle_ns": 0.004, "noc.credit_latency_ns": 0.007,
    "barrier.0.latency_ns": 1, "barrier.1.latency_ns": 1,
    **{f"core.costs.{name}.latency_ns": 0 for name in CORE_COSTS},
    "input_port.packet_latency_ns": 0, "output_port.packet_latency_ns": 0,
}


BLOCKS = ("grid", "tick", "sync", "barrier")


@dataclass(frozen=True)
class Send:
    """A core on `tile` fires at `inject_ps` and sends one packet of `flits` to the sinks of each of `targets`.

    to_sources : numbers of other sends whose cores get a packet too
    """

    tile: int
    inject_ps: int
    targets: tuple[int, ...] = ()
    flits: int = 1
    to_sources: tuple[int, ...] = ()


class Seen(NamedTuple):
    """What a run of a diagram shows. Times from the start of step 1."""

    inject: list[int]     # by packet, then destination core: sources first, then sinks by tile
    arrival: list[int]
    duration: int         # of the step, without barrier
    result: SampleResult


def diagram(columns: int, rows: int, sends: list[Send], *, service_ps: int = 0, packet_out_ps: int = 0,
            **chip: Any) -> Machine:
    """Return the machine; keys such as `buffer_packets` change fields of `noc`, dotted ones any field.

    `columns` and `rows` are of one chip; with a block `grid`, tiles are numbered row by row over all its chips.
    """
    chips = (chip["grid"]["columns"], chip["grid"]["rows"]) if "grid" in chip else (1, 1)
    n_tiles = columns * rows * chips[0] * chips[1]
    options = {**TIMES, "noc.columns": columns, "noc.rows": rows, "noc.multicast": "none", "noc.buffer_packets": 4,
               "noc.cores_per_tile": 1 + max(Counter(send.tile for send in sends).values()),
               "core.costs.packet_out.latency_ns": packet_out_ps / 1000}
    options |= {key if "." in key or key in BLOCKS else f"noc.{key}": value for key, value in chip.items()}
    network = Network("diagram", (
        Population("in", "input", len(sends), attributes={"payload": "spike"}),
        Population("source", "linear", len(sends)), Population("sink", "linear", n_tiles),
    ), (
        Projection("in", "source", OneToOneWeights(np.ones(len(sends)))),
        Projection("source", "source", _rows([send.to_sources for send in sends], len(sends)), delay_steps=1),
        Projection("source", "sink", _rows([send.targets for send in sends], n_tiles)),
    ))
    cores_per_tile = options["noc.cores_per_tile"]
    used: Counter[int] = Counter()
    physical = []
    for send in sends:
        used[send.tile] += 1
        physical.append(send.tile * cores_per_tile + used[send.tile])
    physical += [tile * cores_per_tile for tile in range(n_tiles)]
    return _timed(_lowered(network, options, np.array(physical, np.int64), chips), sends, service_ps)


def _rows(targets: list[tuple[int, ...]], n_post: int) -> SparseWeights:
    pointer = np.concatenate([[0], np.cumsum([len(row) for row in targets])]).astype(np.int64)
    flat = np.array([target for row in targets for target in sorted(row)], np.int64)
    return SparseWeights(pointer, flat, np.ones(len(flat)), n_post)


def _lowered(network: Network, chip_options: dict[str, Any], physical: np.ndarray, chips: tuple[int, int]) -> Machine:
    """Map with a placement of our own."""
    chip, options = make_chip(chip_options), MappingOptions(max_neurons_per_core=1)
    staging = stage_network(network, "pipelined")
    check_capabilities(network, chip, staging)
    demand = measure_demand(network, chip, staging)
    partition = partition_network(demand, options)
    assert partition.n_cores == len(physical)
    return lower(demand, partition, axon_table(demand, partition), row_cores(demand, partition),
                 Placement(physical, 0.0, 0.0, chips), options)


def _timed(machine: Machine, sends: list[Send], service_ps: int) -> Machine:
    """Give each source its time and its packets their length."""
    slices, packets = machine.slices, machine.packets
    active_ps, flits = np.zeros_like(slices.active_ps), np.ones_like(packets.flits)
    for index in np.flatnonzero(slices.population == 1):
        active_ps[index] = sends[slices.start[index]].inject_ps - int(machine.cores.packet_out_ps[0])
    for number, send in enumerate(sends):
        row = int(machine.populations.first_row[1]) + number
        flits[packets.row_start[row]:packets.row_start[row + 1]] = send.flits
    service = np.where(machine.cores.is_port[machine.destinations.core] == 0, service_ps, 0).astype(np.int64)
    return replace(machine, slices=slices._replace(active_ps=active_ps), packets=packets._replace(flits=flits),
                   destinations=machine.destinations._replace(service_ps=service))


def seen(machine: Machine, engine: str) -> Seen:
    """Let every source fire once."""
    [result] = results(machine, np.ones((1, 1, machine.n_inputs)), engine=engine)
    assert result.packets is not None
    started = int(result.step_end_ps[0])
    here = result.packets.step == 1
    inject, arrival = result.packets.inject_ps[here] - started, result.packets.arrival_ps[here] - started
    duration = int(result.step_end_ps[1]) - started - machine.barrier_ps
    return Seen(inject.tolist(), arrival.tolist(), duration, result)
