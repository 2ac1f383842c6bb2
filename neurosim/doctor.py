"""What there is around neurosim: versions, caches of compiled kernels, threads, extras, folders."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

PACKAGE = "neurosim-chips"
DEVELOPERS = ("test", "lint", "bench", "docs")      # extras that users of the program do not need
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Finding(NamedTuple):
    """One line of the report.

    section : versions, kernels, threads, extras, folders
    name, text : what it is about, and how it is
    state : "ok"; "note" for what is missing but not needed; "fault" for what neurosim cannot work with
    mend : what to do about it
    """

    section: str
    name: str
    text: str
    state: str = "ok"
    mend: str = ""


def examine() -> list[Finding]:
    """Look at everything; nothing is changed but the folder of compiled kernels, which is created."""
    versions = list(_versions())
    whole = all(each.state == "ok" for each in versions)        # else nothing of ours may load
    return [*versions, *(_kernels() if whole else ()), *_threads(), *_extras(), *(_folders() if whole else ())]


def requirements() -> dict[str, list[str]]:
    """Return the requirements of each extra; those of the program itself under "".

    From pyproject.toml where this is a checkout, else from what was installed.
    """
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    if project.is_file():
        import tomllib

        content = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return {"": content["dependencies"], **content.get("optional-dependencies", {})}
    found: dict[str, list[str]] = {"": []}
    for text in metadata.requires(PACKAGE) or []:
        requirement, _, condition = text.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", condition)
        found.setdefault(extra[1] if extra else "", []).append(requirement.strip())
    return found


def _versions() -> Iterator[Finding]:
    from neurosim import __version__

    yield Finding("versions", "neurosim", f"{__version__} in {Path(__file__).resolve().parent}")
    yield Finding("versions", "python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("versions", "platform", platform.platform())
    for text in requirements()[""]:
        name, version, wanted = _installed(text)
        if version is None:
            yield Finding("versions", name, "not installed", "fault", f"pip install '{wanted}'")
        elif _older(version, wanted):
            yield Finding("versions", name, f"{version}, older than {wanted}", "fault", f"pip install '{wanted}'")
        else:
            yield Finding("versions", name, version)


def _installed(text: str) -> tuple[str, str | None, str]:
    """Return name, installed version or None, and the requirement without its condition."""
    wanted = text.partition(";")[0].strip()
    found = NAME.match(wanted)
    name = found[0] if found else wanted
    try:
        return name, metadata.version(name), wanted
    except metadata.PackageNotFoundError:
        return name, None, wanted


def _older(version: str, wanted: str) -> bool:
    """Whether `version` is below the `>=` of a requirement; words in either, such as `rc1`, end the comparison."""
    least = re.search(r">=\s*([\d.]+)", wanted)
    return least is not None and _numbers(version) < _numbers(least[1])


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)


def _kernels() -> Iterator[Finding]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")             # told below
        from numba.core import config

        from neurosim import kernel
        from neurosim.engine.step_kernels import run_sample
    if config.DISABLE_JIT:
        yield Finding("kernels", "compiler", "off: NUMBA_DISABLE_JIT is set, runs take 100 times as long", "note",
                      "unset NUMBA_DISABLE_JIT")
        return
    if kernel.CACHE_DIRECTORY is None:
        yield Finding("kernels", "cache", "no folder can be written: kernels compile in every process", "fault",
                      "set NUMBA_CACHE_DIR to a folder that can be written")
        return
    own = Path(run_sample.stats.cache_path)
    n_kinds = len(list(own.glob("step_kernels.run_sample-*.nbc")))
    yield Finding("kernels", "cache", f"{kernel.CACHE_DIRECTORY} ({_size(kernel.CACHE_DIRECTORY)})")
    if n_kinds:
        yield Finding("kernels", "compiled", f"yes, the time step for {n_kinds} of 3 kinds of numbers")
    else:
        yield Finding("kernels", "compiled", "no: the first run computes slowly until they are", "note",
                      "python -m neurosim.warm compiles them now")
    others = [path for path in kernel.CACHE_DIRECTORY.parent.glob("kernels-*") if path != kernel.CACHE_DIRECTORY]
    if others:
        size = _megabytes(sum(_bytes(path) for path in others))
        yield Finding("kernels", "old caches", f"{len(others)} of other versions, {size}", "note",
                      f"delete what you do not use of {kernel.CACHE_DIRECTORY.parent}")


def _threads() -> Iterator[Finding]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("threads", "processors", f"{usable} usable of {os.cpu_count()}")
    yield Finding("threads", "workers", f"{os.cpu_count() or 1} samples at once, unless --workers says otherwise")
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        if name in os.environ:
            yield Finding("threads", name, os.environ[name])


def _extras() -> Iterator[Finding]:
    for extra, texts in requirements().items():
        if not extra or extra in DEVELOPERS:
            continue
        found = [_installed(text) for text in texts]
        absent = [name for name, version, _ in found if version is None]
        old = [f"{name} {version} (needs {wanted})" for name, version, wanted in found
               if version is not None and _older(version, wanted)]
        there = ", ".join(f"{name} {version}" for name, version, _ in found if version is not None)
        text = "; ".join(part for part in (there, f"missing: {', '.join(absent)}" if absent else "",
                                           f"too old: {', '.join(old)}" if old else "") if part)
        yield Finding("extras", extra, text, "note" if absent or old else "ok",
                      f"pip install '{PACKAGE}[{extra}]'" if absent or old else "")


def _folders() -> Iterator[Finding]:
    from hw_models import list_chips
    from neurosim.scenario import list_scenarios
    from neurosim.validate.data import VARIABLE, data_folder

    yield Finding("folders", "chips", f"{len(list_chips())} chips")
    yield Finding("folders", "scenarios", ", ".join(list_scenarios()))
    scratch = Path(tempfile.gettempdir())
    yield Finding("folders", "scratch", f"{scratch}, {_megabytes(shutil.disk_usage(scratch).free)} free")
    folder = data_folder()
    if folder is None:
        yield Finding("folders", "outside data", f"none: {VARIABLE} names no folder", "note",
                      "only `neurosim validate` and some tests need it: see docs/data.md")
    else:
        yield Finding("folders", "outside data", str(folder))


def _size(folder: Path) -> str:
    return _megabytes(_bytes(folder))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
