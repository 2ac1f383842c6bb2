"""Every format gives back the events that were written, whatever the order and type of its columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurosim.recordings.binning import Binning
from neurosim.recordings.events import Events, Recordings, Sensor, checked
from neurosim.recordings.files import holds_recordings, open_recordings
from neurosim.recordings.load import load_recordings, summed_up
from tests.oracle.events import Event
from tests.recordings.make import EVENTS, OTHERS, columns, nmnist, spike_lists, structured

SENSOR = Sensor(34, 34)


def read(source: Any) -> list[list[Event]]:
    """Return the recordings of a source as lists of events."""
    assert holds_recordings(source)
    found = open_recordings(source)
    return [listed(checked(reader(), found.sensor or SENSOR, found.time_unit_us)) for reader in found.readers]


def listed(events: Events) -> list[Event]:
    on = [True] * events.x.size if events.on is None else events.on.tolist()
    rows = zip(events.time_us.tolist(), events.x.tolist(), events.y.tolist(), on, strict=True)
    return [Event(*row) for row in rows]


@pytest.mark.parametrize("fields", [
    [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")],
    [("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")],
    [("p", "i1"), ("y", "u1"), ("x", "u1"), ("t", ">u4")],
    [("timestamp", "<u8"), ("x", "<u2"), ("y", "<u2"), ("polarity", "u1")],
    [("x", "i8"), ("y", "i8"), ("t", "f8"), ("p", "i8")],
])
def test_structured_arrays(fields: list[tuple[str, str]], tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", structured(EVENTS, fields))
    assert read(tmp_path / "one.npy") == [EVENTS]


def test_polarity_of_minus_one_and_one(tmp_path: Path) -> None:
    array = structured(EVENTS, [("t", "i8"), ("x", "i8"), ("y", "i8"), ("p", "i1")])
    array["p"] = np.where(array["p"] > 0, 1, -1)
    np.save(tmp_path / "one.npy", array)
    assert read(tmp_path / "one.npy") == [EVENTS]


def test_recordings_without_rows_or_polarity(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", structured(EVENTS, [("t", "i8"), ("x", "i8")]))
    [raw] = [reader() for reader in open_recordings(tmp_path / "one.npy").readers]
    assert raw.y is None and raw.p is None
    assert listed(checked(raw, Sensor(34), 1.0)) == [event._replace(y=0, on=True) for event in EVENTS]


def test_archives_hold_a_recording_per_array(tmp_path: Path) -> None:
    """In natural order, which is not that of the alphabet."""
    arrays = {f"arr_{number}": structured(OTHERS if number == 10 else EVENTS) for number in (10, 2, 0)}
    np.savez_compressed(tmp_path / "many.npz", **arrays, labels=np.array([4, 5, 6]))
    assert read(tmp_path / "many.npz") == [EVENTS, EVENTS, OTHERS]
    assert read(f"{tmp_path}/many.npz:arr_10") == [OTHERS]
    assert labels(open_recordings(tmp_path / "many.npz")) == [4, 5, 6]
    assert open_recordings(f"{tmp_path}/many.npz:arr_10").labels is None


def labels(found: Recordings) -> list[int]:
    assert found.labels is not None
    return [int(label) for label in found.labels]


def test_archives_of_plain_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", **columns(EVENTS))
    assert read(tmp_path / "one.npz") == [EVENTS]
    assert summed_up(tmp_path / "one.npz") == "recordings 1, events 4"


def test_lists_of_times_and_units(tmp_path: Path) -> None:
    """Seconds where they are floats: 0.5 and 0.25 s are exact in float16."""
    path = spike_lists(tmp_path / "speech.h5", [[0.25, 0.5, 0.5], []], [[699, 0, 3], []], labels=[19, 3])
    found = open_recordings(path)
    assert read(path) == [[Event(250000, 699, 0, True), Event(500000, 0, 0, True), Event(500000, 3, 0, True)], []]
    assert found.sensor == Sensor(700) and labels(found) == [19, 3]
    path = spike_lists(tmp_path / "ticks.h5", [[7.0, 9.0]], [[1, 2]], kind="i4")
    assert read(path) == [[Event(7, 1, 0, True), Event(9, 2, 0, True)]]


def test_hdf5_columns_groups_and_compounds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "root.h5", "w") as file:
        for name, values in columns(EVENTS).items():
            file[name] = values
    assert read(tmp_path / "root.h5") == [EVENTS]
    with h5py.File(tmp_path / "groups.hdf5", "w") as file:
        for group, events in (("take10", OTHERS), ("take9", EVENTS)):
            for name, values in columns(events).items():
                file.create_dataset(f"{group}/{name}", data=values, compression="gzip")
        file["labels"] = np.array([1, 2])
    assert read(tmp_path / "groups.hdf5") == [EVENTS, OTHERS]
    assert read(f"{tmp_path}/groups.hdf5:take10") == [OTHERS]
    assert labels(open_recordings(tmp_path / "groups.hdf5")) == [1, 2]
    with h5py.File(tmp_path / "compound.h5", "w") as file:
        file["deep/events"] = structured(EVENTS)
    assert read(tmp_path / "compound.h5") == [EVENTS]
    assert read(f"{tmp_path}/compound.h5:deep/events") == [EVENTS]


@pytest.mark.parametrize("suffix", ["bin", "bs2"])
def test_nmnist(suffix: str, tmp_path: Path) -> None:
    late = [*EVENTS, Event(2**23 - 1, 0, 1, True)]
    path = nmnist(late, tmp_path / f"00001.{suffix}")
    assert read(path) == [late] and open_recordings(path).sensor == SENSOR


def test_nmnist_overflows_are_no_events(tmp_path: Path) -> None:
    """An event at y = 240 says that 2^13 µs more have passed for all that follows."""
    mark = Event(0, 0, 240, False)
    path = nmnist([Event(8000, 1, 1, True), mark, Event(100, 2, 2, True), mark, mark, Event(0, 3, 3, False)],
                  tmp_path / "long.bin")
    assert read(path) == [[Event(8000, 1, 1, True), Event(100 + 8192, 2, 2, True), Event(3 * 8192, 3, 3, False)]]


def test_folders_of_files(tmp_path: Path) -> None:
    nmnist(OTHERS, tmp_path / "10.bs2")
    nmnist(EVENTS, tmp_path / "9.bs2")
    np.save(tmp_path / "11.npy", structured(OTHERS))
    assert read(tmp_path) == [EVENTS, OTHERS, OTHERS] and open_recordings(tmp_path).labels is None
    (tmp_path / "labels.txt").write_text("# name class\n10 1\n\n0009 7\n11 3\n")
    assert labels(open_recordings(tmp_path)) == [7, 1, 3]
    assert read([tmp_path / "10.bs2", str(tmp_path / "9.bs2")]) == [OTHERS, EVENTS]


def test_folders_of_classes(tmp_path: Path) -> None:
    nmnist(EVENTS, tmp_path / "7" / "00002.bin")
    nmnist(OTHERS, tmp_path / "3" / "00001.bin")
    nmnist(OTHERS, tmp_path / "notes" / "00009.bin")
    assert read(tmp_path) == [OTHERS, EVENTS] and labels(open_recordings(tmp_path)) == [3, 7]


@pytest.mark.parametrize("arrays", [{"inputs": np.zeros((2, 3, 4))}, {"x": np.zeros((2, 3, 4)), "t": np.zeros(3)}])
def test_plain_arrays_are_no_recordings(arrays: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    np.save(tmp_path / "data.npy", next(iter(arrays.values())))
    with h5py.File(tmp_path / "data.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    sources = [tmp_path / "data.npz", tmp_path / "data.npy", tmp_path / "data.h5", f"{tmp_path}/data.npz:x",
               tmp_path / "missing.npz", None, [1, 2], [], np.zeros((2, 3))]
    assert not any(holds_recordings(source) for source in sources)


def test_the_real_recordings(outside_data: Callable[[str], Path]) -> None:
    """The first of N-MNIST: within 34 x 34 pixels, of about 300 ms, every event in a bin."""
    folder = outside_data("events/nmnist")
    recorded = read(folder)
    assert len(recorded) == len(list(folder.glob("*.bs2"))) >= 19
    for number, events in enumerate(recorded, start=1):
        assert len(events) == (folder / f"{number}.bs2").stat().st_size // 5
        assert 290_000 < events[-1].t - events[0].t < 320_000
        assert {0, 1} <= {int(event.on) for event in events}
    assert max(event.x for events in recorded for event in events) <= 33
    assert max(event.y for events in recorded for event in events) <= 33
    n_events = sum(map(len, recorded))
    assert summed_up(folder) == f"recordings {len(recorded)}, events {n_events}, 34 x 34 pixels, labels"
    found = load_recordings(folder, 2 * 34 * 34, Binning(bin_us=10_000))
    assert found.labels is not None and found.labels.tolist() == LABELS[:len(recorded)]
    assert found.inputs.sum(axis=(1, 2)).tolist() == [len(events) for events in recorded]
    assert found.inputs.shape[1] == max((events[-1].t - events[0].t) // 10_000 + 1 for events in recorded)
    assert found.notes["input_events_dropped"] == "0"


LABELS = [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9]
