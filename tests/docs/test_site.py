"""The site: docstrings as Sphinx reads them, every public name in the reference, and a build without warnings."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, extension, pages

to_rst = extension("docstrings").to_rst
REFERENCE = "\n".join((DOCS / page).read_text(encoding="utf-8") for page in pages() if page.startswith("reference/"))
FETCHED = re.compile(r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//|<link[^>]+href=\"(?:https?:)?//")
LINK = re.compile(r"""(?:src|href)="(?!https?:|mailto:|data:|#)([^"?#]+)""")


@pytest.mark.parametrize("package", ["neurosim", "neurosim.explore", "neurosim.export", "hw_models"])
def test_every_public_name_is_in_the_reference(package: str) -> None:
    missing = [name for name in import_module(package).__all__ if not name.startswith("__")
               and not re.search(rf"^\.\. auto\w+:: (?:[\w.]+\.)?{name}$|:members:.*\b{name}\b",
                                REFERENCE, re.MULTILINE)]
    assert not missing, f"{package}: {missing}"


def test_docstrings_become_what_sphinx_reads() -> None:
    assert to_rst("""\
Return `x` of a_ and *b*,
on one line.

    y <- 2 x

    z <- y

Parameters
----------
x, y : float64[neuron]  what is read,
    and more of it
- one
  thing
* another

Raises
------
DataError, OptionError  a `file` that is not there
TraceError
""".splitlines()) == [
        r"Return ``x`` of a\_ and \*b\*, on one line.", "",
        "::", "", "    y <- 2 x", "", "    z <- y", "",
        ".. rubric:: Parameters", "",
        "``x``, ``y``", "    float64[neuron]  what is read, and more of it", "",
        "- one thing", "", "- another", "",
        ".. rubric:: Raises", "",
        "``DataError``, ``OptionError``", "    a ``file`` that is not there", "",
        "``TraceError``", "    \\ ", ""]


def test_examples_keep_their_lines() -> None:
    assert to_rst(["Add.", "", ">>> add(1, 2)", "3"]) == ["Add.", "", ">>> add(1, 2)", "3", ""]


def test_text_of_a_docstring_stays_what_it_is() -> None:
    """No line is lost, whatever stands in it."""
    source = Path(import_module("neurosim.api").__file__ or "").read_text(encoding="utf-8")
    for text in re.findall(r'"""(.*?)"""', source, re.DOTALL):
        words = re.findall(r"\w{4,}", text)
        assert re.findall(r"\w{4,}", re.sub(r"\.\. rubric::|\\", "", "\n".join(to_rst(text.splitlines())))) == words


def test_the_site_builds_without_warnings_and_stands_alone(tmp_path: Path) -> None:
    for module in ("sphinx", "furo", "myst_nb"):
        pytest.importorskip(module, reason="needs the extra `docs`")
    done = subprocess.run([sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", "-b", "html",
                           str(DOCS), str(tmp_path), "-d", str(tmp_path / "trees")], cwd=ROOT, text=True,
                          capture_output=True, timeout=600, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    for path in tmp_path.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not FETCHED.search(text), path
        for target in LINK.findall(text):
            assert (path.parent / target).exists(), f"{path}: {target}"
