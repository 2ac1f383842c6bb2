"""Recordings that are wrong: one clear error each, before anything large is held."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurosim.errors import DataError
from neurosim.recordings import events as events_module
from neurosim.recordings.binning import Binning
from neurosim.recordings.load import load_recordings
from tests.oracle.events import Event
from tests.recordings.make import EVENTS, columns, nmnist, spike_lists, structured

N_COLUMNS = 2 * 34 * 34
WIDE = [("t", "i8"), ("x", "i8"), ("y", "i8"), ("p", "i8")]


def load(source: Any, **options: Any) -> Any:
    return load_recordings(source, N_COLUMNS, Binning(**{"width": 34, "height": 34} | options))


@pytest.mark.parametrize("field, at, value, message", [
    ("x", 2, -1, r"bad\.npy: x\[2\] = -1\n  allowed: 0 to 33\n  mend: give the sensor's size"),
    ("x", 1, 2**62, r"bad\.npy: x\[1\] = 4611686018427387904\n  allowed: 0 to 33"),
    ("y", 3, 34, r"bad\.npy: y\[3\] = 34\n  allowed: 0 to 33\n.*input\.height"),
    ("t", 0, -5, r"bad\.npy: t\[0\] = -5\n  allowed: 0 to"),
    ("t", 3, 2**63 - 1, r"bad\.npy: t\[3\] = 9223372036854775807\n  allowed: 0 to 4611686018427387904 µs"),
    ("p", 1, 2, r"bad\.npy: p\[1\] = 2\n  allowed: 0 and 1, or -1 and 1"),
])
def test_values_outside_their_range(field: str, at: int, value: int, message: str, tmp_path: Path) -> None:
    array = structured(EVENTS, WIDE)
    array[field][at] = value
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "bad.npy")


@pytest.mark.parametrize("kind, value", [("u8", 2**64 - 1), ("f8", np.inf), ("f8", np.nan), ("f8", 1e300)])
def test_times_that_no_integer_holds(kind: str, value: float, tmp_path: Path) -> None:
    array = structured(EVENTS, [("t", kind), *WIDE[1:]])
    array["t"][2] = value
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(DataError, match=r"bad\.npy: t\[2\] = "):
        load(tmp_path / "bad.npy")


def test_events_out_of_order(tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", structured([EVENTS[2], EVENTS[0], EVENTS[1], EVENTS[3]], WIDE))
    with pytest.raises(DataError, match=r"event 1 at 3 µs follows one at 1000 µs\n.*\n.*input\.sort=true"):
        load(tmp_path / "bad.npy")
    np.save(tmp_path / "good.npy", structured(EVENTS, WIDE))
    assert np.array_equal(load(tmp_path / "bad.npy", sort=True).inputs, load(tmp_path / "good.npy").inputs)


@pytest.mark.parametrize("kinds, message", [
    ([("t", "i8"), ("x", "f8"), ("y", "i8")], r"x: holds float64\n  allowed: integers$"),
    ([("t", "U3"), ("x", "i8")], r"t: holds <U3\n  allowed: integers or floats"),
    ([("t", "i8"), ("x", "i8", (2,))], r"x has shape \(1, 2\)\n  allowed: \(1,\), like t"),
])
def test_columns_of_other_types(kinds: Any, message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.zeros(1, dtype=kinds))
    with pytest.raises(DataError, match=message):
        load_recordings(tmp_path / "bad.npy", 34 * 34, Binning(width=34, height=34))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.array([({},)], dtype=[("t", object)]), allow_pickle=True)
    with pytest.raises(DataError, match=r"bad\.npy: cannot be read: .*Python objects"):
        load(tmp_path / "bad.npy")


def test_a_recording_per_array(tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", structured(EVENTS).reshape(2, 2))
    with pytest.raises(DataError, match=r"shape \(2, 2\)\n  allowed: \(events,\)\n.*one recording per array"):
        load(tmp_path / "bad.npy")


def test_a_claim_of_more_events_than_are_held(tmp_path: Path) -> None:
    """A header of a terabyte, and nothing behind it."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": [("t", "<i8"), ("x", "<i2")], "fortran_order": False,
                                                  "shape": (2**37,)})
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("events.npy", header.getvalue())
    with pytest.raises(DataError, match=r"huge\.npz: events: 137438953472 events\n  allowed: at most 67108864"):
        load(tmp_path / "huge.npz")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        for name in "tx":
            file.create_dataset(name, (2**37,), "i8", chunks=(2**16,))
    with pytest.raises(DataError, match=r"huge\.h5: t: 137438953472 events"):
        load(tmp_path / "huge.h5")


def test_a_result_too_large_is_refused_before_it_is_made(tmp_path: Path) -> None:
    np.save(tmp_path / "long.npy", structured([Event(0, 0, 0, True), Event(10**15, 0, 0, True)]))
    with pytest.raises(DataError, match=r"input: shape \(1, 1000000000001, 2312\) takes .* GiB"):
        load(tmp_path / "long.npy")
    with pytest.raises(DataError, match=r"takes .* GiB"):
        load(tmp_path / "long.npy", n_bins=2**31 - 1, bin_us=1)
    assert load(tmp_path / "long.npy", n_bins=5).notes["input_events_dropped"] == "1"


def test_too_long_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MAX_EVENTS", 3)
    nmnist(EVENTS, tmp_path / "long.bin")
    with pytest.raises(DataError, match=r"long\.bin: 4 events\n  allowed: at most 3\n  mend: split it"):
        load(tmp_path / "long.bin")


@pytest.mark.parametrize("content, message", [
    (b"\1\2\3\4", r"cut\.bin: 4 bytes\n  allowed: events of 5 bytes, at least one"),
    (b"", r"cut\.bin: 0 bytes"),
    (bytes([40, 0, 128, 0, 0]), r"cut\.bin: x\[0\] = 40\n  allowed: 0 to 33"),
])
def test_nmnist_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "cut.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "cut.bin")


def test_hdf5_lists_that_are_none(tmp_path: Path) -> None:
    path = spike_lists(tmp_path / "uneven.h5", [[0.5, 0.75]], [[1]])
    with pytest.raises(DataError, match=r"recording 0: 2 times and 1 units\n  allowed: as many of each"):
        load_recordings(path, 700)
    path = spike_lists(tmp_path / "outside.h5", [[0.5]], [[700]])
    with pytest.raises(DataError, match=r"recording 0: x\[0\] = 700\n  allowed: 0 to 699"):
        load_recordings(path, 700)
    path = spike_lists(tmp_path / "labels.h5", [[0.5], [0.5]], [[1], [2]], labels=[1])
    with pytest.raises(DataError, match=r"labels: uint8 of shape \(1,\)\n  allowed: .* \(2,\), one per recording"):
        load_recordings(path, 700)
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["spikes/times"], file["spikes/units"] = np.zeros((2, 3)), np.zeros((2, 3))
    with pytest.raises(DataError, match=r"spikes/times: float64 of shape \(2, 3\)\n  allowed: a list of numbers"):
        load_recordings(tmp_path / "flat.h5", 700)
    path = spike_lists(tmp_path / "none.h5", [], [])
    with pytest.raises(DataError, match=r"spikes/times: no recording"):
        load_recordings(path, 700)


def test_no_polarity_to_tell_apart(tmp_path: Path) -> None:
    path = spike_lists(tmp_path / "speech.h5", [[0.5]], [[1]])
    with pytest.raises(DataError, match=r"polarity = signed, and the events have no polarity\n  allowed: merged"):
        load_recordings(path, 700, Binning(polarity="signed"))
    arrays = {"a": structured(EVENTS, WIDE), "b": structured(EVENTS, WIDE[:3])}
    np.savez(tmp_path / "mixed.npz", **arrays)
    with pytest.raises(DataError, match=r"mixed\.npz: b: has no polarity, and the first recording has"):
        load(tmp_path / "mixed.npz")


@pytest.mark.parametrize("name, cut", [("one.npz", 200), ("one.h5", 1000)])
def test_cut_files(name: str, cut: int, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".npz":
        np.savez(path, **columns(EVENTS))
    else:
        with h5py.File(path, "w") as file:
            for key, values in columns(EVENTS).items():
                file[key] = values
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="cannot be read"):
        load(path)


def test_damaged_headers(tmp_path: Path) -> None:
    """What NumPy makes of a bracket that is missing is no ValueError."""
    np.save(tmp_path / "bad.npy", structured(EVENTS))
    content = (tmp_path / "bad.npy").read_bytes()
    (tmp_path / "bad.npy").write_bytes(content.replace(b"'<i8')", b"'<i8'&", 1))
    with pytest.raises(DataError, match=r"bad\.npy: cannot be read"):
        load(tmp_path / "bad.npy")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file.create_dataset(b"\xff\xfe", data=np.zeros(3))
        file["ev"] = structured(EVENTS)
    assert load(tmp_path / "odd.h5").inputs.sum() == len(EVENTS)


def test_files_and_folders_without_events(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"plain\.npy: holds no events\n  allowed: recordings in"):
        load([tmp_path / "plain.npy"])
    with pytest.raises(DataError, match=r"absent\.bin: no such file"):
        load(tmp_path / "absent.bin")
    with pytest.raises(DataError, match=r"absent\.bin: no such file"):
        load([tmp_path / "absent.bin"])
    with pytest.raises(DataError, match=r"0 files: no recording"):
        load([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: holds no recording\n  allowed: files ending in \.bin"):
        load(tmp_path / "empty")
    nmnist(EVENTS, tmp_path / "one.bin")
    with pytest.raises(DataError, match=r"one\.bin: has no events 'take'"):
        load(f"{tmp_path}/one.bin:take")


@pytest.mark.parametrize("text, message", [
    ("1 5 6\n", r"labels\.txt:1: '1 5 6'\n  allowed: a file's name without suffix, and its class"),
    ("# x\n1 -5\n", r"labels\.txt:2: '1 -5'"),
    ("2 5\n", r"labels\.txt: has no line for 1\n.*\n  mend: 1 of 1 recordings have no class"),
])
def test_labels_that_do_not_fit(text: str, message: str, tmp_path: Path) -> None:
    nmnist(EVENTS, tmp_path / "1.bin")
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    nmnist(EVENTS, tmp_path / "1.bin").chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "1.bin")


def test_spike_lists_in_packed_chunks(tmp_path: Path) -> None:
    """As PyTables writes them: chunks of references, which may be packed."""
    times, units = [[0.001, 0.002], [], [0.25, 0.5, 1.0], [0.75]], [[1, 2], [], [3, 4, 699], [0]]
    plain = load_recordings(spike_lists(tmp_path / "plain.h5", times, units, kind="f8"), 700, Binning())
    for index, packing in enumerate([{}, {"compression": "gzip", "shuffle": True}]):
        path = spike_lists(tmp_path / f"{index}.h5", times, units, kind="f8", chunks=(3,), **packing)
        assert np.array_equal(load_recordings(path, 700, Binning()).inputs, plain.inputs)


@pytest.mark.parametrize("part, at, value", [
    ("reference", 0, 2**32 - 1), ("reference", 0, 12), ("reference", 4, 2**63), ("reference", 4, 8),
    ("reference", 12, 2**32 - 1), ("heap", 0, 0), ("heap", 8, 0), ("heap", 8, 2**64 - 1), ("heap", 24, 2**64 - 1),
    ("heap", 24, 0),
])
def test_damaged_lengths_of_spike_lists(part: str, at: int, value: int, tmp_path: Path) -> None:
    """Of a list, its heap's place, its number there; the heap's signature and size, and the size of an object."""
    path = spike_lists(tmp_path / "bad.h5", [[1.0, 2.0]], [[1, 2]], kind="f8")
    with h5py.File(path) as file:
        reference = file["spikes/times"].id.get_offset()
    content = bytearray(path.read_bytes())
    start = reference if part == "reference" else int.from_bytes(content[reference + 4:reference + 12], "little")
    n_bytes = 4 if part == "reference" and at != 4 else 8
    content[start + at:start + at + n_bytes] = value.to_bytes(n_bytes, "little")
    path.write_bytes(content)
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"bad\.h5: cannot be read: .*(points to|claims)"):
        load_recordings(path, 700, Binning())
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("seed", range(60))
def test_damaged_spike_lists(seed: int, tmp_path: Path) -> None:
    """Bytes replaced where references and heaps lie: one DataError at most, and quickly."""
    random = np.random.default_rng(seed)
    path = spike_lists(tmp_path / "bad.h5", [[0.001 * step for step in range(40)]] * 3, [list(range(40))] * 3)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    for _ in range(1 + seed % 8):
        content[random.integers(heap, len(content))] = random.choice([0, 1, 127, 255, random.integers(256)])
    path.write_bytes(content)
    started = time.perf_counter()
    try:
        load_recordings(path, 700, Binning())
    except DataError as error:
        assert str(path) in str(error)
    assert time.perf_counter() - started < 5


def test_spike_lists_behind_a_user_block(tmp_path: Path) -> None:
    """Addresses in such a file do not count from its start."""
    plain = spike_lists(tmp_path / "plain.h5", [[1.0, 2.0]], [[1, 2]], kind="f8")
    with h5py.File(plain) as file, h5py.File(tmp_path / "block.h5", "w", userblock_size=512) as other:
        file.copy("spikes", other)
    with pytest.raises(DataError, match=r"block\.h5: cannot be read: lies behind a user block"):
        load_recordings(tmp_path / "block.h5", 700, Binning())
