"""AEDAT4 files: read by the library where it is installed, and refused with a word on it where it is not.

The reader is also tried on packets of a stand-in for the library, so that it is tested everywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from neurosim.errors import DataError
from neurosim.recordings.binning import Binning
from neurosim.recordings.load import load_recordings
from tests.oracle.events import Event, Rule, binned
from tests.recordings.aedat4_file import MAGIC, write_aedat4
from tests.recordings.make import EVENTS, OTHERS
from tests.recordings.test_files import read

LATER = [event._replace(t=event.t + 5000) for event in OTHERS]
# What the library's documentation says that packets of events are.
DTYPE = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), (("p", "on"), "?")])


@pytest.fixture
def library() -> None:
    pytest.importorskip("aedat", reason="aedat, which decodes AEDAT4, is not installed")


@pytest.mark.usefixtures("library")
def test_files_give_back_their_events(tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "one.aedat4", [(0, EVENTS), (0, LATER)])
    assert read(path) == [EVENTS + LATER]
    found = load_recordings(path, 2 * 34 * 34, Binning(bin_us=1000))
    assert found.inputs.tolist() == [binned(EVENTS + LATER, Rule(34, 34), None)[0]]
    assert read(tmp_path) == [EVENTS + LATER]


@pytest.mark.usefixtures("library")
def test_a_stream_of_several_is_named(tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "two.aedat4", [(0, EVENTS), (3, OTHERS)], streams=(0, 3))
    assert read(f"{path}:3") == [OTHERS]
    for source, message in ((path, r"two\.aedat4: 2 streams of events\n  allowed: 0, 3\n.*two\.aedat4:0"),
                            (f"{path}:1", r"two\.aedat4: stream 1\n  allowed: 0, 3")):
        with pytest.raises(DataError, match=message):
            load_recordings(source, 2 * 34 * 34)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("content, message", [
    (b"", "does not begin with '#!AER-DAT4'"),
    (b"#!AER-DAT3.1\r\n", "does not begin with .*\n.*\n  mend: AEDAT of earlier versions"),
    (MAGIC, "cannot be read: .*\n  allowed: a whole AEDAT4 file"),
    (MAGIC + bytes(100), "cannot be read: "),
    (MAGIC + b"\x10\0\0\0" + bytes(range(100)), "cannot be read: "),
])
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.aedat4").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_recordings(tmp_path / "bad.aedat4", 2 * 34 * 34)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("cut", [5, 20, 60])
def test_cut_files(cut: int, tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "cut.aedat4", [(0, EVENTS), (0, LATER)])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="cannot be read: .*\n  allowed: a whole AEDAT4 file"):
        load_recordings(path, 2 * 34 * 34)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aedat", None)
    path = write_aedat4(tmp_path / "one.aedat4", [(0, EVENTS)])
    with pytest.raises(DataError, match=r'needs the library aedat\n  mend: pip install "neurosim-chips\[events\]"'):
        load_recordings(path, 2 * 34 * 34)


class PanicException(BaseException):
    """Like the one that compiled libraries raise, which is no Exception."""


def stand_in(packets: list[Any]) -> ModuleType:
    """Return a module whose decoder gives the packets, and raises those that are exceptions."""

    class Decoder:
        def __init__(self, path: Path) -> None:
            self.left = iter(packets)

        def id_to_stream(self) -> dict[int, dict[str, Any]]:
            return {0: {"type": "frame", "width": 9, "height": 9}, 2: {"type": "events", "width": 34, "height": 34}}

        def __next__(self) -> dict[str, Any]:
            packet: Any = next(self.left)
            if isinstance(packet, BaseException):
                raise packet
            return dict(packet)

    module = ModuleType("aedat")
    module.Decoder = Decoder    # type: ignore[attr-defined]
    return module


def packet(events: list[Event], stream: int = 2) -> dict[str, Any]:
    return {"stream_id": stream, "events": np.array([tuple(event) for event in events], dtype=DTYPE)}


def test_packets_of_events_are_joined_and_others_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [{"stream_id": 0, "frame": {}}, packet(EVENTS), {"stream_id": 1, "imus": []}, packet(LATER)]
    monkeypatch.setitem(sys.modules, "aedat", stand_in(packets))
    (tmp_path / "one.aedat4").write_bytes(MAGIC)
    assert read(tmp_path / "one.aedat4") == [EVENTS + LATER]
    monkeypatch.setitem(sys.modules, "aedat", stand_in([]))
    assert read(tmp_path / "one.aedat4") == [[]]


@pytest.mark.parametrize("error", [RuntimeError("failed to fill whole buffer"), PanicException("out of range")])
def test_what_the_decoder_raises_is_told(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aedat", stand_in([packet(EVENTS), error]))
    (tmp_path / "one.aedat4").write_bytes(MAGIC)
    with pytest.raises(DataError, match=f"cannot be read: {error}\n  allowed: a whole AEDAT4 file"):
        load_recordings(tmp_path / "one.aedat4", 2 * 34 * 34)


def test_an_interrupt_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aedat", stand_in([KeyboardInterrupt()]))
    (tmp_path / "one.aedat4").write_bytes(MAGIC)
    with pytest.raises(KeyboardInterrupt):
        load_recordings(tmp_path / "one.aedat4", 2 * 34 * 34)
