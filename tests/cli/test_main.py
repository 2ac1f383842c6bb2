"""Start-up, help, exit codes, and what happens when things go wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from neurosim.cli.main import app
from tests.cli.program import HEAVY, ROOT, Program, command, environment, start

COMMANDS = sorted(str(each.name) for each in app.registered_commands)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["report", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    # Typer itself uses pydantic to convert the options of a command.
    heavy = HEAVY if arguments == ["--help"] else [name for name in HEAVY if name != "pydantic"]
    code = ("import sys\nfrom neurosim.cli.main import main\n"
            f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
            f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)")
    done = subprocess.run(command()[:1] + ["-c", code], env=environment(), cwd=tmp_path, text=True,
                          capture_output=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(name: str, program: Program) -> None:
    outcome = program(name, "--help")
    assert outcome.code == 0
    summary = outcome.out.splitlines()[2].strip()
    assert len(summary) > 20 and summary.endswith(".")
    assert re.search(rf"^\$ neurosim {name}\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_option_has_help() -> None:
    for each in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        for parameter in each.params:
            assert getattr(parameter, "help", None), f"{each.name} {parameter.name}"


def test_version(program: Program) -> None:
    from neurosim import __version__

    assert program("--version").out == f"neurosim {__version__}\n"


@pytest.mark.parametrize("arguments", [
    ["frobnicate"], ["run"], ["run", "digits", "--frobnicate"], ["run", "digits", "--samples", "many"], ["check"],
    ["run", "digits", "--samples", "0"], ["run", "digits", "--workers", "0"], ["run", "digits", "--seed", "-1"],
    ["run", "digits", "--detail", "evnt"], ["run", "digits", "--engine", "quantum"], ["run", "digits", "--record", "x"],
    ["run", "digits", "--schedule", "sideways"], ["run", "digits", "--chip", "loihi3"], ["run", "digits:none"],
    ["run", "digits", "--set", "mapping.stratgy=pack"], ["run", "digits", "--set", "mapping.strategy"],
    ["run", "nothing"], ["run", "nothing.h5"], ["run", "."], ["report", "nothing.h5"], ["chips", "loihi3"],
    ["run", "digits", "--trace", "no/such/folder/x.h5"], ["run", "digits", "--input", "nothing.npz"],
    ["map", "digits", "--set", "core.max_neurons=0"], ["map", "digits", "--chip", "loihi"],
])
def test_bad_input_ends_with_2_and_says_why(arguments: list[str], program: Program, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = program(*arguments)
    assert outcome.code == 2
    assert outcome.out == "" and "Traceback" not in outcome.err and len(outcome.err.strip()) > 10
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments, message", [
    (["run", "digits", "--numbers", "fixd"], r"numbers = 'fixd'\n  allowed: float64, float32, fixed\n.*'fixed'\?"),
    (["run", "digits", "--set", "mapping.stratgy=pack"], r"did you mean mapping\.strategy\?"),
    (["run", "digits", "--set", "mapping.readout_every_token=5"], r"readout_every_token = 5\n  allowed: true, false"),
    (["run", "digitz"], r"digitz: no such file or scenario\n.*\n  mend: did you mean 'digits'\?"),
    (["run", "digits:gsuu"], r"no network 'gsuu'\n  allowed: lif, binary, gsu\n  mend: did you mean 'gsu'\?"),
    (["run", "digits", "--record", "packet"], r"record = 'packet'\n  allowed: .*\n  mend: did you mean 'packets'\?"),
    (["run", "digits", "--detail", "evnt"], r"did you mean 'event'\?"),
    (["run", "digits", "--samples", "361"], r"samples = 361\n  allowed: 1 to 360"),
    (["chips", "loihi3"], r"loihi3: no such chip"),
    (["run", "digits", "--set", "core.weight_bit=4"], r"write `core\.weight_bits`"),
])
def test_messages_name_value_range_and_mend(arguments: list[str], message: str, program: Program) -> None:
    assert re.search(message, program(*arguments).err)


def raising(error: BaseException) -> Any:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


@pytest.mark.parametrize("error, code, message", [
    (KeyboardInterrupt(), 130, "interrupted"),
    (OSError(errno.ENOSPC, "No space left on device", "out.h5"), 1, "out.h5: No space left on device"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), 2, "x: No such file or directory"),
    (PermissionError(errno.EACCES, "Permission denied", "x"), 2, "x: Permission denied"),
    (MemoryError(), 1, "out of memory"),
    (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError: division by zero"),
])
def test_errors_of_a_run(error: BaseException, code: int, message: str, program: Program, tiny: tuple[Path, Path],
                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurosim.api.run", raising(error))
    outcome = program("run", tiny[0], "--input", tiny[1])
    assert outcome.code == code
    assert outcome.err.startswith(f"neurosim: {message}") and "Traceback" not in outcome.err


def test_debug_shows_the_traceback(tiny: tuple[Path, Path], program: Program, monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    from neurosim.cli.main import main

    monkeypatch.setattr("neurosim.api.run", raising(ZeroDivisionError("division by zero")))
    assert "neurosim --debug" in program("run", tiny[0]).err
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "run", str(tiny[0])])


def test_a_failed_write_is_a_failed_run(tiny: tuple[Path, Path], program: Program, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    full = raising(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("neurosim.traces.writing.GrowingColumn.write", full)
    trace = tmp_path / "out.h5"
    outcome = program("run", tiny[0], "--input", tiny[1], "--trace", trace)
    assert outcome.code == 1 and "No space left on device" in outcome.err
    assert not trace.exists()


def test_interrupt_leaves_no_whole_trace(tmp_path: Path) -> None:
    with start("run", "digits", "--engine", "reference", "--trace", "out.h5", cwd=tmp_path) as process:
        wait_for(tmp_path / "out.h5.partial", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == "" and "interrupted" in err and "out.h5.partial" in err and "Traceback" not in err
    assert not (tmp_path / "out.h5").exists()


def wait_for(path: Path, process: subprocess.Popen[str], limit_s: float = 300) -> None:
    ends = time.monotonic() + limit_s
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends, f"{path} did not appear"
        time.sleep(0.05)
    time.sleep(0.2)


def test_a_reader_who_leaves_early_causes_no_noise(tmp_path: Path) -> None:
    with start("chips", "loihi2", cwd=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert err == "" and process.returncode == 1


def test_progress_stands_on_a_terminal_only(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = command("run", tiny[0], "--input", tiny[1], "--json")
    process = subprocess.Popen(arguments, cwd=tmp_path, env={**environment(), "TERM": "xterm"}, text=True,
                               stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown: list[bytes] = []
    reader = threading.Thread(target=lambda: shown.extend(everything_from(ours)))
    reader.start()      # a terminal that nobody reads fills up, and then the writer waits
    out, _ = process.communicate(timeout=300)
    reader.join()
    os.close(ours)
    assert json.loads(out)["samples"] == 4
    assert b"running" in b"".join(shown)


def everything_from(terminal: int) -> Iterator[bytes]:
    """Yield what a terminal shows until its other end is closed, which Linux reports as an error."""
    with contextlib.suppress(OSError):
        while chunk := os.read(terminal, 65536):
            yield chunk


def test_no_progress_and_no_error_without_a_terminal(tiny: tuple[Path, Path], program: Program) -> None:
    assert program("run", tiny[0], "--input", tiny[1]).err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["chips"]])
def test_output_that_cannot_be_written_is_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from neurosim.cli.main import main

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys.stdout, "write", raising(OSError(errno.ENOSPC, "No space left on device")))
        main(arguments)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "neurosim: No space left on device\n"
