"""A file that appears under its name when it is whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurosim.errors import OptionError, SimulationError
from neurosim.new_files import check_new_file


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield the path of a new file beside `path`, which takes that name at the end; on any error nothing is left.

    Raises
    ------
    OptionError     `path` exists and `force` is not set, is no regular file, or its folder is missing or read-only
    SimulationError the disk does not take the file
    """
    check_new_file(path, force=force)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield part
        if not force and path.exists():
            raise OptionError(f"{path}: appeared while the export went on", mend="give another path, or use --force")
        os.replace(part, path)
    except OSError as error:
        _retell(path, error)
    finally:
        part.unlink(missing_ok=True)


def _retell(path: Path, error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise OptionError(f"{path}: cannot be created: {error.strerror}",
                          mend="give a path in a folder that can be written") from error
    raise SimulationError(f"{path}: cannot be written: {error.strerror or error}\n"
                          f"  mend: free disk space, or give another path; nothing was left behind") from error
