"""What every command offers: `--json`, `--quiet`, progress, completion, a clean end on Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import typer

from neurosim.cli.main import app
from neurosim.cli.output import short
from tests.cli.program import Program, command, environment, start
from tests.cli.test_main import everything_from
from tests.export.big_trace import write_big_trace
from tests.export.trace_files import write_trace

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# Command -> options that would be of no use there, with the reason.
WITHOUT = {
    "chips": {"--quiet": "the list, or the chip, is all that it is asked for, and it takes no time"},
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json_and_quiet(name: str) -> None:
    offered = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    for option in ("--json", "--quiet"):
        assert (option in offered) != (option in WITHOUT.get(name, {})), f"{name} {option}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_whatever_writes_a_file_asks_before_it_overwrites(name: str) -> None:
    offered = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert not {"--output", "--trace", "--png", "--html"} & offered or "--force" in offered


@pytest.fixture
def files(tiny: tuple[Path, Path], tmp_path: Path) -> dict[str, list[object]]:
    """Return arguments with which each command does something small."""
    (tmp_path / "trace").mkdir()
    trace = write_trace(tmp_path / "trace")
    return {
        "chips": [], "check": [tiny[0], tiny[1]], "doctor": [], "export": [trace, "-o", tmp_path / "a.csv"],
        "import": [Path(__file__).parents[2] / "scenarios/digits/weights/gsu.safetensors"],
        "map": [tiny[0], "--chip", "loihi"], "quantize": [tiny[0], "--data", tiny[1], "--chip", "loihi"],
        "report": [trace], "run": [tiny[0], "--input", tiny[1], "--chip", "loihi"],
    }


@pytest.mark.parametrize("name", ["chips", "check", "doctor", "export", "import", "map", "quantize", "report", "run"])
def test_json_is_one_document_and_quiet_is_silence(name: str, files: dict[str, list[object]], program: Program) -> None:
    outcome = program(name, *files[name], "--json")
    assert outcome.code == 0 and outcome.err == ""
    assert len(outcome.out.splitlines()) == 1 and json.loads(outcome.out)
    if "--quiet" not in WITHOUT.get(name, {}):
        force = ["--force"] if name == "export" else []
        assert program(name, *files[name], *force, "--quiet") == (0, "", "")


def test_faults_are_told_even_when_quiet(program: Program, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("name: 1\n")
    outcome = program("check", tmp_path / "x.yaml", "--quiet")
    assert outcome.code == 2 and outcome.out == "" and "x.yaml" in outcome.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    surroundings = {**environment(), "_NEUROSIM_COMPLETE": f"source_{shell}", "_TYPER_COMPLETE_ARGS": ""}
    done = subprocess.run(command(), env=surroundings, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0 and "_NEUROSIM_COMPLETE" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("typed, offered", [("neurosim ex", {"export"}), ("neurosim run --qu", {"--quiet"}),
                                            ("neurosim doctor --js", {"--json"})])
def test_completion_knows_commands_and_options(typed: str, offered: set[str], tmp_path: Path) -> None:
    words = typed.split()
    surroundings = {**environment(), "_NEUROSIM_COMPLETE": "complete_bash", "COMP_WORDS": typed,
                    "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(command(), env=surroundings, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert set(done.stdout.split()) == offered and done.stderr == ""


def test_completion_is_offered_at_the_root(program: Program) -> None:
    out = program("--help").out
    assert "--install-completion" in out and "--show-completion" in out


def on_a_terminal(arguments: list[object], folder: Path) -> tuple[bytes, str]:
    """Return what the program shows on a terminal as its stderr, and its stdout."""
    ours, theirs = pty.openpty()
    surroundings = {**environment(), "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command(*arguments), cwd=folder, env=surroundings, text=True, stdout=subprocess.PIPE,
                               stderr=theirs)
    os.close(theirs)
    shown: list[bytes] = []
    reader = threading.Thread(target=lambda: shown.extend(everything_from(ours)))
    reader.start()
    out, _ = process.communicate(timeout=300)
    reader.join()
    os.close(ours)
    return b"".join(shown), out


@pytest.mark.parametrize("name, label", [("export", b"spikes"), ("report", b"reporting"), ("map", b"mapping"),
                                         ("check", b"files"), ("import", b"importing")])
def test_progress_on_a_terminal_and_none_when_quiet(name: str, label: bytes, files: dict[str, list[object]],
                                                    tmp_path: Path) -> None:
    shown, _ = on_a_terminal([name, *files[name]], tmp_path)
    assert label in shown
    quietly = ["--quiet", "--force"] if name == "export" else ["--quiet"]
    assert on_a_terminal([name, *files[name], *quietly], tmp_path)[0] == b""


def test_progress_has_rate_and_time_left(tmp_path: Path) -> None:
    write_big_trace(tmp_path / "big.h5", 3_000_000)
    shown, _ = on_a_terminal(["export", "big.h5", "-o", "big.csv"], tmp_path)
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.decode())
    assert re.search(r"of 3\.0M, [\d.]+[kM]?/s \d:\d\d:\d\d left \d:\d\d:\d\d", text)


@pytest.mark.parametrize("number, text", [(3, "3"), (2.5, "2.5"), (950, "950"), (9999, "9999"), (12_345, "12.3k"),
                                          (4_600_000, "4.6M"), (0.25, "0.2"), (2e9, "2.0G")])
def test_short_counts(number: float, text: str) -> None:
    assert short(number) == text


def test_ctrl_c_while_the_program_loads(tmp_path: Path) -> None:
    """Whatever is being imported when the signal comes, the program ends without a traceback."""
    code = ("import builtins, sys\nusual = builtins.__import__\n"
            "def interrupted(name, *rest):\n    if name == 'typer':\n        raise KeyboardInterrupt\n"
            "    return usual(name, *rest)\n"
            "builtins.__import__ = interrupted\nfrom neurosim.__main__ import main\nmain()")
    done = subprocess.run([*command()[:1], "-c", code], env=environment(), cwd=tmp_path, text=True,
                          capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "neurosim: interrupted\n")


@pytest.mark.parametrize("name", ["quantize", "run"])
def test_ctrl_c_is_one_line(name: str, tmp_path: Path) -> None:
    """The signal comes at no particular moment, while the command loads or works."""
    arguments = {"quantize": ["smnist", "--distances", "-o", "net.h5"],
                 "run": ["digits", "--engine", "reference"]}[name]
    with start(name, *arguments, cwd=tmp_path) as process:
        time.sleep(2.0)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "neurosim: interrupted\n")
    assert not list(tmp_path.iterdir())
