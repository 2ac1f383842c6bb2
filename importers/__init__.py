"""Readers of trained networks. `import_network` tells by the content which one a file needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importers.registry import Importer
    from importers.result import ImportResult


def import_network(path: str | Path, format: str = "auto", **options: Any) -> ImportResult:
    """Read a trained network from a file.

    Parameters
    ----------
    format : name of an importer (`importers.registry.IMPORTERS`), or `auto`: the first that recognises the content
    options : of the importer, such as `kind="gsu"`; see `docs/importers.md`

    Raises
    ------
    DataError       a file that cannot be read, or whose content no importer knows
    OptionError     a format or an option that there is not, or that contradicts the file
    """
    from importers.files.containers import is_hdf5
    from importers.registry import IMPORTER_BY_NAME
    from neurosim.errors import check_choice

    path = Path(path)
    if format != "auto":
        check_choice("format", format, IMPORTER_BY_NAME)
    chosen = IMPORTER_BY_NAME.get(format)
    return _from_hdf5(path, chosen, options) if is_hdf5(path) else _from_tensors(path, chosen, options)


def _from_tensors(path: Path, chosen: Importer | None, options: dict[str, Any]) -> ImportResult:
    from importers.files.tensors import load_tensors
    from importers.registry import IMPORTERS
    from neurosim.errors import DataError

    source = load_tensors(path)
    _check_container(path, chosen, "tensors")
    found = chosen or next((item for item in IMPORTERS if item.container == "tensors" and item.recognises(source)),
                           None)
    if found is None:
        shown = ", ".join(list(source.tensors)[:8]) or "none"
        raise DataError(f"{path}: keys of no known network: {shown}", allowed=_titles("tensors"),
                        mend="name the keys as the published code does (docs/importers.md); for a network of another "
                             "framework export NIR, or call neurosim.profile with the live module")
    found.check_options(options)
    return found.read()(source, **options)


def _from_hdf5(path: Path, chosen: Importer | None, options: dict[str, Any]) -> ImportResult:
    from neurosim.errors import DataError

    _check_container(path, chosen, "hdf5")
    found = chosen or recognised_hdf5(path)
    if found is None:
        raise DataError(f"{path}: HDF5 file of no known kind", allowed=_titles("hdf5"),
                        mend="export the network as NIR or netx; a network file of neurosim is run as it is")
    found.check_options(options)
    return found.read()(path, **options)


def recognised_hdf5(path: Path) -> Importer | None:
    """Return the importer that an HDF5 file is for; None where there is none, or the file is no HDF5."""
    from importers.files.containers import is_hdf5, looking_into
    from importers.registry import IMPORTERS

    if not is_hdf5(path):
        return None
    with looking_into(path) as file:
        return next((item for item in IMPORTERS if item.container == "hdf5" and item.recognises(file)), None)


def _check_container(path: Path, chosen: Importer | None, container: str) -> None:
    from neurosim.errors import DataError

    if chosen is not None and chosen.container != container:
        raise DataError(f"{path}: is {'an HDF5 file' if container == 'hdf5' else 'no HDF5 file'}",
                        allowed=f"format {chosen.name} reads {chosen.title}",
                        mend="leave --format out, or name another")


def _titles(container: str) -> str:
    from importers.registry import IMPORTERS

    return "; ".join(item.title for item in IMPORTERS if item.container == container)
