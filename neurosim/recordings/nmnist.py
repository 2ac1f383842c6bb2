"""N-MNIST recordings, `.bin` and `.bs2`: five bytes per event.

    byte 0     x
    byte 1     y
    byte 2     bit 7: polarity, on where set; bits 6 to 0: bits 22 to 16 of the time
    byte 3, 4  bits 15 to 0 of the time, high byte first, in microseconds

An event at y = 240 is none: it says that 2^13 µs more have passed for all events after it.

Source: G. Orchard et al., *Converting static image datasets to spiking neuromorphic datasets using saccades*, 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurosim.data_files import broken
from neurosim.errors import DataError
from neurosim.recordings.events import RawEvents, Sensor, check_n_events

SENSOR = Sensor(34, 34)
SUFFIXES = (".bin", ".bs2")
BYTES_PER_EVENT = 5
OVERFLOW_Y, OVERFLOW_US = 240, 2**13


def read_nmnist(path: Path) -> RawEvents:
    """Return the events of a file; raise DataError where it is no whole number of events."""
    n_bytes = path.stat().st_size
    if n_bytes % BYTES_PER_EVENT or not n_bytes:
        raise DataError(f"{path}: {n_bytes} bytes", allowed=f"events of {BYTES_PER_EVENT} bytes, at least one",
                        mend="check that the file is whole, and an N-MNIST recording")
    check_n_events(n_bytes // BYTES_PER_EVENT, str(path))
    try:
        rows = np.fromfile(path, dtype=np.uint8).reshape(-1, BYTES_PER_EVENT).astype(np.int64)
    except (OSError, ValueError) as error:
        raise broken(path, error, "an N-MNIST recording") from None
    time_us = (rows[:, 2] & 0x7F) << 16 | rows[:, 3] << 8 | rows[:, 4]
    overflow = rows[:, 1] == OVERFLOW_Y
    time_us += np.cumsum(overflow) * OVERFLOW_US
    return RawEvents(str(path), *(column[~overflow] for column in (time_us, rows[:, 0], rows[:, 1], rows[:, 2] >> 7)))
