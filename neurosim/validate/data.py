"""Where the networks and recordings of others lie: the folder NEUROSIM_TEST_DATA (docs/data.md)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from neurosim.errors import DataError

VARIABLE = "NEUROSIM_TEST_DATA"
# SHA-256 of every file that a target reads: a comparison with another file would mean nothing.
DIGESTS = {
    "netx/pilotnet_lif/network.net": "4a47723327c0c9e18d8ac3dcbfa2f2e011e6f2c03ebe80cb3b9360ae56124fd3",
    "sanafe/net_x1.npz": "c10e9098b74f37f26004883f7f2d8f44fa8ef06f18107e34697a0f5ba9c9df2d",
    "sanafe/net_x1_results_detailed.json": "246b12cc1277d570e9b0e058a1c64b6806e2f22ccc629af9678fb8b28a328458",
    "sanafe/net_x1_results_simple.json": "21ff0543cb7b19ef6a8f71a2bda4903a8ae8a5e182a5f2e212f85200b57260cc",
}


def data_folder() -> Path | None:
    """Return the folder that NEUROSIM_TEST_DATA names, else `../shared/data` beside the project; None if absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get(VARIABLE) or beside)
    return folder if folder.is_dir() else None


def missing(folder: Path | None, needs: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `needs` that `folder` lacks."""
    return tuple(name for name in needs if folder is None or not (folder / name).exists())


def data_file(folder: Path, name: str) -> Path:
    """Return a file of the folder, once its bytes are known to be those that the target was made with.

    Raises
    ------
    DataError  if it cannot be read, or differs
    """
    path = folder / name
    try:
        found = _digest(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", mend="check the path and its permissions") from None
    if found != DIGESTS[name]:
        raise DataError(f"{path}: SHA-256 {found}", allowed=DIGESTS[name],
                        mend="fetch the file again: docs/data.md lists where from")
    return path


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
