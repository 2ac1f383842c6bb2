"""The rows of `count_tables`, built for many pieces of a population at once.

For each thing that is counted there is a *group* for every piece, and for every core that the piece reaches: how often
each of the piece's neurons does it. A group becomes a column of the piece's rows, or two where a byte does not hold it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX
from neurosim.machine import Machine

# PieceRows.booking: a column of the rows; what it counts, at which core (CHIP: of the chip); how often each
B_COLUMN, B_CORE, B_EVENT, B_TIMES = 0, 1, 2, 3
CHIP = -1
# The packets of a spike, in two bytes: booked at the core that sends them.
PACKETS_LOW, PACKETS_HIGH = 0, 1
_WIDTH_STEP = 64                        # a row is so many whole cache lines
_MOST_COUNT = 2**16
_AT_ONCE, _PIECES_AT_ONCE = 2**18, 1024         # destinations and cells, which caches hold; pieces


class PieceRows(NamedTuple):
    """Rows of a population."""

    rows: NDArray[np.uint8]             # [neuron, width]
    width: NDArray[np.int64]            # [piece] bytes in use, whole cache lines; 0: the piece has no rows
    booking: NDArray[np.int64]          # [booking, 4]
    booking_start: NDArray[np.int64]    # [piece + 1]


class _Counted(NamedTuple):
    """Groups that count the same events."""

    events: list[int]
    piece: NDArray[np.int64]            # [group]
    core: NDArray[np.int64]             # [group] CHIP: of the chip
    start: NDArray[np.int64]            # [group] into `sums`
    most: NDArray[np.int64]             # [group] of its sums
    sums: NDArray[np.uint16]            # flat [group, neuron of its piece]; wrong where `most` does not fit


def pieces_at_once(load: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield stretches of pieces, from a first to below a last, that together have about `_AT_ONCE` of `load`."""
    total = np.concatenate([[0], np.cumsum(load)])
    first = 0
    while first < len(load):
        last = int(np.searchsorted(total, total[first] + _AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), first + _PIECES_AT_ONCE, len(load))
        yield first, last
        first = last


def reached_cores(machine: Machine, destination: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cores and ports are reached; bool[piece, core], from where each piece's destinations begin."""
    n_pieces = len(destination) - 1
    there = np.zeros((n_pieces, len(machine.cores.tile)), bool)
    piece = np.repeat(np.arange(n_pieces), np.diff(destination))
    there[piece, machine.destinations.core[destination[0]:destination[-1]]] = True
    return there


def piece_rows(machine: Machine, population: int, starts: NDArray[np.int64], n_cores: NDArray[np.int64]) -> PieceRows:
    """Return the rows of the pieces of a population with one output.

    starts : int64[piece + 1] first neuron of each piece, and the size of the population
    n_cores : int64[piece] cores that a piece reaches; negative: it is to have no rows
    A piece has none either if a neuron of it counts anything 65,536 times or more.
    """
    packets, first_row = machine.packets, int(machine.populations.first_row[population])
    n_destinations = np.diff(packets.destination_start[packets.row_start[first_row + starts]])
    load = n_destinations + (np.maximum(n_cores, 0) + 1) * np.diff(starts)
    parts = [_build(machine, packets.row_start[first_row + starts[first]:first_row + starts[last] + 1],
                    starts[first:last + 1] - starts[first], n_cores[first:last] >= 0)
             for first, last in pieces_at_once(load)]
    if len(parts) == 1:
        return parts[0]
    rows = np.zeros((int(starts[-1]), max(part.rows.shape[1] for part in parts)), np.uint8)
    neuron = booking = 0
    booking_start = [np.zeros(1, np.int64)]
    for part in parts:
        rows[neuron:neuron + len(part.rows), :part.rows.shape[1]] = part.rows
        booking_start.append(part.booking_start[1:] + booking)
        neuron, booking = neuron + len(part.rows), booking + len(part.booking)
    return PieceRows(rows, np.concatenate([part.width for part in parts]),
                     np.concatenate([part.booking for part in parts]), np.concatenate(booking_start))


def _build(machine: Machine, row_start: NDArray[np.int64], starts: NDArray[np.int64], pays: NDArray[np.bool_]
           ) -> PieceRows:
    """Return the rows of some pieces, all of their sums held at once; `row_start` [neuron + 1] tells their packets."""
    n_packets, counted = np.diff(row_start), list(_counted(machine, row_start, starts, pays))
    has = pays & (np.maximum.reduceat(n_packets, starts[:-1]) < _MOST_COUNT)
    for each in counted:
        has[each.piece[each.most >= _MOST_COUNT]] = False
    # Columns: which of `counted`, its group, and how far to shift its sums; sorted by piece.
    column = np.concatenate([_columns(index, has[each.piece] * each.most) for index, each in enumerate(counted)])
    piece = np.concatenate([counted[index].piece[column[column[:, 0] == index, 1]] for index in range(len(counted))])
    order = np.argsort(piece, kind="stable")
    column, piece = column[order], piece[order]
    n_columns = np.bincount(piece, minlength=len(has))
    number = 2 + np.arange(len(piece)) - (np.cumsum(n_columns) - n_columns)[piece]
    width = np.where(has, -(-(2 + n_columns) // _WIDTH_STEP) * _WIDTH_STEP, 0)
    rows = np.zeros((len(n_packets), int(width.max(initial=0))), np.uint8)
    if rows.size:
        rows[:, PACKETS_LOW], rows[:, PACKETS_HIGH] = n_packets, n_packets >> 8
    for at, (index, group, shift), first, stop in zip(number.tolist(), column.tolist(), starts[piece].tolist(),
                                                      starts[piece + 1].tolist(), strict=True):
        begin = int(counted[index].start[group])
        rows[first:stop, at] = counted[index].sums[begin:begin + stop - first] >> shift
    return PieceRows(rows, width, *_bookings(counted, column, piece, number, len(has)))


def _columns(index: int, most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[column, 3]: `index`, group, shift; of groups whose largest sums are `most`."""
    low, high = np.flatnonzero(most > 0), np.flatnonzero(most > 255)
    table = np.full((len(low) + len(high), 3), index)
    table[:, 1] = np.concatenate([low, high])
    table[:, 2] = np.repeat([0, 8], [len(low), len(high)])
    return table


def _bookings(counted: list[_Counted], column: NDArray[np.int64], piece: NDArray[np.int64],
              number: NDArray[np.int64], n_pieces: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (int64[booking, 4], int64[piece + 1] where the bookings of each piece begin)."""
    tables, owners = [np.zeros((0, 4), np.int64)], [np.zeros(0, np.int64)]
    for index, each in enumerate(counted):
        own = np.flatnonzero(column[:, 0] == index)
        for event in each.events:
            tables.append(np.stack([number[own], each.core[column[own, 1]], np.full(len(own), event),
                                    1 << column[own, 2]], axis=1))
            owners.append(piece[own])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(tables)[order], np.searchsorted(owner[order], np.arange(n_pieces + 1))


def _counted(machine: Machine, row_start: NDArray[np.int64], starts: NDArray[np.int64], pays: NDArray[np.bool_]
             ) -> Iterator[_Counted]:
    """Yield what the chip counts, then what cores count."""
    packets, destinations = machine.packets, machine.destinations
    size = len(row_start) - 1
    packet = slice(int(row_start[0]), int(row_start[-1]))
    destination_start = packets.destination_start[packet.start:packet.stop + 1]
    destination = slice(int(destination_start[0]), int(destination_start[-1]))
    packet_row = np.repeat(np.arange(size), np.diff(row_start))
    owner = np.repeat(np.arange(len(destination_start) - 1), np.diff(destination_start))
    row = packet_row[owner]
    remote = destinations.local[destination] == 0
    into_port = machine.cores.is_port[destinations.core[destination]] != 0
    travels = np.zeros(len(destination_start) - 1, np.int64)
    travels[owner[remote]] = 1
    found = [("tile_local", row[remote], 1), ("output_packet", row[into_port], 1)]
    for name, plain, with_flits in (("hops_ew", "hop_ew", "flit_hop_ew"), ("hops_ns", "hop_ns", "flit_hop_ns"),
                                    ("hops_chip", "chip_hop", "flit_chip_hop")):
        hops = getattr(packets, name)[packet] * travels
        found += [(plain, packet_row, hops), (with_flits, packet_row, hops * packets.flits[packet])]
    piece, chip = np.arange(len(pays)), np.full(len(pays), CHIP)
    for event, place, values in found:
        yield _Counted([CHIP_EVENT_INDEX[event]], piece, chip, starts[:-1], *_sums(place, values, size, starts[:-1]))
    kept = np.flatnonzero(~into_port & np.repeat(pays, np.diff(starts))[row])
    yield from _counted_at_cores(machine, destination, row, kept, starts)


def _counted_at_cores(machine: Machine, destination: slice, row: NDArray[np.int64], kept: NDArray[np.int64],
                      starts: NDArray[np.int64]) -> Iterator[_Counted]:
    """Yield what the cores at the destinations `kept` do; their neurons are `row`."""
    destinations, n_cores = machine.destinations, len(machine.cores.tile)
    size, row = np.diff(starts), row[kept]
    piece = np.repeat(np.arange(len(size)), size)[row]
    place = piece * n_cores + destinations.core[destination][kept]
    group_of = np.zeros(len(size) * n_cores, np.int64)
    group_of[place] = 1
    place_of = np.flatnonzero(group_of)
    group_of[place_of] = np.arange(len(place_of))
    owner, core = np.divmod(place_of, n_cores)
    start = np.cumsum(size[owner]) - size[owner]
    cell = start[group_of[place]] + row - starts[piece]
    dendrite = CORE_EVENT_INDEX["dendrite"]
    for name, events in (("", [CORE_EVENT_INDEX["packet_in"]]), ("words", [CORE_EVENT_INDEX["synapse_read"]]),
                         ("dense", [CORE_EVENT_INDEX["synapse_dense"], dendrite]),
                         ("sparse", [CORE_EVENT_INDEX["synapse_sparse"], dendrite]),
                         ("conv", [CORE_EVENT_INDEX["synapse_conv"], dendrite])):
        values = getattr(destinations, name)[destination][kept] if name else 1
        if len(kept) and np.any(values):
            yield _Counted(events, owner, core, start, *_sums(cell, values, int(size[owner].sum()), start))


def _sums(place: NDArray[np.int64], values: NDArray[Any] | int, size: int, start: NDArray[np.int64]
          ) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return the largest sum of each group, and the sum of `values` at each place; groups begin at `start`."""
    sums = np.zeros(size, np.int64)
    np.add.at(sums, place, np.asarray(values, np.int64))
    return np.maximum.reduceat(sums, start) if len(start) else start, sums.astype(np.uint16)
