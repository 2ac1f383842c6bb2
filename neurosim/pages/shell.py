"""The shell of every page: style, light and dark, plain data, and Plotly's offline bundle, in one HTML file.

A page gives its body (HTML), its data (plain, for JSON) and its script, which finds in `neurosim`:

    neurosim.data               the data
    neurosim.plot(id, make)     a Plotly chart of make() = {traces, layout}, drawn anew when the theme changes
    neurosim.onTheme(function)  called now and after each change of the theme
    neurosim.colour(name)       a colour of the theme, such as "ink" or "series-1"
    neurosim.number(value, unit)    three digits with a prefix, such as 1.23 mJ
    neurosim.element(tag, attributes, ...children)  a node of the document; texts are texts, never HTML

The policy in the page's head forbids the browser every request, so that a page stays what it was when it is passed on.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Collection
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurosim.errors import OptionError, SimulationError
from neurosim.new_files import refuse_special
from neurosim.pages.plotly import plotly_bundle

# Plotly draws parallel coordinates with functions that it compiles: hence 'unsafe-eval', of the page's own text alone.
_POLICY = ("default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
           "img-src data: blob:; font-src data:")
# What another path would mend; any other OSError (disk full, I/O error) is a failure.
_BAD_PATH = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


def render_page(*, title: str, subtitle: str, body: str, data: Any, script: str, style: str = "",
                early: str = "", kinds: Collection[str] | None = None) -> str:
    """Return the HTML of a page.

    Parameters
    ----------
    title, subtitle : plain text
    body : HTML, of the program's own making; whatever comes from users belongs into `data`
    data : plain data for JSON; NaN and infinity become null
    script : JavaScript, run when the body stands
    early : JavaScript that needs no chart: run before Plotly, the bulk of the page, is there
    style : CSS, after that of the shell
    kinds : of traces that the scripts draw; None: any. See `pages.plotly`

    Raises
    ------
    DataError  Plotly is not installed
    """
    values = {
        "policy": _POLICY, "title": html.escape(title), "subtitle": html.escape(subtitle),
        "style": resource("shell.css") + style, "plotly": plotly_bundle(kinds), "data": embedded_json(data),
        "shell": resource("shell.js"), "early": early, "body": body, "script": script,
    }
    page = resource("shell.html")
    first, *parts = page.split("{{")
    filled = [first]
    for part in parts:          # not str.format: scripts and styles are full of braces
        name, _, rest = part.partition("}}")
        filled += [values[name.strip()], rest]
    return "".join(filled)


def write_page(path: Path, text: str) -> None:
    """Write a page under another name and put it in place when it is whole; nothing is left of one that is not.

    Raises
    ------
    OptionError : the path cannot be used
    SimulationError : the file could not be written (disk full)
    """
    partial = path.with_name(f"{path.name}.partial")
    for place in (path, partial):
        refuse_special(place)
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, _BAD_PATH):
            raise OptionError(f"{path}: cannot be written: {error}",
                              mend="give a path in a folder that can be written") from error
        raise SimulationError(f"{path}: cannot write the page: {error}\n"
                              "  mend: free disk space, or give another path") from error


def resource(name: str, package: str = "neurosim.pages") -> str:
    """Return a text file that lies beside the modules of `package`."""
    return (files(package) / name).read_text(encoding="utf-8")


def embedded_json(data: Any) -> str:
    """Return `data` as JSON that can stand in a script element: nothing in it ends the element."""
    return json.dumps(_finite(data), ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
