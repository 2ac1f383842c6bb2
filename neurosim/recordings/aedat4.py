"""Recordings in AEDAT4 files, as iniVation's cameras write them; decoded by the library `aedat`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data_files import broken
from neurosim.errors import DataError
from neurosim.recordings.events import RawEvents, Recordings, Sensor, check_n_events
from neurosim.recordings.structured import events_of

SUFFIX = ".aedat4"
MAGIC = b"#!AER-DAT4"


def open_aedat4(path: Path, field: str | None) -> Recordings:
    """Return the one recording of a file; `field` is the number of its stream, where it has several of events."""
    streams = _event_streams(path)
    if field is None and len(streams) == 1:
        [number] = streams
    elif field is not None and field.isdecimal() and int(field) in streams:
        number = int(field)
    else:
        raise DataError(f"{path}: stream {field}" if field else f"{path}: {len(streams)} streams of events",
                        allowed=", ".join(map(str, streams)) or "a file with a stream of events",
                        mend=f"name one, as in {path.name}:{next(iter(streams))}" if streams else None)
    return Recordings(str(path), [lambda: _read(path, number)], streams[number])


def _event_streams(path: Path) -> dict[int, Sensor]:
    """Return the sensors of a file's streams of events."""
    streams = _decoder(path).id_to_stream()
    return {int(number): Sensor(int(stream["width"]), int(stream["height"]))
            for number, stream in sorted(streams.items()) if stream["type"] == "events"}


def _read(path: Path, number: int) -> RawEvents:
    chunks: list[NDArray[Any]] = []
    n_events = 0
    for packet in _packets(path):
        if packet.get("stream_id") == number and "events" in packet:
            chunks.append(packet["events"])
            n_events += packet["events"].size
            check_n_events(n_events, str(path))
    if not chunks:
        none = np.zeros(0, np.int64)
        return RawEvents(str(path), none, none, none, none)
    return events_of(np.concatenate(chunks), str(path))


def _packets(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the packets of a file; raise DataError where one is damaged or cut."""
    decoder = _decoder(path)
    while True:
        try:
            packet = next(decoder)
        except StopIteration:
            return
        except BaseException as error:
            raise _refused(path, error) from None
        yield packet


def _decoder(path: Path) -> Any:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"{path}: does not begin with {MAGIC.decode()!r}", allowed="an AEDAT4 file",
                            mend="AEDAT of earlier versions is not read: save it as AEDAT4")
    try:
        aedat = importlib.import_module("aedat")
    except ImportError:
        raise DataError(f"{path}: reading AEDAT4 needs the library aedat",
                        mend='pip install "neurosim-chips[events]"') from None
    try:
        return aedat.Decoder(path)
    except BaseException as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: BaseException) -> BaseException:
    """Return a DataError for what the decoder raises, its own panics included, which are no Exception."""
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return broken(path, error, "a whole AEDAT4 file")
    return error
