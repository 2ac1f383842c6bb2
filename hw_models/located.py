"""YAML with the line of every key, and the one error that lists all faults of a file.

The reader takes the YAML that configuration files need and nothing else: mappings, lists and plain scalars by the
rules of YAML 1.2, so that `no`, `010` and `1:30` are not turned into something else behind the user's back. Aliases,
tags and duplicate keys are faults, and size, depth and number of values are bounded, so that a hostile file is
refused quickly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# A value's place in a file: keys and list indices from the top.
KeyPath = tuple[str | int, ...]

MAX_FILE_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_VALUES = 200_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, where, and what to do about it.

    `file` is the file as the user knows it, or the `--set` option; `field` is dotted, empty for the file as a whole,
    and then `value` says what is wrong.
    """

    file: str
    line: int | None
    field: str
    value: str
    allowed: str
    mend: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.field} = {self.value}" if self.field else self.value
        return f"{place}: {what}\n  allowed: {self.allowed}\n  mend: {self.mend}"


class ConfigError(Exception):
    """A chip file or an option is wrong; the message lists every fault."""

    exit_code = 2

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[Fault]]]:
        # Workers of a sweep hand it over by pickle, which would otherwise call __init__ with the message.
        return type(self), (self.faults,)


@dataclass
class Located:
    """Plain data (`dict`, `list`, scalars) and where each value was written.

    `options` holds the values that came from the command line, with the option as the user wrote it.
    """

    file: str
    value: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)
    options: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: KeyPath) -> tuple[str, int | None]:
        """Return file and line of the value at `path`, or of the nearest parent that was written."""
        for length in range(len(path), -1, -1):
            known = path[:length]
            if known in self.options:
                return self.options[known], None
            if known in self.lines:
                return self.file, self.lines[known]
        return self.file, None

    def fault(self, path: KeyPath, value: str, allowed: str, mend: str) -> Fault:
        """Return a fault at `path`."""
        file, line = self.place(path)
        return Fault(file, line, dotted(path), value, allowed, mend)

    def get(self, path: KeyPath) -> Any:
        """Return the value at `path`; raise KeyError where there is none."""
        value = self.value
        for key in path:
            is_item = isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value)
            if not is_item and not (isinstance(value, dict) and key in value):
                raise KeyError(dotted(path))
            value = value[key]
        return value

    def optional(self, path: KeyPath) -> Any:
        """Return the value at `path`, and None where there is none."""
        try:
            return self.get(path)
        except KeyError:
            return None


def dotted(path: KeyPath) -> str:
    """Return `core.costs.soma_active` for ("core", "costs", "soma_active")."""
    return ".".join(str(key) for key in path)


def shown(value: Any) -> str:
    """Return `value` as it would be written in YAML, shortened to 60 characters."""
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in list(value.items())[:9]) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(item) for item in value[:20]) + "]"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = "null" if value is None else str(value)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 60 else text[:57] + "..."


def read_located(path: Path, file: str | None = None) -> Located:
    """Read a YAML file whose top level is a mapping.

    Parameters
    ----------
    path : the file
    file : the name that messages give it; `path` where left out

    Raises
    ------
    ConfigError  if it cannot be read, is larger than 1 MB, is not UTF-8 or not YAML, or its top level is no mapping.
                 Duplicate keys do not raise: they stand in `Located.faults`, to be reported with the others.
    """
    file = file or str(path)
    located = parse_located(_read_text(path, file), file)
    if not isinstance(located.value, dict):
        raise _file_error(file, 1, f"the top level is {_kind(located.value)}", "a mapping, such as `name: my-chip`",
                          "begin the file with its first key and a colon")
    return located


def parse_located(text: str, file: str) -> Located:
    """Parse one YAML document of any kind; raise ConfigError as `read_located` does."""
    builder = _Builder(file)
    try:
        events = iter(yaml.parse(text, Loader=_LOADER))
        located = builder.document(events)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "cannot be parsed"
        raise _syntax_error(file, None if mark is None else mark.line + 1, reason) from None
    except yaml.YAMLError as error:
        raise _syntax_error(file, None, " ".join(str(error).split())) from None
    return located


class _Builder:
    """Turns the parser's events into plain data; depth and number of values are bounded."""

    def __init__(self, file: str) -> None:
        self.located = Located(file, None)
        self.n_values = 0

    def document(self, events: Iterator[Any]) -> Located:
        """Read the one document of the stream; an empty stream holds null."""
        n_documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    raise self.refused(event, "a second document begins", "one document", "remove the line `---`")
                self.located.value = self.node(next(events), events, ())
        return self.located

    def node(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        """Return the value that begins with `event`."""
        self.n_values += 1
        self.located.lines.setdefault(path, event.start_mark.line + 1)
        if self.n_values > MAX_VALUES or len(path) > MAX_DEPTH:
            raise self.refused(event, "too many values, or nested too deeply",
                               f"{MAX_VALUES} values, {MAX_DEPTH} levels", "split or simplify the file")
        if isinstance(event, yaml.AliasEvent):
            raise self.refused(event, f"alias *{event.anchor}", "values written out", "write the value out")
        if event.tag is not None:
            raise self.refused(event, f"tag {event.tag}", "values without a tag", "remove the tag")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, path)
        return _plain(event.value) if event.implicit[0] and event.style in (None, "") else event.value

    def mapping(self, events: Iterator[Any], path: KeyPath) -> dict[str, Any]:
        """Return a mapping; a duplicate key is a fault, and its first value stays."""
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.refused(event, "a key that is no word", "keys that are words", "give the key a name")
            mark: Any = event.start_mark
            key, line = event.value, mark.line + 1
            if key in values:
                self.duplicate((*path, key), line)
                self.node(next(events), events, (*path, f"{key} (again)"))
            else:
                self.located.lines[(*path, key)] = line
                values[key] = self.node(next(events), events, (*path, key))
        return values

    def sequence(self, events: Iterator[Any], path: KeyPath) -> list[Any]:
        """Return a list."""
        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self.node(event, events, (*path, len(values))))
        return values

    def duplicate(self, path: KeyPath, line: int) -> None:
        """Book the fault of a key that is there twice."""
        mend = f"remove one of them; the first stands in line {self.located.lines[path]}"
        self.located.faults.append(
            Fault(self.located.file, line, dotted(path), "(given twice)", "each key once", mend)
        )

    def refused(self, event: Any, what: str, allowed: str, mend: str) -> ConfigError:
        """Return the error of something that this reader does not take at all."""
        return _file_error(self.located.file, event.start_mark.line + 1, what, allowed, mend)


def _plain(text: str) -> Any:
    """Return the value of an unquoted scalar by the core rules of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _read_text(path: Path, file: str) -> str:
    mend = "check the path"
    if path.is_dir():
        raise _file_error(file, None, "is a directory", "a YAML file", "name a file in it")
    if not path.is_file():
        raise _file_error(file, None, "no such file", "a YAML file", mend)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _file_error(file, None, f"cannot be read: {error.strerror}", "a readable file", mend) from None
    if len(content) > MAX_FILE_BYTES:
        raise _file_error(file, None, "is larger than 1 MB", "a YAML file of at most 1 MB", mend)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _file_error(file, line, "is not UTF-8 text", "a YAML file in UTF-8",
                          "save it as UTF-8; a binary file is not a chip file") from None


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    return "a list" if isinstance(value, list) else f"a single value, {shown(value)}"


def _syntax_error(file: str, line: int | None, reason: str) -> ConfigError:
    return _file_error(file, line, f"is not YAML: {reason}", "YAML",
                       "mend the syntax here or in the line above; look at brackets, colons and indentation")


def _file_error(file: str, line: int | None, what: str, allowed: str, mend: str) -> ConfigError:
    return ConfigError([Fault(file, line, "", what, allowed, mend)])
