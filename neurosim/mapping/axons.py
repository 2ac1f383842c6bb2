"""Who sends to whom: one entry per output row and destination core, summed over projections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurosim.machine import Int64Array
from neurosim.mapping.incoming import Axons, Kind
from neurosim.mapping.resources import Demand


class Slice(NamedTuple):
    """Neurons `start` to `stop` − 1 of a population."""

    population: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Neurons of the slice."""
        return self.stop - self.start


@dataclass(frozen=True)
class Partition:
    """The slices of each core. The input port is core number `n_cores`, the output port `n_cores + 1`."""

    cores: tuple[tuple[Slice, ...], ...]

    @property
    def n_cores(self) -> int:
        """Cores in use, without ports."""
        return len(self.cores)

    @property
    def input_port(self) -> int:
        """Core number of the input port."""
        return self.n_cores

    @property
    def output_port(self) -> int:
        """Core number of the output port."""
        return self.n_cores + 1


class AxonTable(NamedTuple):
    """One entry per axon, sorted by output row, then destination core; `core_words` has one per core.

    Read-outs have an axon to the output port, without synapses.
    """

    row: Int64Array       # output row of the source
    core: Int64Array      # destination core
    words: Int64Array     # words of synaptic memory that a packet reads
    dense: Int64Array     # synaptic operations out of dense rows
    sparse: Int64Array    # out of sparse and one-to-one rows
    conv: Int64Array      # and out of shared convolution kernels
    core_words: Int64Array  # [core] words of synaptic memory that each core holds


def axon_table(demand: Demand, partition: Partition) -> AxonTable:
    """Return all axons of the network under `partition`."""
    core_words = np.zeros(partition.n_cores, np.int64)
    parts = [_readout_axons(demand, partition.output_port)]
    for core, slices in enumerate(partition.cores):
        before = 0
        for cut in slices:
            for incoming in demand.incoming[cut.population]:
                axons = incoming.axons(cut.start, cut.stop, before)
                core_words[core] += axons.stored
                parts.append(_columns(incoming.kind, core, axons))
            before += cut.size
    row, at, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    parts.clear()
    row, at, *summed = _merged(row, at, columns)
    if demand.chip.core.synapse_memory.packing == "crossbar":   # an axon is one row, whatever it is connected to
        summed[0] = np.minimum(summed[0], 1)
        core_words = np.bincount(at, minlength=partition.n_cores)[:partition.n_cores]
    return AxonTable(row, at, summed[0], summed[1], summed[2], summed[3], core_words)


def row_cores(demand: Demand, partition: Partition) -> Int64Array:
    """Return the core that each output row is sent from; int64[output row]."""
    cores = np.full(demand.n_rows, partition.input_port, np.int64)
    for core, slices in enumerate(partition.cores):
        for cut in slices:
            n_outputs = len(demand.network.populations[cut.population].spec.outputs)
            first = int(demand.first_row[cut.population])
            cores[first + cut.start * n_outputs:first + cut.stop * n_outputs] = core
    return cores


def _columns(kind: Kind, core: int, axons: Axons) -> tuple[Int64Array, ...]:
    """Return the columns of the table: row, core, words, and the operations under their kind."""
    none = np.zeros_like(axons.synapses)
    operations = [axons.synapses if kind == column else none for column in ("dense", "sparse", "conv")]
    return axons.rows, np.full_like(axons.rows, core), axons.words, *operations


def _readout_axons(demand: Demand, output_port: int) -> tuple[Int64Array, ...]:
    network = demand.network
    numbers = [number for number, item in enumerate(network.populations) if item.name in network.readouts]
    rows = np.concatenate([np.zeros(0, np.int64)] + [
        np.arange(demand.first_row[number], demand.first_row[number + 1]) for number in numbers])
    none = np.zeros_like(rows)
    return rows, np.full_like(rows, output_port), none, none, none, none


def _merged(row: Int64Array, core: Int64Array, columns: list[Int64Array]) -> list[Int64Array]:
    """Return all columns sorted by row, then core, equal ones summed."""
    if not len(row):
        return [row, core, *columns]
    n_cores = int(core.max()) + 1
    order = np.argsort(row * n_cores + core)        # unstable, but what is equal is summed
    key = (row * n_cores + core)[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    columns = [column[order] for column in columns]
    if len(first) < len(key):
        key, columns = key[first], [np.add.reduceat(column, first) for column in columns]
    return [key // n_cores, key % n_cores, *columns]
