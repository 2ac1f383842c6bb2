"""Input data: what is taken, what is refused, and what is said about it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurosim.errors import DataError
from neurosim.inputs import check_inputs, check_labels, has_labels, load_inputs, load_labels


@pytest.mark.parametrize("shape, n_columns, expected", [
    ((5, 4, 3), 3, (5, 4, 3)), ((4, 3), 3, (1, 4, 3)), ((5, 4), 1, (5, 4, 1)), ((5, 4, 1), 1, (5, 4, 1)),
    ((1, 1), 1, (1, 1, 1)),
])
def test_shapes_that_are_taken(shape: tuple[int, ...], n_columns: int, expected: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    result = check_inputs(values, n_columns)
    assert result.shape == expected and result.dtype == np.float64
    assert np.array_equal(result.ravel(), values.ravel())


@pytest.mark.parametrize("values, n_columns, message", [
    (np.zeros((5, 4, 2)), 3, r"shape \(5, 4, 2\)\n  allowed: \(samples, tokens, 3\) or \(tokens, 3\)"),
    (np.zeros((5, 4)), 3, r"allowed: .*\(tokens, 3\)\n  mend: the network has 3 input columns"),
    (np.zeros((64, 1)), 1, r"may be 64 samples or 64 tokens"),
    (np.zeros(4), 1, r"shape \(4,\)"),
    (np.zeros((0, 4, 3)), 3, r"holds no value"),
    (np.array([[["a"]]]), 1, r"holds <U1\n  allowed: real numbers"),
    (np.zeros((1, 1, 1), complex), 1, r"holds complex128"),
    (np.array([[[0.0], [np.inf]]]), 1, r"inputs\[0, 1, 0\] = inf\n  allowed: finite numbers"),
    (np.broadcast_to(np.float32(0), (10**6, 1000, 3)), 3, r"takes 22\.4 GiB as float64\n  allowed: at most 4 GiB"),
])
def test_values_that_are_refused(values: Any, n_columns: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_inputs(values, n_columns)


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
def test_files_give_back_what_was_saved(suffix: str, tmp_path: Path) -> None:
    values, path = np.arange(24, dtype=np.uint8).reshape(2, 4, 3), tmp_path / f"data.{suffix}"
    save(path, {"inputs": values, "labels": np.array([1, 0])})
    assert np.array_equal(load_inputs(path, 3, scale=0.5), values * 0.5)
    if suffix != "npy":
        assert has_labels(path) and load_labels(path).tolist() == [1, 0]
        assert load_inputs(f"{path}:inputs", 3).shape == (2, 4, 3)


def save(path: Path, arrays: dict[str, Any]) -> None:
    if path.suffix == ".npy":
        np.save(path, arrays["inputs"])
    elif path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values


def test_a_single_array_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", pixels=np.zeros((2, 4)))
    assert load_inputs(tmp_path / "data.npz", 1).shape == (2, 4, 1)


@pytest.mark.parametrize("name, message", [
    ("missing.npz", r"missing\.npz: no such file"),
    ("folder.npz", r"is a directory"),
    ("two.npz", r"holds 2 arrays and none named 'inputs'\n  allowed: first, second\n  mend: .*two\.npz:first"),
    ("two.npz:frist", r"no array 'frist'\n  allowed: first, second\n  mend: did you mean 'first'\?"),
    ("text.csv", r"unknown kind of file '\.csv'\n  allowed: \.npy, \.npz, \.h5"),
    ("broken.npz", r"broken\.npz: cannot be read"),
    ("broken.npy", r"broken\.npy: cannot be read"),
    ("broken.h5", r"broken\.h5: cannot be read"),
    ("objects.npy", r"objects\.npy: cannot be read: .*Python objects"),
    ("objects.npz", r"objects\.npz: inputs: holds object"),
    ("huge.npz", r"huge\.npz: inputs: shape \(1099511627776,\) takes 8192\.0 GiB"),
    ("array.npy:inputs", r"a \.npy file has no field 'inputs'"),
])
def test_files_that_are_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    np.savez(tmp_path / "two.npz", first=np.zeros((2, 4)), second=np.zeros((2, 4)))
    for broken in ("text.csv", "broken.npz", "broken.npy", "broken.h5"):
        (tmp_path / broken).write_bytes(b"1,2,3\n")
    np.save(tmp_path / "array.npy", np.zeros((2, 4)))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", inputs=np.array([{}]))
    save_huge(tmp_path / "huge.npz")
    with pytest.raises(DataError, match=message):
        load_inputs(f"{tmp_path}/{name}", 1)


def save_huge(path: Path) -> None:
    """Write a file that claims a terabyte of values and holds none."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inputs.npy", header.getvalue())


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, inputs=np.random.default_rng(0).normal(size=(20, 30)))
    content = bytearray(path.read_bytes())
    content[300:400] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read.*\n  allowed: a whole file"):
        load_inputs(path, 1)


@pytest.mark.parametrize("labels, message", [
    ([0.5, 1.0], r"float64 of shape \(2,\)\n  allowed: whole numbers"),
    ([[0, 1]], r"shape \(1, 2\)"),
    ([0, -1], r"smallest label is -1"),
    ([0, 1, 2], r"3 labels\n  allowed: 2, one per sample"),
])
def test_labels_that_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_labels(labels, n_samples=2)
