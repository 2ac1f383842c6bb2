"""Truncated and garbled files of every format: one clear error, quickly, in little memory; nothing is ever executed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.importers.state_dicts import random_network

ROOT = Path(__file__).parents[2]
MOST_SECONDS, MOST_MEGABYTES = 5, 1024
OUTSIDE = ("framework_exports/norse_1.1.0.nir", "framework_exports/snntorch_1.0.0_rec.nir", "nir/01_lif/lif_norse.nir",
           "nir/03_rnn/braille_noDelay_bias_zero.nir", "netx/tiny/tiny.net", "safetensors/brf_ecg.safetensors")


def outcomes(seed: int, *files: Path) -> list[list[str]]:
    """Return name, imported, refused, seconds of the slowest, megabytes at the peak; one row per file."""
    done = subprocess.run([sys.executable, "-m", "tests.importers.damage", str(seed), *map(str, files)], cwd=ROOT,
                          capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.rsplit(" ", 4) for line in done.stdout.splitlines()]


def check(rows: list[list[str]], n_files: int) -> None:
    assert len(rows) == n_files
    for name, _, refused, seconds, megabytes in rows:
        assert int(refused) > 20, name
        assert float(seconds) < MOST_SECONDS and int(megabytes) < MOST_MEGABYTES, name


def test_weight_files(tmp_path: Path) -> None:
    tensors = random_network("lif", "batch", 0)
    save_file(tensors, tmp_path / "net.safetensors")
    np.savez(tmp_path / "net.npz", **tensors)
    np.savez_compressed(tmp_path / "small.npz", **tensors)
    check(outcomes(0, *(tmp_path / name for name in ("net.safetensors", "net.npz", "small.npz"))), 3)


def test_pytorch_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    tensors = {key: torch.tensor(values) for key, values in random_network("lif", "none", 0).items()}
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "net.pt")
    check(outcomes(1, tmp_path / "net.pt"), 1)


@pytest.mark.parametrize("name", OUTSIDE)
def test_files_of_others(name: str, outside_data: Callable[[str], Path]) -> None:
    check(outcomes(2, outside_data(name)), 1)
