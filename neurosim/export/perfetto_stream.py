"""Packets of a Perfetto trace, written one by one: memory does not grow with the trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.export.optional import load

SEQUENCE = 1                    # one writer, one sequence of packets
PACKET_TAG = b"\x0a"            # field 1 of message Trace, length-delimited
PID = 1


@dataclass(frozen=True)
class Track:
    """A row of the timeline."""

    uuid: int


@dataclass
class Counter:
    """A curve below a track; `value` is what was last written."""

    uuid: int
    value: float | None = None


class PacketStream:
    """Writes tracks, slices, instants and counters to a binary file.

    Names of instants are interned: written once, then a number stands for them.
    """

    def __init__(self, file: IO[bytes]) -> None:
        messages = load("perfetto.protos.perfetto.trace.perfetto_trace_pb2", "format perfetto")
        self._file, self._new_packet, self._event = file, messages.TracePacket, messages.TrackEvent
        self._packet = self._new_packet()
        self._n_tracks = self._n_names = 0
        self._packet.sequence_flags = messages.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        self._needs_names = messages.TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        self._packet.first_packet_on_sequence = True
        self._write()

    def process(self, name: str) -> Track:
        """Add the root of all tracks."""
        track = self._described(name)
        self._packet.track_descriptor.process.pid = PID
        self._packet.track_descriptor.process.process_name = name
        self._write()
        return Track(track)

    def track(self, name: str, parent: Track) -> Track:
        """Add a track below another."""
        track = self._described(name, parent)
        self._write()
        return Track(track)

    def counter(self, name: str, parent: Track, unit: str = "") -> Counter:
        """Add a counter below a track."""
        track = self._described(name, parent)
        self._packet.track_descriptor.counter.SetInParent()
        if unit:
            self._packet.track_descriptor.counter.unit_name = unit
        self._write()
        return Counter(track)

    def name(self, text: str) -> int:
        """Intern a name of instants; return its number."""
        self._n_names += 1
        entry = self._packet.interned_data.event_names.add()
        entry.iid, entry.name = self._n_names, text
        self._packet.sequence_flags = self._needs_names
        self._write()
        return self._n_names

    def instant(self, track: Track, time_ns: int, name: int) -> None:
        """Add an instant with an interned name."""
        event = self._at(track.uuid, time_ns, self._event.TYPE_INSTANT)
        event.name_iid = name
        self._packet.sequence_flags = self._needs_names
        self._write()

    def begin(self, track: Track, time_ns: int, name: str) -> None:
        """Begin a slice."""
        self._at(track.uuid, time_ns, self._event.TYPE_SLICE_BEGIN).name = name
        self._write()

    def end(self, track: Track, time_ns: int) -> None:
        """End the slice that began last."""
        self._at(track.uuid, time_ns, self._event.TYPE_SLICE_END)
        self._write()

    def count(self, counter: Counter, times_ns: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Add values of a counter where they differ from the one before."""
        before = np.concatenate([[np.nan if counter.value is None else counter.value], values[:-1]])
        changed = np.flatnonzero(before != values)
        for time, value in zip(times_ns[changed].tolist(), values[changed].tolist(), strict=True):
            self._at(counter.uuid, time, self._event.TYPE_COUNTER).double_counter_value = value
            self._write()
        if len(values):
            counter.value = float(values[-1])

    def _described(self, name: str, parent: Track | None = None) -> int:
        self._n_tracks += 1
        descriptor = self._packet.track_descriptor
        descriptor.uuid, descriptor.name = self._n_tracks, name
        if parent is not None:
            descriptor.parent_uuid = parent.uuid
        return self._n_tracks

    def _at(self, track: int, time_ns: int, kind: int) -> Any:
        self._packet.timestamp = time_ns
        event = self._packet.track_event
        event.type, event.track_uuid = kind, track
        return event

    def _write(self) -> None:
        self._packet.trusted_packet_sequence_id = SEQUENCE
        content: bytes = self._packet.SerializeToString()
        self._file.write(PACKET_TAG + _varint(len(content)) + content)
        self._packet = self._new_packet()       # a cleared one would keep the memory of all it ever held


def _varint(number: int) -> bytes:
    """Return a number in groups of seven bits, low ones first (Protocol Buffers, "Encoding")."""
    if number < 0x80:
        return bytes((number,))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)
