"""What a spike makes the chip do, as a row of small numbers.

A spike of a neuron always sends the same packets to the same cores, so everything it counts is known beforehand. The
rows of the neurons that fired in a step are added up, and the sums are booked once. Where a population reaches so many
cores that most of a row would be empty, packets are walked one by one instead (`packet_kernels.count_row`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.machine import Machine

# CountTables.population: where its rows begin; their bytes, 0: it has none; its bookings
Q_START, Q_WIDTH, Q_FIRST_BOOKING, Q_LAST_BOOKING = 0, 1, 2, 3
N_COUNT_COLUMNS = 4
# CountTables.booking: a column of the rows; what it counts, at which core (CHIP: of the chip); how often each
B_COLUMN, B_CORE, B_EVENT, B_TIMES = 0, 1, 2, 3
CHIP = -1
# The packets of a spike, in two bytes: booked at the core that sends them.
PACKETS_LOW, PACKETS_HIGH = 0, 1
_WIDTH_STEP = 64                        # a row is so many whole cache lines
_MOST_CELLS, _MOST_COUNT = 2**25, 2**16
_MOST_CELLS_PER_DESTINATION = 128       # adding as many takes about as long as walking one destination

Booking = tuple[int, int]               # core or CHIP, event


class CountTables(NamedTuple):
    """Rows of all populations that have them."""

    population: NDArray[np.int64]       # [population, N_COUNT_COLUMNS]
    rows: NDArray[np.uint8]             # flat [neuron, width]
    booking: NDArray[np.int64]          # [booking, 4]
    most_width: int


def count_tables(machine: Machine) -> CountTables:
    """Return the rows of every population for which they pay."""
    population = np.zeros((machine.n_populations, N_COUNT_COLUMNS), np.int64)
    rows: list[NDArray[np.uint8]] = []
    bookings: list[tuple[int, int, int, int]] = []
    start = 0
    for index in range(machine.n_populations):
        found = _rows_of(machine, index)
        if found is None:
            continue
        values, booked = found
        population[index] = start, values.shape[1], len(bookings), len(bookings) + len(booked)
        start += values.size
        rows.append(values.ravel())
        bookings += booked
    flat = np.concatenate([np.zeros(0, np.uint8), *rows]) if len(rows) != 1 else rows[0]
    return CountTables(population, flat, np.array(bookings, np.int64).reshape(-1, 4),
                       int(population[:, Q_WIDTH].max(initial=0)))


def _rows_of(machine: Machine, population: int) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, int]]] | None:
    """Return (uint8[neuron, width], bookings) of a population; None where packets had better be walked."""
    populations, packets = machine.populations, machine.packets
    if populations.n_outputs[population] != 1:
        return None
    size, first_row = int(populations.size[population]), int(populations.first_row[population])
    row_start = packets.row_start[first_row:first_row + size + 1]
    first, last = packets.destination_start[row_start[0]], packets.destination_start[row_start[-1]]
    n_cores = len(np.unique(machine.destinations.core[first:last]))
    if size * (n_cores + 1) > _MOST_CELLS or n_cores * size > _MOST_CELLS_PER_DESTINATION * max(last - first, size):
        return None
    columns: list[NDArray[np.int64]] = [np.diff(row_start) & 255, np.diff(row_start) >> 8]
    booked: list[tuple[int, int, int, int]] = []
    if columns[PACKETS_HIGH].max(initial=0) > 255:
        return None
    for targets, counts in _counted(machine, row_start):
        if counts.max(initial=0) >= _MOST_COUNT:
            return None
        for part, times in ((counts & 255, 1), (counts >> 8, 256)):
            if part.any():
                booked += [(len(columns), core, event, times) for core, event in targets]
                columns.append(part)
    width = -(-len(columns) // _WIDTH_STEP) * _WIDTH_STEP
    rows = np.zeros((size, width), np.uint8)
    for index, column in enumerate(columns):
        rows[:, index] = column
    return rows, booked


def _counted(machine: Machine, row_start: NDArray[np.int64]
             ) -> Iterator[tuple[list[Booking], NDArray[np.int64]]]:
    """Yield (what is counted, int64[neuron] how often per spike) for the neurons whose packets `row_start` tells."""
    packets, destinations = machine.packets, machine.destinations
    size = len(row_start) - 1
    packet = slice(int(row_start[0]), int(row_start[-1]))
    starts = packets.destination_start[packet.start:packet.stop + 1]
    destination = slice(int(starts[0]), int(starts[-1]))
    packet_row = np.repeat(np.arange(size), np.diff(row_start))
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    row, core = packet_row[owner], destinations.core[destination]
    remote = destinations.local[destination] == 0
    into_port = machine.cores.is_port[core] != 0
    travels = np.zeros(len(starts) - 1, np.int64)
    travels[owner[remote]] = 1
    yield [(CHIP, CHIP_EVENT_INDEX["tile_local"])], _per_row(row, remote, size)
    yield [(CHIP, CHIP_EVENT_INDEX["output_packet"])], _per_row(row, into_port, size)
    for name, plain, with_flits in (("hops_ew", "hop_ew", "flit_hop_ew"), ("hops_ns", "hop_ns", "flit_hop_ns"),
                                    ("hops_chip", "chip_hop", "flit_chip_hop")):
        hops = getattr(packets, name)[packet] * travels
        yield [(CHIP, CHIP_EVENT_INDEX[plain])], _per_row(packet_row, hops, size)
        yield [(CHIP, CHIP_EVENT_INDEX[with_flits])], _per_row(packet_row, hops * packets.flits[packet], size)
    yield from _counted_at_cores(machine, destination, row[~into_port], ~into_port, size)


def _counted_at_cores(machine: Machine, destination: slice, row: NDArray[np.int64], kept: NDArray[np.bool_],
                      size: int) -> Iterator[tuple[list[Booking], NDArray[np.int64]]]:
    """Yield what the cores at the destinations `kept` do."""
    destinations = machine.destinations
    cores, place = np.unique(destinations.core[destination][kept], return_inverse=True)
    dendrite = CORE_EVENT_INDEX["dendrite"]
    fields = ((np.ones(len(row), np.int64), [CORE_EVENT_INDEX["packet_in"]]),
              (destinations.words[destination][kept], [CORE_EVENT_INDEX["synapse_read"]]),
              (destinations.dense[destination][kept], [CORE_EVENT_INDEX["synapse_dense"], dendrite]),
              (destinations.sparse[destination][kept], [CORE_EVENT_INDEX["synapse_sparse"], dendrite]),
              (destinations.conv[destination][kept], [CORE_EVENT_INDEX["synapse_conv"], dendrite]))
    for values, events in fields:
        if not values.any():
            continue
        table = _per_row(place * size + row, values, len(cores) * size).reshape(len(cores), size)
        for index, core in enumerate(cores.tolist()):
            yield [(core, event) for event in events], table[index]


def _per_row(row: NDArray[np.int64], values: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Return the sum of `values` in each row; exact, as they stay far below 2**53."""
    return np.bincount(row, weights=values, minlength=size).astype(np.int64)
