"""How Sphinx makes the site of these pages: `make docs`. All that it shows lies within the site; nothing is fetched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["NUMBA_DISABLE_JIT"] = "1"          # kernels are described, not compiled
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from neurosim import __version__ as release  # noqa: E402  after the path is set

project = "neurosim"
author = "the neurosim authors"
version = release
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "docstrings", "command_reference"]
exclude_patterns = ["_build", "extensions", "**/.ipynb_checkpoints"]
# A release may lack a page; names such as Chip stand for several classes, all of which are listed.
suppress_warnings = ["toc.empty_glob", "ref.python"]

# Pages are Markdown; notebooks are shown with the outputs they were kept with, which a test compares with a fresh run.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, str] = {}          # would be fetched from elsewhere

# Docstrings are plain text with Markdown's backticks; `docstrings` turns them into what Sphinx reads.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"neurosim {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path: list[str] = []
pygments_style, pygments_dark_style = "friendly", "native"
