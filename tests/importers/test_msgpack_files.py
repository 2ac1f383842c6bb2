"""Flax's MessagePack: what is read, what is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.files.tensors import load_tensors
from neurosim.errors import DataError
from tests.importers.msgpack_writer import bfloat16, packed

TREE: dict[str, Any] = {
    "params": {"encoder": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(3)},
               "layers": [{"scale": np.float32(2.5)}, {"scale": np.ones((300, 70), np.float16)}], "a" * 40: np.ones(1)},
    "step": 7, "rate": 1e-3, "name": "net", "optimizer": None, "done": True, "blob": b"xyz", "low": -5}


def test_round_trip(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(packed(TREE))
    loaded = load_tensors(tmp_path / "w")
    assert set(loaded.tensors) == {"params/encoder/kernel", "params/encoder/bias", "params/layers/0/scale",
                                   "params/layers/1/scale", f"params/{'a' * 40}"}
    np.testing.assert_array_equal(loaded.tensors["params/encoder/kernel"], TREE["params"]["encoder"]["kernel"],
                                  strict=True)
    assert loaded.tensors["params/layers/0/scale"] == 2.5
    assert loaded.tensors["params/layers/1/scale"].shape == (300, 70)
    assert loaded.notes == ("not arrays, dropped: step, rate, name, optimizer, done, blob, low",)


@pytest.mark.parametrize("n_entries", [15, 16, 300])
def test_maps_of_any_size(tmp_path: Path, n_entries: int) -> None:
    tree = {f"k{number}": np.array([number], np.int64) for number in range(n_entries)}
    (tmp_path / "w").write_bytes(packed(tree))
    assert {key: values.item() for key, values in load_tensors(tmp_path / "w").tensors.items()} == {
        f"k{number}": number for number in range(n_entries)}


def test_bfloat16(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 3.140625])
    (tmp_path / "w").write_bytes(b"\x81" + packed("a") + bfloat16(values))
    np.testing.assert_array_equal(load_tensors(tmp_path / "w").tensors["a"], values.astype(np.float32), strict=True)


def extension(kind: int, content: bytes) -> bytes:
    return b"\xc7" + bytes([len(content), kind]) + content


def test_as_the_msgpack_package_writes(tmp_path: Path) -> None:
    """Bytes written down by hand from the specification: {"p": {"w": float32[1, 2] of 1 and -1}}."""
    array = bytes.fromhex("93 92 01 02 a7 666c6f61743332 c4 08 0000803f 000080bf".replace(" ", ""))
    (tmp_path / "w").write_bytes(bytes.fromhex("81a17081a177") + extension(1, array))
    np.testing.assert_array_equal(load_tensors(tmp_path / "w").tensors["p/w"], np.array([[1, -1]], np.float32),
                                  strict=True)


BAD = {
    "cut": (packed(TREE)[:-3], "damaged MessagePack file: .* bytes at place"),
    "more behind": (packed(TREE) + b"\x01", "1 bytes behind the end"),
    "complex": (packed({"a": 1})[:-1] + extension(2, packed([1.0, 2.0])), "a is extension 2"),
    "shape": (packed({"a": 1})[:-1] + extension(1, packed([[3], "float32", b"1234"])), r"a claims shape \[3\]"),
    "huge shape": (packed({"a": 1})[:-1] + extension(1, packed([[2**50], "float32", b""])), "a has shape"),
    "type": (packed({"a": 1})[:-1] + extension(1, packed([[1], "object", b"1"])), "a has type object"),
    "no array": (packed({"a": 1})[:-1] + extension(1, packed(3)), "a is no array"),
    "chunks": (packed({"a": {"__msgpack_chunked_array__": True}}), "a is cut into pieces"),
    "deep": (b"\x81\xa1a" * 100 + b"\xc0", "more than 40 levels"),
    "reserved": (b"\x81\xa1a\xc1", "byte 0xc1 begins no value"),
    "keys": (b"\x82\xa1a\xc0\x01\xc0", "keys are no strings"),
    "twice": (b"\x82\xa1a\xc0\xa1a\xc0", "occur twice"),
    "list bomb": (b"\x81\xa1a\xdd\xff\xff\xff\xff" + b"\xc0" * 400_000, "300000 entries"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_files(tmp_path: Path, case: str) -> None:
    content, words = BAD[case]
    (tmp_path / "w").write_bytes(content)
    began = time.perf_counter()
    with pytest.raises(DataError, match=words) as error:
        load_tensors(tmp_path / "w")
    assert time.perf_counter() - began < 5
    assert str(tmp_path / "w") in str(error.value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_one_error(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(packed(TREE)[:2000])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(DataError):
        load_tensors(tmp_path / "w")
