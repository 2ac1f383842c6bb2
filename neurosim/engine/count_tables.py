"""What a spike makes the chip do, as a row of small numbers.

A spike of a neuron always sends the same packets to the same cores, so everything it counts is known beforehand. The
rows of the neurons that fired in a step are added up, and the sums are booked once. Columns and bookings are those of a
*piece*: of a whole population, or, where it is large and its neurons reach few of its targets' cores each, of some
hundred neurons that follow each other. Where even a piece reaches so many cores that most of a row would be empty, its
packets are walked one by one (`packet_kernels.count_row`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.piece_tables import PieceRows, piece_rows, pieces_at_once, reached_cores
from neurosim.machine import Machine

# CountTables.population: where its rows begin; bytes from row to row, 0: it has none; its stretches
Q_START, Q_WIDTH, Q_FIRST_STRETCH, Q_LAST_STRETCH = 0, 1, 2, 3
N_COUNT_COLUMNS = 4
# CountTables.stretch, the neurons of a piece on one core: behind its last neuron; core; the slice that ends with it, or
# -1; bytes of a row in use, 0: packets are walked; bookings of the piece that ends with it
X_STOP, X_CORE, X_SLICE, X_WIDTH, X_FIRST_BOOKING, X_LAST_BOOKING = 0, 1, 2, 3, 4, 5
N_STRETCH_COLUMNS = 6
_MOST_CELLS = 2**25
_MOST_CELLS_PER_DESTINATION = 128       # adding as many takes about as long as walking one destination
_LEAST_NEURONS, _MOST_NEURONS = 256, 512        # of a piece, about: its bookings are to be few beside its spikes
_LEAST_GAIN = 4                         # pieces must save so much of the rows: one population is booked once


class CountTables(NamedTuple):
    """Rows of all populations that have them."""

    population: NDArray[np.int64]       # [population, N_COUNT_COLUMNS]
    stretch: NDArray[np.int64]          # [stretch, N_STRETCH_COLUMNS] ascending within a population
    rows: NDArray[np.uint8]             # flat [neuron, width]
    booking: NDArray[np.int64]          # [booking, 4] B_COLUMN … B_TIMES of `piece_tables`
    most_width: int


def count_tables(machine: Machine) -> CountTables:
    """Return the rows of every population for which they pay."""
    population = np.zeros((machine.n_populations, N_COUNT_COLUMNS), np.int64)
    stretches, rows = [np.zeros((0, N_STRETCH_COLUMNS), np.int64)], [np.zeros(0, np.uint8)]
    bookings = [np.zeros((0, 4), np.int64)]
    start = n_stretches = n_bookings = 0
    for index in range(machine.n_populations):
        starts, n_cores = _pieces(machine, index)
        if (n_cores < 0).all():
            continue
        found = piece_rows(machine, index, starts, n_cores)
        stretch = _stretches(machine, index, starts, found, n_bookings)
        population[index] = start, found.rows.shape[1], n_stretches, n_stretches + len(stretch)
        start, n_stretches, n_bookings = (start + found.rows.size, n_stretches + len(stretch),
                                          n_bookings + len(found.booking))
        stretches.append(stretch)
        rows.append(found.rows.ravel())
        bookings.append(found.booking)
    flat = rows[1] if len(rows) == 2 else np.concatenate(rows)
    stretch = np.concatenate(stretches)
    return CountTables(population, stretch, flat, np.concatenate(bookings), int(stretch[:, X_WIDTH].max(initial=0)))


def _pieces(machine: Machine, population: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the pieces of a population begin (behind them, its size) and how many cores each reaches.

    The latter is -1 where rows do not pay.
    """
    populations, packets = machine.populations, machine.packets
    size, first_row = int(populations.size[population]), int(populations.first_row[population])
    whole = np.array([0, size])
    if populations.n_outputs[population] != 1 or size == 0:
        return whole, np.array([-1])
    starts = _piece_starts(machine, population)
    destination = packets.destination_start[packets.row_start[first_row + starts]]
    n_cores = np.zeros(len(starts) - 1, np.int64)
    reached = np.zeros(len(machine.cores.tile), bool)
    for first, last in pieces_at_once(np.diff(destination)):
        there = reached_cores(machine, destination[first:last + 1])
        n_cores[first:last] = there.sum(axis=1)
        reached |= there.any(axis=0)
    n_whole = np.array([reached.sum()])
    if _LEAST_GAIN * int((n_cores * np.diff(starts)).sum()) > int(n_whole[0]) * size:
        n_whole = _where_rows_pay(n_whole, whole, destination[[0, -1]])
        if n_whole[0] >= 0:
            return whole, n_whole
    return starts, _where_rows_pay(n_cores, starts, destination)


def _where_rows_pay(n_cores: NDArray[np.int64], starts: NDArray[np.int64], destination: NDArray[np.int64]
                    ) -> NDArray[np.int64]:
    """Return `n_cores`, but -1 where rows do not pay; the destinations of the pieces begin at `destination`.

    All rows of a population are as far from each other, so the widest that is kept bounds the memory of all.
    """
    size = np.diff(starts)
    fits = starts[-1] * (n_cores + 1) <= _MOST_CELLS
    pays = n_cores * size <= _MOST_CELLS_PER_DESTINATION * np.maximum(np.diff(destination), size)
    return np.where(fits & pays, n_cores, -1)


def _piece_starts(machine: Machine, population: int) -> NDArray[np.int64]:
    """Return where pieces begin: with slices, of which small ones go together and large ones are cut; then the size."""
    slices = slice(*machine.slices.population_start[population:population + 2])
    first, stop = machine.slices.start[slices], machine.slices.stop[slices]
    n_parts = np.maximum((stop - first) // _MOST_NEURONS, 1)
    part = np.arange(n_parts.sum()) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    starts = np.repeat(first, n_parts) + part * np.repeat(stop - first, n_parts) // np.repeat(n_parts, n_parts)
    place = starts // _LEAST_NEURONS
    starts = starts[np.diff(place, prepend=-1) > 0]
    return np.append(starts, machine.populations.size[population])


def _stretches(machine: Machine, population: int, starts: NDArray[np.int64], found: PieceRows, first_booking: int
               ) -> NDArray[np.int64]:
    """Return the stretches of a population, cut where pieces and where slices begin."""
    first, last = machine.slices.population_start[population:population + 2]
    slice_stop = machine.slices.stop[first:last]
    stop = np.union1d(starts[1:], slice_stop)
    piece, place = np.searchsorted(starts[1:], stop), np.searchsorted(slice_stop, stop)
    ends_piece, ends_slice = starts[piece + 1] == stop, slice_stop[place] == stop
    table = np.zeros((len(stop), N_STRETCH_COLUMNS), np.int64)
    table[:, X_STOP] = stop
    table[:, X_CORE] = machine.slices.core[first + place]
    table[:, X_SLICE] = np.where(ends_slice, first + place, -1)
    table[:, X_WIDTH] = found.width[piece]
    table[:, X_FIRST_BOOKING] = np.where(ends_piece, first_booking + found.booking_start[piece], 0)
    table[:, X_LAST_BOOKING] = np.where(ends_piece, first_booking + found.booking_start[piece + 1], 0)
    return table
