"""Where a file may be written: never over a device or a pipe, over another file only where that is wanted."""

from __future__ import annotations

from pathlib import Path

from neurosim.errors import OptionError


def refuse_special(path: Path) -> None:
    """Raise OptionError where `path` is there and no regular file: a device or a pipe is never replaced."""
    if path.exists() and not path.is_file():
        raise OptionError(f"{path}: is not a regular file", allowed="a regular file, or a path where nothing is",
                          mend="give another path")


def check_new_file(path: Path, *, force: bool) -> None:
    """Raise OptionError where no file can be written at `path`, before anything else is done."""
    if path.is_dir():
        raise OptionError(f"{path}: is a directory", mend="give the name of a file")
    refuse_special(path)
    if not path.parent.is_dir():
        raise OptionError(f"{path}: the folder {path.parent} does not exist", mend="create it, or give another path")
    if path.exists() and not force:
        raise OptionError(f"{path}: exists", allowed="a file that does not exist",
                          mend="give another path, or overwrite it with --force")
