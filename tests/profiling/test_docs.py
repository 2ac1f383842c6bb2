"""docs/profile.md: its examples run and print what it shows; its tables name every layer that is read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from importers.live import norse, sinabs, snntorch, spikingjelly

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "profile.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# Energies follow the figures of the chips: words and layout must be as shown, and all before the chips to the digit.
NUMBER = re.compile(r"\d[\d .]*(?:e-?\d+)?|[pnµmk]?[Js]\b")


def test_there_are_three_examples_two_of_them_short() -> None:
    assert [len(code.splitlines()) <= 10 for code, _ in EXAMPLES] == [True, True, False]


@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=["snntorch", "spikingjelly", "loop"])
def test_examples_print_what_is_shown(code: str, shown: str) -> None:
    pytest.importorskip("torch", reason="PyTorch, the extra `torch`, is not installed")
    for package in ("snntorch", "spikingjelly"):
        if package in code:
            pytest.importorskip(package, reason=f"{package} is not installed")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          text=True, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    exact, _, loose = shown.partition("chip ")
    found_exact, _, found_loose = done.stdout.partition("chip ")
    assert found_exact.split() == exact.split()
    assert NUMBER.sub("#", found_loose).split() == NUMBER.sub("#", loose).split()


@pytest.mark.parametrize("framework", [snntorch, spikingjelly, norse, sinabs], ids=lambda item: item.PACKAGE)
def test_every_layer_that_is_read_is_named(framework: object) -> None:
    for name in framework.READERS:  # type: ignore[attr-defined]
        assert f"`{name}`" in TEXT
    assert not set(framework.READERS) & set(framework.REFUSED)  # type: ignore[attr-defined]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
