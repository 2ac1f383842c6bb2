"""Files: what is read, and that everything else ends in one clear error."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from importers import import_network
from importers.files import tensors
from importers.files.tensors import load_tensors
from neurosim.errors import DataError, InputError, OptionError
from tests.importers.state_dicts import random_network

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def small() -> dict[str, np.ndarray]:
    return {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(7)}


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.npz", "weights.bin"])
def test_round_trip_by_content(tmp_path: Path, small: dict[str, np.ndarray], name: str) -> None:
    """The ending says nothing: each kind is read under every name."""
    for kind in ("safetensors", "npz"):
        if kind == "npz":
            with (tmp_path / name).open("wb") as file:
                np.savez(file, allow_pickle=False, kind="lif", empty=np.zeros((0, 3)), **small)
        else:
            save_file({**small, "empty": np.zeros((0, 3))}, tmp_path / name, {"kind": "lif"})
        loaded = load_tensors(tmp_path / name)
        assert loaded.metadata == {"kind": "lif"}
        assert loaded.tensors.keys() == {"a", "n", "empty"}
        for key, values in small.items():
            np.testing.assert_array_equal(loaded.tensors[key], values, strict=True)


def test_fortran_order(tmp_path: Path) -> None:
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", values=values)
    np.testing.assert_array_equal(load_tensors(tmp_path / "a.npz").tensors["values"], values)


def torch_like(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")


def object_array(path: Path) -> None:
    np.savez(path, allow_pickle=True, values=np.array([{}, None], dtype=object))


def false_shape(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("values.npy", header.getvalue())


def one_array(path: Path) -> None:
    np.save(path, np.ones(3))


BAD_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "not a known weights file"),
    "text": (lambda path: path.write_text("hello, world"), "not a known weights file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "pickle, which can run any code"),
    "torch": (torch_like, "PyTorch"),
    "objects": (object_array, "values has type object"),
    "hdf5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "HDF5"),
    "npy": (one_array, "one array without a name"),
    "zip": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), "damaged zip"),
    "false shape": (false_shape, "values claims shape"),
    "header": (lambda path: path.write_bytes((20).to_bytes(8, "little") + b'{"a": {"dtype": 3}}'),
               "damaged safetensors"),
    "huge header": (lambda path: path.write_bytes((2**30).to_bytes(8, "little") + b"{" + bytes(50)),
                    "damaged safetensors"),
}


@pytest.mark.parametrize("case", list(BAD_FILES))
def test_bad_files(tmp_path: Path, case: str) -> None:
    path, (write, words) = tmp_path / "weights", BAD_FILES[case]
    write(path)
    path = next(iter(tmp_path.iterdir()))  # NumPy adds an ending
    with pytest.raises(DataError, match=words) as error:
        load_tensors(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_values_that_are_not_finite(tmp_path: Path, kind: str, value: float) -> None:
    values = np.ones((2, 3), np.float32)
    values[1, 2] = value
    path = tmp_path / "w"
    if kind == "npz":
        path = tmp_path / "w.npz"
        np.savez(path, gain=values)
    else:
        save_file({"gain": values}, path)
    with pytest.raises(DataError, match=rf"gain\[1, 2\] = {value}\n  allowed: finite numbers"):
        load_tensors(path)


def test_brain_floats_say_how_to_convert(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(DataError, match=r"a has type BF16\n  allowed: F16, F32.*\n  mend: save it as float32"):
        load_tensors(tmp_path / "w")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        load_tensors(tmp_path / "nothing.safetensors")
    with pytest.raises(DataError, match="Is a directory"):
        load_tensors(tmp_path)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "w.npz", a=np.zeros(10_000))
    monkeypatch.setattr(tensors, "MAX_BYTES", 20_000)
    with pytest.raises(DataError, match="bytes when unpacked"):
        load_tensors(tmp_path / "w.npz")
    monkeypatch.setattr(tensors, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="allowed: at most 100 bytes"):
        load_tensors(tmp_path / "w.npz")


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
@QUIET
@given(data=st.data())
def test_any_damage_is_one_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Cut or altered anywhere, a file is refused with an InputError, or imported if the damage hit a number."""
    path = tmp_path / f"w.{kind}"
    network = random_network("lif", "batch", seed=2)
    if kind == "npz":
        np.savez(path, allow_pickle=False, **network)
    else:
        save_file(network, path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[:data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(3):
            limit = data.draw(st.sampled_from([20, 2000, len(content)]))
            content[data.draw(st.integers(0, min(limit, len(content)) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        import_network(path, kind="lif", norm="batch_pre")
    except InputError as error:
        assert str(path) in str(error)


def test_import_network(tmp_path: Path) -> None:
    save_file(random_network("gsu", "batch", seed=2), tmp_path / "gsu")
    result = import_network(tmp_path / "gsu", name="gated")
    assert result.network.name == "gated"
    assert result.network.metadata["source"] == "gsu"
    with pytest.raises(OptionError, match="unknown option 'nrom'\n  allowed: kind.*\n  mend: did you mean 'norm'"):
        import_network(tmp_path / "gsu", nrom="none")


def test_network_of_no_known_kind(tmp_path: Path, small: dict[str, np.ndarray]) -> None:
    save_file(small, tmp_path / "w")
    with pytest.raises(DataError, match="keys of no known network: a, n"):
        import_network(tmp_path / "w")
