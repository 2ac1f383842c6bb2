"""The notebooks of docs/notebooks: what stands in them is what comes out when they run."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import DOCS, ROOT
from tests.test_readme import loose

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
names = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def shown(cell: dict[str, Any]) -> tuple[str, list[str]]:
    """Return what a cell printed, without numbers, and which pictures and other things it showed."""
    outputs = cell["outputs"]
    text = "".join("".join(each["text"]) for each in outputs if each["output_type"] == "stream")
    return loose(text), [kind for each in outputs if "data" in each for kind in sorted(each["data"])]


@names
def test_it_is_kept_whole_small_and_free_of_its_maker(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    assert len(text) < 150_000
    assert not re.search(r'"/(?:home|tmp|root|work|Users|usr)\b|site-packages', text) and str(ROOT) not in text
    assert [cell["execution_count"] for cell in cells(content)] == list(range(1, len(cells(content)) + 1))
    assert all(each["output_type"] != "error" and each.get("name") != "stderr"
               for cell in cells(content) for each in cell["outputs"])
    assert sum("image/png" in shown(cell)[1] for cell in cells(content)) >= 2
    page = (DOCS / "index.md").read_text(encoding="utf-8")
    assert f"notebooks/{path.stem}\n" in page


@names
def test_it_shows_what_it_does(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    needed = ["nbclient", "nbformat", "ipykernel", *content["metadata"]["neurosim"]["needs"]]
    if lacking := [name for name in needed if find_spec(name) is None]:
        pytest.skip(f"needs {', '.join(lacking)}: the extras `docs` and `export`")
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.delenv("MPLBACKEND", raising=False)       # pictures go into the notebook
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    for kept, new in zip(cells(content), cells(notebook), strict=True):
        assert shown(new) == shown(kept), "".join(kept["source"])
