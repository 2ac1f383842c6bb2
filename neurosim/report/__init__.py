"""Prices counts and shows what came out. Names are resolved on first use, so that plotting loads late.

Sees traces, chips and plain data only, never an engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.report.floorline import Floorline as Floorline
    from neurosim.report.floorline import floorline_of as floorline_of
    from neurosim.report.floorline import floorline_text as floorline_text
    from neurosim.report.floorline_plot import floorline_png as floorline_png
    from neurosim.report.formats import format_table as format_table
    from neurosim.report.html.page import write_report_page as write_report_page
    from neurosim.report.render import to_png as to_png
    from neurosim.report.summary import Summary as Summary
    from neurosim.report.summary import summarise as summarise
    from neurosim.report.text import to_text as to_text

_MODULES = {"Summary": "summary", "summarise": "summary", "to_text": "text", "to_png": "render",
            "format_table": "formats", "Floorline": "floorline", "floorline_of": "floorline",
            "floorline_text": "floorline", "floorline_png": "floorline_plot",
            "write_report_page": "html.page"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"neurosim.report.{_MODULES[name]}"), name)
