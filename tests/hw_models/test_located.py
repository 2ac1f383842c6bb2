"""Reading YAML with lines, and every form of message about a file."""

import pickle
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from hw_models import located as located_module
from hw_models.located import ConfigError, Fault, parse_located, read_located, shown


@pytest.fixture(params=["C", "Python"])
def loader(request, monkeypatch):
    """Both of PyYAML's parsers, since libyaml is not everywhere."""
    if request.param == "Python":
        monkeypatch.setattr(located_module, "_LOADER", yaml.SafeLoader)
    return request.param


def the_fault(call, *arguments) -> Fault:
    with pytest.raises(ConfigError) as caught:
        call(*arguments)
    assert len(caught.value.faults) == 1
    return caught.value.faults[0]


def test_message_has_the_form_of_the_house():
    fault = Fault("chips/mesh4x4.yaml", 17, "core.max_neurons", "0", "integer from 1 to 65536", "give more")
    assert str(fault) == (
        "chips/mesh4x4.yaml:17: core.max_neurons = 0\n  allowed: integer from 1 to 65536\n  mend: give more"
    )
    error = ConfigError([fault, fault])
    assert str(error) == f"{fault}\n{fault}"
    assert error.exit_code == 2


def test_error_survives_pickle():
    error = ConfigError([Fault("f", 1, "a", "b", "c", "d")])
    assert pickle.loads(pickle.dumps(error)).faults == error.faults


def test_lines_of_every_key(loader):
    text = "# comment\na: 1\nb:\n  c: x\n  d: {e: 2,\n      f: 3}\ng:\n  - h: 1\n    i: 2\n  - 7\n"
    located = parse_located(text, "f")
    assert located.value == {"a": 1, "b": {"c": "x", "d": {"e": 2, "f": 3}}, "g": [{"h": 1, "i": 2}, 7]}
    expected = {
        ("a",): 2, ("b",): 3, ("b", "c"): 4, ("b", "d"): 5, ("b", "d", "e"): 5, ("b", "d", "f"): 6, ("g",): 7,
        ("g", 0): 8, ("g", 0, "h"): 8, ("g", 0, "i"): 9, ("g", 1): 10,
    }
    assert {path: located.lines[path] for path in expected} == expected
    assert located.place(("b", "missing", "deeper")) == ("f", 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-3", -3), ("010", 10), ("1e3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("2.", 2.0), ("+7", 7),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("no", "no"), ("on", "on"),
        ("1:30", "1:30"), ("'1'", "1"), ('"true"', "true"), ("2020-01-01", "2020-01-01"), ("1_000", "1_000"),
        ("[1, a]", [1, "a"]), ("9" * 50, float("9" * 50)), (".inf", float("inf")), ("-.inf", float("-inf")),
    ],
)
def test_scalars_follow_yaml_1_2(loader, text, value):
    result = parse_located(text, "f").value
    assert result == value and type(result) is type(value)


def test_nan_is_a_number():
    assert parse_located(".nan", "f").value != parse_located(".nan", "f").value


def test_duplicate_keys_are_faults_and_do_not_stop_the_reading(loader):
    located = parse_located("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert located.value == {"a": 1, "b": {"c": 1}}
    assert [str(fault) for fault in located.faults] == [
        "f:2: b.c = (given twice)\n  allowed: each key once\n  mend: remove one of them; the first stands in line 2",
        "f:3: a = (given twice)\n  allowed: each key once\n  mend: remove one of them; the first stands in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: [1, 2\nb: 3\n", 2, "is not YAML: "),
        ("a: 1\n b: 2\n", 2, "is not YAML: "),
        ("a: &x 1\nb: *x\n", 2, "alias *x"),
        ("a: !!python/object:os.system 1\n", 1, "tag tag:yaml.org,2002:python/object:os.system"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a: 1\n? [x]\n: 2\n", 2, "a key that is no word"),
        ("a: " + "[" * 50 + "]" * 50, 1, "too many values, or nested too deeply"),
    ],
)
def test_what_the_reader_refuses(loader, text, line, what):
    fault = the_fault(parse_located, text, "f")
    assert fault.line == line
    assert fault.value.startswith(what)
    assert fault.allowed and fault.mend


def test_control_characters_are_not_yaml(loader):
    assert the_fault(parse_located, "a: \x00", "f").value.startswith("is not YAML")


def test_alias_bomb_and_deep_nesting_are_refused_quickly(loader):
    bomb = "a: &a [x,x]\n" + "".join(f"{new}: &{new} [*{old},*{old}]\n" for old, new in pairwise("abcdefgh"))
    assert the_fault(parse_located, bomb, "f").value == "alias *a"
    assert the_fault(parse_located, "[" * 100_000, "f").allowed


def test_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(located_module, "MAX_VALUES", 10)
    assert the_fault(parse_located, "[" + "1," * 20 + "]", "f").value.startswith("too many values")


def write(folder: Path, content: bytes) -> Path:
    path = folder / "chip.yaml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "line", "what", "allowed"),
    [
        (b"", 1, "the top level is empty", "a mapping, such as `name: my-chip`"),
        (b"- 1\n", 1, "the top level is a list", "a mapping, such as `name: my-chip`"),
        (b"word\n", 1, "the top level is a single value, word", "a mapping, such as `name: my-chip`"),
        (b"a: 1\nb: \xff\xfe\n", 2, "is not UTF-8 text", "a YAML file in UTF-8"),
        (b"a: 1\n" + b"#" * 1_000_000, None, "is larger than 1 MB", "a YAML file of at most 1 MB"),
    ],
)
def test_files_that_are_none(tmp_path, content, line, what, allowed):
    fault = the_fault(read_located, write(tmp_path, content), "chip.yaml")
    assert (fault.file, fault.line, fault.field, fault.value, fault.allowed) == ("chip.yaml", line, "", what, allowed)


def test_missing_file_and_directory(tmp_path):
    missing = the_fault(read_located, tmp_path / "none.yaml", "none.yaml")
    assert str(missing) == "none.yaml: no such file\n  allowed: a YAML file\n  mend: check the path"
    folder = the_fault(read_located, tmp_path, "folder")
    assert str(folder) == "folder: is a directory\n  allowed: a YAML file\n  mend: name a file in it"


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, b"a: 1")
    monkeypatch.setattr(Path, "open", refuse)
    assert the_fault(read_located, path, "f").value == "cannot be read: Permission denied"


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    assert read_located(write(tmp_path, b"\xef\xbb\xbfa: 1\n")).value == {"a": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (1.5, "1.5"), ([1, "a"], "[1, a]"), ({"a": False}, "{a: false}"),
        ("x" * 80, "x" * 57 + "..."), ("a\x1b[31m\nb", "a?[31m?b"),
    ],
)
def test_values_are_shown_short_and_printable(value, text):
    assert shown(value) == text
