"""PyTorch checkpoints: tensors are read, and nothing in them is ever run."""

from __future__ import annotations

import builtins
import os
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers import import_network
from importers.files import tensors, torch_files
from importers.files.tensors import load_tensors
from neurosim.errors import DataError, InputError
from tests.importers.state_dicts import random_network

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def weights() -> dict[str, Any]:
    return {"a": torch.arange(6.0).reshape(2, 3), "n": torch.tensor(7)}


@pytest.mark.parametrize("name", ["net.pt", "net.ckpt", "net.safetensors"])
def test_a_state_dict(tmp_path: Path, name: str) -> None:
    """The ending says nothing."""
    loaded = load_tensors(saved(tmp_path / name, weights()))
    np.testing.assert_array_equal(loaded.tensors["a"], np.arange(6, dtype=np.float32).reshape(2, 3), strict=True)
    assert loaded.tensors["n"] == 7 and loaded.notes == ()


@pytest.mark.parametrize("wrapper", ["model_state_dict", "state_dict", "model"])
def test_what_stands_beside_the_weights_is_dropped_and_told(tmp_path: Path, wrapper: str) -> None:
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.01}]}
    loaded = load_tensors(saved(tmp_path / "net.pt", {wrapper: {**weights(), "version": 3}, "acc": torch.tensor(0.9),
                                                      "optimizer": optimizer, "epoch": 5, "loss": 0.25}))
    assert set(loaded.tensors) == {"a", "n"}
    assert loaded.notes == (f"weights from {wrapper!r}; beside it, dropped: acc, optimizer, epoch, loss",
                            "not tensors, dropped: version")


def test_wrapped_twice(tmp_path: Path) -> None:
    loaded = load_tensors(saved(tmp_path / "net.pt", {"state_dict": {"model": weights()}}))
    assert set(loaded.tensors) == {"a", "n"} and len(loaded.notes) == 2


def test_kinds_of_numbers(tmp_path: Path) -> None:
    values = [1.0, -2.5, 3.140625]
    given_ = {"bfloat16": torch.tensor(values, dtype=torch.bfloat16), "half": torch.tensor(values).half(),
              "double": torch.tensor(values).double(), "turned": torch.arange(6.0).reshape(2, 3).T,
              "trained": torch.nn.Parameter(torch.ones(2)), "flag": torch.tensor([True])}
    loaded = load_tensors(saved(tmp_path / "net.pt", given_)).tensors
    assert {key: str(item.dtype) for key, item in loaded.items()} == {
        "bfloat16": "float32", "half": "float16", "double": "float64", "turned": "float32", "trained": "float32",
        "flag": "bool"}
    np.testing.assert_array_equal(loaded["bfloat16"], values)
    np.testing.assert_array_equal(loaded["turned"], np.arange(6.0).reshape(2, 3).T)


class Evil:
    """Makes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"state_dict": {"a": torch.ones(1)}, "x": evil},
                                  lambda evil: [evil]])
def test_a_pickle_that_would_run_code_does_nothing(tmp_path: Path, wrap: Any) -> None:
    path = saved(tmp_path / "net.pt", wrap(Evil(tmp_path / "made")))
    with pytest.raises(DataError, match=r"net.pt: holds objects.*beside tensors, whose loading could run any code"):
        load_tensors(path)
    assert not (tmp_path / "made").exists()
    torch.load(path, weights_only=False)        # it would have
    assert (tmp_path / "made").exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds objects.*torch.nn.modules.linear.Linear"):
        load_tensors(saved(tmp_path / "net.pt", torch.nn.Linear(2, 3)))


def test_the_older_container_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "old.pt", weights(), _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="pickle, which can run any code when loaded"):
        load_tensors(path)
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match="pickle, which can run any code when loaded"):
        load_tensors(tmp_path / "plain.pkl")


def repacked(path: Path, compression: int, **replaced: bytes) -> Path:
    """Write the archive again with other entries."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, replaced.get(Path(name).stem, content))
    return path


def test_archives_of_another_make_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "net.pt", weights())
    with pytest.raises(DataError, match="is compressed"):
        load_tensors(repacked(path, zipfile.ZIP_DEFLATED))
    with pytest.raises(DataError, match="damaged PyTorch file"):
        load_tensors(repacked(saved(path, weights()), zipfile.ZIP_STORED, data=b"\x80\x02}"))
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("archive/constants.pkl", b"")
    with pytest.raises(DataError, match="TorchScript archive, which holds a program"):
        load_tensors(tmp_path / "script.pt")
    monkeypatch.setattr(torch_files, "MAX_PICKLE_BYTES", 10)
    with pytest.raises(DataError, match=r"data.pkl has .* bytes\n  allowed: at most 10"):
        load_tensors(saved(path, weights()))
    monkeypatch.setattr(torch_files, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="bytes when unpacked"):
        load_tensors(path)
    monkeypatch.setattr(tensors, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="allowed: at most 100 bytes"):
        load_tensors(path)


def test_a_view_that_claims_more_than_it_stores(tmp_path: Path) -> None:
    """One number, shown 10**12 times: no memory is taken for it."""
    with pytest.raises(DataError, match="a brings the tensors to 4000000000000 bytes"):
        load_tensors(saved(tmp_path / "net.pt", {"a": torch.ones(1).expand(10**6, 10**6)}))


@pytest.mark.parametrize(("content", "words"), [
    ([1, 2], "PyTorch checkpoint of a list"), ({3: 4}, "PyTorch checkpoint of a dict"), ({}, "without tensors: empty"),
    ({"epoch": 3}, "without tensors: epoch"), ({"a": torch.ones(2, dtype=torch.complex64)}, "a is a torch.strided"),
    ({"a": torch.eye(2).to_sparse()}, "a is a torch.sparse_coo tensor"),
    ({"a": torch.tensor([1.0, float("nan")])}, r"a\[1\] = nan\n  allowed: finite")])
def test_what_is_no_state_dict(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load_tensors(saved(tmp_path / "net.pt", content))


def test_without_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, found = saved(tmp_path / "net.pt", weights()), builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DataError, match=r"PyTorch is not installed\n  mend: pip install 'neurosim-chips\[torch\]'"):
        load_tensors(path)


def test_a_network(tmp_path: Path) -> None:
    network = random_network("gsu", "batch", seed=2)
    content = {"state_dict": {key: torch.tensor(values) for key, values in network.items()}, "epoch": 3}
    result = import_network(saved(tmp_path / "gsu.ckpt", content))
    assert "weights from 'state_dict'; beside it, dropped: epoch" in result.report.notes


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_one_error(tmp_path: Path, data: st.DataObject) -> None:
    """Cut or altered anywhere, a file is refused at once, or imported where a number was hit."""
    network = random_network("lif", "batch", seed=2)
    path = saved(tmp_path / "net.pt", {key: torch.tensor(values) for key, values in network.items()})
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[:data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(3):
            limit = data.draw(st.sampled_from([200, 5000, len(content)]))
            content[data.draw(st.integers(0, min(limit, len(content)) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    began = time.perf_counter()
    try:
        import_network(path, kind="lif", norm="batch_pre")
    except InputError as error:
        assert str(path) in str(error)
    assert time.perf_counter() - began < 5
