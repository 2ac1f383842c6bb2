r"""Write AEDAT4 files, uncompressed, byte by byte from the description of the format.

    "#!AER-DAT4.0\r\n"
    size-prefixed flatbuffer `IOHE`: compression (int32), position of the data table (int64), description (string, XML)
    packets: number of the stream (int32), size (int32), size-prefixed flatbuffer `EVTS`: a vector of events
    event: time (int64, µs), x (int16), y (int16), on (bool), three bytes of padding

A flatbuffer table is: distance to its vtable (int32), then fields; the vtable: its size, the table's size, and where in
the table each field stands (uint16 each).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from tests.oracle.events import Event

MAGIC = b"#!AER-DAT4.0\r\n"
STREAM = """<node name="{number}" path="/mainloop/Recorder/outInfo/{number}/">
<attr key="compression" type="string">NONE</attr><attr key="originalModuleName" type="string">camera</attr>
<attr key="originalOutputName" type="string">events</attr><attr key="typeDescription" type="string">Events.</attr>
<attr key="typeIdentifier" type="string">EVTS</attr>
<node name="info" path="/mainloop/Recorder/outInfo/{number}/info/"><attr key="sizeX" type="int">{width}</attr>
<attr key="sizeY" type="int">{height}</attr><attr key="source" type="string">camera</attr></node></node>"""
ROOT = '<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">{streams}</node></dv>'


def write_aedat4(path: Path, packets: Sequence[tuple[int, Sequence[Event]]], width: int = 34, height: int = 34,
                 streams: Sequence[int] = (0,)) -> Path:
    """Write packets of (stream, events)."""
    nodes = "".join(STREAM.format(number=number, width=width, height=height) for number in streams)
    content = MAGIC + _header(ROOT.format(streams=nodes))
    for stream, events in packets:
        packet = _packet(events)
        content += struct.pack("<ii", stream, len(packet)) + packet
    path.write_bytes(content)
    return path


def _header(description: str) -> bytes:
    text = description.encode()
    vtable = struct.pack("<HHHHHH", 10, 24, 4, 16, 8, 0)
    table = struct.pack("<iiIiq", len(vtable), 0, 16, 0, -1)           # the string begins 16 bytes after its field
    return _buffer(b"IOHE", vtable, table + struct.pack("<I", len(text)) + text + bytes(4 - len(text) % 4))


def _packet(events: Sequence[Event]) -> bytes:
    vtable = struct.pack("<HHHH", 6, 8, 4, 0)
    table = struct.pack("<iI", len(vtable), 8)                         # padding puts the events at a multiple of 8
    rows = b"".join(struct.pack("<qhhB3x", event.t, event.x, event.y, event.on) for event in events)
    return _buffer(b"EVTS", vtable, table + bytes(4) + struct.pack("<I", len(events)) + rows)


def _buffer(identifier: bytes, vtable: bytes, rest: bytes) -> bytes:
    content = struct.pack("<I", 8 + len(vtable)) + identifier + vtable + rest
    return struct.pack("<I", len(content)) + content
