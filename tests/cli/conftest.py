"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program, make_program, save_tiny


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return make_program(capsys)


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Path, Path]:
    """Network file and input file of a network so small that a run takes no time."""
    return save_tiny(tmp_path)
