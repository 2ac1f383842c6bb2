"""PyTorch checkpoints (`.pt`, `.pth`, `.ckpt`), safely: tensors, and no object that could run code.

Only the zip container of PyTorch 1.6 and later is read, by `torch.load(weights_only=True)`, whose unpickler knows
tensors and plain containers and nothing else. The archive's sizes are checked before anything is unpacked. Pickled
modules, TorchScript programs and the older container (a bare pickle) are refused.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from importers.files.damage import DAMAGE, damaged
from importers.files.tensors import CONVERT, MAX_BYTES, Array, TensorFile
from neurosim.errors import DataError

# Under these keys training frameworks keep the weights, beside optimizer, epoch and loss.
WRAPPERS = ("model_state_dict", "state_dict", "model", "net", "network", "module", "weights", "params")
MOST_NESTED = 4
MAX_PICKLE_BYTES = 64 * 1024**2
MAX_ENTRIES = 200_000


def load_torch(path: Path) -> TensorFile:
    """Read a PyTorch checkpoint; floats of 16 bits without a NumPy kind become float32.

    Raises
    ------
    DataError    PyTorch is not installed; a program or other objects inside; damaged; larger than 2 GB
    """
    try:
        _check_archive(path)
        content = _load(path)
    except DAMAGE as error:
        raise _refusal(path, error) from None
    entries, notes = _state_dict(path, content)
    tensors: dict[str, Array] = {}
    dropped: list[str] = []
    n_bytes = 0
    for key, value in entries.items():
        if not _is_tensor(value):
            dropped.append(key)
            continue
        n_bytes += int(value.numel()) * int(value.element_size())
        if n_bytes > MAX_BYTES:
            raise DataError(f"{path}: {key} brings the tensors to {n_bytes} bytes", allowed=f"at most {MAX_BYTES}",
                            mend="save the weights alone, each once")
        tensors[key] = _converted(path, key, value)
    if dropped:
        notes.append(f"not tensors, dropped: {_listed(dropped)}")
    return TensorFile(str(path), tensors, {}, tuple(notes))


def _check_archive(path: Path) -> None:
    """Refuse archives whose entries are compressed, too many or too large, and programs."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = {Path(entry.filename).name for entry in entries}
        if "constants.pkl" in names:
            raise DataError(f"{path}: TorchScript archive, which holds a program", allowed="a state_dict", mend=CONVERT)
        total = sum(entry.file_size for entry in entries)
        if total > MAX_BYTES or len(entries) > MAX_ENTRIES:
            raise DataError(f"{path}: {len(entries)} entries, {total} bytes when unpacked",
                            allowed=f"at most {MAX_ENTRIES} entries, {MAX_BYTES} bytes")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED:
                raise DataError(f"{path}: entry {entry.filename} is compressed", allowed="entries as torch.save writes "
                                "them, not compressed", mend="save it again with torch.save")
            if entry.filename.endswith(".pkl") and entry.file_size > MAX_PICKLE_BYTES:
                raise DataError(f"{path}: entry {entry.filename} has {entry.file_size} bytes",
                                allowed=f"at most {MAX_PICKLE_BYTES}", mend=CONVERT)


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise DataError(f"{path}: PyTorch checkpoint, and PyTorch is not installed",
                        mend=f"pip install 'neurosim-chips[torch]', or {CONVERT}") from None
    with warnings.catch_warnings(), path.open("rb") as file:       # as a file: torch.load goes by some names' endings
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=True)


def _refusal(path: Path, error: Exception) -> DataError:
    """Return the error of a checkpoint that `torch.load` refused."""
    text = str(error)
    if isinstance(error, pickle.UnpicklingError) and "weights_only" in text.lower():
        found = re.search(r"(?:GLOBAL|class|function) ([\w.]+)", text)
        named = f" ({found.group(1)})" if found else ""
        return DataError(f"{path}: holds objects{named} beside tensors, whose loading could run any code",
                         allowed="tensors in dictionaries", mend=CONVERT)
    first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return damaged(path, "PyTorch", ValueError(first[:200]))


def _state_dict(path: Path, content: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the dictionary that holds the weights, and notes of what stood beside it."""
    notes: list[str] = []
    for _ in range(MOST_NESTED):
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise DataError(f"{path}: PyTorch checkpoint of a {type(content).__name__}",
                            allowed="a state_dict: names and tensors", mend=CONVERT)
        inner = next((key for key in WRAPPERS if isinstance(content.get(key), dict) and content[key]), None)
        if inner is None:
            break
        beside = [key for key in content if key != inner]
        notes.append(f"weights from {inner!r}" + (f"; beside it, dropped: {_listed(beside)}" if beside else ""))
        content = content[inner]
    if not any(_is_tensor(value) for value in content.values()):
        raise DataError(f"{path}: PyTorch checkpoint without tensors: {_listed(list(content)) or 'empty'}",
                        allowed=f"a state_dict, alone or under {', '.join(WRAPPERS)}", mend=CONVERT)
    return dict(content), notes


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _converted(path: Path, key: str, tensor: Any) -> Array:
    import torch

    known = (torch.strided, tensor.is_quantized, tensor.is_complex(), tensor.device.type)
    if (tensor.layout, *known[1:]) != (torch.strided, False, False, "cpu"):
        raise DataError(f"{path}: {key} is a {tensor.layout} tensor of {tensor.dtype} on {tensor.device}",
                        allowed="plain tensors of real numbers", mend="convert it before saving: tensor.float().cpu()")
    plain = tensor.detach()
    if plain.dtype.is_floating_point and plain.dtype not in (torch.float16, torch.float32, torch.float64):
        plain = plain.float()
    return np.array(plain.numpy())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
