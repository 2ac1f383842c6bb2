"""The program `neurosim`: its commands, its exit codes, its error messages.

Exit codes: 0 done, 1 the simulation failed, 2 bad input, 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neurosim.cli.commands import (
    check,
    chips,
    compare,
    doctor,
    export,
    import_,
    map,
    quantize,
    report,
    run,
    sweep,
    validate,
)

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130
# What the user can mend by naming another file; any other OSError (disk full, I/O error) means a failed run.
_BAD_PATH = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class Commands(TyperGroup):
    """The commands, with every error turned into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _close_stdout()
            raise typer.Exit(EXIT_FAILED) from None
        except KeyboardInterrupt:
            _say("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if hasattr(error, "format_message") or ctx.params.get("debug"):
                raise               # a fault of the command line itself, or the user wants the traceback
            _say(_message(error))
            raise typer.Exit(_exit_code(error)) from None


app = typer.Typer(name="neurosim", cls=Commands, no_args_is_help=True, rich_markup_mode=None,
                  pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(wanted: bool) -> None:
    if wanted:
        from neurosim import __version__

        print(f"neurosim {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True,
                                          callback=_print_version)] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar="NEUROSIM_DEBUG", help="Show tracebacks of errors.")] = False,
) -> None:
    """Run trained spiking networks on neuromorphic chips that need not exist."""


app.command("chips")(chips.chips)
app.command("check")(check.check)
app.command("compare")(compare.compare)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("import")(import_.import_network)
app.command("map")(map.map_network)
app.command("quantize")(quantize.quantize)
app.command("run")(run.run)
app.command("report")(report.report)
app.command("sweep")(sweep.sweep)
app.command("validate")(validate.validate)


def main(arguments: list[str] | None = None) -> None:
    """Run the program with `arguments`, by default those it was started with; end with SystemExit."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given or bool(os.environ.get("NEUROSIM_DEBUG"))
    try:
        try:
            app(given, prog_name="neurosim", obj=shlex.join(["neurosim", *given]))     # kept in traces
        except SystemExit as ended:
            _flush(failed=bool(ended.code))
            raise
    except BrokenPipeError:
        _close_stdout()
        sys.exit(EXIT_FAILED)
    except OSError as error:        # stdout that takes no more, such as a file on a full disk
        if debug:
            raise
        _say(_message(error))
        _close_stdout()
        sys.exit(EXIT_FAILED)


def _flush(*, failed: bool) -> None:
    """Write what is buffered, here, where an error can be told; after a failure that was told already, try only."""
    try:
        sys.stdout.flush()
    except OSError:
        if not failed:
            raise
        _close_stdout()


def _exit_code(error: Exception) -> int:
    if isinstance(error, _BAD_PATH):
        return EXIT_BAD_INPUT
    return int(getattr(error, "exit_code", EXIT_FAILED))


def _message(error: Exception) -> str:
    """Return what the user reads; errors raised on purpose say all themselves."""
    if hasattr(error, "exit_code"):
        return str(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "out of memory\n  mend: give fewer samples (--samples) or fewer workers (--workers)"
    first_line = (str(error).splitlines() or [""])[0][:300]
    return (f"unexpected {type(error).__name__}: {first_line}\n"
            "  mend: this is a fault of neurosim; `neurosim --debug …` shows where, please report it")


def _say(message: str) -> None:
    print(f"neurosim: {message}", file=sys.stderr)


def _close_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain when it ends."""
    with suppress(OSError):             # no file behind it, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
