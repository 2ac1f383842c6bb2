"""What the reference engine of free-running chips books, row by row; see `engine.free_rules` on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.engine.contract import RunOptions, readout_sizes, recorded_outputs, summed_readouts
from neurosim.engine.free_function import Updated
from neurosim.events import CHIP_EVENT_INDEX, CORE_EVENT_INDEX, N_CHIP_EVENTS, N_CORE_EVENTS
from neurosim.machine import Int64Array, Machine
from neurosim.traces.schema import PacketTable, SampleResult, SpikeTable

if TYPE_CHECKING:
    from neurosim.engine.free_reference import FreeChip, FreePacket


class FreeLog:
    """Counts and times of one sample; a row lasts from one token to the next."""

    def __init__(self, machine: Machine, options: RunOptions, times_ps: Int64Array) -> None:
        self.machine, self.options, self.times_ps = machine, options, times_ps
        n_rows, n_cores = len(times_ps), len(machine.cores.tile)
        self.recorded = recorded_outputs(machine, options)
        self.core_counts = np.zeros((n_rows, n_cores, N_CORE_EVENTS), np.int32)
        self.chip_counts = np.zeros((n_rows, N_CHIP_EVENTS), np.int64)
        self.soma_ps, self.synapse_ps = (np.zeros((n_rows, n_cores), np.int64) for _ in range(2))
        self.network_ps = np.zeros(n_rows, np.int64)
        self.overflows = np.zeros((n_rows, machine.n_populations), np.int64)
        self.spikes: list[tuple[int, int, int, float, int]] = []
        self.packets: list[tuple[int, FreePacket, int, int]] = []
        self._column = dict(zip(machine.readouts, np.cumsum([0, *readout_sizes(machine)]).tolist(), strict=False))
        self._summed = dict(zip(machine.readouts, summed_readouts(machine).tolist(), strict=True))
        self._readout = np.zeros((n_rows, sum(readout_sizes(machine))))
        self._read = np.zeros(self._readout.shape, bool)

    def row_of(self, time_ps: int) -> int:
        """Return the row of a moment: that of the last token up to it; what is earlier belongs to the first."""
        return max(0, int(np.searchsorted(self.times_ps, time_ps, "right")) - 1)

    def count_packet(self, now_ps: int, packet: FreePacket) -> None:
        """Book a packet that leaves its core now."""
        machine, counts = self.machine, self.chip_counts[self.row_of(now_ps)]
        far = sum(not machine.destinations.local[sink] for sink in packet.sinks)
        if far:
            table = machine.packets
            for name, hops in (("hop_ew", table.hops_ew), ("hop_ns", table.hops_ns), ("chip_hop", table.hops_chip)):
                counts[CHIP_EVENT_INDEX[name]] += int(hops[packet.index])
                counts[CHIP_EVENT_INDEX[f"flit_{name}"]] += int(hops[packet.index]) * packet.flits
        counts[CHIP_EVENT_INDEX["tile_local"]] += far
        if machine.cores.is_port[packet.core]:
            counts[CHIP_EVENT_INDEX["input_packet"]] += 1
        else:
            self.core_counts[self.row_of(now_ps), packet.core, CORE_EVENT_INDEX["packet_out"]] += 1

    def arrived(self, now_ps: int, packet: FreePacket, sink: int) -> None:
        """Book an arrival."""
        row = self.row_of(packet.inject_ps)
        started_ps = int(self.times_ps[row]) if row else 0
        self.network_ps[row] = max(int(self.network_ps[row]), now_ps - started_ps)
        if self.options.record_packets:
            self.packets.append((row, packet, sink, now_ps))

    def count_service(self, now_ps: int, core: int, sink: int, service_ps: int) -> None:
        """Book what a packet makes a core, or the output port, do."""
        row, destinations = self.row_of(now_ps), self.machine.destinations
        self.synapse_ps[row, core] += service_ps
        if self.machine.cores.is_port[core]:
            self.chip_counts[row, CHIP_EVENT_INDEX["output_packet"]] += 1
            return
        kinds = {"synapse_dense": int(destinations.dense[sink]), "synapse_sparse": int(destinations.sparse[sink]),
                 "synapse_conv": int(destinations.conv[sink])}
        booked = {"packet_in": 1, "synapse_read": int(destinations.words[sink]), **kinds,
                  "dendrite": sum(kinds.values())}
        for name, count in booked.items():
            self.core_counts[row, core, CORE_EVENT_INDEX[name]] += count

    def count_updates(self, now_ps: int, core: int, index: int, updated: Updated) -> None:
        """Book the updates of neurons of a slice, and their advances."""
        machine, free = self.machine, self.machine.free
        assert free is not None, "only free-running chips advance neurons"
        counts, population = self.core_counts[self.row_of(now_ps), core], int(machine.slices.population[index])
        n_active, n_advanced = int(updated.active.sum()), int(updated.advanced.sum())
        counts[machine.slices.event_active[index]] += n_active
        counts[machine.slices.event_inactive[index]] += len(updated.active) - n_active
        counts[CORE_EVENT_INDEX["mode_update"]] += n_active * int(machine.populations.n_modes[population])
        counts[CORE_EVENT_INDEX["advance_exp"]] += n_advanced * int(free.advance_exp[population])
        counts[CORE_EVENT_INDEX["advance_multiply"]] += n_advanced * int(free.advance_multiply[population])

    def book_soma(self, now_ps: int, core: int, work: list[tuple[int, Any]]) -> None:
        """Book the time that updates and sending will take."""
        self.soma_ps[self.row_of(now_ps), core] += sum(duration for duration, _ in work)

    def count_overflows(self, now_ps: int, overflow: Int64Array) -> None:
        """Book the overflows of each population."""
        self.overflows[self.row_of(now_ps)] += overflow

    def spiked(self, now_ps: int, core: int, output: int, neuron: int, value: Any) -> None:
        """Book an output that fires now."""
        row = self.row_of(now_ps)
        self.core_counts[row, core, CORE_EVENT_INDEX["spike_out"]] += 1
        if self.recorded[output]:
            self.spikes.append((row, output, neuron, float(value), now_ps))

    def read_out(self, row: int, population: int, neuron: int, value: Any) -> None:
        """Keep what a neuron of a read-out says, or count its spike."""
        if population not in self._column:
            return
        place = row, self._column[population] + neuron
        if self._summed[population]:
            self._readout[place] += float(value)
        else:
            self._readout[place], self._read[place] = float(value), True

    def readouts(self) -> NDArray[np.float64]:
        """Return float64[row, readout neuron]: held until something new is said, or counted so far."""
        held = self._readout.copy()
        for population, column in self._column.items():
            columns = slice(column, column + int(self.machine.populations.size[population]))
            if self._summed[population]:
                held[:, columns] = np.cumsum(held[:, columns], axis=0)
                continue
            for row in range(1, len(held)):
                held[row, columns] = np.where(self._read[row, columns], held[row, columns], held[row - 1, columns])
        return held

    def result(self, chip: FreeChip, sample: int) -> SampleResult:
        """Return everything as the contract wants it."""
        readout = self.readouts()
        return SampleResult(
            sample, len(self.times_ps), readout[-1], readout if self.options.readout_tokens else None,
            np.append(self.times_ps[1:], chip.now), self.core_counts, self.chip_counts, self.soma_ps, self.synapse_ps,
            self.network_ps, np.array([link.n_packets for link in chip.links], np.int64),
            np.array([link.busy_ps for link in chip.links], np.int64), chip.queue_peaks(), self._spike_table(),
            self._packet_table() if self.options.record_packets else None)

    def _spike_table(self) -> SpikeTable:
        """Sort by (row, population, neuron, output, time)."""
        population = self.machine.output_population
        ordered = sorted(self.spikes, key=lambda spike: (spike[0], int(population[spike[1]]), spike[2], spike[1],
                                                         spike[4]))
        columns = list(zip(*ordered, strict=True)) if ordered else [(), (), (), (), ()]
        return SpikeTable(np.array(columns[0], np.int32), np.array(columns[1], np.int32),
                          np.array(columns[2], np.int64), np.array(columns[3], np.float64),
                          np.array(columns[4], np.int64))

    def _packet_table(self) -> PacketTable:
        """Number the packets of each row by their ids; one row of the table per destination."""
        ordered = sorted(self.packets, key=lambda entry: (entry[0], entry[1].number, entry[2]))
        rows, number, last = [], -1, (-1, None)
        for row, packet, sink, arrival_ps in ordered:
            if (row, packet.number) != last:
                number = number + 1 if row == last[0] else 0
                last = (row, packet.number)
            rows.append((row, number, packet.row, int(self.machine.destinations.core[sink]), packet.inject_ps,
                         arrival_ps))
        columns = np.array(rows, np.int64).reshape(-1, 6).T
        return PacketTable(columns[0].astype(np.int32), *columns[1:])
