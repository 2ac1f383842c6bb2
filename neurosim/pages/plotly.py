"""plotly.js for a page: the bundle of the Python package, of which the browser prepares only what the page draws.

The bundle knows fifty kinds of traces, maps and bodies in space among them, and prepares each as the page opens:
half of the time until the first chart stands. A page names the kinds that it draws, and the others are taken off the
list of what is prepared. The bundle also hands its whole text to a function as an argument, which browsers read twice,
first to find its end; in brackets they read it once.

Both are changes of a few characters at places that are looked for. Where a version of the bundle has none of them, it
stays as it is: slower, and just as right.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from neurosim.errors import DataError

ALWAYS = frozenset({"scatter"})         # part of the bundle's core
_LIST = re.compile(r"register\(\[((?:[\w$]+\(\),?)+)\]\)")
_KIND = re.compile(r'moduleType:"(\w+)",name:"([\w-]+)"')
_EXPORTS = re.compile(r"\.exports=([\w$]+)(\(\))?")
_ARGUMENT = re.compile(r"(typeof self !== \"undefined\" \? self : this, )(\(\) => \{|function\(\) ?\{)")
_MOST_STEPS = 5                         # from the list to the module that tells its kind
_MOST_LETTERS = 4000                    # of a module that are searched for it


def plotly_bundle(kinds: Collection[str] | None = None) -> str:
    """Return plotly.js as the Python package ships it, to stand in a script element.

    Parameters
    ----------
    kinds : of traces that the page draws, such as "bar"; `scatter` is always there. None: all

    Raises
    ------
    DataError : Plotly is not installed
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise DataError("Plotly is not installed", mend="pip install 'neurosim-chips[explore]'") from None
    bundle = str(get_plotlyjs())
    if kinds is not None:
        bundle = read_once(with_kinds(bundle, kinds))
    return bundle.replace("</script", "<\\/script")


def with_kinds(bundle: str, kinds: Collection[str]) -> str:
    """Return a bundle that prepares the `kinds` of traces alone, and everything that is no trace."""
    found = _LIST.search(bundle)
    if found is None:
        return bundle
    wanted = {("trace", kind) for kind in kinds}
    names = re.findall(r"[\w$]+", found[1])
    known = {name: _kind(bundle, name) for name in names}
    kept = [name for name in names if (kind := known[name]) is None or kind[0] != "trace" or kind in wanted]
    return bundle[:found.start(1)] + ",".join(f"{name}()" for name in kept) + bundle[found.end(1):]


def _kind(bundle: str, name: str) -> tuple[str, str] | None:
    """Return type and name of a module of the bundle, such as ("trace", "bar"); None where it does not tell."""
    for _ in range(_MOST_STEPS):
        text = _module(bundle, name)
        if (told := _KIND.search(text)) is not None:
            return told[1], told[2]
        exports = _EXPORTS.search(text)
        if exports is None:
            return None
        made = re.search(rf"[ ,;]{re.escape(exports[1])}=([\w$]+)\(\)", text)
        if not exports[2] and made is None:
            return None
        name = exports[1] if exports[2] or made is None else made[1]    # what another module exports, or adds to
    return None


def _module(bundle: str, name: str) -> str:
    """Return the text of a module as far as it is searched: up to the next one."""
    start = bundle.find(f"var {name}=")
    if start < 0:
        return ""
    text = bundle[start:start + _MOST_LETTERS]
    end = text.find("});var ")
    return text if end < 0 else text[:end]


def read_once(bundle: str) -> str:
    """Return a bundle whose text stands in brackets, so that a browser need not look for its end first."""
    found, body = _ARGUMENT.search(bundle[:4000]), bundle.rstrip()
    if found is None or not body.endswith("}));"):
        return bundle
    return f"{body[:found.end(1)]}({body[found.end(1):-len('));')]})));"
