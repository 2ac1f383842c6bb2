"""The checks of a chip file beyond its schema: rules between fields, and the sources of its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hw_models.explain import nearest, validate
from hw_models.figures import Strict
from hw_models.located import ConfigError, Fault, KeyPath, Located, dotted, read_located, shown
from hw_models.rules import CHECKS
from hw_models.view import Problem, UnreadableError, View

SOURCES_PATH = Path(__file__).parent / "sources.yaml"


class Source(Strict):
    """An entry of the bibliography."""

    title: str = Field(description="the title")
    authors: str = Field(description="the authors")
    year: int = Field(ge=1900, le=2100, description="the year")
    where: str = Field(description="where it can be found")
    access: Literal["first_hand", "second_hand", "recalled", "none"] = Field(
        description="whether the figures were read in the work itself, in a quotation of it, or written from memory"
    )
    note: str | None = Field(default=None, description="what to know before relying on it")


@lru_cache(maxsize=1)
def load_sources() -> dict[str, Source]:
    """Return the bibliography; raise ConfigError where an entry is wrong."""
    located = read_located(SOURCES_PATH, "hw_models/sources.yaml")
    sources: dict[str, Source] = {}
    faults = list(located.faults)
    for key, entry in located.value.items():
        lines = {path[1:]: line for path, line in located.lines.items() if path[:1] == (key,)}
        source, entry_faults, _ = validate(Source, Located(f"{located.file}: {key}", entry, lines))
        faults.extend(entry_faults)
        if source is not None:
            sources[key] = source
    if faults:
        raise ConfigError(faults)
    return sources


def source_key(source: str) -> str:
    """Return the bibliography key of `davies2018, table 2`: what stands before the comma."""
    return source.partition(",")[0].strip()


def run_checks(located: Located, faulty: Sequence[KeyPath], file_stem: str | None) -> list[Fault]:
    """Return the faults of all rules between fields.

    Parameters
    ----------
    located : data of a chip file, options applied
    faulty : paths at which the schema found faults
    file_stem : of a chip in the library, which must be its name; None for a user's own file
    """
    view = View(located, faulty)
    problems = [*_sources(located.value, ()), *_name(view, file_stem)]
    if located.lines:       # a file; chips stored in traces were checked by the rules of their day
        problems.extend(_scaled(located.value, ()))
    for check in CHECKS:
        try:
            problems.extend(check(view))
        except UnreadableError:
            continue
    return [_fault(located, problem) for problem in problems]


def _fault(located: Located, problem: Problem) -> Fault:
    """Place the fault at the option that took part in it, or else at the named field."""
    named = problem.paths[0]
    value = shown(located.get(named)) if problem.value is None else problem.value
    places = [located.place(path) for path in problem.paths]
    file, line = next((place for place in places if place[1] is None), places[0])
    return Fault(file, line, dotted(named), value, problem.allowed, problem.mend)


def _sources(value: Any, path: KeyPath) -> Iterator[Problem]:
    """Every figure's source is listed in sources.yaml, or the user's own."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key == "source" and isinstance(item, str) and item:
            known = load_sources()
            if source_key(item) not in known and source_key(item) != "user":
                match = nearest(source_key(item), known)
                advice = f"write `{match}`, or " if match else ""
                yield Problem(((*path, "source"),), "a key of hw_models/sources.yaml, or `user`",
                              f"{advice}list the source in hw_models/sources.yaml, or write `user` for your own figure")
        else:
            yield from _sources(item, (*path, key))


def _scaled(value: Any, path: KeyPath) -> Iterator[Problem]:
    """A scaled figure keeps what it was scaled from, and the rule."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, dict) and item.get("basis") == "scaled":
            for kept in ("original", "rule"):
                if item.get(kept) is None:
                    yield Problem(((*path, key, kept),), "given with `basis: scaled`",
                                  "give the published figure in `original` and calls of hw_models.scaling in `rule`, "
                                  "or write `basis: assumed`", "(missing)")
        yield from _scaled(item, (*path, key))


def _name(view: View, file_stem: str | None) -> Iterator[Problem]:
    try:
        name = view.get("name")
    except UnreadableError:
        return
    if file_stem is not None and name != file_stem:
        yield Problem((("name",),), f"`{file_stem}`, the name of the file", "rename the chip or the file")
