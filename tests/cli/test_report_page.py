"""`neurosim report --html`: the page holds what `--json` prints; files that are there, and extras that are not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program


@pytest.fixture
def trace(program: Program, tiny: tuple[Path, Path], tmp_path: Path) -> Path:
    program("run", tiny[0], "--input", tiny[1], "--chip", "loihi", "--trace", tmp_path / "run.h5", "--quiet")
    return tmp_path / "run.h5"


def data_of(page: Path) -> Any:
    """Return the data within a page."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_what_json_prints(program: Program, trace: Path) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    page = trace.with_name("page.html")
    for chip in ([], ["--chip", "loihi-nahuku"]):
        told = json.loads(program("report", trace, "--json", *chip).out)
        assert program("report", trace, "--html", page, "--force", "--quiet", *chip) == (0, "", "")
        shown = data_of(page)
        assert shown["summary"] == {name: value for name, value in told.items() if name != "confusion"}
        assert shown["confusion"].get("matrix") == told["confusion"]


def test_what_is_there_is_kept(program: Program, trace: Path) -> None:
    pytest.importorskip("plotly", reason="needs Plotly: the extra `explore`")
    page = trace.with_name("page.html")
    page.write_text("mine", encoding="utf-8")
    outcome = program("report", trace, "--html", page)
    assert outcome.code == 2 and "exists" in outcome.err and page.read_text(encoding="utf-8") == "mine"
    assert program("report", trace, "--html", trace.with_name("no") / "page.html").code == 2
    assert not list(trace.parent.glob("*.partial"))


def test_without_the_extra(program: Program, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("plotly", "plotly.offline"):
        monkeypatch.setitem(sys.modules, module, None)
    outcome = program("report", trace, "--html", trace.with_name("page.html"))
    assert outcome.code == 2 and "neurosim-chips[explore]" in outcome.err and outcome.out == ""


def test_no_trace(program: Program, trace: Path) -> None:
    trace.write_bytes(trace.read_bytes()[:1000])
    outcome = program("report", trace, "--html", trace.with_name("page.html"))
    assert outcome.code == 2 and str(trace) in outcome.err and "Traceback" not in outcome.err
