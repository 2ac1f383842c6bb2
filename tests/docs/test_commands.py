"""Every command and option stands in the reference, in words of its own, and pages name no option that is not there."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer

from neurosim.cli.main import app
from tests.docs.blocks import DOCS, ROOT, extension, pages

markdown = extension("command_reference").markdown
PROGRAM: Any = typer.main.get_command(app)
ALWAYS = {"-h", "--help", *(name for each in PROGRAM.params for name in each.opts)}
TEXTS = {page: (DOCS / page).read_text(encoding="utf-8") for page in pages()} | {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CHANGELOG.md", "ARCHITECTURE.md")}
# Of other programs, named in prose: pytest's own, those of the benchmarks and of `python -m neurosim.warm`.
PROGRAMS = [*(ROOT / "benchmarks").glob("*.py"), ROOT / "neurosim/warm.py"]
OTHERS = {"--update"} | {name for path in PROGRAMS
                         for name in re.findall(r'"(--[a-z][a-z-]*)"', path.read_text(encoding="utf-8"))}


def options_of(command: str) -> set[str]:
    params = PROGRAM.commands[command].params
    return {name for each in params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")} | ALWAYS


EVERY = set().union(*(options_of(name) for name in PROGRAM.commands))


def section(command: str) -> str:
    """Return what the reference says of a command."""
    _, found, rest = markdown().partition(f"## {command}\n")
    assert found, f"{command} is not in the reference"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("command", sorted(PROGRAM.commands))
def test_every_command_and_option_is_in_the_reference(command: str) -> None:
    text, made = section(f"neurosim {command}"), PROGRAM.commands[command]
    assert made.help and made.help in text and len(made.help) > 20
    for each in made.params:
        for name in each.opts if each.param_type_name == "option" else [str(each.metavar).strip("[].")]:
            row = re.search(rf"^`(?:[^`]*[ ,\[])?{re.escape(name)}(?:[ ,\].][^`]*)?`\n: (.+)$", text, re.MULTILINE)
            assert row, f"{command}: {name}"
            assert each.help and row[1].startswith(each.help) and len(each.help.split()) > 1, f"{command}: {name}"


def test_the_program_itself_is_in_the_reference() -> None:
    text = section("neurosim")
    assert PROGRAM.help in text
    for each in PROGRAM.params:
        assert all(f"`{name}" in text for name in each.opts) and each.help in text


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_commands_that_are_shown_take_the_options_shown(page: str) -> None:
    for command, words in shown_commands(TEXTS[page]):
        assert command in PROGRAM.commands or command in ("", "COMMAND") or command.startswith("-"), command
        if command in PROGRAM.commands:
            strange = [word for word in words if word not in options_of(command)]
            assert not strange, f"neurosim {command}: {strange}"


def shown_commands(text: str) -> list[tuple[str, list[str]]]:
    """Return (command, options) of every `neurosim …`, in blocks and in running text."""
    lines = re.findall(r"(?:^\$ (?:.*[;&|] *)?|^|`|; |&& )neurosim ([^`\n]*)", code_of(text), re.MULTILINE)
    found = []
    for line in lines:
        try:
            words = shlex.split(re.split(r" [|>;&]|; | 2>", line)[0], comments=True)
        except ValueError:      # half of a quotation, in running text
            words = line.split()
        options = [word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
        found.append((words[0] if words else "", options))
    return found


def code_of(text: str) -> str:
    """Return blocks of commands, and code in running text on lines of its own."""
    fenced = re.findall(r"^```(?:console|sh)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    running = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *(f"`{' '.join(code.split())}" for code in re.findall(r"`([^`]+)`", running))])


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_options_that_are_named_exist(page: str) -> None:
    named = {word for code in re.findall(r"^`(.*)$", code_of(TEXTS[page]), re.MULTILINE) if code.startswith("--")
             for word in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)}
    assert named <= EVERY | OTHERS, named - EVERY


def test_an_option_that_is_not_there_is_found() -> None:
    text = ("Say `--smaples` or `neurosim run X --sample 3`.\n\n"
            "```console\n$ neurosim map a.h5 --chips loihi | head\n```\n")
    assert shown_commands(text) == [("map", ["--chips"]), ("run", ["--sample"])]
    assert "--sample" not in options_of("run") and "--chips" not in options_of("map")
    assert "--smaples" in re.findall(r"--[\w-]+", code_of(text)) and "--smaples" not in EVERY

